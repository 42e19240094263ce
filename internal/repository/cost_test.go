package repository_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
)

// TestNothingLeaks: whatever becomes of a reception, goroutines and descriptors come back. It is not parallel: it counts the
// whole process.
func TestNothingLeaks(t *testing.T) {
	real := open(t, nil)
	hung := open(t, func(c *repository.Config) {
		c.Scanner = fakeClamd(t, time.Minute, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	})
	fates := map[string]func(*repository.Reception, context.CancelFunc){
		"dropped while written": func(in *repository.Reception, _ context.CancelFunc) {
			_, _ = io.Copy(in, lines(2_000_000))
			in.Discard()
		},
		"too large": func(in *repository.Reception, _ context.CancelFunc) {
			_, _ = io.Copy(in, lines(11_000_000))
			in.Discard()
		},
		"dropped while scanned": func(in *repository.Reception, _ context.CancelFunc) {
			_, _ = io.Copy(in, lines(2_000_000))
			_ = in.Close()
			in.Discard()
		},
		"client gone while scanned": func(in *repository.Reception, cancel context.CancelFunc) {
			_, _ = io.Copy(in, lines(2_000_000))
			_ = in.Close()
			cancel()
			_, _ = in.Facts(context.Background())
			in.Discard()
		},
		"attachments": func(in *repository.Reception, _ context.CancelFunc) {
			_, _ = io.WriteString(in, inJSON(inCDA(strings.Repeat("Helt ufarlig innhold. ", 100_000))))
			_ = in.Close()
			time.Sleep(20 * time.Millisecond)
			in.Discard()
		},
	}
	for name, fate := range fates {
		for _, r := range []*repository.Repository{real, hung} {
			goroutines, descriptors := usage(t)
			for range 3 {
				ctx, cancel := context.WithCancel(t.Context())
				begin := time.Now()
				fate(r.Receive(ctx), cancel)
				if took := time.Since(begin); took > 20*time.Second {
					t.Errorf("%s: took %v", name, took)
				}
				cancel()
			}
			expectUsage(t, goroutines, descriptors)
		}
	}
}

// TestMemoryStaysFlat: 24 MiB pass through less than 3 MiB of heap, in text, in JSON and as an attachment.
func TestMemoryStaysFlat(t *testing.T) {
	r := open(t, nil)
	attachment := io.MultiReader(strings.NewReader(`{"resourceType":"Binary","data":"`), &cycler{text: encoded(strings.Repeat("Helt ufarlig innhold. ", 3))}, strings.NewReader(`"}`))
	for name, content := range map[string]io.Reader{"text": lines(24 << 20), "attachment": attachment} {
		t.Run(name, func(t *testing.T) {
			before, top := heap(), uint64(0)
			in := r.Receive(t.Context())
			defer in.Discard()
			buf := make([]byte, 32<<10)
			for i := 0; ; i++ {
				n, err := content.Read(buf)
				if _, err := in.Write(buf[:n]); err != nil {
					t.Fatal(err)
				}
				if i%200 == 0 {
					top = max(top, heap())
				}
				if err != nil {
					break
				}
			}
			_ = in.Close()
			done := make(chan error, 1)
			go func() { _, err := in.Facts(t.Context()); done <- err }()
			for waiting := true; waiting; {
				select {
				case err := <-done:
					if err != nil {
						t.Error(err)
					}
					waiting = false
				case <-time.After(50 * time.Millisecond):
					top = max(top, heap())
				}
			}
			grown := float64(max(top, before)-before) / (1 << 20)
			t.Logf("heap grew by %.2f MiB", grown)
			if grown > 3 {
				t.Errorf("heap grew by %.2f MiB", grown)
			}
		})
	}
}

// cycler repeats text for about 24 MiB: eight times the heap that the test allows, and quick enough under the race detector.
type cycler struct {
	text string
	n    int
}

func (c *cycler) Read(p []byte) (int, error) {
	if c.n > 24<<20 && c.n%len(c.text) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.text[c.n%len(c.text):])
	c.n += n
	return n, nil
}

// heap is what is alive.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestManyAtOnce: sixteen receptions of different content share a repository and do not mix.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	r, s := open(t, func(c *repository.Config) { c.ScanSlots = 4 }), someSchema()
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			content := []byte(fmt.Sprintf("Dokument %d\n%s", i, strings.Repeat(fmt.Sprintf("linje av %d\n", i), 50_000*(i%4))))
			infected := i%5 == 0
			if infected {
				content = append(content, scan.EICAR()...)
			}
			in := receive(t.Context(), t, r, bytes.NewReader(content))
			facts, err := in.Facts(t.Context())
			if err != nil || facts.Infected != infected || !bytes.Equal(facts.SHA256, digest(content)) {
				t.Errorf("%d: %+v, %v", i, facts, err)
				return
			}
			if infected {
				return
			}
			o, err := r.Keep(t.Context(), s, in)
			if err != nil {
				t.Errorf("%d: %v", i, err)
				return
			}
			body, err := r.Open(t.Context(), s, o, 0, -1)
			if err != nil {
				t.Errorf("%d: %v", i, err)
				return
			}
			defer body.Close()
			if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d: other bytes, %v", i, err)
			}
		})
	}
	all.Wait()
}

// BenchmarkReceive compares a reception of 60 MiB with the scan of the same bytes alone, the best of each, since the machine is
// shared: "ratio" is to stay below 1.15.
func BenchmarkReceive(b *testing.B) {
	for name, line := range map[string]string{"text": "Pasienten er oppdiktet.\n", "xml": "<linje nr=\"1\">Pasienten er oppdiktet.</linje>\n"} {
		b.Run(name, func(b *testing.B) {
			content := []byte(strings.Repeat(line, (repository.MaxDocument-7)/len(line)))
			if name == "xml" {
				content = slices.Concat([]byte("<a>"), content, []byte("</a>"))
			}
			r, bestScan, bestReceive := open(b, nil), time.Hour, time.Hour
			b.SetBytes(int64(len(content)))
			for i := 0; b.Loop(); i++ {
				// Other bytes each time: clamd remembers what it has found clean.
				copy(content[3+40*len(line):], strings.Replace(line, "oppdiktet", fmt.Sprintf("%09d", time.Now().UnixNano()%1e9), 1))
				bestScan = min(bestScan, timed(b, func() error { return scanAlone(b, content) }))
				copy(content[3+40*len(line):], strings.Replace(line, "oppdiktet", fmt.Sprintf("%09d", time.Now().UnixNano()%1e9), 1))
				bestReceive = min(bestReceive, timed(b, func() error { return receiveAlone(b, r, content) }))
			}
			b.ReportMetric(bestScan.Seconds(), "s/scan")
			b.ReportMetric(bestReceive.Seconds(), "s/receive")
			b.ReportMetric(bestReceive.Seconds()/bestScan.Seconds(), "ratio")
		})
	}
}

func timed(b *testing.B, f func() error) time.Duration {
	begin := time.Now()
	if err := f(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begin)
}

func scanAlone(b *testing.B, content []byte) error {
	stream, err := clamd(b).Open(b.Context())
	if err != nil {
		return err
	}
	if _, err := io.Copy(struct{ io.Writer }{stream}, struct{ io.Reader }{bytes.NewReader(content)}); err != nil {
		return err
	}
	_, err = stream.Verdict()
	return err
}

func receiveAlone(b *testing.B, r *repository.Repository, content []byte) error {
	in := r.Receive(b.Context())
	defer in.Discard()
	if _, err := io.Copy(in, struct{ io.Reader }{bytes.NewReader(content)}); err != nil {
		return err
	}
	_ = in.Close()
	_, err := in.Facts(b.Context())
	return err
}
