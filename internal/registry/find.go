package registry

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/samber/lo"
)

// Query is what of a search the index answers, for one patient: it holds nothing but what is shown of an entry to everybody who is shown
// it at all. What else a search asks for is compared with what its reader may see (package disclosure), not here: a database that
// compares hidden values tells of them.
type Query struct {
	Patient document.PatientID
	// Statuses defaults to approved only.
	Statuses []document.Status
	// Order is that of the answer.
	Order Order
	// Classes, when not nil, are the only classes wanted: what a reader's legal basis leaves out of every list (C6). A mask shows the class too.
	Classes []document.Code
	// Created bounds creationTime, from the first moment of what it was told to be.
	Created criteria.Span
	// After continues behind a position of the same order; Limit is the most entries to return, at least 1.
	After *Position
	Limit int
}

// Order is how a list stands; the zero value is the usual one, newest creationTime first, and the only one that an index gives.
type Order struct {
	// Registered goes by the time we registered the entry instead of its creationTime.
	Registered bool `json:"r,omitempty"`
	// Oldest comes first.
	Oldest bool `json:"o,omitempty"`
}

// column and direction are the order in SQL.
func (o Order) column() string {
	if o.Registered {
		return "registered_at"
	}
	return "creation_time"
}

func (o Order) direction() (word, after string) {
	if o.Oldest {
		return "asc", ">"
	}
	return "desc", "<"
}

// Position is a place in a list: the time it goes by, and then the id.
type Position struct {
	At time.Time
	ID uuid.UUID
	// Tenant is whose thing it is, where the list goes over several.
	Tenant int32 `json:"T,omitempty"`
}

// Of is where an entry stands in the order.
func (o Order) Of(e document.Entry) Position {
	if o.Registered {
		return Position{At: e.Registered, ID: e.ID}
	}
	return Position{At: listedAt(e), ID: e.ID}
}

// Before is the place right before p: what follows it begins with p itself.
func (o Order) Before(p Position) Position {
	step, from, beyond, tick := byte(1), byte(0xff), uuid.Nil, time.Microsecond // the finest that is kept
	if o.Oldest {
		step, from, beyond, tick = 0xff, 0, uuid.Max, -time.Microsecond
	}
	for i := len(p.ID) - 1; i >= 0; i-- {
		carry := p.ID[i] == from
		if p.ID[i] += step; !carry {
			return p
		}
	}
	p.ID, p.At = beyond, p.At.Add(tick)
	return p
}

// Compare is negative when p comes earlier in the list than q.
func (o Order) Compare(p, q Position) int {
	c := cmp.Or(q.At.Compare(p.At), bytes.Compare(q.ID[:], p.ID[:]))
	if o.Oldest {
		return -c
	}
	return c
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
	direction, _ := q.Order.direction()
	order := " order by " + q.Order.column() + " " + direction + ", id " + direction + " limit "
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
	b := ` and patient_id = ` + arg(q.Patient.CX())
	if q.Classes != nil {
		b += ` and class_code = any(` + arg(tokens(q.Classes)) + `::text[])`
	}
	if !q.Created.From.IsZero() {
		b += ` and creation_time >= ` + arg(q.Created.From)
	}
	if !q.Created.To.IsZero() {
		b += ` and creation_time < ` + arg(q.Created.To)
	}
	if q.After != nil {
		_, after := q.Order.direction()
		b += ` and (` + q.Order.column() + `, id) ` + after + ` (` + arg(q.After.At) + `::timestamptz, ` + arg(q.After.ID.String()) + `::text::uuid)`
	}
	return b
}
