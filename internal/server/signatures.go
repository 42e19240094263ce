package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/scan"
)

// SignatureGate closes the scanner when its signatures are too old to vouch for anything: what is not known to be looked for today is
// not scanned (F3). An age that nobody tells is too old as well, unless a setting for development says otherwise.
type SignatureGate struct {
	// Ask is scan.Scanner.Signatures.
	Ask func(context.Context) (scan.Signatures, error)
	// MaxAge is how old the daily database may be (clamd.signature_age).
	MaxAge time.Duration
	// Undated lets a scanner pass that does not tell its database's age (clamd.undated_signatures).
	Undated bool
	// Every is the pause between two questions, Retry the one as long as nothing is known.
	Every, Retry time.Duration
	Now          func() time.Time
	Log          *slog.Logger

	mu    sync.Mutex
	known scan.Signatures
	// told is the last state in the log.
	told string
}

// ahead is how far in the future a database may be dated: clamd tells its time without a zone. Further ahead a clock is wrong, and the
// age is unknown.
const ahead = 14 * time.Hour

// Passed is nil while the signatures are new enough, and otherwise the refusal for an upload. Age is counted on the spot: a scanner that
// stops answering does not stay young.
func (g *SignatureGate) Passed(context.Context) error {
	if err := g.judge(g.Known()); err != nil {
		return fault.New(fault.NotScanned, "The malware scanner's signatures are too old, so nothing counts as scanned and nothing was stored. Try again later.").
			By("F3").From(fault.Clamd).RetryIn(5 * time.Minute).Because(err)
	}
	return nil
}

// Known is what the scanner last said; the zero value when it has not said anything that can be understood.
func (g *SignatureGate) Known() scan.Signatures {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known
}

// Check asks once and gives what the scanner said, or the refusal: for a command that does not stay.
func (g *SignatureGate) Check(ctx context.Context) (scan.Signatures, error) {
	said, err := g.Ask(ctx)
	if err != nil {
		return said, err
	}
	g.set(said)
	return said, g.Passed(ctx)
}

func (g *SignatureGate) judge(s scan.Signatures) error {
	switch now := g.Now(); {
	case s.Engine == "":
		return errors.New("the scanner has not told its signatures' version")
	case !s.Dated() && g.Undated:
		return nil
	case !s.Dated():
		return fmt.Errorf("the scanner %s does not tell how old its signatures are: it has no daily database", s)
	case s.Built.After(now.Add(ahead)):
		return fmt.Errorf("signatures %s are dated %s, in the future: a clock is wrong", s, s.Built.Format(time.RFC3339))
	case now.Sub(s.Built) > g.MaxAge:
		return fmt.Errorf("signatures %s are of %s, older than %s", s, s.Built.Format(time.RFC3339), g.MaxAge)
	}
	return nil
}

// Run asks until ctx ends.
func (g *SignatureGate) Run(ctx context.Context) {
	for ctx.Err() == nil {
		pause := g.once(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (g *SignatureGate) once(ctx context.Context) time.Duration {
	said, err := g.Ask(ctx)
	if ctx.Err() != nil {
		return 0
	}
	// A scanner that cannot be reached scans nothing either: what it said last stands, and ages. One that answers in another way than
	// clamd does is not known any more.
	switch {
	case err == nil:
		g.set(said)
	case errors.Is(err, scan.ErrReply):
		g.set(scan.Signatures{})
	}
	g.tell(ctx, err)
	if g.Known().Engine == "" {
		return g.Retry
	}
	return g.Every
}

func (g *SignatureGate) set(s scan.Signatures) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.known = s
}

// tell logs when the gate turns, not each time it is looked at.
func (g *SignatureGate) tell(ctx context.Context, asked error) {
	closed, state := g.judge(g.Known()), "open"
	if closed != nil {
		state = "closed"
	}
	g.mu.Lock()
	turned := g.told != state
	g.told = state
	g.mu.Unlock()
	switch {
	case !turned:
	case closed != nil:
		if asked != nil {
			closed = fmt.Errorf("%w (%w)", closed, asked)
		}
		g.Log.ErrorContext(ctx, "the scanner's signatures are too old or of unknown age: uploads are refused", "operation", "signatures", "component", string(fault.Clamd), "error", closed)
	default:
		g.Log.InfoContext(ctx, "the scanner's signatures are new enough: uploads are taken", "operation", "signatures", "component", string(fault.Clamd), "version", g.Known().String())
	}
}
