package server

import (
	"context"
	"errors"
	"sync"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
)

// gatedScanner opens no scan before the self-test has passed, and counts, times and traces the others.
type gatedScanner struct {
	inner repository.Scanner
	gate  func(context.Context) error
	count func(outcome string)
	call  func(ctx context.Context, part fault.Part, name string) (context.Context, func(error, bool))
}

// Open implements repository.Scanner.
func (g gatedScanner) Open(ctx context.Context) (repository.ScanStream, error) {
	if err := g.gate(ctx); err != nil {
		g.count("not_scanned")
		return nil, err
	}
	ctx, end := g.call(ctx, fault.Clamd, "scan")
	stream, err := g.inner.Open(ctx)
	if err != nil {
		g.count("not_scanned")
		end(err, scanFailed(ctx, err))
		return nil, err
	}
	return &countedStream{ScanStream: stream, ctx: ctx, count: g.count, end: end}, nil
}

// scanFailed: a caller who left, and a document above the scanner's limits, are no failure of the scanner.
func scanFailed(ctx context.Context, err error) bool {
	return partFailed(ctx, err) && !errors.Is(err, scan.ErrLimits) && !errors.Is(err, scan.ErrAborted)
}

type countedStream struct {
	repository.ScanStream
	ctx   context.Context
	count func(outcome string)
	end   func(error, bool)
	once  sync.Once
}

// Verdict passes the verdict on unchanged.
func (s *countedStream) Verdict() (scan.Verdict, error) {
	verdict, err := s.ScanStream.Verdict()
	outcome := "not_scanned"
	switch {
	case err == nil && verdict.State == scan.Clean:
		outcome = "clean"
	case err == nil && verdict.State == scan.Infected:
		outcome = "infected"
	}
	s.count(outcome)
	obs.Mark(s.ctx, obs.Outcome(outcome))
	s.once.Do(func() { s.end(err, scanFailed(s.ctx, err)) })
	return verdict, err
}

// Abort ends a scan that gave no verdict; after one it does nothing.
func (s *countedStream) Abort() {
	s.ScanStream.Abort()
	s.once.Do(func() { s.end(scan.ErrAborted, false) })
}
