package disclosure

import (
	"context"
	"slices"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// circle is what was gathered, as the reader sees it.
type circle struct {
	gathered
	q *ebxml.Query
	// entries, lists and links are by id: what is not in them, or has no place in the answer's level, is not there.
	shownEntries map[uuid.UUID]Object
	shownLists   map[uuid.UUID]Object
	raw          map[uuid.UUID]*document.Entry
	byLink       map[uuid.UUID]document.Association
	tenant       tenant.Tenant
}

// circle answers a query by ids, or GetAll, in one tenant, whole.
func (s *Service) circle(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, q Stored, p document.PatientID) (chunk[Object], error) {
	g, err := gather(ctx, tx, q, p)
	if err != nil {
		return chunk[Object]{}, err
	}
	c := circle{gathered: g, q: q.Query, tenant: t, shownEntries: map[uuid.UUID]Object{}, shownLists: map[uuid.UUID]Object{},
		raw: map[uuid.UUID]*document.Entry{}, byLink: map[uuid.UUID]document.Association{}}
	for i := range g.entries {
		e := &g.entries[i]
		if err := ctx.Err(); err != nil {
			return chunk[Object]{}, err
		}
		if o, shown := s.object(v, t, e); shown && levelled(q.Query, *e) {
			c.shownEntries[e.ID], c.raw[e.ID] = o, e
		}
	}
	if err := s.circleLists(ctx, tx, v, t, &c); err != nil {
		return chunk[Object]{}, err
	}
	for _, a := range g.links {
		c.byLink[a.ID] = a
	}
	return chunk[Object]{items: c.items(), last: true}, nil
}

func (s *Service) circleLists(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, c *circle) error {
	if len(c.lists) == 0 {
		return nil
	}
	looked, err := s.lookInto(ctx, tx, v, t, c.lists)
	if err != nil {
		return err
	}
	for _, l := range c.lists {
		if o, shown := looked.object(l); shown && v.concerns(l.Patient) && (c.q.MetadataLevel > 1 || !l.Superseded) {
			c.shownLists[l.ID] = o
		}
	}
	return nil
}

// items are the answer: what was asked for and is shown, in the order in which it was read.
func (c *circle) items() (items []Object) {
	linked := c.linkedEnds()
	for i := range c.entries {
		if o, shown := c.shownEntries[c.entries[i].ID]; shown && c.answer.entries(c.entries[i].ID) && c.met(o.Entry) &&
			(!c.entriesByLinks() || linked[o.Entry.ID]) {
			items = append(items, o)
		}
	}
	for _, l := range c.lists {
		if o, shown := c.shownLists[l.ID]; shown && c.answer.lists(l.ID) && (!c.listsByLinks(l.Kind) || linked[l.ID]) {
			items = append(items, o)
		}
	}
	for _, a := range c.links {
		if c.answer.links(a.ID) && c.visible(a, 1) && c.kept(a, 1) {
			items = append(items, Object{Link: &a, Tenant: c.tenant})
		}
	}
	return items
}

// entriesByLinks: these queries find entries by associations alone, so that what no association that is told leads to is no answer.
func (c *circle) entriesByLinks() bool {
	return slices.Contains([]ebxml.StoredQuery{ebxml.GetRelatedDocuments, ebxml.GetFolderAndContents, ebxml.GetSubmissionSetAndContents}, c.q.Query)
}

// listsByLinks is entriesByLinks for submission sets and folders.
func (c *circle) listsByLinks(kind document.ListKind) bool {
	switch c.q.Query {
	case ebxml.GetFoldersForDocument, ebxml.GetSubmissionSets:
		return true
	default:
		return c.q.Query == ebxml.GetSubmissionSetAndContents && kind == document.FolderKind
	}
}

// linkedEnds are the ends of associations that are shown.
func (c *circle) linkedEnds() map[uuid.UUID]bool {
	ends := map[uuid.UUID]bool{}
	for _, a := range c.links {
		if c.visible(a, 1) && c.kept(a, 1) {
			ends[a.Source], ends[a.Target] = true, true
		}
	}
	return ends
}

// met compares what the queries of contents ask of entries.
func (c *circle) met(e *document.Entry) bool {
	switch c.q.Query {
	case ebxml.GetAll, ebxml.GetSubmissionSetAndContents, ebxml.GetFolderAndContents, ebxml.GetRelatedDocuments:
		return entryMet(c.q, e)
	default:
		return true
	}
}

// kept: an association to an entry that a filter took out goes with it.
func (c *circle) kept(a document.Association, deeper int) bool {
	for _, id := range []uuid.UUID{a.Source, a.Target} {
		if o, shown := c.shownEntries[id]; shown && !c.met(o.Entry) {
			return false
		}
		if inner, is := c.byLink[id]; is && deeper > 0 && !c.kept(inner, deeper-1) {
			return false
		}
	}
	return true
}

// visible: an association is told when both its ends are, and what a document replaces, appends to, transforms or signs when the document is shown
// with its content. deeper is how often an end may be an association itself.
func (c *circle) visible(a document.Association, deeper int) bool {
	statuses := c.q.AssociationStatuses
	if len(statuses) == 0 {
		statuses = []document.Status{document.Approved}
	}
	if !slices.Contains(statuses, a.Status) || !c.end(a, a.Source, deeper) || !c.end(a, a.Target, deeper) {
		return false
	}
	source, isEntry := c.shownEntries[a.Source]
	return a.Type == document.HasMember || !isEntry || !source.Masked
}

// end reports whether one end is there for the reader. An entry younger than the association took over the id of a deleted one.
func (c *circle) end(a document.Association, id uuid.UUID, deeper int) bool {
	if e, shown := c.raw[id]; shown {
		return !e.Registered.After(a.Registered)
	}
	if _, shown := c.shownLists[id]; shown {
		return true
	}
	inner, is := c.byLink[id]
	return is && deeper > 0 && c.visible(inner, deeper-1)
}
