package disclosure

import (
	"context"
	"slices"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// gathered is what the registry says to a query by ids, or to GetAll, before anybody has decided on it.
type gathered struct {
	entries []document.Entry
	lists   []document.List
	links   []document.Association
	// answer tells which of them are of the answer; the others are there to be followed.
	answer struct{ entries, lists, links func(uuid.UUID) bool }
}

func every(uuid.UUID) bool { return true }
func none(uuid.UUID) bool  { return false }

// patients are whom the objects are about.
func (g *gathered) patients() []document.PatientID {
	of := lo.Map(g.entries, func(e document.Entry, _ int) document.PatientID { return e.Patient })
	return lo.Uniq(append(of, lo.Map(g.lists, func(l document.List, _ int) document.PatientID { return l.Patient })...))
}

// gather reads in a few statements, however much there is. The patient is whom GetAll is about; of the others' objects what is another's is told apart
// later.
func gather(ctx context.Context, tx *postgres.Tx, q Stored, p document.PatientID) (g gathered, err error) {
	g.answer.entries, g.answer.lists, g.answer.links = none, none, none
	r := &gathering{gathered: &g, ctx: ctx, tx: tx, q: q}
	switch q.Query.Query {
	case ebxml.GetAll:
		r.all(p)
	case ebxml.GetDocuments:
		r.namedEntries()
	case ebxml.GetFolders:
		r.namedLists(document.FolderKind)
	case ebxml.GetAssociations:
		r.linked(uuids(q.UUIDs))
		g.answer.links = every
	case ebxml.GetDocumentsAndAssociations:
		r.namedEntries()
		r.linked(g.ids())
		g.answer.links = every
	case ebxml.GetSubmissionSets:
		r.setsOf(uuids(q.UUIDs))
	case ebxml.GetSubmissionSetAndContents:
		r.namedLists(document.SubmissionSetKind)
		r.contents()
	case ebxml.GetFolderAndContents:
		r.namedLists(document.FolderKind)
		r.contents()
	case ebxml.GetFoldersForDocument:
		r.foldersOf()
	case ebxml.GetRelatedDocuments:
		r.related()
	}
	if r.err == nil {
		r.ends()
	}
	return g, r.err
}

// gathering reads on until something fails.
type gathering struct {
	*gathered
	ctx context.Context
	tx  *postgres.Tx
	q   Stored
	err error
}

func (g *gathered) ids() []uuid.UUID {
	return append(lo.Map(g.entries, func(e document.Entry, _ int) uuid.UUID { return e.ID }), g.listIDs()...)
}

func (g *gathered) listIDs() []uuid.UUID {
	return lo.Map(g.lists, func(l document.List, _ int) uuid.UUID { return l.ID })
}

// readEntries adds what is there and not among the entries yet.
func (r *gathering) readEntries(k registry.Keys) {
	if r.err != nil {
		return
	}
	found, err := registry.Entries(r.ctx, r.tx, k)
	r.entries, r.err = lo.UniqBy(append(r.entries, found...), func(e document.Entry) uuid.UUID { return e.ID }), err
}

func (r *gathering) readLists(ids []uuid.UUID) {
	if r.err != nil {
		return
	}
	found, err := registry.ListsByID(r.ctx, r.tx, lo.Uniq(ids))
	r.lists, r.err = lo.UniqBy(append(r.lists, found...), func(l document.List) uuid.UUID { return l.ID }), err
}

func (r *gathering) addLinks(found []document.Association, err error) {
	r.links, r.err = lo.UniqBy(append(r.links, found...), func(a document.Association) uuid.UUID { return a.ID }), err
}

// linked adds all associations that have one of the objects at an end.
func (r *gathering) linked(ids []uuid.UUID) {
	if r.err == nil {
		r.addLinks(registry.Linked(r.ctx, r.tx, lo.Uniq(ids)))
	}
}

func (r *gathering) namedEntries() {
	r.readEntries(registry.Keys{IDs: uuids(r.q.EntryUUIDs), UniqueIDs: r.q.EntryUniqueIDs, LogicalIDs: uuids(r.q.EntryLogicalIDs)})
	r.answer.entries = every
}

func (r *gathering) namedLists(kind document.ListKind) {
	k := registry.Keys{IDs: uuids(r.q.FolderUUIDs), UniqueIDs: r.q.FolderUniqueIDs, LogicalIDs: uuids(r.q.FolderLogicalIDs)}
	if kind == document.SubmissionSetKind {
		k = registry.Keys{IDs: uuids(r.q.SetUUIDs), UniqueIDs: r.q.SetUniqueIDs}
	}
	if r.err == nil {
		r.lists, r.err = registry.Lists(r.ctx, r.tx, kind, k)
	}
	r.answer.lists = every
}

// setsOf are the submission sets that have one of the objects as a member, with the memberships.
func (r *gathering) setsOf(ids []uuid.UUID) {
	r.linked(ids)
	r.links = lo.Filter(r.links, func(a document.Association, _ int) bool {
		return a.Type == document.HasMember && slices.Contains(ids, a.Target)
	})
	r.readLists(lo.Map(r.links, func(a document.Association, _ int) uuid.UUID { return a.Source }))
	r.lists = lo.Filter(r.lists, func(l document.List, _ int) bool { return l.Kind == document.SubmissionSetKind })
	sets := r.listIDs()
	r.links = lo.Filter(r.links, func(a document.Association, _ int) bool { return slices.Contains(sets, a.Source) })
	r.answer.lists, r.answer.links = every, every
}

// contents are what the lists have as members, the memberships of set and folder alike, and those of the set's folders in the set's documents.
func (r *gathering) contents() {
	outer := r.listIDs()
	r.linked(outer)
	r.links = lo.Filter(r.links, func(a document.Association, _ int) bool {
		return a.Type == document.HasMember && slices.Contains(outer, a.Source)
	})
	targets := lo.Map(r.links, func(a document.Association, _ int) uuid.UUID { return a.Target })
	r.readEntries(registry.Keys{IDs: targets})
	r.readLists(targets)
	if r.err != nil {
		return
	}
	members := r.ids()
	r.addLinks(registry.Links(r.ctx, r.tx, lo.Without(targets, members...)))
	folders := lo.Without(r.listIDs(), outer...)
	direct := lo.SliceToMap(r.links, func(a document.Association) (uuid.UUID, bool) { return a.ID, true })
	r.linked(folders)
	r.links = lo.Filter(r.links, func(a document.Association, _ int) bool {
		return direct[a.ID] || a.Type == document.HasMember && slices.Contains(folders, a.Source) && slices.Contains(members, a.Target)
	})
	r.answer.entries, r.answer.lists, r.answer.links = every, every, every
}

// foldersOf are the folders that have the document as a member.
func (r *gathering) foldersOf() {
	r.namedEntries()
	ids := r.ids()
	r.linked(ids)
	r.links = lo.Filter(r.links, func(a document.Association, _ int) bool {
		return a.Type == document.HasMember && slices.Contains(ids, a.Target)
	})
	r.readLists(lo.Map(r.links, func(a document.Association, _ int) uuid.UUID { return a.Source }))
	r.lists = lo.Filter(r.lists, func(l document.List, _ int) bool { return l.Kind == document.FolderKind })
	folders := r.listIDs()
	r.links = lo.Filter(r.links, func(a document.Association, _ int) bool { return slices.Contains(folders, a.Source) })
	r.answer.entries, r.answer.lists = none, every
}

// related are the documents at either end of the document's relations of the types asked for, and the relations.
func (r *gathering) related() {
	r.namedEntries()
	r.linked(r.ids())
	r.links = lo.Filter(r.links, func(a document.Association, _ int) bool {
		return a.Type != document.HasMember && slices.Contains(r.q.AssociationTypes, a.Type)
	})
	r.readEntries(registry.Keys{IDs: endsOf(r.links)})
	linked := endsOf(r.links)
	r.answer.entries, r.answer.links = func(id uuid.UUID) bool { return slices.Contains(linked, id) }, every
}

// GetAll reads so much at a time, and gives up where there is more than anybody could be told.
const (
	reading     = 1000
	mostOfKinds = 20_000
)

// all is everything of the patient with the statuses asked for.
func (r *gathering) all(p document.PatientID) {
	var after *registry.Position
	for more := true; more && r.err == nil; {
		var found []document.Entry
		found, r.err = registry.Find(r.ctx, r.tx, registry.Query{Patient: p, Statuses: r.q.EntryStatuses, After: after, Limit: reading})
		r.entries = append(r.entries, found...)
		if more = len(found) == reading; more {
			after = lo.ToPtr(registry.Order{}.Of(found[reading-1]))
		}
		r.enough(len(r.entries))
	}
	r.allLists(p, document.SubmissionSetKind, r.q.SetStatuses)
	r.allLists(p, document.FolderKind, r.q.FolderStatuses)
	r.linked(r.ids())
	r.answer.entries, r.answer.lists, r.answer.links = every, every, every
}

func (r *gathering) allLists(p document.PatientID, kind document.ListKind, statuses []document.Status) {
	var after *registry.Position
	for more := true; more && r.err == nil; {
		var found []document.List
		found, r.err = registry.FindLists(r.ctx, r.tx, registry.ListQuery{Patient: p, Kinds: []document.ListKind{kind}, Statuses: statuses, After: after, Limit: reading})
		r.lists = append(r.lists, found...)
		if more = len(found) == reading; more {
			after = lo.ToPtr(registry.Order{}.OfList(found[reading-1]))
		}
		r.enough(len(r.lists))
	}
}

func (r *gathering) enough(n int) {
	if r.err == nil && n > mostOfKinds {
		r.err = tooMany(r.q)
	}
}

func endsOf(links []document.Association) []uuid.UUID {
	return lo.Uniq(lo.FlatMap(links, func(a document.Association, _ int) []uuid.UUID { return []uuid.UUID{a.Source, a.Target} }))
}

// ends reads what the associations lead from and to, that is not there yet: whether they may be told depends on it. Objects of the answer are those
// that were there before.
func (r *gathering) ends() {
	if len(r.links) == 0 {
		return
	}
	own := map[uuid.UUID]bool{}
	for _, id := range r.ids() {
		own[id] = true
	}
	for _, a := range r.links {
		own[a.ID] = true
	}
	r.keep(own)
	for range 2 { // an association may be a member, and has ends of its own
		missing := r.missing()
		r.readEntries(registry.Keys{IDs: missing})
		r.readLists(missing)
		if r.err == nil {
			r.addLinks(registry.Links(r.ctx, r.tx, r.missing()))
		}
	}
}

// keep makes the answer of what is there now, of that which was of it.
func (r *gathering) keep(own map[uuid.UUID]bool) {
	only := func(was func(uuid.UUID) bool) func(uuid.UUID) bool {
		return func(id uuid.UUID) bool { return own[id] && was(id) }
	}
	r.answer.entries, r.answer.lists, r.answer.links = only(r.answer.entries), only(r.answer.lists), only(r.answer.links)
}

// missing are the ends that were not found among the entries, lists and links.
func (r *gathering) missing() []uuid.UUID {
	there := map[uuid.UUID]bool{}
	for _, id := range r.ids() {
		there[id] = true
	}
	for _, a := range r.links {
		there[a.ID] = true
	}
	return lo.Filter(endsOf(r.links), func(id uuid.UUID, _ int) bool { return !there[id] })
}
