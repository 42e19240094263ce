// Package endpoint is what the SOAP doors share: an address at which transactions of the XDS family are answered (ITI TF-2 appendix V).
//
// It promises that no transaction runs for a message whose action, body and address do not agree, nor for one whose assertion (XUA) was not
// verified; that a document is received only when it is known who sends it, those few excepted that come before the envelope; and that what
// refuses a message is a SOAP fault, or a registry's errors, whose texts are fixed and whose causes only the log gets. No use case, rule or SQL
// stands here.
package endpoint

import (
	"context"
	"encoding/xml"
	"io"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/saml"
	"dokumentlager/internal/soap"
)

// Shape is which of the three answers a transaction has: its refusals are told in the same.
type Shape uint8

// The shapes: rs:RegistryResponse, query:AdhocQueryResponse, xds:RetrieveDocumentSetResponse.
const (
	Registry Shape = iota
	Query
	Retrieve
)

// Transaction is one that an address answers.
type Transaction struct {
	// ID is IHE's, "ITI-18": instances switch it by this name, and logs and audit events have it.
	ID string
	// Action and Answer are the wsa:Actions of request and answer.
	Action, Answer string
	// Payloads are what the body's one element may be; one, but where some are known to wrap it.
	Payloads []xml.Name
	Shape    Shape
	// Documents tells that messages bring documents (ITI-41): each is received as it comes.
	Documents bool
	// Async tells that the answer may be sent to another address (ITI-38, 39).
	Async bool
	// Operation and Crude are what the audit event of a refusal at the door is called, and Operation is what the log's line is called.
	Operation string
	Crude     audit.Action
	// Handle does it. Its error, fault.Problems, is told in the transaction's Shape; one that says who may not send this at all, as
	// saml.Assertion.About does, as a SOAP fault. An error that no use case has seen, and so has no audit event yet, is given as Unseen.
	Handle func(context.Context, *Request) (*Answer, error)
}

// Request is a message whose sender is known.
type Request struct {
	// Actor is who sends it, by the assertion; its Transaction is the transaction's ID.
	Actor     audit.Actor
	Assertion saml.Assertion
	// Message has no documents any more: Received has them, by the number that Message.Document gives for a reference. They are judged
	// already, or being so, and are discarded when Handle has returned and its answer is written.
	Message  *soap.Message
	Received []*repository.Reception
	// Digest is the SHA-256 of the whole request as it came, for idempotency.
	Digest []byte
}

// Answer is what goes back.
type Answer struct {
	// Body appends the body's element.
	Body func([]byte) []byte
	// Parts are the documents, in the order of the message. They make the answer a package, as the request's being one does.
	Parts []Part
}

// Part is a document on its way out. Open is called once, after the answer's head has left; an error there or while it is read breaks the answer
// off, so that nobody takes it for whole.
type Part struct {
	soap.Outgoing
	Open func(context.Context) (io.ReadCloser, error)
}

// Unseen is an error that no use case has seen, such as a body that cannot be read: the front writes its audit event before it is told. Nil
// stays nil.
func Unseen(err error) error {
	if err == nil {
		return nil
	}
	return unseen{err}
}

type unseen struct{ error }

// Unwrap gives what is to be told.
func (u unseen) Unwrap() error { return u.error }
