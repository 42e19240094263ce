package audit

import (
	"context"
	"time"

	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// ControlLog is the number that seals have in place of a tenant's for the log of events that belong to no tenant.
const ControlLog int32 = 0

// Seal is one batch of events of one log that got their place in it.
type Seal struct {
	// No counts the seals of all logs without a gap, in the order in which they were committed: who has read up to it has missed none before.
	No int64
	// TenantID is ControlLog for events that belong to no tenant.
	TenantID int32
	// IDs are the batch's events in their order. Old ones may have been pruned from the log.
	IDs []uuid.UUID
	At  time.Time
}

// Sealed gives seals of all logs in their order, those behind afterNo (0: from the first), at most limit; one holds up to MaxSeal events.
func (l Log) Sealed(ctx context.Context, afterNo int64, limit int) ([]Seal, error) {
	rows, err := l.DB.Control().Query(ctx, `select no, tenant_id, at, rows from control.audit_seal where no > $1 order by no limit $2`, afterNo, limit)
	if err != nil {
		return nil, postgres.Unavailable(err)
	}
	seals, err := pgx.CollectRows(rows, scanSeal)
	return seals, postgres.Unavailable(err)
}

func scanSeal(r pgx.CollectableRow) (s Seal, err error) {
	var packed []byte
	if err := r.Scan(&s.No, &s.TenantID, &s.At, &packed); err != nil {
		return s, err
	}
	rows, err := ledger.SplitRows(packed)
	for _, row := range rows {
		s.IDs = append(s.IDs, row.ID)
	}
	return s, err
}

// MaxSeal is how many events one seal holds at most.
const MaxSeal = 2000

// SignedHead is a log's head as it was signed, and the log's number, by which pages go on.
type SignedHead struct {
	TenantID int32
	Note     string
}

// SignedHeads gives the newest head of each log behind a number (-1: from the first), at most limit.
func (l Log) SignedHeads(ctx context.Context, after int32, limit int) ([]SignedHead, error) {
	return l.heads(ctx, `select tenant_id, note from control.audit_head where tenant_id > $1 order by tenant_id limit $2`, after, limit)
}

// DayHeads gives the heads of a day (2006-01-02), as SignedHeads does. A day that is not over has none.
func (l Log) DayHeads(ctx context.Context, day string, after int32, limit int) ([]SignedHead, error) {
	return l.heads(ctx, `select tenant_id, note from control.audit_day where tenant_id > $1 and day = $3::text::date order by tenant_id limit $2`, after, limit, day)
}

func (l Log) heads(ctx context.Context, sql string, args ...any) ([]SignedHead, error) {
	rows, err := l.DB.Control().Query(ctx, sql, args...)
	heads, err := collected(rows, err, pgx.RowToStructByPos[SignedHead])
	return heads, postgres.Unavailable(err)
}
