package sealing

import (
	"context"
	"fmt"
	"hash/maphash"

	"dokumentlager/internal/ledger"

	"github.com/google/uuid"
)

// buckets is how many sums a census keeps; its memory does not grow with the log.
const buckets = 1 << 16

// census compares two sets of ids that are too many to hold, those that seals and notes account for and those that are stored: it keeps sums
// of them, with keys that nobody knows beforehand, and where sums differ the sets do.
type census struct {
	bucket, value maphash.Seed
	sums          []uint64
}

func newCensus() census {
	return census{maphash.MakeSeed(), maphash.MakeSeed(), make([]uint64, buckets)}
}

func (c *census) of(id uuid.UUID) (bucket int, value uint64) {
	return int(maphash.Bytes(c.bucket, id[:]) % buckets), maphash.Bytes(c.value, id[:])
}

func (c *census) accounted(id uuid.UUID) {
	bucket, value := c.of(id)
	c.sums[bucket] += value
}

func (c *census) stored(id uuid.UUID) {
	bucket, value := c.of(id)
	c.sums[bucket] -= value
}

// differs tells whether the id is among those of which some are in one set only.
func (c *census) differs(id uuid.UUID) bool {
	bucket, _ := c.of(id)
	return c.sums[bucket] != 0
}

// even tells whether the sets are the same.
func (c *census) even() bool {
	for _, sum := range c.sums {
		if sum != 0 {
			return false
		}
	}
	return true
}

// maxSeparate is how many ids are looked at one by one at a time.
const maxSeparate = 200_000

// count finds rows that have neither seal nor note, and those that have more than one.
func (v *verification) count(ctx context.Context) error {
	nameless, err := v.evidence.Nameless(ctx)
	if err != nil {
		return err
	}
	if nameless > 0 {
		v.found(Finding{Kind: EventInserted, Detail: fmt.Sprintf("%d rows have no id: they were not inserted by the service", nameless)})
	}
	err = v.eachStored(ctx, func(ids []uuid.UUID) error {
		for _, id := range ids {
			v.rows.stored(id)
		}
		return nil
	})
	if err != nil || v.rows.even() {
		return err
	}
	return v.separate(ctx)
}

func (v *verification) eachStored(ctx context.Context, fn func([]uuid.UUID) error) error {
	return each(func(after uuid.UUID, first bool) ([]uuid.UUID, error) {
		return v.evidence.IDs(ctx, after, first, idPage)
	}, fn)
}

// separate goes through all again and looks at ids where the sums differ.
func (v *verification) separate(ctx context.Context) error {
	times := map[uuid.UUID]int{}
	note := func(id uuid.UUID, n int) {
		if _, known := times[id]; v.rows.differs(id) && (known || len(times) < maxSeparate) {
			times[id] += n
		}
	}
	if err := v.eachStored(ctx, func(ids []uuid.UUID) error {
		for _, id := range ids {
			note(id, -1)
		}
		return nil
	}); err != nil {
		return err
	}
	if err := v.eachSealed(ctx, func(id uuid.UUID) {
		if _, there := times[id]; there {
			note(id, 1)
		}
	}); err != nil {
		return err
	}
	if err := v.eachNote(ctx, func(ids []uuid.UUID) error {
		for _, id := range ids {
			if _, there := times[id]; there {
				note(id, 1)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	return v.differing(ctx, times)
}

func (v *verification) eachSealed(ctx context.Context, fn func(uuid.UUID)) error {
	for after := int64(-1 << 63); ; {
		page, err := v.evidence.Seals(ctx, after, sealPage)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, s := range page {
			rows, _ := ledger.SplitRows(s.Rows)
			for _, r := range rows {
				fn(r.ID)
			}
			after = s.Seq
		}
	}
}

// differing tells of ids by how often seals and notes name them beyond their one row.
func (v *verification) differing(ctx context.Context, times map[uuid.UUID]int) error {
	var extra []uuid.UUID
	for id, n := range times {
		if n > 0 {
			v.found(Finding{Kind: EventTwice, Event: id.String(), Detail: "the event has more than one place in the log, or a note beside its seal"})
		}
		if n < 0 {
			extra = append(extra, id)
		}
	}
	for len(extra) > 0 {
		n := min(len(extra), 1000)
		events, err := v.evidence.Events(ctx, extra[:n])
		if err != nil {
			return err
		}
		for _, e := range events {
			v.suspects.extra(e, v.found)
		}
		extra = extra[n:]
	}
	return nil
}
