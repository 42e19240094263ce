package helseid

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/fuzztest"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// saying is a transport over which everybody answers the same.
type saying struct {
	status int
	body   []byte
	header http.Header
}

func (s saying) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.status, Header: s.header, Body: io.NopCloser(bytes.NewReader(s.body)), Request: r}, nil
}

// FuzzJWKS holds that no set of keys, whatever stands in it, gives a key without an id, and that it is an error to have none.
func FuzzJWKS(f *testing.F) {
	for _, s := range []string{`{"keys":[]}`, `{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}`,
		`{"keys":[{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}]}`, `{"keys":[{"kty":"oct","k":"AAAA","kid":"a"}]}`, `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo","kid":"a","d":"x"}]}`, `{"keys":{}}`, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		defer fuzztest.InTime(t)()
		keys, err := parseJWKS(body)
		if (err == nil) != (len(keys) > 0) {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		for kid, all := range keys {
			if kid == "" || len(all) == 0 || all[0].key == nil {
				t.Errorf("kid %q with %d keys", kid, len(all))
			}
		}
	})
}

// FuzzDiscovery holds that an issuer's description never leads from https to anything else, nor speaks for another issuer.
func FuzzDiscovery(f *testing.F) {
	for _, s := range []string{`{"issuer":"https://a.no","jwks_uri":"https://a.no/keys","token_endpoint":"https://a.no/token"}`, `{"issuer":"https://a.no","jwks_uri":"http://a.no/keys"}`,
		`{"issuer":"https://a.no","jwks_uri":"HTTPS://a.no"}`, `{"issuer":"https://b.no"}`, `{"issuer":"https://a.no","jwks_uri":"file:///etc/passwd"}`, `{"issuer":"https://a.no","jwks_uri":"//x"}`, `null`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		defer fuzztest.InTime(t)()
		d, err := discover(t.Context(), &http.Client{Transport: saying{200, body, nil}}, "https://a.no")
		if err != nil {
			return
		}
		for _, address := range []string{d.JWKSURI, d.TokenEndpoint} {
			if address != "" && !strings.HasPrefix(strings.ToLower(address), "https:") {
				t.Errorf("leads to %q", address)
			}
		}
	})
}

// FuzzTokenAnswer holds that a client takes a token only from an answer that has one and says that it is bound.
func FuzzTokenAnswer(f *testing.F) {
	for _, s := range []string{`{"access_token":"a","token_type":"DPoP"}`, `{"access_token":"a","token_type":"Bearer"}`, `{"error":"use_dpop_nonce"}`, `{"error":"x","error_description":"y"}`, `{`, ``, `{"token_type":"dpop"}`} {
		f.Add(200, []byte(s), "n")
		f.Add(400, []byte(s), "")
	}
	proofs, err := NewProofKey()
	if err != nil {
		f.Fatal(err)
	}
	key, err := jwk.ParseKey([]byte(`{"kty":"EC","crv":"P-256","kid":"a","d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, body []byte, nonce string) {
		defer fuzztest.InTime(t)()
		c := &Client{ClientID: "c", Key: key, Issuer: "https://a.no", TokenEndpoint: "https://a.no/token", Proofs: proofs, Now: time.Now,
			HTTPClient: &http.Client{Transport: saying{status, body, http.Header{"Dpop-Nonce": {nonce}}}}}
		token, err := c.Token(t.Context(), []string{"s"}, "")
		if err == nil && (token == "" || status != 200 || !bytes.Contains(bytes.ToLower(body), []byte("token_type"))) {
			t.Errorf("status %d, %q gave %q", status, body, token)
		}
	})
}
