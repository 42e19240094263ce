package bench

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/format"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
)

func TestSample(t *testing.T) {
	t.Parallel()
	var hundred sample
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i))
	}
	cases := []struct {
		name        string
		of          sample
		median, p99 time.Duration
	}{
		{"one", sample{7}, 7, 7},
		{"three, unsorted", sample{9, 1, 5}, 5, 9},
		{"a hundred", hundred, 50, 99},
	}
	for _, c := range cases {
		if m, p := c.of.median(), c.of.p99(); m != c.median || p != c.p99 {
			t.Errorf("%s: median %d, p99 %d, want %d, %d", c.name, m, p, c.median, c.p99)
		}
	}
	if diff := cmp.Diff(sample{111, 222}, sample{1, 2}.plus(sample{10, 20}, sample{100, 200})); diff != "" {
		t.Error(diff)
	}
}

func TestAlternate(t *testing.T) {
	t.Parallel()
	var order strings.Builder
	part := func(name string) func() time.Duration {
		return func() time.Duration { order.WriteString(name); return time.Duration(order.Len()) }
	}
	taken := alternate(2, 1, part("a"), part("b"))
	if order.String() != "ababab" {
		t.Errorf("order %s", order.String())
	}
	if diff := cmp.Diff([]sample{{3, 5}, {4, 6}}, taken); diff != "" {
		t.Error("the warm round must not count: ", diff)
	}
}

// TestDocuments: exactly the size asked for, of the type that is said, and nothing of one in the next.
func TestDocuments(t *testing.T) {
	t.Parallel()
	const size = 3<<20 + 17
	for want, k := range map[format.Type]kind{format.PDF: pdfOfImages, format.Text: plainText} {
		p := newPress(t, [32]byte{1})
		first := slices.Clone(k.make(p, size))
		second := k.make(p, size)
		inspector := format.NewInspector()
		_, _ = inspector.Write(second)
		if found := inspector.Result(); found.Found != want || found.Damage != "" || len(first) != size || len(second) != size {
			t.Errorf("%s: found %v, %d and %d bytes", k.name, found, len(first), len(second))
		}
		for at := size / 2; at < size/2+size/pictures; at += 4 << 10 { // half way in one picture
			if block := second[at : at+64]; bytes.Contains(first, block) && !bytes.Contains(block, []byte("obj")) {
				t.Errorf("%s: the documents share bytes at %d", k.name, at)
			}
		}
	}
}

func TestBundle(t *testing.T) {
	t.Parallel()
	p := newPress(t, [32]byte{2})
	content := p.pdf(1 << 20)
	var got bytes.Buffer
	message := p.bundle(t, servicetest.BundleFor(tenant.Tenant{HomeCommunity: "1.2"}), pdfOfImages, content)
	_, err := fhir.ReadBundle(bytes.NewReader(message), fhir.Limits{}, sink(&got))
	if err != nil || !bytes.Equal(got.Bytes(), content) {
		t.Errorf("%d bytes of %d came out: %v", got.Len(), len(content), err)
	}
}

func TestSheet(t *testing.T) {
	t.Parallel()
	s := sheet{commit: "abc", machine: "2 cores", at: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
	s.milliseconds("upload", 3*time.Second, 2*time.Second)
	root := t.TempDir()
	if err := s.save(root); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "build", "bench.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"name": "upload", "ours": 3000.0, "floor": 2000.0, "ratio": 1.5, "unit": "ms", "commit": "abc", "machine": "2 cores", "at": "2026-11-01T12:00:00Z"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var table strings.Builder
	if err := s.table(&table); err != nil || !strings.Contains(table.String(), "3000.00") || !strings.Contains(table.String(), "1.50") {
		t.Errorf("%v %s", err, table.String())
	}
}

func TestCommitWithoutGit(t *testing.T) {
	t.Parallel()
	if got := commit(t.TempDir()); got != "unknown" {
		t.Errorf("a folder that is no checkout is of commit %q", got)
	}
}

// sink gives the one document of a bundle to w.
func sink(w io.Writer) fhir.OpenSink {
	return func(int) (io.WriteCloser, error) { return open{w}, nil }
}

type open struct{ io.Writer }

func (open) Close() error { return nil }

// TestMachine: the kernel's tables are read, and the checkout is found from where go test stands.
func TestMachine(t *testing.T) {
	t.Parallel()
	if got := machine(); runtime.GOOS == "linux" && strings.Contains(got, "unknown") {
		t.Error(got)
	}
	if got := field("/proc/self/status", "Pid"); runtime.GOOS == "linux" && got != strconv.Itoa(os.Getpid()) {
		t.Errorf("Pid %q", got)
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "internal", "bench", "doc.go")); err != nil {
		t.Error(err)
	}
}
