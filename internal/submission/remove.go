package submission

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// removal is what is taken away together, and what is told of it.
type removal struct {
	*verdict
	once *Once
	// asked is how many things the message names.
	asked int
	// documents are the entries that go, or whose documents do; the others are what goes beside them, with whose it is.
	documents []document.Entry
	lists     []document.List
	links     map[uuid.UUID]document.PatientID
}

// RemoveMetadata takes entries, submission sets, folders and associations away, exactly those that are named, all of them or none (ITI-62;
// spec/ihe.md 1.6). An entry becomes a tombstone, as Delete makes one, and its bytes go with the last version that needs them (W3).
func (s *Service) RemoveMetadata(ctx context.Context, actor audit.Actor, refs []ebxml.ObjectRef, once *Once) error {
	event := audit.New(s.Now(), actor, audit.Delete, "remove-metadata")
	r := &removal{verdict: &verdict{}, once: once}
	named := r.named(refs)
	r.asked = len(named)
	ids := slices.SortedFunc(maps.Keys(named), byID)
	event.Detail.Removed = postgres.Texts(ids)
	homes := lo.Uniq(lo.Compact(lo.Map(refs, func(ref ebxml.ObjectRef, _ int) string { return ref.Home })))
	chosen, err := s.instance(ctx, actor, homes, ids)
	if err != nil {
		r.problems.Add(fault.Of(err)...)
	}
	r.tenant, r.log = chosen.tenant, chosen.log
	r.problems.Add(chosen.problem)
	return s.remove(ctx, r, event, func(tx *postgres.Tx, b *postgres.Batch, event *audit.Event) error {
		return s.removeMetadata(ctx, tx, b, r, named, event)
	})
}

// remove is the one transaction of a removal: done and audited, or refused and audited.
func (s *Service) remove(ctx context.Context, r *removal, event audit.Event, operation func(*postgres.Tx, *postgres.Batch, *audit.Event) error) error {
	event.Detail.HomeCommunity = r.tenant.HomeCommunity
	if r.tenant.ID == 0 || r.problems.Refuses() {
		return s.refuse(ctx, r.verdict, event)
	}
	err := s.DB.InTenant(ctx, r.tenant.Schema(), func(tx *postgres.Tx) error {
		b := tx.Batch()
		if err := operation(tx, b, &event); err != nil {
			return err
		}
		if err := r.tell(tx, b, event); err != nil {
			return err
		}
		r.once.settle(tx, Receipt{})
		if err := b.Send(ctx); err != nil {
			return err
		}
		return s.Fail.Reach(ctx, failpoint.ChangeSent)
	})
	if err == nil {
		err = postgres.Unconfirmed(s.Fail.Reach(ctx, failpoint.ChangeCommitLost))
	}
	if err != nil {
		if r.done(fault.Of(err)) {
			return nil
		}
		r.problems = append(fault.Of(err), r.problems...)
		return s.refuse(ctx, r.verdict, event)
	}
	return s.Fail.Reach(ctx, failpoint.ChangeCommitted)
}

// done tells a message that is sent again, and finds nothing of what it removed the first time, from one that has something to remove again: some
// senders give all messages the same MessageID, and what was removed may be registered anew. Nothing is acknowledged that is not so.
func (r *removal) done(problems fault.Problems) bool {
	missing := 0
	for _, p := range problems {
		switch p.Code {
		case fault.UnresolvedReference, fault.UnknownDocument:
			missing++
		default:
			return false
		}
	}
	return r.once.Answered() && missing == r.asked
}

// tell writes the audit event, one for each patient that something went of.
func (r *removal) tell(tx *postgres.Tx, b *postgres.Batch, event audit.Event) error {
	of := map[string]*audit.Event{}
	at := func(p document.PatientID) *audit.Event {
		patient := ""
		if !p.IsZero() {
			patient = p.CX()
		}
		if of[patient] == nil {
			e := event
			if len(of) > 0 {
				e.ID = uuid.Must(uuid.NewV7())
			}
			e.Patient = patient
			of[patient] = &e
		}
		return of[patient]
	}
	for _, d := range r.documents {
		e := at(d.Patient)
		e.Entry, e.Detail.Documents = d.ID, append(e.Detail.Documents, audit.Of(d))
	}
	for _, l := range r.lists {
		e := at(l.Patient)
		e.Detail.Removed = append(e.Detail.Removed, l.ID.String())
	}
	for _, id := range slices.SortedFunc(maps.Keys(r.links), byID) {
		e := at(r.links[id])
		e.Detail.Removed = append(e.Detail.Removed, id.String())
	}
	for _, patient := range slices.Sorted(maps.Keys(of)) {
		e := of[patient]
		if len(e.Detail.Documents) != 1 {
			e.Entry = uuid.Nil
		}
		if err := audit.Append(tx, b, *e); err != nil {
			return err
		}
	}
	return nil
}

func byID(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }

// named are the ids that a message names, each with its place. What is no UUID is nothing of ours.
func (r *removal) named(refs []ebxml.ObjectRef) map[uuid.UUID]string {
	if len(refs) == 0 {
		r.problems.Add(fault.New(fault.BadRequest, "The message names nothing that is to be removed."))
	}
	named := map[uuid.UUID]string{}
	for i, ref := range refs {
		here := fmt.Sprintf("objects[%d]", i)
		id := asID(ref.Ref)
		if id == uuid.Nil {
			r.problems.Add(nothingAt(here))
			continue
		}
		if named[id] == "" {
			named[id] = here
		}
	}
	return named
}

func nothingAt(here string) *fault.Problem {
	return fault.New(fault.UnresolvedReference, "Nothing with this id is registered in an instance that the assertion's organisation may write to.").At(here)
}

// erase queues the removal of the bytes of entries that go, but of those that another version still needs: versions share an object. versions are
// all of the same logical entries, locked.
func (s *Service) erase(ctx context.Context, tx *postgres.Tx, b *postgres.Batch, going, versions []document.Entry, event uuid.UUID) error {
	needed := map[uuid.UUID]bool{uuid.Nil: true}
	for _, v := range versions {
		stays := !slices.ContainsFunc(going, func(e document.Entry) bool { return e.ID == v.ID })
		if stays && v.Status != document.Tombstone && !v.Offline {
			needed[v.ObjectKey] = true
		}
	}
	for _, e := range going {
		if needed[e.ObjectKey] || e.Offline {
			continue
		}
		needed[e.ObjectKey] = true // once
		s.Objects.MarkRemoval(b, e.ObjectKey, event, s.Now())
		if err := s.Queue.InsertRemove(ctx, tx, e.ObjectKey); err != nil {
			return err
		}
	}
	return s.Fail.Reach(ctx, failpoint.DeleteQueued)
}

// versionsOf finds and locks all versions of an entry that are there, the newest first.
func versionsOf(ctx context.Context, tx *postgres.Tx, e document.Entry) ([]document.Entry, error) {
	all, err := registry.Versions(ctx, tx, []uuid.UUID{e.LogicalID})
	return lo.Filter(all, func(v document.Entry, _ int) bool { return v.Status != document.Tombstone }), err
}
