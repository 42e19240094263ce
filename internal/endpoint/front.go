package endpoint

import (
	"cmp"
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"time"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/incoming"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/saml"
	"dokumentlager/internal/soap"
)

// Verifier knows callers by their security header (saml.Verifier).
type Verifier interface {
	Verify(header []byte) (saml.Assertion, error)
}

// Admission says whether work of an organisation may begin (admission.Gate).
type Admission interface {
	Request(organisation string) (done func(), err error)
	Upload(organisation string, declared int64) (*admission.Upload, error)
}

// Receiver takes documents (repository.Repository).
type Receiver interface {
	Receive(ctx context.Context) *repository.Reception
}

// Log keeps the audit events of what is refused before a use case sees it.
type Log interface {
	// Refused writes the event of a known caller's request. The error is why it could not be written.
	Refused(ctx context.Context, actor audit.Actor, action audit.Action, operation string, why error) error
	// Stranger is told of an assertion that was not taken. The actor is nobody, but for the request's ids and its transaction.
	Stranger(ctx context.Context, actor audit.Actor, action audit.Action, operation string, why error)
}

// Deferred takes requests whose answer is to be sent to another address. Accept's error refuses: soap.NewFault(soap.BadReplyTo, …) an address that is
// not allowed to this sender. When it returns nil, the answer will be sent.
type Deferred interface {
	Accept(ctx context.Context, r *Request, replyTo string) error
}

// Config is what a Front is made of.
type Config struct {
	Verifier  Verifier
	Admission Admission
	Objects   Receiver
	Log       Log
	// Deferred may be nil: then no answer is sent to another address.
	Deferred Deferred
	Limits   soap.Limits
	// HeaderTimeout is how long a message may take to say who sends it, documents before the envelope apart; 0 is for ever.
	HeaderTimeout time.Duration
	// NewID makes the UUID of a message of ours.
	NewID func() string
	// Random is crypto/rand's unless a test has another.
	Random io.Reader
}

// earlyMost is how many messages may have documents before their envelope at a time: those are received of strangers, and take up to 60 MiB each.
// Who sends the envelope first, as all known clients do, waits for none of them.
const earlyMost = 8

// Front stands before the SOAP doors of one process. Make it with New.
type Front struct {
	Config
	unread *incoming.Unread
	seen   incoming.Seen
	// early has an element for each message whose documents come before anybody is known.
	early chan struct{}
}

// New makes a Front.
func New(c Config) *Front {
	if c.Random == nil {
		c.Random = rand.Reader
	}
	return &Front{Config: c, unread: incoming.NewUnread(), early: make(chan struct{}, earlyMost)}
}

// Address answers the transactions of one address, by POST.
func (f *Front) Address(transactions ...Transaction) http.HandlerFunc {
	known := map[string]*Transaction{}
	for _, t := range transactions {
		known[t.Action] = &t
	}
	return func(w http.ResponseWriter, r *http.Request) {
		v := &visit{front: f, w: w, r: r, transactions: known}
		defer v.leave()
		v.serve()
	}
}

// organisationOf is whose share a request is taken from.
func organisationOf(actor audit.Actor) string {
	return cmp.Or(actor.Organisation, actor.ClientID, actor.Issuer)
}
