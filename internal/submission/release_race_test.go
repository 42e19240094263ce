package submission_test

import (
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"

	"github.com/google/uuid"
)

// TestReleaseFindsAVersionBeingMade: a document that the desk gives back while a new version of its metadata is made (ITI-57) comes back to that one
// too: it names the same bytes, and those in quarantine go.
func TestReleaseFindsAVersionBeingMade(t *testing.T) {
	t.Parallel()
	d := open(t)
	old := d.document()
	held := repository.QuarantineRow{Object: repository.Object{Key: old.ObjectKey, Size: old.Size, SHA256: old.SHA256}, MimeType: old.MimeType,
		Custody: repository.Custody{Entry: old.ID, Late: true}}
	kept := repository.Object{Key: uuid.New(), Size: old.Size, SHA256: old.SHA256}
	released := make(chan error, 1)
	release := func() {
		released <- d.service.DB.InTenant(t.Context(), d.of.Schema(), func(tx *postgres.Tx) error {
			b := tx.Batch()
			event := audit.New(time.Now(), d.actor, audit.Execute, "quarantine-release")
			if err := d.service.Publish(t.Context(), tx, b, d.of, held, kept, &event); err != nil {
				return err
			}
			return b.Send(t.Context())
		})
	}
	d.in(func(tx *postgres.Tx) error {
		if _, err := registry.Versions(t.Context(), tx, []uuid.UUID{old.ID}); err != nil {
			return err
		}
		next := old
		next.ID, next.Version = uuid.New(), 2
		set := document.SubmissionSet{ID: uuid.Must(uuid.NewV7()), UniqueID: uuid.NewString(), SourceID: "1.2.3", Patient: ida, Time: old.Creation, Registered: old.Registered}
		b := tx.Batch()
		registry.Supersede(b, old.ID)
		if err := registry.Register(tx, b, d.service.Locator, registry.Submission{Set: set, Entries: []document.Entry{next}}); err != nil {
			return err
		}
		if err := b.Send(t.Context()); err != nil {
			return err
		}
		go release()
		d.awaitLock()
		return nil
	})
	if err := <-released; err != nil {
		t.Fatal(err)
	}
	for _, v := range d.versions(old.ID) {
		if v.ObjectKey != kept.Key {
			t.Errorf("version %d names bytes that were in quarantine and are gone", v.Version)
		}
	}
}

// awaitLock waits until a statement on this tenant waits for a lock.
func (d *desk) awaitLock() {
	d.t.Helper()
	for until := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		var n int
		err := stacktest.Migrated(d.t).Owner.Pool().QueryRow(d.t.Context(), `select count(*) from pg_stat_activity where wait_event_type = 'Lock' and position($1 in query) > 0`,
			d.of.Schema().Name).Scan(&n)
		if err != nil || n == 0 && time.Now().After(until) {
			d.t.Fatalf("%d statements wait: %v", n, err)
		}
		if n > 0 {
			return
		}
	}
}
