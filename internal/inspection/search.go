package inspection

import (
	"bytes"
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// Search is one page of what somebody looks for in the log. It travels in cursors.
type Search struct {
	audit.Filter
	// Sources are home communities, or Control; none asks every log that the caller may read.
	Sources []string
	// Limit is the most that the page holds, at least 1.
	Limit int
	// After is where the page begins; nil is the newest event.
	After *Place
	// Silent are the logs that did not answer on an earlier page: what they had there is passed, so they are left out to the end.
	Silent []int32
	// Text is the search as its parameters without the patient, for the audit event.
	Text string
}

// Place is where an event stands in the order of all logs: the newest id first, and of equal ones, which no two logs should have, the lowest
// tenant.
type Place struct {
	ID     uuid.UUID
	Tenant int32
}

func (p Place) compare(other Place) int {
	return cmp.Or(bytes.Compare(other.ID[:], p.ID[:]), cmp.Compare(p.Tenant, other.Tenant))
}

func (i Item) place() Place { return Place{i.ID, i.Log.ID} }

// Page is a part of the events found.
type Page struct {
	Items []Item
	// Next is the search for the following page; nil on the last. A page may be short, or empty, and have one: few of very many events were
	// found, and the rest was not looked at yet.
	Next *Search
	// Warnings name the logs that did not answer.
	Warnings fault.Problems
}

// Search answers a search over all logs that the caller may read, newest first; keep has the last word on what is found. Each log that answered gets
// one audit event, committed before the page leaves.
//
// The order is that of the events' ids, which are made when an event is written down. What was committed when the first page was read is found
// once. What comes later is above the place where the pages go on, and so never moves it; of what was being written just then, some may stand
// above it too and is found by the next search.
func (s *Service) Search(ctx context.Context, actor audit.Actor, q Search, keep func(Item) bool) (Page, error) {
	event := audit.New(s.Now(), actor, audit.Read, Searching)
	event.Patient, event.Detail.Query = q.Patient, q.Text
	logs, hidden, err := s.logs(ctx, actor.Caller, q.Sources)
	if err != nil {
		return Page{}, s.refuse(ctx, event, err)
	}
	sp := &spread{Service: s, Search: q, keep: keep, event: event}
	for _, l := range logs {
		if slices.Contains(q.Silent, l.ID) {
			sp.silent = append(sp.silent, l)
			continue
		}
		sp.sources = append(sp.sources, &source{log: l, before: q.begin(l)})
	}
	if nowhere := len(sp.sources)+len(sp.silent) == 0; nowhere || hidden {
		if err := s.nowhere(ctx, event, hidden); err != nil || nowhere {
			return Page{}, err
		}
	}
	return sp.page(ctx)
}

// nowhere is the event of a search in logs that are not there for the caller, whether or not they are.
func (s *Service) nowhere(ctx context.Context, event audit.Event, hidden bool) error {
	event.ID, event.Detail.Hits = uuid.Must(uuid.NewV7()), new(int)
	if hidden {
		event.Outcome, event.Detail.Rule = audit.Denied, "A4"
	}
	return s.Log.RecordControl(ctx, event)
}

// begin is the id before which a log's part of the page begins.
func (q Search) begin(l Log) uuid.UUID {
	if q.After == nil {
		return uuid.Max
	}
	if l.ID > q.After.Tenant { // of this log an event with the very same id would be still to come
		return above(q.After.ID)
	}
	return q.After.ID
}

// above is the next id.
func above(id uuid.UUID) uuid.UUID {
	for i := len(id) - 1; i >= 0; i-- {
		if id[i]++; id[i] != 0 {
			return id
		}
	}
	return uuid.Max
}

// source is one log and what it has given so far.
type source struct {
	log   Log
	items []Item
	// before is what comes next; done says that nothing does, and short that so much was looked at that the rest is for the next page.
	before      uuid.UUID
	done, short bool
	// spent is how long it was looked through.
	spent time.Duration
}

// settled says that the source is not asked again for this page.
func (src *source) settled() bool { return src.done || src.short }

// spread is one page of a search on its way over the logs.
type spread struct {
	*Service
	Search
	keep    func(Item) bool
	event   audit.Event
	sources []*source
	// silent did not answer, now or on an earlier page.
	silent []Log
}

// The sizes of readings, and how long one log may be looked through for one page.
const (
	leastChunk = 8
	mostChunk  = 1000
	growth     = 4
	longEnough = 2 * time.Second
	// patience is how many times a log's deadline a whole page may take.
	patience = 3
)

// page asks all logs, a little of each at first, and those that may have more of the page again.
func (sp *spread) page(ctx context.Context) (Page, error) {
	asking, cancel := context.WithTimeout(ctx, patience*sp.Deadline)
	defer cancel()
	want := min(max(leastChunk, 2*sp.Limit/max(len(sp.sources), 1)), sp.Limit+1)
	for next := sp.sources; len(next) > 0; next = sp.unsettled() {
		failed := sp.ask(asking, next, want)
		sp.drop(failed)
		want = min(want*growth, sp.Limit+1)
	}
	items, next := sp.merge()
	items = sp.note(ctx, items)
	if len(sp.sources) == 0 {
		return Page{}, sp.refuse(ctx, sp.event, fault.New(fault.PartUnavailable, "None of the logs answered. Try again.").From(fault.Postgres).RetryIn(5*time.Second))
	}
	return Page{Items: items, Next: sp.next(next), Warnings: sp.warnings()}, nil
}

// drop leaves out logs that did not answer.
func (sp *spread) drop(failed []*source) {
	for _, src := range failed {
		sp.silent = append(sp.silent, src.log)
	}
	sp.sources = lo.Without(sp.sources, failed...)
}

// unsettled are the sources that may still have something of the page: those that were read to a place before its end.
func (sp *spread) unsettled() []*source {
	all, _ := sp.inOrder()
	return lo.Filter(sp.sources, func(src *source, _ int) bool {
		return !src.settled() && (len(all) <= sp.Limit || bytes.Compare(src.before[:], all[sp.Limit].ID[:]) > 0)
	})
}

// inOrder is what was found, up to where a source is that is short: what stands below is not known to be next.
func (sp *spread) inOrder() (all []Item, horizon *uuid.UUID) {
	for _, src := range sp.sources {
		all = append(all, src.items...)
		if src.short && (horizon == nil || bytes.Compare(src.before[:], horizon[:]) > 0) {
			horizon = &src.before
		}
	}
	if horizon != nil {
		all = slices.DeleteFunc(all, func(i Item) bool { return bytes.Compare(i.ID[:], horizon[:]) < 0 })
	}
	slices.SortFunc(all, func(a, b Item) int { return a.place().compare(b.place()) })
	return all, horizon
}

// merge cuts the page, and says where the next one begins.
func (sp *spread) merge() (items []Item, next *Place) {
	all, horizon := sp.inOrder()
	switch {
	case len(all) > sp.Limit:
		all = all[:sp.Limit]
		return all, lo.ToPtr(all[sp.Limit-1].place())
	case horizon != nil:
		return all, &Place{*horizon, math.MaxInt32}
	}
	return all, nil
}

func (sp *spread) next(after *Place) *Search {
	if after == nil {
		return nil
	}
	q := sp.Search
	q.After = after
	q.Silent = lo.Map(sp.silent, func(l Log, _ int) int32 { return l.ID })
	return &q
}

func (sp *spread) warnings() (ps fault.Problems) {
	slices.SortFunc(sp.silent, func(a, b Log) int { return cmp.Compare(a.ID, b.ID) })
	for _, l := range sp.silent {
		ps.Add(fault.New(fault.SearchIncomplete, "The log of %s did not answer; its events are in no page of this search. Search again from the start.", name(l.Tenant)).AsWarning())
	}
	return ps
}

// name is what a log is told as.
func name(t tenant.Tenant) string {
	if t.ID == 0 {
		return Control
	}
	return "home community urn:oid:" + t.HomeCommunity
}
