package helseid

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dokumentlager/internal/fault"
)

// with is a right request at the rig's time, by the named key under the kid.
func (g *rig) with(kid, key string) *http.Request {
	a := g.right()
	now := g.clock().Unix()
	a.token.header["kid"], a.token.by = kid, testKeys()[key]
	a.token.claims["iat"], a.token.claims["nbf"], a.token.claims["exp"] = now, now, now+60
	a.proof.claims["iat"] = now
	return a.request()
}

func (g *rig) expect(t *testing.T, r *http.Request, code fault.Code, fetches int64) {
	t.Helper()
	if _, err := g.verify(r); codeOf(err) != code {
		t.Errorf("want %q, got %v", code, err)
	}
	if got := g.fetches.Load(); got != fetches {
		t.Errorf("want %d fetches, got %d", fetches, got)
	}
}

func TestKeyRotation(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.expect(t, g.with("main", "issuer"), "", 1)
	g.publish(map[string]pair{"main": testKeys()["issuer"], "next": testKeys()["other"]})
	// Strangers' kids and a new key alike wait for the rate, and then one fetch serves.
	g.pass(9 * time.Second)
	for i := range 20 {
		g.expect(t, g.with(fmt.Sprint("junk", i), "other"), fault.TokenRefused, 1)
	}
	g.pass(time.Second)
	g.expect(t, g.with("next", "other"), "", 2)
	g.expect(t, g.with("junk", "other"), fault.TokenRefused, 2)
}

func TestKeysOutliveTheIssuer(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.expect(t, g.with("main", "issuer"), "", 1)
	g.broken.Store(true)
	g.pass(5 * time.Hour)
	g.expect(t, g.with("main", "issuer"), "", 1)
	g.pass(11 * time.Second)
	// Whether an unknown key is the issuer's cannot be known now: try again, rather than "your token is wrong".
	g.expect(t, g.with("next", "other"), fault.PartUnavailable, 1)
	g.expect(t, g.with("main", "issuer"), "", 1)
	g.broken.Store(false)
	g.publish(map[string]pair{"next": testKeys()["other"]})
	g.pass(11 * time.Second)
	g.expect(t, g.with("next", "other"), "", 2)
}

func TestKeysAreRenewedByAge(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.expect(t, g.with("main", "issuer"), "", 1)
	g.publish(map[string]pair{"main": testKeys()["other"]})
	g.pass(59 * time.Minute)
	g.expect(t, g.with("main", "issuer"), "", 1)
	g.pass(2 * time.Minute)
	// The request that finds the keys old is served with them while they are renewed behind it.
	if _, err := g.verify(g.with("main", "issuer")); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && !g.renewed(); {
		time.Sleep(5 * time.Millisecond)
	}
	g.expect(t, g.with("main", "other"), "", 2)
	g.expect(t, g.with("main", "issuer"), fault.TokenRefused, 2)
}

func (g *rig) renewed() bool {
	_, stale, _ := g.verifier.keys.state("main")
	return !stale
}

func TestIssuerAwayAtStart(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.broken.Store(true)
	if err := g.verifier.Ready(t.Context()); codeOf(err) != fault.PartUnavailable {
		t.Errorf("ready without keys: %v", err)
	}
	g.expect(t, g.with("main", "issuer"), fault.PartUnavailable, 0)
	g.broken.Store(false)
	g.expect(t, g.with("main", "issuer"), fault.PartUnavailable, 0) // within a second: not asked again
	g.pass(time.Second)
	if err := g.verifier.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	g.expect(t, g.with("main", "issuer"), "", 1)
}

func TestImpatientCallerDoesNotFailOthers(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	hold, asked := make(chan struct{}), make(chan struct{}, 8)
	inner := g.issuer.Config.Handler
	g.issuer.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-hold
		inner.ServeHTTP(w, r)
	})
	gone, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	r := g.with("main", "issuer")
	go func() { _, err := g.verifier.Verify(gone, r); left <- err }()
	<-asked // the fetch is the impatient one's
	var wait sync.WaitGroup
	for range 5 {
		r := g.with("main", "issuer")
		wait.Go(func() {
			if _, err := g.verify(r); err != nil {
				t.Error(err)
			}
		})
	}
	time.Sleep(50 * time.Millisecond)
	cancel()
	if err := <-left; codeOf(err) != fault.PartUnavailable {
		t.Errorf("the one who left: %v", err)
	}
	close(hold)
	wait.Wait()
	if g.fetches.Load() != 1 {
		t.Errorf("%d fetches for all", g.fetches.Load())
	}
}

func TestUnusableKeysAreLeftOut(t *testing.T) {
	t.Parallel()
	keys := testKeys()
	as := func(name, kid string, more claimSet) claimSet {
		k := keys[name].jwk()
		k["kid"] = kid
		for n, v := range more {
			k[n] = v
		}
		return k
	}
	g := newRig(t)
	g.publish(map[string]pair{"main": keys["issuer"]},
		claimSet{"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
		as("ES384", "private", claimSet{"d": b64(make([]byte, 48))}),
		as("ES384", "enc", claimSet{"use": "enc"}), as("weak", "weak", nil), as("P224", "p224", nil),
		as("other", "", nil), as("other", "ps only", claimSet{"alg": "PS256"}),
		as("other", "twins", nil), as("ES256", "twins", nil), as("stranger", "twins", nil),
		claimSet{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": b64(make([]byte, 32))}, claimSet{"kid": 1})
	for kid, key := range map[string]string{"private": "ES384", "enc": "ES384", "p224": "P224", "weak": "weak", "": "other", "ps only": "other"} {
		r := g.right()
		r.token.header["kid"], r.token.by = kid, keys[key]
		if alg := keys[key].alg; alg != "P224" {
			r.token.header["alg"] = alg
		}
		if key == "P224" {
			r.token.header["alg"] = "ES256"
		}
		if _, err := g.verify(r.request()); codeOf(err) != fault.TokenRefused {
			t.Errorf("%s: %v", kid, err)
		}
	}
	hs := g.right()
	hs.token.header["kid"], hs.token.header["alg"] = "secret", "HS256"
	hs.token.signature = func(in string) string { return hmacSign([]byte("secret"), in) }
	if _, err := g.verify(hs.request()); codeOf(err) != fault.TokenRefused {
		t.Errorf("secret: %v", err)
	}
	for _, key := range []string{"stranger", "ES256", "other"} {
		r := g.right()
		r.token.header["kid"], r.token.header["alg"], r.token.by = "twins", keys[key].alg, keys[key]
		if _, err := g.verify(r.request()); err != nil {
			t.Errorf("twin %s: %v", key, err)
		}
	}
	if len(g.verifier.keys.keys) != 3 {
		t.Errorf("kept %d kids", len(g.verifier.keys.keys))
	}
}

// TestFetchedDocuments are answers that must not become keys.
func TestFetchedDocuments(t *testing.T) {
	t.Parallel()
	good := newRig(t).jwks.Load().([]byte)
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		ok    bool
	}{
		"good": {func(w http.ResponseWriter, _ *http.Request) { w.Write(good) }, true},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/there" {
				w.Write(good)
				return
			}
			http.Redirect(w, r, "/there", http.StatusFound)
		}, false},
		"oversize": {func(w http.ResponseWriter, _ *http.Request) {
			w.Write(append(good, strings.Repeat(" ", maxDocument)...))
		}, false},
		"not found": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.Write(good) }, false},
		"no keys":   {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`{"keys":[]}`)) }, false},
		"HTML":      {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`<html>`)) }, false},
		"null":      {func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(`null`)) }, false},
		"cut off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(good)))
			w.Write(good[:20])
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.serve)
			defer server.Close()
			g := newRig(t, func(cfg *Config) { cfg.JWKSURL = server.URL + "/keys" })
			if err := g.verifier.Ready(t.Context()); (err == nil) != c.ok {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.discoverySays.Store("https://helseid-sts.nhn.no")
	if err := g.verifier.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "another issuer") {
		t.Errorf("a document of another issuer: %v", err)
	}
	plain := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":"https://%s","jwks_uri":"http://%s/keys"}`, r.Host, r.Host)
	}))
	defer plain.Close()
	if _, err := discover(t.Context(), plain.Client(), plain.URL); err == nil || !strings.Contains(err.Error(), "away from https") {
		t.Errorf("a document that leads to http: %v", err)
	}
}

// silence is a HelseID that takes connections and never answers.
type silence struct{}

func (silence) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestFetchHasADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		cfg := Defaults()
		cfg.Issuer, cfg.HTTPClient = "https://helseid.example.no", &http.Client{Transport: silence{}}
		start := time.Now()
		if err := newKeySet(cfg).ready(context.Background()); codeOf(err) != fault.PartUnavailable || time.Since(start) != fetchTimeout {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}
