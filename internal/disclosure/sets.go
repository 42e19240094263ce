package disclosure

import (
	"context"
	"slices"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"
	"dokumentlager/internal/terminology"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// The rules say nothing of submission sets and folders. What a reader sees of one follows here from what access decides on each document
// in it (docs/access.md, "Submission sets and folders"); there is no other opinion.

// ListItem is one submission set or folder as the reader may see it: its members are those that the reader is shown, and a masked one has
// lost its content already.
type ListItem struct {
	List   document.List
	Tenant tenant.Tenant
	Masked bool
	// BreakGlass says that it would be masked but for an emergency (C2).
	BreakGlass bool
	// rule is what masks or hides it.
	rule string
}

func (i ListItem) position(o registry.Order) registry.Position { return o.OfList(i.List) }
func (i ListItem) of() tenant.Tenant                           { return i.Tenant }
func (i ListItem) marks() (masked, lifted bool)                { return i.Masked, i.BreakGlass }

// The fields a submission set or folder can be searched by: the parameters of ITI-66.
const (
	fieldDesignation criteria.Field = "designationType"
	fieldSourceID    criteria.Field = "sourceId"
	fieldSrcGiven    criteria.Field = "source.given"
	fieldSrcFamily   criteria.Field = "source.family"
)

// SearchLists answers a search for submission sets and folders (FindSubmissionSets, FindFolders, ITI-66) as List does for documents.
func (s *Service) SearchLists(ctx context.Context, r Reader, q Search) (Page[ListItem], error) {
	event := audit.New(s.Now(), r.Actor, audit.Read, "search-lists")
	event.Detail.Query = q.Text
	return list(ctx, s, r, listing{patient: q.Patient, home: q.HomeCommunity, Paging: q.Paging, event: event}, func(v view) reader[ListItem] {
		return func(ctx context.Context, tx *postgres.Tx, t tenant.Tenant, after *registry.Position, n int) (chunk[ListItem], error) {
			return s.lists(ctx, tx, v, t, q, after, n)
		}
	})
}

// lists reads the next n of one tenant and keeps those that the reader may see and searched for.
func (s *Service) lists(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, q Search, after *registry.Position, n int) (chunk[ListItem], error) {
	if len(q.Kinds) == 0 {
		return chunk[ListItem]{last: true}, nil
	}
	found, err := registry.FindLists(ctx, tx, registry.ListQuery{Patient: q.Patient, Kinds: q.Kinds, Statuses: q.Statuses, Order: q.Order,
		Times: q.Criteria.Reach(fieldDate), After: after, Limit: n})
	if err != nil {
		return chunk[ListItem]{}, err
	}
	looked, err := s.lookInto(ctx, tx, v, t, found)
	c := chunk[ListItem]{last: len(found) < n}
	for _, l := range found {
		if err := ctx.Err(); err != nil {
			return chunk[ListItem]{}, err
		}
		c.read = lo.ToPtr(q.Order.OfList(l))
		if item, shown := looked.item(l); shown && q.Criteria.Met(seenList(item.List)) {
			c.items = append(c.items, item)
		}
	}
	return c, err
}

// seenList hands out a list's values as its reader sees them: l is masked already where it has to be.
func seenList(l document.List) criteria.Of {
	return func(f criteria.Field) criteria.Values {
		switch f {
		case fieldDate:
			return times(criteria.SpanOf(l.Time))
		case fieldUpdated:
			return times(criteria.Moment(updated(l)))
		case fieldDesignation:
			return tokens(l.Codes...)
		case fieldSourceID:
			return tokens(document.Code{Value: l.SourceID})
		case fieldSrcGiven, fieldSrcFamily:
			return names(l.Authors, f == fieldSrcGiven)
		case fieldID:
			return tokens(document.Code{Value: l.ID.String()})
		case fieldIdentifier:
			return tokens(document.Code{Value: l.ID.String()}, document.Code{Value: l.UniqueID})
		default:
			return criteria.Values{}
		}
	}
}

// updated is when a list last changed: a folder grows.
func updated(l document.List) time.Time {
	if l.Kind == document.FolderKind {
		return l.Time.At
	}
	return l.Registered
}

// contents are the documents of some lists, with what access says of each, and the folders that submission sets name.
type contents struct {
	tenant tenant.Tenant
	// filtered says that documents may be left out of this reader's lists that are there (C6).
	filtered  bool
	decisions map[uuid.UUID]decided
	folders   map[uuid.UUID]document.List
	// spoken are the documents that lists without any are about all the same.
	spoken map[uuid.UUID][]uuid.UUID
	// nothing decides of a list that never had a document: as if it were one that nobody made confidential.
	nothing func(document.List) access.Decision
}

// decided is one document's decision, with its patient: an entry of another patient is no member, whatever an association says.
type decided struct {
	access.Decision
	patient document.PatientID
}

// lookInto asks access about every document of the lists, and of the folders that they name.
func (s *Service) lookInto(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, found []document.List) (contents, error) {
	c := contents{tenant: t, filtered: v.Basis.Scope == access.Kjernejournal, decisions: map[uuid.UUID]decided{}}
	c.nothing = func(l document.List) access.Decision {
		return s.decide(v, t, document.Entry{Patient: l.Patient, Creation: document.Time{At: l.Registered},
			Confidentiality: []document.Code{{Value: "N", System: terminology.ConfidentialityHL7}}})
	}
	folders, err := registry.ListsByID(ctx, tx, lo.Uniq(lo.FlatMap(found, func(l document.List, _ int) []uuid.UUID { return l.Folders })))
	if err != nil {
		return c, err
	}
	c.folders = lo.KeyBy(folders, func(l document.List) uuid.UUID { return l.ID })
	if c.spoken, err = registry.Spoken(ctx, tx, lo.FilterMap(found, func(l document.List, _ int) (uuid.UUID, bool) { return l.ID, c.empty(l) })); err != nil {
		return c, err
	}
	ids := lo.Uniq(append(slices.Concat(lo.Values(c.spoken)...),
		lo.FlatMap(append(folders, found...), func(l document.List, _ int) []uuid.UUID { return slices.Concat(l.Members, l.Deleted, l.Left) })...))
	entries, err := registry.Members(ctx, tx, ids)
	for _, e := range entries {
		c.decisions[e.ID] = decided{s.decide(v, t, e), e.Patient}
	}
	return c, err
}

// standing is how a list stands with its documents.
type standing struct {
	// shown are those that the reader is shown, masked ones among them.
	shown []uuid.UUID
	// some says that there is any; barred that one is masked or omitted; lifted that one would be but for an emergency.
	some, barred, lifted bool
	rule                 string
}

func (c contents) standing(l document.List) (st standing) {
	for _, id := range l.Members {
		d, there := c.decisions[id]
		if !there || d.patient != l.Patient {
			continue
		}
		st.some, st.lifted = true, st.lifted || d.BreakGlass
		if d.List != access.Omit {
			st.shown = append(st.shown, id)
		}
		if d.List != access.Show {
			st.barred, st.rule = true, lo.CoalesceOrEmpty(st.rule, first(d.Rules))
		}
	}
	for _, id := range slices.Concat(l.Deleted, l.Left) { // what was barred stays so: the list's title may be the document's
		if d := c.decisions[id]; d.List != access.Show {
			st.barred, st.rule = true, lo.CoalesceOrEmpty(st.rule, first(d.Rules))
		}
	}
	return st
}

// item is the list as it may leave, if it may. A set's words are about its own documents; only one that has none is judged by the folders
// that it names. Where documents may be left out every list is masked: its words may speak of them, and to mask the lists of those alone would tell
// that they are there.
func (c contents) item(l document.List) (item ListItem, shown bool) {
	item, st := ListItem{List: l, Tenant: c.tenant}, c.standing(l)
	item.List.Members, item.List.Folders, item.List.Deleted, item.List.Left = st.shown, nil, nil, nil
	for _, id := range l.Folders {
		folder := c.standing(c.folders[id])
		if len(folder.shown) > 0 {
			item.List.Folders = append(item.List.Folders, id)
		}
		if !st.some {
			st.barred, st.lifted, st.rule = st.barred || folder.barred, st.lifted || folder.lifted, lo.CoalesceOrEmpty(st.rule, folder.rule)
		}
	}
	if c.filtered {
		st.barred, st.rule = true, lo.CoalesceOrEmpty(st.rule, "C6")
	}
	if st.barred {
		item.List, item.Masked = maskList(item.List), true
	}
	item.BreakGlass, item.rule = st.lifted && !st.barred, st.rule
	return item, len(st.shown) > 0 || (!st.some && len(item.List.Folders) > 0)
}

// maskList takes out what mask takes out of an entry (C2, C8): what is said in words and codes, by whom, of whom. Which documents are listed in
// it stays, as they are listed themselves.
func maskList(l document.List) document.List {
	masked := document.List{
		Kind: l.Kind, ID: l.ID, LogicalID: l.LogicalID, Version: l.Version, UniqueID: l.UniqueID, Status: l.Status,
		Patient:    document.PatientID{Value: maskedText, Authority: l.Patient.Authority},
		Codes:      []document.Code{{Value: maskedText}},
		Time:       l.Time,
		Title:      maskedTitle,
		Authors:    institutions(l.Authors),
		Registered: l.Registered,
		Members:    l.Members, Folders: l.Folders,
	}
	if l.Kind == document.SubmissionSetKind {
		masked.SourceID = maskedText
	}
	return masked
}

// ReadList gives one submission set or folder as the reader may see it, by entryUUID; home may be empty.
func (s *Service) ReadList(ctx context.Context, r Reader, id uuid.UUID, home string) (ListItem, error) {
	event := audit.New(s.Now(), r.Actor, audit.Read, "read-list")
	event.Detail.Set = id.String()
	return byID(ctx, s, r, id, home, event, single[ListItem]{patient: listPatient, read: s.readList})
}

func listPatient(ctx context.Context, tx *postgres.Tx, id uuid.UUID) (document.PatientID, error) {
	l, err := registry.ListByID(ctx, tx, id)
	return l.Patient, err
}

// readList decides and notes in the event what it is.
func (s *Service) readList(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, id uuid.UUID, event *audit.Event) (ListItem, error) {
	l, err := registry.ListByID(ctx, tx, id)
	if err != nil {
		return ListItem{}, err
	}
	event.Patient, event.Detail.HomeCommunity, event.Detail.Set = l.Patient.CX(), t.HomeCommunity, ""
	event.Detail.Name(l)
	looked, err := s.lookInto(ctx, tx, v, t, []document.List{l})
	if err != nil {
		return ListItem{}, err
	}
	item, shown := looked.item(l)
	if !shown {
		event.Detail.Rule = item.rule
		return ListItem{}, unknown()
	}
	if item.Masked {
		event.Detail.Masked, event.Detail.Rule = 1, item.rule
	}
	event.Detail.BreakGlass = lo.Ternary(item.BreakGlass, 1, 0)
	return item, nil
}
