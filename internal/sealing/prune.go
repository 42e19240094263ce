package sealing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

// Prune removes events that are older than they are kept. Of each log it takes the first ones, in sealing order, as far as all are older and
// the head of a day covers them; it verifies the log first, and takes nothing from one in which something was changed. Their leaf hashes
// stay, and a signed note says up to where events may be gone: so those that are left can be verified as before. All is needed but Told.
type Prune struct {
	DB    *postgres.DB
	Owner *postgres.Owner
	Key   *ledger.Key
	Trust ledger.Trust
	// Before is the time, in whole seconds, that events must be older than.
	Before time.Time
	Actor  audit.Actor
	DryRun bool
	Now    func() time.Time
	// Told hears of each log that has something to prune, when it is done.
	Told func(Pruned)
}

// Pruned is what was removed of a log, or would be.
type Pruned struct {
	Log    string `json:"log"`
	DryRun bool   `json:"dry_run"`
	// Events is how many rows went; UpTo is the position of the last event that may be gone.
	Events int64     `json:"events"`
	UpTo   int64     `json:"up_to"`
	Before time.Time `json:"before"`
}

// Run prunes. Logs that cannot be pruned are in the error; the others have been.
func (p *Prune) Run(ctx context.Context, only Selection) error {
	v := &Verify{DB: p.DB, Trust: p.Trust}
	logs, err := v.logs(ctx, only)
	if err != nil {
		return err
	}
	var failures []error
	for _, log := range logs {
		if err := p.one(ctx, log); err != nil {
			failures = append(failures, fmt.Errorf("the log of %s was not pruned: %w", log.name, err))
		}
	}
	return errors.Join(failures...)
}

// one prunes one log: first the note and the event of it, then the rows. When the process ends in between, the next run removes the rest.
func (p *Prune) one(ctx context.Context, log *sealed) error {
	old, err := p.look(ctx, log)
	if err != nil || old.present == 0 {
		return err
	}
	done := Pruned{Log: log.name, DryRun: p.DryRun, Events: old.present, UpTo: old.size, Before: p.Before}
	if !p.DryRun {
		if err := p.note(ctx, log, old); err != nil {
			return err
		}
		if done.Events, err = p.remove(ctx, log, old.size); err != nil {
			return err
		}
	}
	if p.Told != nil {
		p.Told(done)
	}
	return nil
}

// prefix is the beginning of a log that is older than it is kept.
type prefix struct {
	size, noted, present int64
	root                 ledger.Hash
}

func (p *Prune) look(ctx context.Context, log *sealed) (old prefix, err error) {
	err = audit.Log{DB: p.DB}.Evidence(ctx, log.schema, func(e *audit.Evidence) error {
		findings, report := 0, Report{}
		check := &Verify{DB: p.DB, Trust: p.Trust, Found: func(Finding) { findings++ }}
		v := &verification{Verify: check, log: log, evidence: e, report: &report, tree: ledger.NewTree()}
		if err := v.run(ctx); err != nil {
			return err
		}
		if findings > 0 {
			return fmt.Errorf("%d findings; run `dokumentlager audit verify`", findings)
		}
		old.noted = v.pruned
		old.size, old.root = 0, ledger.NewTree().Root()
		return p.walk(ctx, e, v.daily, &old)
	})
	return old, err
}

// walk goes from the first event on to the last that may go: up to most, that the head of a day covers.
func (p *Prune) walk(ctx context.Context, e *audit.Evidence, most int64, old *prefix) error {
	tree, before := ledger.NewTree(), micros(p.Before)
	return rowsOf(ctx, e, func(rows []ledger.Row) (bool, error) {
		events, err := eventsOf(ctx, e, rows)
		if err != nil {
			return false, err
		}
		for _, r := range rows {
			event, there := events[r.ID]
			if old.size == most || there && event.At >= before || !there && old.size >= old.noted {
				return false, nil
			}
			if err := tree.Append(r.Leaf); err != nil {
				return false, err
			}
			if old.size, old.root = old.size+1, tree.Root(); there {
				old.present++
			}
		}
		return true, nil
	})
}

// micros is a time as ledger.Event counts it.
func micros(t time.Time) int64 {
	return t.Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Microseconds()
}

// rowsOf gives the rows of a log's seals until fn says no.
func rowsOf(ctx context.Context, e *audit.Evidence, fn func([]ledger.Row) (bool, error)) error {
	for after := int64(0); ; {
		page, err := e.Seals(ctx, after, sealPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, s := range page {
			rows, err := ledger.SplitRows(s.Rows)
			if err != nil {
				return err
			}
			if more, err := fn(rows); err != nil || !more {
				return err
			}
			after = s.Seq
		}
	}
}

func eventsOf(ctx context.Context, e *audit.Evidence, rows []ledger.Row) (map[uuid.UUID]ledger.Event, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	events, err := e.Events(ctx, ids)
	of := make(map[uuid.UUID]ledger.Event, len(events))
	for _, event := range events {
		of[event.ID] = event
	}
	return of, err
}

// note signs what may be gone and keeps the event of it (A1).
func (p *Prune) note(ctx context.Context, log *sealed, old prefix) (err error) {
	event := audit.New(p.Now(), p.Actor, audit.Execute, "audit-prune")
	event.Detail.Reason = fmt.Sprintf("removed=%d before=%s up_to=%d", old.present, p.Before.UTC().Format(time.RFC3339), old.size)
	note := audit.StoredPrune{}
	if old.size > old.noted {
		note.Seq, note.Before = old.size, p.Before
		note.Note, err = p.Key.Sign(ledger.Head{Origin: ledger.Pruned(log.origin), Size: uint64(old.size), Root: old.root, At: p.Now().UTC(), Before: p.Before})
		if err != nil {
			return err
		}
	}
	return audit.Pruning{Owner: p.Owner}.Note(ctx, log.schema, note, event)
}

// remove deletes the first events of a log, seal by seal.
func (p *Prune) remove(ctx context.Context, log *sealed, size int64) (removed int64, err error) {
	err = audit.Log{DB: p.DB}.Evidence(ctx, log.schema, func(e *audit.Evidence) error {
		left := size
		return rowsOf(ctx, e, func(rows []ledger.Row) (bool, error) {
			rows = rows[:min(int64(len(rows)), left)]
			ids := make([]uuid.UUID, len(rows))
			for i, r := range rows {
				ids[i] = r.ID
			}
			n, err := audit.Pruning{Owner: p.Owner}.Remove(ctx, log.schema, ids)
			removed, left = removed+n, left-int64(len(rows))
			return left > 0, err
		})
	})
	return removed, err
}
