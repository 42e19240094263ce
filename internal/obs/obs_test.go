package obs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/obs"

	"github.com/google/go-cmp/cmp"
)

// line writes one line and reads it back without time.
func line(t *testing.T, write func(*slog.Logger)) (map[string]any, []string) {
	t.Helper()
	var out bytes.Buffer
	var unknown []string
	write(obs.NewLogger(&out, slog.LevelDebug, func(key string) { unknown = append(unknown, key) }))
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("not one JSON object per line: %v: %s", err, out.Bytes())
	}
	delete(got, "time")
	return got, unknown
}

func TestLogKeepsOnlyKnownKeys(t *testing.T) {
	t.Parallel()
	type patient struct{ ID string }
	for name, c := range map[string]struct {
		write   func(*slog.Logger)
		want    map[string]any
		unknown []string
	}{
		"known": {
			func(l *slog.Logger) { l.Info("request", "method", "GET", "status", 200, "duration_ms", 1.5) },
			map[string]any{"level": "INFO", "msg": "request", "method": "GET", "status": 200.0, "duration_ms": 1.5}, nil,
		},
		"unknown": {
			func(l *slog.Logger) { l.Warn("x", "patient", "13116900216", "code", "A") },
			map[string]any{"level": "WARN", "msg": "x", "code": "A"}, []string{"patient"},
		},
		"unknown by With": {
			func(l *slog.Logger) { l.With("url", "/x?p=1", "component", "s3").Info("x") },
			map[string]any{"level": "INFO", "msg": "x", "component": "s3"}, []string{"url"},
		},
		"known key hidden in a group": {
			func(l *slog.Logger) { l.WithGroup("g").Info("x", "code", "A") },
			map[string]any{"level": "INFO", "msg": "x"}, []string{"code"},
		},
		"a value that could hold anything": {
			func(l *slog.Logger) { l.Info("x", "error", patient{"secret"}) },
			map[string]any{"level": "INFO", "msg": "x"}, []string{"error"},
		},
		"a component that is none": {
			func(l *slog.Logger) { l.Error("x", "component", "mhd") },
			map[string]any{"level": "ERROR", "msg": "x", "component": "self"}, []string{"component=mhd"},
		},
		"a library's spelling of error": {
			func(l *slog.Logger) { l.Error("x", "err", errors.New("gone")) },
			map[string]any{"level": "ERROR", "msg": "x", "error": "gone"}, nil,
		},
		"configuration": {
			func(l *slog.Logger) { l.Info("x", slog.Group("config", "database.url", "set")) },
			map[string]any{"level": "INFO", "msg": "x", "config": map[string]any{"database.url": "set"}}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, unknown := line(t, c.write)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.unknown, unknown); diff != "" {
				t.Errorf("unknown keys: %s", diff)
			}
		})
	}
}

func TestLogBlotsOutNationalNumbers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"patient 13116900216 not found":        "patient [11 digits] not found",
		"13116900216^^^&2.16.578.1&ISO":        "[11 digits]^^^&2.16.578.1&ISO",
		"13116900216 and 13116900217":          "[11 digits] and [11 digits]",
		"0192f3a4-7b1c-7def-8abc-a12345678901": "0192f3a4-7b1c-7def-8abc-a12345678901",
		"organisation 981275721, 2026112112":   "organisation 981275721, 2026112112",
		"123456789012":                         "123456789012",
		"":                                     "",
	} {
		got, _ := line(t, func(l *slog.Logger) { l.Info(in, "error", errors.New(in), "code", in) })
		for _, key := range []string{"msg", "error", "code"} {
			if got[key] != want {
				t.Errorf("%s of %q: got %q, want %q", key, in, got[key], want)
			}
		}
	}
	got, _ := line(t, func(l *slog.Logger) { l.Info("x", "error", strings.Repeat("å", 4000)) })
	if n := len(got["error"].(string)); n > 2100 {
		t.Errorf("a value of %d bytes", n)
	}
}

func TestRequestContext(t *testing.T) {
	t.Parallel()
	ctx := obs.WithRequest(t.Context(), "0192")
	obs.Note(ctx, slog.String("tenant", "oslo"), slog.String("code", "A"))
	obs.Note(ctx, slog.String("code", "B"))
	if got := fmt.Sprint(obs.RequestID(ctx), obs.Notes(ctx)); got != "0192[tenant=oslo code=B]" && got != "0192 [tenant=oslo code=B]" {
		t.Error(got)
	}
	got, _ := line(t, func(l *slog.Logger) { l.InfoContext(ctx, "x") })
	if got["request_id"] != "0192" {
		t.Errorf("the line has no request id: %v", got)
	}
	obs.Note(context.Background(), slog.String("code", "C"))
	if obs.RequestID(context.Background()) != "" || obs.Notes(context.Background()) != nil {
		t.Error("outside a request there is nothing")
	}
}

func TestMetricsAreBounded(t *testing.T) {
	t.Parallel()
	m := obs.NewMetrics("1.2.3")
	for i := range 5000 {
		m.Request(fmt.Sprintf("/raw/%d", i), fmt.Sprintf("M%d", i), i, time.Millisecond, -1)
		m.Scan(fmt.Sprint("odd", i))
	}
	m.Request("", "GET", 404, time.Second, 3)
	m.Removal(nil)
	text := scrape(m)
	if n := strings.Count(text, "\ndokumentlager_"); n > 62*(5+18)+400 {
		t.Errorf("%d series", n)
	}
	for _, want := range []string{
		`dokumentlager_build_info{version="1.2.3"} 1`,
		`dokumentlager_requests_total{class="4xx",method="any",route="none"} 1`,
		`dokumentlager_scans_total{outcome="not_scanned"} 5000`,
		`dokumentlager_scans_total{outcome="infected"} 0`,
		`dokumentlager_removals_total{outcome="removed"} 1`,
		`dokumentlager_received_bytes_total 3`,
		`dokumentlager_requests_in_flight 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("missing %s", want)
		}
	}
}

func scrape(m *obs.Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

// syncBuffer is a log that several may write to.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
