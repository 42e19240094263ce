package disclosure

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/samber/lo"
	"golang.org/x/sync/errgroup"
)

// Search is one page of a list.
type Search struct {
	registry.Query
	// HomeCommunity restricts to one instance; empty asks all that hold the patient.
	HomeCommunity string
	// Text is the search as its parameters, for the audit event.
	Text string
}

// Page is a list's page, newest first.
type Page struct {
	Items []Item
	// Next is where the following page begins; nil on the last.
	Next *registry.Position
	// NORS is how many entries of the page are masked because the patient barred them to health personnel (C8).
	NORS int
	// Warnings name the communities that did not answer.
	Warnings fault.Problems
}

// tenantsAtOnce bounds how many tenants one search asks at the same time.
const tenantsAtOnce = 4

// List answers a search over one tenant or all that hold the patient, in one order. Each tenant that answered gets one audit event,
// committed before the page leaves.
func (s *Service) List(ctx context.Context, r Reader, q Search) (Page, error) {
	event := audit.New(s.Now(), r.Actor, audit.Read, "search")
	event.Patient, event.Detail.Query, event.Detail.Basis = q.Patient.CX(), q.Text, r.Basis.AccessBasis
	event.Detail.HomeCommunity = q.HomeCommunity
	if err := s.admit(r); err != nil {
		return Page{}, s.refuse(ctx, tenant.Tenant{}, event, err)
	}
	v, err := s.look(ctx, r, q.Patient, &event)
	if err != nil {
		return Page{}, s.refuse(ctx, s.named(ctx, q.HomeCommunity), event, err)
	}
	event.Detail.Rule = v.shut
	tenants, err := s.asked(ctx, q)
	if err != nil {
		return Page{}, s.refuse(ctx, tenant.Tenant{}, event, err)
	}
	if len(tenants) == 1 {
		return s.listOne(ctx, v, tenants[0], q, event)
	}
	answers, page := s.ask(ctx, v, tenants, q)
	if len(tenants) > 0 && len(answers) == 0 {
		return Page{}, s.refuse(ctx, tenant.Tenant{}, event, fault.New(fault.PartUnavailable, "None of the home communities that hold documents answered. Try again."))
	}
	page.merge(answers, q.Limit)
	if err := s.noteSearch(ctx, event, answers, page); err != nil {
		return Page{}, fault.Of(err)
	}
	return page, nil
}

// listOne is the common case, one tenant: its page is known before the transaction that read it ends, so the event goes with it.
func (s *Service) listOne(ctx context.Context, v view, t tenant.Tenant, q Search, event audit.Event) (page Page, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.TenantDeadline)
	defer cancel()
	err = s.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) error {
		items, err := s.collect(ctx, tx, v, t, q)
		if err != nil {
			return err
		}
		page = Page{}
		page.merge([]answer{{t, items}}, q.Limit)
		b := tx.Batch()
		if err := audit.Append(tx, b, searched(event, t, page.Items)); err != nil {
			return err
		}
		return b.Send(ctx)
	})
	if err != nil {
		event.Detail.HomeCommunity = t.HomeCommunity
		return Page{}, s.refuse(ctx, t, event, err)
	}
	return page, nil
}

// asked is the one tenant named, or those that the locator says hold something; an unknown community is an empty list, which tells
// nothing of which exist.
func (s *Service) asked(ctx context.Context, q Search) ([]tenant.Tenant, error) {
	if q.HomeCommunity == "" {
		return s.Tenants.OfPatient(ctx, s.Locator.Key(q.Patient))
	}
	t, err := s.community(ctx, q.HomeCommunity)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	return []tenant.Tenant{t}, err
}

// answer is what one tenant contributed.
type answer struct {
	tenant tenant.Tenant
	items  []Item
}

func (s *Service) ask(ctx context.Context, v view, tenants []tenant.Tenant, q Search) (answers []answer, page Page) {
	if v.shut != "" { // not even which instances do not answer may be told
		return lo.Map(tenants, func(t tenant.Tenant, _ int) answer { return answer{tenant: t} }), Page{}
	}
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(tenantsAtOnce)
	for _, t := range tenants {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, s.TenantDeadline)
			defer cancel()
			a, err := s.askOne(ctx, v, t, q)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				page.Warnings.Add(fault.New(fault.SearchIncomplete, "Home community %s did not answer; its documents are not in this list. Try again.",
					document.URN(t.HomeCommunity)).AsWarning().Because(err))
				return nil
			}
			answers = append(answers, a)
			return nil
		})
	}
	_ = group.Wait() // failures are warnings of the page
	slices.SortFunc(answers, func(a, b answer) int { return int(a.tenant.ID - b.tenant.ID) })
	return answers, page
}

func (s *Service) askOne(ctx context.Context, v view, t tenant.Tenant, q Search) (answer, error) {
	a := answer{tenant: t}
	err := s.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) (err error) {
		a.items, err = s.collect(ctx, tx, v, t, q)
		return err
	})
	return a, err
}

// collect reads on until the page is full of what the reader may see, or nothing is left: entries that are omitted must not make a
// page shorter, which would tell of them. One item more than the page holds tells that there is a next one.
func (s *Service) collect(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, q Search) (items []Item, err error) {
	if !t.Sharing.Personnel || v.shut != "" {
		return nil, nil // it gives this reader nothing (C7, L4, L5), whatever it holds
	}
	query := q.Query
	query.Limit = q.Limit + 1
	for {
		found, err := registry.Find(ctx, tx, query)
		if err != nil {
			return nil, err
		}
		for _, e := range found {
			if d := s.decide(v, t, e); d.List != access.Omit {
				items = append(items, s.item(t, e, d, nil))
			}
		}
		if len(found) < query.Limit || len(items) > q.Limit {
			return items, s.relate(ctx, tx, items)
		}
		last := registry.PositionOf(found[len(found)-1])
		query.After = &last
	}
}

// relate fills in what each unmasked entry replaces, appends to or transforms.
func (s *Service) relate(ctx context.Context, tx *postgres.Tx, items []Item) error {
	ids := lo.FilterMap(items, func(i Item, _ int) (uuid.UUID, bool) { return i.Entry.ID, !i.Masked })
	if len(ids) == 0 {
		return nil
	}
	relations, err := registry.Relations(ctx, tx, ids)
	for i := range items {
		if !items[i].Masked {
			items[i].Relations = relations[items[i].Entry.ID]
		}
	}
	return err
}

// merge puts the tenants' answers into one order and cuts the page. One tenant's are in order already.
func (p *Page) merge(answers []answer, limit int) {
	for _, a := range answers {
		p.Items = append(p.Items, a.items...)
	}
	if len(answers) > 1 {
		slices.SortStableFunc(p.Items, func(a, b Item) int {
			return registry.PositionOf(a.Entry).Compare(registry.PositionOf(b.Entry))
		})
	}
	if len(p.Items) > limit {
		p.Items = p.Items[:limit]
		last := registry.PositionOf(p.Items[limit-1].Entry)
		p.Next = &last
	}
	p.NORS = lo.CountBy(p.Items, func(i Item) bool { return i.Masked })
}

// searched is one tenant's event of a search that listed these items.
func searched(event audit.Event, t tenant.Tenant, items []Item) audit.Event {
	own := lo.Filter(items, func(i Item, _ int) bool { return i.Tenant.ID == t.ID })
	hits := len(own)
	event.ID = uuid.Must(uuid.NewV7())
	event.Detail.HomeCommunity, event.Detail.Hits = t.HomeCommunity, &hits
	event.Detail.Masked = lo.CountBy(own, func(i Item) bool { return i.Masked })
	return event
}

// noteSearch commits one event in each tenant that answered, or one in the control log when no tenant holds the patient.
func (s *Service) noteSearch(ctx context.Context, event audit.Event, answers []answer, page Page) error {
	if len(answers) == 0 {
		event.Detail.Hits = new(int)
		return s.Log.RecordControl(ctx, event)
	}
	var group errgroup.Group
	group.SetLimit(tenantsAtOnce)
	for _, a := range answers {
		group.Go(func() error {
			if err := s.Log.Record(ctx, a.tenant.Schema(), searched(event, a.tenant, page.Items)); err != nil {
				return fmt.Errorf("auditing a search: %w", err)
			}
			return nil
		})
	}
	return group.Wait()
}
