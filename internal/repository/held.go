package repository

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

// Area is one of the two parts of the store.
type Area = area

// Documents can be opened; Quarantine holds what is infected (F4).
const (
	Documents  = documents
	Quarantine = quarantine
)

// Held is an object as the store tells of it, whether a row names it or not.
type Held struct {
	Key uuid.UUID
	// Size is in bytes; Put is when it was put, by the store's clock, which may count whole seconds.
	Size int64
	Put  time.Time
}

// ErrDamaged means that the store's bytes are not those a row describes.
var ErrDamaged = errors.New("repository: the stored bytes are not those registered")

// errDisorder: who compares a listing with rows in step would call what is there missing.
var errDisorder = errors.New("repository: the store does not list its objects in the order of their keys")

// List calls fn for every object of a tenant in one area, in the order of keys, and returns how many names stand there that no
// object of ours can have.
func (r *Repository) List(ctx context.Context, s postgres.Schema, a Area, fn func(Held) error) (strangers int, err error) {
	prefix, last := string(a)+"/"+s.Name+"/", uuid.Nil
	err = r.cfg.Blobs.List(ctx, prefix, func(i blob.Info) error {
		name := strings.TrimPrefix(i.Key, prefix)
		key, err := uuid.Parse(name)
		if err != nil || key.String() != name {
			strangers++
			return nil
		}
		if bytes.Compare(key[:], last[:]) <= 0 {
			return errDisorder
		}
		last = key
		return fn(Held{Key: key, Size: i.Size, Put: i.Modified})
	})
	return strangers, err
}

// Look asks the store for one object; nil when there is none.
func (r *Repository) Look(ctx context.Context, s postgres.Schema, a Area, key uuid.UUID) (*Held, error) {
	info, err := r.cfg.Blobs.Stat(ctx, storeKey(a, s, key))
	if errors.Is(err, blob.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, storeUnavailable(err)
	}
	return &Held{Key: key, Size: info.Size, Put: info.Modified}, nil
}

// Verify reads a whole object and compares it with its row: ErrDamaged when its SHA-256 is another one or it is not there. It takes
// 64 KiB of memory.
func (r *Repository) Verify(ctx context.Context, s postgres.Schema, a Area, o Object) error {
	body, err := r.cfg.Blobs.Open(ctx, storeKey(a, s, o.Key), 0, -1)
	if errors.Is(err, blob.ErrNotFound) {
		return ErrDamaged
	}
	if err != nil {
		return storeUnavailable(err)
	}
	defer body.Close()
	digest := sha256.New()
	// One byte more than registered is damage already; the rest of a wrong object need not be read.
	n, err := io.CopyBuffer(struct{ io.Writer }{digest}, io.LimitReader(body, o.Size+1), make([]byte, piece))
	if err != nil {
		return storeUnavailable(err)
	}
	if n != o.Size || !bytes.Equal(digest.Sum(nil), o.SHA256) {
		return ErrDamaged
	}
	return nil
}

// Schemas are the names under which the store holds anything, sorted: those of tenants, and whatever else stands there.
func (r *Repository) Schemas(ctx context.Context) ([]string, error) {
	var names []string
	for _, a := range []area{documents, quarantine} {
		err := r.cfg.Blobs.Folders(ctx, string(a)+"/", func(name string) error { names = append(names, name); return nil })
		if err != nil {
			return nil, storeUnavailable(err)
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), nil
}

// swept stands in the finding column of a claimed orphan's row.
const swept = "swept: no row named it"

// Claim takes objects that no row names, and returns the keys that the caller may Remove once the transaction has committed. Each
// gets a row that says Gone: from then on no upload can register the key, and one that is just doing so either commits first, and
// keeps its object, or fails without an acknowledgement (promise 1). So a claim needs no assumption on how long uploads take. The
// digest of such a row is all zeros: nobody has read the bytes. eventID is the audit event of the sweep.
func (r *Repository) Claim(ctx context.Context, tx *postgres.Tx, orphans []Held, eventID uuid.UUID, now time.Time) ([]uuid.UUID, error) {
	var keys []string
	var sizes []int64
	var puts []time.Time
	for _, o := range orphans {
		keys, sizes, puts = append(keys, o.Key.String()), append(sizes, o.Size), append(puts, o.Put)
	}
	// Rows that say Gone already are left from a removal that did not reach the store.
	rows, err := tx.Query(ctx, `with claimed as (
		  insert into tenant.stored_object (key, state, size, sha256, finding, mime_type, event_id, stored_at, changed_at)
		  select k, 'G', n, decode(repeat('00', 32), 'hex'), $4, 'application/octet-stream', $5, put, $6
		  from unnest($1::text[]::uuid[], $2::bigint[], $3::timestamptz[]) as o (k, n, put) on conflict (key) do nothing returning key)
		select key from claimed union select key from tenant.stored_object where key = any($1::text[]::uuid[]) and state = 'G'`,
		keys, sizes, puts, swept, eventID, now)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var claimed []uuid.UUID
	for rows.Next() {
		var key uuid.UUID
		if err := rows.Scan(&key); err != nil {
			return nil, fmt.Errorf("claiming orphans: %w", err)
		}
		claimed = append(claimed, key)
	}
	return claimed, rows.Err()
}
