// Package failpoint lets tests break the service at named steps: with an error, a hang, or the death of the process.
//
// It promises that nothing happens in production: a nil *Set, which is what every program of ours has, lets everything pass, and a Set
// that can do more is made by New, which only tests call; there is neither a setting nor a flag for it, and a test holds both. All names
// every point, so that a walk over All misses none, and a Set counts what was reached, so that a point which the service no longer
// reaches is found out (design/trust.md, test 2).
package failpoint

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"
)

// Mode is what happens at a point.
type Mode uint8

// Error is a step that fails, Hang one that does not answer until its deadline, Kill the end of the process as by kill -9.
const (
	Error Mode = iota + 1
	Hang
	Kill
)

// Modes are all three.
func Modes() []Mode { return []Mode{Error, Hang, Kill} }

func (m Mode) String() string {
	return map[Mode]string{Error: "error", Hang: "hang", Kill: "kill"}[m]
}

// ErrInjected is every error of a Set.
var ErrInjected = errors.New("failpoint: failed on purpose")

// Set is what is armed. A nil Set is inert. It is safe for concurrent use.
type Set struct {
	// longest bounds a hang where the context has no deadline: it stands for the deadline that every outbound call has.
	longest time.Duration

	mu      sync.Mutex
	armed   map[Name]*charge
	reached map[Name]int
	fired   map[Name]int
	// hanging counts the hangs under way.
	hanging int
}

// charge is one armed point.
type charge struct {
	mode Mode
	// skip is how often it is passed before it goes off, once.
	skip int
}

// New makes a Set with nothing armed; longest bounds each hang. Only tests may call it.
func New(longest time.Duration) *Set {
	return &Set{longest: longest, armed: map[Name]*charge{}, reached: map[Name]int{}, fired: map[Name]int{}}
}

// Arm makes the point go off once, after it was passed skip times.
func (s *Set) Arm(name Name, mode Mode, skip int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.armed[name] = &charge{mode, skip}
}

// Disarm takes everything back that has not gone off.
func (s *Set) Disarm() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.armed)
}

// Counts are how often each point was reached and went off.
type Counts struct{ Reached, Fired map[Name]int }

// Counts copies the counters; Hanging tells how many hangs are under way.
func (s *Set) Counts() (c Counts, hanging int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c = Counts{Reached: map[Name]int{}, Fired: map[Name]int{}}
	for name, n := range s.reached {
		c.Reached[name] = n
	}
	for name, n := range s.fired {
		c.Fired[name] = n
	}
	return c, s.hanging
}

// Reach is what the service calls at a point. It returns nil unless the point is armed; then an error that wraps ErrInjected, at once
// or when ctx or the longest hang ends, or it does not return.
func (s *Set) Reach(ctx context.Context, name Name) error {
	if s == nil {
		return nil
	}
	switch s.take(name) {
	case Error:
		return fmt.Errorf("%w: %s", ErrInjected, name)
	case Hang:
		return s.hang(ctx, name)
	case Kill:
		die()
	}
	return nil
}

// take counts, and gives the mode if the point goes off now.
func (s *Set) take(name Name) Mode {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reached[name]++
	c := s.armed[name]
	if c == nil {
		return 0
	}
	if c.skip > 0 {
		c.skip--
		return 0
	}
	delete(s.armed, name)
	s.fired[name]++
	if c.mode == Hang {
		s.hanging++
	}
	return c.mode
}

func (s *Set) hang(ctx context.Context, name Name) error {
	defer func() { s.mu.Lock(); s.hanging--; s.mu.Unlock() }()
	ctx, cancel := context.WithTimeout(ctx, s.longest)
	defer cancel()
	<-ctx.Done()
	return fmt.Errorf("%w: %s hung: %w", ErrInjected, name, context.Cause(ctx))
}

// die ends the process as kill -9 does, and nothing of it goes on meanwhile on this goroutine.
func die() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}
