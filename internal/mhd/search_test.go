package mhd_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// localSystem is an authority of ours: a patient who has a number of it is known to no register (P1), and can be one test's own.
const localSystem = "urn:oid:2.16.578.1.12.4.5.100.9"

// stranger is a patient of one test alone.
func stranger() string { return "L" + strings.ReplaceAll(uuid.NewString(), "-", "")[:20] }

// about is the search for a stranger's current documents.
func about(patient string, more ...string) url.Values {
	form := current("", more...)
	form.Set("patient.identifier", localSystem+"|"+patient)
	return form
}

// shelve uploads a document of a stranger, edited as its test wants it.
func shelve(t *testing.T, s *servicetest.Service, of tenant.Tenant, patient string, d servicetest.Doc, edit func(ref servicetest.Object)) servicetest.Doc {
	t.Helper()
	b := servicetest.BundleFor(of, d)
	b.Patient = patient
	b.Change = func(message servicetest.Object) {
		servicetest.Resource(message, 1)["identifier"].([]any)[0].(servicetest.Object)["system"] = localSystem
		if edit != nil {
			edit(servicetest.Resource(message, 3))
		}
	}
	upload(t, s.Writer(t, of.Organisations[0]), b)
	return d
}

func coded(system, code string) servicetest.Object {
	return servicetest.Object{"coding": []any{servicetest.Object{"system": system, "code": code}}}
}

func contextOf(ref servicetest.Object) servicetest.Object { return ref["context"].(servicetest.Object) }

func authorName(ref servicetest.Object, family string, given ...any) {
	ref["contained"].([]any)[0].(servicetest.Object)["name"] = []any{servicetest.Object{"family": family, "given": given}}
}

const (
	types      = "urn:oid:2.16.578.1.12.4.1.1.9602"
	facilities = "urn:oid:2.16.578.1.12.4.1.1.1303"
	settings   = "urn:oid:2.16.578.1.12.4.1.1.8653"
	formats    = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"
	hl7Labels  = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	encounter  = "urn:oid:1.2.3.4.5"
)

// library is three documents that differ in everything a search can ask for, titled a, b and c, newest first.
func library(t *testing.T, s *servicetest.Service) (patient string, byTitle map[string]servicetest.Doc, of tenant.Tenant) {
	t.Helper()
	of, patient = s.Tenant(t), stranger()
	doc := func(title, creation string, codes ...string) servicetest.Doc {
		d := servicetest.NewDoc()
		d.Title, d.Creation, d.Codes = title, creation, codes
		return d
	}
	a, b, c := doc("a", "2026-03-10T12:00:00Z", "N"), doc("b", "2026-02", "R", "NORN_ANG"), doc("c", "2025-12-31", "N", "NORU")
	a.TypeCode, b.TypeCode, c.TypeCode = "A03-2", "D08-2", "A03-2"
	a.Class, b.Class, c.Class = "A00-1", "D00-1", "A00-1"
	shelve(t, s, of, patient, c, func(ref servicetest.Object) {
		authorName(ref, "Ås", "Bjørn", "Håkon")
		delete(contextOf(ref), "period")
		ref["content"].([]any)[0].(servicetest.Object)["format"] = servicetest.Object{"system": "urn:oid:1.2.3.9", "code": "x,y"}
	})
	shelve(t, s, of, patient, b, func(ref servicetest.Object) {
		authorName(ref, "Sæther-Berg", "Anne Marie")
		contextOf(ref)["period"] = servicetest.Object{"start": "2026-01-10", "end": "2026-01-12"}
		contextOf(ref)["facilityType"], contextOf(ref)["practiceSetting"] = coded(facilities, "86.101"), coded(settings, "3")
		contextOf(ref)["related"] = []any{servicetest.Object{"identifier": servicetest.Object{"system": encounter, "value": "opphold-1"}}}
	})
	shelve(t, s, of, patient, a, func(ref servicetest.Object) {
		contextOf(ref)["period"] = servicetest.Object{"start": "2026-03-01T08:00:00Z"}
		contextOf(ref)["event"] = []any{coded("urn:oid:2.16.578.1.12.4.1.1.7210", "AA1"), coded("urn:oid:1.2.3.8", "E2")}
		contextOf(ref)["related"] = []any{servicetest.Object{"identifier": servicetest.Object{"system": encounter, "value": "opphold-2"}}}
	})
	return patient, map[string]servicetest.Doc{"a": a, "b": b, "c": c}, of
}

func titles(refs []*fhir.DocumentReference) (out []string) {
	for _, r := range refs {
		out = append(out, r.Content[0].Attachment.Title)
	}
	return out
}

// TestEveryParameter: each parameter of R1 in each form FHIR has for it, and several together.
func TestEveryParameter(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	patient, docs, of := library(t, s)
	doctor := s.Doctor(t, servicetest.Organisation())
	today, tomorrow := time.Now().UTC().Format(time.DateOnly), time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	for _, c := range []struct{ search, want string }{
		{"", "a b c"},
		{"category=" + types + "|D00-1", "b"}, {"category=D00-1", "b"}, {"category=|D00-1", ""}, {"category=" + types + "|", "a b c"}, {"category=D00-1,A00-1", "a b c"},
		{"category:not=D00-1", "a c"}, {"category=D00", ""}, {"category=A00-1&category=D00-1", ""}, {"category=", "a b c"}, {"category=2.16.578.1.12.4.1.1.9602|D00-1", "b"},
		{"type=D08-2", "b"}, {"type:not=D08-2,X", "a c"}, {"type:missing=false", "a b c"}, {"type:missing=true", ""},
		{"event=E2", "a"}, {"event=urn:oid:1.2.3.8|E2", "a"}, {"event:not=E2", "b c"}, {"event=AA1&event=E2", "a"}, {"event:missing=true", "b c"},
		{"facility=86.101", "b"}, {"facility=" + facilities + "|86.101", "b"}, {"facility:not=86.101", "a c"},
		{"setting=3", "b"}, {"setting=" + settings + "|3,4", "b"},
		{"format=" + formats + "|urn:ihe:iti:xds:2017:mimeTypeSufficient", "a b"}, {`format=x\,y`, "c"}, {"format=x,y", ""}, {"format=urn:oid:1.2.3.9|", "c"},
		{"security-label=R", "b"}, {"security-label=" + hl7Labels + "|N", "a c"}, {"security-label=NORN_ANG,NORU", "b c"}, {"security-label:not=N", "b"},
		{"related=" + encounter + "|opphold-1", "b"}, {"related:identifier=opphold-1,opphold-2", "a b"}, {"related.identifier=" + encounter + "|", "a b"},
		{"related=urn:oid:9.9|opphold-1", ""}, {"related:missing=true", "c"}, {"related:not=opphold-1", "a c"},
		{"author.family=grev", "a"}, {"author.family=Saether", "b"}, {"author.family=berg", "b"}, {"author.family=as", "c"}, {"author.family:exact=Ås", "c"}, {"author.family:exact=ås", ""},
		{"author.given=marie", "b"}, {"author.given=bjoern", "c"}, {"author.given=Haakon", "c"}, {"author.given:contains=øRN", "c"}, {"author.given=kv,anne", "a b"},
		{"author.given=Bjørn&author.family=Ås", "c"}, {"author.given=Bjørn&author.family=Grevling", ""},
		{"creation=2026", "a b"}, {"creation=2026-02", "b"}, {"creation=2026-02-15", ""}, {"creation=ge2026-02-15", "a b"}, {"creation=gt2026-02", "a"}, {"creation=sa2026-02", "a"},
		{"creation=lt2026-02", "c"}, {"creation=le2026-02", "b c"}, {"creation=eb2026", "c"}, {"creation=ne2026", "c"}, {"creation=2026-03-10T13:00:00+01:00", "a"},
		{"creation=2026-03-10T13:00:00 01:00", "a"}, {"creation=ge2026-01&creation=lt2026-03", "b"}, {"creation=2025-12-31,2026-03-10", "a c"},
		{"date=" + today + "," + tomorrow, "a b c"}, {"date=lt2020", ""}, {"_lastUpdated=gt2020", "a b c"},
		{"period=2026-01-11", "b"}, {"period=2026-01-13", ""}, {"period=2026-05", "a"}, {"period=ge2026-01-12&period=lt2026-02", "b"}, {"period=lt2026-02-01", "b"}, {"period:missing=true", "c"},
		{"identifier=" + docs["a"].ID, "a"}, {"identifier=urn:uuid:" + strings.ToUpper(docs["b"].ID), "b"}, {"identifier=urn:ietf:rfc:3986|urn:uuid:" + docs["c"].BinaryID, "c"},
		{"identifier=" + docs["a"].MasterID + "," + docs["b"].MasterID, "a b"}, {"identifier:not=" + docs["a"].ID, "b c"}, {"_id=" + docs["c"].ID, "c"}, {"_id=x", ""},
		{"homeCommunityId=" + of.HomeCommunity + "&type=A03-2&security-label=NORU", "c"},
		{"_sort=creation", "c b a"}, {"_sort=-creation", "a b c"}, {"_sort=-date", "a b c"}, {"_sort=date", "c b a"},
	} {
		more, err := url.ParseQuery(c.search)
		if err != nil {
			t.Fatal(err)
		}
		form := about(patient)
		for name, values := range more {
			form[name] = values
		}
		if got := strings.Join(titles(references(t, doctor.Search(t, form, "Prefer", "handling=strict"))), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.search, got, c.want)
		}
	}
}

// TestBadParameters: each is told by its name, all at once, and nothing is searched.
func TestBadParameters(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	doctor, patient := s.Doctor(t, servicetest.Organisation()), stranger()
	bad := map[string]string{"category:below": "category", "type:text": "type", "creation:not": "creation", "author.given:missing": "author.given", "status:not": "status",
		"_sort": "_sort", "_total": "_total", "period": "period", "related:Patient": "related", "format": "format", "date": "date", "event": "event"}
	form := about(patient, "status:not", "current", "category:below", "a", "type:text", "b", "creation:not", "2026", "author.given:missing", "perhaps", "_sort", "title",
		"_total", "all", "period", "ap2026", "related:Patient", "x", "format", "a|b|c", "date", "2026-13", "event", "|")
	a := doctor.Search(t, form)
	if a.Status != http.StatusBadRequest {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	o := outcome(t, a)
	for key, name := range bad {
		if !told(o, "XDSStoredQueryParamNumber", name) {
			t.Errorf("%s is not told of: %s", key, a.Body)
		}
	}
	if a := doctor.Search(t, url.Values{"patient": {"Patient/1"}, "status": {"current"}}); a.Status != 400 || !strings.Contains(string(a.Body), "patient.identifier") {
		t.Errorf("patient by reference: %d %s", a.Status, a.Body)
	}
	many := about(patient)
	for range 60 {
		many.Add("category", "A00-1")
	}
	if a := doctor.Search(t, many); a.Status != 400 {
		t.Errorf("sixty conditions: %d", a.Status)
	}
}

// TestTotals: how many there are is told when it is known, or asked for, on every page; and never when somebody did not answer.
func TestTotals(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	patient, _, _ := library(t, s)
	second := s.Tenant(t)
	for range 4 {
		shelve(t, s, second, patient, servicetest.NewDoc(), nil)
	}
	doctor := s.Doctor(t, servicetest.Organisation())
	for _, c := range []struct {
		total, count string
		more         []string
		want         []string
	}{
		{"", "50", nil, []string{"7"}}, {"none", "50", nil, []string{""}}, {"", "3", nil, []string{"", "", ""}},
		{"accurate", "3", nil, []string{"7", "7", "7"}}, {"estimate", "7", nil, []string{"7"}}, {"accurate", "2", []string{"creation", "ge2026-10"}, []string{"4", "4"}},
	} {
		form := about(patient, "_count", c.count)
		if c.total != "" {
			form.Set("_total", c.total)
		}
		for i := 0; i+1 < len(c.more); i += 2 {
			form.Add(c.more[i], c.more[i+1])
		}
		var got []string
		for _, a := range pages(t, doctor, doctor.Search(t, form)) {
			b, total := bundle(t, a), ""
			if b.Total != nil {
				total = compact(*b.Total)
			}
			got = append(got, total)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("_total=%s, _count=%s %v (-want +got):\n%s", c.total, c.count, c.more, diff)
		}
	}
}

// pages follows the next links from a first answer.
func pages(t *testing.T, doctor *servicetest.Caller, first servicetest.Answer) (all []servicetest.Answer) {
	t.Helper()
	for a := first; ; {
		all = append(all, a)
		next := ""
		for _, l := range bundle(t, a).Link {
			if l.Relation == "next" {
				next = l.URL
			}
		}
		if next == "" || len(all) > 200 {
			return all
		}
		if a = doctor.Get(t, next); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
	}
}

// TestNextLinkIsOfOneScope: under kjernejournalforskriften a page's address from §45 is nobody's: its total was counted under the other law (C6, R6).
func TestNextLinkIsOfOneScope(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, patient, organisation := s.Tenant(t), stranger(), servicetest.Organisation()
	for range 2 {
		shelve(t, s, of, patient, servicetest.NewDoc(), nil)
	}
	first := s.Doctor(t, organisation).Search(t, about(patient, "_count", "1", "_total", "accurate"))
	next := ""
	for _, l := range bundle(t, first).Link {
		if l.Relation == "next" {
			next = l.URL
		}
	}
	if a := s.Doctor(t, organisation, access.ScopeReadListKJ).Get(t, next, access.HeaderAccessBasis, "SAMTYKKE"); a.Status != http.StatusBadRequest || !told(outcome(t, a), "XDSStoredQueryParamNumber", "_cursor") {
		t.Errorf("under the other scope: %d %s", a.Status, a.Body)
	}
	if a := s.Doctor(t, organisation).Get(t, next); len(references(t, a)) != 1 {
		t.Errorf("under its own: %d %s", a.Status, a.Body)
	}
}
