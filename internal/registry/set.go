package registry

import (
	"context"
	"fmt"
	"strings"

	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/samber/lo"
)

// ListQuery is a search for one patient's submission sets and folders: FindSubmissionSets and FindFolders of ITI-18, and ITI-66. It narrows
// by what every reader of a list sees, a masked one too; the rest is for who knows what the reader sees (package disclosure). Empty
// fields do not restrict.
type ListQuery struct {
	Patient document.PatientID
	// Kinds defaults to both, Statuses to approved only.
	Kinds    []document.ListKind
	Statuses []document.Status
	// Order is that of the answer; of its times, a list has submissionTime (a set) or lastUpdateTime (a folder).
	Order Order
	// Times bounds that time, from the first moment of what it was told to be.
	Times criteria.Span
	// After continues behind a position of the same order; Limit is the most lists to return, at least 1.
	After *Position
	Limit int
}

// OfList is where a submission set or folder stands in the order.
func (o Order) OfList(l document.List) Position {
	if o.Registered {
		return Position{At: l.Registered, ID: l.ID}
	}
	return Position{At: l.Time.At, ID: l.ID}
}

// listColumn is the order in SQL, of submission sets and folders.
func (o Order) listColumn() string {
	if o.Registered {
		return "s.registered_at"
	}
	return "s.submission_time"
}

// FindLists returns the lists in order.
func FindLists(ctx context.Context, tx *postgres.Tx, q ListQuery) ([]document.List, error) {
	sql, args := q.sql()
	return lists(ctx, tx, sql, args...)
}

// sql walks the index (patient, time, id) and stops at the limit.
func (q ListQuery) sql() (string, []any) {
	var args []any
	arg := func(v any) string { args = append(args, v); return fmt.Sprintf("$%d", len(args)) }
	var b strings.Builder
	b.WriteString(selectList + `where s.patient_id = ` + arg(q.Patient.CX()))
	statuses := q.Statuses
	if len(statuses) == 0 {
		statuses = []document.Status{document.Approved}
	}
	// Of the column itself the planner knows how many rows have a value, of its text it does not.
	b.WriteString(` and s.status = any(` + arg(letters(statuses)) + `::text[]::"char"[])`)
	if len(q.Kinds) > 0 {
		b.WriteString(` and s.kind = any(` + arg(letters(q.Kinds)) + `::text[]::"char"[])`)
	}
	if !q.Times.From.IsZero() {
		b.WriteString(` and s.submission_time >= ` + arg(q.Times.From))
	}
	if !q.Times.To.IsZero() {
		b.WriteString(` and s.submission_time < ` + arg(q.Times.To))
	}
	column, direction, after := q.Order.listColumn(), "desc", "<"
	if q.Order.Oldest {
		direction, after = "asc", ">"
	}
	if q.After != nil {
		b.WriteString(` and (` + column + `, s.id) ` + after + ` (` + arg(q.After.At) + `::timestamptz, ` + arg(q.After.ID.String()) + `::text::uuid)`)
	}
	b.WriteString(` order by ` + column + ` ` + direction + `, s.id ` + direction + ` limit ` + arg(q.Limit))
	return b.String(), args
}

func letters[T ~byte](of []T) []string {
	return lo.Map(of, func(b T, _ int) string { return string(rune(b)) })
}

// ListByID finds one submission set or folder; fault.ResourceNotFound when there is none.
func ListByID(ctx context.Context, tx *postgres.Tx, id uuid.UUID) (document.List, error) {
	found, err := ListsByID(ctx, tx, []uuid.UUID{id})
	if err == nil && len(found) == 0 {
		err = fault.New(fault.ResourceNotFound, "No submission set or folder with this id is registered here.")
	}
	if err != nil {
		return document.List{}, err
	}
	return found[0], nil
}

// ListsByID finds those that there are, in no order.
func ListsByID(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) ([]document.List, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return lists(ctx, tx, selectList+`where s.id = any($1::text[]::uuid[])`, postgres.Texts(ids))
}

// selectList keeps members that are there from deleted ones and, with a sign before the id, from those whose membership ended, and leaves out entries younger than their membership, which took over the id of
// a deleted one and may be another patient's.
const selectList = `select s.id, s.kind::text, s.unique_id, s.patient_id, s.status::text, s.source_id, s.content_type, s.codes, s.submission_time,
  s.registered_at, s.rest, coalesce(s.logical_id, s.id), s.version,
  s.status = 'D' and exists (select 1 from tenant.submission n where n.unique_id = s.unique_id and n.version > s.version),
  array(select a.target_id::text from tenant.association a join tenant.document_entry e on e.id = a.target_id
    where a.source_id = s.id and a.kind = 'M' and a.status = 'A' and e.status <> 'T' and e.registered_at <= a.registered_at order by a.id),
  array(select a.target_id::text from tenant.association a join tenant.submission f on f.id = a.target_id and f.kind = 'F'
    where a.source_id = s.id and a.kind = 'M' and a.status = 'A' order by a.id),
  array(select case when e.status = 'T' then '' else '-' end || a.target_id::text from tenant.association a join tenant.document_entry e on e.id = a.target_id
    where a.source_id = s.id and a.kind = 'M' and (a.status <> 'A' or e.status = 'T') and e.registered_at <= a.registered_at order by a.id)
  from tenant.submission s `

func lists(ctx context.Context, tx *postgres.Tx, sql string, args ...any) ([]document.List, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanList)
}

func scanList(r pgx.CollectableRow) (document.List, error) {
	var l document.List
	var kind, status, patient, content string
	var codes, members, folders, deleted []string
	var rest []byte
	err := r.Scan(&l.ID, &kind, &l.UniqueID, &patient, &status, &l.SourceID, &content, &codes, &l.Time.At, &l.Registered, &rest,
		&l.LogicalID, &l.Version, &l.Superseded, &members, &folders, &deleted)
	if err != nil {
		return l, err
	}
	l.Kind, l.Status, l.Codes = document.ListKind(kind[0]), document.Status(status[0]), parsed(codes)
	if content != "" && l.Kind == document.SubmissionSetKind {
		l.Codes = []document.Code{document.ParseToken(content)}
	}
	l.Members, l.Folders = idsOf(members), idsOf(folders)
	for _, text := range deleted {
		if left, ended := strings.CutPrefix(text, "-"); ended {
			l.Left = append(l.Left, uuid.MustParse(left))
		} else {
			l.Deleted = append(l.Deleted, uuid.MustParse(text))
		}
	}
	if l.Patient, err = document.ParseCX(patient); err != nil {
		return l, err
	}
	return l, decodeList(&l, rest)
}

func decodeList(l *document.List, text []byte) error {
	var rest setRest
	if err := unmarshal(text, &rest); err != nil {
		return err
	}
	l.Title, l.Comments, l.Authors, l.SourcePatient = rest.Title, rest.Comments, rest.Authors, rest.SourcePatient
	l.Time.Precision = lo.CoalesceOrEmpty(rest.Precision, document.Second)
	if l.Kind == document.FolderKind {
		l.Time.Precision = document.Milli
	}
	for i := range l.Codes {
		l.Codes[i].Display = lo.CoalesceOrEmpty(rest.Displays[l.Codes[i].Token()], rest.Display)
	}
	return nil
}

func idsOf(texts []string) []uuid.UUID {
	return lo.Map(texts, func(s string, _ int) uuid.UUID { return uuid.MustParse(s) })
}

// Members reads of the entries with these ids what decides who sees them: both ids, patient, status, confidentiality, class and creation time.
// Nothing else of them is filled.
func Members(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) ([]document.Entry, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `select id, unique_id, patient_id, status::text, confidentiality, class_code, creation_time, object_type::text, `+laterCodes+` from tenant.document_entry
	  where id = any($1::text[]::uuid[])`, postgres.Texts(ids))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (document.Entry, error) {
		var e document.Entry
		var patient, status, class, object string
		var confidentiality, later []string
		err := r.Scan(&e.ID, &e.UniqueID, &patient, &status, &confidentiality, &class, &e.Creation.At, &object, &later)
		if err != nil {
			return e, err
		}
		if e.OnDemand = object == onDemand; e.OnDemand {
			e.Creation = document.Time{}
		}
		e.Status, e.Confidentiality, e.Class = document.Status(status[0]), parsed(confidentiality), document.ParseToken(class)
		if later != nil {
			e.Later = parsed(later)
		}
		e.Patient, err = document.ParseCX(patient)
		return e, err
	})
}

// BroughtBy finds the submission set that has the uniqueId itself, or that brought the folder with it; uuid.Nil when there is none.
func BroughtBy(ctx context.Context, tx *postgres.Tx, uniqueID string) (set uuid.UUID, err error) {
	rows, err := tx.Query(ctx, `select case s.kind when 'S' then s.id else (select a.source_id from tenant.association a
	  join tenant.submission o on o.id = a.source_id and o.kind = 'S' where a.target_id = s.id and a.kind = 'M' order by a.id limit 1) end
	  from tenant.submission s where s.unique_id = $1 order by s.version limit 1`, uniqueID)
	if err != nil {
		return uuid.Nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.NullUUID])
	if len(found) == 0 {
		return uuid.Nil, err
	}
	return found[0].UUID, err
}
