package mhd_test

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

type object = servicetest.Object

// neighbour is a synthetic patient of these tests alone.
const neighbour = "11817010298"

// kept is a folder for tests: a POST, or a PUT to put; members are references as an item holds them.
type kept struct {
	title, uniqueID string
	put             string
	members         []string
	change          func(list, entry object)
}

func newFolder(title string, members ...string) kept {
	return kept{title: title, uniqueID: "urn:oid:2.25." + fmt.Sprint(uuid.New().ID()), members: members}
}

// into adds the folder to a bundle's message, and to the set's entries; it gives the place of its entry.
func (f kept) into(message object, patient string) {
	name := "urn:uuid:" + uuid.NewString()
	list := object{
		"resourceType": "List", "status": "current", "mode": "working", "title": f.title,
		"extension":  []any{object{"url": mhdDefinitions + "ihe-designationType", "valueCodeableConcept": object{"coding": []any{object{"system": "http://snomed.info/sct", "code": "225728007"}}}}},
		"identifier": []any{object{"use": "usual", "system": "urn:ietf:rfc:3986", "value": f.uniqueID}},
		"code":       object{"coding": []any{object{"system": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes", "code": "folder"}}},
		"subject":    object{"identifier": object{"system": servicetest.PatientSystem, "value": patient}},
		"note":       []any{object{"text": "Notat om " + f.title}},
	}
	var items []any
	for _, m := range f.members {
		items = append(items, object{"item": object{"reference": m}})
	}
	if items != nil {
		list["entry"] = items
	}
	entry := object{"fullUrl": name, "resource": list, "request": object{"method": "POST", "url": "List"}}
	if f.put != "" {
		entry["request"] = object{"method": "PUT", "url": "List/" + f.put}
		list["id"] = f.put
	}
	if f.change != nil {
		f.change(list, entry)
	}
	message["entry"] = append(message["entry"].([]any), entry)
	set := servicetest.Resource(message, 0)
	members, _ := set["entry"].([]any)
	set["entry"] = append(members, object{"item": object{"reference": name}})
}

const mhdDefinitions = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/"

// with puts folders into a bundle.
func with(b servicetest.Bundle, folders ...kept) servicetest.Bundle {
	before := b.Change
	b.Change = func(m object) {
		if before != nil {
			before(m)
		}
		for _, f := range folders {
			f.into(m, b.Patient)
		}
	}
	return b
}

// foldersOnly is a bundle without documents. Profile nhn has the home community on attachments alone; here the set says it.
func foldersOnly(of tenant.Tenant, folders ...kept) servicetest.Bundle {
	b := servicetest.BundleFor(of)
	b.Change = func(m object) {
		m["entry"] = m["entry"].([]any)[:2]
		set := servicetest.Resource(m, 0)
		delete(set, "entry")
		set["extension"] = append(set["extension"].([]any), object{"url": mhdDefinitions + "ihe-homeCommunityId", "valueUri": "urn:oid:" + of.HomeCommunity})
	}
	return with(b, folders...)
}

func symbolic(d servicetest.Doc) string  { return "urn:uuid:" + d.ID }
func reference(d servicetest.Doc) string { return "DocumentReference/" + d.ID }

// listAt fetches a List that must be there.
func listAt(t *testing.T, c *servicetest.Caller, address string) *fhir.List {
	t.Helper()
	a := c.Get(t, address)
	r, err := fhir.ParseResource(strings.NewReader(string(a.Body)), 1<<20)
	if err != nil || a.Status != 200 {
		t.Fatalf("%s: %d %s", address, a.Status, a.Body)
	}
	l, ok := fhir.As[fhir.List](r)
	if !ok {
		t.Fatalf("no List: %s", a.Body)
	}
	return l
}

func members(l *fhir.List) (out []string) {
	for _, e := range l.Entry {
		out = append(out, e.Item.Reference)
	}
	return out
}

func last(b *fhir.Bundle) *fhir.BundleResponse { return b.Entry[len(b.Entry)-1].Response }

func profiled(p tenant.Profile) func(*administration.Draft) {
	return func(d *administration.Draft) { d.Profile = p }
}

// TestFolderIsKept: a folder of the message's documents and of a registered one, under both profiles; what was sent comes back, the event names
// it, and the message sent again, with a key or without, gets its first answer.
func TestFolderIsKept(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	for _, profile := range []tenant.Profile{tenant.NHN, tenant.IHE} {
		t.Run(string(profile), func(t *testing.T) {
			t.Parallel()
			of := s.Tenant(t, profiled(profile))
			w := s.Writer(t, of.Organisations[0])
			first := upload(t, w, servicetest.BundleFor(of)).Entry[3].Response.Location
			a, b := servicetest.NewDoc(), servicetest.NewDoc()
			f := newFolder("Svangerskap", symbolic(a), symbolic(b), "DocumentReference/"+path.Base(first), symbolic(a))
			body := with(servicetest.BundleFor(of, a, b), f).JSON(t)
			answer := w.Upload(t, body)
			if answer.Status != 200 {
				t.Fatalf("%d %s", answer.Status, answer.Body)
			}
			told := bundle(t, answer)
			if len(told.Entry) != 7 || last(told).Status != "201 Created" {
				t.Fatalf("the folder's entry: %s", compact(last(told)))
			}
			l := listAt(t, w, last(told).Location)
			want := []string{path.Base(told.Entry[3].Response.Location), path.Base(told.Entry[5].Response.Location), path.Base(first)}
			for i := range want {
				want[i] = "DocumentReference/" + want[i]
			}
			if diff := cmp.Diff(want, members(l)); diff != "" {
				t.Errorf("members (-want +got):\n%s", diff)
			}
			if l.Title != f.title || l.Note[0].Text != "Notat om "+f.title || l.Identifier[0].Value != f.uniqueID || l.Code.Coding[0].Code != "folder" ||
				l.Extension[0].ValueCodeableConcept.Coding[0].Code != "225728007" || l.Status != "current" || l.Subject.Identifier.Value != servicetest.Patient || l.Date == "" {
				t.Errorf("came back as %s", compact(l))
			}
			if set := listAt(t, w, told.Entry[0].Response.Location); !slices.Contains(members(set), "List/"+l.ID) || len(set.Entry) != 3 {
				t.Errorf("the set names %q", members(set))
			}
			if e := s.Events(t, of); !slices.Equal(e[1].Detail.Folders, []string{l.ID}) {
				t.Errorf("the event says %s", compact(e[1]))
			}
			for _, again := range []servicetest.Answer{w.Upload(t, body), keyed(t, s, w, body, "k-"+l.ID), keyed(t, s, w, body, "k-"+l.ID)} {
				if again.Status != 200 || string(again.Body) != string(answer.Body) {
					t.Errorf("again: %d %s", again.Status, again.Body)
				}
			}
			if n := s.Rows(t, of, "submission"); n != 3 {
				t.Errorf("%d sets and folders, want 3", n)
			}
			elsewhere := with(servicetest.BundleFor(of, a, b), newFolder("En annen", symbolic(a)))
			if again := w.Upload(t, elsewhere.JSON(t)); profile == tenant.NHN && again.Status != http.StatusConflict {
				t.Errorf("the same documents with another folder: %d %s", again.Status, again.Body)
			}
		})
	}
}

// TestFolderAlone: a message may hold a folder and no document; it too is recognised when it comes again.
func TestFolderAlone(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w, d := s.Writer(t, of.Organisations[0]), servicetest.NewDoc()
	upload(t, w, servicetest.BundleFor(of, d))
	body := foldersOnly(of, newFolder("Mappe", reference(d))).JSON(t)
	if v := w.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/Bundle/$validate", strings.NewReader(string(body)), "Content-Type", "application/fhir+json")); v.Status != 200 || s.Rows(t, of, "submission") != 1 {
		t.Errorf("$validate: %d %s", v.Status, v.Body)
	}
	first := w.Upload(t, body)
	if first.Status != 200 {
		t.Fatalf("%d %s", first.Status, first.Body)
	}
	if again := w.Upload(t, body); string(again.Body) != string(first.Body) {
		t.Errorf("again: %d %s", again.Status, again.Body)
	}
	if l := listAt(t, w, last(bundle(t, first)).Location); !slices.Equal(members(l), []string{reference(d)}) {
		t.Errorf("members %q", members(l))
	}
	two := s.Tenant(t, func(d *administration.Draft) { d.Organisations = of.Organisations })
	silent := foldersOnly(of, newFolder("Mappe"))
	change := silent.Change
	silent.Change = func(m object) {
		change(m)
		set := servicetest.Resource(m, 0)
		set["extension"] = set["extension"].([]any)[:2]
	}
	if a := w.Upload(t, silent.JSON(t)); a.Status != 400 || !told(outcome(t, a), "XDSMissingHomeCommunityId", "Bundle.entry[0].resource.extension") {
		t.Errorf("two instances and no word which: %d %s", a.Status, a.Body)
	}
	if a := w.Upload(t, foldersOnly(two, newFolder("Mappe", reference(d))).JSON(t)); a.Status != 400 || !told(outcome(t, a), "UnresolvedReferenceException", "Bundle.entry[2].resource.entry[0].item") {
		t.Errorf("another instance's document: %d %s", a.Status, a.Body)
	}
	if a := w.Upload(t, foldersOnly(two, kept{title: "Mappe", put: path.Base(last(bundle(t, first)).Location)}).JSON(t)); a.Status != 400 || !told(outcome(t, a), "UnresolvedReferenceException", "Bundle.entry[2].request.url") {
		t.Errorf("another instance's folder: %d %s", a.Status, a.Body)
	}
}

// TestMinimalFolder: Minimal metadata name neither title, kind nor patient of a folder; it is the set's patient's.
func TestMinimalFolder(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t, profiled(tenant.IHE))
	w, d := s.Writer(t, of.Organisations[0]), servicetest.NewDoc()
	bare := newFolder("", symbolic(d))
	bare.change = func(l, _ object) {
		for _, name := range []string{"title", "extension", "subject", "note", "identifier"} {
			delete(l, name)
		}
	}
	b := with(servicetest.BundleFor(of, d), bare)
	if a := w.Upload(t, b.JSON(t)); a.Status != 400 {
		t.Errorf("as Comprehensive: %d %s", a.Status, a.Body)
	}
	whole := b.Change
	b.Change = func(m object) {
		whole(m)
		m["meta"] = object{"profile": []any{mhdDefinitions + "IHE.MHD.Minimal.ProvideBundle"}}
	}
	l := listAt(t, w, last(upload(t, w, b)).Location)
	if l.Subject.Identifier.Value != servicetest.Patient || !strings.HasPrefix(l.Identifier[0].Value, "urn:oid:2.25.") || !slices.Equal(l.Meta.Profile, []string{mhdDefinitions + "IHE.MHD.Minimal.Folder"}) {
		t.Errorf("kept as %s", compact(l))
	}
}

// TestFolderRefusals: each problem of a folder has its code and its place, all at once, in $validate too; nothing is stored.
func TestFolderRefusals(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	mine, other := servicetest.NewDoc(), servicetest.NewDoc()
	taken := newFolder("Finnes", symbolic(mine))
	standing := path.Base(last(upload(t, w, with(servicetest.BundleFor(of, mine), taken))).Location)
	foreign := servicetest.BundleFor(of, other)
	foreign.Patient = neighbour
	upload(t, w, foreign)
	const at = "Bundle.entry[4]."
	cases := []struct {
		name           string
		folder         kept
		code, location string
	}{
		{"no title", newFolder(""), "XDSRegistryMetadataError", at + "resource.title"},
		{"no code", altered("x", func(l, _ object) { delete(l, "extension") }), "XDSRegistryMetadataError", at + "resource.extension"},
		{"a code that does not exist", altered("x", func(l, _ object) {
			l["extension"].([]any)[0].(object)["valueCodeableConcept"] = object{"coding": []any{object{"system": "urn:oid:2.16.578.1.12.4.1.1.9602", "code": "D99-2"}}}
		}), "DLUnknownCode", at + "resource.extension"},
		{"superseded", altered("x", func(l, _ object) { l["status"] = "superseded" }), "XDSRegistryMetadataError", at + "resource.status"},
		{"no patient", altered("x", func(l, _ object) { delete(l, "subject") }), "XDSRegistryMetadataError", at + "resource.subject"},
		{"another patient", altered("x", func(l, _ object) { l["subject"].(object)["identifier"].(object)["value"] = neighbour }), "XDSPatientIdDoesNotMatch", at + "resource.subject"},
		{"a document that is not there", newFolder("x", "DocumentReference/"+uuid.NewString()), "UnresolvedReferenceException", at + "resource.entry[0].item"},
		{"another patient's document", newFolder("x", reference(mine), reference(other)), "XDSPatientIdDoesNotMatch", at + "resource.entry[1].item"},
		{"an entry taken out", altered("x", func(l, _ object) {
			l["entry"] = []any{object{"deleted": true, "item": object{"reference": reference(mine)}}}
		}), "UnmodifiableMetadataError", at + "resource.entry[0].deleted"},
		{"an identifier that is taken", kept{title: "x", uniqueID: taken.uniqueID}, "XDSDuplicateUniqueIdInRegistry", at + "resource.identifier"},
		{"the method", altered("x", func(_, e object) { e["request"].(object)["method"] = "PATCH" }), "XDSRegistryMetadataError", at + "request.method"},
		{"not among the set's entries", altered("x", func(_, e object) { e["fullUrl"] = "urn:uuid:" + uuid.NewString() }), "XDSRegistryMetadataError", at + "fullUrl"},
		{"put nowhere", kept{title: "x", put: "x"}, "XDSRegistryMetadataError", at + "request.url"},
		{"put to what is not there", kept{title: "x", put: uuid.NewString()}, "UnresolvedReferenceException", at + "request.url"},
		{"put under another id", kept{title: taken.title, put: standing, change: func(l, _ object) { l["id"] = uuid.NewString() }}, "UnmodifiableMetadataError", at + "resource.id"},
		{"another title", kept{title: "Ny", uniqueID: taken.uniqueID, put: standing}, "UnmodifiableMetadataError", at + "resource.title"},
		{"another identifier", kept{title: taken.title, uniqueID: "urn:oid:1.2.3", put: standing}, "UnmodifiableMetadataError", at + "resource.identifier"},
	}
	sets, entries := s.Rows(t, of, "submission"), s.Rows(t, of, "document_entry")
	for _, c := range cases {
		b := with(servicetest.BundleFor(of), c.folder)
		for _, where := range []string{"Bundle", "Bundle/$validate"} {
			a := w.Do(t, s.Request(t, http.MethodPost, "/R4/fhir/"+where, strings.NewReader(string(b.JSON(t))), "Content-Type", "application/fhir+json"))
			if o := outcome(t, a); a.Status/100 != 4 || !told(o, c.code, c.location) {
				t.Errorf("%s to %s: %d %s, want %s at %s", c.name, where, a.Status, a.Body, c.code, c.location)
			}
		}
	}
	both := with(servicetest.BundleFor(of), newFolder("", "DocumentReference/"+uuid.NewString()), kept{title: "Ny", put: standing})
	o := outcome(t, w.Upload(t, both.JSON(t)))
	for _, location := range []string{at + "resource.title", at + "resource.entry[0].item", "Bundle.entry[5].resource.title"} {
		if !slices.ContainsFunc(o.Issue, func(i fhir.Issue) bool { return slices.Contains(i.Expression, location) }) {
			t.Errorf("not told at once: %s in %s", location, compact(o))
		}
	}
	if s.Rows(t, of, "submission") != sets || s.Rows(t, of, "document_entry") != entries || objects(t, s, of, "d") != entries {
		t.Error("a refusal left something")
	}
}

func altered(title string, change func(list, entry object)) kept {
	f := newFolder(title)
	f.change = change
	return f
}

// TestFolderGrows: PUT adds documents of the message and registered ones, each once, and moves lastUpdateTime; what is left out stays, with a
// warning; adding at once loses nothing.
func TestFolderGrows(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	a, b, c := servicetest.NewDoc(), servicetest.NewDoc(), servicetest.NewDoc()
	upload(t, w, servicetest.BundleFor(of, b))
	f := newFolder("Mappe", symbolic(a))
	address := last(upload(t, w, with(servicetest.BundleFor(of, a), f))).Location
	before := listAt(t, w, address)
	f.put, f.members = before.ID, []string{reference(a), reference(b), symbolic(c)}
	grown := upload(t, w, with(servicetest.BundleFor(of, c), f))
	if r := last(grown); r.Status != "200 OK" || r.Location != address {
		t.Errorf("a folder that got documents: %s", compact(r))
	}
	l := listAt(t, w, address)
	if want := []string{reference(a), reference(b), reference(c)}; !slices.Equal(members(l), want) || l.Date <= before.Date {
		t.Errorf("members %q at %s, want %q after %s", members(l), l.Date, want, before.Date)
	}
	f.members = []string{reference(b)}
	again := upload(t, w, foldersOnly(of, f))
	if o := again.Entry[0].Response.Outcome; o == nil || !strings.Contains(compact(o), "PartialFolderContentNotProcessed") {
		t.Errorf("two members left out, and no warning: %s", compact(again))
	}
	if now := listAt(t, w, address); now.Date != l.Date || len(now.Entry) != 3 {
		t.Errorf("nothing was added: %s, %q", now.Date, members(now))
	}
	shared := servicetest.NewDoc()
	upload(t, w, servicetest.BundleFor(of, shared))
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			d := servicetest.NewDoc()
			more := f
			more.members = []string{symbolic(d), reference(shared), reference(a)}
			if a := w.Upload(t, with(servicetest.BundleFor(of, d), more).JSON(t)); a.Status != 200 {
				t.Errorf("at once: %d %s", a.Status, a.Body)
			}
		})
	}
	all.Wait()
	if now := members(listAt(t, w, address)); len(now) != 10 || len(slices.Compact(slices.Sorted(slices.Values(now)))) != 10 {
		t.Errorf("%d members after six at once, want 10: %q", len(now), now)
	}
	if a := s.Writer(t, s.Tenant(t).Organisations[0]).Get(t, address); a.Status != http.StatusNotFound {
		t.Errorf("another organisation reads it: %d", a.Status)
	}
}

// TestFolderFollowsItsDocuments: a replacing document is put where the replaced one is; a deleted one is not shown, and neither is one that
// takes over its id.
func TestFolderFollowsItsDocuments(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	w := s.Writer(t, of.Organisations[0])
	a, b := servicetest.NewDoc(), servicetest.NewDoc()
	told := upload(t, w, with(servicetest.BundleFor(of, a, b), newFolder("En", symbolic(a), symbolic(b)), newFolder("To", symbolic(a)), newFolder("Tre", symbolic(b))))
	address := func(n int) string { return told.Entry[6+n].Response.Location }
	before := listAt(t, w, address(0))
	newer := servicetest.NewDoc()
	newer.Relates = map[string]string{"replaces": a.ID}
	upload(t, w, servicetest.BundleFor(of, newer))
	for n, want := range [][]string{{reference(a), reference(b), reference(newer)}, {reference(a), reference(newer)}, {reference(b)}} {
		if got := members(listAt(t, w, address(n))); !slices.Equal(got, want) {
			t.Errorf("folder %d holds %q, want %q", n, got, want)
		}
	}
	if now := listAt(t, w, address(0)); now.Date <= before.Date {
		t.Errorf("lastUpdateTime stays at %s", now.Date)
	}
	doctor := s.Doctor(t, servicetest.Organisation())
	if l := listAt(t, doctor, address(2)); !slices.Equal(members(l), []string{reference(b)}) {
		t.Errorf("the doctor sees %q", members(l))
	}
	if gone := w.Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/"+reference(b), nil)); gone.Status != 200 {
		t.Fatalf("delete: %d %s", gone.Status, gone.Body)
	}
	heir := servicetest.NewDoc()
	heir.ID = b.ID
	stranger := servicetest.BundleFor(of, heir)
	stranger.Patient = neighbour
	upload(t, w, stranger)
	for n, want := range [][]string{{reference(a), reference(newer)}, {reference(a), reference(newer)}, nil} {
		if got := members(listAt(t, w, address(n))); !slices.Equal(got, want) {
			t.Errorf("folder %d holds %q, want %q", n, got, want)
		}
	}
	if a := doctor.Get(t, address(2)); a.Status != http.StatusNotFound {
		t.Errorf("the doctor sees a folder without documents: %d %s", a.Status, a.Body)
	}
	if l := listAt(t, w, address(2)); l.Title != "Tre" {
		t.Errorf("the empty folder's title is %q", l.Title)
	}
}
