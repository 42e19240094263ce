package person

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// errResting says that the service was not asked, because it failed a moment ago.
var errResting = errors.New("several questions of Persontjenesten failed in a row, so it is not asked for a while")

// breaker stops asking a service that fails, so that callers need not wait for its deadline one by one. After a rest one question at
// a time is tried; its success ends the matter.
type breaker struct {
	after int
	rest  time.Duration
	now   func() time.Time
	tell  func(open bool, cause error)

	mu       sync.Mutex
	failures int
	// opened is when asking stopped, zero while it goes on; probing is that one question is under way since.
	opened  time.Time
	probing bool
	// turn counts openings and closings: what was asked before the last of them says nothing of now.
	turn int
}

// enter lets one question through. leave must be called with how it ended.
func (b *breaker) enter() (leave func(error), err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.opened.IsZero() {
		if b.probing || !b.rested() {
			return nil, errResting
		}
		b.probing = true
	}
	turn := b.turn
	return func(err error) { b.leave(turn, err) }, nil
}

// rested: a clock that was set back must not stop asking for long.
func (b *breaker) rested() bool {
	past := b.now().Sub(b.opened)
	return past >= b.rest || past < 0
}

func (b *breaker) leave(turn int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var f failure
	failed := errors.As(err, &f)
	switch {
	case turn != b.turn:
	case !failed && b.opened.IsZero():
		b.failures = 0
	case !failed:
		b.failures, b.opened, b.probing, b.turn = 0, time.Time{}, false, b.turn+1
		b.tell(false, nil)
	case !b.opened.IsZero():
		b.opened, b.probing = b.now(), false
	default:
		if b.failures++; b.failures >= b.after {
			b.opened, b.turn = b.now(), b.turn+1
			b.tell(true, err)
		}
	}
}

// resting is errResting while no question would be let through for want of rest.
func (b *breaker) resting() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.opened.IsZero() && !b.rested() {
		return errResting
	}
	return nil
}

// failure is an error of the service as a whole, which counts for the breaker. Others are of one question: an answer came.
type failure struct{ cause error }

func (f failure) Error() string { return f.cause.Error() }
func (f failure) Unwrap() error { return f.cause }

func failed(format string, args ...any) error { return failure{fmt.Errorf(format, args...)} }
