// Package fault is the house's only vocabulary for refusals and failures.
//
// It promises that an error carries two texts apart from each other: Safe, which a door may send to anybody, and Err, the
// cause, which only the log sees. Every code stands once, in the table of codes.go, with its HTTP status, FHIR issue type and
// XDS error code; doors encode from that table and docs/errors.md is generated from it. An error that is not a fault is
// "internal" (DESIGN, Errors; rule W6: all problems of a request are reported at once, each with its location).
package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is what a program may branch on: few, and each with one meaning.
type Kind uint8

// The kinds, from the most to the least specific about the caller's own mistake. Order matters: of several problems the
// answer's status is that of the highest kind.
const (
	Invalid Kind = iota + 1
	NotFound
	Gone
	Conflict
	Unsupported
	TooLarge
	Infected
	Denied
	Unauthenticated
	Busy
	Unavailable
	Internal
)

// Severity follows FHIR's issue severities that we use.
type Severity uint8

// A Warning never refuses a request; an Error always does.
const (
	Error Severity = iota
	Warning
	Information
)

// Problem is one thing that is wrong, told so that the person who reads it can mend it.
type Problem struct {
	Severity Severity
	Code     Code
	// Rule is the id of the rule that decided, as in spec/business-rules.md ("F5"); may be empty.
	Rule string
	// Location says where, in the words of the caller's door: use cases write XDS terms ("documents[0].hash"), the FHIR door
	// turns them into FHIRPath expressions before it answers.
	Location string
	// Safe says what is wrong and what to do about it. It never holds a patient identifier, SQL, a path or another tenant's data.
	Safe string
	// Part is where it failed; empty is found out by PartOf.
	Part Part
	// RetryAfter is when it makes sense to try again; zero when trying again does not help.
	RetryAfter time.Duration
	// Err is the cause, for the log only.
	Err error
}

// New makes an error-severity problem. The text is formatted with fmt.Sprintf rules.
func New(code Code, safe string, args ...any) *Problem {
	return &Problem{Code: code, Safe: fmt.Sprintf(safe, args...)}
}

// At sets the location and returns the problem, for chaining.
func (p *Problem) At(location string) *Problem { p.Location = location; return p }

// By names the rule that decided and returns the problem, for chaining.
func (p *Problem) By(rule string) *Problem { p.Rule = rule; return p }

// Because keeps the cause for the log and returns the problem, for chaining.
func (p *Problem) Because(err error) *Problem { p.Err = err; return p }

// From names the part that failed and returns the problem, for chaining.
func (p *Problem) From(part Part) *Problem { p.Part = part; return p }

// RetryIn tells the caller when to come back and returns the problem, for chaining.
func (p *Problem) RetryIn(d time.Duration) *Problem { p.RetryAfter = d; return p }

// AsWarning turns the problem into one that is told and does not refuse.
func (p *Problem) AsWarning() *Problem { p.Severity = Warning; return p }

// Kind is the kind of the problem's code.
func (p *Problem) Kind() Kind { return p.Code.Info().Kind }

// Error is for logs: code, location and text, never sent to a caller.
func (p *Problem) Error() string {
	var b strings.Builder
	b.WriteString(string(p.Code))
	if p.Location != "" {
		b.WriteString(" at " + p.Location)
	}
	b.WriteString(": " + p.Safe)
	if p.Err != nil {
		b.WriteString(" (" + p.Err.Error() + ")")
	}
	return b.String()
}

// Unwrap gives the cause to errors.Is and errors.As.
func (p *Problem) Unwrap() error { return p.Err }

// Problems are all that is wrong with one request, in the order found.
type Problems []*Problem

// Add appends problems that are not nil.
func (ps *Problems) Add(more ...*Problem) {
	for _, p := range more {
		if p != nil {
			*ps = append(*ps, p)
		}
	}
}

// Refuses reports whether at least one problem is an error.
func (ps Problems) Refuses() bool {
	for _, p := range ps {
		if p.Severity == Error {
			return true
		}
	}
	return false
}

// Err is nil when nothing refuses, and the problems as an error otherwise. Warnings stay in it: the caller sees all at once.
func (ps Problems) Err() error {
	if !ps.Refuses() {
		return nil
	}
	return ps
}

// Error is for logs.
func (ps Problems) Error() string {
	texts := make([]string, len(ps))
	for i, p := range ps {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap gives the problems to errors.Is and errors.As.
func (ps Problems) Unwrap() []error {
	errs := make([]error, len(ps))
	for i, p := range ps {
		errs[i] = p
	}
	return errs
}

// Leading is the problem that decides the answer's status: the error of the highest kind, the first of several.
func (ps Problems) Leading() *Problem {
	var lead *Problem
	for _, p := range ps {
		if p.Severity == Error && (lead == nil || p.Kind() > lead.Kind()) {
			lead = p
		}
	}
	return lead
}

// Of turns any error into problems: faults as they are, context ends as "unavailable", everything else as "internal" with the
// cause kept for the log. Of(nil) is empty.
func Of(err error) Problems {
	if err == nil {
		return nil
	}
	var ps Problems
	if errors.As(err, &ps) {
		return ps
	}
	var p *Problem
	if errors.As(err, &p) {
		return Problems{p}
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return Problems{New(PartUnavailable, "The request was not finished in time. Send it again.").RetryIn(5 * time.Second).Because(err)}
	}
	return Problems{New(InternalError, "Something went wrong on our side. Nothing was stored. Give the request id to support.").Because(err)}
}

// KindOf is the kind of the leading problem; Internal for errors that are not faults, zero for nil.
func KindOf(err error) Kind {
	if lead := Of(err).Leading(); lead != nil {
		return lead.Kind()
	}
	return 0
}
