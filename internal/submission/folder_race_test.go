package submission_test

import (
	"slices"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/submission"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// TestReplacedWhileItsFolderIsUpdated: what replaces a document comes into the folder as it is when it is registered, not into the version that an
// update (ITI-57) has made an old one meanwhile.
func TestReplacedWhileItsFolderIsUpdated(t *testing.T) {
	t.Parallel()
	d := open(t, func(of *tenant.Tenant) { of.Transactions = tenant.Transactions })
	old, folder := newEntry(elsewhere), newFolder()
	d.register([]document.Entry{old}, []document.Folder{folder}, link(document.HasMember, folder.ID, old.ID))
	next := newEntry(elsewhere)
	set := document.SubmissionSet{UniqueID: document.OIDOf(uuid.New()), Patient: ida, SourceID: "1.2.3", ContentType: document.Code{Value: "X", System: "1.2.3"}, Time: old.Creation}
	in := func(p submission.Place) submission.End { return submission.End{Place: p} }
	request := submission.Request{Form: submission.Registration, Claim: submission.Comprehensive, Set: set,
		Documents: []submission.Document{{Entry: next, DeclaredSize: next.Size, DeclaredHash: next.SHA1, Identifiers: submission.Identifiers{EntryUUID: next.ID.String(), Master: next.UniqueID}}},
		Links: []submission.Link{{Association: document.Association{Type: document.HasMember, Membership: document.Original}, From: in(submission.TheSet), To: in(submission.ADocument)},
			{Association: document.Association{Type: document.Replace}, From: in(submission.ADocument), To: submission.End{Target: submission.Target{Entry: old.ID}}}}}
	replaced := make(chan error, 1)
	newer := folder
	newer.ID, newer.Version = uuid.New(), 2
	d.in(func(tx *postgres.Tx) error {
		if _, err := registry.FolderVersions(t.Context(), tx, []uuid.UUID{folder.ID}, nil); err != nil {
			return err
		}
		s := document.SubmissionSet{ID: uuid.Must(uuid.NewV7()), UniqueID: uuid.NewString(), SourceID: "1.2.3", Patient: ida, Time: old.Creation, Registered: old.Registered}
		b := tx.Batch()
		registry.SupersedeFolder(b, folder.ID)
		if err := registry.Register(tx, b, d.service.Locator, registry.Submission{Set: s, Folders: []document.Folder{newer},
			Associations: []document.Association{link(document.HasMember, newer.ID, old.ID)}}); err != nil {
			return err
		}
		if err := b.Send(t.Context()); err != nil {
			return err
		}
		go func() {
			_, err := d.service.Provide(t.Context(), as(d, "ITI-42"), request)
			replaced <- err
		}()
		d.awaitLock()
		return nil
	})
	if err := <-replaced; err != nil {
		t.Fatal(places(err))
	}
	if now, before := d.folder(newer.ID), d.folder(folder.ID); !slices.Contains(now.Members, next.ID) || slices.Contains(before.Members, next.ID) {
		t.Errorf("the folder has %v, its older version %v; want %v in the folder", now.Members, before.Members, next.ID)
	}
}
