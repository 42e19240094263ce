package audit

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Filter is what of a search the database can tell: what it leaves out is not searched for, what it lets through may be. Empty fields let
// everything through. It travels in cursors.
type Filter struct {
	// Span is when the events happened.
	Span Span
	// Patient is the identifier in CX form.
	Patient string
	// Actions and Outcomes are letters, Operations names.
	Actions, Outcomes, Operations []string
	// Agents are numbers or ids of whom any is the caller's: organisation, unit, supplier, health personnel, citizen, client.
	Agents []string
	// Things are texts of which any is the event's: identifier of a document, its entry, a submission set, a folder or the request, a patient's
	// without its authority, or the whole question of a search.
	Things []string
}

// narrow says that few of many events may pass, none of which an index finds.
func (f Filter) narrow() bool {
	return len(f.Actions)+len(f.Outcomes)+len(f.Operations)+len(f.Agents)+len(f.Things) > 0
}

// Found is a part of a log, from the newest to the oldest.
type Found struct {
	Lines []Line
	// Read is the event down to which, itself included, all were looked at. Done says that none is left below.
	Read uuid.UUID
	Done bool
}

// step is how many events one statement looks at, at most, when few of them may pass: nobody waits long for a search that finds little, and
// nobody else for the database.
const step = 5000

// drift is how far the time in an event's id may lie from the event's own: the id is made when the event is written down, which is after it
// began, and on a machine whose clock is nearly right.
const drift = time.Hour

// Find gives up to n events of the tenant that pass and come before an event (uuid.Max: from the newest on). The order is that of their ids, in
// which they were written down. There may be fewer than n though more follow: Done says whether.
func Find(ctx context.Context, tx *postgres.Tx, f Filter, before uuid.UUID, n int) (Found, error) {
	return f.find(ctx, tx, `tenant.audit_event`, before, n)
}

// FindControl is Find for events that belong to no tenant.
func (l Log) FindControl(ctx context.Context, f Filter, before uuid.UUID, n int) (Found, error) {
	found, err := f.find(ctx, l.DB.Control(), `control.audit_event`, before, n)
	return found, postgres.Unavailable(err)
}

// asking is what asks either schema: a tenant's transaction, or the control schema's pool.
type asking interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

func (f Filter) find(ctx context.Context, in asking, table string, before uuid.UUID, n int) (Found, error) {
	lowest, until := f.ids()
	if bytes.Compare(before[:], until[:]) > 0 {
		before = until
	}
	low := lowest
	if f.narrow() && f.Patient == "" {
		err := in.QueryRow(ctx, `select id from `+table+` where id < $1 and id >= $2 order by id desc offset $3 limit 1`, before, lowest, step-1).Scan(&low)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return Found{}, err
		}
	}
	rows, err := in.Query(ctx, selectLines+table+f.where()+` order by id desc limit $12`, f.args(before, low, n)...)
	if err != nil {
		return Found{}, err
	}
	lines, err := pgx.CollectRows(rows, scanLine)
	if err != nil {
		return Found{}, err
	}
	if len(lines) == n {
		return Found{Lines: lines, Read: lines[n-1].ID}, nil
	}
	return Found{Lines: lines, Read: low, Done: low == lowest}, nil
}

// where has the patient's index where a patient is named; everything else goes by id. The plan is made for the parameters at hand in tenants'
// connections, and in the control schema's may be one for any: the patient is not one of those that may be null.
func (f Filter) where() string {
	const others = ` and at >= $4::timestamptz and at < $5::timestamptz
	  and ($6::text[] is null or action::text = any($6::text[])) and ($7::text[] is null or outcome::text = any($7::text[]))
	  and ($8::text[] is null or operation = any($8::text[]))
	  and ($9::text[] is null or actor->>'organisation' = any($9::text[]) or actor->>'point_of_care' = any($9::text[]) or actor->>'supplier' = any($9::text[])
	    or actor->>'hpr' = any($9::text[]) or actor->>'client_id' = any($9::text[]) or actor->>'person_id' = any($9::text[]))
	  and ($10::text[] is null or entry_id::text = any($10::text[]) or actor->>'request_id' = any($10::text[]) or split_part(patient_id, '^', 1) = any($10::text[])
	    or detail->>'submission_set' = any($10::text[]) or detail->>'query' = any($10::text[]) or detail->'folders' ?| $10::text[] or detail @> any($11::text[]::jsonb[]))`
	if f.Patient != "" {
		return ` where patient_id = $3 and id < $1 and id >= $2` + others
	}
	return ` where $3::text is null and id < $1 and id >= $2` + others
}

func (f Filter) args(before, low uuid.UUID, n int) []any {
	from, to := f.Span.bounds()
	return []any{before, low, orNull(f.Patient), from, to, orAll(f.Actions), orAll(f.Outcomes), orAll(f.Operations), orAll(f.Agents), orAll(f.Things), f.documents(), n}
}

// orAll is null for none, which lets everything through.
func orAll(values []string) any {
	if len(values) == 0 {
		return nil
	}
	out := make([]string, len(values))
	for i, v := range values {
		out[i], _ = orNull(v).(string) // without what the database cannot hold
	}
	return out
}

// documents are what an event of a document with one of the identifiers holds, as JSON.
func (f Filter) documents() any {
	if len(f.Things) == 0 {
		return nil
	}
	var out []string
	for _, id := range f.Things {
		for _, d := range []Document{{Entry: id}, {UniqueID: id}} {
			text, err := json.Marshal(Detail{Documents: []Document{d}})
			if err == nil { // texts always can
				out = append(out, string(postgres.WithoutNUL(text)))
			}
		}
	}
	return out
}

// ids are the bounds of a search by time, the lower included. A patient's events are few and found without: theirs are looked through whole.
func (f Filter) ids() (lowest, until uuid.UUID) {
	until = uuid.Max
	if f.Patient != "" {
		return lowest, until
	}
	if !f.Span.From.IsZero() {
		lowest = idAt(f.Span.From.Add(-drift))
	}
	if !f.Span.To.IsZero() {
		until = idAt(f.Span.To.Add(drift))
	}
	return lowest, until
}

// idAt is below every UUIDv7 of that time and above all of earlier ones.
func idAt(t time.Time) (id uuid.UUID) {
	const ends = 1<<48 - 1
	binary.BigEndian.PutUint64(id[:8], uint64(min(max(t.UnixMilli(), 0), ends))<<16)
	return id
}

// ByID gives one event of the tenant; there is none when found is false.
func ByID(ctx context.Context, tx *postgres.Tx, id uuid.UUID) (line Line, found bool, err error) {
	return one(ctx, tx, `tenant.audit_event`, id)
}

// ControlByID is ByID for events that belong to no tenant.
func (l Log) ControlByID(ctx context.Context, id uuid.UUID) (line Line, found bool, err error) {
	line, found, err = one(ctx, l.DB.Control(), `control.audit_event`, id)
	return line, found, postgres.Unavailable(err)
}

func one(ctx context.Context, in asking, table string, id uuid.UUID) (Line, bool, error) {
	rows, err := in.Query(ctx, selectLines+table+` where id = $1`, id)
	if err != nil {
		return Line{}, false, err
	}
	lines, err := pgx.CollectRows(rows, scanLine)
	if err != nil || len(lines) == 0 {
		return Line{}, false, err
	}
	return lines[0], true, nil
}
