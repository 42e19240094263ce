package audit

import (
	"context"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Span is when the events asked for happened: from From to before To. A zero time leaves that end open.
type Span struct{ From, To time.Time }

// bounds are a span for a statement.
func (s Span) bounds() (from, to any) {
	from, to = "-infinity", "infinity"
	if !s.From.IsZero() {
		from = s.From
	}
	if !s.To.IsZero() {
		to = s.To
	}
	return from, to
}

// atOnce is how many lines of a stream are in memory together.
const atOnce = 500

// within is the part of a log that a span asks for. The order is that of List; at decides, not the id's own time, because an event whose
// clock was another one must not be missed.
const within = `at >= $1::timestamptz and at < $2::timestamptz`

// Stream gives the events of a tenant's log in the span, from the oldest to the newest, as they stand in one moment: what is visible when it
// begins is there, each once, and what is committed later is not. begin is told how many there are before the first is given to each;
// an error of either ends it. The moment is kept open until it returns: vacuum waits for it.
// The zero Schema is the control log.
func (l Log) Stream(ctx context.Context, s postgres.Schema, span Span, begin func(count int64) error, each func(Line) error) error {
	return l.DB.Snapshot(ctx, s, func(at *postgres.Snapshot) error {
		if s == (postgres.Schema{}) {
			return stream(ctx, at.Control, `control.audit_event`, span, begin, each)
		}
		return stream(ctx, at.Tenant, `tenant.audit_event`, span, begin, each)
	})
}

// ask is how a snapshot is asked, of one schema or the other.
type ask func(ctx context.Context, sql string, args ...any) (pgx.Rows, error)

func stream(ctx context.Context, ask ask, table string, span Span, begin func(int64) error, each func(Line) error) error {
	from, to := span.bounds()
	rows, err := ask(ctx, `select count(*) from `+table+` where `+within, from, to)
	if err != nil {
		return err
	}
	count, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	if err := begin(count); err != nil {
		return err
	}
	for after := uuid.Nil; ; {
		rows, err := ask(ctx, selectLines+table+` where `+within+` and id > $3 order by id limit $4`, from, to, after, atOnce)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, scanLine)
		if err != nil {
			return err
		}
		for _, line := range lines {
			if err := each(line); err != nil {
				return err
			}
		}
		if len(lines) < atOnce {
			return nil
		}
		after = lines[len(lines)-1].ID
	}
}
