package xds

import (
	"dokumentlager/internal/access"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
)

// lister is the caller as a reader of metadata: personnel on the basis that the assertion's scope gives, and under kjernejournalforskriften its acp
// (C6); the citizen's side on none. All that is lacking is told at once (W6).
func (d *Door) lister(r *endpoint.Request) (disclosure.Reader, error) {
	scope, refused := access.ScopeForList(r.Actor.Caller)
	return d.reader(r, scope, refused)
}

// opener is the caller as one who fetches documents.
func (d *Door) opener(r *endpoint.Request) (disclosure.Reader, error) {
	scope, refused := access.ScopeForOpening(r.Actor.Caller)
	return d.reader(r, scope, refused)
}

func (d *Door) reader(r *endpoint.Request, scope access.Scope, refused *fault.Problem) (disclosure.Reader, error) {
	reader := disclosure.Reader{Actor: r.Actor, About: r.Assertion.Patient}
	var problems fault.Problems
	if r.Actor.Kind == access.Personnel {
		if refused == nil {
			reader.Basis, refused = access.BasisForPolicy(scope, r.Assertion.ACP)
		}
		if refused != nil {
			problems = d.Disclosures.Papers(r.Actor.Caller)
		}
	}
	problems.Add(refused)
	return reader, endpoint.Unseen(problems.Err())
}
