package postgres

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Use is how busy the connections of one kind are.
type Use struct {
	// Kind is "control", "tenant" (all the pools that tenants are spread over, together) or "joint".
	Kind             string
	InUse, Idle, Max int
	// Waits is how often somebody had to wait for a connection, GivenUp how often in vain; Waited how long in all.
	Waits, GivenUp int64
	Waited         time.Duration
}

func (u *Use) add(s *pgxpool.Stat) {
	u.InUse, u.Idle, u.Max = u.InUse+int(s.AcquiredConns()), u.Idle+int(s.IdleConns()), u.Max+int(s.MaxConns())
	u.Waits, u.GivenUp, u.Waited = u.Waits+s.EmptyAcquireCount(), u.GivenUp+s.CanceledAcquireCount(), u.Waited+s.EmptyAcquireWaitTime()
}

// Uses are those of all kinds of pools, for metrics (A3).
func (db *DB) Uses() []Use {
	uses := []Use{{Kind: "control"}, {Kind: "tenant"}, {Kind: "joint"}}
	uses[0].add(db.control.Stat())
	for _, p := range db.tenants {
		uses[1].add(p.Stat())
	}
	uses[2].add(db.joint.Stat())
	return uses
}
