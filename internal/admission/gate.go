// Package admission decides whether work may begin, so that what has begun is finished in good time (issue 3, Overload;
// docs/decisions/0004-admission.md).
//
// A Gate counts requests of verified callers, bytes of uploads under way, and uploads that are near their work, with a capacity for each
// and a share for every organisation: it may hold no more than it leaves free. One alone has half, two that want everything have a third
// each, and there is always room for the next; nobody has to be configured. The verified caller's organisation stands for the tenant: it
// is known before a byte of the body is read. A Queue hands out the places at which uploads are worked on: first to organisations that have
// had no more than their part of the last seconds, and never all to one.
//
// It promises that a decision is made at once and from memory alone, that it is told with a time to come back which differs from one
// caller to the next, and that what is admitted is never refused later: it waits for its place as long as its caller does. It does no
// I/O, has no goroutines, and its clock and dice are given to it.
package admission

import (
	"sync"
	"time"

	"dokumentlager/internal/fault"
)

// Capacity is what a Gate lets in at once; New's doc says what zero values mean.
type Capacity struct {
	// Requests counts verified callers' requests of any kind.
	Requests int
	// Work is how many uploads are worked on at once: judged, scanned, stored.
	Work int
	// Bytes are those of all uploads under way, by their declared length. Unsized is what a body without a declared length counts until
	// it is whole; if it becomes larger it counts more, and is not refused for it.
	Bytes, Unsized int64
}

// standing and burst are how many uploads may be near work, for each place there is. A standing line makes everybody slow and nobody
// faster, so it is kept short; a burst that finds the line empty, or was empty a moment ago, may be longer, because it passes.
const (
	standing = 4
	burst    = 12
	// lull is how long ago the line must have been empty for a burst to be one. B. Maurer, "Fail at Scale", ACM Queue 2015, takes 100 ms.
	lull = 100 * time.Millisecond
	// slow is the time after which an upload that is still coming does not count as near work: its line is slow, and it waits for nobody.
	slow = time.Second
)

// Reason says which limit refused, for metrics.
type Reason string

// The reasons: a capacity is used up, or the caller's share of it.
const (
	RequestsShare Reason = "requests_share"
	UploadsFull   Reason = "uploads"
	UploadsShare  Reason = "uploads_share"
	BytesFull     Reason = "bytes"
	BytesShare    Reason = "bytes_share"
)

// Gate admits. It is safe for concurrent use.
type Gate struct {
	cap     Capacity
	now     func() time.Time
	spread  func(time.Duration) time.Duration
	refused func(Reason)
	places  *Queue

	mu sync.Mutex
	// all is the sum of holders, which has an element for each organisation that holds anything.
	all     holding
	holders map[string]*holding
	// coming are uploads whose bodies are still coming and that count as near, the oldest first.
	coming []*Upload
	// emptied is when the line of those who wait for a place was last empty.
	emptied time.Time
}

// holding is what is under way.
type holding struct {
	requests, uploads, near int
	bytes                   int64
}

// New makes a Gate. Now is the clock; spread makes a time to come back out of the shortest that makes sense, see Jitter; refused is told
// of each refusal and may be nil. Capacities below 1 count as 1.
func New(c Capacity, now func() time.Time, spread func(time.Duration) time.Duration, refused func(Reason)) *Gate {
	c.Requests, c.Work, c.Bytes = max(c.Requests, 1), max(c.Work, 1), max(c.Bytes, 1)
	if refused == nil {
		refused = func(Reason) {}
	}
	return &Gate{cap: c, now: now, spread: spread, refused: refused, places: NewQueue(c.Work, now), holders: map[string]*holding{}, emptied: now()}
}

// Jitter spreads times evenly over once to three times the shortest; float is uniform in [0, 1), such as rand.Float64.
func Jitter(float func() float64) func(time.Duration) time.Duration {
	return func(least time.Duration) time.Duration { return least + time.Duration(2*float()*float64(least)) }
}

// Request admits one request of an organisation, until done is called, or refuses with fault.TooBusy. One organisation whose requests
// hang, as those of a reader that does not read do, leaves a third of all to the others.
func (g *Gate) Request(organisation string) (done func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.holder(organisation).requests >= 2*(g.cap.Requests-g.all.requests) {
		g.forget(organisation)
		return nil, g.refuse(RequestsShare, time.Second, "Your organisation has as many requests under way as it may. Nothing was done; try again.")
	}
	g.hold(organisation, holding{requests: 1})
	return sync.OnceFunc(func() { g.leave(organisation, holding{requests: -1}) }), nil
}

// Upload admits one upload, or refuses with fault.TooBusy; declared is the body's length in bytes, negative when nobody said. It is under
// way until Done.
func (g *Gate) Upload(organisation string, declared int64) (*Upload, error) {
	charge := declared
	if declared < 0 {
		charge = g.cap.Unsized
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sortOut()
	if err := g.judge(organisation, charge); err != nil {
		return nil, err
	}
	u := &Upload{gate: g, organisation: organisation, since: g.now(), charge: charge, declared: declared, near: true}
	g.hold(organisation, holding{uploads: 1, near: 1, bytes: charge})
	g.coming = append(g.coming, u)
	return u, nil
}

// judge applies the capacities to one more upload of somebody who holds mine already. Whoever holds nothing is only refused when there is
// no room at all.
func (g *Gate) judge(organisation string, charge int64) error {
	mine := *g.holder(organisation)
	g.forget(organisation)
	first := mine.uploads == 0
	free := g.cap.Bytes - g.all.bytes - charge
	switch {
	case free < 0 && g.all.bytes > 0:
		return g.refuse(BytesFull, 5*time.Second, "The service is receiving as much as it can take. Nothing was stored; send the same request again.")
	case !first && mine.bytes+charge > free:
		return g.refuse(BytesShare, 5*time.Second, "Your organisation is sending as much at once as it may. Nothing was stored; send the same request again.")
	case g.all.near >= burst*g.cap.Work:
		return g.refuse(UploadsFull, 2*time.Second, "The service has as many uploads as it can work on soon. Nothing was stored; send the same request again.")
	case g.crowded(organisation, mine):
		return g.refuse(UploadsShare, time.Second, "Your organisation has as many uploads under way as it may. Nothing was stored; send the same request again.")
	}
	return nil
}

// crowded tells an organisation to come back although there is room: the room is for others. Whoever has had more than its part lately
// has no burst, and nothing for certain.
func (g *Gate) crowded(organisation string, mine holding) bool {
	room := standing * g.cap.Work
	if g.places.Within(organisation) {
		if mine.near == 0 {
			return false
		}
		if g.now().Sub(g.emptied) <= lull {
			room = burst * g.cap.Work
		}
	}
	return mine.near >= room-g.all.near
}

// sortOut stops counting uploads as near whose senders are slow, and notes an empty line.
func (g *Gate) sortOut() {
	now := g.now()
	for len(g.coming) > 0 && (!g.coming[0].near || g.coming[0].whole || now.Sub(g.coming[0].since) > slow) {
		if u := g.coming[0]; u.near && !u.whole {
			u.near = false
			g.hold(u.organisation, holding{near: -1})
		}
		g.coming[0] = nil
		g.coming = g.coming[1:]
	}
	if g.all.near <= g.cap.Work {
		g.emptied = now
	}
}

func (g *Gate) refuse(why Reason, least time.Duration, text string) *fault.Problem {
	g.refused(why)
	return fault.New(fault.TooBusy, "%s", text).RetryIn(g.spread(least))
}

func (g *Gate) holder(organisation string) *holding {
	h := g.holders[organisation]
	if h == nil {
		h = &holding{}
		g.holders[organisation] = h
	}
	return h
}

// hold changes what an organisation holds, and forgets it when that is nothing.
func (g *Gate) hold(organisation string, change holding) {
	for _, h := range []*holding{g.holder(organisation), &g.all} {
		h.requests += change.requests
		h.uploads += change.uploads
		h.near += change.near
		h.bytes += change.bytes
	}
	g.forget(organisation)
}

func (g *Gate) forget(organisation string) {
	if *g.holder(organisation) == (holding{}) {
		delete(g.holders, organisation)
	}
}

func (g *Gate) leave(organisation string, change holding) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hold(organisation, change)
	g.sortOut()
}

// State is what is under way now: uploads being received, waiting for a place and worked on, and their bytes.
type State struct {
	Requests, Receiving, Waiting, Working int
	Bytes                                 int64
}

// State is for metrics and tests.
func (g *Gate) State() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	waiting, working := g.places.Lengths()
	return State{Requests: g.all.requests, Receiving: g.all.uploads - waiting - working, Waiting: waiting, Working: working, Bytes: g.all.bytes}
}
