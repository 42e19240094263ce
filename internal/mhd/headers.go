package mhd

import (
	"net/http"
	"strings"
	"unicode"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
)

func actorOf(r *http.Request, caller access.Caller) audit.Actor {
	return audit.Actor{Caller: caller, RequestID: obs.RequestID(r.Context()), TraceID: obs.TraceID(r.Context()),
		EventID: headerText(r, HeaderEventID), SourceSystem: headerText(r, headerSourceSystem)}
}

// maxHeaderText bounds what of a caller's own header is kept, in bytes.
const maxHeaderText = 200

// headerText is a header as it is kept: bounded, and without what could break a line of a list.
func headerText(r *http.Request, name string) string {
	s := strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(r.Header.Get(name), "")))
	if len(s) > maxHeaderText {
		s = strings.ToValidUTF8(s[:maxHeaderText], "")
	}
	return s
}

// EventID is the caller's own id of a request (R3), empty when there is none. It is usable when it is given once, printable ASCII and no longer
// than is kept: only such an id is echoed, because only such an id finds its request again in log and audit.
func EventID(h http.Header) (id string, usable bool) {
	values := h.Values(HeaderEventID)
	if len(values) == 0 {
		return "", true
	}
	id = strings.Trim(values[0], " \t")
	return id, len(values) == 1 && len(id) <= maxHeaderText && visible(id, ' ')
}

// checkEventID refuses an id that we could not give back as it came: cut or changed it would be another one.
func checkEventID(r *http.Request) (ps fault.Problems) {
	if _, usable := EventID(r.Header); !usable {
		ps.Add(fault.New(fault.BadRequest, "The header %s must be one id of at most %d printable ASCII characters, such as a UUID, or be left out.", HeaderEventID, maxHeaderText).
			At("http." + HeaderEventID).By("R3"))
	}
	return ps
}

// checkReading is R3 for those who read: the audit log must tell from which system somebody looked. The source that
// requires it (S1) is about reading; systems that write are taken without (docs/profiles.md).
func checkReading(r *http.Request) fault.Problems {
	ps := checkEventID(r)
	if headerText(r, headerSourceSystem) == "" {
		ps.Add(fault.New(fault.BadRequest, `The header %s is required: put the name and version of the calling system there, such as "EPJ System 1.0".`, headerSourceSystem).
			At("http." + headerSourceSystem).By("R3"))
	}
	return ps
}

// mayWrite checks header and scope of an operation of a record system, before anything is read.
func (d *Door) mayWrite(r *http.Request, actor audit.Actor, scope string, action audit.Action, operation string) error {
	problems := checkEventID(r)
	if !actor.Has(scope) {
		problems.Add(scopeMissing(scope))
	}
	if !problems.Refuses() {
		return nil
	}
	return d.Submissions.RefuseUnread(r.Context(), actor, action, operation, problems)
}

func scopeMissing(scope string) *fault.Problem {
	return fault.New(fault.ScopeMissing, "The token lacks the scope %s.", scope).By("W1")
}

// reader is the caller with the legal basis of a list (C6). What the token and the headers lack is told at once (W6).
func (d *Door) reader(r *http.Request, actor audit.Actor) (disclosure.Reader, error) {
	problems := checkReading(r)
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
	problems.Add(checkReading(r)...)
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
