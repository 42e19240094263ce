package registry

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/samber/lo"
)

// Query is a search for one patient's entries, FindDocuments of ITI-18 and ITI-67. Empty fields do not restrict; the values of
// one field are alternatives.
type Query struct {
	Patient document.PatientID
	// Statuses defaults to approved only.
	Statuses []document.Status
	// Identifiers match entryUUID and both unique identifiers, without urn: prefixes.
	Identifiers []string
	// Classes and Types match the code; an empty system matches any.
	Classes, Types []document.Code
	// Created and Registered must all hold: creationTime, and the time we registered the entry.
	Created, Registered []Span
	// After continues below a position; Limit is the most entries to return, at least 1.
	After *Position
	Limit int
}

// Span is a half-open stretch of time; a zero bound is open.
type Span struct{ From, To time.Time }

// Position is a place in the order of every list: newest creation time first, then the larger id.
type Position struct {
	Creation time.Time
	ID       uuid.UUID
}

// PositionOf is where an entry stands in the order.
func PositionOf(e document.Entry) Position { return Position{e.Creation.At, e.ID} }

// Compare is negative when p comes earlier in the list than q.
func (p Position) Compare(q Position) int {
	if c := q.Creation.Compare(p.Creation); c != 0 {
		return c
	}
	return bytes.Compare(q.ID[:], p.ID[:])
}

// Find returns the entries in order. Tombstones are never found.
func Find(ctx context.Context, tx *postgres.Tx, q Query) ([]document.Entry, error) {
	sql, args := q.sql()
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEntry)
}

// sql selects per status and merges: each branch walks the index (patient, status, creation, id) and stops at the limit, where
// "status in (…)" would sort everything the patient has (spec/postgres.md §1).
func (q Query) sql() (string, []any) {
	var args []any
	arg := func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) }
	where := q.conditions(arg)
	limit := arg(q.Limit)
	statuses := lo.Uniq(lo.Filter(q.Statuses, func(s document.Status, _ int) bool { return s != document.Tombstone }))
	if len(statuses) == 0 {
		statuses = []document.Status{document.Approved}
	}
	const order = ` order by creation_time desc, id desc limit `
	var branches []string
	for _, s := range statuses {
		branches = append(branches, "("+selectEntry+`where status = `+arg(string(s))+`::text::"char"`+where+order+limit+")")
	}
	if len(branches) == 1 {
		return branches[0], args
	}
	return strings.Join(branches, " union all ") + order + limit, args
}

func (q Query) conditions(arg func(any) string) string {
	var b strings.Builder
	b.WriteString(` and patient_id = ` + arg(q.Patient.CX()))
	if len(q.Identifiers) > 0 {
		n := arg(q.Identifiers)
		b.WriteString(` and (id::text = any(` + n + `) or unique_id = any(` + n + `) or alias_id = any(` + n + `))`)
	}
	codes(&b, "class_code", q.Classes, arg)
	codes(&b, "type_code", q.Types, arg)
	spans(&b, "creation_time", q.Created, arg)
	spans(&b, "registered_at", q.Registered, arg)
	if q.After != nil {
		b.WriteString(` and (creation_time, id) < (` + arg(q.After.Creation) + `::timestamptz, ` + arg(q.After.ID.String()) + `::text::uuid)`)
	}
	return b.String()
}

func codes(b *strings.Builder, column string, wanted []document.Code, arg func(any) string) {
	if len(wanted) == 0 {
		return
	}
	whole := lo.FilterMap(wanted, func(c document.Code, _ int) (string, bool) { return c.Token(), c.System != "" })
	bare := lo.FilterMap(wanted, func(c document.Code, _ int) (string, bool) { return c.Value, c.System == "" })
	fmt.Fprintf(b, ` and (%s = any(%s) or split_part(%s, '^', 1) = any(%s))`, column, arg(whole), column, arg(bare))
}

func spans(b *strings.Builder, column string, wanted []Span, arg func(any) string) {
	for _, s := range wanted {
		if !s.From.IsZero() {
			b.WriteString(` and ` + column + ` >= ` + arg(s.From))
		}
		if !s.To.IsZero() {
			b.WriteString(` and ` + column + ` < ` + arg(s.To))
		}
	}
}
