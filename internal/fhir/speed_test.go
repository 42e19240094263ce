package fhir

import (
	"io"
	"runtime"
	"strings"
	"testing"
)

// repeated is a bundle with one document of the given base64 unit, made as it is read, so that only ReadBundle's memory counts.
type repeated struct {
	head, tail string
	unit       string
	left       int // units
}

func bigBundle(unit string, units int) *repeated {
	whole := entries(binary(`"~"`))
	at := strings.IndexByte(whole, '~')
	return &repeated{head: whole[:at], tail: whole[at+1:], unit: strings.Repeat(unit, 1024), left: units / 1024}
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.head == "" && r.left > 0 {
		r.head, r.left = r.unit, r.left-1
	}
	if r.head == "" {
		r.head, r.tail = r.tail, ""
	}
	if r.head == "" {
		return 0, io.EOF
	}
	n := copy(p, r.head)
	r.head = r.head[n:]
	return n, nil
}

type countingSink int64

func (c *countingSink) Write(p []byte) (int, error) { *c += countingSink(len(p)); return len(p), nil }
func (c *countingSink) Close() error                { return nil }

// TestReadBundleInFlatMemory: a document of 60 MiB takes no more memory than a small one. Not parallel: it counts the whole
// program's allocations.
func TestReadBundleInFlatMemory(t *testing.T) {
	const size, most = 60 << 20, 512 << 10
	var before, after runtime.MemStats
	var sink countingSink
	runtime.ReadMemStats(&before)
	_, err := ReadBundle(bigBundle("QUJD", size/3), Limits{}, func(int) (io.WriteCloser, error) { return &sink, nil })
	runtime.ReadMemStats(&after)
	if err != nil || sink != size {
		t.Fatalf("%d bytes, %v", sink, err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > most {
		t.Errorf("%d bytes allocated in all, want at most %d", took, most)
	}
}

// BenchmarkReadBundle measures bytes of JSON per second, without and with the escapes that .NET writes.
func BenchmarkReadBundle(b *testing.B) {
	for name, unit := range map[string]string{
		"plain": "QUJD",
		".NET":  strings.Repeat("QUJD", 7) + `QU\u002BD`,
	} {
		b.Run(name, func(b *testing.B) {
			units := 60 << 20 / (len(unit) / 4 * 3)
			b.SetBytes(int64(units * len(unit)))
			b.ReportAllocs()
			for b.Loop() {
				var sink countingSink
				if _, err := ReadBundle(bigBundle(unit, units), Limits{}, func(int) (io.WriteCloser, error) { return &sink, nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
