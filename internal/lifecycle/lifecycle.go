// Package lifecycle is what happens to documents after their registration without anybody asking at a door: the bytes of a deleted
// document are removed (W3), Sweep removes what broken-off uploads left, and Fsck proves that rows, bytes and audit log agree.
//
// It promises that only bytes whose removal was decided and audited are removed, or bytes that no row names and from then on none can;
// that removal is tried until it succeeds and is recorded; and that Fsck changes nothing and names no patient. Retention and person
// events (L1-L6) come later.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// Objects is what the worker needs of the repository.
type Objects interface {
	Remove(ctx context.Context, s postgres.Schema, key uuid.UUID) error
	MarkGone(ctx context.Context, tx *postgres.Tx, key uuid.UUID, now time.Time) error
}

// Worker removes the bytes of deleted documents.
type Worker struct {
	river.WorkerDefaults[job.RemoveObject]
	DB      *postgres.DB
	Objects Objects
	Log     *slog.Logger
	// Done is told how each attempt ended, for metrics.
	Done func(error)
	Now  func() time.Time
	// Fail is nil but in tests.
	Fail *failpoint.Set
}

// Work does one job. The row is marked first and committed last: its lock keeps a second worker out, its state proves that the
// removal was decided, and when anything fails it still says "to be removed", so that the next attempt does it all again.
func (w *Worker) Work(ctx context.Context, j *river.Job[job.RemoveObject]) error {
	err := w.Fail.Reach(ctx, failpoint.RemovalBegin)
	if err == nil {
		err = w.remove(ctx, j.Args)
	}
	if err == nil {
		err = w.Fail.Reach(ctx, failpoint.RemovalEnd)
	}
	w.Done(err)
	if errors.Is(err, repository.ErrNoObject) {
		// Nobody decided this removal, so there is nothing to try again; an operator should know.
		w.Log.ErrorContext(ctx, "a removal that was never decided is refused", "operation", "job", "component", string(fault.Self), "error", err)
		return river.JobCancel(err)
	}
	if err != nil {
		return fmt.Errorf("removing a deleted document's bytes: %w", err)
	}
	return nil
}

func (w *Worker) remove(ctx context.Context, o job.RemoveObject) error {
	return w.DB.InTenant(ctx, o.Tenant(), func(tx *postgres.Tx) error {
		if err := w.Objects.MarkGone(ctx, tx, o.Key, w.Now().UTC()); err != nil {
			return err
		}
		if err := w.Fail.Reach(ctx, failpoint.RemovalMarked); err != nil {
			return err
		}
		if err := w.Objects.Remove(ctx, o.Tenant(), o.Key); err != nil {
			return err
		}
		return w.Fail.Reach(ctx, failpoint.RemovalRemoved)
	})
}
