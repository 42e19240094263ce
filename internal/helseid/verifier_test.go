package helseid

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dokumentlager/internal/fault"
)

func codeOf(err error) fault.Code {
	if lead := fault.Of(err).Leading(); lead != nil {
		return lead.Code
	}
	return ""
}

func TestReplay(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	a := g.right()
	a.proof.claims["jti"] = "first"
	first := a.request()
	if _, err := g.verify(first); err != nil {
		t.Fatal(err)
	}
	_, err := g.verify(first)
	if codeOf(err) != fault.ProofRefused || !strings.Contains(err.Error(), "used before") || !strings.Contains(Challenge(err), "invalid_dpop_proof") {
		t.Errorf("the same proof again: %v", err)
	}
	// Another proof with the same jti is the same proof; another jti is not.
	again := g.right()
	again.proof.claims["jti"], again.proof.claims["iat"] = "first", seconds(1)
	if _, err := g.verify(again.request()); codeOf(err) != fault.ProofRefused {
		t.Errorf("the same jti again: %v", err)
	}
	// jti is a matter of each key: a stranger cannot burn somebody else's.
	other := g.right()
	heldBy("ES384", "ES384")(other)
	other.proof.claims["jti"] = "first"
	if _, err := g.verify(other.request()); err != nil {
		t.Errorf("the same jti by another key: %v", err)
	}
}

func TestReplayKey(t *testing.T) {
	t.Parallel()
	if replayKey("ab", "c") == replayKey("a", "bc") {
		t.Error("jkt and jti run together")
	}
	// SHA-256("jkt" 00 "jti"), cut to 16 bytes: the store's rows must mean the same in every version.
	want := [16]byte{0xd9, 0xb8, 0x26, 0x70, 0xe2, 0xc3, 0xa2, 0x90, 0x4a, 0x0e, 0x2d, 0xc5, 0xe3, 0xd0, 0x5f, 0xba}
	if got := replayKey("jkt", "jti"); got != want {
		t.Errorf("key %x", got)
	}
}

func TestRaceForOneProof(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	r := g.right().request()
	var accepted, refused atomic.Int64
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			switch _, err := g.verify(r.Clone(t.Context())); codeOf(err) {
			case "":
				accepted.Add(1)
			case fault.ProofRefused:
				refused.Add(1)
			}
		})
	}
	wait.Wait()
	if accepted.Load() != 1 || refused.Load() != 49 || g.fetches.Load() != 1 {
		t.Errorf("%d accepted, %d refused, %d fetches of keys", accepted.Load(), refused.Load(), g.fetches.Load())
	}
}

func TestStoreFailureIsNoPass(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	g.store.fail = errors.New("relation control.dpop_proof is on fire")
	_, err := g.verify(g.right().request())
	lead := fault.Of(err).Leading()
	if codeOf(err) != fault.PartUnavailable || lead.RetryAfter == 0 || strings.Contains(lead.Safe, "control.") || Challenge(err) != "" {
		t.Errorf("%v", err)
	}
}

func TestRememberedTokens(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	fixed := g.right().token.build() // RS256 is deterministic: the same token each time
	send := func() error {
		a := g.right()
		a.rawToken = func(string) string { return fixed }
		a.proof.claims["iat"] = g.clock().Unix()
		caller, err := g.verify(a.request())
		if err == nil {
			caller.Scopes[0] = "spoilt by a careless door"
		}
		return err
	}
	for range 2 {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	if token := g.verifier.seen.young; len(token) != 1 {
		t.Fatalf("%d tokens remembered", len(token))
	}
	for _, token := range g.verifier.seen.young {
		if token.caller.Scopes[0] == "spoilt by a careless door" {
			t.Error("callers share the scopes of a remembered token")
		}
	}
	g.pass(69 * time.Second)
	if err := send(); err != nil {
		t.Errorf("within leeway: %v", err)
	}
	g.pass(time.Second)
	if err := send(); codeOf(err) != fault.TokenRefused || !strings.Contains(err.Error(), "expired") {
		t.Errorf("a remembered token outlives its exp: %v", err)
	}
}

func TestRememberedTokenNeedsItsKey(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	long := func() *attempt {
		a := g.right()
		a.token.claims["exp"] = seconds(3 * 3600)
		a.proof.claims["iat"] = g.clock().Unix()
		return a
	}
	if _, err := g.verify(long().request()); err != nil {
		t.Fatal(err)
	}
	g.publish(map[string]pair{"new": testKeys()["other"]})
	g.pass(30 * time.Second)
	probe := long()
	probe.token.header["kid"], probe.token.by = "new", testKeys()["other"]
	if _, err := g.verify(probe.request()); err != nil {
		t.Fatalf("the new key: %v", err)
	}
	if _, err := g.verify(long().request()); codeOf(err) != fault.TokenRefused {
		t.Errorf("a token whose key was withdrawn: %v", err)
	}
}

func TestSeenTokensAreBounded(t *testing.T) {
	t.Parallel()
	s := newSeenTokens(8)
	for i := range 100 {
		s.put([32]byte{byte(i)}, verifiedToken{kid: "k"})
		if n := len(s.young) + len(s.old); n > 8 {
			t.Fatalf("%d tokens are kept", n)
		}
	}
	if _, ok := s.get([32]byte{99}); !ok {
		t.Error("the newest is forgotten")
	}
	if _, ok := s.get([32]byte{95}); !ok {
		t.Error("the generation before is forgotten")
	}
	if _, ok := s.get([32]byte{1}); ok {
		t.Error("the oldest is kept")
	}
	off := newSeenTokens(0)
	off.put([32]byte{1}, verifiedToken{})
	if _, ok := off.get([32]byte{1}); ok {
		t.Error("0 does not turn it off")
	}
}

func TestChallengeOfOtherErrors(t *testing.T) {
	t.Parallel()
	for _, err := range []error{nil, errors.New("x"), fault.New(fault.AccessDenied, "no"), fault.New(fault.PartUnavailable, "later")} {
		if got := Challenge(err); got != "" {
			t.Errorf("%v: %s", err, got)
		}
	}
	got := Challenge(fault.New(fault.TokenRefused, "a \"b\" \\ c\r\nX: d æ"))
	want := `DPoP error="invalid_token", error_description="a 'b' ' c??X: d ?", algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512"`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := func() Config {
		c := Defaults()
		c.Issuer, c.PublicBaseURL, c.Replay = "https://helseid-sts.test.nhn.no", "https://api.example.no", &memory{}
		return c
	}
	if _, err := New(good()); err != nil {
		t.Fatal(err)
	}
	if good().ReplayWindow() != 15*time.Second {
		t.Error("the replay store would forget too early")
	}
	for name, spoil := range map[string]func(*Config){
		"no issuer":           func(c *Config) { c.Issuer = "" },
		"issuer no URL":       func(c *Config) { c.Issuer = "helseid" },
		"no base":             func(c *Config) { c.PublicBaseURL = "" },
		"base with query":     func(c *Config) { c.PublicBaseURL += "?a=b" },
		"base with user":      func(c *Config) { c.PublicBaseURL = "https://a:b@api.example.no" },
		"base ftp":            func(c *Config) { c.PublicBaseURL = "ftp://api.example.no" },
		"no replay":           func(c *Config) { c.Replay = nil },
		"no clock":            func(c *Config) { c.Now = nil },
		"no life":             func(c *Config) { c.ProofLife = 0 },
		"negative skew":       func(c *Config) { c.ProofSkew = -1 },
		"negative leeway":     func(c *Config) { c.Leeway = -1 },
		"no audiences":        func(c *Config) { c.Audiences = nil },
		"alias to nowhere":    func(c *Config) { c.ScopeAliases = map[string]string{"a": "b/c"} },
		"alias to an alias's": func(c *Config) { c.ScopeAliases = map[string]string{"a": "nhn:phr-repo/mhd/create"} },
	} {
		c := good()
		spoil(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestSound(t *testing.T) {
	t.Parallel()
	odd := func(bits uint) *big.Int {
		n := new(big.Int).Lsh(big.NewInt(1), bits-1)
		return n.Add(n, big.NewInt(1))
	}
	p256 := testKeys()["ES256"].private.Public().(*ecdsa.PublicKey)
	for name, c := range map[string]struct {
		key any
		ok  bool
	}{
		"2048": {&rsa.PublicKey{N: odd(2048), E: 65537}, true}, "2047": {&rsa.PublicKey{N: odd(2047), E: 65537}, false},
		"8192": {&rsa.PublicKey{N: odd(8192), E: 3}, true}, "8193": {&rsa.PublicKey{N: odd(8193), E: 3}, false},
		"e 1": {&rsa.PublicKey{N: odd(2048), E: 1}, false}, "e even": {&rsa.PublicKey{N: odd(2048), E: 65536}, false},
		"n even": {&rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 3}, false},
		"P-256":  {p256, true}, "P-224": {testKeys()["P224"].private.Public(), false},
		"private": {testKeys()["ES256"].private, false}, "bytes": {[]byte("secret"), false}, "nil": {nil, false},
	} {
		if err := sound(c.key); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ base, path, want string }{
		{"https://a.no", "/x", "https://a.no/x"},
		{"https://a.no/", "/x", "https://a.no/x"},
		{"https://A.no:443/p/", "/x/", "https://a.no/p/x/"},
		{"http://a.no:80", "/", "http://a.no/"},
		{"http://a.no:443", "/", "http://a.no:443/"},
		{"http://127.0.0.1:8080", "/a%2fb%7e", "http://127.0.0.1:8080/a%2Fb~"},
		{"https://[::1]:443/p", "/x", "https://[::1]/p/x"},
		{"https://a.no", "", "https://a.no/"},
	} {
		base, err := absolute("PublicBaseURL", c.base)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(c.path)
		got := addressOf(base).at(&http.Request{URL: u})
		if s := got.origin() + got.path; s != c.want {
			t.Errorf("%s + %s is %s", c.base, c.path, s)
		}
		if again, ok := parseHTU(c.want); !ok || again != got {
			t.Errorf("%s does not come back: %v", c.want, again)
		}
	}
}

func TestTokensOfManyAtOnce(t *testing.T) {
	t.Parallel()
	g := newRig(t, func(c *Config) { c.CachedTokens = 4 })
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			for range 10 {
				a := g.right()
				a.token.claims["jti"] = rand.Text()
				want := rand.Text()
				a.token.claims["client_id"] = want
				if c, err := g.verify(a.request()); err != nil || c.ClientID != want {
					t.Errorf("%v: %s", err, c.ClientID)
				}
			}
		})
	}
	wait.Wait()
}
