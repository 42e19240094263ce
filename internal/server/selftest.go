package server

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"dokumentlager/internal/fault"
)

// SelfTest keeps the gate before the scanner: nothing is scanned, and so nothing published, until the scanner has shown that it finds
// what it must (F3; spec/go.md §2: wrong settings answer OK). It is repeated, because a scanner may be set up anew while we run.
type SelfTest struct {
	Test func(context.Context) error
	Log  *slog.Logger
	// Retry is the pause after a failure, Again the one after success.
	Retry, Again time.Duration

	passed atomic.Bool
}

var errNotPassed = errors.New("the scanner's self-test has not passed")

// Passed is nil when the last self-test passed, and otherwise the refusal for an upload.
func (s *SelfTest) Passed(context.Context) error {
	if s.passed.Load() {
		return nil
	}
	return fault.New(fault.NotScanned, "The malware scanner is not ready, so nothing was stored. Try again later.").
		By("F3").From(fault.Clamd).RetryIn(30 * time.Second).Because(errNotPassed)
}

// Run tests until ctx ends.
func (s *SelfTest) Run(ctx context.Context) {
	for ctx.Err() == nil {
		pause := s.once(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (s *SelfTest) once(ctx context.Context) time.Duration {
	began := time.Now()
	err := s.Test(ctx)
	if ctx.Err() != nil {
		return 0
	}
	before := s.passed.Swap(err == nil)
	switch {
	case err != nil:
		s.Log.ErrorContext(ctx, "the scanner's self-test failed: uploads are refused", "operation", "self-test", "component", string(fault.Clamd), "error", err)
		return s.Retry
	case !before:
		s.Log.InfoContext(ctx, "the scanner's self-test passed", "operation", "self-test", "component", string(fault.Clamd), "duration_ms", time.Since(began).Milliseconds())
	}
	return s.Again
}
