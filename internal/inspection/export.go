package inspection

import (
	"context"
	"fmt"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"
)

// Export hands out a part of one audit log, from the oldest event to the newest, in bounded memory. It promises that the log itself knows of it
// first: an event "audit-export" with the range, the form and the number of events is committed in that same log before the first
// event leaves, and a second one, failed, when not all of them left. The events are those of one moment, so the number is exact, and the export
// is not in itself.
type Export struct {
	Log audit.Log
	// Tenant is whose log, nil for the control log.
	Tenant *tenant.Tenant
	Span   audit.Span
	// Format is what the caller makes of the lines; it is only told.
	Format   string
	Operator string
	Now      func() time.Time
	// Progress is told after every event how many of how many are done; nil for nobody.
	Progress func(done, total int64)
}

// Run gives each event to out and says how many there were.
func (x Export) Run(ctx context.Context, out func(audit.Line) error) (done int64, err error) {
	var total int64
	began := false
	begin := func(count int64) error {
		total = count
		if err := x.record(ctx, x.event(total, "")); err != nil {
			return fmt.Errorf("the export could not be logged, so nothing was exported: %w", err)
		}
		began = true
		return nil
	}
	each := func(line audit.Line) error {
		if err := out(line); err != nil {
			return err
		}
		done++
		if x.Progress != nil {
			x.Progress(done, total)
		}
		return nil
	}
	var of postgres.Schema
	if x.Tenant != nil {
		of = x.Tenant.Schema()
	}
	err = x.Log.Stream(ctx, of, x.Span, begin, each)
	if err == nil && done != total { // a moment is one: this is a mistake of ours, and the event would say what is not so
		err = fault.New(fault.InternalError, "%d events were counted and %d exported.", total, done)
	}
	if err != nil && began {
		return done, x.Failed(ctx, done, err)
	}
	return done, err
}

// Failed notes that an export of which the log knows did not end well, after done events; it gives the cause back, and what came of the note.
// The caller of Run asks for it when what Run gave could not be kept.
func (x Export) Failed(ctx context.Context, done int64, cause error) error {
	e := x.event(done, " and was broken off")
	e.Outcome = audit.Failed
	if err := x.record(ctx, e); err != nil {
		return fmt.Errorf("%w; that it failed could not be logged: %w", cause, err)
	}
	return cause
}

func (x Export) record(ctx context.Context, e audit.Event) error {
	if x.Tenant == nil {
		return x.Log.RecordControl(ctx, e)
	}
	return x.Log.Record(ctx, x.Tenant.Schema(), e)
}

// event is that of the export, in the log that it reads.
func (x Export) event(count int64, ended string) audit.Event {
	e := audit.New(x.Now(), audit.Operator(x.Operator), audit.Execute, "audit-export")
	hits := int(count)
	e.Detail.Hits = &hits
	e.Detail.Reason = fmt.Sprintf("from=%s to=%s format=%s events=%d%s", moment(x.Span.From), moment(x.Span.To), x.Format, count, ended)
	if x.Tenant != nil {
		e.Detail.HomeCommunity = x.Tenant.HomeCommunity
	}
	return e
}

// moment is an end of a span as the log tells it.
func moment(t time.Time) string {
	if t.IsZero() {
		return "open"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// SpanOf reads the two ends that an operator gives. A date is a day in Norway, whole, the last one too; a time is RFC 3339, or without a zone
// one in Norway, and the last one is still in. Empty leaves the end open.
func SpanOf(from, to string) (s audit.Span, problems fault.Problems) {
	var err error
	if s.From, _, err = end(from); err != nil {
		problems.Add(badEnd("from", from))
	}
	var step func(time.Time) time.Time
	if s.To, step, err = end(to); err != nil {
		problems.Add(badEnd("to", to))
	} else if to != "" {
		s.To = step(s.To)
	}
	if len(problems) == 0 && from != "" && to != "" && !s.From.Before(s.To) {
		problems.Add(fault.New(fault.AdministrationRefused, "--from %s is not before --to %s.", from, to))
	}
	return s, problems
}

func badEnd(name, value string) *fault.Problem {
	return fault.New(fault.AdministrationRefused, "--%s %q is neither a date such as 2026-11-21 nor a time such as 2026-11-21T08:00:00+01:00.", name, value)
}

// end reads one end, and how to come to the moment after it.
func end(text string) (at time.Time, after func(time.Time) time.Time, err error) {
	if text == "" {
		return at, nil, nil
	}
	if at, err = time.ParseInLocation(time.DateOnly, text, access.Oslo()); err == nil {
		return at, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }, nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if at, err = time.ParseInLocation(form, text, access.Oslo()); err == nil {
			return at, func(t time.Time) time.Time { return t.Add(time.Microsecond) }, nil // the database's step
		}
	}
	return at, nil, err
}
