package server_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"
)

// TestCollectorThatIsAway does not fill the log, however fast spans fail; the metric counts them all.
func TestCollectorThatIsAway(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	metrics := obs.NewMetrics("test")
	failed := server.Untold(slog.New(slog.NewJSONHandler(&out, nil)), metrics)
	for range 500 {
		failed(errors.New("connection refused"))
	}
	if n := strings.Count(out.String(), "connection refused"); n != 1 || strings.Count(out.String(), `"operation":"export-traces"`) != 1 {
		t.Errorf("%d lines of 500: %s", n, out.String())
	}
	if text := scrape(metrics); !strings.Contains(text, "dokumentlager_trace_export_failures_total 500") {
		t.Errorf("metrics: %s", text)
	}
}
