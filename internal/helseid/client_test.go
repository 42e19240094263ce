package helseid

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"dokumentlager/internal/access"
)

// tokenEndpoint adds a token endpoint to the rig's HelseID: it demands a nonce, and binds tokens to the proof's key.
type tokenEndpoint struct {
	*rig
	asked  []url.Values
	proofs []string
	nonce  string
	reply  func(w http.ResponseWriter)
}

func withTokenEndpoint(t *testing.T) *tokenEndpoint {
	e := &tokenEndpoint{rig: newRig(t), nonce: "nonce-1"}
	inner := e.issuer.Config.Handler
	e.issuer.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/.well-known/openid-configuration":
			fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q,"token_endpoint":%q}`, e.issuer.URL, e.issuer.URL+"/jwks", e.issuer.URL+"/connect/token")
		case "/connect/token":
			e.token(w, r)
		default:
			inner.ServeHTTP(w, r)
		}
	})
	return e
}

func (e *tokenEndpoint) token(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	e.asked, e.proofs = append(e.asked, r.PostForm), append(e.proofs, r.Header.Get("DPoP"))
	header, claims := opened(r.Header.Get("DPoP"))
	w.Header().Set("Content-Type", "application/json")
	if e.reply != nil {
		e.reply(w)
		return
	}
	if claims["nonce"] != e.nonce {
		w.Header().Set("DPoP-Nonce", e.nonce)
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"use_dpop_nonce","error_description":"Authorization server requires nonce in DPoP proof"}`)
		return
	}
	raw, _ := json.Marshal(header["jwk"])
	key, _ := jwk.ParseKey(raw)
	print, _ := key.Thumbprint(crypto.SHA256)
	a := e.right()
	a.token.claims = e.claims(machineShape("nhn:phr-document-repository", access.ScopeCreate))
	a.token.claims["cnf"], a.token.claims["client_id"] = claimSet{"jkt": b64(print)}, r.PostForm.Get("client_id")
	fmt.Fprintf(w, `{"access_token":%q,"token_type":"DPoP","expires_in":60}`, a.token.build())
}

// opened decodes a JWS without a look at its signature.
func opened(raw string) (header, claims claimSet) {
	parts := strings.Split(raw+"..", ".")
	for i, to := range []*claimSet{&header, &claims} {
		part, _ := base64.RawURLEncoding.DecodeString(parts[i])
		json.Unmarshal(part, to)
	}
	return header, claims
}

// verifiedBy checks an ES256 signature with the standard library.
func verifiedBy(t *testing.T, raw string, key *ecdsa.PublicKey) {
	t.Helper()
	last := strings.LastIndex(raw, ".")
	signature, err := base64.RawURLEncoding.DecodeString(raw[last+1:])
	if err != nil || len(signature) != 64 {
		t.Fatalf("signature of %d bytes: %v", len(signature), err)
	}
	hash := crypto.SHA256.New()
	hash.Write([]byte(raw[:last]))
	r, s := bigOf(signature[:32]), bigOf(signature[32:])
	if !ecdsa.Verify(key, hash.Sum(nil), r, s) {
		t.Error("the signature is not right")
	}
}

func (e *tokenEndpoint) client(t *testing.T) *Client {
	t.Helper()
	proofs, err := NewProofKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := jwk.Import(testKeys()["stranger"].private)
	if err != nil {
		t.Fatal(err)
	}
	key.Set("kid", "client-key")
	return &Client{ClientID: "client-1", Key: key, Issuer: e.issuer.URL, Proofs: proofs, Now: e.clock}
}

func TestClientFromTokenToAcceptedRequest(t *testing.T) {
	t.Parallel()
	e := withTokenEndpoint(t)
	c := e.client(t)
	token, err := c.Token(t.Context(), []string{access.ScopeCreate, access.ScopeDelete}, "920204368:873255102")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // each with a proof of its own
		req := httptest.NewRequest(http.MethodPost, testURL+"?x=y#z", nil)
		if err := c.Authorize(req, token); err != nil {
			t.Fatal(err)
		}
		req.URL.Path = testPath
		caller, err := e.verify(req)
		if err != nil || caller.ClientID != "client-1" || caller.Kind != access.Machine {
			t.Errorf("%v: %+v", err, caller)
		}
	}
}

func TestClientAsksAsHelseIDWants(t *testing.T) {
	t.Parallel()
	e := withTokenEndpoint(t)
	c := e.client(t)
	if _, err := c.Token(t.Context(), []string{"a", "b"}, "920204368:873255102"); err != nil {
		t.Fatal(err)
	}
	if len(e.asked) != 2 {
		t.Fatalf("asked %d times", len(e.asked))
	}
	seen := map[any]bool{}
	for i, form := range e.asked {
		assertion := form.Get("client_assertion")
		verifiedBy(t, assertion, testKeys()["stranger"].private.Public().(*ecdsa.PublicKey))
		header, claims := opened(assertion)
		if diff := cmp.Diff(claimSet{"alg": "ES256", "kid": "client-key", "typ": "client-authentication+jwt"}, header); diff != "" {
			t.Error(diff)
		}
		seen[claims["jti"]] = true
		now := float64(testNow.Unix())
		want := claimSet{
			"iss": "client-1", "sub": "client-1", "aud": e.issuer.URL, "iat": now, "nbf": now, "exp": now + 30, "jti": claims["jti"],
			"authorization_details": []any{claimSet{"type": "helseid_authorization", "practitioner_role": claimSet{"organization": claimSet{
				"identifier": claimSet{"system": "urn:oid:1.0.6523", "type": "ENH", "value": "NO:ORGNR:920204368:873255102"}}}}},
		}
		if diff := cmp.Diff(want, claims); diff != "" {
			t.Error(diff)
		}
		form = maps.Clone(form)
		form.Del("client_assertion")
		if diff := cmp.Diff(url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"client-1"}, "scope": {"a b"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}, form); diff != "" {
			t.Error(diff)
		}
		header, claims = opened(e.proofs[i])
		verifiedBy(t, e.proofs[i], &c.Proofs.private.PublicKey)
		seen[claims["jti"]] = true
		if header["typ"] != "dpop+jwt" || header["jwk"].(claimSet)["d"] != nil || claims["htu"] != e.issuer.URL+"/connect/token" || claims["htm"] != "POST" || claims["ath"] != nil {
			t.Errorf("proof %v %v", header, claims)
		}
	}
	if len(seen) != 4 {
		t.Errorf("a jti was used twice: %v", seen)
	}
	if _, claims := opened(e.proofs[1]); claims["nonce"] != "nonce-1" {
		t.Errorf("second proof %v", claims)
	}
}

func TestClientSingleTenant(t *testing.T) {
	t.Parallel()
	e := withTokenEndpoint(t)
	if _, err := e.client(t).Token(t.Context(), []string{"a"}, ""); err != nil {
		t.Fatal(err)
	}
	if _, claims := opened(e.asked[0].Get("client_assertion")); claims["authorization_details"] != nil {
		t.Errorf("%v", claims)
	}
}

func TestClientRefusals(t *testing.T) {
	t.Parallel()
	answer := func(status int, body, nonce string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			if nonce != "" {
				w.Header().Set("DPoP-Nonce", nonce)
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
		}
	}
	for name, c := range map[string]struct {
		reply func(http.ResponseWriter)
		says  string
		asked int
	}{
		"refused":            {answer(400, `{"error":"invalid_scope","error_description":"no such scope"}`, ""), "invalid_scope: no such scope", 1},
		"nonce for ever":     {answer(400, `{"error":"use_dpop_nonce"}`, "n"), "use_dpop_nonce", 2},
		"nonce without one":  {answer(400, `{"error":"use_dpop_nonce"}`, ""), "use_dpop_nonce", 1},
		"Bearer":             {answer(200, `{"access_token":"x","token_type":"Bearer"}`, ""), "without a DPoP token", 1},
		"no token":           {answer(200, `{"token_type":"DPoP"}`, ""), "without a DPoP token", 1},
		"HTML":               {answer(502, `<html>`, ""), "status 502", 1},
		"error without name": {answer(500, `{}`, ""), "status 500", 1},
		"oversize":           {answer(200, `{"access_token":"`+strings.Repeat("x", maxDocument)+`","token_type":"DPoP"}`, ""), "status 200", 1},
		"redirect": {func(w http.ResponseWriter) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, "status 307", 1},
	} {
		t.Run(name, func(t *testing.T) {
			e := withTokenEndpoint(t)
			e.reply = c.reply
			token, err := e.client(t).Token(t.Context(), []string{"a"}, "")
			if err == nil || token != "" || !strings.Contains(err.Error(), c.says) || len(e.asked) != c.asked {
				t.Errorf("%q, %v after %d requests", token, err, len(e.asked))
			}
		})
	}
}

func TestSigningAlgorithm(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"issuer": "PS256", "ES256": "ES256", "ES384": "ES384", "ES512": "ES512"} {
		key, _ := jwk.Import(testKeys()[name].private)
		if alg, err := signingAlgorithm(key); err != nil || alg.String() != want {
			t.Errorf("%s: %v %v", name, alg, err)
		}
		key.Set("alg", "RS512")
		if alg, err := signingAlgorithm(key); err != nil || alg != jwa.RS512() {
			t.Errorf("%s named: %v %v", name, alg, err)
		}
		public, _ := jwk.Import(testKeys()[name].private.Public())
		if _, err := signingAlgorithm(public); err == nil {
			t.Errorf("%s: a public key signs", name)
		}
	}
	secret, _ := jwk.Import([]byte("secret"))
	for _, key := range []jwk.Key{nil, secret} {
		if _, err := signingAlgorithm(key); err == nil {
			t.Errorf("%v signs", key)
		}
	}
	secret.Set("alg", "HS256")
	if _, err := signingAlgorithm(secret); err == nil {
		t.Error("HS256 signs")
	}
}

func TestProofKey(t *testing.T) {
	t.Parallel()
	k, err := NewProofKey()
	if err != nil {
		t.Fatal(err)
	}
	if want := (pair{k.private, "ES256"}).thumbprint(); k.Thumbprint() != want {
		t.Errorf("thumbprint %s, want %s", k.Thumbprint(), want)
	}
	proof, err := k.Proof("GET", "https://user:pw@a.no/x%2Fy?q=1#f", "token", "")
	if err != nil {
		t.Fatal(err)
	}
	_, claims := opened(proof)
	if claims["htu"] != "https://a.no/x%2Fy" || claims["ath"] != "PEaenWxYddN6Q_NT1PiOYfz4EsZu7jRXRlpAsNpBU-A" {
		t.Errorf("%v", claims)
	}
	if _, err := k.Proof("GET", "/relative", rand.Text(), ""); err == nil {
		t.Error("a proof for a relative URL")
	}
}
