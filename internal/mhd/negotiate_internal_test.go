package mhd

import (
	"bytes"
	"encoding/xml"
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestFormOfAccept follows RFC 9110 §12.5.1.
func TestFormOfAccept(t *testing.T) {
	t.Parallel()
	const none = "none"
	for accept, want := range map[string]string{
		"":                        "json",
		" ":                       "json",
		"*/*":                     "json",
		"application/*":           "json",
		"application/fhir+json":   "json",
		"application/json":        "json",
		"text/json":               "json",
		"application/fhir+xml":    "xml",
		"application/xml":         "xml",
		"text/xml; charset=utf-8": "xml",
		"APPLICATION/FHIR+XML":    "xml",
		"application/fhir+json, application/fhir+xml":                         "json",
		"application/fhir+xml, application/fhir+json":                         "xml",
		"application/fhir+xml;q=0.9,application/fhir+json;q=0.8":              "xml",
		"application/fhir+xml;q=0.8,application/fhir+json;q=0.9":              "json",
		"application/fhir+xml;q=0.5, */*;q=0.1":                               "xml",
		"application/fhir+xml;q=0.5, */*":                                     "json",
		"application/xml, */*":                                                "xml",
		"*/*, application/xml":                                                "xml",
		"application/fhir+json;q=0, */*":                                      "xml",
		"application/fhir+json;q=0, application/*;q=0.3, */*;q=0":             "xml",
		"application/fhir+xml;q=0, application/fhir+json;q=0, */*":            none,
		"application/*;q=0, */*":                                              none,
		"application/json;q=0.2, application/fhir+json;q=0.9, text/xml;q=0.8": "json",
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8":     "xml",
		"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2":                "json",
		"text/html": none,
		"text/*":    none,
		"application/pdf, application/fhir+turtle":            none,
		"application/fhir+json;q=0":                           none,
		"*/*;q=0":                                             none,
		"application/fhir+xml;q=nan":                          none,
		"application/fhir+xml;q=2":                            none,
		"application/fhir+xml;q=-1":                           none,
		"application/fhir+xml;q=high, application/json;q=0.1": "json",
		"application/fhir+xml; fhirVersion=4.0":               "xml",
		`application/fhir+xml; FHIRVersion="4.0"; q=1`:        "xml",
		"application/fhir+xml; fhirVersion=3.0":               none,
		"application/fhir+xml; fhirVersion=5.0, application/fhir+json; fhirVersion=4.0;q=0.1": "json",
		`application/pdf;a="application/fhir+xml, application/fhir+xml", application/json`:    "json",
		`application/pdf;a="\", application/fhir+xml, "`:                                      none,
		"application/json;q=nan":                                          none,
		`application/pdf;a="\", application/fhir+xml"`:                    none,
		"application/fhir+xml; charset":                                   "xml",
		",, application/fhir+xml ,":                                       "xml",
		"\xff/\x00, ;;, /":                                                none,
		strings.Repeat("text/html,", 5000) + "application/fhir+xml;q=0.1": "xml",
	} {
		got, err := formOf(&http.Request{URL: &url.URL{}, Header: http.Header{"Accept": {accept}}})
		name := got.name()
		if err != nil {
			name = none
		}
		if name != want {
			t.Errorf("%.100q: %s, want %s", accept, name, want)
		}
	}
	several := http.Header{"Accept": {"text/html", "application/fhir+xml"}}
	if got, err := formOf(&http.Request{URL: &url.URL{}, Header: several}); got != inXML || err != nil {
		t.Errorf("two Accept headers: %s, %v", got.name(), err)
	}
}

// TestFormOfFormat: _format wins over Accept, in the address and in a form.
func TestFormOfFormat(t *testing.T) {
	t.Parallel()
	const none = "none"
	for _, c := range []struct{ query, body, accept, want string }{
		{"_format=xml", "", "application/fhir+json", "xml"},
		{"_format=json", "", "application/fhir+xml", "json"},
		{"_format=json", "", "text/html", "json"},
		{"_format=application/fhir+xml", "", "", "xml"},
		{"_format=application%2Ffhir%2Bxml", "", "", "xml"},
		{"_format=application/fhir+json%3B+fhirVersion%3D4.0", "", "", "json"},
		{"_format=text/xml", "", "", "xml"},
		{"_format=", "", "application/fhir+xml", "xml"},
		{"_format=html", "", "application/fhir+json", none},
		{"_format=xml%3BfhirVersion%3D3.0", "", "", none},
		{"_format=xml&_format=application/xml", "", "", "xml"},
		{"_format=xml&_format=json", "", "", none},
		{"", "_format=xml", "application/fhir+json", "xml"},
		{"", "_format=html", "application/fhir+json", none},
		{"_format=json", "_format=xml", "", none},
		{"", "", "", "json"},
	} {
		form, _ := url.ParseQuery(c.body)
		r := &http.Request{URL: &url.URL{RawQuery: c.query}, Header: http.Header{"Accept": {c.accept}}, PostForm: form}
		got, err := formOf(r)
		name := got.name()
		if err != nil {
			name = none
		}
		if name != c.want {
			t.Errorf("%+v: %s", c, name)
		}
		if kept := keptFormat(r); err == nil && (kept == "&_format="+name) != (len(formats(r)) > 0) {
			t.Errorf("%+v: the next page would have %q", c, kept)
		}
	}
}

// TestOnlyFormat: a search has nothing else in its address, not even what a lenient reader overlooks (R1).
func TestOnlyFormat(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]bool{"": true, "_format=xml": true, "_format=a&_format=b": true, "patient.identifier=1": false, "_format=xml&status=current": false,
		"_format=xml;patient.identifier=1": false, "_Format=xml": false, "%zz=1": false, "1": false} {
		if got := onlyFormat(&url.URL{RawQuery: query}); got != want {
			t.Errorf("%q: %t", query, got)
		}
	}
}

// TestAnswersInBothForms: the statement of capabilities needs no token, and a request without one is refused; both as asked for.
func TestAnswersInBothForms(t *testing.T) {
	t.Parallel()
	d := &Door{Config: Config{Log: slog.New(slog.DiscardHandler), BaseURL: "https://dokumentlager.example.no", Version: "1"}}
	for accept, want := range map[string]struct {
		status       int
		media, begin string
	}{
		"":                     {200, "application/fhir+json; charset=utf-8", `{"resourceType":"CapabilityStatement"`},
		"application/json":     {200, "application/fhir+json; charset=utf-8", `{"resourceType":"CapabilityStatement"`},
		"application/fhir+xml": {200, "application/fhir+xml; charset=utf-8", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<CapabilityStatement xmlns="http://hl7.org/fhir">`},
		"text/xml":             {200, "application/fhir+xml; charset=utf-8", `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<CapabilityStatement xmlns="http://hl7.org/fhir">`},
		"text/html":            {406, "application/fhir+json; charset=utf-8", `{"resourceType":"OperationOutcome"`},
	} {
		r := httptest.NewRequest(http.MethodGet, "/R4/fhir/metadata", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		d.metadata(w, r)
		if w.Code != want.status || w.Header().Get("Content-Type") != want.media || w.Header().Get("Vary") != "Accept" || !strings.HasPrefix(w.Body.String(), want.begin) {
			t.Errorf("%q: %d %v %.200s", accept, w.Code, w.Header(), w.Body)
		}
		if want.status == 200 && (!strings.Contains(w.Body.String(), "application/fhir+xml") || !strings.Contains(w.Body.String(), "application/fhir+json")) {
			t.Errorf("%q: the statement does not name both forms", accept)
		}
		if want.status == 406 && !strings.Contains(w.Body.String(), "application/fhir+json or application/fhir+xml") {
			t.Errorf("%q: the refusal does not say what is offered: %s", accept, w.Body)
		}
		w = httptest.NewRecorder()
		d.refuse(w, r, fault.New(fault.ResourceGone, "Borte <nå> & da."))
		inXML := strings.Contains(w.Header().Get("Content-Type"), "xml")
		if w.Code != 410 || inXML != strings.Contains(want.media, "xml") || inXML != strings.Contains(w.Body.String(), `value="Borte &lt;nå&gt; &amp; da."`) {
			t.Errorf("%q: refusal %d %v %s", accept, w.Code, w.Header(), w.Body)
		}
	}
}

// TestWantMedia: uploads are JSON of FHIR 4.0, and whoever sends XML is told so.
func TestWantMedia(t *testing.T) {
	t.Parallel()
	for media, want := range map[string]string{
		"application/fhir+json": "", "application/json; charset=utf-8": "", "application/fhir+json; fhirVersion=4.0": "",
		"application/fhir+json; fhirVersion=3.0": "FHIR version 4.0", "application/fhir+xml": "in JSON only", "text/xml": "in JSON only", "": "Content-Type application/fhir+json", "text/plain": "Content-Type application/fhir+json",
	} {
		err := wantMedia(&http.Request{Header: http.Header{"Content-Type": {media}}}, "application/fhir+json", "application/json")
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", media, err)
		case want != "" && (err == nil || fault.Of(err).Leading().Code != fault.WrongMediaType || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v", media, err)
		}
	}
}

// TestEntryInBothForms keeps a list of one whole entry as both forms write it.
func TestEntryInBothForms(t *testing.T) {
	t.Parallel()
	d := &Door{Config: Config{BaseURL: "https://dokumentlager.example.no"}}
	item := disclosure.Item{Entry: wholeEntry(), Tenant: tenant.Tenant{HomeCommunity: "2.16.578.1.12.4.5.480.1", Repository: "2.16.578.1.12.4.5.480.1.1"}}
	page := &fhir.Bundle{Type: fhir.SearchSet, Link: []fhir.BundleLink{{Relation: "next", URL: d.BaseURL + "/R4/fhir/DocumentReference?_cursor=a_-&_format=xml"}},
		Entry: []fhir.BundleEntry{{FullURL: d.resourceURL("DocumentReference", item.Entry.ID), Resource: fhir.Hold(d.reference(item)), Search: &fhir.BundleSearch{Mode: "match"}}}}
	for _, f := range []form{inJSON, inXML} {
		written, err := f.marshal(page)
		if err != nil {
			t.Fatal(err)
		}
		if f == inXML {
			var any struct {
				XMLName xml.Name `xml:"http://hl7.org/fhir Bundle"`
			}
			if err := xml.Unmarshal(written, &any); err != nil {
				t.Error(err)
			}
		}
		golden(t, "entry."+f.name()+".golden", bytes.ReplaceAll(bytes.ReplaceAll(written, []byte("><"), []byte(">\n<")), []byte(`,"`), []byte(",\n\"")))
	}
}

// wholeEntry has everything that an entry can have.
func wholeEntry() document.Entry {
	at := time.Date(2026, 10, 31, 10, 15, 30, 0, time.UTC)
	second := document.Time{At: at, Precision: precisions[fhir.Second]}
	code := func(system, value, display string) document.Code {
		return document.Code{System: system, Value: value, Display: display}
	}
	return document.Entry{
		ID: uuid.MustParse("0d3a4a0e-3c3e-4f1a-9a55-0123456789ab"), UniqueID: "1.2.3", AliasID: "1.2.4", Status: document.Approved, Registered: at,
		Patient: document.PatientID{Value: "13116900216", Authority: document.AuthorityFNR}, Type: code("2.16.578.1.12.4.1.1.9602", "A03-2", "Epikrise & <annet>"),
		Class: code("2.16.578.1.12.4.1.1.9602", "A00-1", ""), Confidentiality: []document.Code{code("2.16.840.1.113883.5.25", "N", "")}, Comments: "Linje 1\nlinje 2\t\"æøå\" 👩‍⚕️",
		Title: "Epikrise", MimeType: "application/pdf", Language: "nb-NO", Creation: second, ServiceStart: second, Size: 11, SHA1: []byte{1, 2, 3}, SHA256: []byte{4},
		Format: code("1.3.6.1.4.1.19376.1.2.3", "urn:ihe:iti:xds:2017:mimeTypeSufficient", ""), Facility: code("2.16.578.1.12.4.1.1.1303", "86.909", ""), Practice: code("2.16.578.1.12.4.1.1.8653", "6", ""),
		Authors: []document.Author{{Person: document.Person{Family: "GREVLING", Given: []string{"KVART"}},
			Institutions: []document.Organisation{{Name: "STIFTELSEN BETANIEN", ID: document.Identifier{System: "2.16.578.1.12.4.1.4.101", Value: "981275721"}}}}},
		SourcePatient: document.SourcePatient{Family: "DANSER", Given: []string{"LINE"}, Gender: "female", BirthDate: "1969-11-13"},
	}
}

// golden compares with testdata/name, or writes it with -update.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; run with -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s differs; run with -update if it should:\n%s", name, diff)
	}
}

// FuzzFormOf holds that whatever Accept and an address say, the answer is a form that they named or a refusal that says so, and that the
// next page's address leads to the same form.
func FuzzFormOf(f *testing.F) {
	for _, accept := range []string{"", "*/*", "application/fhir+xml;q=0.5, */*;q=0.1", "application/fhir+json; fhirVersion=4.0", `a/b;c="\",x"`, "application/json;q=nan,,;"} {
		for _, query := range []string{"", "_format=xml", "_format=application/fhir+json%3Bq=1&_format=json", "_format=%ff;&a"} {
			f.Add(accept, query)
		}
	}
	f.Fuzz(func(t *testing.T, accept, query string) {
		defer fuzztest.InTime(t)()
		r := &http.Request{URL: &url.URL{RawQuery: query}, Header: http.Header{"Accept": {accept}}}
		got, err := formOf(r)
		if err != nil {
			if got != inJSON || fault.Of(err).Leading().Code != fault.NotAcceptable {
				t.Errorf("%s, %v", got.name(), err)
			}
			return
		}
		said := strings.ToLower(accept + strings.Join(formats(r), ""))
		if strings.TrimSpace(said) != "" && !strings.Contains(said, "*") && !strings.Contains(said, got.name()) {
			t.Errorf("%q and %q became %s", accept, query, got.name())
		}
		if kept := keptFormat(r); kept != "" {
			if next, err := formOf(&http.Request{URL: &url.URL{RawQuery: "_cursor=x" + kept}, Header: r.Header}); err != nil || next != got {
				t.Errorf("the next page would be %s (%v), not %s", next.name(), err, got.name())
			}
		}
	})
}
