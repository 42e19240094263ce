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

// TestHostileFiles: every decision of the corpus, in writes as they come from the network and byte by byte where that is quick.
func TestHostileFiles(t *testing.T) {
	t.Parallel()
	groups := map[string]int{}
	for _, c := range hostile.Cases() {
		groups[c.Group]++
		data := c.Bytes()
		for _, step := range []int{32 << 10, 1} {
			if step == 1 && len(data) > 64<<10 {
				continue
			}
			r := inspect(t, data, step, WithAttachments(10, (&bin{}).open))
			if got := decision(r.Check(c.Declared, c.Title)); got != string(c.Want) {
				t.Errorf("%s/%s in writes of %d: got %q, want %q (%s: %s); found %q, damage %q, kind %q", c.Group, c.Name, step, got, c.Want, c.Rule, c.Why, r.Found, r.Damage, r.kind)
			}
		}
	}
	for group, least := range map[string]int{"polyglot": 40, "magic": 81, "xml": 30, "image": 40, "pdf": 10, "text": 20, "packed": 10, "name": 40} {
		if groups[group] < least {
			t.Errorf("%d files of group %s, want %d at least", groups[group], group, least)
		}
	}
}

// TestHostileCost: what judging a file allocates in all, garbage included, is far below the 64 MiB it may ever hold, and the work is in
// proportion to its bytes. Work is this process's own processor time, so a busy machine does not make it fail; the test is not parallel,
// because both are counted for the whole process.
func TestHostileCost(t *testing.T) {
	const allocated, perMiB = 8 << 20, 3 * time.Second // under the race detector; a tenth of it without
	for _, c := range hostile.Cases() {
		data := c.Bytes()
		began, before := processorTime(t), allocations()
		in := NewInspector(WithAttachments(10, func() io.WriteCloser { return nopCloser{io.Discard} }))
		for rest := data; len(rest) > 0; rest = rest[min(len(rest), 32<<10):] {
			if _, err := in.Write(rest[:min(len(rest), 32<<10)]); err != nil {
				t.Fatal(err)
			}
		}
		in.Result().Check(c.Declared, c.Title)
		if grown := allocations() - before; grown > allocated {
			t.Errorf("%s/%s: %d bytes allocated for %d bytes of file", c.Group, c.Name, grown, len(data))
		}
		if took, may := processorTime(t)-began, time.Second+time.Duration(len(data)>>20)*perMiB; took > may {
			t.Errorf("%s/%s: %v of processor time for %d bytes", c.Group, c.Name, took, len(data))
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
