package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/rest"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// Service is everything wired together, not yet listening.
type Service struct {
	parts   *parts
	health  *Health
	runner  *job.Runner
	handler http.Handler
}

// Option changes what is built.
type Option func(*parts)

// WithFailpoints lets a test break the service at named steps; no program of ours does.
func WithFailpoints(set *failpoint.Set) Option { return func(p *parts) { p.fail = set } }

// WithLease changes how long a dead upload holds its Idempotency-Key; idempotency.DefaultLease is right but for tests that cannot wait.
func WithLease(d time.Duration) Option { return func(p *parts) { p.lease = d } }

// WithSelfTest puts another test in the place of the scanner's own, whose 59 MiB take a second each time a process starts.
func WithSelfTest(test func(context.Context) error) Option {
	return func(p *parts) { p.quickTest = test }
}

// Build makes the service from its configuration. It needs the database, at a version that fits; other parts may still be away.
// Close it in any case.
func Build(ctx context.Context, cfg Config, version string, log *slog.Logger, options ...Option) (*Service, error) {
	metrics := obs.NewMetrics(version)
	p, err := newParts(ctx, cfg, version, log, metrics, options...)
	if err != nil {
		return nil, err
	}
	s := &Service{parts: p, health: &Health{Checks: p.checks(), Log: log, Deadline: 4 * time.Second}}
	if s.runner, err = p.newRunner(); err != nil {
		p.db.Close()
		return nil, err
	}
	doors, err := p.doors(ctx, version)
	if err != nil {
		p.db.Close()
		return nil, err
	}
	s.measure()
	s.handler = NewRouter(Surroundings{Doors: doors, Docs: docs(), Heads: p.heads(), Health: s.health, Metrics: metrics, Log: log, Limits: cfg.Limits, Tracing: p.tracing,
		Version: version, Refused: p.refused, Now: p.now, NewID: newRequestID})
	return s, nil
}

// newRequestID sorts by time, as audit events do.
func newRequestID() string { return uuid.Must(uuid.NewV7()).String() }

func (p *parts) newRunner() (*job.Runner, error) {
	workers := river.NewWorkers()
	err := river.AddWorkerSafely(workers, observedWorker{&lifecycle.Worker{DB: p.db, Objects: p.objects, Log: p.log, Done: p.metrics.Removal, Now: p.now, Fail: p.fail}, p})
	if err = errors.Join(err, river.AddWorkerSafely(workers, sender{p.delivery, p})); err != nil {
		return nil, err
	}
	return job.NewRunner(p.db, workers, job.Lines{Parallel: 4, Lanes: p.delivery.Lanes(), KeepDead: p.cfg.Async.Keep}, p.jobLog())
}

// refused keeps the event of a request that a limit refused before its door saw it (A1). As at the doors, only a verified caller
// leaves one: strangers must not be able to fill the log.
func (p *parts) refused(ctx context.Context, r *http.Request, problem *fault.Problem) {
	caller, err := p.verifier.Verify(ctx, r)
	if err != nil {
		return
	}
	obs.Known(ctx, caller.ClientID)
	event := audit.New(p.now(), rest.ActorOf(r, caller), actionOf(r.Method), "too-large").Refused(problem)
	if err := p.record(ctx, caller.Organisation, event); err != nil {
		p.log.ErrorContext(ctx, "an audit event could not be written", "operation", "too-large", "component", string(fault.PartOf(err)), "error", err)
	}
}

// record writes to the log of the organisation's only instance, or to the control schema's when there is none or a choice.
func (p *parts) record(ctx context.Context, organisation string, event audit.Event) error {
	mine, err := p.tenants.OfOrganisation(ctx, organisation)
	if err != nil || len(mine) != 1 {
		return errors.Join(err, p.audit.RecordControl(ctx, event))
	}
	return p.audit.Record(ctx, mine[0].Schema(), event)
}

func actionOf(method string) audit.Action {
	switch method {
	case http.MethodPost:
		return audit.Create
	case http.MethodPut, http.MethodPatch:
		return audit.Update
	case http.MethodDelete:
		return audit.Delete
	default:
		return audit.Read
	}
}

// Handler is the router with all doors, for tests that need no listener.
func (s *Service) Handler() http.Handler { return s.handler }

// Close gives the connections back. The service must not be serving.
func (s *Service) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = s.parts.tracing.Close(ctx) // whoever does not take the last spans was told of already
	s.parts.db.Close()
}
