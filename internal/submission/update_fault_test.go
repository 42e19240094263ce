package submission_test

import (
	"bytes"
	"testing"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/submission"
)

// TestUpdateAndRemovalAreAtomic: whatever step of an update or removal fails, it is done whole or not at all, its refusal is audited, and the same
// message sent again ends where the first would have (design/trust.md, test 2).
func TestUpdateAndRemovalAreAtomic(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, point := range []failpoint.Name{failpoint.UpdateLocked, failpoint.DeleteLocked, failpoint.DeleteQueued, failpoint.ChangeSent, failpoint.ChangeCommitLost, failpoint.ChangeCommitted} {
		fail := failpoint.New(time.Second)
		d.service.Fail = fail
		old := newEntry()
		set := d.register([]document.Entry{old}, nil)
		m := d.update(old, func(e *ebxml.Entry) { e.Confidentiality = []document.Code{{Value: "V", System: hl7}} })
		committed := point == failpoint.ChangeCommitLost || point == failpoint.ChangeCommitted
		update := func(once *submission.Once) error {
			_, err := d.service.Update(t.Context(), d.actor, submission.Revision{Message: m.read(t), Once: once})
			return err
		}
		reached := point != failpoint.DeleteLocked && point != failpoint.DeleteQueued
		d.broken(fail, point, reached, committed, "update", update)
		changes := d.count("confidentiality_change where logical_id = $1", old.ID)
		if all := d.versions(old.ID); len(all) != 2 || changes != 1 {
			t.Fatalf("%s: %d versions, %d changes", point, len(all), changes)
		}
		next := d.versions(old.ID)[0]
		ids := []ebxml.ObjectRef{{Ref: old.ID.String()}, {Ref: set.ID.String()}, {Ref: d.membership(set.ID, old.ID).String()},
			{Ref: next.ID.String()}, {Ref: next.SubmissionID.String()}, {Ref: d.membership(next.SubmissionID, next.ID).String()}}
		remove := func(once *submission.Once) error {
			return d.service.RemoveMetadata(t.Context(), as(d, "ITI-62"), ids, once)
		}
		d.broken(fail, point, point != failpoint.UpdateLocked, committed, "remove-metadata", remove)
		if state, jobs := d.object(old.ObjectKey); state != "R" || jobs != 1 || d.count("association") != 0 {
			t.Fatalf("%s: the bytes are %s, %d jobs", point, state, jobs)
		}
	}
}

// broken does something under a key while a point is armed, looks that nothing or all of it is there, and does it again.
func (d *desk) broken(fail *failpoint.Set, point failpoint.Name, reached, committed bool, operation string, do func(*submission.Once) error) {
	d.t.Helper()
	sizes := func() [4]int {
		return [4]int{d.count("document_entry where status <> 'T'"), d.count("submission"), d.count("association"), d.count("confidentiality_change")}
	}
	before, refused := sizes(), d.refusals(operation)
	fail.Arm(point, failpoint.Error, 0)
	for again := range 2 {
		once, err := d.service.Begin(d.t.Context(), d.actor, operation+string(point))
		if err != nil {
			d.t.Fatal(err)
		}
		once.Body = bytes.Repeat([]byte{9}, 32)
		if again == 1 && reached && committed != once.Answered() {
			d.t.Errorf("%s at %s: answered %v", operation, point, once.Answered())
		}
		if !once.Answered() || operation != "update" {
			err = do(once)
		}
		once.End(d.t.Context())
		switch {
		case again == 0 && reached != (err != nil):
			d.t.Errorf("%s at %s: %v", operation, point, err)
		case again == 0 && reached && committed != (sizes() != before):
			d.t.Errorf("%s at %s: %v before, %v after", operation, point, before, sizes())
		case again == 1 && reached && err != nil:
			d.t.Errorf("%s after %s: %s", operation, point, places(err))
		}
		if !reached {
			break
		}
	}
	fail.Disarm()
	if got, want := d.refusals(operation)-refused, map[bool]int{true: 1}[reached && point != failpoint.ChangeCommitted]; got != want {
		d.t.Errorf("%s at %s: %d events of refusals, want %d", operation, point, got, want)
	}
}

func (d *desk) refusals(operation string) (n int) {
	for _, e := range d.events(operation) {
		if e.outcome == "F" {
			n++
		}
	}
	return n
}
