package server_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/server"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func dated(age time.Duration) scan.Signatures {
	return scan.Signatures{Engine: "1.4.3", Database: 27800, Built: noon.Add(-age)}
}

// gate is one whose scanner says what answer gives, with a clock of its own.
func gate(undated bool, answer func() (scan.Signatures, error), now *time.Time, log *lines) *server.SignatureGate {
	return &server.SignatureGate{Ask: func(context.Context) (scan.Signatures, error) { return answer() }, MaxAge: 48 * time.Hour, Undated: undated,
		Every: time.Millisecond, Retry: time.Millisecond, Now: func() time.Time { return *now }, Log: slog.New(slog.NewTextHandler(log, nil))}
}

// TestSignatureAge is the table of what counts as scanned (F3): unknown is too old.
func TestSignatureAge(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		said    scan.Signatures
		err     error
		undated bool
		open    bool
	}{
		{"new", dated(time.Hour), nil, false, true},
		{"exactly as old as allowed", dated(48 * time.Hour), nil, false, true},
		{"a second older", dated(48*time.Hour + time.Second), nil, false, false},
		{"older, and undated ones are allowed", dated(49 * time.Hour), nil, true, false},
		{"a zone ahead", dated(-14 * time.Hour), nil, false, true},
		{"in the future", dated(-14*time.Hour - time.Second), nil, false, false},
		{"undated", scan.Signatures{Engine: "1.4.3"}, nil, false, false},
		{"undated and allowed", scan.Signatures{Engine: "1.4.3"}, nil, true, true},
		{"unreachable", scan.Signatures{}, fmt.Errorf("%w: refused", scan.ErrUnreachable), true, false},
		{"garbled", scan.Signatures{}, fmt.Errorf("%w: x", scan.ErrReply), true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			now := noon
			g := gate(c.undated, func() (scan.Signatures, error) { return c.said, c.err }, &now, &lines{})
			if err := g.Passed(t.Context()); fault.KindOf(err) != fault.Unavailable {
				t.Errorf("open before anybody asked: %v", err)
			}
			g.AskOnce(t.Context())
			if err := g.Passed(t.Context()); (err == nil) != c.open || err != nil && fault.Of(err).Leading().Code != fault.NotScanned {
				t.Errorf("open %v: %v", err == nil, err)
			}
		})
	}
}

// TestSignatureGateTurns: age counts without new answers, a scanner that does not answer keeps what it said, one that answers rubbish
// does not, and the log has one line for each turn.
func TestSignatureGateTurns(t *testing.T) {
	t.Parallel()
	now, log := noon, &lines{}
	said, asked := dated(47*time.Hour), error(nil)
	g := gate(false, func() (scan.Signatures, error) { return said, asked }, &now, log)
	for i, step := range []struct {
		change func()
		open   bool
		lines  int
	}{
		{func() {}, true, 1},
		{func() { said, asked = scan.Signatures{}, scan.ErrUnreachable }, true, 1},
		{func() { now = noon.Add(2 * time.Hour) }, false, 2},
		{func() {}, false, 2},
		{func() { said, asked = dated(0), nil }, true, 3},
		{func() { said, asked = scan.Signatures{}, scan.ErrReply }, false, 4},
		{func() { said, asked = dated(0), nil }, true, 5},
	} {
		step.change()
		g.AskOnce(t.Context())
		if err := g.Passed(t.Context()); (err == nil) != step.open {
			t.Errorf("step %d: %v", i, err)
		}
		if got := strings.Count(log.String(), "signatures are"); got != step.lines {
			t.Errorf("step %d: %d lines: %s", i, got, log)
		}
	}
	if text := log.String(); !strings.Contains(text, "level=ERROR") || !strings.Contains(text, "27800") {
		t.Error(text)
	}
	// Between two questions the clock alone closes it.
	now = noon.Add(100 * time.Hour)
	if g.Passed(t.Context()) == nil {
		t.Error("still open")
	}
}

// TestSignatureGateAsksAgain: Run goes on asking, after failures too.
func TestSignatureGateAsksAgain(t *testing.T) {
	t.Parallel()
	now, n := noon, 0
	g := gate(false, func() (scan.Signatures, error) {
		if n++; n < 3 {
			return scan.Signatures{}, errors.New("not yet")
		}
		return dated(0), nil
	}, &now, &lines{})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { g.Run(ctx); close(ended) }()
	for deadline := time.Now().Add(20 * time.Second); g.Passed(ctx) != nil; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never open")
		}
	}
	cancel()
	<-ended
}

// TestUndatedScannerIsNotReady: the development scanner tells no age, and the service's default takes no such scanner (F3).
func TestUndatedScannerIsNotReady(t *testing.T) {
	t.Parallel()
	r := start(t, map[string]string{"CLAMD_UNDATED_SIGNATURES": "false"})
	var status int
	var body string
	for deadline := time.Now().Add(30 * time.Second); !strings.Contains(body, `"scanner self-test":"ok"`) && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		status, body = r.get(t, "/readyz")
	}
	if status != 503 || !strings.Contains(body, `"scanner signatures":"fails"`) || !strings.Contains(body, `"scanner":"ok"`) {
		t.Errorf("%d %s", status, body)
	}
	if !strings.Contains(r.log.String(), "does not tell how old its signatures are") {
		t.Error(r.log.String())
	}
	r.stop()
	r.awaitEnd(t)
}
