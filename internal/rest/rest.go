// Package rest is what all REST doors share: who is let in, what a request's headers and parameters say, and how an answer is written.
//
// It promises that no handler runs for a caller that has not been verified, and none for whom there is no room; that every answer is FHIR in the
// form that was asked for, and every refusal an OperationOutcome with all problems at once (W6) whose causes only the log gets; and that a page's
// address tells nothing of what it leads to, and leads nobody there but who was given it (R6). No use case, rule or SQL stands here.
package rest

import (
	"cmp"
	"net/http"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/incoming"
	"dokumentlager/internal/obs"
)

// Admission says whether work of an organisation may begin (admission.Gate).
type Admission interface {
	Request(organisation string) (done func(), err error)
}

// Front stands before the doors of one process. Make it with NewFront.
type Front struct {
	verifier  *helseid.Verifier
	admission Admission
	unread    *incoming.Unread
}

// NewFront takes who verifies callers and who says whether there is room for them.
func NewFront(v *helseid.Verifier, a Admission) *Front {
	return &Front{v, a, incoming.NewUnread()}
}

// Handler is one operation of a verified caller.
type Handler func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error

// Guarded lets only verified callers through (W1). Unauthenticated requests leave no audit event, only the server's log line:
// nobody is known who could have done something.
func (f *Front) Guarded(h Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, err := f.verifier.Verify(r.Context(), r)
		if err != nil {
			if fault.KindOf(err) == fault.Unauthenticated {
				w.Header().Set("WWW-Authenticate", helseid.Challenge(err))
			}
			Refuse(w, r, err)
			return
		}
		obs.Known(r.Context(), caller.ClientID)
		actor := ActorOf(r, caller)
		done, err := f.admission.Request(OrganisationOf(actor))
		if err != nil {
			f.RefuseUnread(w, r, actor.ClientID, err)
			return
		}
		defer done()
		r = r.WithContext(admission.WithOrganisation(r.Context(), OrganisationOf(actor)))
		if err := h(w, r, actor); err != nil {
			Refuse(w, r, err)
		}
	}
}

// OrganisationOf is whose share a request is taken from.
func OrganisationOf(actor audit.Actor) string { return cmp.Or(actor.Organisation, actor.ClientID) }

// ScopeMissing refuses a token without the one scope that an operation needs (W1).
func ScopeMissing(scope string) *fault.Problem {
	return fault.New(fault.ScopeMissing, "The token lacks the scope %s.", scope).By("W1")
}
