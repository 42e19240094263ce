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

// TestTurns: the organisation that holds fewest is next, and of several such who came first; nobody holds all.
func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := admission.NewQueue(4)
		var order []string
		releases := map[string]func(){}
		var mu sync.Mutex
		give := func(name string) {
			mu.Lock()
			release := releases[name]
			mu.Unlock()
			release()
			synctest.Wait()
		}
		take := func(name string) {
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
		expect := func(after, want string) {
			t.Helper()
			mu.Lock()
			defer mu.Unlock()
			if got := strings.Join(order, " "); got != want {
				t.Errorf("after %s: %s, want %s", after, got, want)
			}
		}
		for _, name := range []string{"a1", "a2", "a3", "a4", "a5"} {
			take(name)
		}
		expect("one alone", "a1 a2 a3") // a fourth place is free, for another
		for _, name := range []string{"b1", "b2", "c1", "b3"} {
			take(name)
		}
		expect("another", "a1 a2 a3 b1")
		give("a1")
		expect("a place", "a1 a2 a3 b1 c1") // c has none, b one, a two
		give("a2")
		expect("another place", "a1 a2 a3 b1 c1 a4") // a and b have one each; a4 came before b2
		give("a3")
		expect("a third place", "a1 a2 a3 b1 c1 a4 a5")
		give("a3") // again: nothing
		give("c1")
		give("b1")
		expect("all places", "a1 a2 a3 b1 c1 a4 a5 b2 b3")
		for _, name := range []string{"a4", "a5", "b2", "b3"} {
			give(name)
		}
		if waiting, taken := q.Lengths(); waiting+taken != 0 {
			t.Errorf("%d wait, %d taken", waiting, taken)
		}
	})
}

// TestGivingUp: who no longer waits is passed over, and a place that came at the same moment is not lost.
func TestGivingUp(t *testing.T) {
	t.Parallel()
	q := admission.NewQueue(1)
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
