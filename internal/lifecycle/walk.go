package lifecycle

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"time"

	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// row is what a stored_object row says.
type row struct {
	repository.Object
	state repository.State
}

// place is one key: what its row says and what the store holds in each area. At least one of the three is there.
type place struct {
	key              uuid.UUID
	row              *row
	doc, quarantined *repository.Held
}

// state of a key without a row is Gone: nothing may be there.
func (p place) state() repository.State {
	if p.row == nil {
		return repository.Gone
	}
	return p.row.state
}

// put is when the younger of the objects was put; size is their bytes.
func (p place) put() (at time.Time, size int64) {
	for _, h := range []*repository.Held{p.doc, p.quarantined} {
		if h != nil {
			size += h.Size
			if h.Put.After(at) {
				at = h.Put
			}
		}
	}
	return at, size
}

// orphan reports whether objects stand here that no row keeps and that are no younger than the grace period allows.
func (p place) orphan(before time.Time) bool {
	at, _ := p.put()
	return p.state() == repository.Gone && (p.doc != nil || p.quarantined != nil) && !at.After(before)
}

// pageSize is how many rows are in memory at once; the store's own pages are as long.
const pageSize = 1000

// walk visits every key of a tenant in order, rows and both areas of the store in step, and returns how many names of the store are
// no key of ours. Memory is three pages, whatever the tenant's size. Rows and listings are not of one moment: what looks
// wrong must be looked at again before anybody hears of it.
func walk(ctx context.Context, db *postgres.DB, objects *repository.Repository, s postgres.Schema, visit func(place) error) (strangers int, err error) {
	rows := newStream(rowsOf(ctx, db, s), func(r row) uuid.UUID { return r.Key })
	defer rows.stop()
	docs := newStream(listing(ctx, objects, s, repository.Documents, &strangers), heldKey)
	defer docs.stop()
	quarantined := newStream(listing(ctx, objects, s, repository.Quarantine, &strangers), heldKey)
	defer quarantined.stop()
	for {
		key, more := least(rows.at(), docs.at(), quarantined.at())
		if err := errors.Join(rows.err, docs.err, quarantined.err); err != nil || !more {
			return strangers, err
		}
		p := place{key: key, row: rows.take(key), doc: docs.take(key), quarantined: quarantined.take(key)}
		if err := visit(p); err != nil {
			return strangers, err
		}
	}
}

func heldKey(h repository.Held) uuid.UUID { return h.Key }

// least is the lowest key of those that are there.
func least(keys ...*uuid.UUID) (lowest uuid.UUID, any bool) {
	for _, k := range keys {
		if k != nil && (!any || bytes.Compare(k[:], lowest[:]) < 0) {
			lowest, any = *k, true
		}
	}
	return lowest, any
}

// stream is a sorted sequence with its next element in hand.
type stream[T any] struct {
	next  func() (T, error, bool)
	stop  func()
	keyOf func(T) uuid.UUID
	key   *uuid.UUID
	head  T
	err   error
}

func newStream[T any](seq iter.Seq2[T, error], keyOf func(T) uuid.UUID) *stream[T] {
	s := &stream[T]{keyOf: keyOf}
	s.next, s.stop = iter.Pull2(seq)
	s.advance()
	return s
}

func (s *stream[T]) advance() {
	head, err, more := s.next()
	s.key = nil
	if s.err = err; !more || err != nil {
		return
	}
	key := s.keyOf(head)
	s.head, s.key = head, &key
}

// at is the next element's key; nil at the end.
func (s *stream[T]) at() *uuid.UUID { return s.key }

// take gives the next element when it has the key, and nil otherwise.
func (s *stream[T]) take(key uuid.UUID) *T {
	if s.key == nil || *s.key != key {
		return nil
	}
	taken := s.head
	s.advance()
	return &taken
}

// rowsOf reads the rows page by page, each in a short transaction: the store is read in between, which may take long.
func rowsOf(ctx context.Context, db *postgres.DB, s postgres.Schema) iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		for after := uuid.Nil; ; {
			page, err := rowPage(ctx, db, s, `key > $1 order by key limit $2`, after, pageSize)
			if err != nil {
				yield(row{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
			}
			if len(page) < pageSize {
				return
			}
			after = page[len(page)-1].Key
		}
	}
}

func rowPage(ctx context.Context, db *postgres.DB, s postgres.Schema, where string, args ...any) (page []row, err error) {
	err = db.InTenant(ctx, s, func(tx *postgres.Tx) error {
		rows, err := tx.Query(ctx, `select key, state::text, size, sha256 from tenant.stored_object where `+where, args...)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (out row, err error) {
			return out, r.Scan(&out.Key, &out.state, &out.Size, &out.SHA256)
		})
		return err
	})
	return page, err
}

// errEnough ends a listing whose reader has gone.
var errEnough = errors.New("lifecycle: enough listed")

func listing(ctx context.Context, objects *repository.Repository, s postgres.Schema, a repository.Area, strangers *int) iter.Seq2[repository.Held, error] {
	return func(yield func(repository.Held, error) bool) {
		n, err := objects.List(ctx, s, a, func(h repository.Held) error {
			if !yield(h, nil) {
				return errEnough
			}
			return nil
		})
		*strangers += n
		if err != nil && !errors.Is(err, errEnough) {
			yield(repository.Held{}, err)
		}
	}
}
