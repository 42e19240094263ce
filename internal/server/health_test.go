package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/server"

	"github.com/google/go-cmp/cmp"
)

func parts(t *testing.T, rec *httptest.ResponseRecorder) map[string]string {
	t.Helper()
	var got struct{ Parts map[string]string }
	if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	return got.Parts
}

func TestReadyNamesThePartThatFails(t *testing.T) {
	t.Parallel()
	fine := func(context.Context) error { return nil }
	w := surround(t, simple,
		server.Check{Name: "database", Ask: fine},
		server.Check{Name: "object store", Ask: func(context.Context) error { return errors.New("dial tcp 10.0.0.7:9000: refused") }},
		// A check that forgets its context must not hang readiness.
		server.Check{Name: "scanner", Ask: func(context.Context) error { select {} }},
	)
	began := time.Now()
	got := w.ask("GET", "/readyz", "")
	if got.Code != 503 || time.Since(began) > 2*time.Second {
		t.Errorf("got %d after %s", got.Code, time.Since(began))
	}
	if strings.Contains(got.Body.String(), "10.0.0.7") {
		t.Errorf("an address in %s", got.Body)
	}
	if diff := cmp.Diff(map[string]string{"database": "ok", "object store": "fails", "scanner": "fails"}, parts(t, got)); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(w.log.String(), "10.0.0.7") {
		t.Error("the log must say why")
	}
}

func TestReadyIsAskedRarelyAndSaysWhenStopping(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	w := surround(t, simple, server.Check{Name: "database", Ask: func(context.Context) error { asked.Add(1); return nil }})
	for range 50 {
		if got := w.ask("GET", "/readyz", "").Code; got != 200 {
			t.Fatalf("got %d", got)
		}
	}
	if asked.Load() > 5 {
		t.Errorf("50 strangers made us ask the database %d times", asked.Load())
	}
	w.health.Drain()
	if got := w.ask("GET", "/readyz", ""); got.Code != 503 || parts(t, got)["service"] != "stopping" {
		t.Errorf("got %d %s", got.Code, got.Body)
	}
	if got := w.ask("GET", "/healthz", "").Code; got != 200 {
		t.Errorf("alive while stopping: got %d", got)
	}
}

// TestScannerSelfTestGate: closed at first, open after the first success, closed again after a failure (F3, fail-closed).
func TestScannerSelfTestGate(t *testing.T) {
	t.Parallel()
	results := make(chan error)
	s := &server.SelfTest{Test: func(ctx context.Context) error {
		select {
		case err := <-results:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}, Log: slog.New(slog.DiscardHandler), Retry: time.Millisecond, Again: time.Millisecond}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go s.Run(ctx)
	if err := s.Passed(ctx); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("before any test: %v", err)
	}
	for i, result := range []error{errors.New("EICAR not found"), nil, errors.New("EICAR not found"), nil} {
		results <- result
		deadline := time.Now().Add(2 * time.Second)
		for (s.Passed(ctx) == nil) != (result == nil) && time.Now().Before(deadline) {
			time.Sleep(time.Millisecond)
		}
		if (s.Passed(ctx) == nil) != (result == nil) {
			t.Errorf("round %d: gate open %v after %v", i, s.Passed(ctx) == nil, result)
		}
	}
}
