package helseid

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/fault"
)

func proofFormCases() []refusal {
	keys := testKeys()
	private := func(name string) func(*attempt) { return jwkWith(name, b64(make([]byte, 32))) }
	cases := []refusal{
		{"proof alg none", P, "alg is not one of", proofHeaderIs("alg", "none")},
		{"proof alg HS256", P, "alg is not one of", func(a *attempt) {
			a.proof.header["alg"], a.proof.signature = "HS256", func(in string) string { return hmacSign([]byte("secret"), in) }
		}},
		{"proof with a secret as key", P, "private or symmetric", func(a *attempt) { a.proof.header["jwk"] = claimSet{"kty": "oct", "k": "c2VjcmV0"} }},
		{"proof kty oct", P, "must be RSA or EC", jwkWith("kty", "oct")},
		{"proof kty OKP", P, "must be RSA or EC", func(a *attempt) {
			a.proof.header["jwk"] = claimSet{"kty": "OKP", "crv": "Ed25519", "x": b64(make([]byte, 32))}
		}},
		{"proof kty a number", P, `"kty" that is not a string`, jwkWith("kty", 1)},
		{"proof alg missing", P, `has no "alg"`, func(a *attempt) { delete(a.proof.header, "alg") }},
		{"proof typ JWT", P, "typ must be dpop+jwt", proofHeaderIs("typ", "JWT")},
		{"proof typ in capitals", P, "typ must be dpop+jwt", proofHeaderIs("typ", "DPOP+JWT")},
		{"proof typ missing", P, `has no "typ"`, func(a *attempt) { delete(a.proof.header, "typ") }},
		{"proof jwk missing", P, "no jwk", func(a *attempt) { delete(a.proof.header, "jwk") }},
		{"proof jku for jwk", P, "no jwk", func(a *attempt) {
			delete(a.proof.header, "jwk")
			a.proof.header["jku"], a.proof.header["x5u"], a.proof.header["kid"] = a.rig.trap.URL, a.rig.trap.URL, "1"
		}},
		{"proof x5c for jwk", P, "no jwk", func(a *attempt) { delete(a.proof.header, "jwk"); a.proof.header["x5c"] = []any{"AAAA"} }},
		{"proof jwk with nothing but x5u", P, "must be a complete", func(a *attempt) { a.proof.header["jwk"] = claimSet{"kty": "EC", "x5u": a.rig.trap.URL} }},
		{"proof jwk a string", P, `"jwk" that is not an object`, proofHeaderIs("jwk", "x")},
		{"proof jwk null", P, `"jwk" that is not an object`, proofHeaderIs("jwk", nil)},
		{"proof jwk an array", P, `"jwk" that is not an object`, proofHeaderIs("jwk", []any{keys["ES256"].jwk()})},
		{"proof jwk empty", P, "must be RSA or EC", proofHeaderIs("jwk", claimSet{})},
		{"proof jwk a set", P, "must be RSA or EC", proofHeaderIs("jwk", claimSet{"keys": []any{keys["ES256"].jwk()}})},
		{"proof jwk not on the curve", P, "must be a complete", jwkWith("y", b64(big.NewInt(1).FillBytes(make([]byte, 32))))},
		{"proof jwk of zeros", P, "jwk is refused", func(a *attempt) {
			zero := b64(make([]byte, 32))
			a.proof.header["jwk"] = claimSet{"kty": "EC", "crv": "P-256", "x": zero, "y": zero}
		}},
		{"proof jwk without y", P, "must be a complete", func(a *attempt) { k := keys["ES256"].jwk(); delete(k, "y"); a.proof.header["jwk"] = k }},
		{"proof jwk on P-224", P, "must be a complete", func(a *attempt) { a.proof.header["jwk"] = keys["P224"].jwk() }},
		{"proof jwk on secp256k1", P, "jwk is refused", jwkWith("crv", "secp256k1")},
		{"proof jwk RSA 1024", P, "must be a complete", heldBy("weak", "RS256")},
		{"proof jwk RSA of 16384 bits", P, "must be a complete", func(a *attempt) {
			n := make([]byte, 2048)
			n[0], n[2047] = 0xff, 1
			a.proof.header["jwk"] = claimSet{"kty": "RSA", "e": "AQAB", "n": b64(n)}
		}},
		{"proof jwk RSA with e of 1", P, "jwk is refused", func(a *attempt) {
			k := keys["other"].jwk()
			k["e"] = "AQ"
			a.proof.header["jwk"] = k
		}},
		{"proof jwk RSA with even n", P, "jwk is refused", func(a *attempt) {
			n := make([]byte, 256)
			n[0] = 0xff
			a.proof.header["jwk"] = claimSet{"kty": "RSA", "e": "AQAB", "n": b64(n)}
		}},
		{"proof ES256 by a P-384 key", P, "does not fit", heldBy("ES384", "ES256")},
		{"proof ES512 by a P-256 key", P, "does not fit", heldBy("ES256", "ES512")},
		{"proof ES256 by an RSA key", P, "does not fit", heldBy("other", "ES256")},
		{"proof RS256 by an EC key", P, "does not fit", heldBy("ES256", "RS256")},
		{"proof PS256 signed as RS256", P, "signature is not right", func(a *attempt) {
			heldBy("other", "PS256")(a)
			a.proof.signature = func(in string) string { return keys["other"].sign("RS256", in) }
		}},
		{"proof signed by another key", P, "signature is not right", func(a *attempt) { a.proof.by = keys["stranger"] }},
		{"proof of another key", P, "not the one the access token is bound to", func(a *attempt) {
			a.proof.by, a.proof.header["jwk"] = keys["stranger"], keys["stranger"].jwk()
		}},
		{"jkt of another key", P, "not the one the access token is bound to", func(a *attempt) {
			a.token.claims["cnf"] = claimSet{"jkt": keys["stranger"].thumbprint()}
		}},
		{"jkt padded", P, "not the one the access token is bound to", func(a *attempt) {
			a.token.claims["cnf"] = claimSet{"jkt": keys["ES256"].thumbprint() + "="}
		}},
		{"jkt in hex", P, "not the one the access token is bound to", tokenClaim("cnf", claimSet{"jkt": strings.Repeat("ab", 32)})},
		{"proof signature empty", P, "signature is not right", func(a *attempt) { a.proof.signature = func(string) string { return "" } }},
		{"proof signature of zeros", P, "signature is not right", func(a *attempt) { a.proof.signature = func(string) string { return b64(make([]byte, 64)) } }},
		{"proof signature too long", P, "signature is not right", func(a *attempt) {
			a.proof.signature = func(in string) string { return keys["ES256"].sign("ES256", in) + "AAAA" }
		}},
		{"proof crit", P, "extensions", proofHeaderIs("crit", []any{"x"})},
		{"proof b64 false", P, "extensions", proofHeaderIs("b64", false)},
		{"proof not base64url", P, "not base64url", func(a *attempt) { a.rawProof = func(s string) string { return s + "=" } }},
		{"proof of two parts", P, "not a signed JWT", func(a *attempt) { a.rawProof = func(s string) string { return s[:strings.LastIndex(s, ".")] } }},
		{"proof header an array", P, "not a JSON object", func(a *attempt) { a.proof.head = text("[]") }},
		{"proof with jwk twice", P, "unique names", func(a *attempt) {
			head, _ := json.Marshal(a.proof.header)
			other, _ := json.Marshal(keys["stranger"].jwk())
			a.proof.head = text(`{"jwk":` + string(other) + "," + string(head[1:]))
		}},
		{"proof with x twice", P, "unique names", func(a *attempt) {
			head, _ := json.Marshal(a.proof.header)
			a.proof.head = text(strings.Replace(string(head), `"jwk":{`, `"jwk":{"x":"AAAA",`, 1))
		}},
		{"proof payload a string", P, "not a JSON object", func(a *attempt) { a.proof.body = text(`"x"`) }},
		{"proof claim twice", P, "unique names", func(a *attempt) {
			body, _ := json.Marshal(a.proof.claims)
			a.proof.body = text(strings.Replace(string(body), "{", `{"htm":"GET",`, 1))
		}},
	}
	for _, name := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		cases = append(cases, refusal{"proof jwk with private " + name, P, "private or symmetric", private(name)})
	}
	return cases
}

func proofClaimCases() []refusal {
	htu := func(s string) func(*attempt) { return proofClaim("htu", s) }
	cases := []refusal{
		{"htm GET", P, "htm is not the method", proofClaim("htm", "GET")},
		{"htm in small letters", P, "htm is not the method", proofClaim("htm", "post")},
		{"request of another method", P, "htm is not the method", func(a *attempt) { a.method = http.MethodDelete }},
		{"htu another path", P, "another path", htu(testBase + "/R4/fhir/Other")},
		{"htu path in other case", P, "another path", htu(testBase + "/r4/fhir/bundle")},
		{"htu with a slash more", P, "another path", htu(testURL + "/")},
		{"htu with dot segments", P, "another path", htu(testBase + "/R4/x/../fhir/Bundle")},
		{"htu without the prefix", P, "another path", htu("https://api.example.no" + testPath)},
		{"htu with a slash escaped", P, "another path", htu(testBase + "/R4%2Ffhir/Bundle")},
		{"htu path in the query", P, "another path", htu(testBase + "?" + testPath)},
		{"htu another host", P, "another scheme or host", htu("https://evil.example.no/dl" + testPath)},
		{"htu host as user", P, "not an absolute URL", htu("https://api.example.no@evil.example.no/dl" + testPath)},
		{"htu a longer host", P, "another scheme or host", htu("https://api.example.no.evil.no/dl" + testPath)},
		{"htu http", P, "another scheme or host", htu("http://api.example.no/dl" + testPath)},
		{"htu http on 443", P, "another scheme or host", htu("http://api.example.no:443/dl" + testPath)},
		{"htu another port", P, "another scheme or host", htu("https://api.example.no:8443/dl" + testPath)},
		{"htu relative", P, "not an absolute URL", htu("/dl" + testPath)},
		{"htu without scheme", P, "another scheme or host", htu("//api.example.no/dl" + testPath)},
		{"htu no URL", P, "not an absolute URL", htu("https://api.example.no:x/%zz")},
		{"htu an opaque URL", P, "not an absolute URL", htu("urn:oid:1.2.3")},
		{"host header is not believed", P, "another scheme or host", func(a *attempt) {
			a.proof.claims["htu"] = "https://evil.example.no/dl" + testPath
			a.after = func(r *http.Request) {
				r.Host = "evil.example.no"
				r.Header.Set("X-Forwarded-Host", "evil.example.no")
				r.Header.Set("Forwarded", "host=evil.example.no")
			}
		}},
		{"ath of another token", P, "ath is not", proofClaim("ath", b64(make([]byte, 32)))},
		{"ath in hex", P, "ath is not", proofClaim("ath", strings.Repeat("ab", 32))},
		{"ath cut", P, "ath is not", proofClaim("ath", "A")},
		{"iat 1 s too old", P, "iat is too old", proofClaim("iat", seconds(-16))},
		{"iat an hour old", P, "iat is too old", proofClaim("iat", seconds(-3600))},
		{"iat 1 s too new", P, "iat lies in the future", proofClaim("iat", seconds(6))},
		{"iat 61 s ahead in the proof", P, "iat lies in the future", proofClaim("iat", seconds(61))},
		{"iat in milliseconds", P, "that is not a number", proofClaim("iat", seconds(0)*1000)},
		{"iat zero", P, "iat is too old", proofClaim("iat", 0)},
		{"iat a date", P, "that is not a number", proofClaim("iat", "2026-04-24T12:00:00Z")},
		{"jti one byte too long", P, "longer than 128", proofClaim("jti", strings.Repeat("a", 129))},
		{"jti in bytes, not letters", P, "longer than 128", proofClaim("jti", strings.Repeat("æ", 65))},
	}
	for _, name := range []string{"htm", "htu", "jti", "ath", "iat"} {
		cases = append(cases,
			refusal{"proof " + name + " missing", P, `has no "` + name + `"`, func(a *attempt) { a.proof.omit = name }},
			refusal{"proof " + name + " null", P, `"` + name + `" that is not`, proofClaim(name, nil)},
			refusal{"proof " + name + " an object", P, `"` + name + `" that is not`, proofClaim(name, claimSet{})})
		if name != "iat" {
			cases = append(cases,
				refusal{"proof " + name + " empty", P, `has no "` + name + `"`, proofClaim(name, "")},
				refusal{"proof " + name + " a number", P, `"` + name + `" that is not`, proofClaim(name, 1)})
		}
	}
	return cases
}

// TestRefused is the forgery table (trust.md 17): each case is refused for its own reason, with the right code and challenge,
// without repeating what the token says, without fetching anything a header names, and without a row in the replay store.
func TestRefused(t *testing.T) {
	t.Parallel()
	g := newRig(t)
	if _, err := g.verify(g.right().request()); err != nil {
		t.Fatalf("the request that every case spoils must itself pass: %v", err)
	}
	var cases []refusal
	for _, some := range [][]refusal{headerCases(), tokenFormCases(), tokenClaimCases(), proofFormCases(), proofClaimCases()} {
		cases = append(cases, some...)
	}
	t.Logf("%d cases", len(cases))
	if len(cases) < 120 {
		t.Errorf("the table has shrunk to %d cases", len(cases))
	}
	seen := map[string]bool{}
	for _, c := range cases {
		if seen[c.name] {
			t.Errorf("two cases are called %q", c.name)
		}
		seen[c.name] = true
		t.Run(c.name, func(t *testing.T) {
			a := g.right()
			c.spoil(a)
			caller, err := g.verify(a.request())
			checkRefusal(t, c, caller, err)
			if g.store.size() != 1 {
				t.Error("a refused proof was put into the replay store")
			}
		})
	}
	if g.trapped.Load() != 0 {
		t.Error("a URL out of a header was fetched")
	}
}

func checkRefusal(t *testing.T, c refusal, caller access.Caller, err error) {
	t.Helper()
	lead := fault.Of(err).Leading()
	if lead == nil || lead.Code != c.code || !strings.Contains(lead.Safe, c.says) || caller.Kind != access.Nobody || caller.Scopes != nil {
		t.Fatalf("want %s %q, got %v and %+v", c.code, c.says, err, caller)
	}
	kind := map[fault.Code]string{T: "invalid_token", P: "invalid_dpop_proof", fault.ScopeMissing: "insufficient_scope"}[c.code]
	challenge := Challenge(err)
	want := fmt.Sprintf(`DPoP error="%s", error_description="`, kind)
	if c.name == "no Authorization" {
		want = `DPoP algs="RS256`
	}
	if !strings.HasPrefix(challenge, want) || !strings.HasSuffix(challenge, `algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512"`) {
		t.Errorf("challenge %s", challenge)
	}
	for _, secret := range []string{canary, "565501872", "GRØNN", "873255102"} {
		if strings.Contains(err.Error()+challenge, secret) {
			t.Errorf("the refusal repeats what the token says: %v", err)
		}
	}
}
