// Package fuzztest holds fuzz targets to one promise: no input, however made, keeps a reader of outside bytes busy for long (design/trust.md,
// test 22). It imports nothing of ours, so that tests inside any package may use it.
package fuzztest

import (
	"flag"
	"syscall"
	"testing"
	"time"
)

// The most that one input may take: of processor time, and on the clock before the run is broken off.
const (
	most = time.Second
	hang = 10 * time.Second
)

// InTime fails a fuzz target on an input that takes too long: `defer fuzztest.InTime(t)()` is the first statement of each. It watches under
// `go test -fuzz` only, where one input at a time is run.
func InTime(t *testing.T) (done func()) {
	if f := flag.Lookup("test.fuzz"); f == nil || f.Value.String() == "" {
		return func() {}
	}
	return watch(t, most, hang)
}

// reporter is what a watch needs of testing.T.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
}

func watch(t reporter, most, hang time.Duration) (done func()) {
	hung := time.AfterFunc(hang, func() { panic("one input has taken " + hang.String()) })
	began := processor()
	return func() {
		t.Helper()
		hung.Stop()
		if took := processor() - began; took > most {
			t.Errorf("one input took %v of processor time, more than %v", took, most)
		}
	}
}

// processor is what the process has used so far.
func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
