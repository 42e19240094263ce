package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/lifecycle"
)

// Run is `dokumentlager serve`: builds, listens and serves until ctx ends, and then stops in order.
func Run(ctx context.Context, cfg Config, version string, log *slog.Logger) error {
	log.InfoContext(ctx, "configuration", cfg.Log(), "version", version)
	s, err := Build(ctx, cfg, version, log)
	if err != nil {
		return err
	}
	defer s.Close()
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", cfg.Listen, err)
	}
	return s.Serve(ctx, listener)
}

// Serve answers on the listener until ctx ends; then /readyz says no, nothing new is accepted, open requests have
// limits.shutdown_grace to end, and what is open after that is broken off. It closes the listener.
func (s *Service) Serve(ctx context.Context, listener net.Listener) error {
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	if err := s.runner.Start(background); err != nil {
		return errors.Join(fmt.Errorf("starting background jobs: %w", err), listener.Close())
	}
	background = s.parts.tracing.Background(background)
	var jobs sync.WaitGroup
	jobs.Go(func() { s.look(background) })
	jobs.Go(func() { s.parts.selfTest.Run(background) })
	jobs.Go(func() { s.parts.signatures.Run(background) })
	jobs.Go(func() { s.parts.forget(background, sweepEvery) })
	jobs.Go(func() { s.parts.sealer.Run(background) })
	jobs.Go(func() { s.parts.orphans().Repeat(background, time.Hour, 24*time.Hour, s.parts.log) })
	if s.parts.cfg.RescanRate > 0 {
		jobs.Go(func() { s.parts.rescan().Repeat(background, rescanEvery, rescanEvery) })
	}

	srv := s.httpServer()
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(listener) }()
	s.parts.log.InfoContext(ctx, "listening", "operation", "serve", "component", string(fault.Self), "address", listener.Addr().String())
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = s.shutdown(srv)
	}
	stopping, cancel := context.WithTimeout(background, 3*time.Second)
	defer cancel()
	err = errors.Join(err, s.runner.Stop(stopping))
	stopBackground()
	jobs.Wait()
	s.parts.log.InfoContext(ctx, "stopped", "operation", "serve", "component", string(fault.Self))
	return err
}

func (s *Service) httpServer() *http.Server {
	l := s.parts.cfg.Limits
	return &http.Server{Handler: s.handler, ReadHeaderTimeout: l.HeaderTimeout, IdleTimeout: l.IdleTimeout, MaxHeaderBytes: int(l.Header),
		ErrorLog: slog.NewLogLogger(s.parts.log.With("operation", "serve", "component", string(fault.Self)).Handler(), slog.LevelDebug)}
}

func (s *Service) shutdown(srv *http.Server) error {
	s.health.Drain()
	ctx, cancel := context.WithTimeout(context.Background(), s.parts.cfg.Limits.ShutdownGrace)
	defer cancel()
	s.parts.log.InfoContext(ctx, "stopping: open requests may end", "operation", "serve", "component", string(fault.Self))
	err := srv.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.parts.log.WarnContext(ctx, "open requests are broken off", "operation", "serve", "component", string(fault.Self))
		return srv.Close()
	}
	return err
}

// AwaitReady returns when every part answers, or with the names of those that do not when ctx ends.
func (s *Service) AwaitReady(ctx context.Context) error {
	for {
		parts, fine := s.health.Ask(ctx)
		if fine {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready: %v: %w", parts, ctx.Err())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// sweepEvery keeps the table of used proofs to what one and a half windows bring in.
const sweepEvery = 10 * time.Second

// forget removes proofs whose age alone refuses them, and Idempotency-Keys whose time is over. The margin covers replicas whose clocks
// differ.
func (p *parts) forget(ctx context.Context, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		_, proofs := p.proofs.Sweep(ctx, p.now().Add(-p.proofWindow-proofMargin))
		_, keys := p.keys.Sweep(ctx)
		if err := errors.Join(proofs, keys); err != nil && ctx.Err() == nil {
			p.failed(ctx, "used proofs and keys could not be swept", "forget", err)
		}
	}
}

// orphans removes what broken-off uploads left in the object store.
func (p *parts) orphans() *lifecycle.Sweep {
	return &lifecycle.Sweep{DB: p.db, Tenants: p.tenants, Objects: p.objects, Queue: p.queue, Actor: audit.Operator("dokumentlager serve"),
		Grace: lifecycle.DefaultGrace, Now: p.now, Fail: p.fail}
}

const proofMargin = 30 * time.Second
