package endpoint

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/incoming"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/soap"
)

// visit is one request on its way through the front.
type visit struct {
	front        *Front
	w            http.ResponseWriter
	r            *http.Request
	transactions map[string]*Transaction

	// t is the transaction that the action names, nil until it is known; relatesTo is the message's id.
	t         *Transaction
	relatesTo string
	request   Request
	// known tells that the sender was verified.
	known bool
	// org is the context in which documents are judged: for the sender, when somebody knows who that is.
	org   *orgContext
	body  *incoming.Body
	hurry *hurry
	// received are the documents so far; held are those of them that came whole before anybody knew whose they are.
	received, held []*repository.Reception
	undo           []func()
}

// leave gives everything back, whatever happened.
func (v *visit) leave() {
	for _, body := range v.received {
		body.Discard()
	}
	for _, undo := range slices.Backward(v.undo) {
		undo()
	}
}

// serve reads, asks and answers.
func (v *visit) serve() {
	v.org = &orgContext{Context: v.r.Context()}
	message, err := v.read()
	if err != nil {
		v.refuse(err)
		return
	}
	v.request.Message, v.request.Received = message, v.received
	if !message.Header.Synchronous() {
		v.accept()
		return
	}
	ctx := admission.WithOrganisation(v.r.Context(), organisationOf(v.request.Actor))
	v.send(ctx, v.front.Answer(ctx, *v.t, &v.request))
}

// read reads the message to its end, and sums it.
func (v *visit) read() (*soap.Message, error) {
	v.hurry = newHurry(v.w, v.r.Body, v.front.HeaderTimeout)
	defer v.hurry.end()
	v.body = incoming.NewBody(v.r.Context(), v.hurry, v.r.ContentLength)
	sum := sha256.New()
	body := io.TeeReader(v.body, sum)
	if coding := v.r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return nil, soap.NewFault(soap.WrongMediaType, errPacked)
	}
	message, err := soap.Read(v.r.Header.Get("Content-Type"), body, soap.Options{Limits: v.front.Limits, Understands: understood, Documents: documents,
		Header: v.header, Open: v.open})
	if err != nil {
		return nil, received(err)
	}
	if !slices.Contains(v.t.Payloads, message.Payload) {
		return nil, soap.NewFault(soap.ActionMismatch, nil)
	}
	// A package may go on after its end; what comes there is summed too, so that the same bytes always have the same sum.
	if _, err := io.Copy(io.Discard, body); err != nil {
		return nil, received(err)
	}
	v.request.Digest = sum.Sum(nil)
	return message, nil
}

// received is an error of reading a message: one that nobody worded is a connection that broke, which is none of ours.
func received(err error) error {
	var told *soap.Fault
	var problem *fault.Problem
	if errors.As(err, &told) || errors.As(err, &problem) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.New(fault.BadRequest, "The message did not come to its end. Nothing was done; send it again.").Because(err)
}

// header lets a message in when its header has been read: it is for a transaction of this address, its sender is verified, and there is room.
func (v *visit) header(h *soap.Header) error {
	v.relatesTo = h.MessageID
	if err := v.enter(); err != nil {
		return err
	}
	v.t = v.transactions[h.Action]
	if v.t == nil {
		return soap.NewFault(soap.ActionNotSupported, nil)
	}
	obs.Note(v.r.Context(), slog.String("operation", v.t.Operation), slog.String("transaction", v.t.ID))
	if err := v.verify(h); err != nil {
		return err
	}
	if len(v.received) > 0 && !v.t.Documents {
		return soap.NewFault(soap.Malformed, errDocuments)
	}
	if !h.Synchronous() && (!v.t.Async || v.front.Deferred == nil || h.ReplyTo == soap.None) {
		return soap.NewFault(soap.BadReplyTo, nil)
	}
	v.org.known.Store(&knownContext{admission.WithOrganisation(v.r.Context(), organisationOf(v.request.Actor))})
	for _, body := range v.held { // now they may be judged
		if err := body.Close(); err != nil {
			return err
		}
	}
	v.held = nil
	return nil
}

// enter takes the place that the rest of the request needs.
func (v *visit) enter() error {
	if !v.hurry.end() {
		return errSlow
	}
	leave, err := incoming.Enter(v.r.Context())
	if err != nil {
		return soap.FaultOf(err)
	}
	v.undo = append(v.undo, leave)
	return nil
}

// accept leaves the answer to whoever sends it.
func (v *visit) accept() {
	if err := v.front.Deferred.Accept(v.r.Context(), &v.request, v.request.Message.Header.ReplyTo); err != nil {
		v.refuse(err)
		return
	}
	v.w.WriteHeader(http.StatusAccepted)
}

// refuse tells a refusal. Of a request that no use case has seen, its sender known, the audit event is written first (A1).
func (v *visit) refuse(err error) {
	ctx := v.r.Context()
	if v.known && v.t != nil && !busy(err) {
		if failed := v.front.Log.Refused(ctx, v.request.Actor, v.t.Crude, v.t.Operation, problemsOf(err)); failed != nil {
			err = failed
		}
	}
	v.body.Release()
	v.front.unread.Refuse(v.w, v.r, func() {
		v.send(ctx, v.front.refusal(v.t, v.known, soap.Outbound{RelatesTo: v.relatesTo}, v.packed(), err))
	})
}

// packed tells whether the message is, or began as, a package: its answer is one too.
func (v *visit) packed() bool {
	return strings.HasPrefix(strings.ToLower(strings.TrimSpace(v.r.Header.Get("Content-Type"))), "multipart/related")
}

// busy refusals leave no event: nothing was attempted of what the sender wants, and a flood must not become one in the database.
func busy(err error) bool { return fault.KindOf(problemsOf(err)) == fault.Busy }

// actor is who sends it, with what audit events tell of the request.
func (v *visit) actor(h *soap.Header) audit.Actor {
	ctx := v.r.Context()
	return audit.Actor{RequestID: obs.RequestID(ctx), TraceID: obs.TraceID(ctx), EventID: eventID(v.r, h), SourceSystem: obs.OneLine(v.r.Header.Get("nhn-source-system")),
		Transaction: v.t.ID}
}
