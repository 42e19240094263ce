package criteria

import (
	"time"

	"dokumentlager/internal/document"
)

// Span is a half-open stretch of time; a zero bound is open.
type Span struct {
	From time.Time `json:"f,omitzero"`
	To   time.Time `json:"t,omitzero"`
}

// Compare is how a Date's span stands to what is looked at.
type Compare string

// FHIR's prefixes (R4 §3.1.1.4.5), and Overlaps, which MHD means where it asks for a period (ITI-67 "an interval which the time of service
// overlaps").
const (
	Equal        Compare = "eq"
	NotEqual     Compare = "ne"
	Less         Compare = "lt"
	Greater      Compare = "gt"
	LessEqual    Compare = "le"
	GreaterEqual Compare = "ge"
	After        Compare = "sa"
	Before       Compare = "eb"
	Overlaps     Compare = "ov"
)

// Date asks for a time.
type Date struct {
	Span
	How Compare `json:"h"`
}

// fits compares a value's own span, which is as wide as it was told exactly: a document of "2026-01" is not one of "2026-01-15".
func (d Date) fits(v Span) bool {
	below, above := v.From.Before(d.From), v.until().After(d.until())
	switch d.How {
	case Equal:
		return !below && !above
	case NotEqual:
		return below || above
	case Less:
		return below
	case Greater:
		return above
	case LessEqual: // a little more than FHIR's words say: what was told as "2026-02" may be of the 28th, and is found from there too
		return v.From.Before(d.until())
	case GreaterEqual:
		return d.From.Before(v.until())
	case After:
		return !v.From.Before(d.until())
	case Before:
		return !v.until().After(d.From)
	case Overlaps:
		return v.From.Before(d.until()) && d.From.Before(v.until())
	default:
		return false
	}
}

// until is the span's end, far away where it is open.
func (s Span) until() time.Time {
	if s.To.IsZero() {
		return time.Date(292000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	return s.To
}

// SpanOf is what a time of this precision covers.
func SpanOf(t document.Time) Span {
	at := t.At.UTC()
	s := Span{at, end(at, t.Precision)}
	if s.To.Year() > 9999 { // JSON ends there
		s.To = time.Time{}
	}
	return s
}

// end is the first moment after what a time of this precision names.
func end(at time.Time, p document.Precision) time.Time {
	switch p {
	case document.Year:
		return at.AddDate(1, 0, 0)
	case document.Month:
		return at.AddDate(0, 1, 0)
	case document.Day:
		return at.AddDate(0, 0, 1)
	case document.Minute:
		return at.Add(time.Minute)
	case document.Milli:
		return at.Add(time.Microsecond)
	default:
		return at.Add(time.Second)
	}
}

// Moment is the shortest span we keep, a microsecond.
func Moment(t time.Time) Span { return Span{t, t.Add(time.Microsecond)} }

// widest is how long a time that was told least exactly lasts: a year.
const widest = 366 * 24 * time.Hour

// Reach is a span outside which no time begins that meets the criteria on this field: what an index on the beginning can leave out
// unseen. It may be wider than need be, never narrower.
func (cs Criteria) Reach(field Field) Span {
	var reach Span
	for _, c := range cs {
		if c.Field != field || c.Not || c.Missing != nil || len(c.Dates) != 1 {
			continue
		}
		r := c.Dates[0].reach()
		if r.From.After(reach.From) {
			reach.From = r.From
		}
		if r.until().Before(reach.until()) {
			reach.To = r.To
		}
	}
	if reach.From.Year() < 1 { // databases and JSON begin there
		reach.From = time.Time{}
	}
	return reach
}

func (d Date) reach() Span {
	switch d.How {
	case Equal, Overlaps:
		return Span{d.From.Add(-widest), d.To}
	case Less:
		return Span{To: d.From}
	case Before, LessEqual:
		return Span{To: d.To}
	case Greater, GreaterEqual, After:
		return Span{From: d.From.Add(-widest)}
	default:
		return Span{}
	}
}
