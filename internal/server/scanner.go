package server

import (
	"context"

	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
)

// gatedScanner opens no scan before the self-test has passed, and counts how scans end.
type gatedScanner struct {
	inner repository.Scanner
	gate  func(context.Context) error
	count func(outcome string)
}

// Open implements repository.Scanner.
func (g gatedScanner) Open(ctx context.Context) (repository.ScanStream, error) {
	if err := g.gate(ctx); err != nil {
		g.count("not_scanned")
		return nil, err
	}
	stream, err := g.inner.Open(ctx)
	if err != nil {
		g.count("not_scanned")
		return nil, err
	}
	return countedStream{stream, g.count}, nil
}

type countedStream struct {
	repository.ScanStream
	count func(outcome string)
}

// Verdict passes the verdict on unchanged.
func (s countedStream) Verdict() (scan.Verdict, error) {
	verdict, err := s.ScanStream.Verdict()
	switch {
	case err == nil && verdict.State == scan.Clean:
		s.count("clean")
	case err == nil && verdict.State == scan.Infected:
		s.count("infected")
	default:
		s.count("not_scanned")
	}
	return verdict, err
}
