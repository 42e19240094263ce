package endpoint

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/soap"
)

// Reply is an answer that is ready to be sent, by the connection of its request or to another address: an envelope, or a package of an envelope and
// documents that are opened while it is written.
type Reply struct {
	// Status is HTTP's, where the reply is an answer to HTTP.
	Status int
	// RetryAfter is when it makes sense to send the request again, zero when that does not help.
	RetryAfter time.Duration
	// Err is what the reply refuses with, nil when it does not. A registry's error that the transaction told in an answer of its own is none.
	Err error

	contentType string
	envelope    []byte
	pack        *soap.Package
	parts       []Part
}

// Answer runs a transaction for a request whose sender was verified, and makes its reply. It always gives one. To be used later than its request: then
// the header's ReplyTo is where the reply goes, and stands in it.
func (f *Front) Answer(ctx context.Context, t Transaction, r *Request) *Reply {
	o, mtom := outbound(t, r), r.Message.MTOM
	answer, err := t.Handle(ctx, r)
	if err != nil {
		var u unseen
		if errors.As(err, &u) {
			if failed := f.Log.Refused(ctx, r.Actor, t.Crude, t.Operation, problemsOf(err)); failed != nil {
				err = failed
			}
		}
		return f.refusal(&t, true, o, mtom, err)
	}
	reply, err := f.reply(o, mtom, answer)
	if err != nil {
		return f.refusal(&t, true, o, mtom, err)
	}
	return reply
}

// outbound is what an answer's addressing says. On the connection of its request To is left out: it would be the anonymous address.
func outbound(t Transaction, r *Request) soap.Outbound {
	o := soap.Outbound{Action: t.Answer, RelatesTo: r.Message.Header.MessageID}
	if !r.Message.Header.Synchronous() {
		o.To = r.Message.Header.ReplyTo
	}
	return o
}

// reply makes an answer ready: a package when the request was one or there are documents (ITI TF-2 V.3.6), and simple SOAP otherwise.
func (f *Front) reply(o soap.Outbound, mtom bool, a *Answer) (*Reply, error) {
	o.MessageID = "urn:uuid:" + f.NewID()
	out := &Reply{Status: http.StatusOK, contentType: soap.ContentType(o.Action), envelope: soap.AppendEnvelope(nil, o, a.Body), parts: a.Parts}
	if !mtom && len(a.Parts) == 0 {
		return out, nil
	}
	outgoing := make([]soap.Outgoing, len(a.Parts))
	for i, p := range a.Parts {
		outgoing[i] = p.Outgoing
	}
	var err error
	if out.pack, err = soap.NewPackage(f.Random, out.envelope, outgoing); err != nil {
		return nil, err
	}
	out.contentType = out.pack.ContentType()
	return out, nil
}

// ContentType is the header of that name.
func (r *Reply) ContentType() string { return r.contentType }

// Length is how many bytes Write writes, exactly.
func (r *Reply) Length() int64 {
	if r.pack != nil {
		return r.pack.Length()
	}
	return int64(len(r.envelope))
}

// Write writes the body. After an error it is cut off, and the connection must be broken so that nobody takes it for whole.
func (r *Reply) Write(ctx context.Context, w io.Writer) error {
	if r.pack == nil {
		_, err := w.Write(r.envelope)
		return err
	}
	return r.pack.Write(ctx, w, func(ctx context.Context, n int) (io.ReadCloser, error) { return r.parts[n].Open(ctx) })
}

// send answers by the connection of the request.
func (v *visit) send(ctx context.Context, reply *Reply) {
	write(ctx, v.w, reply)
}

// write writes a reply as HTTP's answer. One that breaks off after its head has left takes the connection with it.
func write(ctx context.Context, w http.ResponseWriter, reply *Reply) {
	if reply.Err != nil {
		obs.Failed(ctx, problemsOf(reply.Err))
	}
	h := w.Header()
	if reply.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((reply.RetryAfter+time.Second-1)/time.Second)))
	}
	h.Set("Content-Type", reply.ContentType())
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.FormatInt(reply.Length(), 10))
	w.WriteHeader(reply.Status)
	err := reply.Write(ctx, w)
	if err == nil || len(reply.parts) == 0 {
		return // a client that has gone misses nothing: everything is committed
	}
	brokenOff(ctx, err)
	panic(http.ErrAbortHandler)
}

// brokenOff notes why an answer ends in its middle: bytes that cannot be had are our failure, a caller who went away is not.
func brokenOff(ctx context.Context, err error) {
	var problem *fault.Problem
	switch {
	case errors.As(err, &problem):
		obs.Failed(ctx, err)
	case errors.Is(err, soap.ErrSize):
		obs.Failed(ctx, fault.New(fault.StoredBytesDamaged, "The stored document is not of the size that was registered.").Because(err))
	default:
		obs.Note(ctx, slog.String("error", "the caller went away before the end"))
	}
}
