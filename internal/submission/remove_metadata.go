package submission

import (
	"context"
	"maps"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// removeMetadata finds what is named, sees that what stays is whole without it, and queues its going.
func (s *Service) removeMetadata(ctx context.Context, tx *postgres.Tx, b *postgres.Batch, r *removal, named map[uuid.UUID]string, event *audit.Event) error {
	ids := slices.SortedFunc(maps.Keys(named), byID)
	versions, err := lockNamed(ctx, tx, ids)
	if err != nil {
		return err
	}
	kinds, err := registry.KindsOf(ctx, tx, ids)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if kinds[id] == 0 {
			r.problems.Add(nothingAt(named[id]))
		}
	}
	if err := r.checkWhole(ctx, tx, named, kinds); err != nil {
		return err
	}
	if err := r.describe(ctx, tx, versions, kinds); err != nil {
		return err
	}
	if r.problems.Refuses() {
		problems := r.problems
		r.problems = nil
		return problems
	}
	if err := s.Fail.Reach(ctx, failpoint.DeleteLocked); err != nil {
		return err
	}
	event.Detail.Removed = nil // what was asked for; tell says what went
	for _, e := range r.documents {
		registry.Bury(b, e)
	}
	if err := keepCodes(b, r.documents, versions); err != nil {
		return err
	}
	registry.Remove(tx, b, lo.Map(r.lists, func(l document.List, _ int) uuid.UUID { return l.ID }), lo.Keys(r.links))
	return s.erase(ctx, tx, b, r.documents, versions, event.ID)
}

// lockNamed locks what is named, entries with all their versions, which it returns.
func lockNamed(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) ([]document.Entry, error) {
	logical, err := registry.LogicalIDs(ctx, tx, ids, nil)
	if err != nil {
		return nil, err
	}
	versions, err := registry.Versions(ctx, tx, logical)
	if err != nil {
		return nil, err
	}
	if err := registry.LockLists(ctx, tx, ids); err != nil {
		return nil, err
	}
	_, err = registry.AssociationsByID(ctx, tx, ids)
	return versions, err
}

// describe reads what goes, for the audit event and for its going.
func (r *removal) describe(ctx context.Context, tx *postgres.Tx, versions []document.Entry, kinds map[uuid.UUID]registry.Kind) (err error) {
	of := func(kind ...registry.Kind) (ids []uuid.UUID) {
		return lo.Filter(slices.SortedFunc(maps.Keys(kinds), byID), func(id uuid.UUID, _ int) bool { return slices.Contains(kind, kinds[id]) })
	}
	entries := of(registry.EntryKind)
	r.documents = lo.Filter(versions, func(e document.Entry, _ int) bool { return slices.Contains(entries, e.ID) })
	if r.lists, err = registry.ListsByID(ctx, tx, of(registry.SetKind, registry.FolderKind)); err != nil {
		return err
	}
	associations := of(registry.AssociationKind)
	patients, err := registry.AssociationPatients(ctx, tx, associations)
	r.links = map[uuid.UUID]document.PatientID{}
	for _, id := range associations {
		r.links[id] = patients[id]
	}
	return err
}

// checkWhole: nothing that stays refers to what goes, and nothing stays that nothing refers to any more.
func (r *removal) checkWhole(ctx context.Context, tx *postgres.Tx, named map[uuid.UUID]string, kinds map[uuid.UUID]registry.Kind) error {
	touching, err := registry.Touching(ctx, tx, lo.Keys(kinds))
	if err != nil {
		return err
	}
	goes := func(id uuid.UUID) bool { return kinds[id] != 0 }
	told := map[uuid.UUID]bool{}
	refuse := func(id uuid.UUID, code fault.Code, text string) {
		if !told[id] {
			told[id] = true
			r.problems.Add(fault.New(code, "%s", text).At(named[id]))
		}
	}
	for _, a := range touching {
		for _, end := range []uuid.UUID{a.Source, a.Target} {
			if goes(end) && !goes(a.ID) {
				refuse(end, fault.ReferencesExist, "An association that is not to be removed begins or ends here. Remove it in the same message.")
			}
		}
	}
	around, err := neighbourhood(ctx, tx, touching, lo.Keys(kinds), goes)
	if err != nil {
		return err
	}
	for id, kind := range kinds {
		switch kind {
		case registry.SetKind:
			if around.brings[id] {
				refuse(id, fault.ReferencesExist, "An association that this submission set brought is not to be removed. Remove it in the same message.")
			}
		case registry.AssociationKind:
			if code, text := around.orphaned(id, goes); code != "" {
				refuse(id, code, text)
			}
		}
	}
	return nil
}

// around is what stands beside what goes.
type around struct {
	// removed are the associations that go, by id.
	removed map[uuid.UUID]document.Association
	kinds   map[uuid.UUID]registry.Kind
	// holds are the sets of which a membership stays, held what it leads to; brings are the sets of which anything stays that they brought. A message
	// may name thousands.
	holds, held, brings map[uuid.UUID]bool
}

// neighbourhood reads the associations at the other ends of those that go, and of those that lead from what goes.
func neighbourhood(ctx context.Context, tx *postgres.Tx, touching []document.Association, ids []uuid.UUID, goes func(uuid.UUID) bool) (around, error) {
	going, err := registry.AssociationsByID(ctx, tx, ids)
	if err != nil {
		return around{}, err
	}
	ends := lo.Uniq(lo.FlatMap(append(touching, going...), func(a document.Association, _ int) []uuid.UUID { return []uuid.UUID{a.Source, a.Target} }))
	all, err := registry.Touching(ctx, tx, ends)
	if err != nil {
		return around{}, err
	}
	ends = lo.Uniq(append(ends, lo.Map(all, func(a document.Association, _ int) uuid.UUID { return a.Source })...))
	kinds, err := registry.KindsOf(ctx, tx, ends)
	n := around{lo.KeyBy(going, func(a document.Association) uuid.UUID { return a.ID }), kinds, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}, map[uuid.UUID]bool{}}
	for _, a := range all {
		if goes(a.ID) {
			continue
		}
		if n.brings[a.Submission] = true; a.Type == document.HasMember && kinds[a.Source] == registry.SetKind {
			n.holds[a.Source], n.held[a.Target] = true, true
		}
	}
	return n, err
}

// orphaned tells what a set's membership would leave behind: a set without members, a member without a set, or an association whose set does not
// have it any more.
func (n around) orphaned(id uuid.UUID, goes func(uuid.UUID) bool) (fault.Code, string) {
	a := n.removed[id]
	if a.Type != document.HasMember || n.kinds[a.Source] != registry.SetKind {
		return "", ""
	}
	empty, alone := !n.holds[a.Source], !n.held[a.Target]
	kind := n.kinds[a.Target] // none of what is deleted
	switch {
	case !goes(a.Source) && empty:
		return fault.Unreferenced, "The submission set would be left without members. Remove it in the same message."
	case !goes(a.Target) && alone && (kind == registry.EntryKind || kind == registry.FolderKind):
		return fault.Unreferenced, "The document entry or folder would be left without a submission set. Remove it in the same message."
	case !goes(a.Target) && alone && kind == registry.AssociationKind:
		return fault.ModelBroken, "The association would be left without the submission set that brought it. Remove both."
	default:
		return "", ""
	}
}

// keepCodes adds the confidentiality of a document's newest version to that of the older ones, when that one goes and they stay: what was barred, by
// it or by their own, is not opened by removing the version that barred it, or released it (C2).
func keepCodes(b *postgres.Batch, going, versions []document.Entry) error {
	goes := func(e document.Entry) bool {
		return slices.ContainsFunc(going, func(g document.Entry) bool { return g.ID == e.ID })
	}
	for _, all := range lo.GroupBy(versions, func(e document.Entry) uuid.UUID { return e.LogicalID }) {
		last := newest(all)
		if last == nil || !goes(*last) {
			continue
		}
		for _, v := range all {
			if v.Status == document.Tombstone || goes(v) {
				continue
			}
			if err := registry.Recode(b, v, lo.UniqBy(slices.Concat(last.Confidentiality, v.Confidentiality), document.Code.Token)); err != nil {
				return err
			}
		}
	}
	return nil
}
