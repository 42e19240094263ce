package sealing

import (
	"context"
	"fmt"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/obs"

	"github.com/google/uuid"
)

// Round seals what waits now, and signs the heads of the day before when that has not been done. Logs and notes that cannot be sealed are
// told of once, counted in State and left as they are; the error is of what kept all from being sealed.
func (s *Sealer) Round(ctx context.Context) error {
	var left remainder
	for after := (audit.Note{}); ; {
		notes, err := s.log.Pending(ctx, after, audit.MaxSeal)
		if err != nil {
			return err
		}
		if len(notes) == 0 {
			break
		}
		err = within(ctx, batchDeadline, func(ctx context.Context) error { return s.batch(ctx, notes, &left) })
		if err != nil {
			return err
		}
		if len(notes) < audit.MaxSeal {
			break // what came meanwhile is the next round's: a log that is written to all the time must not keep the others waiting
		}
		after = left.behind(notes[len(notes)-1])
	}
	if err := s.days(ctx, &left); err != nil {
		return err
	}
	s.change(func(st *State) { st.Done, st.Oldest, st.Alarms = s.Now(), left.oldest, len(left.wrong) })
	for what := range s.told {
		if !left.wrong[what] {
			delete(s.told, what)
		}
	}
	return nil
}

// batchDeadline is far above what a batch takes; what it has not done is rolled back and done again.
const batchDeadline = time.Minute

func within(ctx context.Context, d time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return fn(ctx)
}

// remainder is what a round had to leave. Logs that wait are told of, or will be.
type remainder struct {
	oldest time.Time
	wrong  map[string]bool
	waits  map[int32]bool
}

func (l *remainder) wait(id int32) {
	if l.waits == nil {
		l.waits = map[int32]bool{}
	}
	l.waits[id] = true
}

// behind is where the notes go on; the rest of a log that waits is not looked at, however much it is.
func (l *remainder) behind(last audit.Note) audit.Note {
	if l.waits[last.TenantID] {
		last.Event = uuid.Max
	}
	return last
}

func (l *remainder) note(n audit.Note) {
	if n.Event.Version() != 7 {
		return
	}
	if at := time.Unix(n.Event.Time().UnixTime()); l.oldest.IsZero() || at.Before(l.oldest) {
		l.oldest = at
	}
}

// maxTold bounds what is remembered and counted of alarms.
const maxTold = 10_000

// alarm tells of something once, until it is gone.
func (s *Sealer) alarm(ctx context.Context, left *remainder, of, what string) {
	if left.wrong == nil {
		left.wrong = map[string]bool{}
	}
	if key := of + ": " + what; len(left.wrong) < maxTold {
		left.wrong[key] = true
		if !s.told[key] {
			s.told[key] = true
			s.Out.ErrorContext(ctx, "the audit log may have been changed; run `dokumentlager audit verify`", "component", "self", "tenant", of, "error", what)
		}
	}
}

// batch seals notes of any logs.
func (s *Sealer) batch(ctx context.Context, notes []audit.Note, left *remainder) (err error) {
	ctx, ended := obs.Span(ctx, "audit-seal batch")
	defer func() { ended(err) }()
	if err := s.know(ctx, notes); err != nil {
		return err
	}
	leaves, err := s.leaves(ctx, notes, left)
	if err != nil {
		return err
	}
	var there []audit.Note
	for _, n := range notes {
		if _, found := leaves[n]; found {
			there = append(there, n)
			continue
		}
		left.note(n)
		switch log := s.logs[n.TenantID]; {
		case log == nil:
			s.alarm(ctx, left, fmt.Sprint(n.TenantID), "notes of a tenant that is not there")
		case !left.waits[n.TenantID]:
			s.alarm(ctx, left, log.name, fmt.Sprintf("event %s has a note and no row", n.Event))
		}
	}
	if len(there) == 0 {
		return nil
	}
	return s.seal(ctx, there, leaves, left)
}

// know looks up logs that have not been met before. Name, schema and home community of an instance never change.
func (s *Sealer) know(ctx context.Context, notes []audit.Note) error {
	var ids []int32
	for i, n := range notes {
		if s.logs[n.TenantID] == nil && (i == 0 || notes[i-1].TenantID != n.TenantID) {
			ids = append(ids, n.TenantID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	found, err := s.tenants.OfIDs(ctx, ids)
	for id, t := range found {
		s.logs[id] = &sealed{name: t.Name, origin: ledger.Origin(t.HomeCommunity), schema: t.Schema()}
	}
	return err
}
