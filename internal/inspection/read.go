package inspection

import (
	"context"
	"sync"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/samber/lo"
	"golang.org/x/sync/errgroup"
)

// logsAtOnce bounds how many logs one request asks at the same time.
const logsAtOnce = 8

// each asks logs side by side, each within its deadline, and says which did not answer.
func each[T any](ctx context.Context, s *Service, from []T, ask func(context.Context, T) error) (failed []T) {
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(logsAtOnce)
	for _, one := range from {
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(ctx, s.Deadline)
			defer cancel()
			if err := ask(ctx, one); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, one)
			}
			return nil
		})
	}
	_ = group.Wait() // failures are gathered
	return failed
}

// ask reads on in each source until it has so many more, and gives those back that did not answer.
func (sp *spread) ask(ctx context.Context, sources []*source, want int) (failed []*source) {
	return each(ctx, sp.Service, sources, func(ctx context.Context, src *source) error { return sp.fill(ctx, src, len(src.items)+want) })
}

// fill reads on until the source has want items, nothing is left, or it was looked through for long enough.
func (sp *spread) fill(ctx context.Context, src *source, want int) error {
	began := sp.Now().Add(-src.spent)
	for n := want - len(src.items); !src.settled() && len(src.items) < want; n = min(n*growth, mostChunk) {
		found, err := sp.find(ctx, src.log, src.before, n)
		if err != nil {
			return err
		}
		for _, line := range found.Lines {
			if item := (Item{line, src.log}); sp.keep(item) {
				src.items = append(src.items, item)
			}
		}
		src.before, src.done, src.spent = found.Read, found.Done, sp.Now().Sub(began)
		src.short = !src.done && len(src.items) < want && src.spent > sp.enough()
	}
	return nil
}

// enough is how long one log may be looked through for one page: where many share the time, each has less, but gets on by a step on every page.
func (sp *spread) enough() time.Duration {
	return min(longEnough, sp.Deadline/2, 2*sp.Deadline*logsAtOnce/time.Duration(len(sp.sources)))
}

func (sp *spread) find(ctx context.Context, l Log, before uuid.UUID, n int) (found audit.Found, err error) {
	if l.Control() {
		return sp.Log.FindControl(ctx, sp.Filter, before, n)
	}
	err = sp.DB.Reading(ctx, l.Schema(), func(tx *postgres.Tx) error {
		found, err = audit.Find(ctx, tx, sp.Filter, before, n)
		return err
	})
	return found, err
}

// note commits the events of a page, one in each log that answered, and gives back what of the page may leave: not what stands in a log that
// cannot tell of it (A1).
func (sp *spread) note(ctx context.Context, items []Item) []Item {
	hits := lo.CountValuesBy(items, func(i Item) int32 { return i.Log.ID })
	var mute, tenants []*source
	var events []audit.TenantEvent
	toldInControl := false
	for _, src := range sp.sources { // the control log comes first
		e := sp.event
		e.ID = uuid.Must(uuid.NewV7())
		e.Detail.Hits, e.Detail.HomeCommunity = lo.ToPtr(hits[src.log.ID]), src.log.HomeCommunity
		if !src.log.Control() {
			if toldInControl && len(sp.Sources) == 0 && hits[src.log.ID] == 0 {
				e = sp.toStrangers(e)
			}
			tenants, events = append(tenants, src), append(events, audit.TenantEvent{Schema: src.log.Schema(), Event: e})
		} else if toldInControl = sp.Log.RecordControl(ctx, e) == nil; !toldInControl {
			mute = append(mute, src)
		}
	}
	for i, failed := range sp.Log.RecordWhatCan(ctx, events) {
		if failed {
			mute = append(mute, tenants[i])
		}
	}
	sp.drop(mute)
	return lo.Reject(items, func(i Item, _ int) bool {
		return lo.ContainsBy(mute, func(src *source) bool { return src.log.ID == i.Log.ID })
	})
}

// toStrangers is the event of an inspector's search over all logs in one that had nothing of it: its readers must not learn of whom he asked, for
// their instance may never have heard of the patient. The control log has it whole.
func (sp *spread) toStrangers(e audit.Event) audit.Event {
	if e.Patient = ""; len(sp.Things) > 0 { // a patient's number may be one of them
		e.Detail.Query = ""
	}
	return e
}

// Asked is how the log tells of which event was read.
func Asked(id string) string { return "_id=" + id }

// Read gives one event by its id, from whichever of the logs has it that the caller may read; sources narrow them as in Search. The log that has it
// gets an audit event first.
func (s *Service) Read(ctx context.Context, actor audit.Actor, id string, sources []string) (Item, error) {
	event := audit.New(s.Now(), actor, audit.Read, Reading)
	unknown := fault.New(fault.ResourceNotFound, "No such event, or not for this caller.")
	logs, hidden, err := s.logs(ctx, actor.Caller, sources)
	if err != nil {
		return Item{}, s.refuse(ctx, event, err)
	}
	if hidden {
		event.Detail.Rule = "A4" // so that the log says denied where the answer says unknown
	}
	wanted, err := uuid.Parse(id)
	if err != nil || wanted.String() != id {
		return Item{}, s.refuse(ctx, event, unknown)
	}
	event.Detail.Query = Asked(id)
	var mu sync.Mutex
	var found []Item
	silent := each(ctx, s, logs, func(ctx context.Context, l Log) error {
		line, there, err := s.byID(ctx, l, wanted)
		if there {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, Item{line, l})
		}
		return err
	})
	switch {
	case len(found) > 0:
		return found[0], s.read(ctx, event, found[0])
	case len(silent) > 0:
		return Item{}, s.refuse(ctx, event, fault.New(fault.PartUnavailable, "Not all logs answered. Try again.").From(fault.Postgres))
	}
	return Item{}, s.refuse(ctx, event, unknown)
}

func (s *Service) byID(ctx context.Context, l Log, id uuid.UUID) (line audit.Line, found bool, err error) {
	if l.Control() {
		return s.Log.ControlByID(ctx, id)
	}
	err = s.DB.Reading(ctx, l.Schema(), func(tx *postgres.Tx) error {
		line, found, err = audit.ByID(ctx, tx, id)
		return err
	})
	return line, found, err
}

// read commits the event of a reading by id.
func (s *Service) read(ctx context.Context, event audit.Event, i Item) error {
	event.Patient, event.Detail.HomeCommunity, event.Detail.Hits = i.Patient, i.Log.HomeCommunity, lo.ToPtr(1)
	if i.Log.Control() {
		return s.Log.RecordControl(ctx, event)
	}
	return s.Log.Record(ctx, i.Log.Schema(), event)
}
