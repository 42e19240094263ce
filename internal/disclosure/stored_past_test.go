package disclosure_test

import (
	"fmt"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/go-cmp/cmp"
)

// newer is the next version of an entry, named so.
func (a *archive) newer(name string, of document.Entry, change ...func(*document.Entry)) document.Entry {
	return a.entry(name, append([]func(*document.Entry){func(e *document.Entry) {
		e.LogicalID, e.Version, e.UniqueID, e.ObjectKey = of.LogicalID, of.Version+1, of.UniqueID, of.ObjectKey
	}}, change...)...)
}

func deprecated(e *document.Entry) { e.Status = document.Deprecated }

// TestWhatWasBarredStaysSo (C2): a list's words are barred by a document whose newest version was barred also when all its versions are deleted, and by one
// that was taken out of it.
func TestWhatWasBarredStaysSo(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	old := a.entry("old", deprecated)
	updated := a.newer("updated", old, conf("N", "NORS"))
	a.submit(a.own, "s1", []document.Entry{old, a.entry("beside")}, nil)
	a.submit(a.own, "s2", []document.Entry{updated}, nil)
	a.change(old, func(b *postgres.Batch, e document.Entry) error {
		registry.Bury(b, old)
		registry.Bury(b, updated)
		return nil
	})
	out := a.link(document.HasMember, "f", "barred")
	a.submit(a.own, "s3", []document.Entry{a.entry("barred", conf("N", "NORS"))}, []document.Folder{a.folder("f")}, out, a.link(document.HasMember, "f", "beside"))
	a.change(old, func(b *postgres.Batch, _ document.Entry) error {
		registry.SetStatus(b, registry.AssociationKind, out.ID, document.Approved, document.Deprecated)
		return nil
	})
	mine := []document.PatientID{a.patient}
	for _, c := range []struct {
		query ebxml.Query
		want  string
	}{
		{ebxml.Query{Query: ebxml.FindSubmissionSets, Patients: mine, SetStatuses: both}, "s1* s3*"},
		{ebxml.Query{Query: ebxml.FindFolders, Patients: mine, FolderStatuses: both}, "f*"},
	} {
		if got, err := a.ask(a.doctor("ITI-38"), c.query); err != nil || !cmp.Equal(words(c.want), got, same) {
			t.Errorf("%v, want %s (%v)", got, c.want, err)
		}
	}
}

// TestListsOfWhatIsOmitted (C5): a set that only put a document into a folder, and a folder out of which it was taken, tell nobody of a document who is not
// told of it otherwise.
func TestListsOfWhatIsOmitted(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	a.facts.BirthDate = at.AddDate(-17, 0, 0)
	out := a.link(document.HasMember, "left", "very")
	a.submit(a.own, "s1", []document.Entry{a.entry("very", conf("V")), a.entry("normal")}, nil)
	a.submit(a.own, "s2", nil, []document.Folder{a.folder("left"), a.folder("full")}, out)
	a.submit(a.own, "s3", nil, nil, a.link(document.HasMember, "full", "very"))
	a.submit(a.own, "s4", nil, nil, a.link(document.HasMember, "full", "normal"))
	a.change(a.entry("very"), func(b *postgres.Batch, _ document.Entry) error {
		registry.SetStatus(b, registry.AssociationKind, out.ID, document.Approved, document.Deprecated)
		return nil
	})
	mine := []document.PatientID{a.patient}
	for name, c := range map[string]struct {
		reader disclosure.Reader
		query  ebxml.Query
		want   string
	}{
		"sets, the patient":    {a.citizenSide(access.Citizen, "ITI-38"), ebxml.Query{Query: ebxml.FindSubmissionSets, Patients: mine, SetStatuses: both}, "s1* s2* s4*"},
		"folders, the patient": {a.citizenSide(access.Citizen, "ITI-38"), ebxml.Query{Query: ebxml.FindFolders, Patients: mine, FolderStatuses: both}, "full*"},
		"sets, a doctor":       {a.doctor("ITI-38"), ebxml.Query{Query: ebxml.FindSubmissionSets, Patients: mine, SetStatuses: both}, "s1 s2 s3* s4*"},
		"folders, a doctor":    {a.doctor("ITI-38"), ebxml.Query{Query: ebxml.FindFolders, Patients: mine, FolderStatuses: both}, "full left*"},
	} {
		if got, err := a.ask(c.reader, c.query); err != nil || !cmp.Equal(words(c.want), got, same) {
			t.Errorf("%s: %v, want %s (%v)", name, got, c.want, err)
		}
	}
}

// TestMovedToItsPatient: a document that was registered on the wrong patient and is another's now (ITI-57) is not there for readers of the first, whatever asks
// for its older version: it is not theirs, and neither its rules nor its patient's facts were asked about.
func TestMovedToItsPatient(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	theirs := document.PatientID{Value: "12119000465", Authority: document.AuthorityFNR}
	wrong := a.entry("wrong", deprecated, func(e *document.Entry) { e.Offline = true })
	a.submit(a.own, "s1", []document.Entry{wrong}, nil)
	a.submit(a.own, "s2", []document.Entry{a.newer("right", wrong, func(e *document.Entry) { e.Patient = theirs })}, nil)
	mine := []document.PatientID{a.patient}
	for name, q := range map[string]ebxml.Query{
		"found":   {Query: ebxml.FindDocuments, Stable: true, Patients: mine, EntryStatuses: both, MetadataLevel: 2},
		"by lid":  a.getting(ebxml.GetDocuments, func(q *ebxml.Query) { q.EntryLogicalIDs, q.MetadataLevel = a.texts("wrong"), 2 }),
		"its set": {Query: ebxml.FindSubmissionSets, Patients: mine, SetStatuses: both},
	} {
		if got, err := a.ask(a.citizenSide(access.Citizen, "ITI-38"), q); err != nil || len(got) > 0 {
			t.Errorf("%s: %v (%v)", name, got, err)
		}
	}
	if _, err := a.service.Entry(t.Context(), a.doctor(""), wrong.ID, a.own.HomeCommunity); err == nil {
		t.Error("read by id at the REST door")
	}
}

// TestSoughtInVain: who asks for documents that are not there, of a patient of whom the instance may have nothing, stands in a log that the patient is shown (A2);
// and who is held to no patient asks for few at a time.
func TestSoughtInVain(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	delivered, err := a.service.Retrieve(t.Context(), a.opening(), true, []disclosure.Sought{a.sought("1.2.nothing")})
	if err != nil || delivered[0].Problem == nil {
		t.Fatalf("%v, %v", delivered, err)
	}
	logging, err := a.service.Tenants.Logging(t.Context(), a.service.Locator.Key(a.patient))
	if err != nil || len(logging) != 1 || logging[0].ID != a.own.ID {
		t.Errorf("the patient's logs are those of %v, %v", logging, err)
	}
	anybody, many := a.opening(), []disclosure.Sought(nil)
	anybody.About = document.PatientID{}
	for i := range 51 {
		many = append(many, a.sought(fmt.Sprint("1.2.", i)))
	}
	if _, err := a.service.Retrieve(t.Context(), anybody, true, many); code(err) != fault.TooManyResults {
		t.Errorf("many of anybody's: %v", err)
	}
	if delivered, err := a.service.Retrieve(t.Context(), a.opening(), true, many); err != nil || len(delivered) != len(many) {
		t.Errorf("many of one patient's: %d, %v", len(delivered), err)
	}
}
