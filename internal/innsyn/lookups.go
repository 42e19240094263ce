package innsyn

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// OperationLookups and OperationFeed are the audit events' names.
const (
	OperationLookups = "lookups"
	OperationFeed    = "lookup-feed"
)

// Query asks for one page of one patient's lookups.
type Query struct {
	Patient document.PatientID
	// Before is where the page before ended; uuid.Max is the beginning.
	Before uuid.UUID
	// Limit is the most that the page holds, at least 1.
	Limit int
}

// Page is one page, newest first.
type Page struct {
	Looks []Look
	// Next is where the following page begins; uuid.Nil on the last.
	Next uuid.UUID
	// Incomplete says that an instance did not answer; Silent are those of them of which the citizen may know.
	Incomplete bool
	Silent     []Instance
}

// The bounds of one question over many instances.
const (
	tenantsAtOnce = 8
	patience      = 3
)

// Lookups gives one page over all instances whose log may know the patient, and the control log. It is one audit event in each that answered.
func (s *Service) Lookups(ctx context.Context, actor audit.Actor, q Query) (Page, error) {
	event := audit.New(s.Now(), actor, audit.Read, OperationLookups)
	event.Patient = q.Patient.CX()
	if err := admit(actor.Caller); err != nil {
		return Page{}, s.refuse(ctx, event, err)
	}
	tenants, err := s.Tenants.Logging(ctx, s.Locator.Key(q.Patient))
	if err != nil {
		return Page{}, s.refuse(ctx, event, err)
	}
	patients := map[document.PatientID]facts{q.Patient: {}}
	asking, cancel := context.WithTimeout(ctx, patience*s.TenantDeadline)
	defer cancel()
	asked := s.ask(asking, tenants, q)
	s.factsOf(ctx, patients, factsDeadline)
	page, err := s.page(ctx, asked, patients[q.Patient], event)
	if err != nil {
		return Page{}, s.refuse(ctx, event, err)
	}
	return page, nil
}

// source is one log; tenant is nil for the control log.
type source struct {
	tenant *tenant.Tenant
	failed bool
}

// asking is one question under way: what stands first of all that was read so far, one more than the page holds.
type asking struct {
	query   Query
	sources []*source
	mu      sync.Mutex
	top     []found
}

// add orders by event id alone, which is its time and says nothing of who looked.
func (a *asking) add(more []found) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.top = append(a.top, more...)
	slices.SortFunc(a.top, func(x, y found) int { return bytes.Compare(y.ID[:], x.ID[:]) })
	a.top = slices.Clone(a.top[:min(len(a.top), a.query.Limit+1)]) // what is cut off must not stay in memory
}

// ask reads the next lookups of each log, the control log first.
func (s *Service) ask(ctx context.Context, tenants []tenant.Tenant, q Query) *asking {
	a := &asking{query: q, sources: []*source{{}}}
	for i := range tenants {
		a.sources = append(a.sources, &source{tenant: &tenants[i]})
	}
	var group errgroup.Group
	group.SetLimit(tenantsAtOnce)
	for _, src := range a.sources {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, s.TenantDeadline)
			defer cancel()
			found, err := s.read(ctx, src.tenant, func(tx *postgres.Tx) ([]audit.Lookup, error) {
				if tx == nil {
					return s.Log.ControlLookups(ctx, q.Patient.CX(), q.Before, q.Limit+1)
				}
				return audit.Lookups(ctx, tx, q.Patient.CX(), q.Before, q.Limit+1)
			})
			src.failed = err != nil
			a.add(found)
			return nil
		})
	}
	_ = group.Wait() // failures are kept
	return a
}

// read gets lookups of one log, and of a tenant's the present state of their documents. Of the control log it gives the function no Tx.
func (s *Service) read(ctx context.Context, t *tenant.Tenant, get func(*postgres.Tx) ([]audit.Lookup, error)) (all []found, err error) {
	if t == nil {
		lookups, err := get(nil)
		for _, l := range lookups {
			all = append(all, found{Lookup: l})
		}
		return all, err
	}
	err = s.DB.Reading(ctx, t.Schema(), func(tx *postgres.Tx) error {
		lookups, err := get(tx)
		if err != nil {
			return err
		}
		all, err = withEntries(ctx, tx, t, lookups)
		return err
	})
	return all, err
}

// page commits the events before anything of it leaves (A1), and tells what may be told.
func (s *Service) page(ctx context.Context, a *asking, of facts, event audit.Event) (Page, error) {
	if a.sources[0].failed || len(a.sources) > 1 && !slices.ContainsFunc(a.sources[1:], func(src *source) bool { return !src.failed }) {
		return Page{}, noneAnswered()
	}
	var p Page
	if len(a.top) > a.query.Limit {
		a.top = a.top[:a.query.Limit]
		p.Next = a.top[a.query.Limit-1].ID
	}
	mute, err := s.note(ctx, a, event)
	if err != nil {
		return Page{}, err
	}
	now := s.Now()
	for _, f := range a.top {
		if f.tenant == nil || !mute[f.tenant.ID] {
			p.Looks = append(p.Looks, s.look(f, of, now))
		}
	}
	for _, src := range a.sources[1:] {
		if src.failed || mute[src.tenant.ID] {
			s.silence(&p, src.tenant, of)
		}
	}
	return p, nil
}

// silence says that an instance did not answer, and which, where the citizen may know that it holds something.
func (s *Service) silence(p *Page, t *tenant.Tenant, of facts) {
	p.Incomplete = true
	if d := s.decide(found{tenant: t}, of, List); d.List != access.Omit {
		p.Silent = append(p.Silent, Instance{t.HomeCommunity, t.Name})
	}
}

func noneAnswered() *fault.Problem {
	return fault.New(fault.PartUnavailable, "None of the instances whose log may tell of the patient answered. Try again.").From(fault.Postgres).RetryIn(5 * time.Second)
}

// note commits one event in each tenant that answered, or one in the control log where there is none. What is of a tenant in which none can be
// committed must not leave.
func (s *Service) note(ctx context.Context, a *asking, event audit.Event) (mute map[int32]bool, err error) {
	mute = map[int32]bool{}
	hits := map[int32]int{}
	for _, f := range a.top {
		if f.tenant != nil {
			hits[f.tenant.ID]++
		}
	}
	var events []audit.TenantEvent
	for _, src := range a.sources[1:] {
		if !src.failed {
			e, n := event, hits[src.tenant.ID]
			e.ID, e.Detail.Hits, e.Detail.HomeCommunity = uuid.Must(uuid.NewV7()), &n, src.tenant.HomeCommunity
			events = append(events, audit.TenantEvent{Schema: src.tenant.Schema(), Event: e})
		}
	}
	if len(events) == 0 {
		n := len(a.top)
		event.Detail.Hits = &n
		return mute, s.Log.RecordControl(ctx, event)
	}
	for i, failed := range s.Log.RecordWhatCan(ctx, events) {
		if failed {
			mute[events[i].Schema.ID] = true
		}
	}
	if len(mute) == len(events) {
		return mute, noneAnswered()
	}
	return mute, nil
}

// Last says that no page follows.
func (p Page) Last() bool { return p.Next == uuid.Nil }
