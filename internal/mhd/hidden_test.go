package mhd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
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
)

// barred is a document that its patient has barred to health personnel, with everything about it that the mask hides.
type barred struct {
	typ, event, facility, setting, format, formatSystem, family, given, related string
	period                                                                      [2]string
	content                                                                     string
}

var (
	here  = barred{"A03-2", "AA1", "86.101", "3", "urn:no:ehelse:document:text", "urn:oid:1.2.3.9", "Ås", "Bjørn", "opphold-1", [2]string{"2026-01-10", "2026-01-12"}, "kort"}
	there = barred{"D08-2", "ZZ9", "86.909", "6", "urn:ihe:iti:xds:2017:mimeTypeSufficient", formats, "Grevling", "Kvart", "opphold-2",
		[2]string{"2025-03-10", "2025-03-12"}, strings.Repeat("langt ", 400)}
)

func (h barred) put(t *testing.T, s *servicetest.Service, of tenant.Tenant, patient string, codes ...string) servicetest.Doc {
	t.Helper()
	d := servicetest.NewDoc()
	d.Creation, d.TypeCode, d.Title, d.Codes = "2026-05-05T05:05:05Z", h.typ, "Tittel om "+h.family, codes
	d.Bytes = []byte(h.content + d.ID)
	return shelve(t, s, of, patient, d, func(ref servicetest.Object) {
		authorName(ref, h.family, h.given)
		c := contextOf(ref)
		c["period"], c["event"] = servicetest.Object{"start": h.period[0], "end": h.period[1]}, []any{coded("urn:oid:2.16.578.1.12.4.1.1.7210", h.event)}
		c["facilityType"], c["practiceSetting"] = coded(facilities, h.facility), coded(settings, h.setting)
		c["related"] = []any{servicetest.Object{"identifier": servicetest.Object{"system": encounter, "value": h.related}}}
		ref["content"].([]any)[0].(servicetest.Object)["format"] = servicetest.Object{"system": h.formatSystem, "code": h.format}
		ref["description"] = "Kommentar om " + h.family
	})
}

// probes are searches that would tell the two documents apart if hidden values counted: every parameter of what the mask hides, with each
// one's value, in every form.
func probes() (all [][]string) {
	token := func(name string, values ...string) {
		for _, v := range append(values, "*****", "nothing") {
			all = append(all, []string{name, v}, []string{name + ":not", v})
		}
		all = append(all, []string{name + ":missing", "true"}, []string{name + ":missing", "false"})
	}
	token("type", here.typ, there.typ, types+"|"+here.typ, types+"|")
	token("event", here.event, there.event, "urn:oid:2.16.578.1.12.4.1.1.7210|")
	token("facility", here.facility, there.facility, facilities+"|")
	token("setting", here.setting, there.setting)
	token("format", here.format, there.format, here.formatSystem+"|", there.formatSystem+"|")
	token("related", here.related, there.related, encounter+"|", encounter+"|"+here.related)
	for _, name := range []string{"author.family", "author.given"} {
		for _, v := range []string{"a", "ås", "bj", "grev", "kv", here.family, there.given} {
			all = append(all, []string{name, v}, []string{name + ":contains", v}, []string{name + ":exact", v})
		}
		all = append(all, []string{name + ":missing", "true"}, []string{name + ":missing", "false"})
	}
	for _, v := range []string{"2026-01-11", "2026", "ge2026", "lt2026", "ne2025", "sa2025-06", "eb2025-06", "le2025-03-12", "gt2026-01-11"} {
		all = append(all, []string{"period", v})
	}
	all = append(all, []string{"period:missing", "true"}, []string{"period:missing", "false"})
	for _, more := range [][]string{{"_total", "accurate"}, {"_sort", "creation"}, {"_count", "1"}, {"_count", "1", "_total", "accurate"}} {
		all = append(all, more, append([]string{"type", here.typ}, more...), append([]string{"type:not", there.typ}, more...))
	}
	return all
}

// view is all of an answer that a caller can see, with what names the one document taken out.
func view(a servicetest.Answer, of tenant.Tenant, d servicetest.Doc) string {
	body := string(a.Body)
	for _, own := range []string{d.ID, d.BinaryID, of.HomeCommunity, of.Repository} {
		body = strings.ReplaceAll(body, own, "X")
	}
	var parsed any
	if err := json.Unmarshal([]byte(body), &parsed); err != nil {
		return body
	}
	scrub(parsed)
	text, _ := json.MarshalIndent(parsed, "", " ")
	header := a.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
		header.Del(name)
	}
	return fmt.Sprintf("%d %v\n%s", a.Status, header, text)
}

// scrub takes out times of registration, and addresses with a cursor, which differ for every search.
func scrub(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if text, _ := inner.(string); key == "lastUpdated" || key == "date" || strings.Contains(text, "_cursor=") {
				v[key] = "Y"
			}
			scrub(inner)
		}
	case []any:
		for _, inner := range v {
			scrub(inner)
		}
	}
}

// TestMaskedCannotBeProbed: two documents that differ in nothing but what the mask hides look alike to every search, in status, headers,
// body, totals and pages; so does reading them by id, with conditions too (C2, C8).
func TestMaskedCannotBeProbed(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, also := s.Tenant(t), s.Tenant(t)
	one, other := stranger(), stranger()
	a, b := here.put(t, s, of, one, "N", "NORS"), there.put(t, s, also, other, "N", "NORS")
	open := servicetest.NewDoc() // one that is shown, so that pages and totals have something to tell
	open.TypeCode, open.Creation = here.typ, "2026-01-11"
	shelve(t, s, of, one, open, nil)
	twin := open
	shelve(t, s, also, other, twin, nil)
	doctor := s.Doctor(t, servicetest.Organisation())
	listed := 0
	for i, probe := range probes() {
		search := func(of tenant.Tenant, patient string) servicetest.Answer {
			form := about(patient, probe...)
			if i%2 == 0 {
				form.Set("homeCommunityId", of.HomeCommunity)
			}
			return doctor.Search(t, form)
		}
		x, y := search(of, one), search(also, other)
		if strings.Contains(string(x.Body), a.ID) {
			listed++
		}
		if diff := cmp.Diff(anonymous(view(x, of, a), one), anonymous(view(y, also, b), other)); diff != "" {
			t.Errorf("%v tells them apart:\n%s", probe, diff)
		}
	}
	if listed < 20 { // else nothing was compared
		t.Errorf("the masked document was listed %d times only", listed)
	}
	for name, headers := range map[string][]string{"plain": nil, "If-None-Match": {"If-None-Match", `"x"`}, "any": {"If-None-Match", "*"},
		"If-Modified-Since": {"If-Modified-Since", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}} {
		for _, home := range []bool{false, true} {
			x, y := doctor.Get(t, address(a, of, home), headers...), doctor.Get(t, address(b, also, home), headers...)
			if diff := cmp.Diff(anonymous(view(x, of, a), one), anonymous(view(y, also, b), other)); diff != "" || x.Status != 200 || x.Header.Get("ETag") != "" {
				t.Errorf("by id, %s: %d, ETag %q:\n%s", name, x.Status, x.Header.Get("ETag"), diff)
			}
		}
		x := doctor.Get(t, documentPath(of.HomeCommunity, of.Repository, a.BinaryID), append(headers, "nhn-patient-nin", one+"^^^&2.16.578.1.12.4.5.100.9&ISO")...)
		if x.Status != http.StatusForbidden || x.Header.Get("ETag") != "" || strings.Contains(string(x.Body), here.family) {
			t.Errorf("opening, %s: %d, ETag %q %s", name, x.Status, x.Header.Get("ETag"), x.Body)
		}
	}
}

func address(d servicetest.Doc, of tenant.Tenant, home bool) string {
	path := "/R4/fhir/DocumentReference/" + d.ID
	if home {
		path += "?homeCommunityId=" + of.HomeCommunity
	}
	return path
}

func anonymous(view, patient string) string { return strings.ReplaceAll(view, patient, "P") }

// TestMaskedIsListedByWhatItShows: masked is never hidden (C2): its class, creation, confidentiality and identifiers find it.
func TestMaskedIsListedByWhatItShows(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, patient := s.Tenant(t), stranger()
	d := here.put(t, s, of, patient, "N", "NORS")
	doctor := s.Doctor(t, servicetest.Organisation())
	for _, c := range []struct {
		name, value string
		want        int
	}{
		{"category", "A00-1", 1}, {"category:not", "A00-1", 0}, {"creation", "2026-05-05", 1}, {"creation", "2026-05-06", 0}, {"date", "gt2020", 1},
		{"security-label", "NORS", 1}, {"identifier", d.ID, 1}, {"identifier", d.BinaryID, 1}, {"identifier", d.MasterID, 0}, {"_id", d.ID, 1},
	} {
		a := doctor.Search(t, about(patient, c.name, c.value))
		if n := len(references(t, a)); n != c.want || a.Header.Get("NHN-SecurityLabel-Nors-Count") != fmt.Sprint(c.want) {
			t.Errorf("%s=%s: %d, NORS count %s", c.name, c.value, n, a.Header.Get("NHN-SecurityLabel-Nors-Count"))
		}
	}
}

// TestOmittedCannotBeProbed: with documents that are not for this reader, a patient looks like one without, to every search (C6, C7).
func TestOmittedCannotBeProbed(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for name, c := range map[string]struct {
		sharing access.Sharing
		scope   string
		class   string
		part    int
	}{
		"nobody":             {access.Sharing{}, access.ScopeReadList, "A00-1", 0},
		"citizens only":      {access.Sharing{Citizen: true}, access.ScopeReadList, "A00-1", 1},
		"own organisation":   {access.Sharing{Personnel: true, OwnOrganisationOnly: true}, access.ScopeReadList, "A00-1", 2},
		"kjernejournal only": {access.Sharing{Personnel: true, Citizen: true}, access.ScopeReadListKJ, "B00-1", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			of, empty := s.Tenant(t, func(d *administration.Draft) { d.Sharing = c.sharing }), s.Tenant(t, func(d *administration.Draft) { d.Sharing = c.sharing })
			with, without := stranger(), stranger()
			var docs []servicetest.Doc
			for range 3 {
				d := servicetest.NewDoc()
				d.Class, d.Creation = c.class, "2026-05-05T05:05:05Z"
				docs = append(docs, shelve(t, s, of, with, d, nil))
			}
			doctor := s.Doctor(t, servicetest.Organisation(), c.scope, access.ScopeReadDocument)
			own := [][]string{{"_id", docs[0].ID}, {"category:not", "x"}, {"creation", "2026-05-05"}, {"identifier", docs[0].BinaryID}}
			for i, probe := range append(own, probes()...) {
				if i >= len(own) && i%3 != c.part { // they share the rest among them
					continue
				}
				search := func(of tenant.Tenant, patient string) string {
					form := about(patient, probe...)
					form.Set("homeCommunityId", of.HomeCommunity)
					return anonymous(view(doctor.Search(t, form, access.HeaderAccessBasis, map[bool]string{true: "SAMTYKKE"}[c.scope == access.ScopeReadListKJ]), of, docs[0]), patient)
				}
				if diff := cmp.Diff(search(empty, without), search(of, with)); diff != "" {
					t.Errorf("%v tells of them:\n%s", probe, diff)
				}
			}
		})
	}
}

// TestMaskedTakesNoOtherTime: a search for a hidden value takes as long whether a masked document has it or not, to ten milliseconds.
// The times are of one process under whatever load there is: medians of turns, and a difference counts when it stays.
func TestMaskedTakesNoOtherTime(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, patient := s.Tenant(t), stranger()
	for range 5 {
		here.put(t, s, of, patient, "N", "NORS")
	}
	doctor := s.Doctor(t, servicetest.Organisation())
	took := func(typ string) time.Duration {
		began := time.Now()
		if n := len(references(t, doctor.Search(t, about(patient, "type", typ, "homeCommunityId", of.HomeCommunity)))); n != 0 {
			t.Fatalf("%d found", n)
		}
		return time.Since(began)
	}
	var apart time.Duration
	for range 5 {
		var hit, miss []time.Duration
		for range 15 {
			hit, miss = append(hit, took(here.typ)), append(miss, took("D08-2"))
		}
		slices.Sort(hit)
		slices.Sort(miss)
		if apart = (hit[7] - miss[7]).Abs(); apart < 10*time.Millisecond {
			return
		}
	}
	t.Errorf("a hidden value that is there takes %v more or less than one that is not", apart)
}

// TestOmittedIsNotPointedAt: what kjernejournalforskriften leaves out (C6) is named by no relation of what it lists, and a List that holds it
// is not told from one that does not.
func TestOmittedIsNotPointedAt(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	docs := map[string]servicetest.Doc{}
	for name, class := range map[string]string{"left out": "B00-1", "beside": "A00-1", "appends it": "A00-1", "appends that": "A00-1"} {
		d := servicetest.NewDoc()
		d.Class, d.Relates = class, map[string]string{}
		docs[name] = d
	}
	docs["appends it"].Relates["appends"] = docs["left out"].ID
	docs["appends that"].Relates["appends"] = docs["appends it"].ID
	holding := upload(t, w, with(sourced(servicetest.BundleFor(of, docs["left out"], docs["beside"])), newFolder("Mappe", symbolic(docs["left out"]), symbolic(docs["beside"]))))
	upload(t, w, servicetest.BundleFor(of, docs["appends it"]))
	without := upload(t, w, with(sourced(servicetest.BundleFor(of, docs["appends that"])), newFolder("Mappe", symbolic(docs["appends that"]))))
	doctor, other := s.Doctor(t, servicetest.Organisation(), access.ScopeReadListKJ), s.Doctor(t, servicetest.Organisation())
	basis := []string{access.HeaderAccessBasis, "SAMTYKKE"}
	list := doctor.Search(t, current(servicetest.Patient, "homeCommunityId", of.HomeCommunity), basis...)
	byID := doctor.Get(t, "/R4/fhir/"+reference(docs["appends it"]), basis...)
	for _, a := range []servicetest.Answer{list, byID} {
		if a.Status != 200 || strings.Contains(string(a.Body), docs["left out"].ID) {
			t.Errorf("%d %s", a.Status, a.Body)
		}
	}
	if n := len(references(t, list)); n != 3 || !strings.Contains(string(list.Body), `"`+reference(docs["appends it"])+`"`) {
		t.Errorf("%d listed, and what one of them appends to is not told: %s", n, list.Body)
	}
	if a := other.Get(t, "/R4/fhir/"+reference(docs["appends it"])); !strings.Contains(string(a.Body), reference(docs["left out"])) {
		t.Errorf("under §45: %d %s", a.Status, a.Body)
	}
	for kind, n := range map[string][2]int{"set": {0, 0}, "folder": {6, 4}} {
		var seen []string
		for i, told := range []*fhir.Bundle{holding, without} {
			a := doctor.Get(t, told.Entry[n[i]].Response.Location, basis...)
			r, err := fhir.ParseResource(bytes.NewReader(a.Body), 1<<20)
			l, ok := fhir.As[fhir.List](r)
			if err != nil || !ok {
				t.Fatalf("%s: %d %s", kind, a.Status, a.Body)
			}
			l.ID, l.Date, l.Meta.LastUpdated, l.Identifier, l.Entry = "", "", "", nil, nil
			seen = append(seen, compact(l))
		}
		if diff := cmp.Diff(seen[1], seen[0]); diff != "" || !strings.Contains(seen[0], "Sperret") {
			t.Errorf("a %s that holds something left out (+) is not like one that does not (-):\n%s", kind, diff)
		}
	}
}
