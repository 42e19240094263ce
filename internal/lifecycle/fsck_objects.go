package lifecycle

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// flaw is a finding about a key whose entry is not known yet.
type flaw struct {
	kind   Kind
	detail string
}

// batch is how many suspects are looked at again together.
const batch = 100

// objects compares rows and store. Keys are random, so the first bytes of one tell how far the walk is.
func (c *tenantCheck) objects(ctx context.Context) error {
	var suspects []uuid.UUID
	// The first failed read ends the walk; it has been told why.
	reading, readCtx := errgroup.WithContext(ctx)
	seen := 0
	strangers, err := walk(readCtx, c.DB, c.Objects, c.t.Schema(), func(p place) error {
		if seen++; seen%pageSize == 0 {
			c.advance(c.nth, objectShare*float64(binary.BigEndian.Uint16(p.key[:2]))/(1<<16), pageSize)
		}
		if len(c.judge(p)) == 0 {
			c.read(readCtx, reading, p)
			return nil
		}
		suspects = append(suspects, p.key)
		if len(suspects) < batch {
			return nil
		}
		err := c.confirm(readCtx, suspects)
		suspects = suspects[:0]
		return err
	})
	if err == nil {
		err = c.confirm(readCtx, suspects)
	}
	if failed := reading.Wait(); failed != nil {
		err = failed // what ended the walk's context
	}
	c.advance(c.nth, objectShare, seen%pageSize)
	if strangers > 0 {
		c.found(ObjectStrange, ids{}, fmt.Sprintf("%d objects under the tenant's prefixes have names that no object of ours has", strangers))
	}
	return err
}

// judge says what is wrong with a place. States it does not know are left alone.
func (c *check) judge(p place) []flaw {
	switch p.state() {
	case repository.Stored:
		return kept(*p.row, p.doc, p.quarantined, "document")
	case repository.Quarantined:
		return kept(*p.row, p.quarantined, p.doc, "document in quarantine")
	case repository.Gone:
		if p.orphan(c.before) {
			_, size := p.put()
			return []flaw{{ObjectOrphan, fmt.Sprintf("%d bytes that no row keeps", size)}}
		}
	}
	return nil
}

// kept judges an object that must be here and must not be there.
func kept(r row, here, there *repository.Held, what string) (out []flaw) {
	switch {
	case here == nil && there == nil:
		return []flaw{{ObjectMissing, "the bytes of a " + what + " are not in the store"}}
	case there != nil:
		out = append(out, flaw{ObjectMisplaced, "bytes of a " + what + " stand in the other area of the store"})
	}
	if here != nil && here.Size != r.Size {
		out = append(out, flaw{ObjectSize, fmt.Sprintf("%d bytes registered, %d in the store", r.Size, here.Size)})
	}
	return out
}

// read compares bytes, when they are to be read, beside the walk.
func (c *tenantCheck) read(ctx context.Context, reading *errgroup.Group, p place) {
	area := repository.Documents
	switch {
	case !c.Deep || p.row == nil:
		return
	case p.row.state == repository.Quarantined:
		area = repository.Quarantine
	case p.row.state != repository.Stored:
		return
	}
	select {
	case c.reads <- struct{}{}:
	case <-ctx.Done():
		return
	}
	reading.Go(func() error {
		err := c.Objects.Verify(ctx, c.t.Schema(), area, p.row.Object)
		<-c.reads
		if errors.Is(err, repository.ErrDamaged) {
			return c.damaged(ctx, *p.row)
		}
		return err
	})
}

// damaged tells of an object whose bytes were others, unless it was removed while it was read.
func (c *tenantCheck) damaged(ctx context.Context, r row) error {
	rows, err := c.rowsOfKeys(ctx, []uuid.UUID{r.Key})
	if err != nil || rows[r.Key].state != r.state {
		return err
	}
	return c.blame(ctx, map[uuid.UUID][]flaw{r.Key: {{ObjectBytes, "the SHA-256 of the stored bytes is not the registered one"}}})
}

// confirm judges suspects anew: row, store, row again. Only what two readings of the row agree on is told: an upload or a removal may
// have been on its way between the listing and the row.
func (c *tenantCheck) confirm(ctx context.Context, keys []uuid.UUID) error {
	if len(keys) == 0 {
		return nil
	}
	before, err := c.rowsOfKeys(ctx, keys)
	if err != nil {
		return err
	}
	held := map[uuid.UUID]place{}
	for _, key := range keys {
		doc, err1 := c.Objects.Look(ctx, c.t.Schema(), repository.Documents, key)
		quarantined, err2 := c.Objects.Look(ctx, c.t.Schema(), repository.Quarantine, key)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
		held[key] = place{key: key, doc: doc, quarantined: quarantined}
	}
	after, err := c.rowsOfKeys(ctx, keys)
	if err != nil {
		return err
	}
	flaws := map[uuid.UUID][]flaw{}
	for key, p := range held {
		if r, ok := after[key]; ok {
			p.row = &r
		}
		if found := c.judge(p); before[key].state == after[key].state && len(found) > 0 {
			flaws[key] = found
		}
	}
	return c.blame(ctx, flaws)
}

func (c *tenantCheck) rowsOfKeys(ctx context.Context, keys []uuid.UUID) (map[uuid.UUID]row, error) {
	page, err := rowPage(ctx, c.DB, c.t.Schema(), `key = any($1::text[]::uuid[])`, postgres.Texts(keys))
	out := map[uuid.UUID]row{}
	for _, r := range page {
		out[r.Key] = r
	}
	return out, err
}

// blame tells flaws with the entries that name the objects: an operator must know which document is damaged.
func (c *tenantCheck) blame(ctx context.Context, flaws map[uuid.UUID][]flaw) error {
	if len(flaws) == 0 {
		return nil
	}
	keys := make([]uuid.UUID, 0, len(flaws))
	for key := range flaws {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	entries := map[uuid.UUID]uuid.UUID{}
	err := c.DB.InTenant(ctx, c.t.Schema(), func(tx *postgres.Tx) error {
		rows, err := tx.Query(ctx, `select object_key, id from tenant.document_entry where object_key = any($1::text[]::uuid[])`, postgres.Texts(keys))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var key, entry uuid.UUID
			if err := rows.Scan(&key, &entry); err != nil {
				return err
			}
			entries[key] = entry
		}
		return rows.Err()
	})
	for _, key := range keys {
		for _, f := range flaws[key] {
			c.found(f.kind, ids{object: key, entry: entries[key]}, f.detail)
		}
	}
	return err
}
