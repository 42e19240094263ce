package disclosure_test

import (
	"slices"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/go-cmp/cmp"
)

var (
	approved = []document.Status{document.Approved}
	both     = []document.Status{document.Approved, document.Deprecated}
)

// filled is an archive as a registry is in life: two documents in a folder, one of them replaced, one barred to health personnel, one to the
// citizen, one of a rule that leaves it out for either, and one deleted.
func filled(t *testing.T) *archive {
	a := newArchive(t)
	a.submit(a.own, "s1", []document.Entry{a.entry("plain"), a.entry("barred", conf("N", "NORS"))}, []document.Folder{a.folder("f1")},
		a.link(document.HasMember, "f1", "plain"))
	a.submit(a.own, "s2", []document.Entry{a.entry("new")}, nil, a.link(document.Replace, "new", "plain"))
	a.submit(a.own, "s3", []document.Entry{a.entry("hidden", conf("U"))}, []document.Folder{a.folder("f3")}, a.link(document.Append, "hidden", "new"),
		a.link(document.HasMember, "f3", "hidden"), a.link(document.HasMember, "f1", "hidden"))
	gone := a.entry("gone")
	a.submit(a.own, "s5", []document.Entry{gone}, nil, a.link(document.Append, "gone", "new"))
	a.change(gone, func(b *postgres.Batch, e document.Entry) error { registry.Bury(b, e); return nil })
	// Somebody else's document that took over the id of a deleted one is no member of what that was in.
	heir := a.entry("heir", func(e *document.Entry) { e.Registered = at })
	a.submit(a.own, "s6", nil, []document.Folder{a.folder("f6")}, a.link(document.HasMember, "f6", "heir"), a.link(document.HasMember, "f6", "new"))
	a.submit(a.own, "s7", []document.Entry{heir, a.entry("demanded", func(e *document.Entry) { e.OnDemand, e.Creation = true, document.Time{} })}, nil)
	withdrawn := a.link(document.Signs, "new", "plain")
	withdrawn.Status = document.Deprecated
	a.submit(a.own, "s4", []document.Entry{a.entry("angst", conf("N", "NORN_ANG"))}, nil, a.link(document.Transform, "angst", "new"), a.link(document.Append, "barred", "new"), withdrawn)
	return a
}

// TestStoredQueries: each query's answer for a health worker and for the patient. hidden (of no code that gives) is in no answer, by no way: not as a
// document, an end of an association, a member, the only content of a folder. A masked document is in all of them, and its relations in none.
func TestStoredQueries(t *testing.T) {
	t.Parallel()
	a := filled(t)
	id := func(name string) []string { return []string{a.id(name).String()} }
	all := ebxml.Query{Stable: true, Patients: []document.PatientID{a.patient}, EntryStatuses: both, SetStatuses: both, FolderStatuses: both}
	of := func(q ebxml.StoredQuery, change func(*ebxml.Query)) ebxml.Query {
		asked := all
		asked.Query, asked.Home = q, a.own.HomeCommunity
		if change != nil {
			asked.Patients = nil
			change(&asked)
		}
		return asked
	}
	related := []document.AssociationType{document.Replace, document.Append, document.Transform, document.HasMember}
	for _, c := range []struct {
		name            string
		query           ebxml.Query
		doctor, citizen string
	}{
		{"FindDocuments", of(ebxml.FindDocuments, nil), "plain barred* new angst heir", "plain barred new angst* heir"},
		{"FindDocuments on demand", of(ebxml.FindDocuments, func(q *ebxml.Query) {
			q.Patients, q.Stable, q.OnDemand, q.Creation = all.Patients, false, true, ebxml.Span{From: at.AddDate(1, 0, 0)}
		}), "demanded", "demanded"},
		{"FindDocuments of a code of another system", of(ebxml.FindDocuments, func(q *ebxml.Query) {
			q.Patients, q.Classes = all.Patients, []document.Code{{Value: "A00-1", System: "1.2"}}
		}), "", ""},
		{"FindSubmissionSets", of(ebxml.FindSubmissionSets, nil), "s1* s2 s4 s6 s7", "s1 s2 s4* s6 s7"},
		{"FindFolders", of(ebxml.FindFolders, nil), "f1* f6", "f1* f6"},
		{"GetAll", of(ebxml.GetAll, nil),
			"plain barred* new angst heir s1* s2 s4 s7 s7>heir s6 f6 s6>f6 f6>new s6>f6>new f1* s1>plain s1>barred s1>f1 f1>plain s1>f1>plain s2>new new-R>plain s4>angst angst-X>new",
			"plain barred new angst* heir s1 s2 s4* s7 s7>heir s6 f6 s6>f6 f6>new s6>f6>new f1* s1>plain s1>barred s1>f1 f1>plain s1>f1>plain s2>new new-R>plain s4>angst barred-P>new"},
		{"GetDocuments", of(ebxml.GetDocuments, func(q *ebxml.Query) { q.EntryUUIDs = append(append(id("plain"), id("hidden")...), id("barred")...) }),
			"plain barred*", "plain barred"},
		{"GetDocuments of a deleted one", of(ebxml.GetDocuments, func(q *ebxml.Query) { q.EntryUUIDs = id("gone") }), "", ""},
		{"what took over an id", of(ebxml.GetDocumentsAndAssociations, func(q *ebxml.Query) { q.EntryUUIDs = id("heir") }), "heir s7>heir", "heir s7>heir"},
		{"the folders of what took over an id", of(ebxml.GetFoldersForDocument, func(q *ebxml.Query) { q.EntryUUIDs = id("heir") }), "", ""},
		{"GetDocuments by uniqueId", of(ebxml.GetDocuments, func(q *ebxml.Query) { q.EntryUniqueIDs = []string{"1.2.new", "1.2.hidden", "1.2.nothing"} }), "new", "new"},
		{"GetFolders", of(ebxml.GetFolders, func(q *ebxml.Query) { q.FolderUUIDs = append(id("f1"), id("f3")...) }), "f1*", "f1*"},
		{"GetFolders by uniqueId", of(ebxml.GetFolders, func(q *ebxml.Query) { q.FolderUniqueIDs = []string{"1.2.f1", "1.2.f3", "1.2.s1"} }), "f1*", "f1*"},
		{"GetAssociations", of(ebxml.GetAssociations, func(q *ebxml.Query) { q.UUIDs = id("new") }), "s2>new f6>new new-R>plain angst-X>new", "s2>new f6>new new-R>plain barred-P>new"},
		{"GetAssociations of a hidden document", of(ebxml.GetAssociations, func(q *ebxml.Query) { q.UUIDs = append(id("hidden"), id("s3")...) }), "", ""},
		{"GetAssociations of a folder", of(ebxml.GetAssociations, func(q *ebxml.Query) { q.UUIDs = id("f1") }), "f1>plain s1>f1", "f1>plain s1>f1"},
		{"GetDocumentsAndAssociations", of(ebxml.GetDocumentsAndAssociations, func(q *ebxml.Query) { q.EntryUUIDs = id("plain") }),
			"plain s1>plain f1>plain new-R>plain", "plain s1>plain f1>plain new-R>plain"},
		{"GetDocumentsAndAssociations of a masked one", of(ebxml.GetDocumentsAndAssociations, func(q *ebxml.Query) { q.EntryUUIDs = id("barred") }),
			"barred* s1>barred", "barred s1>barred barred-P>new"},
		{"GetSubmissionSets", of(ebxml.GetSubmissionSets, func(q *ebxml.Query) { q.UUIDs = append(append(id("plain"), id("hidden")...), id("f1")...) }),
			"s1* s1>plain s1>f1", "s1 s1>plain s1>f1"},
		{"GetSubmissionSetAndContents", of(ebxml.GetSubmissionSetAndContents, func(q *ebxml.Query) { q.SetUUIDs = id("s1") }),
			"s1* plain barred* f1* s1>plain s1>barred s1>f1 f1>plain s1>f1>plain", "s1 plain barred f1* s1>plain s1>barred s1>f1 f1>plain s1>f1>plain"},
		{"GetSubmissionSetAndContents, filtered", of(ebxml.GetSubmissionSetAndContents, func(q *ebxml.Query) {
			q.SetUniqueIDs, q.Formats = []string{"1.2.s1"}, []document.Code{{Value: "other", System: "1.1"}}
		}), "s1* f1* s1>f1", "s1 f1* s1>f1"},
		{"GetSubmissionSetAndContents of what is hidden", of(ebxml.GetSubmissionSetAndContents, func(q *ebxml.Query) { q.SetUUIDs = id("s3") }), "", ""},
		{"GetFolderAndContents", of(ebxml.GetFolderAndContents, func(q *ebxml.Query) { q.FolderUUIDs = id("f1") }), "f1* plain f1>plain", "f1* plain f1>plain"},
		{"GetFolderAndContents of what took over an id", of(ebxml.GetFolderAndContents, func(q *ebxml.Query) { q.FolderUUIDs = id("f6") }), "f6 new f6>new", "f6 new f6>new"},
		{"GetFolderAndContents of what is hidden", of(ebxml.GetFolderAndContents, func(q *ebxml.Query) { q.FolderUUIDs = id("f3") }), "", ""},
		{"GetFolderAndContents, of a code", of(ebxml.GetFolderAndContents, func(q *ebxml.Query) {
			q.FolderUUIDs, q.Confidentiality = id("f1"), [][]document.Code{coded("R"), coded("N")}
		}), "f1*", "f1*"},
		{"GetFoldersForDocument", of(ebxml.GetFoldersForDocument, func(q *ebxml.Query) { q.EntryUniqueIDs = []string{"1.2.plain"} }), "f1*", "f1*"},
		{"GetFoldersForDocument of a hidden one", of(ebxml.GetFoldersForDocument, func(q *ebxml.Query) { q.EntryUUIDs = id("hidden") }), "", ""},
		{"GetRelatedDocuments", of(ebxml.GetRelatedDocuments, func(q *ebxml.Query) { q.EntryUUIDs, q.AssociationTypes = id("new"), related }),
			"new plain angst new-R>plain angst-X>new", "new plain barred new-R>plain barred-P>new"},
		{"GetRelatedDocuments of one type", of(ebxml.GetRelatedDocuments, func(q *ebxml.Query) { q.EntryUUIDs, q.AssociationTypes = id("plain"), related[:1] }),
			"new plain new-R>plain", "new plain new-R>plain"},
		{"GetRelatedDocuments of none", of(ebxml.GetRelatedDocuments, func(q *ebxml.Query) { q.EntryUUIDs, q.AssociationTypes = id("plain"), related[1:] }), "", ""},
		{"deprecated associations", of(ebxml.GetAssociations, func(q *ebxml.Query) {
			q.UUIDs, q.AssociationStatuses = id("new"), []document.Status{document.Deprecated}
		}), "new-S>plain", "new-S>plain"},
		{"FindDocumentsForMultiplePatients", of(ebxml.FindDocumentsForMultiplePatients, nil), "plain barred* new angst heir", "plain barred new angst* heir"},
		{"FindDocumentsForMultiplePatients without one", of(ebxml.FindDocumentsForMultiplePatients, func(*ebxml.Query) {}), "plain barred* new angst heir", "plain barred new angst* heir"},
		{"FindFoldersForMultiplePatients", of(ebxml.FindFoldersForMultiplePatients, nil), "f1* f6", "f1* f6"},
	} {
		for who, want := range map[string]string{"doctor": c.doctor, "citizen": c.citizen} {
			reader := a.doctor("ITI-38")
			if who == "citizen" {
				reader = a.citizenSide(access.Citizen, "ITI-38")
			}
			for _, references := range []bool{false, true} {
				c.query.References = references
				got, err := a.ask(reader, c.query)
				if diff := cmp.Diff(words(want), got, same); err != nil || diff != "" {
					t.Errorf("%s, %s: %v (-want +got)\n%s", c.name, who, err, diff)
				}
			}
		}
	}
}

// TestStoredReach: whose instances a query goes to, and what it says of those that it does not reach.
func TestStoredReach(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	other := a.tenant()
	a.submit(a.own, "s1", []document.Entry{a.entry("mine")}, nil)
	a.submit(other, "s2", []document.Entry{a.entry("theirs")}, nil)
	find := ebxml.Query{Query: ebxml.FindDocuments, Stable: true, Patients: []document.PatientID{a.patient}, EntryStatuses: approved}
	get := ebxml.Query{Query: ebxml.GetDocuments, EntryUUIDs: []string{a.id("mine").String(), a.id("theirs").String()}}
	with := func(q ebxml.Query, home string) ebxml.Query { q.Home = home; return q }
	someone := document.PatientID{Value: "12119000465", Authority: document.AuthorityFNR}
	stranger := find
	stranger.Patients = []document.PatientID{someone}
	for _, c := range []struct {
		name, transaction string
		query             ebxml.Query
		want              string
		code              fault.Code
	}{
		{"the gateway asks all", "ITI-38", find, "mine theirs", ""},
		{"the gateway asks one", "ITI-38", with(find, other.HomeCommunity), "theirs", ""},
		{"the registry asks its own", "ITI-18", find, "mine", ""},
		{"the registry asks another", "ITI-18", with(find, other.HomeCommunity), "theirs", ""},
		{"an unknown home", "ITI-38", with(find, "1.2.3"), "", fault.UnknownCommunity},
		{"an unknown home, of a registry", "ITI-18", with(get, "1.2.3"), "", fault.UnknownCommunity},
		{"a transaction that nobody serves", "ITI-61", find, "", ""},
		{"a home that does not serve it", "ITI-61", with(find, other.HomeCommunity), "", fault.UnknownCommunity},
		{"by id at the gateway", "ITI-38", get, "", fault.MissingHomeCommunity},
		{"by id at the gateway, with a home", "ITI-38", with(get, other.HomeCommunity), "theirs", ""},
		{"by id at the registry", "ITI-18", get, "mine", ""},
		{"another patient than the assertion's", "ITI-38", stranger, "", fault.AssertionRefused},
	} {
		got, err := a.ask(a.doctor(c.transaction), c.query)
		if diff := cmp.Diff(words(c.want), got, same); diff != "" || code(err) != c.code {
			t.Errorf("%s: %v (-want +got)\n%s", c.name, err, diff)
		}
	}
}

// TestAskedIsLooked (A2): where somebody looked for a patient who has nothing there, the citizen is told of it.
func TestAskedIsLooked(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	find := ebxml.Query{Query: ebxml.FindDocuments, Stable: true, Patients: []document.PatientID{a.patient}, EntryStatuses: approved}
	if got, err := a.ask(a.doctor("ITI-18"), find); err != nil || len(got) > 0 {
		t.Fatalf("%v, %v", got, err)
	}
	logging, err := a.service.Tenants.Logging(t.Context(), a.service.Locator.Key(a.patient))
	if err != nil || len(logging) != 1 || logging[0].ID != a.own.ID {
		t.Errorf("%v, %v", logging, err)
	}
}

func code(err error) fault.Code {
	if lead := fault.Of(err).Leading(); lead != nil {
		return lead.Code
	}
	return ""
}

// TestStoredSilence: an instance whose log cannot be written gives nothing and is named, and the others answer; a retrieval from one whose registry
// cannot be read gives the others' documents.
func TestStoredSilence(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.stored = true
	other := a.tenant()
	a.submit(a.own, "s1", []document.Entry{a.entry("mine")}, nil)
	a.submit(other, "s2", []document.Entry{a.entry("theirs")}, nil)
	find := ebxml.Query{Query: ebxml.FindDocuments, Stable: true, Patients: []document.PatientID{a.patient}, EntryStatuses: approved, MetadataLevel: 1}
	unlock := lock(t, "audit_event", other)
	found, err := a.service.Stored(t.Context(), a.doctor("ITI-38"), disclosure.Stored{Query: &find, Gateway: true, Limit: 10})
	if err != nil || !slices.Equal(a.named(found.Objects), []string{"mine"}) || len(found.Warnings) != 1 || found.Warnings[0].Code != fault.SearchIncomplete {
		t.Errorf("%v, %v, %v", a.named(found.Objects), found.Warnings, err)
	}
	unlock()
	lock(t, "document_entry", other)
	a.service.TenantDeadline = 2 * time.Second
	theirs := disclosure.Sought{HomeCommunity: other.HomeCommunity, Repository: other.Repository, UniqueID: "1.2.theirs"}
	delivered, err := a.service.Retrieve(t.Context(), a.opening(), true, []disclosure.Sought{theirs, a.sought("1.2.mine")})
	if err != nil || delivered[0].Problem == nil || delivered[0].Problem.Kind() != fault.Unavailable || delivered[0].Open != nil || delivered[1].Problem != nil {
		t.Errorf("%+v, %v", delivered, err)
	}
}
