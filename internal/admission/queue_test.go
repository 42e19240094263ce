package admission_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dokumentlager/internal/admission"
)

// TestTurns: nobody holds all; who had no more than its part comes first, in order; of the others who holds fewest.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(4, time.Now)
		var mu sync.Mutex
		var order []string
		releases := map[string]func(){}
		take := func(names ...string) {
			for _, name := range names {
				go func() {
					release, err := q.Take(t.Context(), name[:1])
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					order, releases[name] = append(order, name), release
				}()
				synctest.Wait()
			}
		}
		give := func(name, then string) {
			t.Helper()
			mu.Lock()
			order = nil
			release := releases[name]
			mu.Unlock()
			release()
			synctest.Wait()
			if got := strings.Join(order, " "); got != then {
				t.Errorf("after %s: %q, want %q", name, got, then)
			}
		}
		take("a1", "a2", "a3", "a4", "a5", "b1")
		if got := strings.Join(order, " "); got != "a1 a2 a3 b1" {
			t.Errorf("at first: %s", got) // a fourth place is not for a
		}
		time.Sleep(10 * time.Second)
		give("b1", "")   // the fourth is still not for a
		give("a1", "a4") // nobody else waits
		take("c1", "d1", "d2", "b2")
		give("a2", "d1") // c1 has the free place; a5 waits longer than d1, but a has had the most
		give("a3", "d2")
		give("a3", "") // again: nothing
		take("e1", "b3")
		time.Sleep(10 * time.Second)
		give("a4", "a5") // what a had is forgotten: all in the order in which they came
		give("c1", "b2")
		give("d1", "e1")
		give("d2", "b3")
		for _, name := range []string{"b2", "e1", "b3", "a5"} {
			give(name, "")
		}
		if waiting, taken := q.Lengths(); waiting+taken != 0 {
			t.Errorf("%d wait, %d taken", waiting, taken)
		}
	})
}

// TestGivingUp: who no longer waits is passed over, and a place that came at the same moment is not lost.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	q := admission.NewQueue(1, time.Now)
	release, err := q.Take(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(gone)
	if _, err := q.Take(ctx, "b"); !errors.Is(err, gone) {
		t.Errorf("got %v", err)
	}
	release()
	for range 2000 { // cancelled and served at once, in either order
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if release, err := q.Take(ctx, "c"); err == nil {
			release()
		}
	}
	if waiting, taken := q.Lengths(); waiting+taken != 0 {
		t.Errorf("%d wait, %d taken", waiting, taken)
	}
}

// TestOrganisationOfAContext: what a door says is known below it, and work of the service itself is nobody's.
func TestOrganisationOfAContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(admission.WithOrganisation(t.Context(), "981275721"), time.Minute)
	defer cancel()
	if got, none := admission.Organisation(ctx), admission.Organisation(t.Context()); got != "981275721" || none != "" {
		t.Errorf("got %q and %q", got, none)
	}
}
