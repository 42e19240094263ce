package endpoint

import (
	"context"
	"crypto/sha256"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"

	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/incoming"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/saml"
	"dokumentlager/internal/soap"

	"github.com/google/uuid"
)

var (
	understood = []xml.Name{soap.Security}
	documents  = []xml.Name{ebxml.DocumentElement}

	errPacked    = errors.New("the body has a Content-Encoding; what unpacks to a thousand times its size is never unpacked here")
	errDocuments = errors.New("a message of this kind carries no documents")
	errEarly     = fault.New(fault.TooBusy, "Too many messages are being received whose documents come before the envelope. Nothing was done; send the envelope first.")
)

// verify finds out who sends it, and lets in whom there is room for. Whoever was verified before, by the same assertion, is told to come back before
// its signature is checked again.
func (v *visit) verify(h *soap.Header) error {
	actor := v.actor(h)
	block, err := h.Block(soap.Security)
	switch {
	case err != nil:
		return v.strange(soap.NewFault(soap.SecurityInvalid, err))
	case block == nil:
		return v.strange(soap.NewFault(soap.SecurityMissing, saml.ErrMissing))
	}
	token := sha256.Sum256(block.XML)
	who, admitted := v.front.seen.Sender(token)
	if admitted {
		if err := v.admit(who); err != nil {
			return err
		}
	}
	a, err := v.front.Verifier.Verify(block.XML)
	if err != nil {
		return v.strange(securityFault(err))
	}
	actor.Caller, actor.Issuer = a.Caller, a.Issuer
	v.request.Actor, v.request.Assertion, v.known = actor, a, true
	obs.Known(v.r.Context(), actor.ClientID)
	if admitted {
		return nil
	}
	who = incoming.Sender{Organisation: organisationOf(actor), Client: actor.ClientID}
	v.front.seen.Remember(token, who)
	return v.admit(who)
}

// strange tells the log of an assertion that was not taken.
func (v *visit) strange(err error) error {
	actor := v.actor(&soap.Header{})
	v.front.Log.Stranger(v.r.Context(), actor, v.t.Crude, v.t.Operation, problemsOf(err))
	return err
}

// admit lets the request in, and its body where that brings documents. Its refusals are SOAP faults: nothing was attempted that a registry could
// speak of, and HTTP's 503 with the time to come back is what every client and balancer understands.
func (v *visit) admit(who incoming.Sender) error {
	obs.Note(v.r.Context(), slog.String("client_id", who.Client))
	done, err := v.front.Admission.Request(who.Organisation)
	if err != nil {
		return soap.FaultOf(err)
	}
	v.undo = append(v.undo, done)
	if !v.t.Documents {
		return nil
	}
	upload, err := v.front.Admission.Upload(who.Organisation, v.r.ContentLength)
	if err != nil {
		return soap.FaultOf(err)
	}
	v.undo = append(v.undo, upload.Done)
	return v.body.Admit(upload)
}

// securityFault is how a refused assertion is told (WS-Security 1.1 §12).
func securityFault(err error) *soap.Fault {
	reason := soap.TokenInvalid
	switch {
	case errors.Is(err, saml.ErrMissing):
		reason = soap.SecurityMissing
	case errors.Is(err, saml.ErrSignature):
		reason = soap.AuthenticationFailed
	case errors.Is(err, saml.ErrExpired):
		reason = soap.TokenExpired
	}
	return soap.NewFault(reason, err)
}

// open gives the place for the next document. One that comes before the envelope is received and not judged: nobody knows whose it is.
func (v *visit) open(in soap.Incoming) (io.WriteCloser, error) {
	switch {
	case in.Early:
		if err := v.openEarly(); err != nil {
			return nil, err
		}
	case !v.t.Documents:
		return nil, soap.NewFault(soap.Malformed, errDocuments)
	}
	body := v.front.Objects.Receive(v.org)
	v.received = append(v.received, body)
	if in.Early {
		return heldSink{body, v}, nil
	}
	return body, nil
}

// openEarly takes one of the few places for messages with documents before the envelope.
func (v *visit) openEarly() error {
	if len(v.received) > 0 {
		return nil
	}
	select {
	case v.front.early <- struct{}{}:
		v.undo = append(v.undo, func() { <-v.front.early })
		v.hurry.end() // what comes before the envelope may be large, and its places are few
		return nil
	default:
		return soap.FaultOf(errEarly)
	}
}

// heldSink is a document whose end begins nothing yet.
type heldSink struct {
	*repository.Reception
	v *visit
}

// Close puts the judging off until the sender is known.
func (h heldSink) Close() error {
	h.v.held = append(h.v.held, h.Reception)
	return nil
}

// orgContext is the request's, and the sender's as soon as it is known who that is: a document that was opened before is judged as the sender's.
type orgContext struct {
	context.Context
	known atomic.Pointer[knownContext]
}

// knownContext is the sender's.
type knownContext struct{ context.Context }

// Value is the sender's, when there is one.
func (c *orgContext) Value(key any) any {
	if known := c.known.Load(); known != nil {
		return known.Context.Value(key)
	}
	return c.Context.Value(key)
}

// elevenDigits may be a national identity number, inside a UUID too.
var elevenDigits = regexp.MustCompile(`[0-9]{11}`)

// eventID is the caller's own id of the request: nhn-event-id as at the other doors (R3), or else the MessageID. In the log stands only one that is a
// UUID: another may be anything.
func eventID(r *http.Request, h *soap.Header) string {
	if id := obs.OneLine(r.Header.Get("nhn-event-id")); id != "" {
		return id
	}
	if id, err := uuid.Parse(strings.TrimPrefix(h.MessageID, "urn:uuid:")); err == nil && !elevenDigits.MatchString(id.String()) {
		obs.Note(r.Context(), slog.String("nhn_event_id", id.String()))
	}
	return obs.OneLine(h.MessageID)
}
