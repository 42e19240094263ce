package person_test

import (
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/person"
)

// TestExists: who is known is believed for long and without a question, also in an outage; who is not, only while the answer is fresh.
func TestExists(t *testing.T) {
	t.Parallel()
	r := start(t, func(c *person.Config) { c.Known = 24 * time.Hour })
	exists := func(when, nin string, want bool, asked int) {
		t.Helper()
		before := r.sts.PersonAsked()
		got, err := r.Exists(t.Context(), fnr(nin))
		if err != nil || got.Registered != want || r.sts.PersonAsked()-before != asked {
			t.Errorf("%s: %+v after %d questions, %v; want %v after %d", when, got, r.sts.PersonAsked()-before, err, want, asked)
		}
	}
	fails := func(when, nin string) {
		t.Helper()
		_, err := r.Exists(t.Context(), fnr(nin))
		lead := fault.Of(err).Leading()
		if lead == nil || lead.Code != fault.PartUnavailable || lead.Rule != "P2" || lead.RetryAfter <= 0 || strings.Contains(err.Error(), nin) {
			t.Errorf("%s: %v", when, err)
		}
	}
	r.change(t, `{"nin":"12119000465","exists":false}`)
	exists("new", line, true, 1)
	exists("unknown", malin, false, 1)
	exists("again", line, true, 0)
	exists("unknown, again", malin, false, 0)
	r.clock.add(31 * time.Second)
	exists("no longer fresh", line, true, 0)
	exists("unknown, no longer fresh", malin, false, 1)
	r.change(t, `{"nin":"12119000465","birth_date":"1990-11-12"}`)
	r.clock.add(31 * time.Second)
	exists("has a number now", malin, true, 1)

	r.change(t, `{"nin":"15076500565","exists":false}`)
	exists("unknown before the outage", "15076500565", false, 1)
	r.clock.add(31 * time.Second)
	r.sts.PlayOutage(sts.Outage{Mode: "error"})
	exists("known, in an outage", line, true, 0)
	fails("never asked, in an outage", "23077200290")
	fails("unknown, in an outage", "15076500565")
	r.clock.add(24 * time.Hour)
	fails("known too long ago, in an outage", line)
	r.sts.PlayOutage(sts.Outage{})
	exists("too long ago", line, true, 1)
}

// TestExistsWithoutMemory: with Known at zero a person counts as long as other facts do.
func TestExistsWithoutMemory(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	for i, age := range []time.Duration{0, 30 * time.Second, time.Second} {
		r.clock.add(age)
		if got, err := r.Exists(t.Context(), fnr(line)); err != nil || !got.Registered || r.sts.PersonAsked() != []int{1, 1, 2}[i] {
			t.Errorf("%d: %+v after %d questions, %v", i, got, r.sts.PersonAsked(), err)
		}
	}
	r.clock.add(time.Minute)
	r.sts.PlayOutage(sts.Outage{Mode: "error"})
	if got, err := r.Exists(t.Context(), fnr(line)); err != nil || !got.Registered || !got.Stale {
		t.Errorf("a stale answer that he exists: %+v, %v", got, err)
	}
}
