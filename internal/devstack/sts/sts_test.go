package sts_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"dokumentlager/internal/devstack/sts"
)

const (
	writeScope  = "nhn:phr-document-repository/mhd/create-documents-with-reference"
	deleteScope = "nhn:phr-document-repository/delete-documents-and-reference"
	readScope   = "nhn:phr/mhd/read-document"
)

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_800_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func start(t *testing.T, opt sts.Options) *sts.Server {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = t.TempDir()
	}
	server, err := sts.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return server
}

func ecKey(t *testing.T) jwk.Key {
	t.Helper()
	raw, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return imported(t, raw)
}

func imported(t *testing.T, raw any) jwk.Key {
	t.Helper()
	key, err := jwk.Import(raw)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func public(t *testing.T, key jwk.Key) jwk.Key {
	t.Helper()
	pub, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return pub
}

func thumbprint(t *testing.T, key jwk.Key) string {
	t.Helper()
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(sum)
}

// request is a token request in the making; cases bend one thing of a sound one.
type request struct {
	client       sts.Client
	clientKey    any
	clientAlg    jwa.SignatureAlgorithm
	assertion    map[string]any
	assertionTyp string
	proofKey     jwk.Key
	proofAlg     jwa.SignatureAlgorithm
	proof        map[string]any
	proofHeader  map[string]any
	form         url.Values
	// proofs are sent as they are instead of the one made of the fields above.
	proofs []string
}

// nextID makes ids that differ within a test process.
func nextID() string { return rand.Text() }

func sound(t *testing.T, server *sts.Server, now time.Time, clientID string) *request {
	t.Helper()
	r := &request{clientAlg: jwa.ES256(), proofAlg: jwa.ES256(), proofKey: ecKey(t), assertionTyp: "JWT"}
	for _, client := range server.Clients() {
		if client.ClientID == clientID {
			r.client = client
		}
	}
	key, err := jwk.ParseKey(r.client.PrivateJWK)
	if err != nil {
		t.Fatal(err)
	}
	r.clientKey = key
	r.assertion = map[string]any{
		"iss": clientID, "sub": clientID, "aud": server.Issuer(), "jti": nextID(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(30 * time.Second).Unix(),
	}
	r.proof = map[string]any{"htm": "POST", "htu": server.TokenEndpoint(), "iat": now.Unix(), "jti": nextID()}
	r.proofHeader = map[string]any{"typ": "dpop+jwt", "jwk": public(t, r.proofKey)}
	r.form = url.Values{
		"grant_type": {"client_credentials"}, "client_id": {clientID},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	}
	return r
}

func signed(t *testing.T, alg jwa.SignatureAlgorithm, key any, header, claims map[string]any) string {
	t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	headers := jws.NewHeaders()
	for name, value := range header {
		if err := headers.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	token, err := jws.Sign(payload, jws.WithKey(alg, key, jws.WithProtectedHeaders(headers)))
	if err != nil {
		t.Fatal(err)
	}
	return string(token)
}

// reply is the token endpoint's answer.
type reply struct {
	Status      int
	Nonce       string
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Scope       string `json:"scope"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// send sends the request once, as it stands.
func (r *request) send(t *testing.T, server *sts.Server) reply {
	t.Helper()
	form := maps.Clone(r.form)
	if form.Get("client_assertion") == "" {
		form.Set("client_assertion", signed(t, r.clientAlg, r.clientKey, map[string]any{"typ": r.assertionTyp}, r.assertion))
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.TokenEndpoint(), strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	proofs := r.proofs
	if proofs == nil {
		proofs = []string{signed(t, r.proofAlg, r.proofKey, r.proofHeader, r.proof)}
	}
	for _, proof := range proofs {
		req.Header.Add("DPoP", proof)
	}
	response, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var got reply
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	got.Status, got.Nonce = response.StatusCode, response.Header.Get("DPoP-Nonce")
	if response.Header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be cached")
	}
	return got
}

// withNonce takes the challenge first, as clients do.
func (r *request) withNonce(t *testing.T, server *sts.Server, now time.Time) *request {
	t.Helper()
	got := sound(t, server, now, "epj-betanien").send(t, server)
	if got.Status != http.StatusBadRequest || got.Error != "use_dpop_nonce" || got.Nonce == "" {
		t.Fatalf("no nonce challenge: %+v", got)
	}
	r.proof["nonce"] = got.Nonce
	return r
}

// decode checks the token's signature with the published keys and returns header and claims.
func decode(t *testing.T, server *sts.Server, token string) (header, claims map[string]any) {
	t.Helper()
	response, err := http.Get(server.JWKSEndpoint())
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	set, err := jwk.ParseReader(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	payload, err := jws.Verify([]byte(token), jws.WithKeySet(set))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return header, claims
}

func TestTokenHasHelseIDsShape(t *testing.T) {
	t.Parallel()
	clock := newClock()
	server := start(t, sts.Options{Now: clock.Now})
	r := sound(t, server, clock.Now(), "epj-betanien").withNonce(t, server, clock.Now())
	r.form.Set("scope", writeScope+" "+deleteScope)
	got := r.send(t, server)
	if got.Status != http.StatusOK || got.TokenType != "DPoP" || got.ExpiresIn != 60 || got.Scope != deleteScope+" "+writeScope {
		t.Fatalf("answer %+v", got)
	}
	header, claims := decode(t, server, got.AccessToken)
	if header["typ"] != "at+jwt" || header["alg"] != "RS256" || header["kid"] == "" {
		t.Errorf("header %v", header)
	}
	if jti, _ := claims["jti"].(string); len(jti) != 32 {
		t.Errorf("jti %q", jti)
	}
	delete(claims, "jti")
	now := float64(clock.Now().Unix())
	want := map[string]any{
		"iss": server.Issuer(), "aud": "nhn:phr-document-repository", "iat": now, "nbf": now, "exp": now + 60,
		"cnf":       map[string]any{"jkt": thumbprint(t, r.proofKey)},
		"scope":     []any{deleteScope, writeScope},
		"client_id": "epj-betanien", "client_amr": "private_key_jwt",
		"helseid://claims/client/client_name":         "Betanien - EPJ",
		"helseid://claims/client/client_tenancy":      "single-tenant",
		"helseid://claims/client/claims/orgnr_parent": "981275721",
	}
	if diff := cmp.Diff(want, claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestRSAClientAndProof(t *testing.T) {
	t.Parallel()
	clock := newClock()
	raw, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err := json.Marshal(imported(t, raw))
	if err != nil {
		t.Fatal(err)
	}
	own := sts.Client{ClientID: "epj-betanien", PrivateJWK: private, Organisations: []string{"981275721"}, Scopes: []string{writeScope}}
	server := start(t, sts.Options{Now: clock.Now, Clients: []sts.Client{own}})
	r := sound(t, server, clock.Now(), "epj-betanien")
	r.clientAlg, r.proofAlg, r.proofKey = jwa.PS512(), jwa.RS384(), imported(t, raw)
	r.proofHeader["jwk"] = public(t, r.proofKey)
	first := r.send(t, server)
	if first.Error != "use_dpop_nonce" {
		t.Fatalf("answer %+v", first)
	}
	r.proof["nonce"] = first.Nonce
	if got := r.send(t, server); got.Status != http.StatusOK {
		t.Errorf("answer %+v", got)
	}
}
