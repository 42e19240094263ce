package endpoint

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/soap"
)

// refusal is how an error is told: as a fault where no registry speaks, and otherwise in the transaction's own answer. What a use case refuses
// is a registry's error, transient ones too (XDSRegistryBusy and its like say so), with HTTP's 200 as the profiles have it; only who may not be
// believed (XUA) is told by a WS-Security fault. What refuses before a use case, and what broke here, is a fault.
func (f *Front) refusal(t *Transaction, known bool, o soap.Outbound, mtom bool, err error) *Reply {
	problems := problemsOf(err)
	var told *soap.Fault
	isFault := errors.As(err, &told)
	unauthenticated := fault.KindOf(problems) == fault.Unauthenticated
	if isFault || !known || t == nil || unauthenticated {
		if !isFault && unauthenticated {
			told = securityFault(problems)
		}
		return f.faultReply(cmp.Or(told, soap.FaultOf(err)), o, problems)
	}
	a := &Answer{Body: func(dst []byte) []byte { return appendRefusal(dst, *t, problems) }}
	o.Action = t.Answer
	reply, failed := f.reply(o, mtom, a)
	if failed != nil {
		return f.faultReply(soap.FaultOf(failed), o, problemsOf(failed))
	}
	reply.Err, reply.RetryAfter = problems, retryAfter(problems)
	return reply
}

// appendRefusal tells problems in the transaction's shape.
func appendRefusal(dst []byte, t Transaction, problems fault.Problems) []byte {
	told := Errors(t.ID, problems, "")
	switch t.Shape {
	case Query:
		return ebxml.AppendQueryResponse(dst, ebxml.Failure, told, nil)
	case Retrieve:
		return ebxml.AppendRetrieveResponse(dst, ebxml.Failure, told, nil)
	default:
		return ebxml.AppendRegistryResponse(dst, ebxml.Failure, told)
	}
}

func (f *Front) faultReply(told *soap.Fault, o soap.Outbound, problems fault.Problems) *Reply {
	o.MessageID = "urn:uuid:" + f.NewID()
	return faultReply(told, o, problems)
}

func faultReply(f *soap.Fault, o soap.Outbound, problems fault.Problems) *Reply {
	status := f.Status()
	if lead := problems.Leading(); lead != nil && lead.Code == fault.MethodNotAllowed {
		status = http.StatusMethodNotAllowed
	}
	return &Reply{Status: status, RetryAfter: retryAfter(problems), Err: problems, contentType: soap.FaultContentType(f), envelope: soap.AppendFault(nil, f, o)}
}

func retryAfter(problems fault.Problems) (longest time.Duration) {
	for _, p := range problems {
		longest = max(longest, p.RetryAfter)
	}
	return longest
}

// Refuse answers a SOAP address where its front did not: in the words of SOAP, with the problems' cause for the log.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	problems := problemsOf(err)
	write(context.WithoutCancel(r.Context()), w, faultReply(soap.FaultOf(err), soap.Outbound{}, problems))
}

// problemsOf is an error in the house's words, for the log and for audit events: a fault's own cause where that is a problem.
func problemsOf(err error) fault.Problems {
	var problem *fault.Problem
	var told *soap.Fault
	if errors.As(err, &problem) || !errors.As(err, &told) {
		return fault.Of(err)
	}
	return fault.Problems{fault.New(codeOf(told.Reason), "%s", told.Text()).Because(told.Err)}
}

// codeOf is the house's code for a fault that stands alone.
func codeOf(r soap.Reason) fault.Code {
	switch r {
	case soap.TooLarge:
		return fault.RequestTooLarge
	case soap.WrongMediaType:
		return fault.WrongMediaType
	case soap.SecurityMissing, soap.SecurityInvalid, soap.TokenUnsupported, soap.TokenInvalid, soap.AuthenticationFailed, soap.TokenExpired:
		return fault.AssertionRefused
	case soap.Denied:
		return fault.OrganisationDenied
	case soap.Busy:
		return fault.TooBusy
	case soap.Unavailable:
		return fault.PartUnavailable
	case soap.Internal:
		return fault.InternalError
	case soap.ActionNotSupported, soap.ActionMismatch, soap.HeaderTwice, soap.HeaderMissing, soap.BadReplyTo, soap.NotUnderstood, soap.WrongVersion:
		return fault.BadRequest
	default:
		return fault.MalformedBody
	}
}
