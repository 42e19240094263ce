package admission

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// Queue hands out a fixed number of places. Those whose organisations have had no more than their part lately come first, in the order in
// which they came; then the others, those who hold fewest first. And an organisation never holds more than three of four places, so that
// the next one need not wait for it. It is safe for concurrent use.
type Queue struct {
	now    func() time.Time
	places int
	// most is what one organisation may hold.
	most int

	mu     sync.Mutex
	taken  int
	guests map[string]*guest
	line   []*waiter
	// used is the sum of the guests' and at when it was reckoned.
	used float64
	at   time.Time
}

// guest is an organisation that holds places, waits, or did lately.
type guest struct {
	held, waiting int
	// used is for how many seconds it had a place, of which each counts less as it goes by.
	used float64
}

type waiter struct {
	organisation string
	// ready is closed when the place is the waiter's.
	ready chan struct{}
}

const (
	// memory is how long ago a second counts about a third.
	memory = 2 * time.Second
	// tolerance is how many parts an organisation may have had and still come first: chance makes nobody late.
	tolerance = 1.5
	// nothing is a use, in seconds, that is forgotten.
	nothing = 1e-3
)

// NewQueue makes a Queue of at least one place.
func NewQueue(places int, now func() time.Time) *Queue {
	places = max(places, 1)
	return &Queue{now: now, places: places, most: places - places/4, guests: map[string]*guest{}, at: now()}
}

// Take waits for a place until ctx ends, and then gives its cause. Release gives the place back; calling it again does nothing.
func (q *Queue) Take(ctx context.Context, organisation string) (release func(), err error) {
	w := &waiter{organisation, make(chan struct{})}
	q.mu.Lock()
	q.fade()
	if q.guests[organisation] == nil {
		q.guests[organisation] = &guest{}
	}
	q.guests[organisation].waiting++
	q.line = append(q.line, w)
	q.serve()
	q.mu.Unlock()
	select {
	case <-w.ready:
	case <-ctx.Done():
		if q.withdraw(w) {
			return nil, context.Cause(ctx)
		}
	}
	return sync.OnceFunc(func() { q.give(organisation) }), nil
}

// withdraw takes w out of the line, unless it has its place already.
func (q *Queue) withdraw(w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := slices.Index(q.line, w)
	if at < 0 {
		return false
	}
	q.line = slices.Delete(q.line, at, at+1)
	q.guests[w.organisation].waiting--
	return true
}

func (q *Queue) give(organisation string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fade()
	q.taken--
	q.guests[organisation].held--
	q.serve()
}

// fade adds what has been used since it was called last, lets all that was used count less, and forgets who has used nothing to speak of.
// It must be called before anything changes. Organisations that did something in the last seconds are few enough to walk through.
func (q *Queue) fade() {
	now := q.now()
	less := math.Exp(-now.Sub(q.at).Seconds() / memory.Seconds())
	q.at, q.used = now, 0
	for organisation, g := range q.guests {
		g.used = g.used*less + float64(g.held)*memory.Seconds()*(1-less)
		if g.used < nothing && g.held+g.waiting == 0 {
			delete(q.guests, organisation)
		}
		q.used += g.used
	}
}

// Within reports whether an organisation has had no more than its part of the places lately. As long as half of them were free all have.
func (q *Queue) Within(organisation string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fade()
	return q.within(q.guests[organisation])
}

func (q *Queue) within(g *guest) bool {
	idle := q.used < memory.Seconds()*float64(q.places)/2
	return g == nil || idle || g.used*float64(len(q.guests)) <= tolerance*q.used
}

// serve gives free places to those who are next.
func (q *Queue) serve() {
	for q.taken < q.places {
		at := q.next()
		if at < 0 {
			return
		}
		w := q.line[at]
		q.line = slices.Delete(q.line, at, at+1)
		q.taken++
		g := q.guests[w.organisation]
		g.held, g.waiting = g.held+1, g.waiting-1
		close(w.ready)
	}
}

// next is whose turn it is, or negative when nobody who waits may have a place.
func (q *Queue) next() int {
	best, least := -1, 0
	for i, w := range q.line {
		g, rank := q.guests[w.organisation], 0
		if !q.within(g) {
			rank = 1 + g.held
		}
		if g.held < q.most && (best < 0 || rank < least) {
			best, least = i, rank
		}
	}
	return best
}

// Lengths are how many wait and how many places are taken.
func (q *Queue) Lengths() (waiting, taken int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.line), q.taken
}

type contextKey struct{}

// WithOrganisation lets the parts below a door queue for the organisation that asks.
func WithOrganisation(ctx context.Context, organisation string) context.Context {
	return context.WithValue(ctx, contextKey{}, organisation)
}

// Organisation is WithOrganisation's, empty for work that nobody asked for, such as the service's own.
func Organisation(ctx context.Context) string {
	organisation, _ := ctx.Value(contextKey{}).(string)
	return organisation
}
