package faults

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/tenant"
)

// walkCase is one point with what reaches it.
type walkCase struct {
	point failpoint.Name
	// skip is how often the point is passed first: the second document of a message, say.
	skip int
	deed func(*scene) *errand
	// also fails with an error on the way, and hang hangs on the way; both may be empty.
	also, hang failpoint.Name
	// again tells that another case goes to the point too.
	again bool
}

func (c walkCase) name(mode failpoint.Mode) string {
	return fmt.Sprintf("%s/%d/%s", c.point, c.skip+1, mode)
}

// modes are all three. Of the second way to a point, `make test` goes only as far as an error; `make soak` goes all of it.
func (c walkCase) modes() []failpoint.Mode {
	if c.again && os.Getenv("SOAK_WALK") != "all" {
		return []failpoint.Mode{failpoint.Error}
	}
	return failpoint.Modes()
}

// claims: the point is about the Idempotency-Key itself.
func (c walkCase) claims() bool { return strings.HasPrefix(string(c.point), "upload/claim-") }

// unconfirmed: the point is a commit whose answer is lost.
func (c walkCase) unconfirmed() bool { return strings.HasSuffix(string(c.point), "/commit-lost") }

// scene is where a case plays: a tenant of its own.
type scene struct {
	t    testing.TB
	lane *lane
	of   tenant.Tenant
	*source
	// quarantined is how many infected documents were sent.
	quarantined int
}

// lanes is how many services the walk uses: most of a hang is waiting.
const lanes = 4

// TestWalk goes to every point in every mode (design/trust.md, test 2).
func TestWalk(t *testing.T) {
	t.Parallel()
	type step struct {
		walkCase
		mode failpoint.Mode
	}
	steps := make(chan step)
	var walkers sync.WaitGroup
	for range lanes {
		walkers.Go(func() {
			l := newLane(t)
			for s := range steps {
				t.Run(s.name(s.mode), func(t *testing.T) { l.walk(t, s.walkCase, s.mode) })
			}
		})
	}
	walked := map[failpoint.Name]bool{}
	for _, c := range cases {
		walked[c.point] = true
		for _, mode := range c.modes() {
			steps <- step{c, mode}
		}
	}
	close(steps)
	walkers.Wait()
	for _, p := range failpoint.All() {
		if !walked[p.Name] {
			t.Errorf("nothing walks to %s", p.Name)
		}
	}
}

// tryOnce sends the message. A client that meets a hang gives up soon after.
func (l *lane) tryOnce(t *testing.T, c walkCase, mode failpoint.Mode, e *errand, before int) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	if mode != failpoint.Hang || e.local {
		return e.try(ctx)
	}
	answered := make(chan reply, 1)
	go func() { answered <- e.try(ctx) }()
	for {
		select {
		case r := <-answered:
			return r
		case <-time.After(20 * time.Millisecond):
			if l.tell(t, order{}).Fired[c.point] > before {
				cancel()
			}
		}
	}
}

func (l *lane) walk(t *testing.T, c walkCase, mode failpoint.Mode) {
	of := l.Tenant(t)
	sc := &scene{t: t, lane: l, of: of, source: newSource(t, l.Service, of)}
	l.tell(t, order{Disarm: true}) // a case before may have failed
	e := c.deed(sc)
	l.settle(t) // what the deed needed may still be under way
	l.arm(t, c, mode)
	before := l.tell(t, order{}).Fired[c.point]
	first := l.tryOnce(t, c, mode, e, before)
	l.expectFired(t, c, mode, before)
	l.tell(t, order{Disarm: true})
	l.settle(t)
	sc.expectTidy(t, c, mode, first)
	if last := sc.again(t, c, mode, e, first); last.err == nil && e.book != nil {
		if err := e.book(last); err != nil {
			t.Error(err)
		}
	}
	if e.finish != nil {
		e.finish()
	}
	in := &inspection{t: t, service: l.Service, of: of, papers: sc.papers, quarantined: sc.quarantined}
	for _, v := range in.run(t.Context()) {
		t.Errorf("after the first try gave %s: %s", first, v)
	}
}

// expectFired waits until the point has gone off, and starts the process anew when that killed it.
func (l *lane) expectFired(t *testing.T, c walkCase, mode failpoint.Mode, before int) {
	t.Helper()
	if mode != failpoint.Kill {
		await(t, "at the point", 10*time.Second, func() bool { return l.tell(t, order{}).Fired[c.point] > before })
		return
	}
	if !l.process.killed(10 * time.Second) {
		t.Fatalf("the process was not killed at %s", c.point)
	}
	rescue(t, l.Service)
	l.start(t)
}

// expectTidy: an upload whose failure the service lives to see leaves nothing in the store, sweep or not (promise 1).
func (sc *scene) expectTidy(t *testing.T, c walkCase, mode failpoint.Mode, first reply) {
	t.Helper()
	point := string(c.point)
	if mode == failpoint.Kill || first.kept() || !strings.HasPrefix(point, "upload/") || strings.HasPrefix(point, "upload/undo-") ||
		c.unconfirmed() || c.point == failpoint.Committed || c.point == failpoint.ClaimRelease {
		return
	}
	in := &inspection{t: t, service: sc.service, of: sc.of, papers: sc.papers}
	if err := in.objects(t.Context()); err != nil || len(in.violations) > 0 {
		t.Errorf("before any sweep: %v, %v", in.violations, err)
	}
}

// again sends the same message once more unless the first answer was a good one, and demands success then.
func (sc *scene) again(t *testing.T, c walkCase, mode failpoint.Mode, e *errand, first reply) reply {
	t.Helper()
	good := e.good
	if good == nil {
		good = reply.kept
	}
	if good(first) {
		return first
	}
	if !first.honest() {
		t.Errorf("the first answer is neither success nor a failure of ours: %s", first)
	}
	if c.unconfirmed() && first.err == nil && (first.status != http.StatusServiceUnavailable || first.header.Get("Retry-After") == "") {
		t.Errorf("nobody knows whether it was done, and the client is not asked to send it again: %s", first)
	}
	if mode == failpoint.Kill || c.claims() {
		time.Sleep(lease) // so long stays taken the Idempotency-Key of an attempt that could not give it free
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	second := e.try(ctx)
	t.Logf("the first try gave %.200s, and the second %.60s", first, second)
	if !good(second) {
		t.Errorf("the first try gave %s, and the second %s", first, second)
		second.err = fmt.Errorf("refused twice")
	}
	return second
}
