package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
)

// lines is a log that several requests may write to.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// doorFunc is a door made of one function.
type doorFunc func(chi.Router)

func (f doorFunc) Routes(r chi.Router) { f(r) }

type world struct {
	http.Handler
	log     *lines
	health  *server.Health
	metrics *obs.Metrics
	refused []*fault.Problem
}

// surround puts a door into a real router with small limits.
func surround(t *testing.T, door doorFunc, checks ...server.Check) *world {
	t.Helper()
	w := &world{log: &lines{}, metrics: obs.NewMetrics("test")}
	log := obs.NewLogger(w.log, slog.LevelDebug, func(key string) { t.Errorf("unknown log key %q", key) })
	w.health = &server.Health{Checks: checks, Log: log, Deadline: 300 * time.Millisecond}
	var n atomic.Int64
	w.Handler = server.NewRouter(server.Surroundings{
		Doors: []server.Door{door}, Health: w.health, Metrics: w.metrics, Log: log, Version: "test", Now: time.Now,
		Limits:  server.Limits{Request: 1000, Header: 1 << 16, StallTimeout: 250 * time.Millisecond, MinRate: 1000, InFlight: 2},
		Refused: func(_ context.Context, _ *http.Request, p *fault.Problem) { w.refused = append(w.refused, p) },
		NewID:   func() string { return fmt.Sprintf("id-%d", n.Add(1)) },
	})
	return w
}

func (w *world) ask(method, target, body string) *httptest.ResponseRecorder {
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, httptest.NewRequest(method, target, strings.NewReader(body)))
	return rec
}

// outcome reads an OperationOutcome's first issue.
func outcome(t *testing.T, body io.Reader) (code, text string) {
	t.Helper()
	var o struct {
		ResourceType string
		Issue        []struct {
			Code, Diagnostics string
		}
	}
	if err := json.NewDecoder(body).Decode(&o); err != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 {
		t.Fatalf("no OperationOutcome: %v %+v", err, o)
	}
	return o.Issue[0].Code, o.Issue[0].Diagnostics
}

func simple(r chi.Router) {
	r.Post("/R4/fhir/Bundle", func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			server.Answer(w, r, err)
			return
		}
		fmt.Fprint(w, n)
	})
	r.Route("/R4/fhir/DocumentReference", func(r chi.Router) {
		r.Get("/{id}", func(w http.ResponseWriter, r *http.Request) {
			obs.Known(r.Context(), "epj")
			obs.Note(r.Context(), slog.String("tenant", "oslo"))
			w.Header().Set("Cache-Control", "private")
		})
		r.Delete("/{id}", func(http.ResponseWriter, *http.Request) {})
	})
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("patient 13116900216") })
	r.Get("/half", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "half"); panic(errors.New("x")) })
	r.Get("/abort", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "half"); panic(http.ErrAbortHandler) })
}

func TestAddressesAndMethods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		method, target string
		status         int
		allow, code    string
	}{
		{"GET", "/ping", 200, "", ""},
		{"HEAD", "/ping", 200, "", ""},
		{"POST", "/ping", 405, "GET, HEAD", "not-supported"},
		{"GET", "/healthz", 200, "", ""},
		{"GET", "/nowhere", 404, "", "not-found"},
		{"GET", "/nowhere?patient=13116900216", 404, "", "not-found"},
		{"GET", "/R4/fhir/Bundle", 405, "POST", "not-supported"},
		{"OPTIONS", "/R4/fhir/Bundle", 405, "POST", "not-supported"},
		{"PUT", "/R4/fhir/DocumentReference/7", 405, "GET, DELETE", "not-supported"},
		{"GET", "/R4/fhir/DocumentReference/7", 200, "", ""},
		{"GET", "/R4/fhir/DocumentReference/7/8", 404, "", "not-found"},
		{"BREW", "/ping", 405, "GET, HEAD", "not-supported"},
	} {
		t.Run(c.method+" "+c.target, func(t *testing.T) {
			t.Parallel()
			w := surround(t, simple)
			got := w.ask(c.method, c.target, "")
			if got.Code != c.status || got.Header().Get("Allow") != c.allow {
				t.Errorf("got %d, Allow %q", got.Code, got.Header().Get("Allow"))
			}
			if c.code != "" {
				if code, _ := outcome(t, got.Body); code != c.code {
					t.Errorf("issue code %q", code)
				}
			}
			if got.Header().Get("X-Request-Id") != "id-1" || got.Header().Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers %v", got.Header())
			}
			if strings.Contains(w.log.String()+scrape(w.metrics), "13116900216") {
				t.Error("a patient identifier in log or metrics")
			}
		})
	}
}

func scrape(m *obs.Metrics) string {
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest("GET", "/metrics", nil))
	return rec.Body.String()
}

func TestOneLogLinePerRequest(t *testing.T) {
	t.Parallel()
	w := surround(t, simple)
	r := httptest.NewRequest("GET", "/R4/fhir/DocumentReference/13116900216?p=13116900216", nil)
	r.Header.Set("nhn-event-id", "c4d402a5-70b1")
	r.Header.Set("X-Request-Id", "mine")
	r.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	var got map[string]any
	if err := json.Unmarshal([]byte(w.log.String()), &got); err != nil {
		t.Fatalf("not one line: %v: %s", err, w.log)
	}
	delete(got, "time")
	delete(got, "duration_ms")
	want := map[string]any{"level": "INFO", "msg": "request", "component": "self", "operation": "read-entry", "client_id": "epj", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "method": "GET", "path": "/R4/fhir/DocumentReference/{id}",
		"status": 200.0, "bytes": 0.0, "bytes_out": 0.0, "tenant": "oslo", "nhn_event_id": "c4d402a5-70b1", "request_id": "id-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if rec.Header().Get("Cache-Control") != "private" || !strings.Contains(rec.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("headers %v", rec.Header())
	}
	if series := `dokumentlager_requests_total{class="2xx",method="GET",route="/R4/fhir/DocumentReference/{id}"} 1`; !strings.Contains(scrape(w.metrics), series) {
		t.Error("missing " + series)
	}
}

func TestEventIDsThatAreNoneStayOut(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"13116900216", "1311-6900-216", "a b", "æ", "x\ny", strings.Repeat("a", 65)} {
		w := surround(t, simple)
		r := httptest.NewRequest("GET", "/nowhere", nil)
		r.Header["Nhn-Event-Id"] = []string{id}
		w.ServeHTTP(httptest.NewRecorder(), r)
		if strings.Contains(w.log.String(), "nhn_event_id") {
			t.Errorf("%q got into the log", id)
		}
	}
}

func TestPanics(t *testing.T) {
	t.Parallel()
	w := surround(t, simple)
	got := w.ask("GET", "/panic", "")
	if code, text := outcome(t, got.Body); got.Code != 500 || code != "exception" || strings.Contains(text, "patient") {
		t.Errorf("got %d %s %s", got.Code, code, text)
	}
	log := w.log.String()
	if strings.Contains(log, "patient") || !strings.Contains(log, "panic: string") || !strings.Contains(log, "server_test.simple") {
		t.Errorf("the log must say where and not what: %s", log)
	}
	if n := strings.Count(log, `"msg":"request"`); n != 1 {
		t.Errorf("%d request lines", n)
	}
}

// TestBrokenAnswers: an answer that ends in the middle must not look whole to the caller (promise 3).
func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	w := surround(t, simple)
	srv := httptest.NewServer(w)
	t.Cleanup(srv.Close)
	for _, path := range []string{"/half", "/abort"} {
		resp, err := http.Get(srv.URL + path)
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: the answer looks whole", path)
		}
		if !strings.Contains(w.log.String(), `"path":"`+path+`"`) {
			t.Errorf("%s has no log line", path)
		}
	}
}
