package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/job"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

const (
	// DefaultGrace is the age at which an object without a row is an orphan rather than an upload on its way.
	DefaultGrace = 24 * time.Hour
	// SafeGrace is below what nobody should go: an upload may take many minutes from its first object to its commit. A shorter one
	// loses no document, but makes such an upload fail.
	SafeGrace = time.Hour
)

// Action is what a sweep does, or would do.
type Action string

// Orphans are removed, lost removals queued again, unknown prefixes only told of.
const (
	Removed Action = "removed"
	Queued  Action = "queued-again"
	Ignored Action = "ignored"
)

// Swept is one object a sweep dealt with, or would have.
type Swept struct {
	Tenant string `json:"tenant"`
	Action Action `json:"action"`
	// DryRun tells that nothing was done.
	DryRun bool   `json:"dry_run"`
	Object string `json:"object,omitempty"`
	// Size is in bytes; Put is when the store got the object.
	Size int64     `json:"size,omitempty"`
	Put  time.Time `json:"put,omitzero"`
	// Detail is of what has no tenant.
	Detail string `json:"detail,omitempty"`
}

// Sweep removes what uploads that never committed left in the store, and queues lost removals again. Everything but Told,
// Progress and Fail is needed.
type Sweep struct {
	DB      *postgres.DB
	Tenants tenant.Directory
	Objects *repository.Repository
	Queue   *job.Queue
	// Actor is who the audit log says swept.
	Actor audit.Actor
	// Grace is the age from which an object without a row is removed.
	Grace time.Duration
	// DryRun tells and does nothing.
	DryRun bool
	Now    func() time.Time
	// Told hears of each object, Progress from time to time what share of the tenants is done.
	Told     func(Swept)
	Progress func(Progress)
	// Fail is nil but in tests.
	Fail *failpoint.Set
}

// SweepReport sums a sweep up; of a dry run, what it would have done.
type SweepReport struct {
	Tenants, Removed, Queued, Ignored int
	// Bytes is the size of what was removed.
	Bytes int64
}

// Run sweeps one tenant by its short name, or all, one after another. ErrSweeping when another process sweeps. Other errors tell what
// could not be swept; the rest has been.
func (s *Sweep) Run(ctx context.Context, only string) (SweepReport, error) {
	if s.Grace < 0 {
		return SweepReport{}, errors.New("lifecycle: the grace period must not be negative")
	}
	if s.DryRun {
		return s.run(ctx, only)
	}
	var report SweepReport
	err := alone(ctx, s.DB, func() (err error) {
		report, err = s.run(ctx, only)
		return err
	})
	return report, err
}

func (s *Sweep) run(ctx context.Context, only string) (SweepReport, error) {
	schemas, err := s.Objects.Schemas(ctx) // before the tenants: one that is made meanwhile is not unknown
	if err != nil {
		return SweepReport{}, err
	}
	tenants, err := chosen(ctx, s.Tenants, only)
	if err != nil {
		return SweepReport{}, err
	}
	w := &sweeping{Sweep: s, before: s.Now().Add(-s.Grace), report: SweepReport{Tenants: len(tenants)}}
	if only == "" {
		for _, name := range unknown(schemas, tenants) {
			w.report.Ignored++
			w.tell(Swept{Action: Ignored, Detail: "objects under " + name + ", which is no tenant's schema"})
		}
	}
	var failures []error
	for i, t := range tenants {
		if err := w.tenant(ctx, t); err != nil {
			failures = append(failures, fmt.Errorf("tenant %q could not be swept to the end: %w", t.Name, err))
		}
		if s.Progress != nil {
			s.Progress(Progress{Share: float64(i+1) / float64(len(tenants)), Objects: w.seen, Findings: w.report.Removed + w.report.Queued})
		}
	}
	return w.report, errors.Join(failures...)
}

// sweeping is one run of a Sweep.
type sweeping struct {
	*Sweep
	before time.Time
	report SweepReport
	seen   int
}

func (w *sweeping) tell(s Swept) {
	if w.Told != nil {
		s.DryRun = w.DryRun
		w.Told(s)
	}
}

// tenant queues lost removals again and then removes orphans, so many at a time.
func (w *sweeping) tenant(ctx context.Context, t tenant.Tenant) (err error) {
	ctx, ended := obs.Span(ctx, "sweep tenant")
	defer func() { ended(err) }()
	if err := w.requeue(ctx, t); err != nil {
		return err
	}
	var orphans []repository.Held
	_, err = walk(ctx, w.DB, w.Objects, t.Schema(), func(p place) error {
		w.seen++
		if !p.orphan(w.before) {
			return nil
		}
		at, size := p.put()
		if orphans = append(orphans, repository.Held{Key: p.key, Size: size, Put: at}); len(orphans) < pageSize {
			return nil
		}
		err := w.remove(ctx, t, orphans)
		orphans = orphans[:0]
		return err
	})
	if err != nil {
		return err
	}
	return w.remove(ctx, t, orphans)
}

func (w *sweeping) requeue(ctx context.Context, t tenant.Tenant) error {
	return eachLostRemoval(ctx, w.DB, w.Queue, t.Schema(), func(tx *postgres.Tx, key uuid.UUID) error {
		if !w.DryRun {
			if err := w.Queue.InsertRemove(ctx, tx, key); err != nil {
				return err
			}
		}
		w.report.Queued++
		w.tell(Swept{Tenant: t.Name, Action: Queued, Object: key.String()})
		return nil
	})
}

// remove claims orphans and writes the audit event, commits, and only then removes: bytes removed in a transaction that is then rolled
// back could be an upload's that commits after all. When the process ends in between, the rows say Gone and the next sweep does
// the rest.
func (w *sweeping) remove(ctx context.Context, t tenant.Tenant, orphans []repository.Held) error {
	if w.DryRun || len(orphans) == 0 {
		w.count(t, orphans)
		return nil
	}
	var claimed []repository.Held
	err := w.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) error {
		event := audit.New(w.Now(), w.Actor, audit.Execute, "sweep")
		keys, err := w.Objects.Claim(ctx, tx, orphans, event.ID, event.At)
		if err != nil || len(keys) == 0 {
			return err
		}
		claimed = only(orphans, keys)
		event.Detail.HomeCommunity = t.HomeCommunity
		event.Detail.Reason = fmt.Sprintf("removed=%d bytes=%d grace=%s", len(claimed), bytesOf(claimed), w.Grace)
		b := tx.Batch()
		if err := audit.Append(tx, b, event); err != nil {
			return err
		}
		if err := b.Send(ctx); err != nil {
			return err
		}
		return w.Fail.Reach(ctx, failpoint.SweepClaimed)
	})
	if err == nil {
		err = w.Fail.Reach(ctx, failpoint.SweepCommitted)
	}
	if err != nil {
		return err
	}
	return w.erase(ctx, t, claimed)
}

// erase removes from the store what is claimed, to the first failure: the next sweep finds the rest.
func (w *sweeping) erase(ctx context.Context, t tenant.Tenant, claimed []repository.Held) error {
	for i, o := range claimed {
		err := w.Objects.Remove(ctx, t.Schema(), o.Key)
		if err == nil {
			err = w.Fail.Reach(ctx, failpoint.SweepRemoved)
		}
		if err != nil {
			w.count(t, claimed[:i])
			return err
		}
	}
	w.count(t, claimed)
	return nil
}

func (w *sweeping) count(t tenant.Tenant, gone []repository.Held) {
	w.report.Removed += len(gone)
	w.report.Bytes += bytesOf(gone)
	for _, o := range gone {
		w.tell(Swept{Tenant: t.Name, Action: Removed, Object: o.Key.String(), Size: o.Size, Put: o.Put})
	}
}

func only(all []repository.Held, keys []uuid.UUID) (out []repository.Held) {
	wanted := map[uuid.UUID]bool{}
	for _, key := range keys {
		wanted[key] = true
	}
	for _, o := range all {
		if wanted[o.Key] {
			out = append(out, o)
		}
	}
	return out
}

func bytesOf(all []repository.Held) (n int64) {
	for _, o := range all {
		n += o.Size
	}
	return n
}
