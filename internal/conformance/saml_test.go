package conformance

import (
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
	"dokumentlager/internal/saml"
)

// nhnTokens are the eleven messages of NHN's XCA document source that carry an assertion. They were indented after they were signed, so none
// verifies as it lies there; de-indented seven do, and the others were edited by hand: a namespace in kj, the patient and the acp in the
// rest. xmlsec1 agrees on all eleven (spec/soap.md 1).
var nhnTokens = map[string]error{
	"SoapRequests/SamlToken01.xml": nil, "IntegrationTests/IT_SamlToken_KJ01.xml": nil, "SoapRequests/PnR_request.xml": nil,
	"SoapRequests/iti18-iti40-request.xml": nil, "SoapRequests/iti39-iti40-request-kj.xml": nil, "SoapRequests/iti86-iti40-request.xml": nil,
	"SoapRequests/iti39-iti40-request-hn.xml": nil,

	"SoapRequests/iti38-iti40-request-kj.xml": saml.ErrSignature, "SoapRequests/iti38-iti40-request-hn.xml": saml.ErrSignature,
	"SoapRequests/iti38-iti40-request-hn-acp-1.xml": saml.ErrSignature, "SoapRequests/iti38-iti40-request-hn-acp-3.xml": saml.ErrSignature,
}

// The instants at which the two tokens were valid; their certificates have expired since.
var (
	thenHelseID    = time.Date(2025, 7, 31, 19, 0, 0, 0, time.UTC)
	thenHelsenorge = time.Date(2025, 8, 29, 9, 50, 0, 0, time.UTC)
)

var (
	securityForm    = regexp.MustCompile(`(?s)<wsse:Security.*</wsse:Security>`)
	assertionForm   = regexp.MustCompile(`(?s)<saml:Assertion.*</saml:Assertion>`)
	indentation     = regexp.MustCompile(`>\s+<`)
	certificateForm = regexp.MustCompile(`<X509Certificate>([^<]*)</X509Certificate>`)
)

// securityOf cuts the header's Security out of a message; a token that lies alone gets one.
func securityOf(text string) string {
	if found := securityForm.FindString(text); found != "" {
		return found
	}
	return `<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">` + assertionForm.FindString(text) + `</wsse:Security>`
}

// TestNHNTokens holds the verifier to real tokens of both national issuers, at the time they were made.
func TestNHNTokens(t *testing.T) {
	t.Parallel()
	c := collection{filepath.Join(thirdparty(t).dir, "nhn-xcads")}
	now := thenHelseID
	v := nhnVerifier(t, c, &now)
	for name, want := range nhnTokens {
		text := securityOf(string(c.read(t, name)))
		if now = thenHelseID; strings.Contains(text, saml.IssuerHelsenorge) {
			now = thenHelsenorge
		}
		if _, err := v.Verify([]byte(text)); !errors.Is(err, saml.ErrSignature) {
			t.Errorf("%s as it lies there: %v", name, err)
		}
		got, err := v.Verify([]byte(indentation.ReplaceAllString(text, "><")))
		if !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
		if err == nil {
			judgeNHN(t, name, got)
		}
		now = now.Add(24 * time.Hour)
		if _, err := v.Verify([]byte(indentation.ReplaceAllString(text, "><"))); want == nil && !errors.Is(err, saml.ErrExpired) {
			t.Errorf("%s a day later: %v", name, err)
		}
	}
}

func judgeNHN(t *testing.T, name string, got saml.Assertion) {
	t.Helper()
	c := got.Caller
	switch got.Issuer {
	case saml.IssuerHelseID:
		if c.Kind != access.Personnel || c.HPR != "565505933" || c.Role != "LE" || c.Purpose != "TREAT" || c.Organisation != "960510542" ||
			c.PointOfCare != "874593842" || c.Service != "KP01" || c.DecisionRef == "" || got.ACP != "" || got.Patient != norwegian("29698496140") {
			t.Errorf("%s: %+v", name, got)
		}
		if ps := access.DefaultPolicy().CheckPersonnel(c); ps.Refuses() {
			t.Errorf("%s: the doctor may not read: %v", name, ps)
		}
	default:
		if c.Kind != access.Guardian || c.PersonID != "27888498775" || got.Patient != norwegian("21821999925") || c.SecurityLevel != 4 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if !c.Has(access.ScopeReadList) || !c.Has(access.ScopeReadDocument) || got.Home != "2.16.578.1.12.4.1.7.1.1" {
		t.Errorf("%s: scopes %v, home %s", name, c.Scopes, got.Home)
	}
}

func norwegian(number string) document.PatientID {
	return document.PatientID{Value: number, Authority: document.AuthorityFNR}
}

// nhnVerifier trusts the two issuers by the certificates of one message each.
func nhnVerifier(t *testing.T, c collection, now *time.Time) *saml.Verifier {
	t.Helper()
	place := func(name, of string) string {
		der, err := base64.StdEncoding.DecodeString(certificateForm.FindStringSubmatch(string(c.read(t, of)))[1])
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cfg := saml.Defaults()
	cfg.Now = func() time.Time { return *now }
	cfg.Issuers = []saml.Issuer{saml.HelseID(place("helseid.pem", "SoapRequests/SamlToken01.xml")), saml.Helsenorge(place("helsenorge.pem", "SoapRequests/iti39-iti40-request-hn.xml"))}
	v, err := saml.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
