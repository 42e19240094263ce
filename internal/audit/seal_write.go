package audit

import (
	"bytes"
	"context"
	"errors"
	"time"

	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// sealerRole may write seals; nothing but Sealing takes it.
const sealerRole = "dl_sealer"

// Sealing is the one transaction in which seals are written.
type Sealing struct {
	tx pgx.Tx
	no int64
}

// sealPatience is how long a sealer waits for another's lock.
const sealPatience = 10 * time.Second

// Sealing runs fn in a transaction that alone, of all replicas, may give out numbers. No writer of events waits for it, nor it for them.
func (l Log) Sealing(ctx context.Context, fn func(*Sealing) error) error {
	return l.DB.AsRole(ctx, sealerRole, sealPatience, func(tx pgx.Tx) error {
		s := &Sealing{tx: tx}
		if err := tx.QueryRow(ctx, `select no from control.audit_last for update`).Scan(&s.no); err != nil {
			return err
		}
		return fn(s)
	})
}

// StoredSeal is a seal as it is stored. Its rows are ledger.SplitRows'.
type StoredSeal struct {
	ledger.Batch
	Rows []byte
	Link ledger.Hash
}

// StoredHead is the newest head of a log as it is stored: the signed note, and what it takes to go on from it.
type StoredHead struct {
	TenantID int32
	Seq      int64
	Nodes    []byte
	Link     ledger.Hash
	// DayNote is the hash of the log's last day's head, zero before the first.
	DayNote ledger.Hash
	Note    string
	// Sealed is the log's size after its last seal, as it is read; it is not written.
	Sealed int64
}

// StoredDay is the head of a log at the end of a day, as it is stored.
type StoredDay struct {
	TenantID int32
	// Day is as 2006-01-02.
	Day, Note string
}

const selectHeads = `select h.tenant_id, h.seq, h.nodes, h.link, h.day_note, h.note,
  coalesce((select max(seq) from control.audit_seal s where s.tenant_id = h.tenant_id), 0) from control.audit_head h `

// hashOf reads a hash as it is stored. One of another length is none that was written here, and agrees with nothing.
func hashOf(b []byte) (h ledger.Hash) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

func scanHead(r pgx.CollectableRow) (h StoredHead, err error) {
	var link, day []byte
	err = r.Scan(&h.TenantID, &h.Seq, &h.Nodes, &link, &day, &h.Note, &h.Sealed)
	h.Link, h.DayNote = hashOf(link), hashOf(day)
	return h, err
}

// Heads gives the newest head of each of these logs that has one.
func (s *Sealing) Heads(ctx context.Context, tenants []int32) (map[int32]StoredHead, error) {
	rows, err := s.tx.Query(ctx, selectHeads+`where h.tenant_id = any($1)`, tenants)
	if err != nil {
		return nil, err
	}
	heads, err := pgx.CollectRows(rows, scanHead)
	of := map[int32]StoredHead{}
	for _, h := range heads {
		of[h.TenantID] = h
	}
	return of, err
}

// Began tells which of these logs have been sealed before, or have had a day's head: one that has no head then has lost it.
func (s *Sealing) Began(ctx context.Context, tenants []int32) (map[int32]bool, error) {
	rows, err := s.tx.Query(ctx, `select t from unnest($1::int[]) t where exists (select from control.audit_seal where tenant_id = t)
	  or exists (select from control.audit_day where tenant_id = t)`, tenants)
	if err != nil {
		return nil, err
	}
	began, err := pgx.CollectRows(rows, pgx.RowTo[int32])
	of := map[int32]bool{}
	for _, t := range began {
		of[t] = true
	}
	return of, err
}

// Take removes notes and returns those that were there: another sealer may have been faster.
func (s *Sealing) Take(ctx context.Context, notes []Note) ([]Note, error) {
	tenants, events := make([]int32, len(notes)), make([]string, len(notes))
	for i, n := range notes {
		tenants[i], events[i] = n.TenantID, n.Event.String()
	}
	rows, err := s.tx.Query(ctx, `with taken as (delete from control.audit_pending p using unnest($1::int[], $2::text[]::uuid[]) as n (tenant_id, event_id)
	  where p.tenant_id = n.tenant_id and p.event_id = n.event_id returning p.tenant_id, p.event_id)
	  select tenant_id, event_id from taken order by tenant_id, event_id`, tenants, events)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanNote)
}

// Next is the number of the next seal.
func (s *Sealing) Next() int64 {
	s.no++
	return s.no
}

// Write stores seals and the heads that they led to: few statements, however many logs they are of.
func (s *Sealing) Write(ctx context.Context, seals []StoredSeal, heads []StoredHead) error {
	var no, seq []int64
	var tenants, n []int32
	var at []time.Time
	var rows, roots, links [][]byte
	for _, seal := range seals {
		no, tenants, seq, n, at = append(no, seal.No), append(tenants, seal.TenantID), append(seq, seal.Seq), append(n, seal.N), append(at, seal.At)
		rows, roots, links = append(rows, seal.Rows), append(roots, bytes.Clone(seal.Root[:])), append(links, bytes.Clone(seal.Link[:]))
	}
	b := &pgx.Batch{}
	b.Queue(`insert into control.audit_seal (no, tenant_id, seq, n, at, rows, root, link)
	  select * from unnest($1::bigint[], $2::int[], $3::bigint[], $4::int[], $5::timestamptz[], $6::bytea[], $7::bytea[], $8::bytea[])`,
		no, tenants, seq, n, at, rows, roots, links)
	queueHeads(b, heads)
	b.Queue(`update control.audit_last set no = $1`, s.no)
	return s.tx.SendBatch(ctx, b).Close()
}

func queueHeads(b *pgx.Batch, heads []StoredHead) {
	var tenants []int32
	var seq []int64
	var nodes, links, days [][]byte
	var notes []string
	for _, h := range heads {
		var day []byte
		if h.DayNote != (ledger.Hash{}) {
			day = bytes.Clone(h.DayNote[:])
		}
		tenants, seq, nodes, links = append(tenants, h.TenantID), append(seq, h.Seq), append(nodes, h.Nodes), append(links, bytes.Clone(h.Link[:]))
		days, notes = append(days, day), append(notes, h.Note)
	}
	b.Queue(`insert into control.audit_head (tenant_id, seq, nodes, link, day_note, note)
	  select * from unnest($1::int[], $2::bigint[], $3::bytea[], $4::bytea[], $5::bytea[], $6::text[])
	  on conflict (tenant_id) do update set seq = excluded.seq, nodes = excluded.nodes, link = excluded.link, day_note = excluded.day_note, note = excluded.note`,
		tenants, seq, nodes, links, days, notes)
}

// WithoutDay gives heads of logs that were begun before a day's end and have no head of it, or of a later one, by tenant behind after.
func (s *Sealing) WithoutDay(ctx context.Context, day string, end time.Time, after int32, limit int) ([]StoredHead, error) {
	rows, err := s.tx.Query(ctx, selectHeads+`where h.tenant_id > $1 and not exists (select from control.audit_day d where d.tenant_id = h.tenant_id and d.day >= $2::text::date)
	  and (select at from control.audit_seal l where l.tenant_id = h.tenant_id order by seq limit 1) < $3 order by h.tenant_id limit $4`, after, day, end, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanHead)
}

// WriteDays stores heads of a day, and the newest heads, which name them.
func (s *Sealing) WriteDays(ctx context.Context, days []StoredDay, heads []StoredHead) error {
	var tenants []int32
	var dates, notes []string
	for _, d := range days {
		tenants, dates, notes = append(tenants, d.TenantID), append(dates, d.Day), append(notes, d.Note)
	}
	b := &pgx.Batch{}
	b.Queue(`insert into control.audit_day (tenant_id, day, note) select t, d::date, n from unnest($1::int[], $2::text[], $3::text[]) as x (t, d, n)`, tenants, dates, notes)
	queueHeads(b, heads)
	return s.tx.SendBatch(ctx, b).Close()
}

// ErrSealed means that another process seals this database.
var ErrSealed = errors.New("another process seals the audit log")

// sealLock is the advisory lock of whoever seals; any number does that nothing else in the database uses.
const sealLock = 0x646c_7365_616c

// AsSealer runs fn while no other process seals, or returns ErrSealed. alive fails when the lock may have been lost; two sealers at once would
// only take turns.
func (l Log) AsSealer(ctx context.Context, fn func(alive func(context.Context) error) error) error {
	return l.DB.Exclusive(ctx, sealLock, ErrSealed, func(held postgres.Holder) error { return fn(held.Ping) })
}
