package servicetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"maps"
	"net/http"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/document"
	"dokumentlager/internal/soap"

	"github.com/google/uuid"
)

// Attributes are an assertion's by name, laid over the issuer's defaults as sts.TestAssertionRequest has it.
type Attributes = map[string][]string

// The names that tests change most.
const (
	AttributePatient      = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
	AttributeOrganisation = "urn:oasis:names:tc:xspa:1.0:subject:organization-id"
	AttributeScope        = "Scope"
	AttributePurpose      = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"
	AttributeACP          = "urn:ihe:iti:xua:2012:acp"
)

// The scopes of HelseID's assertions here: the first reads, the second writes, removes and reads (sts.SAMLSetting).
const (
	ScopeHealthPersonnel = "journaldokumenter_helsepersonell"
	ScopeRecordSystem    = access.ScopeCreate + "," + access.ScopeDelete + "," + access.ScopeReadList + "," + access.ScopeReadDocument
)

// DoctorNumber is the national number of the doctor of Doctor's tokens and Personnel's assertions.
const DoctorNumber = "05898597468"

// Assertion is a signed assertion of one of the two issuers.
func (s *Service) Assertion(t testing.TB, request sts.TestAssertionRequest) string {
	t.Helper()
	signed, err := s.STS.TestAssertion(request)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Personnel is the assertion of a doctor at an organisation who asks about a patient (a national number) and may read; with changes.
func (s *Service) Personnel(t testing.TB, organisation, patient string, changes ...Attributes) string {
	t.Helper()
	id := `<id xmlns="urn:hl7-org:v3" xsi:type="II" extension="` + organisation + `" root="urn:oid:2.16.578.1.12.4.1.4.101" displayable="true"/>`
	attributes := Attributes{AttributePatient: {ResourceID(patient)}, AttributeOrganisation: {id}, "urn:oasis:names:tc:xspa:1.0:subject:child-organization": {id}}
	for _, c := range changes {
		maps.Copy(attributes, c)
	}
	return s.Assertion(t, sts.TestAssertionRequest{Issuer: sts.HelseIDSAML, NameID: DoctorNumber, Attributes: attributes})
}

// RecordSystem is the assertion with which an organisation's record system writes: Personnel with the scope for it.
func (s *Service) RecordSystem(t testing.TB, organisation, patient string, changes ...Attributes) string {
	t.Helper()
	return s.Personnel(t, organisation, patient, append([]Attributes{{AttributeScope: {ScopeRecordSystem}}}, changes...)...)
}

// Citizen is the assertion of a citizen, by national number, about herself; with changes.
func (s *Service) Citizen(t testing.TB, number string, changes ...Attributes) string {
	t.Helper()
	attributes := Attributes{}
	for _, c := range changes {
		maps.Copy(attributes, c)
	}
	return s.Assertion(t, sts.TestAssertionRequest{Issuer: sts.HelsenorgeSAML, NameID: number, Attributes: attributes})
}

// ResourceID is a national number as an assertion's resource-id.
func ResourceID(number string) string {
	authority := document.AuthorityFNR
	if number >= "4" {
		authority = document.AuthorityDNR
	}
	return number + "^^^&" + authority + "&ISO"
}

// Part is a document of a message; the payload names it as soap.Href(ContentID).
type Part struct {
	ContentID, MediaType string
	Bytes                []byte
}

// SOAPAnswer is an answer, read.
type SOAPAnswer struct {
	Answer
	// Message is nil when the answer is no SOAP message. Documents are its parts, as Message.Document numbers them.
	Message   *soap.Message
	Documents [][]byte
	// Fault has the codes of a SOAP fault from the outermost to the innermost, and FaultText its text; nil when it is none.
	Fault     []string
	FaultText string
}

// Envelope is a request as clients write it: a MessageID of its own, and a security header when there is an assertion.
func Envelope(path, action string, payload []byte, assertion string) []byte {
	o := soap.Outbound{Action: action, MessageID: "urn:uuid:" + uuid.NewString(), To: "https://gateway.example" + path, ReplyTo: soap.Anonymous}
	if assertion != "" {
		o.Blocks = [][]byte{SecurityHeader(assertion)}
	}
	return soap.AppendEnvelope(nil, o, func(b []byte) []byte { return append(b, payload...) })
}

// SecurityHeader is the header block around an assertion.
func SecurityHeader(assertion string) []byte {
	return []byte(`<o:Security s:mustUnderstand="1" xmlns:o="` + soap.Security.Space + `">` + assertion + `</o:Security>`)
}

// Post sends one request, alone or, with documents, as a package, and reads the answer.
func (s *Service) Post(t testing.TB, path, action string, payload []byte, assertion string, documents ...Part) SOAPAnswer {
	t.Helper()
	return s.PostEnvelope(t, path, action, Envelope(path, action, payload, assertion), documents...)
}

// PostEnvelope is Post for an envelope of the test's own making. Action is for the Content-Type alone.
func (s *Service) PostEnvelope(t testing.TB, path, action string, envelope []byte, documents ...Part) SOAPAnswer {
	t.Helper()
	contentType, body := soap.ContentType(action), envelope
	if documents != nil {
		contentType, body = Package(t, envelope, documents)
	}
	return ReadSOAP(t, Send(t, s.Request(t, http.MethodPost, path, bytes.NewReader(body), "Content-Type", contentType)))
}

// Package is an MTOM package of an envelope and documents.
func Package(t testing.TB, envelope []byte, documents []Part) (contentType string, body []byte) {
	t.Helper()
	var parts []soap.Outgoing
	for _, d := range documents {
		parts = append(parts, soap.Outgoing{ContentID: d.ContentID, MediaType: d.MediaType, Size: int64(len(d.Bytes))})
	}
	p, err := soap.NewPackage(rand.Reader, envelope, parts)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = p.Write(t.Context(), &out, func(_ context.Context, n int) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(documents[n].Bytes)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p.ContentType(), out.Bytes()
}

// ReadSOAP reads what was answered.
func ReadSOAP(t testing.TB, a Answer) SOAPAnswer {
	t.Helper()
	out := SOAPAnswer{Answer: a}
	if a.Err != nil || len(a.Body) == 0 {
		return out
	}
	var documents []*bytes.Buffer
	message, err := soap.Read(a.Header.Get("Content-Type"), bytes.NewReader(a.Body), soap.Options{Open: func(soap.Incoming) (io.WriteCloser, error) {
		documents = append(documents, &bytes.Buffer{})
		return sink{documents[len(documents)-1]}, nil
	}})
	if err != nil {
		return out
	}
	out.Message = message
	for _, d := range documents {
		out.Documents = append(out.Documents, d.Bytes())
	}
	out.Fault, out.FaultText = soap.FaultIn(message)
	return out
}

type sink struct{ *bytes.Buffer }

// Close implements io.Closer.
func (sink) Close() error { return nil }
