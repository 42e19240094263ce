package fuzztest

import (
	"testing"
	"time"
)

// counted counts what would have failed a target.
type counted int

func (*counted) Helper()                 {}
func (c *counted) Errorf(string, ...any) { *c++ }

// TestWatch: work is found out, waiting is not, since a busy machine makes everybody wait. Not parallel: it counts the whole process.
func TestWatch(t *testing.T) {
	var failed counted
	done := watch(&failed, 20*time.Millisecond, time.Minute)
	for from := processor(); processor()-from < 40*time.Millisecond; {
	}
	if done(); failed != 1 {
		t.Errorf("busy for 40 ms: %d failures", failed)
	}
	done = watch(&failed, time.Second, time.Minute)
	time.Sleep(50 * time.Millisecond)
	if done(); failed != 1 {
		t.Errorf("asleep: %d failures", failed-1)
	}
}
