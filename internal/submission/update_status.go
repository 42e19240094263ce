package submission

import (
	"context"
	"slices"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
)

// meetChanges judges changes of status.
func (u *update) meetChanges(ctx context.Context, tx *postgres.Tx) (ps fault.Problems, err error) {
	var others []uuid.UUID
	for _, c := range u.changes {
		if u.find(c.target) == nil && c.target != uuid.Nil {
			others = append(others, c.target)
		}
	}
	associations, err := registry.AssociationsByID(ctx, tx, others)
	if err != nil {
		return nil, err
	}
	for _, c := range u.changes {
		var p *fault.Problem
		if found := u.find(c.target); found != nil {
			p, err = u.meetStatus(ctx, tx, c, *found)
		} else if i := slices.IndexFunc(associations, func(a document.Association) bool { return a.ID == c.target }); i >= 0 {
			p, err = u.meetAssociation(ctx, tx, c, associations[i])
		} else {
			p = fault.New(fault.UnresolvedReference, "What is to get another status is neither in the message nor registered as document entry, folder or association.")
		}
		if err != nil {
			return ps, err
		}
		if p != nil {
			ps.Add(p.At(c.at))
		}
	}
	return ps, nil
}

// meetStatus is the change of an entry's or folder's status; that of a new version is registered with it.
func (u *update) meetStatus(ctx context.Context, tx *postgres.Tx, c change, found endpoint) (*fault.Problem, error) {
	switch {
	case found.updated:
		return fault.New(fault.UpdateOperation, "The message makes a newer version of the object whose status it changes. Change the new one's."), nil
	case !found.newest:
		return fault.New(fault.VersionMismatch, "The object is an older version. Only the current version's status can be changed."), nil
	case found.patient != u.set.Patient:
		return fault.New(fault.PatientReconciliation, "The object is not of the submission set's patient."), nil
	case found.status != c.from:
		return fault.New(fault.UpdateRefused, "OriginalStatus is not the status that the object has."), nil
	}
	if c.to == document.Approved && found.kind == registry.EntryKind {
		replaced, err := u.replaced(ctx, tx, found.id)
		if err != nil || replaced {
			return fault.New(fault.UpdateRefused, "Another document has replaced this one. Deprecate the association by which it did first."), err
		}
	}
	if found.new {
		u.restate(c)
		return nil, nil
	}
	u.rows.statuses = append(u.rows.statuses, statusRow{found.kind, found.id, c.from, c.to})
	u.refer(found.id)
	return nil, nil
}

// restate gives a new version of the message's another status.
func (u *update) restate(c change) {
	for i := range u.rows.entries {
		if u.rows.entries[i].ID == c.target {
			u.rows.entries[i].Status = c.to
		}
	}
	for i := range u.rows.folders {
		if u.rows.folders[i].ID == c.target {
			u.rows.folders[i].Status = c.to
		}
	}
}

// refer makes the set refer to what it changed: a set without members says nothing.
func (u *update) refer(id uuid.UUID) {
	u.rows.members = append(u.rows.members, document.Association{ID: uuid.Must(uuid.NewV7()), Type: document.HasMember, Source: u.set.ID, Target: id,
		Membership: document.Reference})
}

// replaced tells whether an approved association says that another document took this one's place.
func (u *update) replaced(ctx context.Context, tx *postgres.Tx, entry uuid.UUID) (bool, error) {
	there, err := registry.Touching(ctx, tx, []uuid.UUID{entry})
	return slices.ContainsFunc(there, func(a document.Association) bool {
		return a.Target == entry && a.Type.Deprecates() && a.Status == document.Approved && !u.deprecating(a.ID)
	}), err
}

// deprecating tells whether the message itself deprecates an association.
func (u *update) deprecating(id uuid.UUID) bool {
	return slices.ContainsFunc(u.changes, func(c change) bool { return c.target == id && c.to == document.Deprecated })
}

// meetAssociation is the change of an association's status; a set's memberships stay as they are.
func (u *update) meetAssociation(ctx context.Context, tx *postgres.Tx, c change, a document.Association) (*fault.Problem, error) {
	ends, err := registry.Members(ctx, tx, []uuid.UUID{a.Source, a.Target})
	if err != nil {
		return nil, err
	}
	kinds, err := registry.KindsOf(ctx, tx, []uuid.UUID{a.Source})
	if err != nil {
		return nil, err
	}
	target := slices.IndexFunc(ends, func(e document.Entry) bool { return e.ID == a.Target })
	switch {
	case kinds[a.Source] == registry.SetKind:
		return fault.New(fault.UpdateRefused, "A submission set's memberships do not change."), nil
	case slices.ContainsFunc(ends, func(e document.Entry) bool { return e.Patient != u.set.Patient }):
		return fault.New(fault.PatientReconciliation, "The association is not between objects of the submission set's patient."), nil
	case a.Status != c.from:
		return fault.New(fault.UpdateRefused, "OriginalStatus is not the status that the association has."), nil
	case c.to == document.Approved && a.Type.Deprecates() && (target < 0 || ends[target].Status == document.Approved):
		return fault.New(fault.UpdateRefused, "The association would replace a document that is approved. Deprecate the document first."), nil
	}
	u.rows.statuses = append(u.rows.statuses, statusRow{registry.AssociationKind, a.ID, c.from, c.to})
	u.refer(a.ID)
	return nil, nil
}
