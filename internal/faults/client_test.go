package faults

import (
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"dokumentlager/internal/devstack/servicetest"
)

// client is one record system under the soak: it does what its seed says, and sends everything again until it is acknowledged.
type client struct {
	*source
	rng    *rand.Rand
	doctor *servicetest.Caller
	soak   *soak
}

// counters are what all clients did together.
type counters struct{ uploads, replacements, patches, deletions, openings, retries, unanswered, refusedForNow atomic.Int64 }

// think is the longest pause between two deeds; small, so that most kills hit something.
const think = 2 * time.Second

// run works until the soak says enough; a deed begun is brought to its end.
func (c *client) run(ctx context.Context) {
	for c.soak.more() {
		time.Sleep(time.Duration(c.rng.Int64N(int64(think))))
		d, count := c.next()
		if d == nil {
			c.open(ctx)
			continue
		}
		if c.insist(ctx, d) {
			count.Add(1)
		}
	}
}

// next chooses a deed; nil is an opening.
func (c *client) next() (*deed, *atomic.Int64) {
	n := &c.soak.done
	old := c.any(func(p *paper) bool { return !p.replaced && !p.deleted })
	dice := c.rng.IntN(100)
	switch {
	case old == nil || dice < 55:
		return c.upload(c.key(), c.doc()), &n.uploads
	case dice < 65:
		return c.replace(c.key(), old, c.doc()), &n.replacements
	case dice < 75:
		return c.patch(old, []string{"N", "R", "V"}[c.rng.IntN(3)]), &n.patches
	case dice < 82:
		return c.delete(c.any(func(p *paper) bool { return !p.deleted })), &n.deletions
	default:
		return nil, nil
	}
}

// any draws one of its papers; nil when it has none of the kind.
func (c *client) any(of func(*paper) bool) *paper {
	for range 10 {
		if len(c.papers) == 0 {
			return nil
		}
		if p := c.papers[c.rng.IntN(len(c.papers))]; of(p) {
			return p
		}
	}
	return nil
}

// key is an Idempotency-Key for half of all uploads.
func (c *client) key() string {
	if c.rng.IntN(2) == 0 {
		return ""
	}
	return newKey()
}

// doc is a text of 1 to 200 KiB; one in fifty has 5 MiB.
func (c *client) doc() servicetest.Doc {
	size := 1<<10 + c.rng.IntN(199<<10)
	if c.rng.IntN(50) == 0 {
		size = 5 << 20
	}
	var text strings.Builder
	for text.Len() < size {
		fmt.Fprintf(&text, "Oppdiktet linje %016x.\n", c.rng.Uint64())
	}
	doc := servicetest.NewDoc()
	doc.Bytes = []byte(text.String()[:size])
	return doc
}

// insist sends the deed until it is acknowledged, or found out to be refused, which nothing here may be.
func (c *client) insist(ctx context.Context, d *deed) bool {
	for {
		r := d.send(ctx, time.Minute)
		switch {
		case d.finished(r):
			if err := d.done(r); err != nil {
				c.soak.violated("%s: %v", d.name, err)
				return false
			}
			c.soak.acknowledged.Add(1)
			return true
		case !forNow(r):
			c.soak.violated("a proper %s was refused at try %d: %s", d.name, d.tries, r)
			return false
		case c.soak.over():
			c.soak.violated("a %s was not acknowledged after %d tries, the last gave %s", d.name, d.tries, r)
			return false
		}
		c.pause(r)
	}
}

// forNow: the service has not done it, for reasons that pass. 401 is a proof that grew old while the database was away.
func forNow(r reply) bool { return r.honest() || r.status == http.StatusUnauthorized }

// pause waits as the answer asks, but not so long that nothing would ever be sent while something is down.
func (c *client) pause(r reply) {
	c.soak.done.retries.Add(1)
	if r.err != nil {
		c.soak.done.unanswered.Add(1)
	} else {
		c.soak.done.refusedForNow.Add(1)
	}
	wait := time.Duration(100+c.rng.IntN(900)) * time.Millisecond
	if seconds, err := strconv.Atoi(r.header.Get("Retry-After")); err == nil {
		wait += min(time.Duration(seconds)*time.Second, time.Second)
	}
	time.Sleep(wait)
}

// open opens one of its documents: while parts die, what comes out is still what went in, or nothing.
func (c *client) open(ctx context.Context) {
	p := c.any(func(p *paper) bool { return !p.deleted })
	if p == nil {
		return
	}
	r := open(ctx, c.t, c.service, c.doctor, p)
	switch {
	case r.kept() && sha256.Sum256(r.body) != p.sum:
		c.soak.violated("document %s came out with other bytes", p.id)
	case r.kept():
		c.soak.done.openings.Add(1)
	case !forNow(r):
		c.soak.violated("document %s is acknowledged and could not be opened: %s", p.id, r)
	}
}
