package lifecycle

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrSweeping means that another process is sweeping now.
var ErrSweeping = errors.New("another process is sweeping now")

// sweepLock is the advisory lock of whoever sweeps; any number does that nothing else in the database uses.
const sweepLock = 0x646c_7377_6565_70

// alone runs fn while no other process sweeps. Two sweeps at once would lose nothing and do the same work twice.
func alone(ctx context.Context, db *postgres.DB, fn func() error) error {
	return exclusive(ctx, db, sweepLock, ErrSweeping, func(holder) error { return fn() })
}

// holder is the connection that holds an advisory lock.
type holder = *pgxpool.Conn

// exclusive runs fn under an advisory lock; busy when another process holds it.
func exclusive(ctx context.Context, db *postgres.DB, lock int64, busy error, fn func(holder) error) error {
	conn, err := db.Control().Acquire(ctx)
	if err != nil {
		return postgres.Unavailable(err)
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1)`, lock).Scan(&mine); err != nil {
		return postgres.Unavailable(err)
	}
	if !mine {
		return busy
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		if _, err := conn.Exec(end, `select pg_advisory_unlock($1)`, lock); err != nil {
			_ = conn.Conn().Close(end) // the lock must not go back to the pool
		}
	}()
	return fn(conn)
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
