package sts_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/document"
	"dokumentlager/internal/saml"
)

// samlVerifier trusts both issuers of a server, as the service does.
func samlVerifier(t *testing.T, server *sts.Server, now func() time.Time) *saml.Verifier {
	t.Helper()
	cfg := saml.Defaults()
	cfg.Now = now
	for _, i := range server.SAMLIssuers() {
		issuer := saml.HelseID(i.Certificate)
		if i.Short == sts.HelsenorgeSAML {
			issuer = saml.Helsenorge(i.Certificate)
		}
		if issuer.Name != i.Name || issuer.Lifetime != i.Lifetime || issuer.Audiences[0] != i.Audience {
			t.Errorf("%s is not what the service expects by default: %+v", i.Short, i)
		}
		cfg.Issuers = append(cfg.Issuers, issuer)
	}
	v, err := saml.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// ask posts a request and gives the answer's body.
func askSAML(t *testing.T, server *sts.Server, body string) (int, string) {
	t.Helper()
	answer, err := http.Post(server.TestSAMLEndpoint(), "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if kind := answer.Header.Get("Content-Type"); answer.StatusCode == http.StatusOK && kind != "application/xml" {
		t.Errorf("the assertion comes as %s", kind)
	}
	return answer.StatusCode, string(content)
}

func inSecurity(assertion string) []byte {
	return []byte(`<o:Security xmlns:o="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">` + assertion + `</o:Security>`)
}

// TestSAMLIssuers: what is asked for comes out of the verifier, which trusts only what the issuers of this folder sign.
func TestSAMLIssuers(t *testing.T) {
	t.Parallel()
	clock := newClock()
	server := start(t, sts.Options{Now: clock.Now})
	v, strangers := samlVerifier(t, server, clock.Now), samlVerifier(t, start(t, sts.Options{Now: clock.Now}), clock.Now)
	const patient = `"urn:oasis:names:tc:xacml:2.0:resource:resource-id":["21821999925^^^&2.16.578.1.12.4.1.4.1&ISO"]`
	for name, c := range map[string]struct {
		body string
		kind access.Kind
		of   string
		want error
	}{
		"a citizen":            {`{"issuer":"helsenorge","name_id":"13116900216"}`, access.Citizen, "13116900216", nil},
		"a parent":             {`{"issuer":"helsenorge","name_id":"13116900216","attributes":{` + patient + `,"urn:ihe:iti:xua:2012:acp":["urn:oid:2.16.578.1.12.4.1.7.2.1.1"]}}`, access.Guardian, "21821999925", nil},
		"power of attorney":    {`{"issuer":"helsenorge","name_id":"13116900216","attributes":{` + patient + `,"urn:ihe:iti:xua:2012:acp":["urn:oid:2.16.578.1.12.4.1.7.2.1.2"]}}`, access.Proxy, "21821999925", nil},
		"somebody else":        {`{"issuer":"helsenorge","name_id":"13116900216","attributes":{` + patient + `}}`, 0, "", saml.ErrContent},
		"no patient":           {`{"issuer":"helsenorge","name_id":"13116900216","attributes":{"urn:oasis:names:tc:xacml:2.0:resource:resource-id":null}}`, 0, "", saml.ErrContent},
		"an acp of nil":        {`{"issuer":"helsenorge","name_id":"13116900216","attributes":{"urn:ihe:iti:xua:2012:acp":[]}}`, access.Citizen, "13116900216", nil},
		"a doctor":             {`{"issuer":"helseid","name_id":"06828399789"}`, access.Personnel, "29698496140", nil},
		"a doctor's patient":   {`{"issuer":"helseid","name_id":"06828399789","attributes":{` + patient + `}}`, access.Personnel, "21821999925", nil},
		"a doctor's numbers":   {`{"issuer":"helseid","name_id":"06828399789","attributes":{"urn:oasis:names:tc:xspa:1.0:subject:npi":["565501111"],` + patient + `}}`, access.Personnel, "21821999925", nil},
		"a doctor without one": {`{"issuer":"helseid","name_id":"06828399789","attributes":{"urn:oasis:names:tc:xacml:1.0:resource:resource-id":null}}`, access.Personnel, "", nil},
		"two patients":         {`{"issuer":"helseid","name_id":"06828399789","attributes":{"urn:oasis:names:tc:xacml:1.0:resource:resource-id":["29698496140^^^&2.16.578.1.12.4.1.4.1&ISO"],` + patient + `}}`, 0, "", saml.ErrContent},
		"another audience":     {`{"issuer":"helseid","name_id":"06828399789","audience":"x"}`, 0, "", saml.ErrConditions},
		"expired":              {`{"issuer":"helseid","name_id":"06828399789","not_on_or_after":"2026-01-01T12:00:00+01:00"}`, 0, "", saml.ErrExpired},
		"not valid yet":        {`{"issuer":"helsenorge","name_id":"13116900216","not_before":"2030-01-01T12:00:00Z"}`, 0, "", saml.ErrConditions},
		"valid for a day":      {`{"issuer":"helsenorge","name_id":"13116900216","not_on_or_after":"2027-01-17T08:00:00Z"}`, 0, "", saml.ErrConditions},
		"a time that is none":  {`{"issuer":"helsenorge","name_id":"13116900216","not_on_or_after":"tomorrow"}`, 0, "", saml.ErrConditions},
	} {
		status, text := askSAML(t, server, c.body)
		got, err := v.Verify(inSecurity(text))
		if status != http.StatusOK || !errors.Is(err, c.want) || c.want == nil && err != nil || got.Caller.Kind != c.kind || got.Patient.Value != c.of {
			t.Errorf("%s: %d, %v about %q, %v", name, status, got.Caller.Kind, got.Patient.Value, err)
		}
		if c.kind == access.Personnel && access.DefaultPolicy().CheckPersonnel(got.Caller).Refuses() {
			t.Errorf("%s may not read", name)
		}
		if _, err := strangers.Verify(inSecurity(text)); !errors.Is(err, saml.ErrSignature) {
			t.Errorf("%s at another stack: %v", name, err)
		}
	}
}

// TestSAMLRequestIsChecked: a misspelt request would give another assertion than the test means.
func TestSAMLRequestIsChecked(t *testing.T) {
	t.Parallel()
	server := start(t, sts.Options{})
	for _, body := range []string{``, `{}`, `{"issuer":"helsenorge"}`, `{"issuer":"x","name_id":"1"}`, `{"issuer":"helseid","name_id":"1","attribute":{}}`,
		`{"issuer":"helseid","name_id":"1","attributes":{"x":"y"}}`, `{"issuer":"helseid","name_id":"1"} x`} {
		if status, text := askSAML(t, server, body); status != http.StatusBadRequest || strings.Contains(text, "<saml:") {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
}

// TestSAMLKeysSurvive: a service that is configured with the certificates need not be restarted with the stack; escapes hold.
func TestSAMLKeysSurvive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := start(t, sts.Options{Dir: dir})
	v := samlVerifier(t, first, time.Now)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := start(t, sts.Options{Dir: dir})
	text, err := second.TestAssertion(sts.TestAssertionRequest{Issuer: sts.HelsenorgeSAML, NameID: "13116900216",
		Attributes: map[string][]string{"urn:oasis:names:tc:xspa:1.0:subject:subject-id": {"Kari & Ola <Nordmann> \"æøå\""}, "x\"<y>": {"z"}}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := v.Verify(inSecurity(text))
	if err != nil || got.Caller.Name != "Kari & Ola <Nordmann> \"æøå\"" || got.Patient != (document.PatientID{Value: "13116900216", Authority: document.AuthorityFNR}) {
		t.Errorf("%+v, %v", got, err)
	}
}
