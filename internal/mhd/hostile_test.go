package mhd_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"
	"dokumentlager/testdata/hostile"

	"github.com/google/go-cmp/cmp"
)

// largestHere bounds the files that go the whole way; the few larger ones are judged in package format.
const largestHere = 512 << 10

// TestHostileFiles: the corpus through the real door. Of what is refused every document is told with its own code and place, and nothing
// stays but the audit event; what is accepted comes out as it went in, under headers that nothing of it has got into.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	accepted, refused := map[string][]hostile.Case{}, map[string][]hostile.Case{}
	for _, c := range hostile.Cases() {
		if c.Flagged {
			hostileFlagged(t, s, c)
			continue
		}
		if into := refused; len(c.Bytes()) <= largestHere {
			if c.Want == hostile.Accept {
				into = accepted
			}
			into[c.Group] = append(into[c.Group], c)
		}
	}
	for group, cases := range refused {
		t.Run("refused/"+group, func(t *testing.T) { t.Parallel(); hostileRefused(t, s, cases) })
	}
	for group, cases := range accepted {
		t.Run("accepted/"+group, func(t *testing.T) { t.Parallel(); hostileAccepted(t, s, cases) })
	}
}

// hostileBundle holds each file as a document of its own.
func hostileBundle(of tenant.Tenant, cases []hostile.Case) servicetest.Bundle {
	var docs []servicetest.Doc
	for _, c := range cases {
		d := servicetest.NewDoc()
		d.Bytes = c.Bytes()
		docs = append(docs, d)
	}
	b := servicetest.BundleFor(of, docs...)
	b.Change = func(m servicetest.Object) {
		for i, c := range cases {
			servicetest.Resource(m, 2+2*i)["contentType"] = c.Declared
			a := servicetest.Resource(m, 3+2*i)["content"].([]any)[0].(servicetest.Object)["attachment"].(servicetest.Object)
			a["contentType"], a["title"] = c.Declared, c.Title
		}
	}
	return b
}

func hostileRefused(t *testing.T, s *servicetest.Service, cases []hostile.Case) {
	for part := range slices.Chunk(cases, 50) {
		of := s.Tenant(t)
		a := s.Writer(t, of.Organisations[0]).Upload(t, hostileBundle(of, part).JSON(t))
		o := outcome(t, a)
		for i, c := range part {
			at := fmt.Sprintf("Bundle.entry[%d].resource.content[0].attachment.contentType", 3+2*i)
			if got := codesAt(o, at); !slices.Contains(got, string(c.Want)) {
				t.Errorf("%s/%s: %v, want %s (%s: %s)", c.Group, c.Name, got, c.Want, c.Rule, c.Why)
			}
		}
		if a.Status != http.StatusBadRequest {
			t.Errorf("status %d", a.Status)
		}
		leavesNothing(t, s, of, "provide")
		saysNothingOfUs(t, a)
	}
}

// hostileFlagged: what the rules on types accept and the scanner does not is infected, and told as that (F4).
func hostileFlagged(t *testing.T, s *servicetest.Service, c hostile.Case) {
	of := s.Tenant(t)
	a := s.Writer(t, of.Organisations[0]).Upload(t, hostileBundle(of, []hostile.Case{c}).JSON(t))
	if a.Status != http.StatusUnprocessableEntity || !told(outcome(t, a), "DLVirusFound", "") || objects(t, s, of, "d") != 0 || s.Rows(t, of, "document_entry") != 0 {
		t.Errorf("%s/%s: %d %s", c.Group, c.Name, a.Status, a.Body)
	}
}

// codesAt are the error codes told of a place, ours where IHE's differs.
func codesAt(o *fhir.OperationOutcome, location string) (codes []string) {
	for _, i := range o.Issue {
		if i.Severity == "error" && strings.Join(i.Expression, " ") == location && i.Details != nil && len(i.Details.Coding) > 0 {
			codes = append(codes, i.Details.Coding[len(i.Details.Coding)-1].Code)
		}
	}
	return codes
}

func hostileAccepted(t *testing.T, s *servicetest.Service, cases []hostile.Case) {
	for part := range slices.Chunk(cases, 50) {
		of := s.Tenant(t)
		b := hostileBundle(of, part)
		if a := s.Writer(t, of.Organisations[0]).Upload(t, b.JSON(t)); a.Status != http.StatusOK {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		doctor := s.Doctor(t, of.Organisations[0])
		for i, c := range part {
			a := doctor.Get(t, documentPath(of.HomeCommunity, of.Repository, b.Docs[i].BinaryID), "nhn-patient-nin", servicetest.Patient)
			if a.Status != http.StatusOK || !bytes.Equal(a.Body, b.Docs[i].Bytes) {
				t.Errorf("%s/%s came out as %d with %d bytes", c.Group, c.Name, a.Status, len(a.Body))
			}
			harmlessHeaders(t, a, c.Declared)
		}
	}
}

// harmlessHeaders: a document's own name stands in none, its type is the declared one, and a browser may neither guess another nor run
// anything.
func harmlessHeaders(t *testing.T, a servicetest.Answer, declared string) {
	t.Helper()
	var names []string
	for name := range a.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"Accept-Ranges", "Cache-Control", "Content-Length", "Content-Security-Policy", "Content-Type", "Date", "Etag", "Referrer-Policy", "X-Content-Type-Options", "X-Request-Id"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if h := a.Header; h.Get("Content-Type") != declared || h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("headers %v", a.Header)
	}
}

// TestHostileIdentifiers: identifiers and addresses of ill will are text to us: they get into no header, no object key and no path, and an
// answer's links are escaped.
func TestHostileIdentifiers(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for name, id := range map[string]string{"path": "../../../../etc/passwd", "lines": "a\r\nSet-Cookie: b=c\r\n\r\n<html>", "quotes": `"><script>alert(1)</script>`,
		"query": "a&homeCommunityId=1.2.3#x", "SQL": "'; drop table tenant.document_entry; --", "long": strings.Repeat("x", 300), "percent": "%0d%0aSet-Cookie:%20a", "UUID in capitals": "A0000000-0000-4000-8000-00000000000A"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := s.Tenant(t)
			d := servicetest.NewDoc()
			d.BinaryID, d.MasterID = id, id
			a := s.Writer(t, of.Organisations[0]).Upload(t, servicetest.BundleFor(of, d).JSON(t))
			if a.Header.Get("Set-Cookie") != "" || a.Status >= 500 {
				t.Fatalf("%d %v %s", a.Status, a.Header, a.Body)
			}
			if a.Status != http.StatusOK {
				saysNothingOfUs(t, a)
				leavesNothing(t, s, of, "provide")
				return
			}
			for _, e := range bundle(t, a).Entry {
				if location := e.Response.Location; strings.ContainsAny(location, "\r\n<>\"' ") || strings.Contains(location, "../") {
					t.Errorf("a link holds it as it is: %q", location)
				}
			}
			for _, key := range keys(t, storeOf(t, s), "d/"+of.SchemaName+"/") {
				if strings.Contains(key, id) || strings.Count(key, "/") != 2 {
					t.Errorf("object key %q", key)
				}
			}
			for _, e := range bundle(t, a).Entry {
				if strings.Contains(e.Response.Location, "/mhd/document?") {
					got := s.Doctor(t, of.Organisations[0]).Get(t, e.Response.Location, "nhn-patient-nin", servicetest.Patient)
					if got.Status != http.StatusOK || !bytes.Equal(got.Body, d.Bytes) || got.Header.Get("Set-Cookie") != "" {
						t.Errorf("the answer's own link: %d %v", got.Status, got.Header)
					}
				}
			}
		})
	}
}

// TestHostileEncodings: base64 that is not FHIR's is refused, and leaves nothing.
func TestHostileEncodings(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	good, refusals := 0, 0
	for _, e := range hostile.Encodings() {
		d := servicetest.NewDoc()
		d.Bytes = []byte("Hei der Blåbær!!!")
		if e.Want == hostile.Accept {
			d.Bytes = []byte(e.Plain)
		}
		text := bytes.Replace(servicetest.BundleFor(of, d).JSON(t), []byte(`"`+base64.StdEncoding.EncodeToString(d.Bytes)+`"`), []byte(`"`+e.Text+`"`), 1)
		a := w.Upload(t, text)
		if e.Want == hostile.Accept {
			if good++; a.Status != http.StatusOK {
				t.Errorf("%s: %d %s", e.Name, a.Status, a.Body)
			}
			continue
		}
		if refusals++; a.Status != http.StatusBadRequest || !told(outcome(t, a), string(e.Want), "Bundle.entry[2].resource.data") {
			t.Errorf("%s: %d %s", e.Name, a.Status, a.Body)
		}
	}
	if rows, kept, lines := s.Rows(t, of, "document_entry"), objects(t, s, of, "d"), s.Events(t, of); rows != good || kept != good || len(events(t, s, of)) != good+refusals || good < 5 || refusals < 15 {
		t.Errorf("%d entries, %d objects, %d events in the tenant's log; %d were good, %d refused", rows, kept, len(lines), good, refusals)
	}
}

// TestPackedRequests: a body that unpacks to a thousand times its size is refused by its header or as what it is, and never unpacked.
func TestPackedRequests(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for name, c := range map[string]struct {
		coding string
		status int
		code   string
	}{
		"gzip": {"gzip", 415, "DLUnsupportedMediaType"}, "deflate": {"deflate", 415, "DLUnsupportedMediaType"}, "br twice": {"br, br", 415, "DLUnsupportedMediaType"},
		"not said": {"", 400, "DLMalformedBody"}, "identity": {"identity", 400, "DLMalformedBody"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of := s.Tenant(t)
			d := servicetest.NewDoc()
			d.Bytes = bytes.Repeat([]byte("a"), 4<<20)
			packed := hostile.Gzip(servicetest.BundleFor(of, d).JSON(t))
			if len(packed) > 8<<10 {
				t.Fatalf("%d bytes are no bomb", len(packed))
			}
			req := s.Request(t, http.MethodPost, "/R4/fhir/Bundle", bytes.NewReader(packed), "Content-Type", "application/fhir+json")
			if c.coding != "" {
				req.Header.Set("Content-Encoding", c.coding)
			}
			a := s.Writer(t, of.Organisations[0]).Do(t, req)
			if a.Status != c.status || !told(outcome(t, a), c.code, "") {
				t.Errorf("%d %s", a.Status, a.Body)
			}
			leavesNothing(t, s, of, "provide")
		})
	}
}

// unsized is a body whose length nobody is told, so that it goes in chunks.
type unsized struct{ io.Reader }

// oversized is a message whose one document is a line again and again, one byte more than may be. It is made as it is read: half a minute of
// test goes by over 80 MB of JSON otherwise. The line's length is a multiple of three.
func oversized(t *testing.T, b servicetest.Bundle, line string) io.Reader {
	t.Helper()
	data := base64.StdEncoding.EncodeToString(b.Docs[0].Bytes)
	head, tail, found := strings.Cut(string(b.JSON(t)), data)
	if !found || len(line)%3 != 0 {
		t.Fatal("the message cannot be stretched")
	}
	whole := limit / len(line)
	last := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", limit-whole*len(line)+1)))
	lines := io.LimitReader(&repeated{text: base64.StdEncoding.EncodeToString([]byte(strings.Repeat(line, 100)))}, int64(whole*len(line)/3*4))
	return io.MultiReader(strings.NewReader(head), lines, strings.NewReader(last+tail))
}

// repeated is a text without end.
type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := copy(p, r.text[r.at:])
	r.at = (r.at + n) % len(r.text)
	return n, nil
}

// TestChunked: without a length the limit is the same: 60 MiB and no byte more (F5).
func TestChunked(t *testing.T) {
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	send := func(body io.Reader) servicetest.Answer {
		return w.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/Bundle", unsized{body}, "Content-Type", "application/fhir+json"))
	}
	if a := send(oversized(t, servicetest.BundleFor(of), "Blodtrykk 120/80, puls 60. Ingen funn.  \r\n")); a.Status != http.StatusRequestEntityTooLarge || !told(outcome(t, a), "DLDocumentTooLarge", "Bundle.entry[2].resource.data") {
		t.Errorf("one byte more: %d %s", a.Status, a.Body)
	}
	leavesNothing(t, s, of, "provide")
	if a := send(bytes.NewReader(servicetest.BundleFor(of).JSON(t))); a.Status != http.StatusOK {
		t.Errorf("a short one: %d %s", a.Status, a.Body)
	}
}
