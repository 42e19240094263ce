package conformance

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/thirdpartytest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/soap"
	"dokumentlager/internal/tenant"
)

// envelope is one use of a message over SOAP.
type envelope struct {
	file, step string
	// to is the transaction whose address it goes to.
	to string
	// as is whose assertion takes the place of the message's own: see assertion. Empty sends it as it lies there.
	as string
	// edit changes the text before it is sent.
	edit func(*exchanger, string) string
	// want is what must come back, as told says it.
	want, why string
}

// exchanger sends them to one tenant that answers every transaction.
type exchanger struct {
	*servicetest.Service
	of tenant.Tenant
	// document is one of its documents, about patient.
	document, patient string
	// first is the entry that OpenXDS's later messages refer to.
	first string

	mu       sync.Mutex
	payloads [][]byte
}

// The people of NHN's messages, and a child whose parent one of them is.
const (
	nhnPatient = "17855599120"
	nhnCitizen = "27888498775"
)

// TestEnvelopes replays the SOAP messages of the other collections, and holds docs/conformance.md to what came back. No message, however bad, is
// answered as if the fault were ours.
func TestEnvelopes(t *testing.T) {
	t.Parallel()
	from := thirdparty(t)
	x := newExchanger(t)
	var rows []row
	for _, e := range slices.Concat(nhnEnvelopes, swissEnvelopes, connectQueries(from.list(t, "connect/*/*.xml")), submissions) {
		got := x.play(t, from, e)
		r := row{Source: e.file, Step: e.step, Transaction: e.to, Expected: e.want, Got: got, Result: passed, Why: e.why}
		if got != e.want {
			r.Result = failed
			t.Errorf("%s (%s): %s, want %s", e.file, e.step, got, e.want)
		}
		rows = append(rows, r)
	}
	thirdpartytest.Valid(t, x.payloads...)
	rows = append(rows, answersOfOthers(from.list(t, "epd-by-example/*/*.xml", "ipf/messages/*"), rows)...)
	everyEnvelope(t, from, rows)
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.Source+"\x00"+a.Step, b.Source+"\x00"+b.Step) })
	publish(t, envelopesPart, headings[envelopesPart]+"\n"+envelopesPreface+lines(rows))
}

const envelopesPreface = `
What other systems send in the field: nhn-xcads (the national gateway's test messages), epd-by-example (the Swiss EPD's transcripts), connect (CONNECT's queries), openxds and ipf
(submissions). Each goes as it lies there, which its security header rarely survives (spec/soap.md 1), and once more with an assertion of the dev stack's issuers and what
"Substituted" names. They go to a tenant of profile ihe that answers every transaction, the queries of Norwegian messages included; nothing that any of them holds may
make the service answer that the fault is its own.

`

// lines is a table of rows.
func lines(rows []row) string {
	text := markdown(rows)
	return text[len(preface):]
}

func newExchanger(t *testing.T) *exchanger {
	t.Helper()
	s := servicetest.Start(t)
	of := s.Tenant(t, func(d *administration.Draft) { d.Profile, d.Transactions = tenant.IHE, tenant.Transactions })
	x := &exchanger{Service: s, of: of, patient: nhnPatient, first: "urn:uuid:11111111-1111-4111-8111-111111111111"}
	for _, patient := range []string{nhnCitizen, nhnPatient} {
		bundle := servicetest.BundleFor(of)
		bundle.Patient = patient
		x.document = bundle.Docs[0].MasterID
		if a := s.Writer(t, of.Organisations[0]).Upload(t, bundle.JSON(t)); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
	return x
}

// assertion is the one that a replay gets: a doctor's or a record system's about the patient that the message names, or a citizen's.
func (x *exchanger) assertion(t *testing.T, as, text string) string {
	t.Helper()
	about := servicetest.Attributes{servicetest.AttributePatient: {asked(text, x.patient)}}
	switch as {
	case "doctor":
		return x.Personnel(t, x.of.Organisations[0], "", about)
	case "record system":
		return x.RecordSystem(t, x.of.Organisations[0], "", about)
	case "doctor about somebody else":
		return x.Personnel(t, x.of.Organisations[0], nhnCitizen)
	case "citizen":
		return x.Citizen(t, nhnCitizen)
	case "parent", "guardian":
		acp := map[string]string{"parent": "1", "guardian": "3"}[as]
		return x.Citizen(t, nhnCitizen, servicetest.Attributes{servicetest.AttributePatient: {servicetest.ResourceID(nhnPatient)},
			servicetest.AttributeACP: {"urn:oid:2.16.578.1.12.4.1.7.2.1." + acp}})
	}
	t.Fatalf("nobody is called %q", as)
	return ""
}

var (
	patientValue = regexp.MustCompile(`'\s*([^'^]+\^\^\^&amp;[0-9.]+&amp;ISO)'`)
	patientID    = regexp.MustCompile(`value="([^"]+\^\^\^&amp;[0-9.]+&amp;ISO)"`)
	envelopeForm = regexp.MustCompile(`<([A-Za-z0-9-]+:)?Envelope[\s>]`)
	headerOpen   = regexp.MustCompile(`(?s)<(?:([A-Za-z0-9-]+):)?Header(\s[^>]*)?>`)
)

// asked is the patient that a message names, as CX, or the one given.
func asked(text, otherwise string) string {
	for _, form := range []*regexp.Regexp{patientValue, patientID} {
		if found := form.FindStringSubmatch(text); found != nil {
			return strings.ReplaceAll(found[1], "&amp;", "&")
		}
	}
	return servicetest.ResourceID(otherwise)
}

// play sends one and says what came back.
func (x *exchanger) play(t *testing.T, from collection, e envelope) string {
	t.Helper()
	text := string(from.read(t, e.file))
	if e.edit != nil {
		text = e.edit(x, text)
	}
	if e.as != "" {
		text = secured(text, string(x.assertion(t, e.as, text)), endpoints[e.to].action)
	}
	contentType := soap.ContentType(endpoints[e.to].action)
	if packed, is := strings.CutPrefix(text, "Content-Type: "); is {
		contentType, text, _ = strings.Cut(packed, "\r\n")
	}
	a := servicetest.ReadSOAP(t, servicetest.Send(t, x.Request(t, http.MethodPost, endpoints[e.to].path, strings.NewReader(text), "Content-Type", contentType)))
	return x.told(t, e, a)
}

// secured puts the assertion's header into an envelope, in place of its own, or the payload alone into a new one.
func secured(text, assertion, action string) string {
	if !envelopeForm.MatchString(text) {
		if i := strings.Index(text, "<?xml"); i >= 0 {
			text = text[strings.Index(text, "?>")+2:]
		}
		return string(servicetest.Envelope("/", action, []byte(text), assertion))
	}
	text = securityForm.ReplaceAllString(text, "")
	at := headerOpen.FindStringSubmatchIndex(text)
	header := string(servicetest.SecurityHeader(assertion))
	header = strings.Replace(header, "<o:Security ", `<o:Security xmlns:s="`+soap.Namespace+`" `, 1)
	return text[:at[1]] + header + text[at[1]:]
}

var (
	statusForm = regexp.MustCompile(`status="[^"]*:(Success|Failure|PartialSuccess)"`)
	errorForm  = regexp.MustCompile(`<[^<]*RegistryError errorCode="([^"]*)"[^>]*severity="[^"]*:(Error|Warning)"`)
)

// told is an answer in a few words: the status of the registry's answer, its errors and what it holds, or the fault's codes.
func (x *exchanger) told(t *testing.T, e envelope, a servicetest.SOAPAnswer) string {
	t.Helper()
	switch {
	case a.Message == nil:
		t.Errorf("%s (%s): HTTP %d and no SOAP message: %.200s", e.file, e.step, a.Status, a.Body)
		return fmt.Sprintf("HTTP %d", a.Status)
	case a.Fault != nil:
		if a.Status >= 500 || a.Fault[0] == "Receiver" {
			t.Errorf("%s (%s): HTTP %d, %v: as if the fault were ours", e.file, e.step, a.Status, a.Fault)
		}
		return fmt.Sprintf("%d fault %s: %s", a.Status, strings.Join(a.Fault, " "), a.FaultText)
	}
	x.mu.Lock()
	x.payloads = append(x.payloads, a.Message.Body)
	x.mu.Unlock()
	status := statusForm.FindSubmatch(a.Message.Body)
	if status == nil {
		return "no status"
	}
	words := []string{string(status[1])}
	for _, e := range errorForm.FindAllSubmatch(a.Message.Body, -1) {
		if string(e[2]) == "Error" && !slices.Contains(words, string(e[1])) {
			words = append(words, string(e[1]))
		}
	}
	if n := x.own(a.Message.Body); n > 0 {
		words = append(words, fmt.Sprintf("(%d)", n))
	}
	return strings.Join(words, " ")
}

// own counts what an answer has of this test's instance: other tests have the same patients in theirs, and a gateway asks all.
func (x *exchanger) own(payload []byte) (n int) {
	a, err := ebxml.ReadAnswer(payload)
	if err != nil {
		return 0
	}
	var homes []string
	for _, e := range a.Objects.Entries {
		homes = append(homes, e.Home)
	}
	for _, s := range a.Objects.Sets {
		homes = append(homes, s.Home)
	}
	for _, f := range a.Objects.Folders {
		homes = append(homes, f.Home)
	}
	for _, r := range a.Objects.Refs {
		homes = append(homes, r.Home)
	}
	for _, d := range a.Documents {
		homes = append(homes, d.Home)
	}
	for _, home := range homes {
		if home == "" || document.StripURN(home) == x.of.HomeCommunity {
			n++
		}
	}
	return n
}

// answersOfOthers are the files that are no request: rows of their own, so that none is missed.
func answersOfOthers(files []string, replayed []row) (rows []row) {
	for _, f := range files {
		if !slices.ContainsFunc(replayed, func(r row) bool { return r.Source == f }) {
			rows = append(rows, row{Source: f, Transaction: "–", Expected: "–", Got: "–", Result: notApplicable, Why: notSent(f)})
		}
	}
	return rows
}

func notSent(file string) string {
	switch {
	case strings.Contains(file, "GetXAssertion") || strings.Contains(file, "XUA_samples"):
		return "WS-Trust: what goes to, and comes from, an issuer of assertions"
	case strings.Contains(strings.ToLower(file), "response"):
		return "an answer"
	default:
		return "a record, a schema or an assertion: internal/atna and internal/saml have messages of their own kind"
	}
}

// everyEnvelope: a message that nobody replayed must not be missed silently.
func everyEnvelope(t *testing.T, from collection, rows []row) {
	t.Helper()
	for _, name := range from.list(t, "nhn-xcads/SoapRequests/*.xml", "nhn-xcads/IntegrationTests/*.xml", "epd-by-example/*/*.xml", "connect/*/*.xml", "openxds/*.xml", "ipf/messages/*.xml") {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.Source == name }) && !strings.HasSuffix(name, "_summary.xml") {
			t.Errorf("%s has no row: replay it, or say why it does not apply", name)
		}
	}
}

// packed is an MTOM package with one document, as its sender writes it.
func packed(envelope, boundary, id, mediaType string, document []byte) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "Content-Type: multipart/related; boundary=%q; type=\"application/xop+xml\"; start-info=\"application/soap+xml\"\r\n", boundary)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\nContent-ID: <root@replay>\r\n\r\n%s\r\n", boundary, envelope)
	fmt.Fprintf(&b, "--%s\r\nContent-Type: %s\r\nContent-ID: <%s>\r\n\r\n%s\r\n--%s--\r\n", boundary, mediaType, id, document, boundary)
	return b.String()
}
