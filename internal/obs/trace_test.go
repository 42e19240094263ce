package obs_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/otlptest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// tracing sends to a collector; draws are what the sampler draws, for ever the last.
func tracing(t *testing.T, ratio float64, draws ...float64) (*obs.Tracing, *otlptest.Collector) {
	t.Helper()
	c := otlptest.Start(t)
	tr, err := obs.NewTracing(t.Context(), obs.TracingConfig{Endpoint: c.URL + "/", Ratio: ratio, Service: "dl", Version: "1", Instance: "i", Failed: func(err error) { t.Error(err) },
		Random: func() float64 {
			if len(draws) == 0 {
				return 0
			}
			d := draws[0]
			if len(draws) > 1 {
				draws = draws[1:]
			}
			return d
		}})
	if err != nil {
		t.Fatal(err)
	}
	return tr, c
}

func callers(ctx context.Context, values ...string) context.Context {
	return obs.WithCallersTrace(ctx, http.Header{"Traceparent": values, "Tracestate": {"patient=13116900216"}}, func(id string) bool { return strings.Contains(id, "13116900216") })
}

// TestCallersTrace: a well-formed traceparent is gone on with, also when there is no tracing; nothing else of a stranger's is.
func TestCallersTrace(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, want string }{
		"good":              {parent, "4bf92f3577b34da6a3ce929d0e0e4736"},
		"not sampled":       {strings.TrimSuffix(parent, "1") + "0", "4bf92f3577b34da6a3ce929d0e0e4736"},
		"zeros":             {"00-00000000000000000000000000000000-00f067aa0ba902b7-01", ""},
		"text":              {"x13116900216x", ""},
		"a number in trace": {"00-00000000000000000000013116900216-00f067aa0ba902b7-01", ""},
		"a number in span":  {"00-4bf92f3577b34da6a3ce929d0e0e4736-0000013116900216-01", ""},
		"too long":          {parent + "-13116900216", ""},
	} {
		if got := obs.TraceID(callers(t.Context(), c.value)); got != c.want {
			t.Errorf("%s: %q", name, got)
		}
	}
	if obs.TraceID(callers(t.Context(), parent, parent)) != "" {
		t.Error("two traceparents are none")
	}
	if state := trace.SpanContextFromContext(callers(t.Context(), parent)).TraceState().String(); state != "" {
		t.Errorf("a caller's tracestate is kept: %s", state)
	}
	got, _ := line(t, func(l *slog.Logger) { l.InfoContext(callers(t.Context(), parent), "x") })
	if got["trace_id"] != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("the line has no trace id: %v", got)
	}
}

// TestSamplingIsOurs: neither the flag nor the bits of a trace id decide.
func TestSamplingIsOurs(t *testing.T) {
	t.Parallel()
	tr, c := tracing(t, 0.5, 0.9, 0.9, 0.1)
	for _, flag := range []string{"01", "01", "00"} {
		ctx, span := tr.Request(callers(t.Context(), "00-00000000000000000000000000000001-00f067aa0ba902b7-"+flag))
		if _, inner := obs.Span(ctx, "inner"); inner == nil {
			t.Fatal("no end")
		} else {
			inner(nil)
		}
		span.End(ctx, obs.Answered{Method: "GET", Route: "/x", Status: 200})
	}
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(c.Spans()); n != 2 {
		t.Errorf("%d spans came, want the two of the one request that was drawn", n)
	}
}

// TestSpansHoldOnlyWhatIsListed: whatever a library puts into a span, its name, the listed attributes and success are all that leaves.
func TestSpansHoldOnlyWhatIsListed(t *testing.T) {
	t.Parallel()
	tr, c := tracing(t, 1)
	ctx, span := tr.Request(callers(obs.WithRequest(t.Context(), "id-1"), parent))
	obs.Note(ctx, slog.String("tenant", "oslo"), slog.String("client_id", "epj"))
	obs.Failed(ctx, fault.New(fault.PartUnavailable, "x").From(fault.ObjectStore).Because(errors.New("about 13116900216")))
	inner, end := obs.Span(ctx, "s3 put")
	raw := trace.SpanFromContext(inner)
	raw.SetAttributes(attribute.String("db.query.text", "where name = 'KARI'"), attribute.String("url.full", "/x?p=KARI"), attribute.String("http.route", "of 13116900216"))
	raw.RecordError(errors.New("KARI"))
	raw.AddEvent("KARI")
	raw.AddLink(trace.Link{SpanContext: trace.SpanContextFromContext(ctx), Attributes: []attribute.KeyValue{attribute.String("x", "KARI")}})
	end(fault.FromPart(fault.ObjectStore, errors.New("KARI is not there")))
	_, odd := obs.Span(ctx, "KARI's journal?")
	odd(nil)
	span.End(ctx, obs.Answered{Method: "POST", Route: "/R4/fhir/Bundle/$validate", Operation: "validate", Status: 503, Failed: true})
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if text := c.Text(); strings.Contains(text, "KARI") || strings.Contains(text, "13116900216") {
		t.Errorf("what nobody listed got out: %q", text)
	}
	byName := map[string]otlptest.Span{}
	for _, s := range c.Spans() {
		byName[s.Name] = s
		if s.Trace != "4bf92f3577b34da6a3ce929d0e0e4736" || s.Events != 0 || s.Message != "" || s.State != "" {
			t.Errorf("%+v", s)
		}
	}
	server, put := byName["POST /R4/fhir/Bundle/$validate"], byName["s3 put"]
	if server.Parent != "00f067aa0ba902b7" || put.Parent != server.ID || !server.Failed || !put.Failed || byName["other"].Failed || len(byName) != 3 {
		t.Errorf("%+v", byName)
	}
	delete(server.Attributes, "http.response.status_code")
	want := map[string]string{"http.request.method": "POST", "http.route": "/R4/fhir/Bundle/$validate", "dokumentlager.operation": "validate",
		"dokumentlager.request_id": "id-1", "dokumentlager.tenant": "oslo", "dokumentlager.code": "DLUnavailable", "dokumentlager.component": "s3"}
	if diff := cmp.Diff(want, server.Attributes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"service.name": "dl", "service.version": "1", "service.instance.id": "i"}, c.Resource()); diff != "" {
		t.Error(diff)
	}
}

// TestBackgroundBeginsTraces: work of our own is a trace; outside of any, and with tracing off, there is none.
func TestBackgroundBeginsTraces(t *testing.T) {
	t.Parallel()
	tr, c := tracing(t, 1)
	for _, ctx := range []context.Context{t.Context(), (&obs.Tracing{}).Background(t.Context()), (*obs.Tracing)(nil).Background(t.Context()), callers(tr.Background(t.Context()), parent)} {
		_, end := obs.Span(ctx, "nothing")
		end(nil)
	}
	ctx, end := obs.Span(tr.Background(t.Context()), "sweep tenant")
	_, put := obs.PartCall(ctx, fault.ObjectStore, "list")
	put(nil)
	end(nil)
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	spans := c.Spans()
	if len(spans) != 2 || spans[0].Name != "s3 list" || spans[0].Parent != spans[1].ID || spans[1].Parent != "" {
		t.Errorf("%+v", spans)
	}
}

// TestCollectorAway: nobody waits for it, and the log hears of it.
func TestCollectorAway(t *testing.T) {
	t.Parallel()
	told := make(chan error, 10)
	tr, err := obs.NewTracing(t.Context(), obs.TracingConfig{Endpoint: "http://127.0.0.1:1", Ratio: 1, Random: func() float64 { return 0 }, Failed: func(err error) { told <- err }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tr.Request(t.Context())
	span.End(ctx, obs.Answered{})
	short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_ = tr.Close(short)
	select {
	case err := <-told:
		if err == nil {
			t.Error("no reason")
		}
	case <-time.After(20 * time.Second):
		t.Error("nobody is told")
	}
}

// TestThinned: a flood of lines becomes a few and a sum, and the next window is as any.
func TestThinned(t *testing.T) {
	t.Parallel()
	var out syncBuffer
	thin := &obs.Thinned{Log: obs.NewLogger(&out, slog.LevelInfo, func(key string) { t.Errorf("unknown key %s", key) }), Lines: 5, Window: 200 * time.Millisecond, Summary: "left out"}
	for range 1000 {
		thin.LogAttrs(t.Context(), slog.LevelInfo, "request")
	}
	// A machine that stands still makes several windows of one.
	var lines, sums, left int
	for deadline := time.Now().Add(30 * time.Second); lines+left < 1000 && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		lines, sums, left = 0, 0, 0
		for text := range strings.Lines(out.String()) {
			var line struct {
				Msg   string
				Count int
			}
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Fatal(err)
			}
			switch line.Msg {
			case "request":
				lines++
			case "left out":
				sums, left = sums+1, left+line.Count
			}
		}
	}
	if sums == 0 || lines > 5*(sums+1) || lines+left != 1000 {
		t.Errorf("%d lines, and %d sums of %d: %s", lines, sums, left, out.String())
	}
	thin.LogAttrs(t.Context(), slog.LevelInfo, "after")
	if !strings.Contains(out.String(), `"after"`) {
		t.Error("after the flood nothing is written")
	}
}
