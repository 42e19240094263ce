package admission

import (
	"context"
	"slices"
	"sync"
)

// Queue hands out a fixed number of places. Of those who wait, the one whose organisation holds fewest comes first, and of several such
// the one who came first; and an organisation never holds more than three of four, so that the next one need not wait for it. It is safe
// for concurrent use.
type Queue struct {
	mu     sync.Mutex
	places int
	// most is what one organisation may hold.
	most  int
	taken int
	held  map[string]int
	line  []*waiter
}

type waiter struct {
	organisation string
	// ready is closed when the place is the waiter's.
	ready chan struct{}
}

// NewQueue makes a Queue of at least one place.
func NewQueue(places int) *Queue {
	places = max(places, 1)
	return &Queue{places: places, most: places - places/4, held: map[string]int{}}
}

// Take waits for a place until ctx ends, and then gives its cause. Release gives the place back; calling it again does nothing.
func (q *Queue) Take(ctx context.Context, organisation string) (release func(), err error) {
	w := &waiter{organisation, make(chan struct{})}
	q.mu.Lock()
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
	return true
}

func (q *Queue) give(organisation string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken--
	if q.held[organisation]--; q.held[organisation] == 0 {
		delete(q.held, organisation)
	}
	q.serve()
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
		q.held[w.organisation]++
		close(w.ready)
	}
}

// next is whose turn it is, or negative when nobody who waits may have a place.
func (q *Queue) next() int {
	best := -1
	for i, w := range q.line {
		held := q.held[w.organisation]
		if held < q.most && (best < 0 || held < q.held[q.line[best].organisation]) {
			best = i
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
