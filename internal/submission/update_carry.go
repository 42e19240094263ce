package submission

import (
	"context"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// taken: the ids and the set's uniqueId must be new.
func (u *update) taken(ctx context.Context, tx *postgres.Tx) (ps fault.Problems, err error) {
	kinds, err := registry.KindsOf(ctx, tx, lo.Uniq(append(lo.Values(u.ids), u.set.ID)))
	if err != nil {
		return nil, err
	}
	if len(kinds) > 0 {
		ps.Add(fault.New(fault.DuplicateInRegistry, "An object of the message has the id of something that is registered. A new version has an id of its own; the lid says what it is of.").At("set"))
	}
	set, err := registry.SetTaken(ctx, tx, u.set.UniqueID)
	if set {
		ps.Add(fault.New(fault.DuplicateInRegistry, "The submission set's uniqueId is registered already. Give each message its own.").At("set.uniqueId"))
	}
	return ps, err
}

// moves tells that something would become another patient's.
func (u *update) moves() bool {
	for i, e := range u.rows.entries {
		if e.Patient != u.rows.oldEntries[i].Patient {
			return true
		}
	}
	for i, f := range u.rows.folders {
		if f.Patient != u.rows.oldFolders[i].Patient {
			return true
		}
	}
	return false
}

// carry copies the associations of old versions to the new ones, unless the message says no. One that would connect two patients refuses it.
func (u *update) carry(ctx context.Context, tx *postgres.Tx) (ps fault.Problems, err error) {
	becomes, moved, place := map[uuid.UUID]uuid.UUID{}, map[uuid.UUID]bool{}, map[uuid.UUID]string{}
	note := func(r revised, old, new uuid.UUID, other bool) {
		if !r.alone {
			becomes[old], moved[old], place[old] = new, other, r.at
		}
	}
	for i, e := range u.rows.entries {
		old := u.rows.oldEntries[i]
		r, _ := lo.Find(u.documents, func(r revised) bool { return r.logical == old.LogicalID })
		note(r, old.ID, e.ID, e.Patient != old.Patient)
	}
	for i, f := range u.rows.folders {
		old := u.rows.oldFolders[i]
		r, _ := lo.Find(u.cases, func(r revised) bool { return r.logical == old.LogicalID })
		note(r, old.ID, f.ID, f.Patient != old.Patient)
	}
	found, err := registry.Carried(ctx, tx, lo.Keys(becomes))
	for _, a := range found {
		if moved[a.Source] != moved[a.Target] {
			where := lo.Ternary(moved[a.Source], place[a.Source], place[a.Target])
			ps.Add(fault.New(fault.PatientReconciliation, "The object is connected with others of its old patient, so it cannot become another patient's alone. "+
				"Deprecate the associations first, or move all in one message.").At(where + ".patient"))
			continue
		}
		copied := document.Association{ID: uuid.Must(uuid.NewV7()), Type: a.Type, Source: a.Source, Target: a.Target, Documentation: a.Documentation}
		if new, ok := becomes[a.Source]; ok {
			copied.Source = new
		} else if a.Type == document.HasMember {
			u.rows.grown = append(u.rows.grown, a.Source)
		}
		if new, ok := becomes[a.Target]; ok {
			copied.Target = new
		}
		u.rows.carried = append(u.rows.carried, copied)
	}
	u.rows.grown = lo.Uniq(u.rows.grown)
	return ps, err
}
