package mhd

import (
	"bytes"
	"encoding/xml"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/rest"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestAnswersInBothForms: the statement of capabilities needs no token, and a request without one is refused; both as asked for.
func TestAnswersInBothForms(t *testing.T) {
	t.Parallel()
	d := &Door{Config: Config{BaseURL: "https://dokumentlager.example.no", Version: "1"}}
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
		rest.Refuse(w, r, fault.New(fault.ResourceGone, "Borte <nå> & da."))
		inXML := strings.Contains(w.Header().Get("Content-Type"), "xml")
		if w.Code != 410 || inXML != strings.Contains(want.media, "xml") || inXML != strings.Contains(w.Body.String(), `value="Borte &lt;nå&gt; &amp; da."`) {
			t.Errorf("%q: refusal %d %v %s", accept, w.Code, w.Header(), w.Body)
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
	for _, f := range []rest.Form{rest.InJSON, rest.InXML} {
		written, err := f.Marshal(page)
		if err != nil {
			t.Fatal(err)
		}
		if f == rest.InXML {
			var any struct {
				XMLName xml.Name `xml:"http://hl7.org/fhir Bundle"`
			}
			if err := xml.Unmarshal(written, &any); err != nil {
				t.Error(err)
			}
		}
		golden(t, "entry."+f.Name()+".golden", bytes.ReplaceAll(bytes.ReplaceAll(written, []byte("><"), []byte(">\n<")), []byte(`,"`), []byte(",\n\"")))
	}
}

// wholeEntry has everything that an entry can have.
func wholeEntry() document.Entry {
	at := time.Date(2026, 10, 31, 10, 15, 30, 0, time.UTC)
	second := document.Time{At: at, Precision: document.Second}
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
