package disclosure

import (
	"context"
	"slices"
	"sync"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/samber/lo"
	"golang.org/x/sync/errgroup"
)

// listed is what stands in a list, as its reader may see it.
type listed interface {
	position(registry.Order) registry.Position
	of() tenant.Tenant
	// marks tell the audit event what is masked, and what would be but for an emergency (C2).
	marks() (masked, lifted bool)
}

// listing is a search of any kind: of whom, where, which part, and the event that will tell of it.
type listing struct {
	patient document.PatientID
	home    string
	Paging
	event audit.Event
	// among are the tenants to ask; nil means the named one, or all that hold the patient.
	among func(context.Context) ([]tenant.Tenant, error)
	// whole refuses a page that is not the whole answer; nil for those who page.
	whole func() error
}

// reader reads the next n stored things of one tenant behind a position, in the listing's order, and gives what of them is listed.
type reader[T listed] func(ctx context.Context, tx *postgres.Tx, t tenant.Tenant, after *registry.Position, n int) (chunk[T], error)

// chunk is one reading: read is the last stored thing that was looked at, listed or not, and last says that no more follow.
type chunk[T listed] struct {
	items []T
	read  *registry.Position
	last  bool
}

// list is every search: papers, the patient's facts, the tenants, one page in one order, and an event in each tenant that answered.
func list[T listed](ctx context.Context, s *Service, r Reader, q listing, read func(view) reader[T]) (Page[T], error) {
	q.event.Patient, q.event.Detail.Basis, q.event.Detail.HomeCommunity = q.patient.CX(), r.Basis.AccessBasis, q.home
	if err := s.admitAbout(r, q.patient); err != nil {
		return Page[T]{}, s.refuse(ctx, tenant.Tenant{}, q.event, err)
	}
	v, err := s.look(ctx, r, q.patient, &q.event)
	if err != nil {
		return Page[T]{}, s.refuse(ctx, s.named(ctx, q.home), q.event, err)
	}
	v.only, q.event.Detail.Rule = q.patient, v.shut
	if q.among == nil {
		q.among = func(ctx context.Context) ([]tenant.Tenant, error) { return s.asked(ctx, q) }
	}
	tenants, err := q.among(ctx)
	if err != nil {
		return Page[T]{}, s.refuse(ctx, tenant.Tenant{}, q.event, err)
	}
	sp := &spread[T]{service: s, view: v, q: q, read: read(v)}
	if len(tenants) == 1 && !s.closed(v, tenants[0]) {
		return sp.one(ctx, tenants[0])
	}
	return sp.many(ctx, tenants)
}

// asked is the one tenant named, or those that the locator says hold something; an unknown community is an empty list, which tells
// nothing of which exist.
func (s *Service) asked(ctx context.Context, q listing) ([]tenant.Tenant, error) {
	if q.home == "" {
		return s.Tenants.OfPatient(ctx, s.Locator.Key(q.patient))
	}
	t, err := s.community(ctx, q.home)
	if fault.KindOf(err) == fault.NotFound {
		return nil, nil
	}
	if err == nil { // nothing may be held there, and the citizen must find the event all the same (A2)
		err = s.Tenants.Visited(ctx, s.Locator.Key(q.patient), t.ID)
	}
	return []tenant.Tenant{t}, err
}

// spread is one search on its way over the tenants.
type spread[T listed] struct {
	service *Service
	view    view
	q       listing
	read    reader[T]
}

// source is what one tenant has given so far.
type source[T listed] struct {
	tenant tenant.Tenant
	items  []T
	// seen counts all that are listed, also those beyond the page that were counted and dropped.
	seen int
	read *registry.Position
	done bool
}

// one is the common case, one tenant: its page is known before the transaction that read it ends, so the event goes with it.
func (sp *spread[T]) one(ctx context.Context, t tenant.Tenant) (page Page[T], err error) {
	ctx, cancel := context.WithTimeout(ctx, sp.service.TenantDeadline)
	defer cancel()
	err = sp.service.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) error {
		src := &source[T]{tenant: t}
		if err := sp.fill(ctx, tx, src, sp.q.Limit+1); err != nil {
			return err
		}
		page = sp.merge([]*source[T]{src})
		if err := sp.complete(page); err != nil {
			return err
		}
		return audit.AppendLast(tx, sp.searched(t, tallies(page.Items)))
	})
	if err != nil {
		if fault.KindOf(err) == fault.Unavailable {
			err = noneAnswered().Because(err)
		}
		sp.q.event.Detail.HomeCommunity = t.HomeCommunity
		return Page[T]{}, sp.service.refuse(ctx, t, sp.q.event, err)
	}
	return page, nil
}

// The sizes of readings: a page from many tenants takes a little of each, and more of those whose things come first.
const (
	leastChunk = 4
	mostChunk  = 1000
	growth     = 4
)

// fill reads on until the source has want items, or nothing is left: what is omitted, or not searched for, must not make a page shorter,
// which would tell of it.
func (sp *spread[T]) fill(ctx context.Context, tx *postgres.Tx, src *source[T], want int) error {
	for n := want - len(src.items); !src.done && (len(src.items) < want || sp.counting()); n = min(n*growth, mostChunk) {
		after := src.read
		if after == nil {
			after = sp.begin(src.tenant)
		}
		c, err := sp.read(ctx, tx, src.tenant, after, n)
		if err != nil {
			return err
		}
		src.seen += len(c.items)
		room := sp.q.Limit + 1 - len(src.items) // what is further down cannot be of this page
		src.items = append(src.items, c.items[:min(len(c.items), room)]...)
		src.done = c.last
		if c.read != nil {
			src.read = c.read
		}
	}
	return nil
}

// counting says that everything must be read once, on the first page.
func (sp *spread[T]) counting() bool { return sp.q.Count && sp.q.After == nil }

// tenantsAtOnce bounds how many tenants one search asks at the same time.
const tenantsAtOnce = 8

// patience is how many times a tenant's deadline a whole search may take: those who do not answer hold the places of those who would.
const patience = 3

// many asks all tenants, a little of each at first, and those that may have more of the page again. One that gives this reader nothing is
// not asked: whether it would have answered must not be told either.
func (sp *spread[T]) many(ctx context.Context, tenants []tenant.Tenant) (Page[T], error) {
	asking, cancel := context.WithTimeout(ctx, patience*sp.service.TenantDeadline)
	defer cancel()
	sources := lo.Map(tenants, func(t tenant.Tenant, _ int) *source[T] {
		return &source[T]{tenant: t, done: sp.service.closed(sp.view, t)}
	})
	var silent []tenant.Tenant
	want := min(max(leastChunk, 2*sp.q.Limit/max(len(tenants), 1)), sp.q.Limit+1)
	giving := len(open(sources))
	for next := open(sources); len(next) > 0; next = sp.unsettled(sources) {
		failed := sp.ask(asking, next, want)
		silent = append(silent, lo.Map(failed, func(src *source[T], _ int) tenant.Tenant { return src.tenant })...)
		sources = lo.Without(sources, failed...)
		want = min(want*growth, sp.q.Limit+1)
	}
	page := sp.merge(sources)
	if err := sp.complete(page); err != nil {
		return Page[T]{}, sp.service.refuse(ctx, tenant.Tenant{}, sp.q.event, err)
	}
	if giving == 0 || len(silent) < giving {
		mute, err := sp.note(ctx, sources, page.Items)
		if err != nil {
			return Page[T]{}, fault.Of(err)
		}
		silent = append(silent, mute...)
	}
	if giving > 0 && len(silent) == giving {
		return Page[T]{}, sp.service.refuse(ctx, tenant.Tenant{}, sp.q.event, noneAnswered())
	}
	page.without(silent)
	return page, nil
}

// complete refuses a page that more follows, for those who page nothing.
func (sp *spread[T]) complete(page Page[T]) error {
	if sp.q.whole == nil || page.Next == nil {
		return nil
	}
	return sp.q.whole()
}

// noneAnswered is the same for one tenant as for many: those that give the reader nothing must not show in it.
func noneAnswered() *fault.Problem {
	return fault.New(fault.PartUnavailable, "None of the home communities that hold documents answered. Try again.").From(fault.Postgres).RetryIn(5 * time.Second)
}

// open are the sources that have something to give.
func open[T listed](sources []*source[T]) []*source[T] {
	return lo.Reject(sources, func(src *source[T], _ int) bool { return src.done })
}

// ask reads from each source in a transaction of its own and gives those back that did not answer in time.
func (sp *spread[T]) ask(ctx context.Context, sources []*source[T], want int) (failed []*source[T]) {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(tenantsAtOnce)
	for _, src := range sources {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, sp.service.TenantDeadline)
			defer cancel()
			got := *src
			err := sp.service.DB.Reading(ctx, src.tenant.Schema(), func(tx *postgres.Tx) error {
				got = *src
				got.items = slices.Clone(src.items)
				return sp.fill(ctx, tx, &got, len(src.items)+want)
			})
			if *src = got; err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, src)
			}
			return nil
		})
	}
	_ = group.Wait() // failures are gathered
	return failed
}

// unsettled are the sources that may still have something of the page: those that were read up to a place before its end.
func (sp *spread[T]) unsettled(sources []*source[T]) []*source[T] {
	all := sp.inOrder(sources)
	return lo.Filter(open(sources), func(src *source[T], _ int) bool {
		return len(all) <= sp.q.Limit || src.read == nil || sp.q.Order.Compare(*src.read, all[sp.q.Limit].position(sp.q.Order)) < 0
	})
}

// inOrder is what stands first of all that was read, one more than the page holds at most. What is listed is large: it is copied once, and
// only what is told.
func (sp *spread[T]) inOrder(sources []*source[T]) []T {
	type place struct {
		registry.Position
		item *T
	}
	var all []place
	for _, src := range sources {
		for i := range src.items {
			all = append(all, place{src.items[i].position(sp.q.Order), &src.items[i]})
		}
	}
	if len(sources) > 1 {
		slices.SortStableFunc(all, func(a, b place) int { return sp.q.Order.Compare(a.Position, b.Position) })
	}
	return lo.Map(all[:min(len(all), sp.q.Limit+1)], func(p place, _ int) T { return *p.item })
}

// merge puts the tenants' items into one order and cuts the page. The total is told where it was asked for and where the page is the whole list: how
// far else was read for a page depends on what is omitted, and must not show.
func (sp *spread[T]) merge(sources []*source[T]) Page[T] {
	p := Page[T]{Items: sp.inOrder(sources), Total: sp.q.Total}
	if sp.q.After == nil && !sp.q.Uncounted && (sp.q.Count || len(p.Items) <= sp.q.Limit) {
		p.Total = lo.ToPtr(lo.SumBy(sources, func(src *source[T]) int { return src.seen }))
	}
	if len(p.Items) > sp.q.Limit {
		p.Items = p.Items[:sp.q.Limit]
		last := p.Items[sp.q.Limit-1]
		p.Next = lo.ToPtr(last.position(sp.q.Order))
		p.Next.Tenant = last.of().ID
	}
	p.NORS = masked(p.Items)
	return p
}

// begin is what one tenant's part of the page stands behind. Tenants that got the same ids and times from one sender have things of the same place,
// which stand in the tenants' order: those behind the tenant with which the page before ended are still to come.
func (sp *spread[T]) begin(t tenant.Tenant) *registry.Position {
	after := sp.q.After
	if after == nil || t.ID <= after.Tenant {
		return after
	}
	return lo.ToPtr(sp.q.Order.Before(*after))
}

func masked[T listed](items []T) int {
	return lo.CountBy(items, func(i T) bool { m, _ := i.marks(); return m })
}
