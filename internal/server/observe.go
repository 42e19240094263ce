package server

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"

	"github.com/go-chi/chi/v5"
)

// FloodLines is how many lines a second's ten may have of requests that nobody is known of, and as many of those that were told to come back; what
// is above is counted in one line.
const (
	FloodLines  = 100
	floodWindow = 10 * time.Second
)

// observer writes the one log line of a request, counts it, and ends its span.
type observer struct {
	Surroundings
	// strangers and busy take the lines that a flood would be made of.
	strangers, busy *obs.Thinned
}

func newObserver(s Surroundings) *observer {
	thinned := func(summary string) *obs.Thinned {
		return &obs.Thinned{Log: s.Log, Lines: FloodLines, Window: cmp.Or(s.FloodWindow, floodWindow), Summary: summary}
	}
	return &observer{s, thinned("lines of unauthenticated requests were left out"), thinned("lines of requests that were told to come back were left out")}
}

// observe stands outside survive, so that a panic has its line too.
func (o *observer) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began, ended := o.Now(), o.Metrics.Began()
		ctx, span := o.Tracing.Request(obs.WithCallersTrace(r.Context(), r.Header, holdsNationalNumber))
		r = r.WithContext(ctx)
		rec := &recorder{ResponseWriter: w, control: http.NewResponseController(w), stall: o.Limits.StallTimeout}
		if r.Body != nil && r.Body != http.NoBody {
			r.Body = &countedBody{ReadCloser: r.Body, rec: rec}
		}
		rec.begin()
		defer func() {
			ended()
			rec.extend()
			o.end(ctx, span, seen{method: knownMethod(r.Method), route: chi.RouteContext(ctx).RoutePattern(), rec: rec, took: o.Now().Sub(began)})
		}()
		next.ServeHTTP(rec, r)
	})
}

// seen is a request that is over.
type seen struct {
	method, route string
	rec           *recorder
	took          time.Duration
}

func (o *observer) end(ctx context.Context, span obs.Served, s seen) {
	s.route = cmp.Or(s.route, obs.NoRoute)
	operation, status := cmp.Or(obs.Noted(ctx, "operation"), operationOf(s.method, s.route)), s.rec.status()
	failed := status >= http.StatusInternalServerError && !obs.IsBusy(ctx) || obs.HasFailed(ctx)
	counted := s.route
	if transaction := obs.Noted(ctx, "transaction"); transaction != "" {
		counted += " " + transaction // at one SOAP address there are several
	}
	if !obs.IsKnown(ctx) && !open[s.route] && s.route != obs.NoRoute {
		counted = obs.Strangers
	}
	o.Metrics.Request(counted, s.method, status, s.took, s.rec.received)
	if failed {
		o.Metrics.Failure(componentOf(ctx))
	}
	span.End(ctx, obs.Answered{Method: s.method, Route: s.route, Operation: operation, Status: status, Failed: failed})
	o.log(ctx, s, operation, failed)
}

func (o *observer) log(ctx context.Context, s seen, operation string, failed bool) {
	level, status := slog.LevelInfo, s.rec.status()
	switch {
	case failed:
		level = slog.LevelError
	case quiet[s.route]:
		level = slog.LevelDebug
	}
	// What is noted comes last and wins.
	attrs := []slog.Attr{slog.String("operation", operation), slog.String("component", string(fault.Self)), slog.String("method", s.method), slog.String("path", s.route),
		slog.Int("status", status), slog.Float64("duration_ms", float64(s.took.Microseconds())/1000), slog.Int64("bytes", s.rec.received), slog.Int64("bytes_out", s.rec.sent)}
	for _, note := range obs.Notes(ctx) {
		if i := slices.IndexFunc(attrs, func(a slog.Attr) bool { return a.Key == note.Key }); i >= 0 {
			attrs[i] = note
			continue
		}
		attrs = append(attrs, note)
	}
	if !o.Log.Enabled(ctx, level) {
		return
	}
	o.line(ctx)(ctx, level, "request", attrs...)
}

// line is where the line goes: whoever can cause any number must not fill the log.
func (o *observer) line(ctx context.Context) func(context.Context, slog.Level, string, ...slog.Attr) {
	switch {
	case !obs.IsKnown(ctx):
		return o.strangers.LogAttrs
	case obs.IsBusy(ctx):
		return o.busy.LogAttrs
	}
	return o.Log.LogAttrs
}

func componentOf(ctx context.Context) fault.Part {
	return cmp.Or(fault.Part(obs.Noted(ctx, "component")), fault.Self)
}

// knownMethod keeps a stranger's text out of log and metrics.
func knownMethod(m string) string {
	switch m {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return m
	}
	return "other"
}
