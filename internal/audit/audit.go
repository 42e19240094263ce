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

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Action is the letter of CRUDE.
type Action byte

// Execute is administration and what only checks, such as $validate.
const (
	Create  Action = 'C'
	Read    Action = 'R'
	Update  Action = 'U'
	Delete  Action = 'D'
	Execute Action = 'E'
)

// Outcome tells how it ended.
type Outcome byte

// Denied is a rule's no; Failed is bad input or a part that did not work.
const (
	Success Outcome = 'S'
	Denied  Outcome = 'N'
	Failed  Outcome = 'F'
)

var outcomeNames = map[Outcome]string{Success: "success", Denied: "denied", Failed: "failed"}

// Actor is who did it and by which request.
type Actor struct {
	access.Caller
	// RequestID is ours; EventID is the caller's nhn-event-id and SourceSystem its nhn-source-system (R3).
	RequestID, EventID, SourceSystem string
}

// Operator is the actor of an administrative command: no token and no request, an account on a machine.
func Operator(account string) Actor {
	return Actor{Caller: access.Caller{Kind: access.Operator, Name: account}}
}

// Event is one operation. Zero fields were not part of it.
type Event struct {
	ID        uuid.UUID
	At        time.Time
	Action    Action
	Outcome   Outcome
	Operation string
	Actor     Actor
	// Patient is the identifier in CX form.
	Patient string
	Entry   uuid.UUID
	Detail  Detail
}

// Detail is what only some events have.
type Detail struct {
	Documents []Document `json:"documents,omitempty"`
	// Set is the submission set's id.
	Set string `json:"submission_set,omitempty"`
	// Folders are the ids of the folders that were made or got documents.
	Folders []string `json:"folders,omitempty"`
	// HomeCommunity is the one asked for, which on a refusal may be none of ours.
	HomeCommunity string `json:"home_community_id,omitempty"`
	// Rule and Code say what refused (business-rules.md id; fault code); Reason is the text the caller got.
	Rule   string `json:"rule,omitempty"`
	Code   string `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Query is a search's parameters, Hits the number of entries it listed and Masked how many of them were masked (C8).
	Query  string `json:"query,omitempty"`
	Hits   *int   `json:"hits,omitempty"`
	Masked int    `json:"masked,omitempty"`
	// BreakGlass is how many entries were listed, read or opened although NORS bars them, because the purpose is an emergency (C2).
	BreakGlass int `json:"break_glass,omitempty"`
	// Old and New are confidentiality codes of an update (W5).
	Old     []string `json:"old_confidentiality,omitempty"`
	New     []string `json:"new_confidentiality,omitempty"`
	Finding string   `json:"finding,omitempty"`
	Basis   string   `json:"access_basis,omitempty"`
	// Range is a partial opening's byte range.
	Range string `json:"range,omitempty"`
	// Facts is what a reading knew of the patient's death and address protection (L4, L5), and FactsAge how old that was, in whole seconds.
	Facts    string `json:"facts,omitempty"`
	FactsAge int    `json:"facts_age_s,omitempty"`
}

// What Detail.Facts says. Nothing is said where the patient's identifier is not a national one, or nobody is asked (P1).
const (
	// FactsFresh are no older than persontjenesten.fresh.
	FactsFresh = "fresh"
	// FactsStale are older, and were used because Persontjenesten was down.
	FactsStale = "stale"
	// FactsUnavailable is why it was refused.
	FactsUnavailable = "unavailable"
)

// Document is what an event says of a document.
type Document struct {
	Entry    string   `json:"entry_id,omitempty"`
	UniqueID string   `json:"unique_id,omitempty"`
	Type     string   `json:"type,omitempty"`
	Class    string   `json:"class,omitempty"`
	Conf     []string `json:"confidentiality,omitempty"`
	Size     int64    `json:"size,omitempty"`
}

// Name says which submission set or folder an event is about.
func (d *Detail) Name(l document.List) {
	if l.Kind == document.FolderKind {
		d.Folders = []string{l.ID.String()}
		return
	}
	d.Set = l.ID.String()
}

// Of is what an event says of an entry.
func Of(e document.Entry) Document {
	d := Document{Entry: e.ID.String(), UniqueID: e.UniqueID, Type: e.Type.Value, Class: e.Class.Value, Size: e.Size}
	for _, c := range e.Confidentiality {
		d.Conf = append(d.Conf, c.Value)
	}
	return d
}

// New begins an event with an id that sorts by time (UUIDv7).
func New(now time.Time, actor Actor, action Action, operation string) Event {
	return Event{ID: uuid.Must(uuid.NewV7()), At: now.UTC(), Action: action, Outcome: Success, Operation: operation, Actor: actor}
}

// Refused turns the event into that of a refusal: the outcome from the leading problem's kind, its code and rule. A rule that the
// event has already stays: it is one that the answer must not name, and it denied.
func (e Event) Refused(err error) Event {
	lead := fault.Of(err).Leading()
	if lead == nil {
		return e
	}
	e.Outcome = Failed
	if lead.Kind() == fault.Denied || lead.Kind() == fault.Unauthenticated || e.Detail.Rule != "" {
		e.Outcome = Denied
	}
	if e.Detail.Rule == "" {
		e.Detail.Rule = lead.Rule
	}
	e.Detail.Code, e.Detail.Reason = string(lead.Code), lead.Safe
	return e
}

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

// RecordControl writes one event that belongs to no tenant.
func (l Log) RecordControl(ctx context.Context, e Event) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeDeadline)
	defer cancel()
	args, err := e.args()
	if err != nil {
		return err
	}
	if _, err = l.DB.Control().Exec(ctx, `insert into control.`+insert, args...); err != nil {
		return postgres.Unavailable(fmt.Errorf("control audit: %w", err))
	}
	return nil
}
