package helseid

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"dokumentlager/internal/access"
	"dokumentlager/internal/fault"
)

// refusal is one way of being wrong. says is a part of the text, so that a case cannot pass for another reason than its own.
type refusal struct {
	name  string
	code  fault.Code
	says  string
	spoil func(a *attempt)
}

func swapScheme(scheme string) func(*http.Request) {
	return func(r *http.Request) {
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		r.Header.Set("Authorization", scheme+" "+token)
	}
}

func after(f func(r *http.Request)) func(*attempt) { return func(a *attempt) { a.after = f } }

func tokenHeader(name string, value any) func(*attempt) {
	return func(a *attempt) { a.token.header[name] = value }
}

func tokenClaim(name string, value any) func(*attempt) {
	return func(a *attempt) { a.token.claims[name] = value }
}

func tokenWithout(name string) func(*attempt) {
	return func(a *attempt) { delete(a.token.claims, name) }
}

func proofHeaderIs(name string, value any) func(*attempt) {
	return func(a *attempt) { a.proof.header[name] = value }
}

func proofClaim(name string, value any) func(*attempt) {
	return func(a *attempt) { a.proof.claims[name] = value }
}

// inAttest spoils the attest: path names nested objects and the member to set.
func inAttest(value any, path ...string) func(*attempt) {
	return func(a *attempt) {
		o := a.token.claims[claimAttest].(claimSet)
		for _, name := range path[:len(path)-1] {
			o = o[name].(claimSet)
		}
		o[path[len(path)-1]] = value
	}
}

// jwkWith changes the proof's key.
func jwkWith(name string, value any) func(*attempt) {
	return func(a *attempt) {
		k := testKeys()["ES256"].jwk()
		k[name] = value
		a.proof.header["jwk"] = k
	}
}

// heldBy makes proof and binding of another key.
func heldBy(key, alg string) func(*attempt) {
	return func(a *attempt) {
		p := testKeys()[key]
		a.proof.by, a.proof.header["alg"], a.proof.header["jwk"] = p, alg, p.jwk()
		a.token.claims["cnf"] = claimSet{"jkt": p.thumbprint()}
	}
}

func text(s string) *string { return &s }

// seconds is testNow and some.
func seconds(more int64) int64 { return testNow.Unix() + more }

const (
	T = fault.TokenRefused
	P = fault.ProofRefused
)

func headerCases() []refusal {
	return []refusal{
		{"no Authorization", T, "Send an access token", after(func(r *http.Request) { r.Header.Del("Authorization") })},
		{"two Authorization", T, "several Authorization", after(func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) })},
		{"DPoP and Bearer", T, "several Authorization", after(func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") })},
		{"Bearer", T, "scheme must be DPoP", after(swapScheme("Bearer"))},
		{"Basic", T, "scheme must be DPoP", after(swapScheme("Basic"))},
		{"longer scheme", T, "scheme must be DPoP", after(swapScheme("DPoPs"))},
		{"token without scheme", T, "scheme must be DPoP", after(func(r *http.Request) {
			r.Header.Set("Authorization", strings.TrimPrefix(r.Header.Get("Authorization"), "DPoP "))
		})},
		{"empty Authorization", T, "scheme must be DPoP", after(func(r *http.Request) { r.Header.Set("Authorization", "") })},
		{"scheme alone", T, "holds no token", after(func(r *http.Request) { r.Header.Set("Authorization", "DPoP  ") })},
		{"oversize token", T, "longer than 16384", after(func(r *http.Request) { r.Header.Set("Authorization", "DPoP "+strings.Repeat("a", maxToken+1)) })},
		{"two tokens in one header", T, "not a signed JWT", func(a *attempt) { a.rawToken = func(s string) string { return s + ", " + s } }},
		{"no DPoP", P, "DPoP header is missing", after(func(r *http.Request) { r.Header.Del("DPoP") })},
		{"two DPoP", P, "several DPoP", after(func(r *http.Request) { r.Header.Add("DPoP", r.Header.Get("DPoP")) })},
		{"two different DPoP", P, "several DPoP", after(func(r *http.Request) { r.Header.Add("DPoP", "x.y.z") })},
		{"two DPoP in one header", P, "not a signed JWT", func(a *attempt) { a.rawProof = func(s string) string { return s + "," + s } }},
		{"empty DPoP", P, "not a signed JWT", after(func(r *http.Request) { r.Header.Set("DPoP", "") })},
		{"oversize proof", P, "longer than 8192", after(func(r *http.Request) { r.Header.Set("DPoP", strings.Repeat("a", maxProof+1)) })},
		{"token and proof swapped", T, "typ must be at+jwt", after(func(r *http.Request) {
			r.Header.Set("Authorization", "DPoP "+r.Header.Get("DPoP"))
		})},
		{"token as proof", P, "typ must be dpop+jwt", after(func(r *http.Request) {
			r.Header.Set("DPoP", strings.TrimPrefix(r.Header.Get("Authorization"), "DPoP "))
		})},
	}
}

func tokenFormCases() []refusal {
	keys := testKeys()
	publicPEM, _ := json.Marshal(keys["issuer"].jwk())
	raw := func(f func(string) string) func(*attempt) { return func(a *attempt) { a.rawToken = f } }
	return []refusal{
		{"token alg none", T, "alg is not one of", tokenHeader("alg", "none")},
		{"token alg None", T, "alg is not one of", func(a *attempt) {
			a.token.header["alg"], a.token.signature = "None", func(string) string { return "" }
		}},
		{"token alg HS256 with the public key", T, "alg is not one of", func(a *attempt) {
			a.token.header["alg"], a.token.signature = "HS256", func(in string) string { return hmacSign(publicPEM, in) }
		}},
		{"token alg in small letters", T, "alg is not one of", func(a *attempt) {
			a.token.header["alg"], a.token.signature = "rs256", func(in string) string { return a.token.by.sign("RS256", in) }
		}},
		{"token alg ES256K", T, "alg is not one of", func(a *attempt) {
			a.token.header["alg"], a.token.signature = "ES256K", func(string) string { return "AAAA" }
		}},
		{"token alg EdDSA", T, "alg is not one of", func(a *attempt) {
			a.token.header["alg"], a.token.signature = "EdDSA", func(string) string { return "AAAA" }
		}},
		{"token alg missing", T, `has no "alg"`, func(a *attempt) { delete(a.token.header, "alg") }},
		{"token alg is a number", T, `"alg" that is not a string`, func(a *attempt) {
			a.token.header["alg"] = 256
			a.token.signature = func(string) string { return "AAAA" }
		}},
		{"token alg of another kind of key", T, "key does not fit", func(a *attempt) {
			a.token.header["alg"], a.token.signature = "ES256", func(in string) string { return keys["ES256"].sign("ES256", in) }
		}},
		{"token alg differs from signature", T, "signature is not right", func(a *attempt) {
			a.token.header["alg"], a.token.signature = "PS256", func(in string) string { return a.token.by.sign("RS256", in) }
		}},
		{"token typ JWT", T, "typ must be at+jwt", tokenHeader("typ", "JWT")},
		{"token typ dpop+jwt", T, "typ must be at+jwt", tokenHeader("typ", "dpop+jwt")},
		{"token typ id token", T, "typ must be at+jwt", tokenHeader("typ", "id+jwt")},
		{"token typ missing", T, `has no "typ"`, func(a *attempt) { delete(a.token.header, "typ") }},
		{"token typ is an array", T, `"typ" that is not a string`, tokenHeader("typ", []any{"at+jwt"})},
		{"token kid missing", T, `has no "kid"`, func(a *attempt) { delete(a.token.header, "kid") }},
		{"token kid is null", T, `"kid" that is not a string`, tokenHeader("kid", nil)},
		{"token kid unknown", T, "does not publish", tokenHeader("kid", "nobody's")},
		{"token kid is a path", T, "does not publish", tokenHeader("kid", "../../etc/passwd")},
		{"token by another key", T, "signature is not right", func(a *attempt) { a.token.by = keys["other"] }},
		{"token brings its key", T, "signature is not right", func(a *attempt) {
			a.token.by, a.token.header["jwk"] = keys["other"], keys["other"].jwk()
		}},
		{"token brings jku", T, "does not publish", func(a *attempt) {
			a.token.by, a.token.header["kid"], a.token.header["jku"] = keys["other"], "mine", a.rig.trap.URL
		}},
		{"token brings x5u", T, "does not publish", func(a *attempt) {
			a.token.by, a.token.header["kid"], a.token.header["x5u"] = keys["other"], "mine", a.rig.trap.URL
		}},
		{"token crit", T, "extensions", tokenHeader("crit", []any{"exp"})},
		{"token crit empty", T, "extensions", tokenHeader("crit", []any{})},
		{"token crit known word", T, "extensions", func(a *attempt) { a.token.header["crit"], a.token.header["b64"] = []any{"b64"}, true }},
		{"token b64 false", T, "extensions", tokenHeader("b64", false)},
		{"token signature too short", T, "signature is not right", func(a *attempt) { a.token.signature = func(string) string { return b64(make([]byte, 255)) } }},
		{"token cut", T, "not base64url", raw(func(s string) string { return s[:len(s)-9] })},
		{"token signature empty", T, "signature is not right", func(a *attempt) { a.token.signature = func(string) string { return "" } }},
		{"token signature of zeros", T, "signature is not right", func(a *attempt) { a.token.signature = func(string) string { return b64(make([]byte, 256)) } }},
		{"token claims changed", T, "signature is not right", raw(func(s string) string {
			p := strings.Split(s, ".")
			return p[0] + "." + b64([]byte(`{"aud":"nhn:phr"}`)) + "." + p[2]
		})},
		{"token of two parts", T, "not a signed JWT", raw(func(s string) string { return s[:strings.LastIndex(s, ".")] })},
		{"token of four parts", T, "not a signed JWT", raw(func(s string) string { return s + ".AAAA" })},
		{"token of five parts", T, "not a signed JWT", raw(func(string) string { return "a.b.c.d.e" })},
		{"token opaque", T, "not a signed JWT", raw(func(string) string { return "c2VjcmV0" })},
		{"token padded", T, "not base64url", raw(func(s string) string { return s + "=" })},
		{"token in common base64", T, "not base64url", raw(func(s string) string { return "+/" + s[2:] })},
		{"token with loose bits", T, "not base64url", func(a *attempt) { a.rawToken = func(s string) string { return s[:len(s)-1] + "_" } }},
		{"token header not JSON", T, "not a JSON object", func(a *attempt) { a.token.head = text("at+jwt") }},
		{"token header null", T, "not a JSON object", func(a *attempt) { a.token.head = text("null") }},
		{"token header with a name twice", T, "unique names", func(a *attempt) { a.token.head = text(`{"alg":"RS256","alg":"none","kid":"main","typ":"at+jwt"}`) }},
		{"token header names in capitals", T, `has no "typ"`, func(a *attempt) { a.token.head = text(`{"ALG":"RS256","KID":"main","TYP":"at+jwt"}`) }},
		{"token payload an array", T, "not a JSON object", func(a *attempt) { a.token.body = text(`[]`) }},
		{"token payload null", T, "not a JSON object", func(a *attempt) { a.token.body = text(`null`) }},
		{"token payload empty", T, "not a JSON object", func(a *attempt) { a.token.body = text(``) }},
		{"token payload twice", T, "not a JSON object", func(a *attempt) { a.token.body = text(`{}{}`) }},
		{"token payload not UTF-8", T, "not a JSON object", func(a *attempt) { a.token.body = text("{\"iss\":\"\xff\"}") }},
		{"token payload deep", T, "not a JSON object", func(a *attempt) { a.token.body = text(strings.Repeat(`[`, 11000)) }},
		{"token claim twice", T, "unique names", func(a *attempt) {
			body, _ := json.Marshal(a.token.claims)
			a.token.body = text(strings.Replace(string(body), "{", `{"aud":"nhn:phr",`, 1))
		}},
		{"token claim twice inside", T, "unique names", func(a *attempt) {
			body, _ := json.Marshal(a.token.claims)
			a.token.body = text(strings.Replace(string(body), `"cnf":{`, `"cnf":{"jkt":"x",`, 1))
		}},
	}
}

func tokenClaimCases() []refusal {
	cases := []refusal{
		{"iss of production", T, "iss must be", tokenClaim("iss", "https://helseid-sts.nhn.no")},
		{"iss with a slash", T, "iss must be", func(a *attempt) { a.token.claims["iss"] = a.rig.issuer.URL + "/" }},
		{"iss in an array", T, `"iss" that is not a string`, func(a *attempt) { a.token.claims["iss"] = []any{a.rig.issuer.URL} }},
		{"iss missing", T, `has no "iss"`, tokenWithout("iss")},
		{"aud missing", T, "has no aud", tokenWithout("aud")},
		{"aud unknown", T, "none of ours", tokenClaim("aud", "nhn:kjernejournal")},
		{"aud in capitals", T, "none of ours", tokenClaim("aud", "NHN:PHR-REPO")},
		{"aud empty", T, "none of ours", tokenClaim("aud", "")},
		{"aud two of ours", T, "exactly one audience", tokenClaim("aud", []any{"nhn:phr-repo", "nhn:phr"})},
		{"aud ours and another", T, "exactly one audience", tokenClaim("aud", []any{"nhn:phr-repo", "nhn:other"})},
		{"aud ours twice", T, "exactly one audience", tokenClaim("aud", []any{"nhn:phr-repo", "nhn:phr-repo"})},
		{"aud empty array", T, "exactly one audience", tokenClaim("aud", []any{})},
		{"aud array of a number", T, `"aud" that is not`, tokenClaim("aud", []any{1})},
		{"aud array of an array", T, `"aud" that is not`, tokenClaim("aud", []any{[]any{"nhn:phr-repo"}})},
		{"aud an object", T, `"aud" that is not`, tokenClaim("aud", claimSet{"nhn:phr-repo": true})},
		{"aud null", T, `"aud" that is not`, tokenClaim("aud", nil)},
		{"exp missing", T, `has no "exp"`, tokenWithout("exp")},
		{"exp 1 s beyond leeway", T, "has expired", tokenClaim("exp", seconds(-11))},
		{"exp at the end of leeway", T, "has expired", tokenClaim("exp", seconds(-10))},
		{"exp long ago", T, "has expired", tokenClaim("exp", 0)},
		{"exp a string", T, `"exp" that is not a number`, tokenClaim("exp", fmt.Sprint(seconds(60)))},
		{"exp null", T, `"exp" that is not a number`, tokenClaim("exp", nil)},
		{"exp negative", T, `"exp" that is not a number`, tokenClaim("exp", -1)},
		{"exp in milliseconds", T, `"exp" that is not a number`, tokenClaim("exp", seconds(60)*1000)},
		{"exp beyond any number", T, `"exp" that is not a number`, func(a *attempt) {
			body, _ := json.Marshal(a.token.claims)
			a.token.body = text(strings.Replace(string(body), fmt.Sprintf(`"exp":%d`, seconds(60)), `"exp":1e999`, 1))
		}},
		{"nbf 1 s beyond leeway", T, "not valid yet", tokenClaim("nbf", seconds(11))},
		{"nbf a string", T, `"nbf" that is not a number`, tokenClaim("nbf", "0")},
		{"iat 61 s ahead", T, "iat lies in the future", tokenClaim("iat", seconds(61))},
		{"iat 1 s beyond leeway", T, "iat lies in the future", tokenClaim("iat", seconds(11))},
		{"iat true", T, `"iat" that is not a number`, tokenClaim("iat", true)},
		{"client_id missing", T, `has no "client_id"`, tokenWithout("client_id")},
		{"client_id empty", T, `has no "client_id"`, tokenClaim("client_id", "")},
		{"client_id a number", T, `"client_id" that is not a string`, tokenClaim("client_id", 7)},
		{"jti missing", T, `has no "jti"`, tokenWithout("jti")},
		{"scope missing", T, "has no scope", tokenWithout("scope")},
		{"scope null", T, `"scope" that is not`, tokenClaim("scope", nil)},
		{"scope a number", T, `"scope" that is not`, tokenClaim("scope", 1)},
		{"scope with a number", T, `"scope" that is not`, tokenClaim("scope", []any{access.ScopeCreate, 1})},
		{"scope an object", T, `"scope" that is not`, tokenClaim("scope", claimSet{})},
		{"scopes of reading on a token for writing", fault.ScopeMissing, "no scope", tokenClaim("scope", []any{access.ScopeReadDocument, access.ScopeReadList})},
		{"scopes of others", fault.ScopeMissing, "no scope", tokenClaim("scope", []any{"openid", "nhn:kjernejournal/x"})},
		{"cnf missing", T, "not bound to a key", tokenWithout("cnf")},
		{"cnf of mTLS", T, "not bound to a key", tokenClaim("cnf", claimSet{"x5t#S256": "AAAA"})},
		{"cnf a string", T, `"cnf" that is not an object`, tokenClaim("cnf", "AAAA")},
		{"jkt empty", T, "not bound to a key", tokenClaim("cnf", claimSet{"jkt": ""})},
		{"jkt a number", T, `"jkt" that is not a string`, tokenClaim("cnf", claimSet{"jkt": 1})},
		{"level a word", T, "level from 0 to 7", tokenClaim(claimLevel, "high")},
		{"level negative", T, "level from 0 to 7", tokenClaim(claimLevel, "-4")},
		{"level enormous", T, "level from 0 to 7", tokenClaim(claimLevel, "44444444444444444444")},
		{"level empty", T, "level from 0 to 7", tokenClaim(claimLevel, "")},
		{"attest another HPR number", T, "name different ones", inAttest("1234567", "practitioner", "hpr_nr", "id")},
		{"attest another person", T, "another person", inAttest("06828399789", "practitioner", "identifier", "id")},
		{"attest another organisation", T, "not the organisation", inAttest("994598759", "practitioner", "legal_entity", "id")},
		{"attest without organisation in the token", T, "not the organisation", tokenWithout(claimParent)},
		{"attest of both spellings", T, "both care_relation", inAttest(claimSet{}, "care_relation")},
		{"attest a string", T, "that is not an object", tokenClaim(claimAttest, "x")},
		{"attest an array", T, "that is not an object", tokenClaim(claimAttest, []any{})},
		{"attest practitioner an array", T, `"practitioner" that is not an object`, inAttest([]any{}, "practitioner")},
		{"attest role a number", T, `"code" that is not a string`, inAttest(1, "practitioner", "authorization", "code")},
		{"attest hpr_nr a string", T, `"hpr_nr" that is not an object`, inAttest("565501872", "practitioner", "hpr_nr")},
		{"attest relation a string", T, `"care_relationship" that is not an object`, inAttest("TREAT", "care_relationship")},
		{"attest purpose a string", T, `"purpose_of_use" that is not an object`, inAttest("TREAT", "care_relationship", "purpose_of_use")},
		{"attest user_selected a string", T, `"user_selected" that is not true or false`, inAttest("true", "care_relationship", "decision_ref", "user_selected")},
		{"attest department a string", T, `"department" that is not an object`, inAttest("4207237", "practitioner", "department")},
		{"attest decision_ref id a number", T, `"id" that is not a string`, inAttest(9, "care_relationship", "decision_ref", "id")},
	}
	for _, name := range []string{claimParent, claimChild, claimSupplier, claimClient, claimPID, claimLevel, claimHPR, "name", "sub"} {
		cases = append(cases,
			refusal{name + " a number", T, "that is not a string", tokenClaim(name, 958935420)},
			refusal{name + " an array", T, "that is not a string", tokenClaim(name, []any{"x"})},
			refusal{name + " null", T, "that is not a string", tokenClaim(name, nil)})
	}
	return cases
}
