package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
)

// ErrSweeping means that another process is sweeping now.
var ErrSweeping = errors.New("another process is sweeping now")

// sweepLock is the advisory lock of whoever sweeps; any number does that nothing else in the database uses.
const sweepLock = 0x646c_7377_6565_70

// alone runs fn while no other process sweeps. Two sweeps at once would lose nothing and do the same work twice.
func alone(ctx context.Context, db *postgres.DB, fn func() error) error {
	return db.Exclusive(ctx, sweepLock, ErrSweeping, func(postgres.Holder) error { return fn() })
}

// Repeat sweeps all tenants for the first time after the pause first and then once every so often, until ctx ends. Any number of
// replicas may do it: one at a time sweeps, and what it leaves is left to the next round.
func (s *Sweep) Repeat(ctx context.Context, first, every time.Duration, log *slog.Logger) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		begin := s.Now()
		report, err := s.Run(ctx, "")
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrSweeping):
			log.InfoContext(ctx, "another replica sweeps the object store", "operation", "sweep", "component", string(fault.Self))
		case err != nil:
			log.WarnContext(ctx, "the object store could not be swept to the end", "operation", "sweep", "component", string(fault.PartOf(err)), "error", err)
		case report != (SweepReport{Tenants: report.Tenants}):
			log.InfoContext(ctx, "orphans were swept from the object store", "operation", "sweep", "component", string(fault.Self), "duration_ms", s.Now().Sub(begin).Milliseconds())
		}
		timer.Reset(every)
	}
}
