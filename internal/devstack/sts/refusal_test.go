package sts_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"

	"dokumentlager/internal/devstack/sts"
)

// TestRefusals bends one thing at a time; each sound request is proved sound by TestTokenHasHelseIDsShape.
func TestRefusals(t *testing.T) {
	t.Parallel()
	clock := newClock()
	server := start(t, sts.Options{Now: clock.Now})
	now := clock.Now()
	for _, c := range []struct {
		name   string
		client string
		bend   func(t *testing.T, r *request)
		want   string
		says   string
	}{
		{"grant type", "", func(_ *testing.T, r *request) { r.form.Set("grant_type", "password") }, "unsupported_grant_type", "client_credentials"},
		{"a parameter twice", "", func(_ *testing.T, r *request) { r.form["scope"] = []string{writeScope, readScope} }, "invalid_request", "scope"},
		{"a huge form", "", func(_ *testing.T, r *request) { r.form.Set("x", strings.Repeat("x", 65<<10)) }, "invalid_request", "form"},
		{"client secret", "", func(_ *testing.T, r *request) { r.form.Set("client_secret", "x") }, "invalid_client", "private_key_jwt"},
		{"assertion type", "", func(_ *testing.T, r *request) { r.form.Del("client_assertion_type") }, "invalid_client", "client_assertion_type"},
		{"no assertion", "", func(_ *testing.T, r *request) { r.form.Set("client_assertion", "x.y.z") }, "invalid_client", "not a signed JWT"},
		{"unsigned assertion", "", func(t *testing.T, r *request) { r.form.Set("client_assertion", unsigned(t, r.assertion)) }, "invalid_client", ""},
		{"assertion typ", "", func(_ *testing.T, r *request) { r.assertionTyp = "at+jwt" }, "invalid_client", "typ"},
		{"foreign key", "", func(t *testing.T, r *request) { r.clientKey = ecKey(t) }, "invalid_client", "signature"},
		{"symmetric key", "", func(_ *testing.T, r *request) {
			r.clientAlg, r.clientKey = jwa.HS256(), []byte("0123456789abcdef0123456789abcdef")
		}, "invalid_client", "algorithm"},
		{"unknown client", "", func(_ *testing.T, r *request) {
			r.form.Del("client_id")
			r.assertion["iss"], r.assertion["sub"] = "nobody", "nobody"
		}, "invalid_client", "registered"},
		{"iss is not sub", "", func(_ *testing.T, r *request) { r.assertion["sub"] = "epj-oslo" }, "invalid_client", "iss and sub"},
		{"client_id is another", "", func(_ *testing.T, r *request) { r.form.Set("client_id", "epj-oslo") }, "invalid_client", "client_id"},
		{"assertion for another", "", func(_ *testing.T, r *request) { r.assertion["aud"] = "https://helseid-sts.nhn.no" }, "invalid_client", "aud"},
		{"assertion without exp", "", func(_ *testing.T, r *request) { delete(r.assertion, "exp") }, "invalid_client", "exp"},
		{"assertion expired", "", func(_ *testing.T, r *request) { r.assertion["exp"] = now.Add(-11 * time.Second).Unix() }, "invalid_client", "expired"},
		{"assertion too long", "", func(_ *testing.T, r *request) { r.assertion["exp"] = now.Add(2 * time.Hour).Unix() }, "invalid_client", "away"},
		{"assertion for ever", "", func(_ *testing.T, r *request) { r.assertion["exp"] = 1e300 }, "invalid_client", "away"},
		{"assertion not yet", "", func(_ *testing.T, r *request) { r.assertion["nbf"] = now.Add(11 * time.Second).Unix() }, "invalid_client", "future"},
		{"assertion without jti", "", func(_ *testing.T, r *request) { delete(r.assertion, "jti") }, "invalid_client", "jti"},
		{"assertion with long jti", "", func(_ *testing.T, r *request) { r.assertion["jti"] = strings.Repeat("j", 257) }, "invalid_client", "jti"},
		{"assertion malformed", "", func(_ *testing.T, r *request) { r.assertion["exp"] = "soon" }, "invalid_client", "malformed"},

		{"no proof", "", func(_ *testing.T, r *request) { r.proofs = []string{} }, "invalid_dpop_proof", "exactly one"},
		{"two proofs", "", func(_ *testing.T, r *request) { r.proofs = []string{"a", "b"} }, "invalid_dpop_proof", "exactly one"},
		{"proof is no JWT", "", func(_ *testing.T, r *request) { r.proofs = []string{"a"} }, "invalid_dpop_proof", "JWT"},
		{"proof typ", "", func(_ *testing.T, r *request) { r.proofHeader["typ"] = "JWT" }, "invalid_dpop_proof", "typ"},
		{"proof alg", "", func(t *testing.T, r *request) { r.proofs = []string{symmetricProof(t, r)} }, "invalid_dpop_proof", "alg"},
		{"proof without jwk", "", func(_ *testing.T, r *request) { delete(r.proofHeader, "jwk") }, "invalid_dpop_proof", "jwk"},
		{"proof with private jwk", "", func(_ *testing.T, r *request) { r.proofHeader["jwk"] = r.proofKey }, "invalid_dpop_proof", "public"},
		{"proof of another key", "", func(t *testing.T, r *request) { r.proofHeader["jwk"] = public(t, ecKey(t)) }, "invalid_dpop_proof", "not signed"},
		{"proof htm", "", func(_ *testing.T, r *request) { r.proof["htm"] = "GET" }, "invalid_dpop_proof", "htm"},
		{"proof htu", "", func(_ *testing.T, r *request) { r.proof["htu"] = "http://127.0.0.1/connect/token" }, "invalid_dpop_proof", "htu"},
		{"proof too old", "", func(_ *testing.T, r *request) { r.proof["iat"] = now.Add(-61 * time.Second).Unix() }, "invalid_dpop_proof", "iat"},
		{"proof of tomorrow", "", func(_ *testing.T, r *request) { r.proof["iat"] = now.Add(11 * time.Second).Unix() }, "invalid_dpop_proof", "iat"},
		{"proof without iat", "", func(_ *testing.T, r *request) { delete(r.proof, "iat") }, "invalid_dpop_proof", "iat"},
		{"proof without jti", "", func(_ *testing.T, r *request) { delete(r.proof, "jti") }, "invalid_dpop_proof", "jti"},
		{"proof malformed", "", func(_ *testing.T, r *request) { r.proof["htm"] = 7 }, "invalid_dpop_proof", "malformed"},
		{"proof without nonce", "", func(_ *testing.T, r *request) { delete(r.proof, "nonce") }, "use_dpop_nonce", "DPoP-Nonce"},
		{"invented nonce", "", func(_ *testing.T, r *request) { r.proof["nonce"] = strings.Repeat("A", 54) }, "use_dpop_nonce", "DPoP-Nonce"},

		{"scope of another", "", func(_ *testing.T, r *request) { r.form.Set("scope", readScope) }, "invalid_scope", "epj-betanien"},
		{"two audiences", "both", func(_ *testing.T, r *request) { r.form.Set("scope", writeScope+" "+readScope) }, "invalid_target", "two audiences"},
		{"foreign organisation", "epj-felles", actFor("NO:ORGNR:958935420"), "invalid_authorization_details", "may not act"},
		{"no number", "epj-felles", actFor("NO:ORGNR:Betanien"), "invalid_authorization_details", "nine digits"},
		{"child is no number", "epj-felles", actFor("NO:ORGNR:960510542:12"), "invalid_authorization_details", "nine digits"},
		{"details of another type", "epj-felles", func(_ *testing.T, r *request) {
			r.assertion["authorization_details"] = []any{map[string]any{"type": "sfm_journal_id"}}
		}, "invalid_authorization_details", "helseid_authorization"},
		{"details malformed", "epj-felles", func(_ *testing.T, r *request) { r.assertion["authorization_details"] = "x" }, "invalid_authorization_details", "object"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server := server
			client := c.client
			if client == "" {
				client = "epj-betanien"
			}
			if client == "both" {
				server = start(t, sts.Options{Now: clock.Now, Clients: []sts.Client{
					{ClientID: "both", Organisations: []string{"981275721"}, Scopes: []string{writeScope, readScope}},
					{ClientID: "epj-betanien", Organisations: []string{"981275721"}, Scopes: []string{writeScope}},
				}})
			}
			r := sound(t, server, now, client).withNonce(t, server, now)
			c.bend(t, r)
			got := r.send(t, server)
			if got.Status != http.StatusBadRequest || got.Error != c.want || !strings.Contains(got.Description, c.says) || got.AccessToken != "" {
				t.Errorf("answer %+v, want %s saying %q", got, c.want, c.says)
			}
			if (got.Nonce != "") != (c.want == "use_dpop_nonce") {
				t.Errorf("DPoP-Nonce %q with %s", got.Nonce, got.Error)
			}
		})
	}
}

func unsigned(t *testing.T, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
}

func symmetricProof(t *testing.T, r *request) string {
	t.Helper()
	return signed(t, jwa.HS256(), []byte("0123456789abcdef0123456789abcdef"), r.proofHeader, r.proof)
}

func actFor(value string) func(*testing.T, *request) {
	return func(_ *testing.T, r *request) {
		r.assertion["authorization_details"] = []any{map[string]any{
			"type": "helseid_authorization",
			"practitioner_role": map[string]any{"organization": map[string]any{
				"identifier": map[string]any{"system": "urn:oid:1.0.6523", "type": "ENH", "value": value},
			}},
		}}
	}
}

func TestOrganisations(t *testing.T) {
	t.Parallel()
	clock := newClock()
	server := start(t, sts.Options{Now: clock.Now})
	for _, c := range []struct{ name, client, value, parent, child string }{
		{"the second", "epj-felles", "NO:ORGNR:994598759", "994598759", ""},
		{"with a child", "epj-felles", "NO:ORGNR:960510542:873255102", "960510542", "873255102"},
		{"none named", "epj-felles", "", "960510542", ""},
		{"child of a single-tenant client", "epj-oslo", "883953142", "958935420", "883953142"},
		{"empty parent", "epj-oslo", "NO:ORGNR::883953142", "958935420", "883953142"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := sound(t, server, clock.Now(), c.client).withNonce(t, server, clock.Now())
			if c.value != "" {
				actFor(c.value)(t, r)
			}
			_, claims := decode(t, server, r.send(t, server).AccessToken)
			child, _ := claims["helseid://claims/client/claims/orgnr_child"].(string)
			if got := claims["helseid://claims/client/claims/orgnr_parent"]; got != c.parent || child != c.child {
				t.Errorf("parent %v, child %q; want %s, %q", got, child, c.parent, c.child)
			}
			multi := claims["helseid://claims/client/client_tenancy"] == "multi-tenant"
			if _, supplied := claims["helseid://claims/client/claims/orgnr_supplier"]; multi != supplied || multi != (c.client == "epj-felles") {
				t.Errorf("tenancy of %s: %v", c.client, claims)
			}
		})
	}
}

func TestNothingIsUsedTwice(t *testing.T) {
	t.Parallel()
	clock := newClock()
	server := start(t, sts.Options{Now: clock.Now})
	r := sound(t, server, clock.Now(), "epj-betanien")
	challenge := r.send(t, server)
	r.proof["nonce"] = challenge.Nonce
	// The challenge has not used up the assertion.
	if got := r.send(t, server); got.Status != http.StatusOK {
		t.Fatalf("answer to the challenge: %+v", got)
	}
	if got := r.send(t, server); got.Error != "invalid_client" || !strings.Contains(got.Description, "used before") {
		t.Errorf("assertion again: %+v", got)
	}
	r.assertion["jti"] = nextID()
	if got := r.send(t, server); got.Error != "invalid_dpop_proof" || !strings.Contains(got.Description, "used before") {
		t.Errorf("proof again: %+v", got)
	}
	// A jti is another one when another client or key uses it.
	other := sound(t, server, clock.Now(), "epj-oslo")
	other.assertion["jti"], other.proof["jti"], other.proof["nonce"] = r.assertion["jti"], r.proof["jti"], challenge.Nonce
	if got := other.send(t, server); got.Status != http.StatusOK {
		t.Errorf("same ids of another: %+v", got)
	}
}

func TestNonceIsGoodForMinutes(t *testing.T) {
	t.Parallel()
	clock := newClock()
	server := start(t, sts.Options{Now: clock.Now})
	nonce := sound(t, server, clock.Now(), "epj-betanien").send(t, server).Nonce
	for _, step := range []struct {
		wait time.Duration
		want string
	}{{4 * time.Minute, ""}, {time.Minute, ""}, {2 * time.Second, "use_dpop_nonce"}} {
		clock.advance(step.wait)
		r := sound(t, server, clock.Now(), "epj-betanien")
		r.proof["nonce"] = nonce
		if got := r.send(t, server); got.Error != step.want {
			t.Errorf("after %s more: %+v", step.wait, got)
		}
	}
}

func TestRestartKeepsIssuerAndKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, sts.Options{Dir: dir})
	token, err := first.TestToken(sts.TestTokenRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, sts.Options{Dir: dir})
	decode(t, second, token)
	if second.Issuer() != first.Issuer() {
		t.Errorf("issuer was %s, is %s", first.Issuer(), second.Issuer())
	}
	if diff := cmp.Diff(first.Clients(), second.Clients()); diff != "" {
		t.Errorf("clients changed:\n%s", diff)
	}
}

func post(t *testing.T, address, body string) (int, map[string]any) {
	t.Helper()
	response, err := http.Post(address, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return response.StatusCode, got
}

func TestTestToken(t *testing.T) {
	t.Parallel()
	clock := newClock()
	server := start(t, sts.Options{Now: clock.Now})
	now := float64(clock.Now().Unix())
	for _, c := range []struct {
		name, body string
		want       map[string]any
		header     map[string]any
	}{
		{name: "defaults", body: `{}`, want: map[string]any{"iss": server.Issuer(), "iat": now, "nbf": now, "exp": now + 60}},
		{name: "bound", body: `{"jkt":"abc"}`, want: map[string]any{"iss": server.Issuer(), "iat": now, "nbf": now, "exp": now + 60, "cnf": map[string]any{"jkt": "abc"}}},
		{
			name: "claims over defaults, null removes",
			body: `{"jkt":"abc","claims":{"iss":"x","exp":null,"nbf":1.5,"aud":["a","b"],"scope":"a b","cnf":null,"iat": null,"helseid://claims/hpr/hpr_number":"565501872"}}`,
			want: map[string]any{"iss": "x", "nbf": 1.5, "aud": []any{"a", "b"}, "scope": "a b", "helseid://claims/hpr/hpr_number": "565501872"},
		},
		{
			name: "header", body: `{"header":{"typ":"JWT","kid":null}}`,
			want:   map[string]any{"iss": server.Issuer(), "iat": now, "nbf": now, "exp": now + 60},
			header: map[string]any{"alg": "RS256", "typ": "JWT"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			status, got := post(t, server.TestTokenEndpoint(), c.body)
			token, _ := got["access_token"].(string)
			if status != http.StatusOK || token == "" {
				t.Fatalf("%d %v", status, got)
			}
			header, claims := parse(t, token)
			if _, ok := claims["jti"].(string); !ok {
				t.Error("no jti")
			}
			delete(claims, "jti")
			if diff := cmp.Diff(c.want, claims); diff != "" {
				t.Errorf("claims (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.header, header); c.header != nil && diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			if c.header == nil {
				decode(t, server, token)
			}
		})
	}
	for _, body := range []string{``, `[]`, `{"claim":{}}`, `{} {}`, `{"claims":7}`, `{"jkt":"` + strings.Repeat("x", 2<<20) + `"}`} {
		if status, got := post(t, server.TestTokenEndpoint(), body); status != http.StatusBadRequest || got["error"] != "invalid_request" {
			t.Errorf("%.20q: %d %v", body, status, got)
		}
	}
}

func parse(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	for i, into := range []*map[string]any{&header, &claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	return header, claims
}

func TestDiscovery(t *testing.T) {
	t.Parallel()
	server := start(t, sts.Options{})
	response, err := http.Get(server.Issuer() + "/.well-known/openid-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got map[string]any
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"issuer": server.Issuer(), "token_endpoint": server.TokenEndpoint(), "jwks_uri": server.JWKSEndpoint()} {
		if got[name] != want {
			t.Errorf("%s = %v, want %s", name, got[name], want)
		}
	}
	keys, err := http.Get(server.JWKSEndpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Body.Close()
	raw, err := io.ReadAll(keys.Body)
	if err != nil || !bytes.Contains(raw, []byte(`"alg":"RS256"`)) || bytes.Contains(raw, []byte(`"d":`)) || bytes.Contains(raw, []byte(`"p":`)) {
		t.Errorf("JWKS %s, %v", raw, err)
	}
}

func TestRegistrationIsChecked(t *testing.T) {
	t.Parallel()
	good := sts.Client{ClientID: "a", Organisations: []string{"981275721"}, Scopes: []string{writeScope}}
	for name, clients := range map[string][]sts.Client{
		"twice":           {good, good},
		"a path":          {{ClientID: "../a", Organisations: good.Organisations, Scopes: good.Scopes}},
		"no organisation": {{ClientID: "a", Scopes: good.Scopes}},
		"no scope":        {{ClientID: "a", Organisations: good.Organisations}},
		"a broken key":    {{ClientID: "a", Organisations: good.Organisations, Scopes: good.Scopes, PrivateJWK: json.RawMessage(`{"kty":"EC"}`)}},
	} {
		if server, err := sts.Start(t.Context(), sts.Options{Dir: t.TempDir(), Clients: clients}); err == nil {
			_ = server.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}
