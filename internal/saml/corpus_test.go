package saml

import (
	"errors"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/fault"
)

// message is one of the corpus of attacks: want is nil for those that must pass.
type message struct {
	name string
	want error
	text string
}

// TestAttackCorpus: whatever a stranger, another issuer or a man in between can make of assertions is refused, for the reason it should
// be, and the shapes that honest issuers and gateways write pass (issue 6; spec/soap.md 1).
func TestAttackCorpus(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	passed, refused, slowest, slow := 0, 0, time.Duration(0), ""
	for _, m := range corpus(t, r) {
		got, err := r.Verify([]byte(m.text))
		if took := m.takes(r); took > slowest {
			slowest, slow = took, m.name
		}
		switch {
		case m.want == nil && err != nil:
			t.Errorf("%s: refused: %v", m.name, err)
		case m.want == nil:
			passed++
			if subject := got.Caller.PersonID; subject != doctor && subject != citizen {
				t.Errorf("%s: the caller is %q", m.name, subject)
			}
		case err == nil:
			t.Errorf("%s: passed as %+v", m.name, got)
		default:
			refused++
			m.judge(t, got, err)
		}
	}
	t.Logf("%d passed and %d refused, as they should; the slowest took %v (%s)", passed, refused, slowest, slow)
	if slowest > enough {
		t.Errorf("%s took %v", slow, slowest)
	}
	if passed < 6 || refused < 53 {
		t.Errorf("only %d passed and %d refused: the corpus has shrunk", passed, refused)
	}
}

// enough is fifty times what the slowest flood takes; without the limits one takes seven seconds (spec/soap.md 1).
const enough = time.Second

// takes is the least of up to ten goes: machines are busy, and a message that is slow is slow every time. Short ones cannot be.
func (m message) takes(r *rig) time.Duration {
	if len(m.text) < 20_000 {
		return 0
	}
	least := time.Hour
	for try := 0; try < 10 && least > enough; try++ {
		from := time.Now()
		_, _ = r.Verify([]byte(m.text))
		least = min(least, time.Since(from))
	}
	return least
}

// judge holds that a refusal is for the right reason, gives nothing away and tells nobody's number.
func (m message) judge(t *testing.T, got Assertion, err error) {
	t.Helper()
	var p *fault.Problem
	if !errors.As(err, &p) || p.Code != fault.AssertionRefused || !errors.Is(err, m.want) {
		t.Errorf("%s: refused by %v, want %v", m.name, err, m.want)
	}
	if got.Subject != "" || got.Caller.Kind != 0 || !got.Patient.IsZero() {
		t.Errorf("%s: the refusal gives away %+v", m.name, got)
	}
	for _, number := range []string{doctor, patient, citizen, child, "565505933"} {
		if strings.Contains(err.Error(), number) {
			t.Errorf("%s: the refusal tells a number: %v", m.name, err)
		}
	}
}

func corpus(t testing.TB, r *rig) (all []message) {
	for _, part := range []func(testing.TB, *rig) []message{honest, forgeries, signatures, wrappings, bytesOf, floods, frames, contents} {
		all = append(all, part(t, r)...)
	}
	return all
}

// honest are the shapes that pass.
func honest(t testing.TB, r *rig) []message {
	good := sign(t, r.helseID, r.doctor())
	const declares = ` xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"`
	opensaml := r.helseID
	opensaml.Transforms = `<Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></Transform><Transform Algorithm="` + excC14N +
		`"><ec:InclusiveNamespaces xmlns:ec="` + excC14N + `" PrefixList="xs"></ec:InclusiveNamespaces></Transform>`
	sha512 := r.helseID
	sha512.Method, sha512.Digest = strings.Replace(rsaSHA256, "256", "512", 1), "http://www.w3.org/2001/04/xmlenc#sha512"
	p384 := r.helsenorgeP384
	p384.Method = ecdsaPrefix + "384"
	return []message{
		{"a doctor", nil, enclosed(good)},
		{"a citizen", nil, enclosed(sign(t, r.helsenorge, r.citizen()))},
		{"ECDSA on P-384 with SHA-384", nil, enclosed(sign(t, p384, r.citizen()))},
		{"the issuer's next certificate, ECDSA on P-256", nil, enclosed(sign(t, r.next, r.doctor()))},
		{"RSA with SHA-512", nil, enclosed(sign(t, sha512, r.doctor()))},
		{"OpenSAML's prefix list", nil, enclosed(sign(t, opensaml, r.doctor()))},
		{"spaces in value and certificate", nil, enclosed(edit(t, good, "</SignatureValue>", " \r\n </SignatureValue>", "<SignatureValue>", "<SignatureValue>\n  ",
			"<X509Certificate>MII", "<X509Certificate>\n\tM I\nI"))},
		{"the prefix declared by the envelope", nil, edit(t, enclosed(edit(t, good, declares, "")), "<s:Envelope", "<s:Envelope"+declares)},
		{"the prefix declared by Security", nil, edit(t, enclosed(edit(t, good, declares, "")), "<wsse:Security", "<wsse:Security"+declares)},
		{"more declarations that are not used", nil, edit(t, enclosed(good), "<s:Envelope", `<s:Envelope xmlns="urn:default" xmlns:ds="urn:x"`)},
		{"an indented header with a timestamp", nil, envelope + "\n  " + security + "\n    " + good + `<u:Timestamp xmlns:u="urn:u"><u:Created>x</u:Created></u:Timestamp>` + "\n" + secured + "\n" + tail},
		{"a header alone", nil, `<Header xmlns="http://www.w3.org/2003/05/soap-envelope">` + security + good + secured + `</Header>`},
		{"Security alone, declared XML", nil, `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + security + good + secured + "\n"},
		{"other letters for the same text", nil, enclosed(edit(t, good, "KVART GREVLING", "<![CDATA[KVART]]>&#x20;&#71;REVLING", `Version="2.0">`, `Version = '2.0' >`,
			` ID="_6aaebd1c-09dc-4667-b3fe-dcc150211a52"`, ``, `Version`, `ID='_6aaebd1c-09dc-4667-b3fe-dcc150211a52' Version`))},
		{"empty elements closed at once", nil, enclosed(edit(t, good, `cm:bearer"></saml:SubjectConfirmation>`, `cm:bearer"/>`, `xmldsig-more#rsa-sha256"></SignatureMethod>`, `xmldsig-more#rsa-sha256"/>`))},
	}
}

const rsaSHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"

// forgeries: somebody else signs, or nobody, or the text is another.
func forgeries(t testing.TB, r *rig) []message {
	good := sign(t, r.helseID, r.doctor())
	unsigned := r.doctor().XML("")
	lent := r.stranger
	lent.Certificate = r.helseID.Certificate
	unknown, spaced := r.doctor(), r.doctor()
	unknown.Issuer, spaced.Issuer = "https://helseid-xdssaml.nhn.no.example.org", IssuerHelseID+"/"
	inHisName := r.citizen()
	inHisName.Issuer = IssuerHelseID
	return []message{
		{"unsigned", ErrSignature, enclosed(unsigned)},
		{"another NameID after signing", ErrSignature, enclosed(edit(t, good, doctor, citizen))},
		{"another role after signing", ErrSignature, enclosed(edit(t, good, `code="LE"`, `code="SP"`))},
		{"another patient after signing", ErrSignature, enclosed(edit(t, good, patient, child))},
		{"another audience after signing", ErrSignature, enclosed(edit(t, good, AudienceHelseID, "nhn:dokumentdeling-samm"))},
		{"a longer life after signing", ErrSignature, enclosed(edit(t, good, `NotOnOrAfter="2026-11-22T12`, `NotOnOrAfter="2026-11-22T13`))},
		{"another attribute's name after signing", ErrSignature, enclosed(edit(t, good, nameRole[0], nameRole[0]+"s"))},
		{"space added after signing", ErrSignature, enclosed(edit(t, good, "<saml:Subject>", "\n<saml:Subject>"))},
		{"a stranger's signature and certificate", ErrSignature, enclosed(sign(t, r.stranger, r.doctor()))},
		{"a stranger's signature with the issuer's certificate", ErrSignature, enclosed(sign(t, lent, r.doctor()))},
		{"another trusted issuer in the name of the first", ErrSignature, enclosed(sign(t, r.helsenorge, r.doctor()))},
		{"the first in the name of the other", ErrSignature, enclosed(sign(t, r.helseID, r.citizen()))},
		{"a citizen's assertion in the name of the other issuer", ErrSignature, enclosed(sign(t, r.helsenorge, inHisName))},
		{"the other issuer's assertion renamed after signing", ErrSignature, enclosed(edit(t, sign(t, r.helsenorge, r.citizen()), IssuerHelsenorge, IssuerHelseID))},
		{"an issuer nobody knows", ErrSignature, enclosed(sign(t, r.helseID, unknown))},
		{"an issuer that almost is one", ErrSignature, enclosed(sign(t, r.helseID, spaced))},
		{"a certificate that has expired", ErrSignature, enclosed(sign(t, r.old, r.doctor()))},
		{"a certificate that is not valid yet", ErrSignature, enclosed(sign(t, r.early, r.doctor()))},
	}
}
