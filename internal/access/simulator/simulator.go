// Package simulator is the policy simulator: questions in JSON, one a line, and what package access decides on each.
//
// It promises the service's own decisions, as it asks the same function; an answer for every line that can be understood, whatever the others
// are; and that no answer, error or warning repeats what a question said. docs/access.md has the fields.
package simulator

import (
	"encoding/json"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/fault"
)

// Simulator answers questions. It needs all its fields.
type Simulator struct {
	Policy   access.Policy
	Language access.Language
	// Now is the time of questions that tell none.
	Now func() time.Time
}

// Answer is a decision in words.
type Answer struct {
	List  string   `json:"list"`
	Open  string   `json:"open"`
	Rules []string `json:"rules"`
	Why   string   `json:"why"`
	// BreakGlass is told only where it was used.
	BreakGlass bool `json:"break_glass,omitempty"`
}

// Ask answers one question, a JSON object. Errors are fault.Problems, one for each field that is wrong. ignored are the names of
// fields that it does not know.
func (s Simulator) Ask(raw []byte) (a Answer, ignored []string, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return a, nil, fault.New(fault.BadRequest, "A question is one JSON object on one line.").Because(err)
	}
	r := reader{fields: fields}
	q := r.question(s.Now)
	if err := r.problems.Err(); err != nil {
		return a, r.left(), err
	}
	d := s.Policy.Decide(q.caller, q.basis, q.patient, q.entry, q.sharing, q.now)
	return Answer{d.List.String(), d.Open.String(), d.Rules, d.Explain(s.Language), d.BreakGlass}, r.left(), nil
}
