package simulator

import (
	"flag"
	"syscall"
	"testing"
	"time"
)

// inTime fails a fuzz target on one input that takes over a second of processor time, or ten of any: nobody may make a reader of outside bytes
// work long with few of them. It watches under `go test -fuzz` only, where one input at a time is run: internal/fuzzing_test.go.
func inTime(t *testing.T) (done func()) {
	if flag.Lookup("test.fuzz").Value.String() == "" {
		return func() {}
	}
	hung := time.AfterFunc(10*time.Second, func() { panic("one input has taken 10 seconds") })
	began := processor()
	return func() {
		hung.Stop()
		if took := processor() - began; took > time.Second {
			t.Errorf("one input took %v of processor time", took)
		}
	}
}

func processor() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
