package registry_test

import (
	"testing"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
)

// again registers another document, later, under the id of a deleted one.
func again(t *testing.T, s postgres.Schema, gone document.Entry) document.Entry {
	t.Helper()
	bury(t, s, gone)
	e := plain()
	e.ID, e.LogicalID, e.Registered = gone.ID, gone.ID, gone.Registered.Add(time.Hour)
	sub := submission(e)
	sub.Set.Registered = e.Registered
	mustRegister(t, s, sub)
	return e
}

// TestWhatTookOverAnID: a document that was registered under the id of a deleted one has nothing of that one's relations: it is not deprecated with what
// that one was appended to, and no new version of it takes them over, a place in a folder among them.
func TestWhatTookOverAnID(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	target, addendum, parted := plain(), plain(), plain()
	mustRegister(t, s, submission(target))
	sub := related(addendum, document.Append, target.ID)
	folderOf(&sub, addendum.ID)
	mustRegister(t, s, sub)
	sub = related(parted, document.Append, target.ID)
	sub.Associations[len(sub.Associations)-1].Status = document.Deprecated
	mustRegister(t, s, sub)
	other := again(t, s, addendum)
	in(t, s, func(tx *postgres.Tx) error {
		found, err := registry.Carried(t.Context(), tx, []uuid.UUID{other.ID})
		if len(found) != 0 {
			t.Errorf("a new version would take over %+v", found)
		}
		return err
	})
	mustRegister(t, s, related(plain(), document.Replace, target.ID))
	if a, b := statusOf(t, s, other.ID), statusOf(t, s, parted.ID); a != document.Approved || b != document.Approved {
		t.Errorf("another document is %c, one whose relation was ended %c", a, b)
	}
	// And the other way about: what was appended to a deleted document stays when another of its id is replaced.
	child, parent := plain(), plain()
	mustRegister(t, s, submission(parent))
	mustRegister(t, s, related(child, document.Append, parent.ID))
	again(t, s, parent)
	mustRegister(t, s, related(plain(), document.Replace, parent.ID))
	if got := statusOf(t, s, child.ID); got != document.Approved {
		t.Errorf("what was appended to a deleted document is %c", got)
	}
}

// TestMeantHasBytes: of entries with one uniqueId, that is meant whose bytes are here, although another repository's (ITI-42) or one whose bytes are
// removed (ITI-86) is newer, or current.
func TestMeantHasBytes(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	own, elsewhere, removed := plain(), plain(), plain()
	for _, e := range []*document.Entry{&elsewhere, &removed} {
		e.UniqueID, e.Registered = own.UniqueID, own.Registered.Add(time.Hour)
	}
	elsewhere.ObjectKey, elsewhere.Repository, elsewhere.SHA256 = uuid.Nil, "1.2.3", nil
	removed.Offline, own.Status = true, document.Deprecated
	mustRegister(t, s, submission(own, elsewhere, removed))
	in(t, s, func(tx *postgres.Tx) error {
		one, err := registry.ByUniqueID(t.Context(), tx, own.UniqueID)
		if err != nil {
			return err
		}
		named, err := registry.Named(t.Context(), tx, []string{own.UniqueID}, document.PatientID{})
		if one.ID != own.ID || named[own.UniqueID].ID != own.ID {
			t.Errorf("found %+v and %+v", one, named)
		}
		return err
	})
}

// TestSameDocumentOfTwo: a document that is registered for two patients can be had by each (spec/ihe.md 1.5: the same uniqueId and bytes may come again).
func TestSameDocumentOfTwo(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	his, hers := plain(), plain()
	hers.UniqueID, hers.SHA256, hers.SHA1 = his.UniqueID, his.SHA256, his.SHA1
	hers.Patient, hers.Registered = document.PatientID{Value: "ida-1", Authority: "1.2.3"}, his.Registered.Add(time.Hour)
	mustRegister(t, s, submission(his, hers))
	in(t, s, func(tx *postgres.Tx) error {
		for _, want := range []document.Entry{his, hers} {
			for _, patient := range []string{want.Patient.Value, want.Patient.CX()} {
				if got, err := registry.ByUniqueIDOf(t.Context(), tx, want.UniqueID, patient); err != nil || got.ID != want.ID {
					t.Errorf("%s gets the document of %s: %v", patient, got.Patient.CX(), err)
				}
			}
			if named, err := registry.Named(t.Context(), tx, []string{want.UniqueID}, want.Patient); err != nil || named[want.UniqueID].ID != want.ID {
				t.Errorf("%s gets %+v: %v", want.Patient.CX(), named, err)
			}
		}
		got, err := registry.ByUniqueIDOf(t.Context(), tx, his.UniqueID, "nobody")
		if got.ID != hers.ID {
			t.Errorf("nobody in particular: %+v", got)
		}
		return err
	})
}
