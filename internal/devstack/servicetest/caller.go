package servicetest

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/helseid"
)

// Caller is somebody with a key and a way to tokens.
type Caller struct {
	service *Service
	key     *helseid.ProofKey
	claims  map[string]any
}

// Writer is a record system of an organisation with the given scopes; without any, it may create and delete.
func (s *Service) Writer(t testing.TB, organisation string, scopes ...string) *Caller {
	if len(scopes) == 0 {
		scopes = []string{access.ScopeCreate, access.ScopeDelete}
	}
	return s.Caller(t, map[string]any{
		"aud": access.AudienceWrite, "scope": scopes, "client_id": "epj-" + organisation,
		"helseid://claims/client/claims/orgnr_parent": organisation, "helseid://claims/client/client_name": "EPJ " + organisation,
	})
}

// Doctor is GRØNN VITS (synthetic) at an organisation, with everything a personal token must have and the given scopes; without any,
// she lists under §45 and opens.
func (s *Service) Doctor(t testing.TB, organisation string, scopes ...string) *Caller {
	if len(scopes) == 0 {
		scopes = []string{access.ScopeReadList, access.ScopeReadDocument}
	}
	return s.Caller(t, map[string]any{
		"aud": access.AudienceRead, "scope": scopes, "client_id": "les-" + organisation, "sub": "doctor",
		"helseid://claims/client/claims/orgnr_parent": organisation, "helseid://claims/identity/pid": "05898597468",
		"helseid://claims/identity/security_level": "4", "helseid://claims/hpr/hpr_number": "565501872", "name": "GRØNN VITS",
		"nhn:tillitsrammeverk:parameters": attest(organisation),
	})
}

func attest(organisation string) map[string]any {
	code := func(code, system string) map[string]any { return map[string]any{"code": code, "system": system} }
	id := func(id, system string) map[string]any { return map[string]any{"id": id, "system": system} }
	return map[string]any{
		"practitioner": map[string]any{
			"authorization": code("LE", "urn:oid:2.16.578.1.12.4.1.1.9060"), "legal_entity": id(organisation, "urn:oid:2.16.578.1.12.4.1.4.101"),
			"point_of_care": id(organisation, "urn:oid:2.16.578.1.12.4.1.4.101"), "identifier": id("05898597468", "urn:oid:2.16.578.1.12.4.1.4.1"),
			"hpr_nr": id("565501872", "urn:oid:2.16.578.1.12.4.1.4.4"),
		},
		"care_relationship": map[string]any{
			"purpose_of_use": code("TREAT", "urn:oid:2.16.840.1.113883.1.11.20448"), "purpose_of_use_details": code("BEHANDLER", "urn:x"),
			"healthcare_service": code("01", "urn:oid:2.16.578.1.12.4.1.1.8666"),
		},
	}
}

// Caller is anybody, with exactly these claims over a token's defaults.
func (s *Service) Caller(t testing.TB, claims map[string]any) *Caller {
	t.Helper()
	key, err := helseid.NewProofKey()
	if err != nil {
		t.Fatal(err)
	}
	return &Caller{service: s, key: key, claims: claims}
}

// With is the same caller with claims changed; nil removes one.
func (c *Caller) With(claims map[string]any) *Caller {
	changed := maps.Clone(c.claims)
	maps.Copy(changed, claims)
	return &Caller{service: c.service, key: c.key, claims: changed}
}

// For is the same caller with another purpose in the attest.
func (c *Caller) For(purpose string) *Caller {
	organisation, _ := c.claims["helseid://claims/client/claims/orgnr_parent"].(string)
	claim := attest(organisation)
	claim["care_relationship"].(map[string]any)["purpose_of_use"] = map[string]any{"code": purpose, "system": "urn:oid:2.16.840.1.113883.1.11.20448"}
	return c.With(map[string]any{"nhn:tillitsrammeverk:parameters": claim})
}

// Token is a fresh access token.
func (c *Caller) Token(t testing.TB) string {
	t.Helper()
	claims := map[string]json.RawMessage{}
	for name, value := range c.claims {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		claims[name] = text
	}
	token, err := c.service.STS.TestToken(sts.TestTokenRequest{Claims: claims, JKT: c.key.Thumbprint()})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// Answer is a response read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Err is how reading the body ended, nil at its proper end.
	Err error
}

// Do sends a request with a fresh token and proof.
func (c *Caller) Do(t testing.TB, req *http.Request) Answer {
	t.Helper()
	c.Sign(t, req)
	return Send(t, req)
}

// Sign puts a fresh token and proof on a request, and the calling system (R3) where the test names none.
func (c *Caller) Sign(t testing.TB, req *http.Request) {
	t.Helper()
	token := c.Token(t)
	proof, err := c.key.Proof(req.Method, req.URL.String(), token, "")
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "DPoP "+token)
	req.Header.Set("DPoP", proof)
	if req.Header.Get("nhn-source-system") == "" {
		req.Header.Set("nhn-source-system", "servicetest 1.0")
	}
}

// Send sends a request as it is.
func Send(t testing.TB, req *http.Request) Answer {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL.Path, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return Answer{res.StatusCode, res.Header, body, err}
}

// Request makes a request to a path of the service; headers come in pairs.
func (s *Service) Request(t testing.TB, method, path string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	address := path
	if strings.HasPrefix(path, "/") {
		address = s.URL + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// Upload posts a bundle, and comes back when told that the service has enough to do, as every record system must: on a machine that is busy
// with other tests a handful of uploads is enough.
func (c *Caller) Upload(t testing.TB, bundle []byte) Answer {
	t.Helper()
	for range 60 {
		a := c.Do(t, c.service.Request(t, http.MethodPost, "/R4/fhir/Bundle", bytes.NewReader(bundle), "Content-Type", "application/fhir+json"))
		if a.Status != http.StatusTooManyRequests {
			return a
		}
		after, err := strconv.Atoi(a.Header.Get("Retry-After"))
		if err != nil {
			t.Fatalf("429 with Retry-After %q: %s", a.Header.Get("Retry-After"), a.Body)
		}
		time.Sleep(time.Duration(after) * time.Second)
	}
	t.Fatal("sixty times told to come back")
	return Answer{}
}

// Search posts a search.
func (c *Caller) Search(t testing.TB, form url.Values, headers ...string) Answer {
	t.Helper()
	headers = append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)
	return c.Do(t, c.service.Request(t, http.MethodPost, "/R4/fhir/DocumentReference/_search", strings.NewReader(form.Encode()), headers...))
}

// Get asks for an address, absolute or a path.
func (c *Caller) Get(t testing.TB, path string, headers ...string) Answer {
	t.Helper()
	return c.Do(t, c.service.Request(t, http.MethodGet, path, nil, headers...))
}
