package submission

import (
	"context"
	"slices"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// endpoint is an entry or folder as it will be when the update is done.
type endpoint struct {
	kind    registry.Kind
	id      uuid.UUID
	logical uuid.UUID
	patient document.PatientID
	status  document.Status
	// newest tells the current version from older ones; new one that the message brings, carrying one that takes associations over.
	newest, new, carrying bool
	// updated tells that the message brings a newer version of it.
	updated bool
}

// find is what an id stands for, among the message's new versions and what is registered; nil when it is neither entry nor folder.
func (u *update) find(id uuid.UUID) *endpoint {
	for i := range u.rows.entries {
		if e := &u.rows.entries[i]; e.ID == id {
			r, _ := lo.Find(u.documents, func(r revised) bool { return r.logical == e.LogicalID })
			return &endpoint{kind: registry.EntryKind, id: id, logical: e.LogicalID, patient: e.Patient, status: e.Status, newest: true, new: true, carrying: !r.alone}
		}
	}
	for _, f := range u.rows.folders {
		if f.ID == id {
			r, _ := lo.Find(u.cases, func(r revised) bool { return r.logical == f.LogicalID })
			return &endpoint{kind: registry.FolderKind, id: id, logical: f.LogicalID, patient: f.Patient, status: f.Status, newest: true, new: true, carrying: !r.alone}
		}
	}
	if known, found := u.known[id]; found {
		return &known
	}
	return nil
}

// noteKnown keeps what was locked by its id: a message may name thousands.
func (u *update) noteKnown() {
	u.known = map[uuid.UUID]endpoint{}
	for logical, versions := range u.entriesOf {
		for _, e := range versions {
			if e.Status != document.Tombstone {
				u.known[e.ID] = endpoint{kind: registry.EntryKind, id: e.ID, logical: logical, patient: e.Patient, status: e.Status, newest: newest(versions).ID == e.ID, updated: u.updates(logical)}
			}
		}
	}
	for logical, versions := range u.foldersOf {
		for i, f := range versions {
			u.known[f.ID] = endpoint{kind: registry.FolderKind, id: f.ID, logical: logical, patient: f.Patient, status: f.Status, newest: i == 0, updated: u.updates(logical)}
		}
	}
}

func (u *update) updates(logical uuid.UUID) bool {
	return slices.ContainsFunc(slices.Concat(u.documents, u.cases), func(r revised) bool { return r.logical == logical })
}

// meetLinks judges what SubmitAssociation brings.
func (u *update) meetLinks(ctx context.Context, tx *postgres.Tx) (ps fault.Problems, err error) {
	if len(u.joins) == 0 {
		return nil, nil
	}
	ends := lo.Uniq(lo.FlatMap(u.joins, func(l submitted, _ int) []uuid.UUID { return []uuid.UUID{l.association.Source, l.association.Target} }))
	there, err := registry.Touching(ctx, tx, ends)
	if err != nil {
		return nil, err
	}
	for _, l := range u.joins {
		if p := u.meetLink(l, there); p != nil {
			ps.Add(p.At(l.at))
			continue
		}
		if err := registry.CheckDocumentation(l.association.Documentation); err != nil {
			ps.Add(fault.Of(err)...)
		}
		u.rows.new = append(u.rows.new, l.association)
		u.rows.members = append(u.rows.members, document.Association{ID: l.membership, Type: document.HasMember, Source: u.set.ID, Target: l.association.ID,
			Membership: document.Original})
		if source := u.find(l.association.Source); l.association.Type == document.HasMember && !source.new {
			u.rows.grown = append(u.rows.grown, source.id)
		}
	}
	u.rows.grown = lo.Uniq(u.rows.grown)
	return ps, nil
}

func (u *update) meetLink(l submitted, there []document.Association) *fault.Problem {
	a := l.association
	source, target := u.find(a.Source), u.find(a.Target)
	refused := func(text string) *fault.Problem { return fault.New(fault.UpdateRefused, "%s", text) }
	switch {
	case source == nil || target == nil:
		return fault.New(fault.UnresolvedReference, "The submitted association names something that is neither in the message nor registered as document entry or folder.")
	case source.updated || target.updated:
		return fault.New(fault.UpdateOperation, "The submitted association names a version that the message itself makes an old one. Name the new one.")
	case source.carrying || target.carrying:
		return fault.New(fault.UpdateOperation, "The message submits associations of a new version that takes over the old one's too. Send AssociationPropagation no for it.")
	case target.kind != registry.EntryKind || source.kind == registry.FolderKind && a.Type != document.HasMember || source.kind == registry.EntryKind && a.Type == document.HasMember:
		return refused("A relation leads from one document entry to another, and a folder's membership from a folder to a document entry.")
	case source.patient != u.set.Patient || target.patient != u.set.Patient:
		return fault.New(fault.PatientReconciliation, "The submitted association would connect what is not of the submission set's patient.")
	case source.status != document.Approved || target.status != document.Approved || !source.newest || !target.newest:
		return refused("The submitted association names a deprecated object. Both ends are approved.")
	case source.logical == target.logical:
		return refused("The submitted association leads from a document to itself.")
	case slices.ContainsFunc(there, func(b document.Association) bool {
		return b.Type == a.Type && b.Source == a.Source && b.Target == a.Target && b.Status == document.Approved
	}):
		return refused("The same association is registered already.")
	}
	return nil
}
