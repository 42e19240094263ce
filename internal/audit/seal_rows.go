package audit

import (
	"context"
	"math"
	"slices"

	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Note says that no seal covers an event yet.
type Note struct {
	TenantID int32
	Event    uuid.UUID
}

// Pending lists notes by tenant and event, those behind one (the zero Note: from the first), at most limit.
func (l Log) Pending(ctx context.Context, after Note, limit int) ([]Note, error) {
	rows, err := l.DB.Control().Query(ctx, `select tenant_id, event_id from control.audit_pending where (tenant_id, event_id) > ($1, $2::text::uuid)
	  order by tenant_id, event_id limit $3`, after.TenantID, after.Event.String(), limit)
	if err != nil {
		return nil, postgres.Unavailable(err)
	}
	notes, err := pgx.CollectRows(rows, scanNote)
	return notes, postgres.Unavailable(err)
}

func scanNote(r pgx.CollectableRow) (n Note, err error) {
	err = r.Scan(&n.TenantID, &n.Event)
	return n, err
}

// stored is every column of an event, in a form that does not depend on the session's settings.
const stored = `select id, timestamptz_send(at), charsend(action), charsend(outcome), operation, patient_id, entry_id, actor::text, detail::text from `

func scanStored(r pgx.CollectableRow) (e ledger.Event, err error) {
	var at, action, outcome []byte
	var operation *string
	if err := r.Scan(&e.ID, &at, &action, &outcome, &operation, &e.PatientID, &e.EntryID, &e.Actor, &e.Detail); err != nil {
		return e, err
	}
	for _, b := range at {
		e.At = e.At<<8 | int64(b)
	}
	if at == nil { // NULL, which only an owner can let be; -infinity has the number before it
		e.At = math.MinInt64 + 1
	}
	if operation != nil {
		e.Operation = *operation
	}
	e.Action, e.Outcome = letter(action), letter(outcome)
	return e, nil
}

// letter is that of a column of one, and 0 for NULL, which only an owner can let be: no event is written with it.
func letter(b []byte) byte {
	if len(b) == 0 {
		return 0
	}
	return b[0]
}

// Leaves are the leaf hashes of stored events.
type Leaves map[Note]ledger.Hash

// Leaves reads the events of one tenant's notes as they are stored; those that are not there are left out. The zero Schema is the control
// log's.
func (l Log) Leaves(ctx context.Context, of map[postgres.Schema][]uuid.UUID) (Leaves, error) {
	found := Leaves{}
	var asked []postgres.Question
	for schema, ids := range of {
		scan := func(rows pgx.Rows) error {
			events, err := pgx.CollectRows(rows, scanStored)
			for _, e := range events {
				found[Note{schema.ID, e.ID}] = e.Leaf()
			}
			return err
		}
		const sql = ` where id = any($1::text[]::uuid[])`
		if schema.ID != ControlLog {
			asked = append(asked, postgres.Question{Schema: schema, SQL: stored + `tenant.audit_event` + sql, Args: []any{postgres.Texts(ids)}, Scan: scan})
			continue
		}
		rows, err := l.DB.Control().Query(ctx, stored+`control.audit_event`+sql, postgres.Texts(ids))
		if err == nil {
			err = scan(rows)
		}
		if err != nil {
			return nil, postgres.Unavailable(err)
		}
	}
	slices.SortFunc(asked, func(a, b postgres.Question) int { return int(a.Schema.ID - b.Schema.ID) })
	return found, l.DB.Gather(ctx, asked)
}
