package helseid

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
)

// The tests sign with the standard library alone, so that nothing of the code under test vouches for itself.

const (
	testBase = "https://api.example.no/dl"
	testPath = "/R4/fhir/Bundle"
	testURL  = testBase + testPath
	// canary stands in every token as the person's id and must never come out in a text.
	canary = "05898597468"
)

var testNow = time.Date(2026, 4, 24, 12, 0, 0, 0, time.UTC)

// pair is a key with the ways to show it.
type pair struct {
	private crypto.Signer
	alg     string
}

var testKeys = sync.OnceValue(func() map[string]pair {
	keys := map[string]pair{}
	for _, k := range []struct {
		name string
		bits int
	}{{"issuer", 2048}, {"other", 2048}, {"weak", 1024}} {
		key, err := rsa.GenerateKey(rand.Reader, k.bits)
		if err != nil {
			panic(err)
		}
		keys[k.name] = pair{key, "RS256"}
	}
	for alg, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521(), "P224": elliptic.P224()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			panic(err)
		}
		keys[alg] = pair{key, alg}
	}
	stranger, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	keys["stranger"] = pair{stranger, "ES256"}
	return keys
})

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// jwk is the public JWK of the pair.
func (p pair) jwk() map[string]any {
	switch pub := p.private.Public().(type) {
	case *rsa.PublicKey:
		return map[string]any{"kty": "RSA", "n": b64(pub.N.Bytes()), "e": b64(big.NewInt(int64(pub.E)).Bytes())}
	case *ecdsa.PublicKey:
		size := (pub.Curve.Params().BitSize + 7) / 8
		point, _ := pub.Bytes()
		return map[string]any{"kty": "EC", "crv": pub.Curve.Params().Name, "x": b64(point[1 : 1+size]), "y": b64(point[1+size:])}
	}
	panic("no such key")
}

// thumbprint is RFC 7638 by hand: required members only, in the order of their names.
func (p pair) thumbprint() string {
	k, text := p.jwk(), ""
	if k["kty"] == "RSA" {
		text = fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`, k["e"], k["n"])
	} else {
		text = fmt.Sprintf(`{"crv":"%s","kty":"EC","x":"%s","y":"%s"}`, k["crv"], k["x"], k["y"])
	}
	sum := sha256.Sum256([]byte(text))
	return b64(sum[:])
}

// sign signs as alg says, whatever the key was made for.
func (p pair) sign(alg, input string) string {
	if alg == "none" || alg == "" {
		return ""
	}
	hash := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512}[strings.TrimSuffix(alg, "K")[2:]]
	h := hash.New()
	h.Write([]byte(input))
	digest := h.Sum(nil)
	switch key := p.private.(type) {
	case *rsa.PrivateKey:
		var signature []byte
		if alg[:2] == "PS" {
			signature, _ = rsa.SignPSS(rand.Reader, key, hash, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		} else {
			signature, _ = rsa.SignPKCS1v15(rand.Reader, key, hash, digest)
		}
		return b64(signature)
	case *ecdsa.PrivateKey:
		r, s, _ := ecdsa.Sign(rand.Reader, key, digest)
		size := (key.Curve.Params().BitSize + 7) / 8
		return b64(append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...))
	}
	panic("no such key")
}

func hmacSign(secret []byte, input string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return b64(mac.Sum(nil))
}

// claimSet is a JSON object to be.
type claimSet = map[string]any

// message is a JWS to be.
type message struct {
	header, claims claimSet
	by             pair
	// head and body replace the JSON of header and claims; signature replaces the signature of an input.
	head, body *string
	signature  func(input string) string
	// omit is a claim to leave out at the very last.
	omit string
}

func (m message) build() string {
	delete(m.claims, m.omit)
	head, _ := json.Marshal(m.header)
	body, _ := json.Marshal(m.claims)
	if m.head != nil {
		head = []byte(*m.head)
	}
	if m.body != nil {
		body = []byte(*m.body)
	}
	input := b64(head) + "." + b64(body)
	if m.signature != nil {
		return input + "." + m.signature(input)
	}
	alg, _ := m.header["alg"].(string)
	return input + "." + m.by.sign(alg, input)
}

// attempt is one request in the making: right as it comes, and each case spoils one thing.
type attempt struct {
	rig          *rig
	method, url  string
	token, proof message
	rawToken     func(string) string
	rawProof     func(string) string
	after        func(r *http.Request)
}

func (a *attempt) request() *http.Request {
	raw := a.token.build()
	if a.rawToken != nil {
		raw = a.rawToken(raw)
	}
	if _, set := a.proof.claims["ath"]; !set {
		sum := sha256.Sum256([]byte(raw))
		a.proof.claims["ath"] = b64(sum[:])
	}
	proof := a.proof.build()
	if a.rawProof != nil {
		proof = a.rawProof(proof)
	}
	// The proxy in front of us takes its prefix off.
	r := httptest.NewRequest(a.method, strings.TrimPrefix(a.url, testBase), nil)
	r.Header.Set("Authorization", "DPoP "+raw)
	r.Header.Set("DPoP", proof)
	if a.after != nil {
		a.after(r)
	}
	return r
}

// memory is an atomic ReplayStore.
type memory struct {
	mu   sync.Mutex
	used map[[16]byte]time.Time
	fail error
}

func (m *memory) Use(_ context.Context, key [16]byte, iat time.Time) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return true, m.fail
	}
	if _, found := m.used[key]; found {
		return false, nil
	}
	m.used[key] = iat
	return true, nil
}

func (m *memory) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.used)
}

// rig is a small HelseID, a verifier that trusts it, and a server that nobody may ever ask for keys.
type rig struct {
	t                testing.TB
	issuer, trap     *httptest.Server
	jwks             atomic.Value
	fetches, trapped atomic.Int64
	broken           atomic.Bool
	discoverySays    atomic.Value
	mu               sync.Mutex
	now              time.Time
	store            *memory
	verifier         *Verifier
}

func newRig(t testing.TB, change ...func(*Config)) *rig {
	t.Helper()
	g := &rig{t: t, now: testNow, store: &memory{used: map[[16]byte]time.Time{}}}
	g.publish(map[string]pair{"main": testKeys()["issuer"]})
	g.issuer = httptest.NewServer(http.HandlerFunc(g.serve))
	g.discoverySays.Store(g.issuer.URL)
	g.trap = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { g.trapped.Add(1) }))
	t.Cleanup(g.issuer.Close)
	t.Cleanup(g.trap.Close)
	cfg := Defaults()
	cfg.Issuer, cfg.PublicBaseURL, cfg.Replay, cfg.Now = g.issuer.URL, testBase, g.store, g.clock
	for _, c := range change {
		c(&cfg)
	}
	var err error
	if g.verifier, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g *rig) clock() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.now
}

func (g *rig) pass(d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now = g.now.Add(d)
}

// publish sets the JWKS; keys carry no alg, as some issuers do, unless extra says so.
func (g *rig) publish(keys map[string]pair, extra ...map[string]any) {
	var all []any
	for kid, key := range keys {
		k := key.jwk()
		k["kid"], k["use"] = kid, "sig"
		all = append(all, k)
	}
	for _, k := range extra {
		all = append(all, k)
	}
	raw, _ := json.Marshal(map[string]any{"keys": all})
	g.jwks.Store(raw)
}

func (g *rig) serve(w http.ResponseWriter, r *http.Request) {
	if g.broken.Load() {
		http.Error(w, "down", http.StatusBadGateway)
		return
	}
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, g.discoverySays.Load(), g.issuer.URL+"/jwks")
	case "/jwks":
		g.fetches.Add(1)
		w.Write(g.jwks.Load().([]byte))
	default:
		http.NotFound(w, r)
	}
}

// right is a request that passes: a person's token for writing, with attest, and its proof.
func (g *rig) right() *attempt {
	keys := testKeys()
	return &attempt{
		rig: g, method: http.MethodPost, url: testURL,
		token: message{
			header: claimSet{"alg": "RS256", "kid": "main", "typ": "at+jwt", "x5t": "eGZ_kNwRvwS9lGfR-RIMSkNAtM8"},
			claims: g.claims(personShape()), by: keys["issuer"],
		},
		proof: message{
			header: claimSet{"alg": "ES256", "typ": "dpop+jwt", "jwk": keys["ES256"].jwk()},
			claims: claimSet{"htm": http.MethodPost, "htu": testURL, "iat": testNow.Unix(), "jti": rand.Text()},
			by:     keys["ES256"],
		},
	}
}

// claims adds to a shape what depends on the rig.
func (g *rig) claims(shape claimSet) claimSet {
	c := maps.Clone(shape)
	c["iss"], c["cnf"] = g.issuer.URL, claimSet{"jkt": testKeys()["ES256"].thumbprint()}
	c["nbf"], c["iat"], c["exp"] = testNow.Unix(), testNow.Unix(), testNow.Unix()+60
	return c
}

func (g *rig) verify(r *http.Request) (access.Caller, error) {
	return g.verifier.Verify(context.Background(), r)
}

func bigOf(b []byte) *big.Int { return new(big.Int).SetBytes(b) }
