package mhd_test

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"
)

// truth is one of the three verdicts as a caller meets it.
type truth struct {
	status int
	code   string
	// again: the answer says when to come back.
	again bool
}

var (
	clean      = truth{http.StatusOK, "", false}
	infected   = truth{http.StatusUnprocessableEntity, "DLVirusFound", false}
	notScanned = truth{http.StatusServiceUnavailable, "DLNotScanned", true}
	// notWhole: no scanner will ever say more of it, so trying again does not help.
	notWhole = truth{http.StatusServiceUnavailable, "DLNotScanned", false}
)

// carriers of base64 (nonXMLBody and observationMedia of CDA, Attachment and Binary of FHIR), each around what it carries.
func inNonXMLBody(content []byte) []byte {
	return []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><nonXMLBody><text mediaType="application/pdf" representation="B64">` +
		base64.StdEncoding.EncodeToString(content) + `</text></nonXMLBody></component></ClinicalDocument>`)
}

func inObservationMedia(content []byte) []byte {
	return []byte(`<ClinicalDocument xmlns="urn:hl7-org:v3"><component><structuredBody><component><section><entry><observationMedia classCode="OBS" moodCode="EVN"><value representation="B64" mediaType="image/png">` +
		base64.StdEncoding.EncodeToString(content) + `</value></observationMedia></entry></section></component></structuredBody></component></ClinicalDocument>`)
}

func inAttachment(content []byte) []byte {
	return []byte(`{"resourceType":"DocumentReference","content":[{"attachment":{"contentType":"application/xml","data":"` + base64.StdEncoding.EncodeToString(content) + `"}}]}`)
}

func inBinary(content []byte) []byte {
	return []byte(`{"resourceType":"Bundle","type":"document","entry":[{"resource":{"resourceType":"Binary","contentType":"text/plain","data":"` + base64.StdEncoding.EncodeToString(content) + `"}}]}`)
}

func inPDF(content []byte, filter string) []byte {
	if filter != "" {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		_, _ = w.Write(content)
		_ = w.Close()
		content = b.Bytes()
	}
	return fmt.Appendf(nil, "%%PDF-1.7\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n3 0 obj<</Length %d%s>>stream\n%s\nendstream endobj\ntrailer<</Root 1 0 R>>\nstartxref\n0\n%%%%EOF\n",
		len(content), filter, content)
}

// late has the test file at byte 59,999,000.
func late() []byte {
	return append(bytes.Repeat([]byte("Blodtrykk 120/80, puls 60. Ingen funn.\r\n"), 59_999_000/40), eicar()...)
}

// manyAttachments carries n, all but the last harmless attachments.
func manyAttachments(n int, last []byte) []byte {
	one := inAttachment([]byte(strings.Repeat("Helt ufarlig innhold. ", 3)))
	return []byte("[" + strings.Repeat(string(one)+",", n-1) + string(inAttachment(last)) + "]")
}

// scanned are documents under the real scanner.
var scanned = []struct {
	name, media string
	content     func() []byte
	want        truth
}{
	{"EICAR", "text/plain", eicar, infected},
	{"EICAR at byte 59,999,000", "text/plain", late, infected},
	{"EICAR in a PDF stream", "application/pdf", func() []byte { return inPDF(eicar(), "") }, infected},
	{"EICAR in a packed PDF stream", "application/pdf", func() []byte { return inPDF(eicar(), "/Filter/FlateDecode") }, infected},
	{"EICAR in CDA, nonXMLBody", "application/xml", func() []byte { return inNonXMLBody(eicar()) }, infected},
	{"EICAR in CDA, observationMedia", "application/xml", func() []byte { return inObservationMedia(eicar()) }, infected},
	{"EICAR in FHIR JSON, Attachment.data", "application/json", func() []byte { return inAttachment(eicar()) }, infected},
	{"EICAR in FHIR JSON, Binary.data", "application/fhir+json", func() []byte { return inBinary(eicar()) }, infected},
	{"EICAR in CDA in FHIR JSON", "application/json", func() []byte { return inBinary(inNonXMLBody(eicar())) }, infected},
	{"EICAR in a packed PDF in CDA in FHIR JSON", "application/json", func() []byte { return inBinary(inObservationMedia(inPDF(eicar(), "/Filter/FlateDecode"))) }, infected},
	{"EICAR at depth 3", "application/json", func() []byte { return inBinary(inAttachment(inNonXMLBody(eicar()))) }, infected},
	{"EICAR at depth 4", "application/json", func() []byte { return inBinary(inAttachment(inBinary(inNonXMLBody(eicar())))) }, notWhole},
	{"1,001 attachments, the last is EICAR", "application/json", func() []byte { return manyAttachments(1001, eicar()) }, notWhole},
	{"a note", "text/plain", func() []byte { return []byte("Alt vel.") }, clean},
	{"a note in CDA in FHIR JSON", "application/json", func() []byte {
		return inBinary(inNonXMLBody([]byte(strings.Repeat("Helt ufarlig innhold. ", 3))))
	}, clean},
}

// failures are scanners that do not do their work, each asked about a harmless document.
var failures = []struct {
	name string
	do   func(net.Conn)
}{
	{"Heuristics.Limits.Exceeded.MaxFileSize", saying("stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\x00")},
	{"Heuristics.Limits.Exceeded.MaxScanTime", saying("stream: Heuristics.Limits.Exceeded.MaxScanTime FOUND\x00")},
	{"Heuristics.Limits.Exceeded.MaxRecursion", saying("stream: Heuristics.Limits.Exceeded.MaxRecursion(10) FOUND\x00")},
	{"INSTREAM size limit exceeded", saying("INSTREAM size limit exceeded. ERROR\x00")},
	{"cut off before the scan", down},
	{"cut off in the scan", func(c net.Conn) { _, _ = io.CopyN(io.Discard, c, 4) }},
	{"closed without an answer", saying("")},
	{"hang", silent},
	{"half an answer", saying("stream: OK")},
	{"half a finding", saying("stream: Eicar")},
	{"an answer about another stream", saying("1: stream: OK\x00")},
	{"out of memory", saying("stream: Can't allocate memory ERROR\x00")},
	{"no answer known", saying("stream: MAYBE\x00")},
	{"two answers", saying("stream: OK\x00stream: Eicar FOUND\x00")},
}

// TestScannerTruth: clean, infected and not scanned are three verdicts (F3, F4). Infected is told, quarantined and never retrievable; not
// scanned is 503 and leaves nothing; only clean is published. That signatures may be too old is TestSignatureAge's, in package server.
func TestScannerTruth(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for _, c := range scanned {
		t.Run(c.name, func(t *testing.T) { t.Parallel(); expectTruth(t, s, c.media, c.content(), c.want) })
	}
	// Not parallel: what the scanner does is done to all.
	t.Run("failures", func(t *testing.T) {
		f := newFragile(t, "CLAMD_DEADLINE", "8s")
		for _, c := range failures {
			t.Run(c.name, func(t *testing.T) {
				f.scanner.set(f.scanner.scanning(c.do))
				expectTruth(t, f.Service, "text/plain", []byte("Alt vel. "+c.name), notScanned)
			})
		}
		f.scanner.set(nil)
		expectTruth(t, f.Service, "text/plain", []byte("Alt vel igjen."), clean)
	})
}

func expectTruth(t *testing.T, s *servicetest.Service, media string, content []byte, want truth) {
	t.Helper()
	of := s.Tenant(t)
	d := servicetest.NewDoc()
	d.Type, d.Bytes = media, content
	a := s.Writer(t, of.Organisations[0]).Upload(t, servicetest.BundleFor(of, d).JSON(t))
	if a.Status != want.status || (a.Header.Get("Retry-After") != "") != want.again {
		t.Errorf("%d, Retry-After %q, want %+v: %.600s", a.Status, a.Header.Get("Retry-After"), want, a.Body)
	}
	if want.code != "" && !told(outcome(t, a), want.code, "Bundle.entry[2].resource.data") {
		t.Errorf("not told as %s: %s", want.code, a.Body)
	}
	left := map[truth][3]int{clean: {1, 0, 1}, infected: {0, 1, 0}}[want]
	if kept, held, rows := objects(t, s, of, "d"), objects(t, s, of, "q"), s.Rows(t, of, "document_entry"); kept != left[0] || held != left[1] || rows != left[2] {
		t.Errorf("%d published, %d in quarantine, %d entries; want %v", kept, held, rows, left)
	}
	if want == notScanned || want == notWhole {
		leavesNothing(t, s, of, "provide")
	}
	retrievable(t, s, of, d, want == clean)
}

func retrievable(t *testing.T, s *servicetest.Service, of tenant.Tenant, d servicetest.Doc, want bool) {
	t.Helper()
	got := s.Doctor(t, of.Organisations[0]).Get(t, documentPath(of.HomeCommunity, of.Repository, d.BinaryID), "nhn-patient-nin", servicetest.Patient)
	if want && (got.Status != http.StatusOK || !bytes.Equal(got.Body, d.Bytes)) || !want && got.Status != http.StatusNotFound {
		t.Errorf("opening: %d with %d bytes", got.Status, len(got.Body))
	}
}
