package atna_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"dokumentlager/internal/access"
	"dokumentlager/internal/administration"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestEveryParameter: what each finds in one history, alone, as alternatives, and together with others.
func TestEveryParameter(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	l := live(t, s)
	me := owner(t, s, l.Tenant)
	lines := s.Events(t, l.Tenant)
	all, made := history, []string{"provide 0"}
	opens, byDoctor, byWriter := []string{"open 4", "open 0"}, []string{"open 4", "open 0", "search 0"}, []string{"delete 0", "provide 0"}
	organisation, uri := l.Organisations[0], "urn:ietf:rfc:3986|"
	none := []string{}
	for i, c := range []struct {
		more []string
		want []string
	}{
		{nil, all},
		{[]string{"patient.identifier", servicetest.PatientSystem + "|" + servicetest.Patient}, []string{"delete 0", "open 4", "open 0", "search 0", "provide 0"}},
		{[]string{"patient.identifier", servicetest.Patient, "action", "R"}, opens},
		{[]string{"patient.identifier", "urn:oid:1.2.3|" + servicetest.Patient}, none},
		{[]string{"patient.identifier", "29698496140"}, none},
		{[]string{"action", "R"}, opens},
		{[]string{"action", "E"}, []string{"search 0"}}, // FHIR's letter of a search
		{[]string{"action", "C,D"}, byWriter},
		{[]string{"action", "C", "action", "D"}, none},
		{[]string{"action", "U"}, none},
		{[]string{"action", "http://hl7.org/fhir/audit-event-action|C"}, made},
		{[]string{"action", "urn:x|C"}, none},
		{[]string{"action:not", "R"}, []string{"delete 0", "search 0", "provide 0"}},
		{[]string{"outcome", "0"}, []string{"delete 0", "open 0", "search 0", "provide 0"}},
		{[]string{"outcome", "4"}, []string{"open 4"}},
		{[]string{"outcome", "8,12"}, none},
		{[]string{"type", "rest"}, all},
		{[]string{"type", "http://dicom.nema.org/resources/ontology/DCM|110100"}, none},
		{[]string{"subtype", "ITI-68"}, opens},
		{[]string{"subtype", "urn:ihe:event-type-code|ITI-65,urn:dokumentlager:audit-operation|delete"}, byWriter},
		{[]string{"subtype", "http://hl7.org/fhir/restful-interaction|"}, all},
		{[]string{"subtype", "no-such"}, none},
		{[]string{"agent.identifier", organisation}, all},
		{[]string{"agent.identifier", "urn:oid:2.16.578.1.12.4.1.4.101|" + organisation}, all},
		{[]string{"agent.identifier", "urn:oid:2.16.578.1.12.4.1.4.4|565501872"}, byDoctor},
		{[]string{"agent.identifier", "urn:oid:2.16.578.1.12.4.1.4.101|565501872"}, none},
		{[]string{"agent.identifier", "epj-" + organisation}, byWriter},
		{[]string{"agent.identifier", "|epj-" + organisation + ",565501872"}, all},
		{[]string{"agent.identifier", uri + "urn:oid:" + l.HomeCommunity}, all}, // the service itself
		{[]string{"agent.identifier", "epj-" + organisation, "agent.identifier", "565501872"}, none},
		{[]string{"entity.identifier", l.doc.BinaryID}, []string{"delete 0", "open 4", "open 0", "provide 0"}},
		{[]string{"entity.identifier", uri + "urn:uuid:" + l.doc.BinaryID}, []string{"delete 0", "open 4", "open 0", "provide 0"}},
		{[]string{"entity.identifier", l.doc.ID}, []string{"delete 0", "open 4", "open 0", "provide 0"}},
		{[]string{"entity.identifier", lines[0].Detail.Set}, made},
		{[]string{"entity.identifier", lines[1].RequestID}, []string{"search 0"}},
		{[]string{"entity.identifier", servicetest.PatientSystem + "|" + servicetest.Patient}, all},
		{[]string{"entity.identifier", uuid.NewString()}, none},
		{[]string{"source", l.HomeCommunity}, all},
		{[]string{"source.identifier", uri + "urn:oid:" + l.HomeCommunity}, all},
		{[]string{"source", "2.999," + l.HomeCommunity}, all},
		{[]string{"source", "2.999"}, none},
		{[]string{"source", "control"}, none},
		{[]string{"entity-type", "http://terminology.hl7.org/CodeSystem/audit-entity-type|1"}, all},
		{[]string{"entity-role", "24"}, []string{"search 0"}},
		{[]string{"address", "10.0.0.1"}, none},
		{[]string{"address", s.URL}, all},
		{[]string{"_id", lines[2].ID.String()}, []string{"open 0"}},
		{[]string{"_lastUpdated", "lt2020"}, none},
		{[]string{"_sort", "-date", "_count", "200"}, all},
		{[]string{"date", "gt" + time.Now().UTC().Add(time.Minute).Format(time.RFC3339)}, none},
		{[]string{"date", "lt" + lines[0].Time.Format(time.RFC3339Nano)}, none},
		{[]string{"date", "le" + lines[1].Time.Format(time.RFC3339Nano)}, []string{"search 0", "provide 0"}},
		{[]string{"date", "ge" + lines[3].Time.Format(time.RFC3339Nano)}, []string{"delete 0", "open 4"}},
	} {
		found, next, warnings := events(t, post(t, s, me, today(append(c.more, "subtype:not", "audit-search,tenant-create")...)))
		if diff := cmp.Diff(c.want, append([]string{}, toldAll(found)...)); diff != "" || next != "" {
			t.Errorf("%v (-want +got, next %q):\n%s", c.more, next, diff)
		}
		if isAddress := c.more != nil && c.more[0] == "address"; isAddress != (len(warnings) > 0) {
			t.Errorf("%v: warnings %v", c.more, warnings)
		}
		if i%5 != 0 || strings.Contains(strings.Join(c.more, ""), servicetest.Patient) {
			continue
		}
		// By address it is the same.
		found, _, _ = events(t, me.Get(t, "/R4/fhir/AuditEvent?"+today(append(c.more, "subtype:not", "audit-search,tenant-create")...).Encode()))
		if diff := cmp.Diff(c.want, append([]string{}, toldAll(found)...)); diff != "" {
			t.Errorf("GET %v (-want +got):\n%s", c.more, diff)
		}
	}
}

// TestPagesWhileEventsAreWritten: page by page of any size comes all that was there when the first was read, each once, in order, whatever is
// written meanwhile: over all of an inspector's logs, and in one.
func TestPagesWhileEventsAreWritten(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	log := audit.Log{DB: s.DB}
	tenants := []tenant.Tenant{s.Tenant(t), s.Tenant(t), s.Tenant(t)}
	mark := "m" + uuid.NewString()
	write := func(of tenant.Tenant, operation string) string {
		e := audit.New(time.Now(), audit.Actor{Caller: access.Caller{Kind: access.Machine, ClientID: mark, Organisation: "900000014"}}, audit.Create, operation)
		if err := log.Record(t.Context(), of.Schema(), e); err != nil {
			t.Error(err)
		}
		return e.ID.String()
	}
	var there []string
	for n := range 60 {
		there = append(there, write(tenants[n%7%3], "provide"))
	}
	slices.Reverse(there)
	// Something is written while each page is asked for.
	meanwhile := func(ask func() servicetest.Answer) (a servicetest.Answer) {
		var both sync.WaitGroup
		both.Go(func() {
			for _, of := range tenants {
				write(of, "validate")
			}
		})
		defer both.Wait()
		return ask()
	}
	sources := []string{tenants[0].HomeCommunity, tenants[1].HomeCommunity, tenants[2].HomeCommunity}
	me := inspector(t, s)
	for _, count := range []int{7, 59, 200} {
		var got []string
		seen, pages, last := map[string]bool{}, 0, "~"
		a := meanwhile(func() servicetest.Answer {
			return post(t, s, me, today("agent.identifier", mark, "source", strings.Join(sources, ","), "_count", fmt.Sprint(count)))
		})
		for {
			found, next, _ := events(t, a)
			for _, e := range found {
				if seen[e.ID] || e.ID >= last {
					t.Fatalf("pages of %d: %s comes twice, or out of order after %s", count, e.ID, last)
				}
				seen[e.ID], last = true, e.ID
				if slices.Contains(there, e.ID) {
					got = append(got, e.ID)
				}
			}
			if pages++; next == "" {
				break
			}
			if len(found) > count || pages > 100 {
				t.Fatalf("page %d of %d events", pages, len(found))
			}
			a = meanwhile(func() servicetest.Answer { return me.Get(t, next) })
		}
		if diff := cmp.Diff(there, got); diff != "" {
			t.Errorf("pages of %d (-there +got):\n%s", count, diff)
		}
	}
}

// TestWall: an owner gets nothing of another's log by any way of asking, and cannot tell it from one that is not there; the control log knows.
func TestWall(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	mine, theirs := live(t, s), live(t, s)
	me, they := owner(t, s, mine.Tenant), owner(t, s, theirs.Tenant)
	foreign := s.Events(t, theirs.Tenant)[0].ID.String()
	before := len(s.Events(t, theirs.Tenant))
	for _, source := range []string{theirs.HomeCommunity, "2.999.1"} {
		a, b := post(t, s, me, today("source", source)), me.Get(t, "/R4/fhir/AuditEvent?"+today("source", source).Encode())
		for _, answer := range []servicetest.Answer{a, b} {
			if found, next, warnings := events(t, answer); len(found)+len(warnings) > 0 || next != "" || !strings.Contains(string(answer.Body), `"total":0,`) {
				t.Errorf("%s: %s", source, answer.Body)
			}
		}
	}
	// Named with one's own, only that is there.
	found, _, _ := events(t, post(t, s, me, today("source", theirs.HomeCommunity+","+mine.HomeCommunity, "patient.identifier", servicetest.Patient)))
	for _, e := range found {
		if e.Source.Site != "urn:oid:"+mine.HomeCommunity {
			t.Errorf("an event of %s", e.Source.Site)
		}
	}
	if len(found) < len(history) {
		t.Errorf("%d of one's own", len(found))
	}
	// By id: the same answer to the letter as for one that no log has.
	read := func(c *servicetest.Caller, id, more string) servicetest.Answer {
		return c.Get(t, "/R4/fhir/AuditEvent/"+id+more)
	}
	unknown := read(me, uuid.NewString(), "")
	for _, more := range []string{"", "?source=" + theirs.HomeCommunity, "?source=control", "?source=2.999"} {
		if a := read(me, foreign, more); a.Status != 404 || string(a.Body) != string(unknown.Body) {
			t.Errorf("another's event %q: %d %s, unlike %s", more, a.Status, a.Body, unknown.Body)
		}
	}
	if e := resource[fhir.AuditEvent](t, read(they, foreign, ""), 200); e.ID != foreign {
		t.Errorf("%s for %s", e.ID, foreign)
	}
	if n := len(s.Events(t, theirs.Tenant)); n != before+1 {
		t.Errorf("%d events more in a log that its owner read once", n-before)
	}
	// A next link is its owner's alone, and no other's log.
	_, next, _ := events(t, post(t, s, me, today("_count", "2")))
	for name, c := range map[string]*servicetest.Caller{"another owner": they, "an inspector of the organisation": reader(t, s, mine.Organisations[0], access.ScopeLogInspect),
		"a person": me.With(map[string]any{"sub": "x", "helseid://claims/identity/pid": "05898597468", "helseid://claims/identity/security_level": "4"})} {
		if a := c.Get(t, next); a.Status != 400 {
			t.Errorf("%s follows the link: %d", name, a.Status)
		}
	}
	if a := me.Get(t, next); a.Status != 200 {
		t.Errorf("its owner: %d %s", a.Status, a.Body)
	}
	// What was asked of another's log is told as denied, of none at all as a search without hits.
	var tell []string
	for _, e := range s.ControlEvents(t, mine.Organisations[0]) {
		if strings.HasPrefix(e.Operation, "audit-") {
			tell = append(tell, e.Operation+" "+e.Outcome+" "+e.Rule)
		}
	}
	want := []string{"audit-search denied A4", "audit-search denied A4", "audit-search success ", "audit-search success ", "audit-search denied A4",
		"audit-read failed ", "audit-read failed ", "audit-read denied A4", "audit-read denied A4", "audit-read failed ", "audit-search failed R6", "audit-search failed R6"}
	if diff := cmp.Diff(want, tell); diff != "" {
		t.Errorf("the control log (-want +got):\n%s", diff)
	}
}

// TestSharedInstance: each of the organisations that own one reads all of its log (T3); a suspended one only an inspector does.
func TestSharedInstance(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	l := s.Tenant(t, func(d *administration.Draft) { d.Organisations = append(d.Organisations, servicetest.Organisation()) })
	suspended := s.Tenant(t, func(d *administration.Draft) { d.State = tenant.Suspended })
	for _, organisation := range l.Organisations {
		if found, _, _ := events(t, post(t, s, reader(t, s, organisation, access.ScopeLogOwn), today("subtype", "tenant-create"))); len(found) != 1 {
			t.Errorf("%s: %d", organisation, len(found))
		}
	}
	if a := post(t, s, owner(t, s, suspended), today()); a.Status != 403 || !strings.Contains(string(a.Body), "DLOrganisationDenied") {
		t.Errorf("a suspended instance's: %d %s", a.Status, a.Body)
	}
	if found, _, _ := events(t, post(t, s, inspector(t, s), today("source", suspended.HomeCommunity, "subtype", "tenant-create"))); len(found) != 1 {
		t.Errorf("an inspector: %d", len(found))
	}
}

// refusal is a request that must come to nothing.
type refusal struct {
	name   string
	caller *servicetest.Caller
	send   func(*servicetest.Caller) servicetest.Answer
	status int
	says   []string
	// event is what the control log gets.
	event string
}

// TestRefusals: callers and requests that get nothing; each leaves one event in the control log, and nothing anywhere else.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	l := live(t, s)
	organisation := l.Organisations[0]
	me := owner(t, s, l.Tenant)
	id := s.Events(t, l.Tenant)[0].ID.String()
	search := func(form url.Values, headers ...string) func(*servicetest.Caller) servicetest.Answer {
		return func(c *servicetest.Caller) servicetest.Answer { return post(t, s, c, form, headers...) }
	}
	get := func(path string) func(*servicetest.Caller) servicetest.Answer {
		return func(c *servicetest.Caller) servicetest.Answer { return c.Get(t, path) }
	}
	address := func(form url.Values) func(*servicetest.Caller) servicetest.Answer {
		return get("/R4/fhir/AuditEvent?" + form.Encode())
	}
	do := func(method, path string) func(*servicetest.Caller) servicetest.Answer {
		return func(c *servicetest.Caller) servicetest.Answer {
			return c.Do(t, s.Request(t, method, path, strings.NewReader(`{"resourceType":"AuditEvent"}`), "Content-Type", "application/fhir+json"))
		}
	}
	person := map[string]any{"sub": "x", "helseid://claims/identity/pid": "05898597468", "helseid://claims/identity/security_level": "3"}
	with := func(form url.Values, name string, values ...string) url.Values { form[name] = values; return form }
	one := "/R4/fhir/AuditEvent/" + id
	const searchDenied, readDenied, searchFailed = "audit-search denied", "audit-read denied", "audit-search failed"
	cases := []refusal{
		{"a doctor", l.doctor, search(today()), 403, []string{"audit/read-own", "A4"}, searchDenied},
		{"a doctor by id", l.doctor, get(one), 403, []string{"audit/inspect"}, readDenied},
		{"Helsenorge", reader(t, s, organisation, access.ScopeLogHelsenorge), search(today()), 403, []string{"audit/read-own"}, searchDenied},
		{"Helsenorge by id", reader(t, s, organisation, access.ScopeLogHelsenorge), get(one), 403, nil, readDenied},
		{"a record system", s.Writer(t, organisation), search(today()), 403, []string{"audit/read-own"}, searchDenied},
		{"level 3", me.With(person), search(today()), 403, []string{"security level 3", "C3"}, searchDenied},
		{"level 3 without scope", s.Doctor(t, organisation).With(person), get(one), 403, []string{"audit/read-own", "security level 3"}, readDenied},
		{"no date", me, search(url.Values{}), 400, []string{"date=ge"}, searchFailed},
		{"no end", me, search(with(today(), "date", "ge2026")), 400, []string{"required twice"}, searchFailed},
		{"a day alone", me, search(with(today(), "date", "2026-11-21")), 400, []string{"required twice"}, searchFailed},
		{"no date that is one", me, search(with(today(), "date", "ge2026-13-01", "le2027")), 400, []string{"Write a date"}, searchFailed},
		{"back to front", me, search(with(today(), "date", "ge2027", "le2026")), 400, []string{"ends before"}, searchFailed},
		{"too long", me, search(with(today(), "date", "ge2024", "le2026")), 400, []string{"longer than a year"}, searchFailed},
		{"all at once", me, search(url.Values{"action": {"X"}, "outcome": {"success"}, "_count": {"0"}, "_sort": {"date"}, "patient.identifier": {"x"}, "patient": {"Patient/1"}, "type": {"a|b|c"}}),
			400, []string{"C, R, U, D, E", "0, 4, 8, 12", "1 to 200", "newest first", "system|value", "required twice", "Write a code"}, searchFailed},
		{"no such parameter, strict", me, search(today("nonsense", "13116900216"), "Prefer", "handling=strict"), 400, []string{"not known"}, searchFailed},
		{"a patient in the address", me, address(today("patient.identifier", servicetest.Patient)), 400, []string{"in the body", "R1"}, searchFailed},
		{"a patient of another authority in the address", me, address(today("patient.identifier", "urn:oid:2.999|L7")), 400, []string{"in the body", "R1"}, searchFailed},
		{"a patient in the address, by reference", me, address(today("patient", "Patient/1")), 400, []string{"in the body"}, searchFailed},
		{"a patient in the address, otherwise", me, address(today("entity.identifier", servicetest.PatientSystem+"|"+servicetest.Patient)), 400, []string{"in the body"}, searchFailed},
		{"a patient in POST's address", me, func(c *servicetest.Caller) servicetest.Answer {
			return c.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/AuditEvent/_search?patient.identifier="+servicetest.Patient, strings.NewReader(today().Encode()),
				"Content-Type", "application/x-www-form-urlencoded"))
		}, 400, []string{"in the body"}, searchFailed},
		{"a link of ours, bent", me, get("/R4/fhir/AuditEvent?_cursor=AAAA"), 400, []string{"Search again from the start"}, searchFailed},
		{"JSON", me, func(c *servicetest.Caller) servicetest.Answer {
			return search(today(), "Content-Type", "application/json")(c)
		}, 415, nil, searchFailed},
		{"HTML wanted", me, search(today(), "Accept", "text/html"), 406, nil, searchFailed},
		{"no such event", me, get("/R4/fhir/AuditEvent/x"), 404, []string{"No such event"}, "audit-read failed"},
		{"another parameter", me, get(one + "?patient.identifier=" + servicetest.Patient), 400, []string{"source"}, "audit-read failed"},
		{"taken in", me, do(http.MethodPost, "/R4/fhir/AuditEvent"), 405, []string{"never changed"}, "audit-write failed"},
		{"replaced", me, do(http.MethodPut, one), 405, []string{"never changed"}, "audit-write failed"},
		{"changed", inspector(t, s).With(map[string]any{"helseid://claims/client/claims/orgnr_parent": organisation}), do(http.MethodPatch, one), 405, []string{"never changed"}, "audit-write failed"},
		{"deleted", me, do(http.MethodDelete, one), 405, []string{"never changed"}, "audit-write failed"},
		{"replaced by condition", me, do(http.MethodPut, "/R4/fhir/AuditEvent?type=rest"), 405, []string{"never changed"}, "audit-write failed"},
		{"changed by condition", me, do(http.MethodPatch, "/R4/fhir/AuditEvent?type=rest"), 405, []string{"never changed"}, "audit-write failed"},
		{"deleted by condition", me, do(http.MethodDelete, "/R4/fhir/AuditEvent?type=rest"), 405, []string{"never changed"}, "audit-write failed"},
	}
	before := s.Events(t, l.Tenant)
	for _, c := range cases {
		known := len(s.ControlEvents(t, organisation))
		a := c.send(c.caller)
		if a.Status != c.status || strings.Contains(string(a.Body), servicetest.Patient) {
			t.Errorf("%s: %d, want %d: %s", c.name, a.Status, c.status, a.Body)
		}
		resource[fhir.OperationOutcome](t, a, c.status)
		for _, word := range c.says {
			if !strings.Contains(string(a.Body), word) {
				t.Errorf("%s: nothing of %q in %s", c.name, word, a.Body)
			}
		}
		if allow := a.Header.Get("Allow"); (c.status == 405) != (allow == "GET") {
			t.Errorf("%s: Allow %q", c.name, allow)
		}
		log := s.ControlEvents(t, organisation)
		if last := log[len(log)-1]; len(log) != known+1 || last.Operation+" "+last.Outcome != c.event {
			t.Errorf("%s: %d events more, the last %s %s", c.name, len(log)-known, last.Operation, last.Outcome)
		}
	}
	if diff := cmp.Diff(before, s.Events(t, l.Tenant)); diff != "" {
		t.Errorf("refusals changed the log:\n%s", diff)
	}
	if a := servicetest.Send(t, s.Request(t, http.MethodGet, one, nil)); a.Status != 401 {
		t.Errorf("nobody: %d", a.Status)
	}
}

// TestReadingIsRead: a page and an event are an event each in the log they come from, with the question but not the patient, whom it has a field for;
// an event says what is in the log, in both forms.
func TestReadingIsRead(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	l := live(t, s)
	before := s.Events(t, l.Tenant)
	person := owner(t, s, l.Tenant).With(map[string]any{"sub": "x", "name": "VERNE OMBUD", "helseid://claims/identity/pid": "05898597468", "helseid://claims/identity/security_level": "4"})
	form := today("patient.identifier", servicetest.Patient, "action", "R", "_count", "1", "nonsense", "1")
	found, next, warnings := events(t, post(t, s, person, form))
	if len(found) != 1 || next == "" || len(warnings) != 1 || strings.Contains(next, servicetest.Patient) {
		t.Fatalf("%v, %s, %v", toldAll(found), next, warnings)
	}
	following, _, _ := events(t, person.Get(t, next))
	asXML := inspector(t, s).Get(t, "/R4/fhir/AuditEvent/"+found[0].ID+"?source="+l.HomeCommunity, "Accept", "application/fhir+xml")
	if media := asXML.Header.Get("Content-Type"); asXML.Status != 200 || media != "application/fhir+xml; charset=utf-8" || !strings.Contains(string(asXML.Body), `<id value="`+found[0].ID+`"`) ||
		strings.Contains(string(asXML.Body), "05898597468") {
		t.Errorf("%d %s %.300s", asXML.Status, media, asXML.Body)
	}
	all := post(t, s, person, today("_format", "xml"))
	if !strings.HasPrefix(string(all.Body), `<?xml`) || strings.Count(string(all.Body), "<AuditEvent") < len(history) {
		t.Errorf("%.300s", all.Body)
	}
	if len(following) != 1 || following[0].ID == found[0].ID {
		t.Errorf("the next page: %v", toldAll(following))
	}
	after := s.Events(t, l.Tenant)
	if diff := cmp.Diff(before, after[:len(before)]); diff != "" {
		t.Errorf("reading changed what was there:\n%s", diff)
	}
	var tell []string
	for _, e := range after[len(before):] {
		tell = append(tell, fmt.Sprint(e.Operation, " ", e.Action, e.Outcome, " ", e.Caller.Kind, e.Caller.Name, " ", *e.Detail.Hits, " ", e.Patient != "", e.Detail.HomeCommunity == l.HomeCommunity))
		if strings.Contains(e.Detail.Query, servicetest.Patient) || (e.Operation == "audit-search") != strings.Contains(e.Detail.Query, "date=") {
			t.Errorf("%s tells the question as %q", e.Operation, e.Detail.Query)
		}
	}
	want := []string{"audit-search Rsuccess personnelVERNE OMBUD 1 true true", "audit-search Rsuccess personnelVERNE OMBUD 1 true true", "audit-read Rsuccess machine 1 true true",
		fmt.Sprint("audit-search Rsuccess personnelVERNE OMBUD ", len(before)+4, " false true")} // and the instance's making
	if diff := cmp.Diff(want, tell); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestOddBytes: sources that no instance can have, and addresses that are no text, are searches that find nothing, in both forms.
func TestOddBytes(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	own := owner(t, s, s.Tenant(t))
	for _, name := range []string{"source", "agent.identifier", "entity.identifier", "type", "_id"} {
		for _, value := range []string{"\xff", "a\x00b"} {
			if found, _, _ := events(t, post(t, s, own, today(name, value))); len(found) > 0 {
				t.Errorf("%s %q finds %v", name, value, toldAll(found))
			}
		}
	}
	for _, form := range []string{"json", "xml"} {
		r := s.Request(t, http.MethodGet, "/R4/fhir/AuditEvent", nil, "Accept", "application/fhir+"+form)
		r.URL.RawQuery = today().Encode() + "&nonsense=\xff"
		if a := own.Do(t, r); a.Status != http.StatusOK || !utf8.Valid(a.Body) {
			t.Errorf("%s: %d %q", form, a.Status, a.Body)
		}
	}
}

// TestStrangersLogs: of whom an inspector asks is in the logs that had something of it, in the control log, and in no other: their readers never
// heard of the patient.
func TestStrangersLogs(t *testing.T) { // not parallel: its searches leave events in every log, which other tests count
	s := servicetest.Start(t)
	l, stranger := live(t, s), s.Tenant(t)
	organisation := servicetest.Organisation()
	asks := reader(t, s, organisation, access.ScopeLogInspect)
	for _, name := range []string{"patient.identifier", "entity.identifier"} {
		if found, _, _ := events(t, post(t, s, asks, today(name, servicetest.Patient, "agent.identifier", l.Organisations[0]))); len(found) == 0 {
			t.Fatal("nothing found")
		}
		last := func(lines []audit.Line) (text string) { return fmt.Sprintf("%+v", lines[len(lines)-1]) }
		for log, knows := range map[string]bool{last(s.Events(t, l.Tenant)): true, last(s.ControlEvents(t, organisation)): true, last(s.Events(t, stranger)): false} {
			if !strings.Contains(log, "audit-search") || strings.Contains(log, servicetest.Patient) != knows {
				t.Errorf("%s, want the patient %t: %s", name, knows, log)
			}
		}
	}
	post(t, s, asks, today("patient.identifier", servicetest.Patient, "source", stranger.HomeCommunity))
	if lines := s.Events(t, stranger); !strings.Contains(lines[len(lines)-1].Patient, servicetest.Patient) {
		t.Error("who asks one log for a patient is not told of there")
	}
}
