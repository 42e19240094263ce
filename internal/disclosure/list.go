package disclosure

import (
	"context"
	"maps"
	"slices"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// Search is one page of a list. It travels in cursors.
type Search struct {
	Patient  document.PatientID
	Statuses []document.Status
	// Kinds are those of the Lists that are wanted, which every reader sees of each; documents have none.
	Kinds []document.ListKind
	// Criteria are compared with what the reader sees: with a masked entry's mask, so that nothing is found by what the mask hides.
	Criteria criteria.Criteria
	// HomeCommunity restricts to one instance; empty asks all that hold the patient.
	HomeCommunity string
	Paging
	// Text is the search as its parameters, for the audit event.
	Text string
}

// Paging is which part of a list is wanted.
type Paging struct {
	Order registry.Order
	// After is where the page begins; nil is the beginning.
	After *registry.Position
	// Limit is the most that the page holds, at least 1.
	Limit int
	// Count asks how many there are in all, which costs reading them; Total is the answer once it is known. Uncounted wants no total, also
	// where one is known.
	Count, Uncounted bool
	Total            *int
}

// Page is a list's page.
type Page[T listed] struct {
	Items []T
	// Next is where the following page begins; nil on the last.
	Next *registry.Position
	// Total is how many the reader may see in all; nil where nobody counted, or not everybody answered.
	Total *int
	// NORS is how many of the page are masked because the patient barred them to health personnel (C8).
	NORS int
	// Warnings name the communities that did not answer.
	Warnings fault.Problems
}

// List answers a search over one tenant or all that hold the patient, in one order. Each tenant that answered gets one audit event,
// committed before the page leaves.
func (s *Service) List(ctx context.Context, r Reader, q Search) (Page[Item], error) {
	event := audit.New(s.Now(), r.Actor, audit.Read, "search")
	event.Detail.Query = q.Text
	return list(ctx, s, r, listing{patient: q.Patient, home: q.HomeCommunity, Paging: q.Paging, event: event}, func(v view) reader[Item] {
		return func(ctx context.Context, tx *postgres.Tx, t tenant.Tenant, after *registry.Position, n int) (chunk[Item], error) {
			return s.entries(ctx, tx, v, t, q, after, n)
		}
	})
}

// entries reads the next n entries of one tenant and keeps those that the reader may see and searched for.
func (s *Service) entries(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, q Search, after *registry.Position, n int) (chunk[Item], error) {
	found, err := registry.Find(ctx, tx, registry.Query{Patient: q.Patient, Statuses: q.Statuses, Order: q.Order, Classes: v.Basis.Classes(),
		Created: q.Criteria.Reach(fieldCreation), After: after, Limit: n})
	if err != nil {
		return chunk[Item]{}, err
	}
	c := chunk[Item]{last: len(found) < n}
	for _, e := range found {
		if err := ctx.Err(); err != nil { // a thousand entries and a search of 64 KiB are work that a deadline must end
			return chunk[Item]{}, err
		}
		c.read = lo.ToPtr(q.Order.Of(e))
		if d := s.decide(v, t, e); d.List != access.Omit {
			if i := s.item(t, e, d, nil); q.Criteria.Met(seen(i.Entry)) {
				c.items = append(c.items, i)
			}
		}
	}
	return c, s.relate(ctx, tx, v, t, q.Patient, c.items)
}

// relate fills in what each unmasked entry replaces, appends to or transforms.
func (s *Service) relate(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, p document.PatientID, items []Item) error {
	ids := lo.FilterMap(items, func(i Item, _ int) (uuid.UUID, bool) { return i.Entry.ID, !i.Masked })
	relations, err := s.relations(ctx, tx, v, t, p, ids)
	for i := range items {
		if !items[i].Masked {
			items[i].Relations = relations[items[i].Entry.ID]
		}
	}
	return err
}

// relations are those of a patient's entries to entries that are not omitted for this reader: to name one that is would tell that it is there.
func (s *Service) relations(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, p document.PatientID, ids []uuid.UUID) (map[uuid.UUID][]document.Association, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	all, err := registry.Relations(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	target := func(a document.Association, _ int) uuid.UUID { return a.Target }
	targets, err := registry.Members(ctx, tx, lo.Uniq(lo.Map(slices.Concat(slices.Collect(maps.Values(all))...), target)))
	listed := map[uuid.UUID]bool{}
	for _, e := range targets {
		listed[e.ID] = e.Patient == p && s.decide(v, t, e).List != access.Omit
	}
	return lo.MapValues(all, func(of []document.Association, _ uuid.UUID) []document.Association {
		return lo.Filter(of, func(a document.Association, _ int) bool { return listed[a.Target] })
	}), err
}

func (i Item) position(o registry.Order) registry.Position { return o.Of(i.Entry) }
func (i Item) of() tenant.Tenant                           { return i.Tenant }
func (i Item) marks() (masked, lifted bool)                { return i.Masked, i.BreakGlass }
