// Package scan asks clamd whether bytes carry malware (rules F3, F4).
//
// It promises that silence is never "clean": only the exact answer `stream: OK` to a stream that was sent to its end counts as
// Clean. A scanner that is down, hangs, closes, answers half, runs into its own limits or says anything else gives NotScanned
// and an error that tells which, so that the upload is refused and can be tried again. It is our own client because the one
// there is reports OK for cut-off and unanswered streams (spec/go.md §1; docs/dependencies.md). It does not judge formats,
// does not look into base64 inside CDA or FHIR, and keeps no bytes.
package scan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"dokumentlager/internal/fault"
)

// The reasons for NotScanned. Every error of Verdict and Write is a fault.NotScanned problem that wraps one of them.
var (
	// ErrUnreachable means that no connection could be made.
	ErrUnreachable = errors.New("scan: scanner unreachable")
	// ErrTimeout means that the deadline passed or the caller's context ended; it then wraps the context's cause too.
	ErrTimeout = errors.New("scan: scanner too slow")
	// ErrCutOff means that the connection ended without a whole answer.
	ErrCutOff = errors.New("scan: connection cut off")
	// ErrLimits means that the stream exceeds what this scanner is configured to look through.
	ErrLimits = errors.New("scan: scanner limits exceeded")
	// ErrReply means an answer that is neither OK nor FOUND, or one that came before the end of the stream.
	ErrReply = errors.New("scan: unexpected answer")
	// ErrAborted means that Abort was called before a verdict.
	ErrAborted = errors.New("scan: aborted")
)

// State is what is known of a stream. The zero value is NotScanned, so that a forgotten verdict never passes as clean.
type State uint8

// The states.
const (
	NotScanned State = iota
	Clean
	Infected
)

// String is the name used in logs and audit events.
func (s State) String() string {
	switch s {
	case Clean:
		return "clean"
	case Infected:
		return "infected"
	default:
		return "not scanned"
	}
}

// Verdict is the scanner's answer.
type Verdict struct {
	State State
	// Finding is the signature's name when Infected, at most 200 printable ASCII characters.
	Finding string
}

// Config says where the scanner is and how long it may take.
type Config struct {
	// Network and Address are as in net.Dial: "tcp" and "127.0.0.1:3310", or "unix" and a socket path.
	Network, Address string
	// Deadline bounds a whole scan from Open to Verdict; zero means 90 s, several times the slowest 60 MB PDF (spec/go.md §2).
	Deadline time.Duration
	// DialTimeout bounds the connecting; zero means 2 s.
	DialTimeout time.Duration
}

// Scanner opens streams to one clamd. It is safe for concurrent use and holds no connection between scans.
type Scanner struct{ cfg Config }

// New makes a Scanner; it does not connect.
func New(cfg Config) *Scanner {
	if cfg.Network == "" {
		cfg.Network = "tcp"
	}
	if cfg.Deadline <= 0 {
		cfg.Deadline = 90 * time.Second
	}
	if cfg.DialTimeout <= 0 {
		cfg.DialTimeout = 2 * time.Second
	}
	return &Scanner{cfg: cfg}
}

// dial connects and binds the connection to ctx and the deadline. The returned stop must be called to let go of ctx.
func (s *Scanner) dial(ctx context.Context) (conn net.Conn, end time.Time, stop func() bool, err error) {
	end = time.Now().Add(s.cfg.Deadline)
	dialer := net.Dialer{Timeout: s.cfg.DialTimeout}
	conn, err = dialer.DialContext(ctx, s.cfg.Network, s.cfg.Address)
	if err != nil {
		return nil, end, nil, refuse(ErrUnreachable, err)
	}
	if err := conn.SetDeadline(end); err != nil {
		_ = conn.Close()
		return nil, end, nil, refuse(ErrUnreachable, err)
	}
	// A deadline in the past wakes whatever read or write is blocked; no goroutine waits meanwhile.
	stop = context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return conn, end, stop, nil
}

// Ping asks clamd whether it is there. It takes at most 5 s, or the scanner's deadline if that is shorter.
func (s *Scanner) Ping(ctx context.Context) error {
	answer, err := s.ask(ctx, "PING")
	if err != nil {
		return err
	}
	if answer != "PONG" {
		return refuse(ErrReply, fmt.Errorf("%q to PING", clip(answer)))
	}
	return nil
}

// refuse makes the problem a door may send; the reason and cause are for the log.
func refuse(why, cause error) error {
	err := why
	if cause != nil {
		err = fmt.Errorf("%w: %w", why, cause)
	}
	return fault.New(fault.NotScanned, "The document could not be scanned for malware, so nothing was stored. Try again later.").
		By("F3").From(fault.Clamd).RetryIn(30 * time.Second).Because(err)
}

// reason sorts a network error into one of ours.
func reason(ctx context.Context, err error) (why, cause error) {
	switch {
	case ctx.Err() != nil:
		return ErrTimeout, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrTimeout, err
	case errors.Is(err, errTooLong):
		return ErrReply, err
	default:
		return ErrCutOff, err
	}
}
