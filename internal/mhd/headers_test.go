package mhd_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// call is one request of every operation of a verified caller, signed, before its headers are changed.
type call struct {
	operation string
	// reads says that the caller must name his system (R3).
	reads bool
	send  func(change func(http.Header)) servicetest.Answer
}

// calls are all there are, to a document that is there.
func calls(t *testing.T, s *servicetest.Service, of tenant.Tenant, d servicetest.Doc, doctor *servicetest.Caller) []call {
	w := s.Writer(t, of.Organisations[0])
	entry := "/R4/fhir/DocumentReference/" + d.ID
	one := func(operation string, who *servicetest.Caller, method, path, media string, body func() string) call {
		return call{operation, who == doctor, func(change func(http.Header)) servicetest.Answer {
			text := ""
			if body != nil {
				text = body()
			}
			req := s.Request(t, method, path, strings.NewReader(text))
			if media != "" {
				req.Header.Set("Content-Type", media)
			}
			req.Header.Set("nhn-patient-nin", servicetest.Patient)
			who.Sign(t, req)
			change(req.Header)
			return servicetest.Send(t, req)
		}}
	}
	form := func() string { return current(servicetest.Patient, "homeCommunityId", of.HomeCommunity).Encode() }
	fresh := func() string { return string(servicetest.BundleFor(of).JSON(t)) }
	patch := func() string {
		return `[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"N"}]}]}]`
	}
	return []call{
		one("search", doctor, http.MethodPost, "/R4/fhir/DocumentReference/_search", "application/x-www-form-urlencoded", form),
		one("read-entry", doctor, http.MethodGet, entry, "", nil),
		one("open", doctor, http.MethodGet, documentPath(of.HomeCommunity, of.Repository, d.BinaryID), "", nil),
		one("read-entry", w, http.MethodGet, entry, "", nil),
		one("provide", w, http.MethodPost, "/R4/fhir/Bundle", "application/fhir+json", fresh),
		one("validate", w, http.MethodPost, "/R4/fhir/Bundle/$validate", "application/fhir+json", fresh),
		one("set-confidentiality", w, http.MethodPatch, entry, "application/json-patch+json", patch),
		one("document-status", w, http.MethodGet, "/api/rest/document-status?documentUniqueId="+d.BinaryID, "", nil),
		one("read-set", w, http.MethodGet, "/R4/fhir/List/"+uuid.NewString(), "", nil),
		one("delete", w, http.MethodDelete, "/R4/fhir/DocumentReference/"+uuid.NewString(), "", nil),
	}
}

// TestHeadersOfACall is R3: readers name their system, or get nothing but why; writers need not; an id of the caller's comes back with every
// answer or is refused, and an answer without one has none.
func TestHeadersOfACall(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	d := servicetest.NewDoc()
	upload(t, s.Writer(t, of.Organisations[0]), servicetest.BundleFor(of, d))
	id := uuid.NewString()
	for _, c := range calls(t, s, of, d, s.Doctor(t, of.Organisations[0])) {
		sound := c.send(func(http.Header) {})
		refused := func(name string, change func(http.Header), locations ...string) {
			t.Helper()
			before := len(events(t, s, of))
			a := c.send(change)
			o := outcome(t, a)
			if a.Status != http.StatusBadRequest || len(o.Issue) != len(locations) {
				t.Fatalf("%s, %s: %d %s", c.operation, name, a.Status, a.Body)
			}
			for i, location := range locations {
				header := strings.TrimPrefix(location, "http.")
				if issue := o.Issue[i]; strings.Join(issue.Expression, "") != location || !strings.Contains(issue.Diagnostics, header) || !strings.Contains(issue.Diagnostics, "R3") {
					t.Errorf("%s, %s: issue %d is %+v", c.operation, name, i, issue)
				}
			}
			lines := events(t, s, of)
			if last := latest(lines); len(lines) != before+1 || last != c.operation+" failed DLBadRequest R3" {
				t.Errorf("%s, %s: %d events more, the last %s", c.operation, name, len(lines)-before, last)
			}
		}
		for name, value := range map[string]string{"missing": "", "blank": "  ", "a tab": "\t", "no text": "\xff"} {
			without := func(h http.Header) { h["Nhn-Source-System"] = []string{value} }
			if c.reads {
				refused("source system "+name, without, "http.nhn-source-system")
			} else if a := c.send(without); a.Status != sound.Status {
				t.Errorf("%s without its system: %d, with it %d: %s", c.operation, a.Status, sound.Status, a.Body)
			}
		}
		for name, bad := range map[string][]string{"long": {strings.Repeat("x", 201)}, "not ASCII": {"blåbær"}, "a tab": {"a\tb"}, "twice": {"a", "b"}} {
			refused("event id "+name, func(h http.Header) { h["Nhn-Event-Id"] = bad }, "http.nhn-event-id")
		}
		if c.reads {
			refused("both", func(h http.Header) { h.Del("nhn-source-system"); h["Nhn-Event-Id"] = []string{"å"} }, "http.nhn-event-id", "http.nhn-source-system")
		}
		for _, echoed := range []string{id, strings.Repeat("x", 200), "my id 7"} {
			if a := c.send(func(h http.Header) { h.Set("nhn-event-id", echoed) }); a.Status != sound.Status || a.Header.Get("nhn-event-id") != echoed {
				t.Errorf("%s with an id: %d, and back came %q", c.operation, a.Status, a.Header.Get("nhn-event-id"))
			}
		}
		if len(sound.Header.Values("nhn-event-id")) != 0 {
			t.Errorf("%s: an id nobody sent comes back", c.operation)
		}
	}
}

// latest is the newest event of all, as operation, outcome, code and rule.
func latest(lines []audit.Line) string {
	last := lines[0]
	for _, l := range lines {
		if l.ID.String() > last.ID.String() {
			last = l
		}
	}
	return strings.TrimSpace(last.Operation + " " + last.Outcome + " " + last.Code + " " + last.Rule)
}

// TestEventIDComesBackWithEveryAnswer, whoever asks for what; open addresses and pingauth need no system's name (R4).
func TestEventIDComesBackWithEveryAnswer(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for path, status := range map[string]int{"/ping": 200, "/R4/fhir/metadata": 200, "/pingauth": 401, "/R4/fhir/Bundle/x/y": 404} {
		if a := servicetest.Send(t, s.Request(t, http.MethodGet, path, nil, "nhn-event-id", "e-1")); a.Status != status || a.Header.Get("nhn-event-id") != "e-1" {
			t.Errorf("%s: %d with %q", path, a.Status, a.Header.Get("nhn-event-id"))
		}
		if a := servicetest.Send(t, s.Request(t, http.MethodGet, path, nil, "nhn-event-id", "blåbær")); a.Header.Get("nhn-event-id") != "" || a.Status != status {
			t.Errorf("%s: %d, and an id that is none comes back as %q", path, a.Status, a.Header.Get("nhn-event-id"))
		}
	}
	req := s.Request(t, http.MethodGet, "/pingauth", nil, "nhn-event-id", "e-2")
	s.Doctor(t, servicetest.Organisation()).Sign(t, req)
	req.Header.Del("nhn-source-system")
	if a := servicetest.Send(t, req); a.Status != 200 || a.Header.Get("nhn-event-id") != "e-2" {
		t.Errorf("pingauth: %d %s", a.Status, a.Body)
	}
}

// TestReadingPapers is C3 and C6 through the door: everything that is missing is told at once, in the words that name it.
func TestReadingPapers(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	d := servicetest.NewDoc()
	b := servicetest.BundleFor(of, d)
	b.Patient = "29698496140"
	upload(t, s.Writer(t, of.Organisations[0]), b)
	doctor := s.Doctor(t, of.Organisations[0])
	under := func(scopes ...string) *servicetest.Caller { return s.Doctor(t, of.Organisations[0], scopes...) }
	attest, hpr, level := "nhn:tillitsrammeverk:parameters", "helseid://claims/hpr/hpr_number", "helseid://claims/identity/security_level"
	const noAttest, noHPR, lowLevel = "nhn:tillitsrammeverk:parameters", "hpr_number", "security level 3"
	kj := under(access.ScopeReadListKJ)
	cases := []struct {
		name   string
		who    *servicetest.Caller
		basis  string
		status int
		says   []string
	}{
		{"§45", doctor, "", 200, nil},
		{"§45 with a basis that it does not know", doctor, "SAMTYKKE", 200, nil},
		{"§45 with nonsense", doctor, "NYSGJERRIG", 200, nil},
		{"kj without", kj, "", 400, []string{"nhn-access-basis"}},
		{"kj with nonsense", kj, "NYSGJERRIG", 400, []string{"UNNTAK, SAMTYKKE, FORHOYET_SAMTYKKE, AKUTT, FORHOYET_AKUTT"}},
		{"kj in small", kj, "samtykke", 400, []string{"nhn-access-basis"}},
		{"both", under(access.ScopeReadList, access.ScopeReadListKJ), "SAMTYKKE", 403, []string{access.ScopeReadListKJ + ". Ask for one of them"}},
		{"no scope", under(access.ScopeReadDocument), "", 403, []string{access.ScopeReadListKJ}},
		{"no attest", doctor.With(map[string]any{attest: nil}), "", 403, []string{noAttest, "purpose", "role"}},
		{"level 3", doctor.With(map[string]any{level: "3"}), "", 403, []string{lowLevel}},
		{"no HPR", doctor.With(map[string]any{hpr: nil, attest: nil}), "", 403, []string{noHPR, noAttest}},
		{"nothing", doctor.With(map[string]any{hpr: nil, attest: nil, level: "3"}), "", 403, []string{noHPR, noAttest, lowLevel, "role"}},
		{"nothing, and no basis", kj.With(map[string]any{hpr: nil, attest: nil, level: "3"}), "", 403, []string{"nhn-access-basis", noHPR, noAttest, lowLevel}},
	}
	for _, basis := range access.AccessBases() {
		cases = append(cases, struct {
			name   string
			who    *servicetest.Caller
			basis  string
			status int
			says   []string
		}{"kj " + basis, kj, basis, 200, nil})
	}
	for _, c := range cases {
		form := current(b.Patient, "homeCommunityId", of.HomeCommunity)
		a := c.who.Search(t, form, "nhn-access-basis", c.basis)
		if a.Status != c.status {
			t.Errorf("%s: %d %s", c.name, a.Status, a.Body)
		}
		for _, word := range c.says {
			if !strings.Contains(string(a.Body), word) {
				t.Errorf("%s: nothing of %q in %s", c.name, word, a.Body)
			}
		}
	}
	bare := s.Request(t, http.MethodPost, "/R4/fhir/DocumentReference/_search", strings.NewReader(url.Values{}.Encode()), "Content-Type", "application/x-www-form-urlencoded")
	kj.With(map[string]any{level: "3"}).Sign(t, bare)
	bare.Header.Del("nhn-source-system")
	var codes []string
	for _, issue := range outcome(t, servicetest.Send(t, bare)).Issue {
		codes = append(codes, strings.Join(issue.Expression, "")+" "+issue.Diagnostics[len(issue.Diagnostics)-3:len(issue.Diagnostics)-1])
	}
	if diff := cmp.Diff([]string{"http.nhn-source-system R3", " C6", " C3"}, codes); diff != "" {
		t.Errorf("all at once (-want +got):\n%s", diff)
	}
	opening := s.Request(t, http.MethodGet, "/mhd/document", nil)
	under(access.ScopeReadList).With(map[string]any{level: "3"}).Sign(t, opening)
	opening.Header.Del("nhn-source-system")
	if a := servicetest.Send(t, opening); a.Status != 403 || len(outcome(t, a).Issue) != 7 {
		t.Errorf("an opening without anything: %d %s", a.Status, a.Body)
	}
}
