package helseid

import (
	"net/http/httptest"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/fuzztest"
)

// The fuzz targets change what a stranger sends, with everything else right. Whatever differs from the seed must be refused,
// and nothing may panic or reach the replay store.

// FuzzAccessToken sends any token with a proof that is right but for it.
func FuzzAccessToken(f *testing.F) {
	g := newRig(f)
	good := g.right().token.build()
	addPieces(f, good)
	for _, c := range append(tokenFormCases(), tokenClaimCases()...) {
		a := g.right()
		c.spoil(a)
		raw := a.token.build()
		if a.rawToken != nil {
			raw = a.rawToken(raw)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		defer fuzztest.InTime(t)()
		a := g.right()
		a.token.signature = func(string) string { return "" } // what is replaced anyway need not be signed
		a.rawToken = func(string) string { return raw }
		caller, err := g.verify(a.request())
		if strings.Trim(raw, " ") != good && (err == nil || caller.Kind != access.Nobody) {
			t.Errorf("accepted %q as %+v", raw, caller)
		}
	})
}

// FuzzProof sends any proof with a right token.
func FuzzProof(f *testing.F) {
	g := newRig(f)
	a := g.right()
	request := a.request()
	good := request.Header.Get("DPoP")
	addPieces(f, good)
	for _, c := range append(proofFormCases(), proofClaimCases()...) {
		if a := g.right(); c.name != "request of another method" { // whose proof is right
			c.spoil(a)
			f.Add(a.request().Header.Get("DPoP"))
		}
	}
	token := request.Header.Get("Authorization")
	f.Fuzz(func(t *testing.T, raw string) {
		defer fuzztest.InTime(t)()
		r := httptest.NewRequest("POST", testPath, nil)
		r.Header.Set("Authorization", token)
		r.Header.Set("DPoP", raw)
		caller, err := g.verify(r)
		if raw != good && (err == nil || caller.Kind != access.Nobody) {
			t.Errorf("accepted %q as %+v", raw, caller)
		}
	})
}

func addPieces(f *testing.F, good string) {
	for _, s := range []string{"", ".", "..", "e30.e30.", good, good[:len(good)/2], good + ".", strings.ToLower(good)} {
		f.Add(s)
	}
}

// FuzzObject reads any JSON as claims and as an attest.
func FuzzObject(f *testing.F) {
	for _, s := range []string{`{}`, `{"aud":["a"],"scope":"a b","exp":1e3,"cnf":{"jkt":"x"}}`, `{"nhn:tillitsrammeverk:parameters":{"practitioner":{}}}`, `[`, `{"exp":-0}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		defer fuzztest.InTime(t)()
		claims := readObject(T, "The access token", data)
		caller := readCaller(claims)
		if caller.Kind == access.Nobody || caller.Kind == access.Citizen {
			t.Errorf("kind %v", caller.Kind)
		}
		if claims.needDate("exp").Unix() > maxSeconds {
			t.Error("a date out of bounds")
		}
		oneAudience(claims)
		scopesOf(claims)
	})
}

// FuzzHTU compares any htu with itself and with a request for it.
func FuzzHTU(f *testing.F) {
	for _, s := range []string{testURL, "https://a.no/%2f%zz", "http://[::1]:80/", "https://a.no", "//x", "a:b", "https://æ.no/æ%2F?x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, htu string) {
		defer fuzztest.InTime(t)()
		a, ok := parseHTU(htu)
		if !ok {
			return
		}
		if again, ok := parseHTU(a.origin() + a.path); ok && again != a {
			t.Errorf("%q is not stable: %v, %v", htu, a, again)
		}
	})
}
