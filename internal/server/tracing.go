package server

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/obs"

	"github.com/exaring/otelpgx"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// newTracing makes what sends spans, or what does nothing.
func (p *parts) newTracing(ctx context.Context, version string) (err error) {
	c := p.cfg.Tracing
	p.tracing, err = obs.NewTracing(ctx, obs.TracingConfig{Endpoint: c.Endpoint, Ratio: float64(c.Ratio), Service: c.Service, Version: version,
		Instance: uuid.NewString(), Random: rand.Float64, Failed: untold(p.log, p.metrics)})
	return err
}

// untold: a collector that is away is for operations to know, and for nobody to wait for. A flood of requests has spans that fail as fast: a line
// a minute tells why, and the metric how often.
func untold(log *slog.Logger, metrics *obs.Metrics) func(error) {
	const operation = "export-traces"
	lines := &obs.Thinned{Log: log, Lines: 1, Window: time.Minute, Operation: operation, Summary: "lines of spans that could not be delivered were left out"}
	return func(err error) {
		metrics.TraceExportFailed()
		lines.LogAttrs(context.Background(), slog.LevelWarn, "spans could not be delivered to the collector", slog.String("component", string(fault.Self)),
			slog.String("operation", operation), slog.Any("error", err))
	}
}

// statements tells of the database's statements by their first word alone: no text, no parameter, no address. A statement of a batch has no
// span of its own: its batch has one.
type statements struct{ *otelpgx.Tracer }

// TraceBatchQuery implements pgx.BatchTracer.
func (statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// statements is nil when tracing is off.
func (p *parts) statements() pgx.QueryTracer {
	if !p.tracing.On() {
		return nil
	}
	return statements{otelpgx.NewTracer(otelpgx.WithTracerProvider(p.tracing.Provider()), otelpgx.WithDisableSQLStatementInAttributes(),
		otelpgx.WithDisableConnectionDetailsInAttributes(), otelpgx.WithSpanNameCtxFunc(firstWord))}
}

func firstWord(ctx context.Context, sql string) string {
	return "postgres " + strings.ToLower(otelpgx.SQLOperationName(ctx, sql))
}

// observedWorker is the removals' worker, whose jobs are traced and whose failures are counted.
type observedWorker struct {
	*lifecycle.Worker
	parts *parts
}

// Work implements river.Worker.
func (w observedWorker) Work(ctx context.Context, j *river.Job[job.RemoveObject]) error {
	ctx, end := obs.Span(w.parts.tracing.Background(ctx), "job "+job.RemoveObject{}.Kind())
	err := w.Worker.Work(ctx, j)
	if err != nil {
		w.parts.failed(ctx, "a job failed; it is tried again", "job", err)
	}
	end(err)
	return err
}
