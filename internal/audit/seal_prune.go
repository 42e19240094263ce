package audit

import (
	"context"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Pruning writes, as the owning role, what retention takes away; the service's roles cannot.
type Pruning struct{ Owner *postgres.Owner }

// Note says that the first events of a log may be gone (none when its Seq is 0), and keeps the event of it, in one transaction. The zero Schema
// is the control log's.
func (p Pruning) Note(ctx context.Context, s postgres.Schema, note StoredPrune, e Event) error {
	return postgres.Unavailable(pgx.BeginFunc(ctx, p.Owner.Pool(), func(tx pgx.Tx) error {
		if note.Seq > 0 {
			if _, err := tx.Exec(ctx, `insert into control.audit_prune (tenant_id, seq, before, note) values ($1, $2, $3, $4)`, s.ID, note.Seq, note.Before, note.Note); err != nil {
				return err
			}
		}
		if s.ID != ControlLog {
			return AppendAsOwner(ctx, tx, s, e)
		}
		args, err := e.args()
		if err == nil {
			_, err = tx.Exec(ctx, recordControl, args...)
		}
		return err
	}))
}

// Now is the time by the database's clock.
func (p Pruning) Now(ctx context.Context) (now time.Time, err error) {
	err = p.Owner.Pool().QueryRow(ctx, `select clock_timestamp()`).Scan(&now)
	return now, postgres.Unavailable(err)
}

// Remove deletes events, which a note of Note must cover, and returns how many there were.
func (p Pruning) Remove(ctx context.Context, s postgres.Schema, ids []uuid.UUID) (int64, error) {
	table := pgx.Identifier{s.Name, "audit_event"}
	if s.ID == ControlLog {
		table[0] = "control"
	}
	tag, err := p.Owner.Pool().Exec(ctx, `delete from `+table.Sanitize()+` where id = any($1::text[]::uuid[])`, postgres.Texts(ids))
	return tag.RowsAffected(), postgres.Unavailable(err)
}

// PrunedBefore is the time before which a log's events may be gone; the zero time when none may.
func (l Log) PrunedBefore(ctx context.Context, tenantID int32) (before time.Time, err error) {
	err = l.DB.Control().QueryRow(ctx, `select coalesce(max(before), timestamptz '0001-01-01T00:00:00Z') from control.audit_prune where tenant_id = $1`, tenantID).Scan(&before)
	return before, postgres.Unavailable(err)
}
