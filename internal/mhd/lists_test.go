package mhd_test

import (
	"bytes"
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// sourced gives a bundle's set an author: KVART GREVLING of STIFTELSEN BETANIEN.
func sourced(b servicetest.Bundle) servicetest.Bundle {
	before := b.Change
	b.Change = func(m object) {
		set := servicetest.Resource(m, 0)
		set["contained"] = []any{
			object{"resourceType": "Practitioner", "id": "p", "name": []any{object{"family": "GREVLING", "given": []any{"KVART"}}}},
			object{"resourceType": "Organization", "id": "o", "name": "STIFTELSEN BETANIEN"},
			object{"resourceType": "PractitionerRole", "id": "r", "practitioner": object{"reference": "#p"}, "organization": object{"reference": "#o"}},
		}
		set["source"] = object{"reference": "#r"}
		if before != nil {
			before(m)
		}
	}
	return b
}

// findLists posts a search for lists; parameters in pairs over the required ones.
func findLists(t *testing.T, s *servicetest.Service, c *servicetest.Caller, of tenant.Tenant, code string, more ...string) servicetest.Answer {
	t.Helper()
	form := current(servicetest.Patient, "homeCommunityId", of.HomeCommunity)
	form.Set("code", code)
	headers := []string{"Content-Type", "application/x-www-form-urlencoded"}
	for i := 0; i+1 < len(more); i += 2 {
		if name, isHeader := strings.CutPrefix(more[i], "header "); isHeader {
			headers = append(headers, name, more[i+1])
			continue
		}
		if form.Set(more[i], more[i+1]); more[i+1] == "" {
			form.Del(more[i])
		}
	}
	return c.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/List/_search", strings.NewReader(form.Encode()), headers...))
}

// lists are the Lists of a search's answer, in order.
func lists(t *testing.T, a servicetest.Answer) (out []*fhir.List) {
	t.Helper()
	return listed[fhir.List](t, a)
}

func listTitles(ls []*fhir.List) (out []string) {
	for _, l := range ls {
		out = append(out, l.Title)
	}
	return out
}

// TestFindLists: every parameter of ITI-66 finds what it should and nothing else.
func TestFindLists(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, d, e := s.Writer(t, of.Organisations[0]), servicetest.NewDoc(), servicetest.NewDoc()
	f := newFolder("Mappe", symbolic(d))
	told := upload(t, w, with(sourced(servicetest.BundleFor(of, d)), f))
	set, folder := path.Base(told.Entry[0].Response.Location), path.Base(last(told).Location)
	second := servicetest.BundleFor(of, e)
	second.Change = func(m object) {
		l := servicetest.Resource(m, 0)
		l["title"], l["date"] = "Senere", "2026-11-02T12:00:00Z"
		l["extension"].([]any)[1].(object)["valueIdentifier"].(object)["value"] = "urn:oid:1.2.3"
	}
	upload(t, w, second)
	doctor := s.Doctor(t, servicetest.Organisation())
	both, sets, folders, none := []string{"Senere", "Innsending"}, "submissionset", "folder", []string(nil)
	cases := []struct {
		code string
		more []string
		want []string
	}{
		{sets, nil, both}, {folders, nil, []string{"Mappe"}}, {"submissionset,folder", nil, []string{"Mappe", "Senere", "Innsending"}},
		{"https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes|folder", nil, []string{"Mappe"}}, {"http://example.org|folder", nil, none}, {"x", nil, none},
		{sets, []string{"_sort", "date"}, []string{"Innsending", "Senere"}}, {sets, []string{"status", "superseded"}, none}, {sets, []string{"status", "current,superseded"}, both},
		{sets, []string{"date", "2026-11-02"}, []string{"Senere"}}, {sets, []string{"date", "lt2026-11-02"}, []string{"Innsending"}}, {sets, []string{"date", "ge2026-11"}, both},
		{folders, []string{"date", "lt2026-11-02"}, none},
		{sets, []string{"designationType", "A03-2"}, both}, {sets, []string{"designationType", "urn:oid:2.16.578.1.12.4.1.1.9602|A03-2"}, both}, {sets, []string{"designationType", "D08-2"}, none},
		{folders, []string{"designationType", "http://snomed.info/sct|225728007"}, []string{"Mappe"}}, {folders, []string{"designationType", "A03-2"}, none},
		{"submissionset,folder", []string{"identifier", f.uniqueID}, []string{"Mappe"}}, {sets, []string{"identifier", "urn:uuid:" + set}, []string{"Innsending"}},
		{folders, []string{"_id", folder}, []string{"Mappe"}}, {folders, []string{"identifier", "urn:ietf:rfc:3986|urn:uuid:" + strings.ToUpper(folder)}, []string{"Mappe"}},
		{sets, []string{"sourceId", "urn:oid:1.2.3"}, []string{"Senere"}}, {sets, []string{"sourceId", "2.16.578.1.12.4.5.480.1.2"}, []string{"Innsending"}}, {folders, []string{"sourceId", "1.2.3"}, none},
		{sets, []string{"source.family", "grev"}, []string{"Innsending"}}, {sets, []string{"source.given", "Kvart", "source.family", "Grevling"}, []string{"Innsending"}},
		{sets, []string{"source.family", "x"}, none}, {sets, []string{"source.family:missing", "true"}, []string{"Senere"}},
		{sets, []string{"homeCommunityId", "1.2.3.4"}, none}, {sets, []string{"patient.identifier", servicetest.PatientSystem + "|17855599120"}, none},
		{sets, []string{"_lastUpdated", "ge" + time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)}, both}, {sets, []string{"_lastUpdated", "lt2026-01-01"}, none}, {sets, []string{"_include", "List:item"}, both},
	}
	for _, c := range cases {
		a := findLists(t, s, doctor, of, c.code, c.more...)
		if got := listTitles(lists(t, a)); !slices.Equal(got, c.want) {
			t.Errorf("%s %q finds %q, want %q", c.code, c.more, got, c.want)
		}
		if b := bundle(t, a); b.Total == nil || *b.Total != len(c.want) || a.Header.Get("NHN-SecurityLabel-Nors-Count") != "0" {
			t.Errorf("%s %q: total %v, NORS %q", c.code, c.more, b.Total, a.Header.Get("NHN-SecurityLabel-Nors-Count"))
		}
	}
	for _, l := range lists(t, findLists(t, s, doctor, of, "submissionset,folder")) {
		if diff := cmp.Diff(compact(l), compact(listAt(t, doctor, "/R4/fhir/List/"+l.ID))); diff != "" {
			t.Errorf("found and read differ:\n%s", diff)
		}
		if want := map[string][]string{"Mappe": {reference(d)}, "Innsending": {reference(d), "List/" + folder}, "Senere": {reference(e)}}[l.Title]; !slices.Equal(members(l), want) {
			t.Errorf("%s holds %q, want %q", l.Title, members(l), want)
		}
	}
}

// TestFindListsRefused: what is required, what cannot be understood, and every other way to ask.
func TestFindListsRefused(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	doctor := s.Doctor(t, servicetest.Organisation())
	for _, c := range []struct {
		more           []string
		code, location string
	}{
		{[]string{"code", ""}, "XDSStoredQueryMissingParam", "code"}, {[]string{"status", ""}, "XDSStoredQueryMissingParam", "status"},
		{[]string{"patient.identifier", ""}, "XDSStoredQueryMissingParam", "patient.identifier"}, {[]string{"status", "x"}, "XDSStoredQueryParamNumber", "status"},
		{[]string{"date", "x"}, "XDSStoredQueryParamNumber", "date"}, {[]string{"_sort", "title"}, "XDSStoredQueryParamNumber", "_sort"}, {[]string{"_count", "0"}, "XDSStoredQueryParamNumber", "_count"},
		{[]string{"_include", "List:item", "header Prefer", "handling=strict"}, "XDSStoredQueryParamNumber", ""},
	} {
		if a := findLists(t, s, doctor, of, "folder", c.more...); a.Status != 400 || !told(outcome(t, a), c.code, c.location) {
			t.Errorf("%q: %d %s", c.more, a.Status, a.Body)
		}
	}
	get := doctor.Get(t, "/R4/fhir/List?"+current(servicetest.Patient, "code", "folder").Encode())
	if get.Status != http.StatusMethodNotAllowed || get.Header.Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d, Allow %q", get.Status, get.Header.Get("Allow"))
	}
	if a := findLists(t, s, s.Writer(t, of.Organisations[0]), of, "folder"); a.Status != http.StatusForbidden {
		t.Errorf("a machine: %d %s", a.Status, a.Body)
	}
	if a := s.Doctor(t, of.Organisations[0], access.ScopeReadDocument).Get(t, "/R4/fhir/List/"+uuid.NewString()); a.Status != http.StatusForbidden {
		t.Errorf("a scope that lists nothing: %d %s", a.Status, a.Body)
	}
}

// TestListsOverTenants: one ordered answer over all instances that hold the patient, page by page, with an event in each for each page; its cursor is
// of no use for documents.
func TestListsOverTenants(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	const patient = "11817010530" // of this test alone
	tenants := []tenant.Tenant{s.Tenant(t), s.Tenant(t)}
	want := []string{}
	for n := range 7 {
		of := tenants[n%2]
		b := servicetest.BundleFor(of)
		b.Patient = patient
		title := fmt.Sprintf("Innsending %d", n)
		b.Change = func(m object) {
			l := servicetest.Resource(m, 0)
			l["title"], l["date"] = title, fmt.Sprintf("2026-10-0%dT12:00:00Z", n+1)
		}
		upload(t, s.Writer(t, of.Organisations[0]), b)
		want = append([]string{title}, want...)
	}
	doctor := s.Doctor(t, servicetest.Organisation())
	var got []string
	pages := 0
	a := findLists(t, s, doctor, tenant.Tenant{}, "submissionset", "homeCommunityId", "", "patient.identifier", patient, "_count", "3", "_total", "accurate")
	for {
		got, pages = append(got, listTitles(lists(t, a))...), pages+1
		b := bundle(t, a)
		if b.Total == nil || *b.Total != 7 {
			t.Errorf("page %d: total %v", pages, b.Total)
		}
		next := ""
		for _, l := range b.Link {
			if l.Relation == "next" {
				next = l.URL
			}
		}
		if next == "" {
			break
		}
		if other := doctor.Get(t, strings.Replace(next, "/List?", "/DocumentReference?", 1)); other.Status != 400 {
			t.Errorf("a page of lists asked for as documents: %d", other.Status)
		}
		a = doctor.Get(t, next)
	}
	if diff := cmp.Diff(want, got); diff != "" || pages != 3 {
		t.Errorf("%d pages (-want +got):\n%s", pages, diff)
	}
	for _, of := range tenants {
		n, hits := 0, 0
		for _, e := range s.Events(t, of) {
			if e.Operation == "search-lists" {
				n, hits = n+1, hits+*e.Detail.Hits
				if !strings.Contains(e.Patient, patient) || strings.Contains(e.Detail.Query, patient) || e.Detail.HomeCommunity != of.HomeCommunity {
					t.Errorf("event %s", compact(e))
				}
			}
		}
		if n != 3 || hits != map[int32]int{tenants[0].ID: 4, tenants[1].ID: 3}[of.ID] {
			t.Errorf("%d events with %d hits", n, hits)
		}
	}
}

// TestMaskedLists: a list with a barred document says nothing in words or codes, is found by nothing that it hides, and names its documents as
// they are listed themselves.
func TestMaskedLists(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	barred, plain := servicetest.NewDoc(), servicetest.NewDoc()
	barred.Codes = []string{"N", "NORS"}
	f := newFolder("Hemmelig mappe", symbolic(barred), symbolic(plain))
	b := with(sourced(servicetest.BundleFor(of, barred, plain)), f, newFolder("Åpen mappe", symbolic(plain)))
	told := upload(t, s.Writer(t, of.Organisations[0]), b)
	addresses := map[string]string{"submissionset": told.Entry[0].Response.Location, "folder": told.Entry[6].Response.Location}
	doctor := s.Doctor(t, servicetest.Organisation())
	for code, address := range addresses {
		id := path.Base(address)
		search := findLists(t, s, doctor, of, code, "_id", id)
		found, read := lists(t, search), doctor.Get(t, address)
		if len(found) != 1 || found[0].Title != "Sperret" || search.Header.Get("NHN-SecurityLabel-Nors-Count") != "1" {
			t.Fatalf("%s: %s", code, search.Body)
		}
		for _, secret := range []string{"Hemmelig", "Notat", "225728007", "A03-2", "GREVLING", "KVART", servicetest.Patient, "DANSER", "1969", "480.1.2"} {
			if bytes.Contains(search.Body, []byte(secret)) || bytes.Contains(read.Body, []byte(secret)) {
				t.Errorf("a masked %s tells %q: %s", code, secret, read.Body)
			}
		}
		want := []string{reference(barred), reference(plain)}
		if code == "submissionset" {
			want = append(want, "List/"+path.Base(addresses["folder"]), "List/"+path.Base(last(told).Location))
		}
		if got := members(found[0]); !slices.Equal(got, want) {
			t.Errorf("%s names %q, want %q", code, got, want)
		}
		hidden := [][]string{{"designationType", "225728007"}, {"designationType", "A03-2"}, {"sourceId", "2.16.578.1.12.4.5.480.1.2"},
			{"source.family", "GREVLING"}, {"source.given", "KVART"}, {"source.family:missing", "false"}}
		for _, param := range hidden {
			if n := len(lists(t, findLists(t, s, doctor, of, code, append(param, "_id", id)...))); n != 0 {
				t.Errorf("a masked %s is found by its hidden %s", code, param[0])
			}
		}
		if n := len(lists(t, findLists(t, s, doctor, of, code, "identifier", found[0].Identifier[0].Value, "designationType:not", "x"))); n != 1 {
			t.Errorf("a masked %s is not found by what shows", code)
		}
	}
	if set := doctor.Get(t, addresses["submissionset"]); !bytes.Contains(set.Body, []byte("STIFTELSEN BETANIEN")) {
		t.Errorf("the organisation must show: %s", set.Body)
	}
	if open := listAt(t, doctor, last(told).Location); open.Title != "Åpen mappe" {
		t.Errorf("a folder without barred documents: %s", compact(open))
	}
	if own := listAt(t, s.Writer(t, of.Organisations[0]), addresses["folder"]); own.Title != f.title {
		t.Errorf("its sender reads %q", own.Title)
	}
	masked := 0
	for _, e := range s.Events(t, of) {
		if e.Operation == "read-list" && e.Detail.Masked == 1 && e.Rule == "C2" && (e.Detail.Set != "") != (len(e.Detail.Folders) == 1) {
			masked++
		}
	}
	if masked != 3 {
		t.Errorf("%d events tell of a masked list that was read, want 3", masked)
	}
}

// TestOmittedLists: a document that the reader must not know of is left out, and with it the list's words; a list that has no other cannot be told
// from none.
func TestOmittedLists(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	covered, outside, alone := servicetest.NewDoc(), servicetest.NewDoc(), servicetest.NewDoc()
	outside.Class, alone.Class = "B00-1", "B00-1"
	w := s.Writer(t, of.Organisations[0])
	mixed := upload(t, w, with(servicetest.BundleFor(of, covered, outside), newFolder("Blandet", symbolic(covered), symbolic(outside))))
	only := upload(t, w, with(servicetest.BundleFor(of, alone), newFolder("Bare utenfor", symbolic(alone)), newFolder("Tom")))
	doctor := s.Doctor(t, servicetest.Organisation(), access.ScopeReadListKJ)
	basis := []string{"header nhn-access-basis", "SAMTYKKE"}
	for _, code := range []string{"submissionset", "folder"} {
		a := findLists(t, s, doctor, of, code, basis...)
		found := lists(t, a)
		if len(found) != 1 || found[0].Title != "Sperret" || found[0].Entry[0].Item.Reference != reference(covered) || bytes.Contains(a.Body, []byte(outside.ID)) || *bundle(t, a).Total != 1 {
			t.Errorf("%s: %s", code, a.Body)
		}
	}
	read := func(address string) servicetest.Answer {
		return doctor.Get(t, address, "nhn-access-basis", "SAMTYKKE")
	}
	absent := read("/R4/fhir/List/" + uuid.NewString())
	for name, address := range map[string]string{"set": only.Entry[0].Response.Location, "folder": only.Entry[4].Response.Location, "empty folder": last(only).Location} {
		if a := read(address); a.Status != http.StatusNotFound || string(a.Body) != string(absent.Body) {
			t.Errorf("a %s without visible documents: %d %s, want %s", name, a.Status, a.Body, absent.Body)
		}
	}
	if a := read(last(mixed).Location); a.Status != 200 || bytes.Contains(a.Body, []byte("Blandet")) {
		t.Errorf("mixed: %d %s", a.Status, a.Body)
	}
	shut := s.Tenant(t, func(d *administration.Draft) { d.Sharing = access.Sharing{Citizen: true} })
	d := servicetest.NewDoc()
	there := upload(t, s.Writer(t, shut.Organisations[0]), with(servicetest.BundleFor(shut, d), newFolder("Delt", symbolic(d))))
	full := s.Doctor(t, servicetest.Organisation())
	if n, a := len(lists(t, findLists(t, s, full, shut, "folder"))), full.Get(t, last(there).Location); n != 0 || a.Status != http.StatusNotFound {
		t.Errorf("an instance that shares nothing: %d listed, %d", n, a.Status)
	}
}

// TestFactsLimitLists: a protected address keeps sets and folders from personnel as it keeps documents (L5), and so does not knowing.
func TestFactsLimitLists(t *testing.T) {
	t.Parallel()
	a := startAsking(t, "0s", func(b *servicetest.Bundle) {
		*b = with(*b, newFolder("Mappe", symbolic(b.Docs[0])))
	})
	address := func() string {
		var id string
		for _, e := range a.Events(t, a.of) {
			if e.Operation == "provide" {
				id = e.Detail.Folders[0]
			}
		}
		return "/R4/fhir/List/" + id
	}()
	check := func(when string, want bool) {
		t.Helper()
		n, read := len(lists(t, findLists(t, a.Service, a.doctor, a.of, "folder"))), a.doctor.Get(t, address)
		if want != (n == 1) || want != (read.Status == 200) {
			t.Errorf("%s: %d listed, read %d", when, n, read.Status)
		}
		if absent := a.doctor.Get(t, "/R4/fhir/List/"+uuid.NewString()); !want && string(absent.Body) != string(read.Body) {
			t.Errorf("%s: can be told from what is not there: %s", when, read.Body)
		}
	}
	check("nothing known against it", true)
	a.facts(t, `"address_protection":"strengtFortrolig"`)
	check("protected", false)
	a.facts(t, `"address_protection":"ugradert"`)
	check("again", true)
}

// TestPatientByPerson: a person whose token may write too sees of a submission's patient what the rules leave of the submission; a record
// system sees what it sent.
func TestPatientByPerson(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	barred := servicetest.NewDoc()
	barred.Codes = []string{"N", "NORS"}
	w := s.Writer(t, of.Organisations[0])
	address := "/R4/fhir/Patient/" + path.Base(upload(t, w, servicetest.BundleFor(of, barred)).Entry[0].Response.Location)
	person := s.Doctor(t, of.Organisations[0], access.ScopeReadList, access.ScopeCreate)
	for name, c := range map[string]struct {
		caller *servicetest.Caller
		status int
		named  bool
	}{"person": {person, 200, false}, "record system": {w, 200, true}, "person who only reads": {s.Doctor(t, of.Organisations[0]), 403, false}} {
		a := c.caller.Get(t, address)
		if a.Status != c.status || bytes.Contains(a.Body, []byte(servicetest.Patient)) != c.named || bytes.Contains(a.Body, []byte("DANSER")) != c.named {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
}
