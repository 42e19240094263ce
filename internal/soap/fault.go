package soap

import (
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"

	"dokumentlager/internal/fault"
)

// Reason is why a message is refused, or cannot be answered: each has its codes and one text.
type Reason uint8

// The reasons. Doors choose one; a Fault's text never depends on the message.
const (
	Malformed Reason = iota + 1
	TooLarge
	WrongMediaType
	WrongVersion
	NotUnderstood
	ActionNotSupported
	ActionMismatch
	HeaderTwice
	HeaderMissing
	BadReplyTo
	SecurityMissing
	SecurityInvalid
	TokenUnsupported
	TokenInvalid
	AuthenticationFailed
	TokenExpired
	Denied
	Busy
	Unavailable
	Internal
)

// codes is how a reason is said: the SOAP code, the subcodes of WS-Addressing or WS-Security, the HTTP status, the text.
type codes struct {
	code   string
	sub    []xml.Name
	status int
	text   string
}

func wsa(local ...string) (names []xml.Name) {
	for _, l := range local {
		names = append(names, xml.Name{Space: Addressing, Local: l})
	}
	return names
}

func wsse(local string) []xml.Name { return []xml.Name{{Space: wsseURI, Local: local}} }

// reasons: HTTP statuses are those of the SOAP 1.2 HTTP binding, table 20: 400 for the sender's faults, 500 otherwise.
func reasons(r Reason) codes {
	switch r {
	case Malformed:
		return codes{"Sender", nil, http.StatusBadRequest, "The message is not a SOAP 1.2 message that can be read. Nothing was done."}
	case TooLarge:
		return codes{"Sender", nil, http.StatusRequestEntityTooLarge, "The message is larger or more deeply nested than is taken. Nothing was done."}
	case WrongMediaType:
		return codes{"Sender", nil, http.StatusUnsupportedMediaType, "The Content-Type is neither application/soap+xml nor multipart/related with application/xop+xml. Nothing was done."}
	case WrongVersion:
		return codes{"VersionMismatch", nil, http.StatusInternalServerError, "The message is not of SOAP version 1.2. Nothing was done."}
	case NotUnderstood:
		return codes{"MustUnderstand", nil, http.StatusInternalServerError, "A header block that must be understood is not. Nothing was done."}
	case ActionNotSupported:
		return codes{"Sender", wsa("ActionNotSupported"), http.StatusBadRequest, "The [action] cannot be processed at the receiver."}
	case ActionMismatch:
		return codes{"Sender", wsa("InvalidAddressingHeader", "ActionMismatch"), http.StatusBadRequest, "The [action] does not belong to the message in the body. Nothing was done."}
	case HeaderTwice:
		return codes{"Sender", wsa("InvalidAddressingHeader", "InvalidCardinality"), http.StatusBadRequest, "An addressing header stands more than once. Nothing was done."}
	case HeaderMissing:
		return codes{"Sender", wsa("MessageAddressingHeaderRequired"), http.StatusBadRequest, "A required header representing a Message Addressing Property is not present."}
	case BadReplyTo:
		return codes{"Sender", wsa("InvalidAddressingHeader", "InvalidEPR"), http.StatusBadRequest, "Answers are not sent to the address in ReplyTo. Nothing was done."}
	case SecurityMissing:
		return codes{"Sender", wsse("SecurityTokenUnavailable"), http.StatusBadRequest, "The message has no security token. Nothing was done."}
	case SecurityInvalid:
		return codes{"Sender", wsse("InvalidSecurity"), http.StatusBadRequest, "The security header cannot be processed. Nothing was done."}
	case TokenUnsupported:
		return codes{"Sender", wsse("UnsupportedSecurityToken"), http.StatusBadRequest, "The security token is of a kind that is not taken. Nothing was done."}
	case TokenInvalid:
		return codes{"Sender", wsse("InvalidSecurityToken"), http.StatusBadRequest, "The security token is not valid. Nothing was done."}
	case AuthenticationFailed:
		return codes{"Sender", wsse("FailedAuthentication"), http.StatusBadRequest, "The security token could not be authenticated. Nothing was done."}
	case TokenExpired:
		return codes{"Sender", []xml.Name{{Space: wsuURI, Local: "MessageExpired"}}, http.StatusBadRequest, "The security token has expired. Get a new one."}
	case Denied:
		return codes{"Sender", nil, http.StatusBadRequest, "The sender may not send this message here. Nothing was done."}
	case Busy:
		return codes{"Receiver", wsa("EndpointUnavailable"), http.StatusServiceUnavailable, "There is more work than can be taken now. Nothing was done; send the message again later."}
	case Unavailable:
		return codes{"Receiver", wsa("EndpointUnavailable"), http.StatusServiceUnavailable, "A part that is needed does not answer. Send the message again later."}
	default:
		return codes{"Receiver", nil, http.StatusInternalServerError, "Something went wrong on our side. Give the request id to support."}
	}
}

// Fault is a SOAP fault. As an error it speaks to the log; what a caller gets is made of Reason alone.
type Fault struct {
	Reason Reason
	// Names are the header blocks that were not understood.
	Names []xml.Name
	// Legacy tells that the message was of SOAP 1.1, in whose words it is told so (SOAP 1.2 part 1, appendix A).
	Legacy bool
	// Err is the cause, for the log; it holds nothing of the message's content.
	Err error
}

// NewFault makes a fault with a cause for the log, which may be nil.
func NewFault(r Reason, cause error) *Fault { return &Fault{Reason: r, Err: cause} }

// Status is the HTTP status to answer with.
func (f *Fault) Status() int { return reasons(f.Reason).status }

// Text is what the caller is told.
func (f *Fault) Text() string { return reasons(f.Reason).text }

// Error is for logs.
func (f *Fault) Error() string {
	if f.Err == nil {
		return "soap: " + f.Text()
	}
	return "soap: " + f.Text() + " (" + f.Err.Error() + ")"
}

// Unwrap gives the cause to errors.Is and errors.As.
func (f *Fault) Unwrap() error { return f.Err }

func malformed(why string, args ...any) *Fault { return NewFault(Malformed, fmt.Errorf(why, args...)) }

func tooLarge(why string, args ...any) *Fault { return NewFault(TooLarge, fmt.Errorf(why, args...)) }

// FaultOf is how an error that no profile has a RegistryError for is told in SOAP: a Fault as it is, the house's problems by their kind.
func FaultOf(err error) *Fault {
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return NewFault(reasonOf(fault.KindOf(err)), err)
}

func reasonOf(kind fault.Kind) Reason {
	switch kind {
	case fault.Unauthenticated:
		return AuthenticationFailed
	case fault.Denied:
		return Denied
	case fault.TooLarge:
		return TooLarge
	case fault.Busy:
		return Busy
	case fault.Unavailable:
		return Unavailable
	case fault.Unsupported:
		return WrongMediaType
	case fault.Invalid, fault.NotFound, fault.Gone, fault.Conflict, fault.Infected:
		return Malformed
	default:
		return Internal
	}
}
