package disclosure_test

import (
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/person"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestTwins: two masked documents, and two masked sets, that differ in what the mask hides alone are alike to every query, and two that differ in what
// it leaves are not.
func TestTwins(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	other := func(v string) document.Code { return document.Code{Value: v, System: "9.9"} }
	day := func(d int) document.Time { return document.Time{At: at.AddDate(0, 0, d), Precision: document.Second} }
	twin := a.entry("twin", conf("N", "NORS"), func(e *document.Entry) {
		e.Type, e.Format, e.Facility, e.Practice, e.Events = other("T"), other("F"), other("X"), other("P"), []document.Code{other("E")}
		e.References, e.Comments, e.Language, e.ServiceStart, e.ServiceStop = []string{"r^^^&1.2&ISO^x"}, "c", "nb", day(-9), day(-8)
		e.Authors = []document.Author{{Person: document.Person{Family: "Hemmelig"}, Institutions: []document.Organisation{{Name: "Betanien"}}}}
		e.Offline = true
	})
	a.submit(a.own, "s-plain", []document.Entry{a.entry("same", conf("N", "NORS"))}, nil)
	a.submit(a.own, "s-twin", []document.Entry{twin}, nil, a.link(document.Append, "twin", "same"))
	a.submit(a.own, "s-class", []document.Entry{a.entry("classed", conf("N", "NORS"), func(e *document.Entry) { e.Class = other("C") })}, nil)
	base := ebxml.Query{Query: ebxml.FindDocuments, Patients: []document.PatientID{a.patient}, EntryStatuses: approved, Stable: true}
	pair, span := func(c string) []document.Code { return []document.Code{other(c)} }, ebxml.Span{From: at.AddDate(0, 0, -9), To: at.AddDate(0, 0, -7)}
	away := ebxml.Span{From: at.AddDate(0, 0, -3)}
	reference := base
	reference.Query, reference.ReferenceIDs = ebxml.FindDocumentsByReferenceID, [][]string{{"r^^^&1.2&ISO^x"}}
	for name, change := range map[string]func(*ebxml.Query){
		"type": func(q *ebxml.Query) { q.Types = pair("T") }, "format": func(q *ebxml.Query) { q.Formats = pair("F") },
		"facility": func(q *ebxml.Query) { q.Facilities = pair("X") }, "practice": func(q *ebxml.Query) { q.Practices = pair("P") },
		"event": func(q *ebxml.Query) { q.Events = [][]document.Code{pair("E")} }, "author": func(q *ebxml.Query) { q.Authors = []ebxml.Pattern{"%Hemmelig%"} },
		"start": func(q *ebxml.Query) { q.ServiceStart = span }, "stop": func(q *ebxml.Query) { q.ServiceStop = span },
		"another start": func(q *ebxml.Query) { q.ServiceStart = away }, "another stop": func(q *ebxml.Query) { q.ServiceStop = away },
		"title":   func(q *ebxml.Query) { q.Query, q.Titles = ebxml.FindDocumentsByTitle, []ebxml.Pattern{"twin"} },
		"offline": func(q *ebxml.Query) { q.Availability = []string{"Offline"} }, "online": func(q *ebxml.Query) { q.Availability = []string{"Online"} },
		"the mask's title":   func(q *ebxml.Query) { q.Query, q.Titles = ebxml.FindDocumentsByTitle, []ebxml.Pattern{"Sperret"} },
		"what the other has": func(q *ebxml.Query) { q.Types = []document.Code{{Value: "T1", System: "1.1"}} },
		"the other's author": func(q *ebxml.Query) { q.Authors = []ebxml.Pattern{"%Vits%"} },
		"references":         func(q *ebxml.Query) { *q = reference },
		"nothing":            func(*ebxml.Query) {},
		"confidentiality":    func(q *ebxml.Query) { q.Confidentiality = [][]document.Code{coded("NORS"), coded("N")} },
		"everything":         func(q *ebxml.Query) { q.Query, q.SetStatuses, q.FolderStatuses = ebxml.GetAll, both, both },
		"its relations": func(q *ebxml.Query) {
			*q = a.getting(ebxml.GetAssociations, func(q *ebxml.Query) { q.UUIDs = a.texts("twin", "same") })
		},
		"documents and links": func(q *ebxml.Query) {
			*q = a.getting(ebxml.GetDocumentsAndAssociations, func(q *ebxml.Query) { q.EntryUUIDs = a.texts("twin", "same") })
		},
		"related": func(q *ebxml.Query) {
			*q = a.getting(ebxml.GetRelatedDocuments, func(q *ebxml.Query) {
				q.EntryUUIDs, q.AssociationTypes = a.texts("twin", "same"), []document.AssociationType{document.Append}
			})
		},
	} {
		q := base
		change(&q)
		got, err := a.ask(a.doctor("ITI-38"), q)
		told := strings.Join(got, " ")
		if err != nil || strings.Contains(told, "twin*") != strings.Contains(told, "same*") || strings.Contains(told, "-P>") {
			t.Errorf("%s tells the twins apart: %v, %v", name, got, err)
		}
	}
	classed := base
	classed.Classes = pair("C")
	if got, err := a.ask(a.doctor("ITI-38"), classed); err != nil || !slices.Equal(got, []string{"classed*"}) {
		t.Errorf("by class, which shows: %v, %v", got, err)
	}
	for name, change := range map[string]func(*ebxml.Query){
		"author": func(q *ebxml.Query) { q.SetAuthors = []ebxml.Pattern{"%Grevling%"} }, "source": func(q *ebxml.Query) { q.SourceIDs = []string{"1.9.9"} },
		"content type": func(q *ebxml.Query) { q.SetContentTypes = []document.Code{{Value: "C1", System: "1.1"}} },
	} {
		q := ebxml.Query{Query: ebxml.FindSubmissionSets, Patients: base.Patients, SetStatuses: approved}
		change(&q)
		if got, err := a.ask(a.doctor("ITI-38"), q); err != nil || len(got) > 0 {
			t.Errorf("masked sets are found by their %s: %v, %v", name, got, err)
		}
		if got, err := a.ask(a.citizenSide(access.Citizen, "ITI-38"), q); err != nil || len(got) != 3 {
			t.Errorf("by %s: %v, %v", name, got, err)
		}
	}
}

// getting is a query by ids in the archive's own instance.
func (a *archive) getting(q ebxml.StoredQuery, change func(*ebxml.Query)) ebxml.Query {
	asked := ebxml.Query{Query: q, Home: a.own.HomeCommunity, Stable: true, MetadataLevel: 1}
	change(&asked)
	return asked
}

func (a *archive) texts(names ...string) (all []string) {
	for _, n := range names {
		all = append(all, a.id(n).String())
	}
	return all
}

// TestVersions (ITI-57): who asks for no metadata level sees the newest version alone, and an older one is barred by the newest one's codes, in every
// answer in which it stands.
func TestVersions(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	old := a.entry("old", func(e *document.Entry) { e.Status, e.Title = document.Deprecated, "secret" })
	a.submit(a.own, "s1", []document.Entry{old}, nil)
	a.submit(a.own, "s2", []document.Entry{a.entry("updated", conf("N", "NORS"), func(e *document.Entry) {
		e.LogicalID, e.Version, e.UniqueID, e.ObjectKey = old.ID, 2, old.UniqueID, old.ObjectKey
	})}, nil)
	find := ebxml.Query{Query: ebxml.FindDocuments, Stable: true, Patients: []document.PatientID{a.patient}, EntryStatuses: both}
	all := find
	all.Query, all.SetStatuses, all.FolderStatuses = ebxml.GetAll, both, both
	for _, c := range []struct {
		name  string
		query ebxml.Query
		level int
		want  string
	}{
		{"found", find, 1, "updated*"}, {"found, of level 2", find, 2, "old* updated*"},
		{"by uniqueId", a.getting(ebxml.GetDocuments, func(q *ebxml.Query) { q.EntryUniqueIDs = []string{old.UniqueID} }), 1, "updated*"},
		{"by uniqueId, of level 2", a.getting(ebxml.GetDocuments, func(q *ebxml.Query) { q.EntryUniqueIDs = []string{old.UniqueID} }), 2, "old* updated*"},
		{"by lid", a.getting(ebxml.GetDocuments, func(q *ebxml.Query) { q.EntryLogicalIDs = a.texts("old") }), 2, "old* updated*"},
		{"by id", a.getting(ebxml.GetDocuments, func(q *ebxml.Query) { q.EntryUUIDs = a.texts("old") }), 1, ""},
		{"all", all, 1, "updated* s1* s2* s2>updated"}, {"all, of level 2", all, 2, "old* updated* s1* s2* s1>old s2>updated"},
	} {
		c.query.MetadataLevel = c.level
		if got, err := a.ask(a.doctor("ITI-38"), c.query); err != nil || !cmp.Equal(words(c.want), got, same) {
			t.Errorf("%s: %v, want %s (%v)", c.name, got, c.want, err)
		}
	}
	first, second := a.folder("fold"), a.folder("fold2")
	first.Status, second.Version, second.LogicalID, second.UniqueID = document.Deprecated, 2, first.ID, first.UniqueID
	a.submit(a.own, "s3", nil, []document.Folder{first}, a.link(document.HasMember, "fold", "updated"))
	a.submit(a.own, "s4", nil, []document.Folder{second}, a.link(document.HasMember, "fold2", "updated"))
	byUnique := func(q *ebxml.Query) { q.FolderUniqueIDs = []string{first.UniqueID} }
	for _, c := range []struct {
		name  string
		query ebxml.Query
		level int
		want  string
	}{
		{"found", ebxml.Query{Query: ebxml.FindFolders, Patients: find.Patients, FolderStatuses: both}, 1, "fold2*"},
		{"found, of level 2", ebxml.Query{Query: ebxml.FindFolders, Patients: find.Patients, FolderStatuses: both}, 2, "fold* fold2*"},
		{"by uniqueId", a.getting(ebxml.GetFolders, byUnique), 1, "fold2*"}, {"by uniqueId, of level 2", a.getting(ebxml.GetFolders, byUnique), 2, "fold* fold2*"},
		{"by lid", a.getting(ebxml.GetFolders, func(q *ebxml.Query) { q.FolderLogicalIDs = a.texts("fold") }), 2, "fold* fold2*"},
		{"contents", a.getting(ebxml.GetFolderAndContents, byUnique), 1, "fold2* updated* fold2>updated"},
		{"contents, of level 2", a.getting(ebxml.GetFolderAndContents, byUnique), 2, "fold* fold2* updated* fold>updated fold2>updated"},
	} {
		c.query.MetadataLevel = c.level
		if got, err := a.ask(a.doctor("ITI-38"), c.query); err != nil || !cmp.Equal(words(c.want), got, same) {
			t.Errorf("folders %s: %v, want %s (%v)", c.name, got, c.want, err)
		}
	}
	if page, err := a.service.Entry(t.Context(), a.doctor(""), old.ID, a.own.HomeCommunity); err != nil || !page.Masked {
		t.Errorf("read by id: %+v, %v", page, err)
	}
}

// TestBareFolder: a folder with nothing in it, and the set that brought it, are there, with nothing of their words; one whose documents were deleted is not.
func TestBareFolder(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	gone := a.entry("gone")
	a.submit(a.own, "s1", nil, []document.Folder{a.folder("bare")})
	a.submit(a.own, "s2", []document.Entry{gone}, nil)
	a.submit(a.own, "s3", nil, []document.Folder{a.folder("was")}, a.link(document.HasMember, "was", "gone"))
	a.change(gone, func(b *postgres.Batch, e document.Entry) error { registry.Bury(b, e); return nil })
	contents := a.getting(ebxml.GetSubmissionSetAndContents, func(q *ebxml.Query) { q.SetUUIDs = a.texts("s1") })
	folders := ebxml.Query{Query: ebxml.FindFolders, Patients: []document.PatientID{a.patient}, FolderStatuses: both}
	for _, c := range []struct {
		query ebxml.Query
		want  string
	}{{contents, "bare* s1* s1>bare"}, {folders, "bare*"}, {ebxml.Query{Query: ebxml.FindSubmissionSets, Patients: folders.Patients, SetStatuses: both}, "s1*"}} {
		if got, err := a.ask(a.doctor("ITI-38"), c.query); err != nil || !slices.Equal(got, words(c.want)) {
			t.Errorf("%v, want %s (%v)", got, c.want, err)
		}
		a.facts.Address = person.Confidential
		if got, err := a.ask(a.doctor("ITI-38"), c.query); err != nil || len(got) > 0 {
			t.Errorf("of a patient whose address is protected: %v (%v)", got, err)
		}
		a.facts.Address = person.Unclassified
		filtered := a.doctor("ITI-38")
		filtered.Basis = access.Basis{Scope: access.Kjernejournal, AccessBasis: "SAMTYKKE"}
		if got, err := a.ask(filtered, c.query); err != nil || len(got) > 0 {
			t.Errorf("under kjernejournalforskriften: %v (%v)", got, err)
		}
	}
}

// TestStoredLimits: more than an answer holds is refused, and so is an answer that is of two patients where nobody could tell them apart.
func TestStoredLimits(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	var mine []document.Entry
	for range 6 {
		mine = append(mine, a.entry(uuid.NewString()))
	}
	for range 4 {
		mine = append(mine, a.entry(uuid.NewString(), conf("U")))
	}
	theirs := document.PatientID{Value: "12119000465", Authority: document.AuthorityFNR}
	a.submit(a.own, "s1", mine, nil)
	a.submit(a.own, "s2", []document.Entry{a.entry("theirs", func(e *document.Entry) { e.Patient = theirs })}, nil)
	anybody := a.doctor("ITI-18")
	anybody.About = document.PatientID{}
	find := ebxml.Query{Query: ebxml.FindDocuments, Stable: true, Patients: []document.PatientID{a.patient}, EntryStatuses: approved, MetadataLevel: 1}
	several := find
	several.Query, several.Patients = ebxml.FindDocumentsForMultiplePatients, append(several.Patients, theirs)
	get := a.getting(ebxml.GetDocuments, func(q *ebxml.Query) {
		q.EntryUUIDs, q.Home = []string{mine[0].ID.String(), a.id("theirs").String()}, ""
	})
	references := get
	references.References = true
	everybody := several
	everybody.Patients = nil
	many := get
	for range 60 {
		many.EntryUUIDs = append(many.EntryUUIDs, uuid.NewString())
	}
	nothing := get
	nothing.EntryUUIDs = []string{uuid.NewString(), "no uuid"}
	for name, c := range map[string]struct {
		about bool
		query ebxml.Query
		limit int
		n     int
		code  fault.Code
	}{
		"as many as fit": {true, find, 6, 6, ""}, "one too many": {true, find, 5, 0, fault.TooManyResults},
		"two patients, by ids": {false, get, 10, 0, fault.SeveralPatients}, "two patients, by ids, as references": {false, references, 10, 2, ""},
		"two patients, one of them the assertion's": {true, get, 10, 1, ""}, "two patients asked for": {false, several, 10, 7, ""},
		"two patients asked for, too many": {false, several, 6, 0, fault.TooManyResults}, "two asked for about one": {true, several, 10, 0, fault.AssertionRefused},
		"everybody": {false, everybody, 10, 0, fault.MissingQueryParam}, "everybody about one": {true, everybody, 10, 6, ""},
		"too many ids about nobody": {false, many, 10, 0, fault.TooManyResults}, "many ids about one": {true, many, 10, 1, ""},
		"nothing": {false, nothing, 10, 0, ""},
	} {
		reader := anybody
		if c.about {
			reader.About = a.patient
		}
		found, err := a.service.Stored(t.Context(), reader, storedQuery(c.query, c.limit))
		if len(found.Objects) != c.n || code(err) != c.code {
			t.Errorf("%s: %d objects, %v", name, len(found.Objects), err)
		}
	}
	citizen := a.citizenSide(access.Citizen, "ITI-18")
	citizen.About = document.PatientID{}
	if _, err := a.service.Stored(t.Context(), citizen, storedQuery(find, 10)); code(err) != fault.AssertionRefused {
		t.Errorf("a citizen about nobody: %v", err)
	}
	bare := a.doctor("ITI-18")
	bare.HPR = ""
	if _, err := a.service.Stored(t.Context(), bare, storedQuery(find, 10)); code(err) != fault.AccessDenied {
		t.Errorf("no health personnel number: %v", err)
	}
}

// TestStoredEvents (A1): one event in each instance that answered, that says who asked what and how much he saw; a refusal leaves one too.
func TestStoredEvents(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	shut := a.tenant(func(of *tenant.Tenant) { of.Sharing.Citizen = false })
	a.submit(a.own, "s1", []document.Entry{a.entry("open"), a.entry("angst", conf("N", "NORN_ANG"))}, nil)
	a.submit(shut, "s2", []document.Entry{a.entry("kept")}, nil)
	q := ebxml.Query{Query: ebxml.FindDocuments, Stable: true, Patients: []document.PatientID{a.patient}, EntryStatuses: approved, Text: "id=x"}
	if got, err := a.ask(a.citizenSide(access.Proxy, "ITI-38"), q); err != nil || !slices.Equal(got, []string{"angst*", "open"}) {
		t.Fatalf("%v, %v", got, err)
	}
	q.Home = a.own.HomeCommunity
	a.facts.BirthDate = at.AddDate(-10, 0, 0)
	if got, err := a.ask(a.citizenSide(access.Proxy, "ITI-38"), q); err != nil || len(got) > 0 {
		t.Fatalf("%v, %v", got, err)
	}
	for of, hits := range map[*tenant.Tenant][]int{&a.own: {2, 0}, &shut: {0}} {
		lines, err := a.service.Log.List(t.Context(), of.Schema(), uuid.Nil, 10)
		if err != nil || len(lines) != len(hits) {
			t.Fatalf("%d events, %v", len(lines), err)
		}
		for i, line := range lines {
			if line.Operation != "search" || line.Patient != a.patient.CX() || line.Detail.Query != "id=x" || *line.Detail.Hits != hits[i] || line.Caller.Kind != "proxy" {
				t.Errorf("%+v", line)
			}
		}
	}
}
