package audit

import (
	"context"
	"time"

	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Evidence is all that there is of one log at one moment: its events, and what was sealed of them.
type Evidence struct {
	snapshot *postgres.Snapshot
	id       int32
}

// Evidence runs fn on a log; the zero Schema is the control log's. Nothing can be changed in it.
func (l Log) Evidence(ctx context.Context, s postgres.Schema, fn func(*Evidence) error) error {
	return l.DB.Snapshot(ctx, s, func(snapshot *postgres.Snapshot) error { return fn(&Evidence{snapshot, s.ID}) })
}

// events asks in the log's own table of events.
func (e *Evidence) events(ctx context.Context, before, behind string, args ...any) (pgx.Rows, error) {
	if e.id == ControlLog {
		return e.snapshot.Control(ctx, before+`control.audit_event`+behind, args...)
	}
	return e.snapshot.Tenant(ctx, before+`tenant.audit_event`+behind, args...)
}

// Events gives those of these events that are there, in no order.
func (e *Evidence) Events(ctx context.Context, ids []uuid.UUID) ([]ledger.Event, error) {
	rows, err := e.events(ctx, stored, ` where id = any($1::text[]::uuid[])`, postgres.Texts(ids))
	return collected(rows, err, scanStored)
}

// IDs gives the events' ids, those behind one and from it on when from is true, at most limit.
func (e *Evidence) IDs(ctx context.Context, after uuid.UUID, from bool, limit int) ([]uuid.UUID, error) {
	rows, err := e.events(ctx, `select id from `, ` where id > $1::text::uuid or ($2 and id = $1::text::uuid) order by id limit $3`, after.String(), from, limit)
	return collected(rows, err, pgx.RowTo[uuid.UUID])
}

// Nameless is how many rows have no id, which only an owner can let be: no reader of the log shows them.
func (e *Evidence) Nameless(ctx context.Context) (int64, error) {
	rows, err := e.events(ctx, `select count(*) from `, ` where id is null`)
	if err != nil {
		return 0, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowTo[int64])
}

// Seals gives seals by the log's size after them, those behind one, at most limit.
func (e *Evidence) Seals(ctx context.Context, afterSeq int64, limit int) ([]StoredSeal, error) {
	rows, err := e.snapshot.Control(ctx, `select no, tenant_id, seq, n, timestamptz_send(at), rows, root, link from control.audit_seal
	  where tenant_id = $1 and seq > $2 order by seq limit $3`, e.id, afterSeq, limit)
	return collected(rows, err, scanStoredSeal)
}

func scanStoredSeal(r pgx.CollectableRow) (s StoredSeal, err error) {
	var at, root, link []byte
	err = r.Scan(&s.No, &s.TenantID, &s.Seq, &s.N, &at, &s.Rows, &root, &link)
	s.At, s.Root, s.Link = momentOf(at), hashOf(root), hashOf(link)
	return s, err
}

// momentOf reads a timestamptz as it is sent: in whatever session, and whatever it is.
func momentOf(b []byte) time.Time {
	var micros int64
	for _, one := range b {
		micros = micros<<8 | int64(one)
	}
	const from2000 = 946_684_800_000_000
	return time.UnixMicro(micros + from2000).UTC()
}

// Head is the newest head; found is false when there is none.
func (e *Evidence) Head(ctx context.Context) (h StoredHead, found bool, err error) {
	rows, err := e.snapshot.Control(ctx, selectHeads+`where h.tenant_id = $1`, e.id)
	heads, err := collected(rows, err, scanHead)
	if err != nil || len(heads) == 0 {
		return h, false, err
	}
	return heads[0], true, nil
}

// Days gives the heads of days in their order.
func (e *Evidence) Days(ctx context.Context) ([]StoredDay, error) {
	rows, err := e.snapshot.Control(ctx, `select tenant_id, day::text, note from control.audit_day where tenant_id = $1 order by day`, e.id)
	return collected(rows, err, pgx.RowToStructByPos[StoredDay])
}

// StoredPrune says that the first Seq events of a log may be gone, when its note does.
type StoredPrune struct {
	Seq int64
	// Before is what all of them were older than.
	Before time.Time
	Note   string
}

// Prunes gives what says which events may be gone, in order.
func (e *Evidence) Prunes(ctx context.Context) ([]StoredPrune, error) {
	rows, err := e.snapshot.Control(ctx, `select seq, timestamptz_send(before), note from control.audit_prune where tenant_id = $1 order by seq`, e.id)
	return collected(rows, err, func(r pgx.CollectableRow) (p StoredPrune, err error) {
		var before []byte
		err = r.Scan(&p.Seq, &before, &p.Note)
		p.Before = momentOf(before)
		return p, err
	})
}

// Notes gives the events that have a note for the sealer, behind one and from it on when from is true, at most limit.
func (e *Evidence) Notes(ctx context.Context, after uuid.UUID, from bool, limit int) ([]uuid.UUID, error) {
	rows, err := e.snapshot.Control(ctx, `select event_id from control.audit_pending where tenant_id = $1 and (event_id > $2::text::uuid or ($3 and event_id = $2::text::uuid))
	  order by event_id limit $4`, e.id, after.String(), from, limit)
	return collected(rows, err, pgx.RowTo[uuid.UUID])
}

func collected[T any](rows pgx.Rows, err error, scan pgx.RowToFunc[T]) ([]T, error) {
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scan)
}

// Numbers says whether the numbers of all seals are as they were given out.
type Numbers struct {
	// Seals is how many there are, Highest the highest number, Last what the sealer will go on from.
	Seals, Highest, Last int64
	// Strange are numbers of tenants that are not there and of which there are seals, heads or notes.
	Strange []int32
}

// Numbers looks at the seals of all logs at once.
func (l Log) Numbers(ctx context.Context) (n Numbers, err error) {
	err = l.DB.Control().QueryRow(ctx, `select count(*), coalesce(max(no), 0), coalesce((select no from control.audit_last), -1),
	  array(select tenant_id from (select tenant_id from control.audit_seal union select tenant_id from control.audit_head union select tenant_id from control.audit_day
	    union select tenant_id from control.audit_prune union select tenant_id from control.audit_pending) x
	    where tenant_id <> 0 and not exists (select from control.tenant t where t.id = x.tenant_id) order by 1 limit 100)
	  from control.audit_seal`).Scan(&n.Seals, &n.Highest, &n.Last, &n.Strange)
	return n, postgres.Unavailable(err)
}
