package disclosure

import (
	"context"
	"slices"

	"dokumentlager/internal/access"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// storedEntries reads the next n entries of one tenant and keeps those that the reader may see and that are asked for (FindDocuments and its kin).
func (s *Service) storedEntries(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, q Stored, p document.PatientID, after *registry.Position, n int) (chunk[Object], error) {
	find := registry.Query{Patient: p, Statuses: q.EntryStatuses, Classes: v.Basis.Classes(), After: after, Limit: n}
	if !q.OnDemand { // what has no creation time is not left out by one
		find.Created = criteria.Span{From: q.Creation.From, To: q.Creation.To}
	}
	found, err := registry.Find(ctx, tx, find)
	if err != nil {
		return chunk[Object]{}, err
	}
	c := chunk[Object]{last: len(found) < n}
	for i := range found {
		if err := ctx.Err(); err != nil {
			return chunk[Object]{}, err
		}
		c.read = lo.ToPtr(find.Order.Of(found[i]))
		if o, shown := s.object(v, t, &found[i]); shown && levelled(q.Query, found[i]) && entryMet(q.Query, o.Entry) {
			if q.References { // there may be many: the rest need not be kept
				o.Entry = &document.Entry{ID: o.Entry.ID, Creation: o.Entry.Creation, Registered: o.Entry.Registered, OnDemand: o.Entry.OnDemand}
			}
			c.items = append(c.items, o)
		}
	}
	return c, nil
}

// object is an entry as the reader sees it, if he sees it.
func (s *Service) object(v view, t tenant.Tenant, e *document.Entry) (o Object, shown bool) {
	d := s.decide(v, t, *e)
	o = Object{Entry: e, Tenant: t, Masked: d.List == access.Mask, BreakGlass: d.List != access.Mask && d.BreakGlass}
	if o.Masked {
		o.Entry = lo.ToPtr(mask(*e))
	}
	return o, d.List != access.Omit
}

// storedLists is storedEntries for submission sets and folders.
func (s *Service) storedLists(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, q Stored, p document.PatientID, after *registry.Position, n int) (chunk[Object], error) {
	find := registry.ListQuery{Patient: p, Kinds: []document.ListKind{document.FolderKind}, Statuses: q.FolderStatuses,
		Times: criteria.Span{From: q.Updated.From, To: q.Updated.To}, After: after, Limit: n}
	if q.Query.Query == ebxml.FindSubmissionSets {
		find.Kinds, find.Statuses = []document.ListKind{document.SubmissionSetKind}, q.SetStatuses
		find.Times = criteria.Span{From: q.Submitted.From, To: q.Submitted.To}
	}
	found, err := registry.FindLists(ctx, tx, find)
	if err != nil {
		return chunk[Object]{}, err
	}
	looked, err := s.lookInto(ctx, tx, v, t, found)
	c := chunk[Object]{last: len(found) < n}
	for _, l := range found {
		if err := ctx.Err(); err != nil {
			return chunk[Object]{}, err
		}
		c.read = lo.ToPtr(find.Order.OfList(l))
		if o, shown := looked.object(l); shown && (q.MetadataLevel > 1 || !l.Superseded) && listMet(q.Query, o.List) {
			c.items = append(c.items, o)
		}
	}
	return c, err
}

func (c contents) object(l document.List) (Object, bool) {
	item, shown := c.item(l)
	if !shown && c.empty(l) {
		item, shown = c.bare(l)
	}
	return Object{List: &item.List, Tenant: c.tenant, Masked: item.Masked, BreakGlass: item.BreakGlass}, shown
}

// empty tells that a list has no document, nor a folder that has, and none that was deleted.
func (c contents) empty(l document.List) bool {
	if len(l.Members) > 0 || len(l.Deleted) > 0 {
		return false
	}
	return !slices.ContainsFunc(l.Folders, func(id uuid.UUID) bool {
		f, there := c.folders[id]
		return !there || len(f.Members) > 0 || len(f.Deleted) > 0
	})
}

// bare is a list without documents as it may leave: for whom the instance shows anything of the patient, and always masked, since its words may
// speak of what was in it once, of which no member tells any more (an older version of a folder, ids that were used again, what ITI-62 removed). One
// that is about documents all the same is not there when none of them is.
func (c contents) bare(l document.List) (item ListItem, shown bool) {
	d := c.nothing(l)
	about := slices.Concat(l.Left, c.spoken[l.ID])
	there := len(about) == 0 || slices.ContainsFunc(about, func(id uuid.UUID) bool { return c.decisions[id].List != access.Omit })
	l.Members, l.Deleted, l.Left = nil, nil, nil
	return ListItem{List: maskList(l), Tenant: c.tenant, Masked: true, rule: first(d.Rules)}, there && d.List != access.Omit
}

// levelled: who does not ask for metadata of level 2 knows nothing of older versions.
func levelled(q *ebxml.Query, e document.Entry) bool { return q.MetadataLevel > 1 || e.Later == nil }

// entryMet compares an entry as the reader sees it with all that the query asks of entries.
func entryMet(q *ebxml.Query, e *document.Entry) bool {
	return kindMet(q, e) && codesMet(q, e) && timesMet(q, e) &&
		(len(q.Authors) == 0 || authored(q.Authors, e.Authors)) &&
		(len(q.Titles) == 0 || slices.ContainsFunc(q.Titles, func(p ebxml.Pattern) bool { return p.Match(e.Title) })) &&
		all(q.ReferenceIDs, func(any []string) bool { return lo.Some(e.References, any) })
}

func kindMet(q *ebxml.Query, e *document.Entry) bool {
	availability := "Online"
	if e.Offline {
		availability = "Offline"
	}
	return (e.OnDemand && q.OnDemand || !e.OnDemand && q.Stable) && (len(q.Availability) == 0 || slices.Contains(q.Availability, availability))
}

func codesMet(q *ebxml.Query, e *document.Entry) bool {
	return coded(q.Classes, e.Class) && coded(q.Types, e.Type) && coded(q.Practices, e.Practice) && coded(q.Facilities, e.Facility) &&
		coded(q.Formats, e.Format) && all(q.Events, func(any []document.Code) bool { return coded(any, e.Events...) }) &&
		all(q.Confidentiality, func(any []document.Code) bool { return coded(any, e.Confidentiality...) })
}

func timesMet(q *ebxml.Query, e *document.Entry) bool {
	return q.Creation.Holds(e.Creation) && q.ServiceStart.Holds(e.ServiceStart) && q.ServiceStop.Holds(e.ServiceStop)
}

// listMet compares a submission set or folder as the reader sees it.
func listMet(q *ebxml.Query, l *document.List) bool {
	if l.Kind == document.FolderKind {
		return q.Updated.Holds(l.Time) && all(q.FolderCodes, func(any []document.Code) bool { return coded(any, l.Codes...) })
	}
	return q.Submitted.Holds(l.Time) && (len(q.SourceIDs) == 0 || slices.Contains(q.SourceIDs, l.SourceID)) &&
		(len(q.SetAuthors) == 0 || authored(q.SetAuthors, l.Authors)) && coded(q.SetContentTypes, l.Codes...)
}

// all reports whether each group of alternatives is met.
func all[T any](groups [][]T, met func([]T) bool) bool {
	for _, g := range groups {
		if !met(g) {
			return false
		}
	}
	return true
}

// coded reports whether one of the codes is wanted, system and all; nothing wanted is no condition.
func coded(wanted []document.Code, have ...document.Code) bool {
	return len(wanted) == 0 || slices.ContainsFunc(wanted, func(w document.Code) bool {
		return slices.ContainsFunc(have, func(h document.Code) bool { return h.Value == w.Value && h.System == w.System })
	})
}

// authored compares patterns with authorPerson.
func authored(patterns []ebxml.Pattern, authors []document.Author) bool {
	return slices.ContainsFunc(authors, func(a document.Author) bool {
		text := ebxml.PersonText(a.Person)
		return !a.Person.IsZero() && slices.ContainsFunc(patterns, func(p ebxml.Pattern) bool { return p.Match(text) })
	})
}
