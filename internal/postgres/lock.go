package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Holder is the control connection that holds an advisory lock: what runs on it is done by the one who has the lock, or fails.
type Holder = *pgxpool.Conn

// unlockDeadline bounds giving an advisory lock back.
const unlockDeadline = 3 * time.Second

// Exclusive runs fn while no other process holds the advisory lock of this number, or returns busy at once. Each user has a number that nothing else
// in the database uses.
func (db *DB) Exclusive(ctx context.Context, lock int64, busy error, fn func(Holder) error) error {
	conn, err := db.control.Acquire(ctx)
	if err != nil {
		return Unavailable(err)
	}
	defer conn.Release()
	var mine bool
	if err := conn.QueryRow(ctx, `select pg_try_advisory_lock($1)`, lock).Scan(&mine); err != nil {
		return Unavailable(err)
	}
	if !mine {
		return busy
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), unlockDeadline)
		defer cancel()
		if _, err := conn.Exec(end, `select pg_advisory_unlock($1)`, lock); err != nil {
			_ = conn.Conn().Close(end) // the lock must not go back to the pool
		}
	}()
	return fn(conn)
}
