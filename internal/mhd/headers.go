package mhd

import (
	"net/http"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/rest"
)

// mayWrite checks header and scope of an operation of a record system, before anything is read.
func (d *Door) mayWrite(r *http.Request, actor audit.Actor, scope string, action audit.Action, operation string) error {
	problems := rest.CheckEventID(r)
	if !actor.Has(scope) {
		problems.Add(rest.ScopeMissing(scope))
	}
	if !problems.Refuses() {
		return nil
	}
	return d.Submissions.RefuseUnread(r.Context(), actor, action, operation, problems)
}

// reader is the caller with the legal basis of a list (C6). What the token and the headers lack is told at once (W6).
func (d *Door) reader(r *http.Request, actor audit.Actor) (disclosure.Reader, error) {
	problems := rest.CheckReading(r)
	basis := access.Basis{}
	scope, refused := access.ScopeForList(actor.Caller)
	if refused == nil {
		basis, refused = access.BasisFor(scope, r.Header.Get(access.HeaderAccessBasis))
	}
	problems.Add(refused)
	return disclosure.Reader{Actor: actor, Basis: basis}, d.withPapers(actor, problems)
}

// opener is the caller with the scope for fetching documents (R2), and the problems that its request has besides.
func (d *Door) opener(r *http.Request, actor audit.Actor, more error) (disclosure.Reader, error) {
	scope, refused := access.ScopeForOpening(actor.Caller)
	problems := fault.Problems{}
	problems.Add(refused)
	problems.Add(rest.CheckReading(r)...)
	problems.Add(fault.Of(more)...)
	return disclosure.Reader{Actor: actor, Basis: access.Basis{Scope: scope}}, d.withPapers(actor, problems)
}

// withPapers adds to a refusal what a personal token lacks (C3). A request without other problems is asked about it by the use case.
func (d *Door) withPapers(actor audit.Actor, problems fault.Problems) error {
	if problems.Refuses() {
		problems.Add(d.Disclosures.Papers(actor.Caller)...)
	}
	return problems.Err()
}
