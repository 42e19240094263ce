package mhd_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestPersonnelByConfidentiality is the personnel column of C2, through both ways of listing and the opening.
func TestPersonnelByConfidentiality(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	cases := []struct {
		codes  []string
		masked bool
	}{
		{[]string{"N"}, false}, {[]string{"R"}, false}, {[]string{"V"}, false}, {[]string{"N", "NORN_ANG"}, false}, {[]string{"N", "NORU"}, false},
		{[]string{"N", "NORS"}, true}, {[]string{"V", "NORS"}, true}, {[]string{"NORS", "N", "NORN_ANG"}, true},
	}
	for _, c := range cases {
		t.Run(strings.Join(c.codes, "+"), func(t *testing.T) {
			t.Parallel()
			of := s.Tenant(t)
			d := servicetest.NewDoc()
			d.Codes, d.Title = c.codes, "Hemmelig tittel"
			upload(t, s.Writer(t, of.Organisations[0]), servicetest.BundleFor(of, d))
			doctor := s.Doctor(t, servicetest.Organisation())
			list := doctor.Search(t, current(servicetest.Patient, "homeCommunityId", of.HomeCommunity))
			refs := references(t, list)
			if len(refs) != 1 {
				t.Fatalf("%d entries, want 1", len(refs))
			}
			byID := doctor.Get(t, "/R4/fhir/DocumentReference/"+d.ID)
			opened := doctor.Get(t, refs[0].Content[0].Attachment.URL, "nhn-patient-nin", servicetest.Patient)
			if got := list.Header.Get("NHN-SecurityLabel-Nors-Count"); got != map[bool]string{true: "1", false: "0"}[c.masked] {
				t.Errorf("NORS count %q", got)
			}
			if !c.masked {
				if opened.Status != 200 || !bytes.Equal(opened.Body, d.Bytes) {
					t.Errorf("opening: %d, %d bytes", opened.Status, len(opened.Body))
				}
				return
			}
			if opened.Status != http.StatusForbidden || !told(outcome(t, opened), "DLAccessDenied", "") {
				t.Errorf("opening: %d %s, want 403", opened.Status, opened.Body)
			}
			for _, secret := range []string{d.Title, "GREVLING", servicetest.Patient, "A03-2", "nb-NO", d.MasterID, "text/plain", `"size"`, `"hash"`, "2026-10-30"} {
				if bytes.Contains(list.Body, []byte(secret)) || bytes.Contains(byID.Body, []byte(secret)) {
					t.Errorf("a masked entry tells %q:\n%s", secret, byID.Body)
				}
			}
			if !bytes.Contains(byID.Body, []byte("STIFTELSEN BETANIEN")) || !bytes.Contains(byID.Body, []byte("Sperret")) {
				t.Errorf("a masked entry must name the organisation and say Sperret: %s", byID.Body)
			}
		})
	}
}

// TestSharing is T5 and C7: what an instance lets out at all.
func TestSharing(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	cases := []struct {
		name    string
		sharing access.Sharing
		own     bool
		sees    bool
	}{
		{"personnel, another organisation", access.Sharing{Personnel: true}, false, true},
		{"citizens only", access.Sharing{Citizen: true}, true, false},
		{"own organisation only, own", access.Sharing{Personnel: true, OwnOrganisationOnly: true}, true, true},
		{"own organisation only, another", access.Sharing{Personnel: true, OwnOrganisationOnly: true}, false, false},
		{"nobody", access.Sharing{}, true, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			of := s.Tenant(t, func(d *administration.Draft) { d.Sharing = c.sharing })
			d := servicetest.NewDoc()
			upload(t, s.Writer(t, of.Organisations[0]), servicetest.BundleFor(of, d))
			organisation := servicetest.Organisation()
			if c.own {
				organisation = of.Organisations[0]
			}
			doctor := s.Doctor(t, organisation)
			refs := references(t, doctor.Search(t, current(servicetest.Patient, "homeCommunityId", of.HomeCommunity)))
			byID := doctor.Get(t, "/R4/fhir/DocumentReference/"+d.ID)
			opened := doctor.Get(t, documentPath(of.HomeCommunity, of.Repository, d.BinaryID), "nhn-patient-nin", servicetest.Patient)
			if c.sees != (len(refs) == 1) || c.sees != (byID.Status == 200) || c.sees != (opened.Status == 200) {
				t.Errorf("list %d, by id %d, open %d; want seen: %v", len(refs), byID.Status, opened.Status, c.sees)
			}
			if !c.sees {
				absent := doctor.Get(t, documentPath(of.HomeCommunity, of.Repository, uuid.NewString()), "nhn-patient-nin", servicetest.Patient)
				if diff := cmp.Diff(string(absent.Body), string(opened.Body)); opened.Status != absent.Status || diff != "" {
					t.Errorf("what is omitted can be told from what is absent: %d against %d\n%s", opened.Status, absent.Status, diff)
				}
			}
		})
	}
}

func documentPath(home, repository, id string) string {
	return "/mhd/document?documentUniqueId=" + id + "&homeCommunityId=" + home + "&repositoryUniqueId=" + repository
}

// TestOpen: every part of the address and the patient must fit (R2), either identifier opens, and the bytes come out as they went in.
func TestOpen(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, other := s.Tenant(t), s.Tenant(t)
	d := servicetest.NewDoc()
	upload(t, s.Writer(t, of.Organisations[0]), servicetest.BundleFor(of, d))
	doctor := s.Doctor(t, servicetest.Organisation())
	good := documentPath(of.HomeCommunity, of.Repository, d.BinaryID)
	open := func(path, patient string, headers ...string) servicetest.Answer {
		return doctor.Get(t, path, append(headers, "nhn-patient-nin", patient)...)
	}
	wrongPatient, absent := open(good, "12119000465"), open(documentPath(of.HomeCommunity, of.Repository, uuid.NewString()), servicetest.Patient)
	if diff := cmp.Diff(string(absent.Body), string(wrongPatient.Body)); diff != "" {
		t.Errorf("a document of another patient can be told from none:\n%s", diff)
	}
	whole := open(good, servicetest.Patient)
	if whole.Status != 200 || !bytes.Equal(whole.Body, d.Bytes) || whole.Header.Get("Content-Type") != "text/plain" {
		t.Fatalf("%d %s", whole.Status, whole.Header)
	}
	tag := whole.Header.Get("ETag")
	last := d.Bytes[len(d.Bytes)-5:]
	cases := []struct {
		name   string
		answer servicetest.Answer
		status int
		body   []byte
	}{
		{"by masterIdentifier", open(documentPath(of.HomeCommunity, of.Repository, "urn:uuid:"+d.MasterID), servicetest.Patient), 200, d.Bytes},
		{"with urn:oid:", open(documentPath("urn:oid:"+of.HomeCommunity, "urn:oid:"+of.Repository, d.BinaryID), servicetest.Patient), 200, d.Bytes},
		{"patient as CX", open(good, servicetest.Patient+"^^^&2.16.578.1.12.4.1.4.1&ISO"), 200, d.Bytes},
		{"another patient", open(good, "12119000465"), 404, nil},
		{"no patient", doctor.Get(t, good), 400, nil},
		{"another home community", open(documentPath(other.HomeCommunity, other.Repository, d.BinaryID), servicetest.Patient), 404, nil},
		{"unknown home community", open(documentPath("1.2.3", of.Repository, d.BinaryID), servicetest.Patient), 404, nil},
		{"another repository", open(documentPath(of.HomeCommunity, other.Repository, d.BinaryID), servicetest.Patient), 404, nil},
		{"unknown document", open(documentPath(of.HomeCommunity, of.Repository, uuid.NewString()), servicetest.Patient), 404, nil},
		{"first bytes", open(good, servicetest.Patient, "Range", "bytes=0-3"), 206, d.Bytes[:4]},
		{"last bytes", open(good, servicetest.Patient, "Range", "bytes=-5"), 206, last},
		{"from a byte on", open(good, servicetest.Patient, "Range", "bytes=4-"), 206, d.Bytes[4:]},
		{"beyond the end", open(good, servicetest.Patient, "Range", "bytes=4-99999999"), 206, d.Bytes[4:]},
		{"outside", open(good, servicetest.Patient, "Range", "bytes=99999999-"), 416, nil},
		{"several ranges", open(good, servicetest.Patient, "Range", "bytes=0-1,3-4"), 200, d.Bytes},
		{"If-Range fits", open(good, servicetest.Patient, "Range", "bytes=0-3", "If-Range", tag), 206, d.Bytes[:4]},
		{"If-Range does not", open(good, servicetest.Patient, "Range", "bytes=0-3", "If-Range", `"other"`), 200, d.Bytes},
		{"not changed", open(good, servicetest.Patient, "If-None-Match", tag), 304, []byte{}},
	}
	for _, c := range cases {
		if c.answer.Status != c.status || (c.body != nil && !bytes.Equal(c.answer.Body, c.body)) {
			t.Errorf("%s: %d with %d bytes, want %d with %d", c.name, c.answer.Status, len(c.answer.Body), c.status, len(c.body))
		}
	}
	if got := open(good, servicetest.Patient, "Range", "bytes=99999999-").Header.Get("Content-Range"); !strings.HasPrefix(got, "bytes */") {
		t.Errorf("Content-Range %q", got)
	}
}

// TestTenantWall: an organisation reaches its own instances only, by every field that names one (T2, T3).
func TestTenantWall(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	mine, theirs := s.Tenant(t), s.Tenant(t)
	d := servicetest.NewDoc()
	created := upload(t, s.Writer(t, theirs.Organisations[0]), servicetest.BundleFor(theirs, d))
	me := s.Writer(t, mine.Organisations[0])
	label := `[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]}]}]`
	id := "/R4/fhir/DocumentReference/" + d.ID
	set := created.Entry[0].Response.Location
	for _, home := range []string{"", "?homeCommunityId=" + theirs.HomeCommunity, "?homeCommunityId=" + mine.HomeCommunity} {
		for name, a := range map[string]servicetest.Answer{
			"read":   me.Get(t, id+home),
			"set":    me.Get(t, set+home),
			"delete": me.Do(t, s.Request(t, http.MethodDelete, id+home, nil)),
			"patch":  me.Do(t, s.Request(t, http.MethodPatch, id+home, strings.NewReader(label), "Content-Type", "application/json-patch+json")),
			"status": me.Get(t, "/api/rest/document-status?id="+d.ID+strings.Replace(home, "?", "&", 1)),
		} {
			if a.Status != http.StatusNotFound && a.Status != http.StatusForbidden {
				t.Errorf("%s%s: %d %s", name, home, a.Status, a.Body)
			}
		}
	}
	for _, line := range s.Events(t, theirs) {
		if line.Organisation == mine.Organisations[0] {
			t.Errorf("an outsider wrote to the tenant's log: %s", compact(line))
		}
	}
	replacing := servicetest.NewDoc()
	replacing.Relates = map[string]string{"replaces": d.ID}
	if a := me.Upload(t, servicetest.BundleFor(mine, replacing).JSON(t)); a.Status != 400 {
		t.Errorf("replacing another instance's document: %d", a.Status)
	}
	stranger := s.Writer(t, servicetest.Organisation())
	if a := stranger.Upload(t, servicetest.BundleFor(theirs).JSON(t)); a.Status != http.StatusForbidden {
		t.Errorf("an organisation of no instance: %d %s", a.Status, a.Body)
	}
	if a := s.Writer(t, theirs.Organisations[0]).Get(t, id); a.Status != 200 {
		t.Errorf("the owner cannot read it any more: %d", a.Status)
	}
}

// TestReadersNeedTheirPapers is C3 and C6: what a personal token must have.
func TestReadersNeedTheirPapers(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	// A patient of this test alone: a search over all tenants leaves its event in each that holds the patient.
	b := servicetest.BundleFor(of)
	b.Patient = "17855599120"
	upload(t, s.Writer(t, of.Organisations[0]), b)
	doctor := s.Doctor(t, of.Organisations[0])
	both := s.Doctor(t, of.Organisations[0], access.ScopeReadList, access.ScopeReadListKJ)
	kj := s.Doctor(t, of.Organisations[0], access.ScopeReadListKJ)
	form := current(b.Patient)
	for name, c := range map[string]struct {
		answer servicetest.Answer
		status int
	}{
		"no attest":           {doctor.With(map[string]any{"nhn:tillitsrammeverk:parameters": nil}).Search(t, form), 403},
		"security level 3":    {doctor.With(map[string]any{"helseid://claims/identity/security_level": "3"}).Search(t, form), 403},
		"machine":             {s.Writer(t, of.Organisations[0]).With(map[string]any{"aud": access.AudienceRead, "scope": []string{access.ScopeReadList}}).Search(t, form), 403},
		"writing scope":       {s.Writer(t, of.Organisations[0]).Search(t, form), 403},
		"both list scopes":    {both.Search(t, form), 403},
		"KJ without basis":    {kj.Search(t, form), 400},
		"KJ with wrong basis": {kj.Search(t, form, "nhn-access-basis", "NYSGJERRIG"), 400},
		"KJ with basis":       {kj.Search(t, form, "nhn-access-basis", "SAMTYKKE"), 200},
		"opening, no scope":   {s.Doctor(t, of.Organisations[0], access.ScopeReadList).Get(t, documentPath(of.HomeCommunity, of.Repository, "x"), "nhn-patient-nin", servicetest.Patient), 403},
		"reader uploads":      {doctor.Upload(t, servicetest.BundleFor(of).JSON(t)), 403},
		"creator deletes":     {s.Writer(t, of.Organisations[0], access.ScopeCreate).Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+uuid.NewString(), nil)), 403},
		"pingauth":            {doctor.Get(t, "/pingauth"), 200},
		"pingauth, writer":    {s.Writer(t, of.Organisations[0]).Get(t, "/pingauth"), 403},
	} {
		if c.answer.Status != c.status {
			t.Errorf("%s: %d, want %d: %s", name, c.answer.Status, c.status, c.answer.Body)
		}
	}
}

// TestSearch: filters, order and pages over several tenants; each entry once (R1, R6).
func TestSearch(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	patient := "12119000465"
	doctor := s.Doctor(t, servicetest.Organisation())
	var all []string
	byTime := map[string]string{}
	for n := range 3 {
		of := s.Tenant(t)
		w := s.Writer(t, of.Organisations[0])
		for m := range 5 {
			d := servicetest.NewDoc()
			d.Creation = []string{"2026-01-0", "2025-06-0", "2024-12-2"}[n] + string(rune('1'+m)) + "T10:00:00Z"
			if m == 4 {
				d.Class, d.TypeCode = "D00-1", "D08-2"
			}
			b := servicetest.BundleFor(of, d)
			b.Patient = patient
			upload(t, w, b)
			all = append(all, d.ID)
			byTime[d.ID] = d.Creation
		}
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(byTime[b], byTime[a]) })
	form := current(patient, "_count", "4")
	var got []string
	a := doctor.Search(t, form)
	for pages := 0; ; pages++ {
		refs := references(t, a)
		got = append(got, ids(refs)...)
		next := ""
		for _, l := range bundle(t, a).Link {
			if strings.Contains(l.URL, patient) {
				t.Errorf("a link carries the patient: %s", l.URL)
			}
			if l.Relation == "next" {
				next = l.URL
			}
		}
		if next == "" || pages > 9 {
			break
		}
		if pages == 0 {
			stranger := s.Doctor(t, servicetest.Organisation())
			if stolen := stranger.Get(t, next); stolen.Status != 400 {
				t.Errorf("another caller's cursor: %d", stolen.Status)
			}
			if bent := doctor.Get(t, bend(next)); bent.Status != 400 {
				t.Errorf("a damaged cursor: %d", bent.Status)
			}
		}
		a = doctor.Get(t, next)
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Errorf("pages differ from the order (-want +got):\n%s", diff)
	}
	for name, c := range map[string]struct {
		more []string
		want int
	}{
		"class":             {[]string{"category", "urn:oid:2.16.578.1.12.4.1.1.9602|D00-1"}, 3},
		"class, no system":  {[]string{"category", "D00-1"}, 3},
		"two classes":       {[]string{"category", "D00-1,A00-1"}, 15},
		"type":              {[]string{"type", "D08-2"}, 3},
		"class elsewhere":   {[]string{"category", "urn:oid:1.2.3|D00-1"}, 0},
		"year":              {[]string{"creation", "2025"}, 5},
		"from":              {[]string{"creation", "ge2025-06-03"}, 8},
		"span":              {[]string{"creation", "ge2025-06-02", "creation", "lt2025-06-04"}, 2},
		"second":            {[]string{"creation", "2026-01-01T11:00:00+01:00"}, 1},
		"registered before": {[]string{"date", "lt2020"}, 0},
		"identifier":        {[]string{"identifier", "urn:ietf:rfc:3986|urn:uuid:" + all[0]}, 1},
	} {
		if n := len(references(t, doctor.Search(t, current(patient, c.more...)))); n != c.want {
			t.Errorf("%s: %d entries, want %d", name, n, c.want)
		}
	}
}

// bend changes one character in the middle of a link's cursor.
func bend(link string) string {
	i := len(link) - 40
	other := byte('A')
	if link[i] == other {
		other = 'B'
	}
	return link[:i] + string(other) + link[i+1:]
}

// TestSearchRefusals: what a search must have, and that patients stay out of addresses (R1).
func TestSearchRefusals(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	doctor := s.Doctor(t, servicetest.Organisation())
	get := doctor.Get(t, "/R4/fhir/DocumentReference?patient.identifier="+servicetest.Patient+"&status=current")
	if get.Status != 405 || get.Header.Get("Allow") != "POST" || bytes.Contains(get.Body, []byte(servicetest.Patient)) {
		t.Errorf("GET: %d %s", get.Status, get.Body)
	}
	query := doctor.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/DocumentReference/_search?patient.identifier="+servicetest.Patient, nil, "Content-Type", "application/x-www-form-urlencoded"))
	if query.Status != 400 || bytes.Contains(query.Body, []byte(servicetest.Patient)) {
		t.Errorf("parameters in the address: %d %s", query.Status, query.Body)
	}
	empty := doctor.Search(t, nil)
	if o := outcome(t, empty); empty.Status != 400 || !told(o, "XDSStoredQueryMissingParam", "patient.identifier") || !told(o, "XDSStoredQueryMissingParam", "status") {
		t.Errorf("both missing parameters at once: %d %s", empty.Status, empty.Body)
	}
	for name, more := range map[string][]string{
		"status": {"status", "gone"}, "date": {"creation", "yesterday"}, "count": {"_count", "-1"}, "home": {"homeCommunityId", "x"}, "twice": {"status", "superseded"},
	} {
		if a := doctor.Search(t, current(servicetest.Patient, more...)); a.Status != 400 {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	if a := doctor.Search(t, current(servicetest.Patient, "color", "red")); a.Status != 200 || !strings.Contains(string(a.Body), "warning") {
		t.Errorf("an unknown parameter: %d %s", a.Status, a.Body)
	}
	if a := doctor.Search(t, current(servicetest.Patient, "color", "red"), "Prefer", "handling=strict"); a.Status != 400 {
		t.Errorf("an unknown parameter, strict: %d", a.Status)
	}
	nobody := doctor.Search(t, current("15076500565"))
	if refs := references(t, nobody); len(refs) != 0 {
		t.Errorf("a patient nobody holds: %d entries", len(refs))
	}
}
