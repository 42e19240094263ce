package saml

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/devstack/samlsign"
)

// The synthetic persons of the tests.
const (
	doctor  = "06828399789"
	patient = "29698496140"
	citizen = "27888498775"
	child   = "21821999925"
)

// keys are the issuers': expensive to make, and the same for all tests.
type keys struct {
	helseID, helsenorge, helsenorgeP384, next samlsign.Signer
	// stranger is trusted by nobody; old and early are HelseID's, outside their certificate's time.
	stranger, old, early samlsign.Signer
}

// begin is the time of the tests.
var begin = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

var theKeys = sync.OnceValues(func() (keys, error) {
	var failed error
	signer := func(curve elliptic.Curve, name string, shift time.Duration) samlsign.Signer {
		var key crypto.Signer
		var err error
		if key, err = rsa.GenerateKey(rand.Reader, 2048); curve != nil {
			key, err = ecdsa.GenerateKey(curve, rand.Reader)
		}
		certificate, err2 := samlsign.Certificate(key, name, begin.Add(shift), 1000*time.Hour)
		failed = errors.Join(failed, err, err2)
		return samlsign.Signer{Key: key, Certificate: certificate}
	}
	return keys{
		helseID: signer(nil, "HelseID", 0), helsenorge: signer(nil, "Helsenorge", 0), helsenorgeP384: signer(elliptic.P384(), "Helsenorge P-384", 0),
		next: signer(elliptic.P256(), "HelseID next", 0), stranger: signer(nil, "HelseID", 0),
		old: signer(elliptic.P256(), "HelseID old", -2000*time.Hour), early: signer(elliptic.P256(), "HelseID early", 2000*time.Hour),
	}, failed
})

// rig is a verifier that trusts two issuers, with the issuers' keys.
type rig struct {
	*Verifier
	keys
	now time.Time
	dir string
}

func newRig(t testing.TB) *rig {
	t.Helper()
	made, err := theKeys()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{now: begin, dir: t.TempDir(), keys: made}
	r.write(t, "helseid/1.pem", r.helseID, r.old)
	r.write(t, "helseid/2.pem", r.next, r.early)
	r.write(t, "helsenorge.pem", r.helsenorge, r.helsenorgeP384)
	cfg := Defaults()
	cfg.Now = func() time.Time { return r.now }
	cfg.Issuers = []Issuer{HelseID(filepath.Join(r.dir, "helseid")), Helsenorge(filepath.Join(r.dir, "helsenorge.pem"))}
	if r.Verifier, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) write(t testing.TB, name string, signers ...samlsign.Signer) {
	t.Helper()
	var text []byte
	for _, s := range signers {
		text = append(text, samlsign.PEM(s.Certificate)...)
	}
	path := filepath.Join(r.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) signer(t testing.TB, key crypto.Signer, name string, shift time.Duration) samlsign.Signer {
	t.Helper()
	certificate, err := samlsign.Certificate(key, name, r.now.Add(shift), 1000*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return samlsign.Signer{Key: key, Certificate: certificate}
}

// doctor's assertion as HelseID writes it, without its peculiarities; the third-party tokens have those.
func (r *rig) doctor() samlsign.Assertion {
	id := func(extension, root string) string {
		return `<id xmlns="urn:hl7-org:v3" xsi:type="II" extension="` + extension + `" root="` + root + `"/>`
	}
	ce := func(tag, code, system string) string {
		return `<` + tag + ` xmlns="urn:hl7-org:v3" xsi:type="CE" code="` + code + `" codeSystem="` + system + `"/>`
	}
	return r.assertion(IssuerHelseID, doctor, AudienceHelseID, time.Hour,
		nameLevel[1], "4", nameScope[1], "journaldokumenter_helsepersonell", namePerson[0], "KVART GREVLING",
		nameNumber[0], "565505933", nameNumber[1], "565505933", nameNumber[2], id("565505933", "2.16.578.1.12.4.1.4.4"),
		nameRole[0], ce("Role", "LE", "urn:oid:2.16.578.1.12.4.1.1.9060"), namePurpose[1], ce("PurposeOfUse", "TREAT", "urn:oid:2.16.840.1.113883.1.11.20448"),
		nameEntity[0], id("960510542", "urn:oid:2.16.578.1.12.4.1.4.101"), namePatient[0], patient+"^^^&amp;2.16.578.1.12.4.1.4.1&amp;ISO")
}

func (r *rig) citizen() samlsign.Assertion {
	return r.assertion(IssuerHelsenorge, citizen, AudienceHelsenorge, 20*time.Minute,
		nameLevel[0], "4", nameScope[0], "innsynregisterbruk,innsynpasientjournal", namePerson[0], "Rettferdig Savanne", nameNumber[1], citizen,
		namePatient[0], citizen+"^^^&2.16.578.1.12.4.1.4.1&ISO")
}

func (r *rig) assertion(issuer, nameID, audience string, life time.Duration, attributes ...string) samlsign.Assertion {
	a := samlsign.Assertion{ID: "_6aaebd1c-09dc-4667-b3fe-dcc150211a52", Issuer: issuer, NameID: nameID, Issued: r.now, Audience: audience,
		NotBefore: samlsign.Time(r.now.Add(-time.Minute)), NotOnOrAfter: samlsign.Time(r.now.Add(life - time.Minute))}
	for i := 0; i < len(attributes); i += 2 {
		a.Attributes = append(a.Attributes, samlsign.Attribute{Name: attributes[i], Values: attributes[i+1 : i+2]})
	}
	return a
}

// with replaces the values of an attribute, or adds it; none removes it.
func with(a samlsign.Assertion, name string, values ...string) samlsign.Assertion {
	var kept []samlsign.Attribute
	for _, have := range a.Attributes {
		if have.Name != name {
			kept = append(kept, have)
		}
	}
	if len(values) > 0 {
		kept = append(kept, samlsign.Attribute{Name: name, Values: values})
	}
	a.Attributes = kept
	return a
}

// sign signs the assertion as it is after the edits, each of which replaces the first old by new and must find it.
func sign(t testing.TB, s samlsign.Signer, a samlsign.Assertion, edits ...string) string {
	t.Helper()
	text := edit(t, a.XML(""), edits...)
	element, err := s.Element(a.ID, text)
	if err != nil {
		t.Fatal(err)
	}
	return edit(t, text, `</saml:Issuer>`, `</saml:Issuer>`+element)
}

func edit(t testing.TB, text string, edits ...string) string {
	t.Helper()
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("nothing to edit: %s is not there", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return text
}

const (
	envelope = `<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header><a:Action xmlns:a="http://www.w3.org/2005/08/addressing" s:mustUnderstand="1">urn:x</a:Action>`
	security = `<wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">`
	secured  = `</wsse:Security>`
	tail     = `</s:Header><s:Body></s:Body></s:Envelope>`
)

// enclosed puts what belongs into Security into an envelope.
func enclosed(inside string) string { return envelope + security + inside + secured + tail }
