package format

import (
	"io"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/testdata/hostile"
)

// decision is what Check says of a file, as the corpus spells it; several codes stand behind each other.
func decision(problems fault.Problems) string {
	var codes []string
	for _, p := range problems {
		codes = append(codes, string(p.Code))
	}
	return strings.Join(codes, " ")
}

// TestHostileFiles: every decision of the corpus, in writes as they come from the network, and byte by byte for small files. What judging a file
// allocates in all, garbage included, is far below the 64 MiB it may ever hold, and the work is in proportion to its bytes: it is
// this process's own processor time, so that a busy machine does not make the test fail. Both are counted for the whole process, so
// the test is not parallel.
func TestHostileFiles(t *testing.T) {
	const allocated, perMiB = 8 << 20, 3 * time.Second // under the race detector; a tenth of it without
	groups := map[string]int{}
	for _, c := range hostile.Cases() {
		groups[c.Group]++
		data := c.Bytes()
		began, before := processorTime(t), allocations()
		r := inspect(t, data, 32<<10, WithAttachments(10, func() io.WriteCloser { return nopCloser{io.Discard} }))
		got := decision(r.Check(c.Declared, c.Title))
		if grown := allocations() - before; grown > allocated {
			t.Errorf("%s/%s: %d bytes allocated for %d bytes of file", c.Group, c.Name, grown, len(data))
		}
		if took, may := processorTime(t)-began, time.Second+time.Duration(len(data)>>20)*perMiB; took > may {
			t.Errorf("%s/%s: %v of processor time for %d bytes", c.Group, c.Name, took, len(data))
		}
		if len(data) <= 8<<10 {
			if split := decision(inspect(t, data, 1).Check(c.Declared, c.Title)); split != got {
				t.Errorf("%s/%s: %q in small writes, %q in large ones", c.Group, c.Name, split, got)
			}
		}
		if got != string(c.Want) {
			t.Errorf("%s/%s: got %q, want %q (%s: %s); found %q, damage %q, kind %q", c.Group, c.Name, got, c.Want, c.Rule, c.Why, r.Found, r.Damage, r.kind)
		}
	}
	for group, least := range map[string]int{"polyglot": 40, "magic": 81, "xml": 30, "image": 40, "pdf": 10, "text": 20, "packed": 10, "name": 40} {
		if groups[group] < least {
			t.Errorf("%d files of group %s, want %d at least", groups[group], group, least)
		}
	}
}

func allocations() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
