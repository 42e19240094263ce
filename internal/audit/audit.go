// Package audit keeps one CRUDE event per operation (A1), refused and failed ones included.
//
// It promises that an event of something that was done is written in the transaction that did it, so that neither can be without
// the other; that an event of a refusal is written before the refusal is answered; and that no event is ever changed: there is
// no update or delete here, and the tenant's role has no right to either. Events hold patient identifiers; nothing else of the
// log does.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const insert = `audit_event (id, at, action, outcome, operation, patient_id, entry_id, actor, detail)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

// args are insert's parameters. An event of a hostile request must be kept whatever characters it brought.
func (e Event) args() ([]any, error) {
	actor, err := json.Marshal(actorRow(e.Actor))
	if err != nil {
		return nil, err
	}
	detail, err := json.Marshal(e.Detail)
	if err != nil {
		return nil, err
	}
	return []any{e.ID, e.At, string(e.Action), string(e.Outcome), e.Operation, orNull(e.Patient), idOrNull(e.Entry), postgres.WithoutNUL(actor), postgres.WithoutNUL(detail)}, nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\ufffd"), "\ufffd")
}

func idOrNull(id uuid.UUID) any {
	if id == uuid.Nil {
		return nil
	}
	return id
}

// Append queues the event on the operation's own batch and, for the sealer, the note that no seal covers it yet. The transaction
// of b commits both with the operation or neither.
func Append(tx *postgres.Tx, b *postgres.Batch, e Event) error {
	args, err := e.args()
	if err != nil {
		return err
	}
	b.Queue(nil, `insert into tenant.`+insert, args...)
	tx.Control(pending, tx.Schema.ID, e.ID)
	return nil
}

// AppendLast is Append for an event with nothing else to write beside it: it travels with its note and the commit, when the transaction's
// function has returned.
func AppendLast(tx *postgres.Tx, e Event) error {
	args, err := e.args()
	if err != nil {
		return err
	}
	tx.Last(`insert into tenant.`+insert, args...)
	tx.Control(pending, tx.Schema.ID, e.ID)
	return nil
}

// AppendAsOwner writes the event in a transaction of the owning role, which is administration's: the tenant's role may just be
// coming into being there.
func AppendAsOwner(ctx context.Context, tx pgx.Tx, s postgres.Schema, e Event) error {
	args, err := e.args()
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `insert into `+pgx.Identifier{s.Name}.Sanitize()+`.`+insert, args...); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, pending, s.ID, e.ID)
	return err
}

// pending is the note that no seal covers the event yet.
const pending = `insert into control.audit_pending (tenant_id, event_id) values ($1, $2)`

// Log writes events that stand alone: refusals, and what only reads.
type Log struct{ DB *postgres.DB }

// writeDeadline bounds an event of its own; it is not the request's, whose client may have gone.
const writeDeadline = 10 * time.Second

// Record writes one event in a tenant's log, whatever became of the request's context.
func (l Log) Record(ctx context.Context, s postgres.Schema, e Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeDeadline)
	defer cancel()
	return l.DB.InTenant(ctx, s, func(tx *postgres.Tx) error { return AppendLast(tx, e) })
}

// TenantEvent is one event and the tenant whose log it goes to.
type TenantEvent struct {
	Schema postgres.Schema
	Event  Event
}

// blockedAfter bounds how long the events of RecordAll wait for one tenant's log to be free.
const blockedAfter = time.Second

// RecordAll writes one event in the log of each of several tenants, whatever became of the request's context: all or none of them, in one
// transaction with one commit. A tenant whose log cannot be written fails all at once; the caller can then try them one by one. After
// postgres.ErrUnconfirmed they may be there already, and are refused as duplicates (postgres.IsDuplicate).
func (l Log) RecordAll(ctx context.Context, events []TenantEvent) error {
	if len(events) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeDeadline)
	defer cancel()
	var joint postgres.Joint
	for _, e := range events {
		args, err := e.Event.args()
		if err != nil {
			return err
		}
		joint.Queue(e.Schema, `insert into tenant.`+insert, args...)
		joint.Control(pending, e.Schema.ID, e.Event.ID)
	}
	return l.DB.Commit(ctx, &joint, blockedAfter)
}

// recordControl writes event and note in one statement.
const recordControl = `with note as (insert into control.audit_pending (tenant_id, event_id) values (0, $1)) insert into control.` + insert

// RecordControl writes one event that belongs to no tenant.
func (l Log) RecordControl(ctx context.Context, e Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeDeadline)
	defer cancel()
	args, err := e.args()
	if err != nil {
		return err
	}
	if _, err = l.DB.Control().Exec(ctx, recordControl, args...); err != nil {
		return postgres.Unavailable(fmt.Errorf("control audit: %w", err))
	}
	return nil
}
