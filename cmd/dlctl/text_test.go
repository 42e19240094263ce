package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/atna"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"

	gocmp "github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestRefusal: every issue is a line with where and what, and nothing of it reaches the terminal as control characters.
func TestRefusal(t *testing.T) {
	t.Parallel()
	outcome := fhir.Outcome(fault.Problems{
		fault.New(fault.UnknownCode, "The code %s is unknown.", "X\x1b[31m").At("Bundle.entry[1].resource.type").By("D2"),
		fault.New(fault.MetadataError, "The language is missing.").At("Bundle.entry[1].resource.content[0].attachment.language").AsWarning(),
		fault.New(fault.MalformedBody, "No place."),
	})
	body, err := fhir.Marshal(outcome)
	if err != nil {
		t.Fatal(err)
	}
	answer := func(body string, header http.Header) *http.Response {
		return &http.Response{Status: "400 Bad Request", Header: header, Body: io.NopCloser(strings.NewReader(body))}
	}
	got := refusalOf(answer(string(body), http.Header{"X-Request-Id": {"r-1"}, "Retry-After": {"3"}})).Error()
	got += "\n\n" + refusalOf(answer("<html>", http.Header{"Www-Authenticate": {`DPoP error="invalid_token"`}})).Error() + "\n"
	if strings.Contains(got, "\x1b") {
		t.Errorf("control characters: %q", got)
	}
	golden(t, "refusal.golden", got)
}

func masked(ref fhir.DocumentReference) *fhir.DocumentReference {
	ref.ID, ref.Type, ref.SecurityLabel = "b2", &fhir.CodeableConcept{Coding: []fhir.Coding{{Code: "*****"}}}, labels([]string{"N", "NORS"})
	ref.Content = []fhir.DocumentReferenceContent{{Attachment: &fhir.Attachment{Title: "Sperret", Creation: "2026-01"}}}
	return &ref
}

func TestListTable(t *testing.T) {
	t.Parallel()
	ref := fhir.DocumentReference{ID: "a1", Type: coded("2.16.578.1.12.4.1.1.9602", "A03-2"), SecurityLabel: labels([]string{"N"}),
		Contained: []fhir.Resource{*fhir.Hold(&fhir.Organization{Name: "STIFTELSEN BETANIEN HOSPITAL SKIEN OG OMEGN"})},
		Content: []fhir.DocumentReferenceContent{{Attachment: &fhir.Attachment{Title: "Epikrise\tmed æøå",
			Creation: testNow.Local().Format(time.RFC3339)}}}}
	f := &found{references: []*fhir.DocumentReference{&ref, masked(ref), {ID: "c3"}}, masked: 1,
		outcomes: []*fhir.OperationOutcome{fhir.Outcome(fault.Problems{fault.New(fault.BadQueryParam, "Not known.").At("author").AsWarning()})}}
	var out bytes.Buffer
	if err := errors.Join(f.print(&out), (&found{}).print(&out)); err != nil {
		t.Fatal(err)
	}
	golden(t, "list.golden", strings.ReplaceAll(out.String(), testNow.Local().Format("2006-01-02 15:04"), "2026-05-18 14:30"))
}

// TestAuditTable: events as the service encodes them, newest first, become a table with the oldest first.
func TestAuditTable(t *testing.T) {
	t.Parallel()
	const lines = `{"action":"X","outcome":"failed","operation":"new","caller":{},"detail":{}}
{"action":"R","outcome":"denied","operation":"open","caller":{"kind":"personnel","name":"GRØNN VITS","hpr":"565501872","client_id":"les","organisation":"981275721","organisation_name":"BETANIEN"},"patient":"17855599120^^^&2.16.578.1.12.4.1.4.1&ISO","rule":"C2","code":"DLAccessDenied","detail":{"documents":[{"unique_id":"1.2.3","title":"Epikrise\tfra æøå"}]}}
{"action":"R","outcome":"success","operation":"search","caller":{"kind":"personnel","name":"GRØNN VITS","purpose":"ETREAT","client_id":"les"},"patient":"17855599120^^^&2.16.578.1.12.4.1.4.1&ISO","detail":{"query":"status=current","break_glass":1}}
{"action":"C","outcome":"success","operation":"provide","caller":{"kind":"machine","client_id":"epj-betanien","organisation":"981275721"},"patient":"17855599120^^^&2.16.578.1.12.4.1.4.1&ISO","detail":{"documents":[{"unique_id":"9a0c1b8e-0000-4000-8000-000000000000"}]}}
`
	var log eventLog
	for line := range strings.Lines(lines) {
		var l audit.Line
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		l.Time = time.Date(2026, 5, 18, 12, 30, len(log.events), 0, time.Local)
		l.Rule, l.Code = cmp.Or(l.Rule, l.Detail.Rule), cmp.Or(l.Code, l.Detail.Code)
		log.events = append(log.events, atna.Encode(l, atna.Source{Name: "betanien"}))
	}
	slices.Reverse(log.events)
	for i, e := range log.events { // newest first
		e.Recorded = time.Date(2026, 5, 18, 12, 30, 9-i, 0, time.Local).Format(time.RFC3339)
	}
	var out bytes.Buffer
	older := *log.events[3]
	older.Recorded = time.Date(2026, 5, 17, 12, 30, 0, 0, time.Local).Format(time.RFC3339)
	over := eventLog{events: []*fhir.AuditEvent{log.events[0], &older}}
	if err := errors.Join(log.print(&out), over.print(&out), (&eventLog{}).print(&out)); err != nil {
		t.Fatal(err)
	}
	golden(t, "audit.golden", out.String())
}

// TestAuditForm: the window has both ends, and a patient never comes anywhere but into the form.
func TestAuditForm(t *testing.T) {
	t.Parallel()
	at := &site{Tenants: []stackTenant{{Name: "betanien", HomeCommunity: "1.2.3"}}}
	noon := time.Date(2026, 5, 18, 12, 0, 0, 0, time.FixedZone("", 7200))
	for want, c := range map[string]auditCommand{
		"date=ge2026-05-17T10%3A01%3A00Z&date=le2026-05-18T10%3A01%3A00Z":                                                                    {},
		"date=ge2026-05-18T10%3A00%3A00Z&date=le2026-05-18T10%3A01%3A00Z&source=1.2.3":                                                       {Since: noon, Tenant: "betanien"},
		"date=ge2026-05-17T10%3A00%3A00Z&date=le2026-05-18T10%3A00%3A00Z&source=control":                                                     {Until: noon, Tenant: "control"},
		"date=ge2026-05-17T10%3A01%3A00Z&date=le2026-05-18T10%3A01%3A00Z&patient.identifier=urn%3Aoid%3A2.16.578.1.12.4.1.4.1%7C17855599120": {Patient: "17855599120"},
	} {
		form, err := c.form(noon, at)
		if err != nil || form.Encode() != want {
			t.Errorf("%+v: %s %v", c, form.Encode(), err)
		}
	}
	if _, err := (auditCommand{Patient: "1"}).form(noon, at); err == nil {
		t.Error("a patient that is none was taken")
	}
}

func TestPurposeAndScopes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, address string
		want            purpose
	}{
		{"POST", "http://x/R4/fhir/Bundle", writing}, {"POST", "/R4/fhir/Bundle/$validate", writing},
		{"GET", "/R4/fhir/DocumentReference/1", writing}, {"GET", "/api/rest/document-status?id=1", writing},
		{"POST", "http://x/dl/R4/fhir/DocumentReference/_search", reading}, {"GET", "/R4/fhir/DocumentReference?_cursor=x", reading},
		{"POST", "/R4/fhir/List/_search", reading}, {"GET", "/R4/fhir/List?_cursor=x", reading}, {"GET", "/R4/fhir/List/1", writing},
		{"GET", "http://x/mhd/document?documentUniqueId=1", reading}, {"GET", "/pingauth", reading},
		{"POST", "/R4/fhir/AuditEvent/_search", auditing}, {"GET", "/R4/fhir/AuditEvent/1", auditing}, {"GET", "/helsenorge/v1/feed", showing},
	} {
		if got := purposeOf(c.method, c.address); got != c.want {
			t.Errorf("%s %s is for %s", c.method, c.address, got)
		}
	}
	all := []string{access.ScopeCreate, access.ScopeDelete, "nhn:phr-repo/mhd/create", access.ScopeReadList, access.ScopeReadListKJ, access.ScopeReadDocument,
		access.ScopeLogOwn, access.ScopeLogInspect, access.ScopeLogHelsenorge}
	if got, want := scopesFor(all, auditing), []string{access.ScopeLogOwn, access.ScopeLogInspect}; !slices.Equal(got, want) {
		t.Errorf("auditing: %v", got)
	}
	if got, want := scopesFor(all, showing), []string{access.ScopeLogHelsenorge}; !slices.Equal(got, want) {
		t.Errorf("showing: %v", got)
	}
	if got, want := scopesFor(all, writing), []string{access.ScopeCreate, access.ScopeDelete, "nhn:phr-repo/mhd/create"}; !slices.Equal(got, want) {
		t.Errorf("writing: %v", got)
	}
	if got, want := scopesFor(all, reading), []string{access.ScopeReadList, access.ScopeReadDocument}; !slices.Equal(got, want) {
		t.Errorf("reading: %v", got)
	}
	if got, want := scopesFor([]string{access.ScopeReadListKJ}, reading), []string{access.ScopeReadListKJ}; !slices.Equal(got, want) {
		t.Errorf("kjernejournal alone: %v", got)
	}
}

func TestSmallTexts(t *testing.T) {
	t.Parallel()
	same := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	id := "8989fa8c-4f76-46df-a708-9cc1ac0b338e"
	for _, text := range []string{id, "urn:uuid:" + id, "http://h/R4/fhir/DocumentReference/" + id, "DocumentReference/" + id,
		"http://h/mhd/document?documentUniqueId=" + id + "&homeCommunityId=1"} {
		same(text, documentID(text), id)
	}
	same("bytes", bytesText(62914560)+bytesText(999)+bytesText(1000), "62 914 560 bytes"+"999 bytes"+"1 000 bytes")
	same("shorten", shorten("blåbær", 6)+shorten("blåbærsyltetøy", 7), "blåbær"+"blåbær…")
	same("quote", quote("it's")+" "+quote("")+" "+quote("a/b-1.2:=@"), `'it'\''s' '' a/b-1.2:=@`)
	same("class", classOf("A03-2"), "A00-1")
	same("extension", extensionFor("application/pdf")+extensionFor("text/plain; charset=utf-8")+extensionFor("x/y"), ".pdf.txt")
	given, family := splitName(" Line  Maria DANSER ")
	same("name", given+"|"+family, "Line Maria|DANSER")
	for text, want := range map[string]string{"17855599120": "17855599120|2.16.578.1.12.4.1.4.1", "60917301126": "60917301126|2.16.578.1.12.4.1.4.2", "urn:oid:1.2|A-7": "A-7|1.2"} {
		got, err := patientID(text)
		if err != nil {
			t.Fatal(err)
		}
		same(text, got.Value+"|"+got.Authority, want)
	}
}

// TestTokensStayAtHome: an address out of an answer must not carry a token elsewhere.
func TestTokensStayAtHome(t *testing.T) {
	t.Parallel()
	x := &exchange{site: &site{BaseURL: "https://dl.example.no"}}
	for address, allowed := range map[string]bool{"https://dl.example.no/x": true, "http://dl.example.no/x": false, "https://dl.example.no.evil/x": false,
		"https://dl.example.no:444/x": false, "//evil/x": false, "x": false} {
		if err := x.own(address); (err == nil) != allowed {
			t.Errorf("%s: %v", address, err)
		}
	}
}
