package xds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"dokumentlager/internal/delivery"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/soap"
)

// Deferred leaves requests whose answer is to go to another address to package delivery (endpoint.Deferred).
type Deferred struct{ Delivery *delivery.Service }

// Accept implements endpoint.Deferred.
func (d Deferred) Accept(ctx context.Context, r *endpoint.Request, replyTo string) error {
	return d.Delivery.Accept(ctx, delivery.Question{Actor: r.Actor, Assertion: r.Assertion, Action: r.Message.Header.Action, MessageID: r.Message.Header.MessageID,
		ReplyTo: replyTo, Payload: r.Message.Payload, Body: r.Message.Body, MTOM: r.Message.MTOM, Digest: r.Digest})
}

// Later answers a request that was accepted earlier: what a refusal tells its sender is an answer too, and an error is only what may be otherwise in a
// while.
func (d *Door) Later(ctx context.Context, q delivery.Question) (delivery.Reply, error) {
	all := d.gateway()
	i := slices.IndexFunc(all, func(t endpoint.Transaction) bool { return t.Async && t.ID == q.Actor.Transaction })
	if i < 0 {
		return nil, fmt.Errorf("no transaction %s is answered later", q.Actor.Transaction)
	}
	message := &soap.Message{Header: soap.Header{Action: q.Action, MessageID: q.MessageID, ReplyTo: q.ReplyTo}, Payload: q.Payload, Body: q.Body, MTOM: q.MTOM}
	reply := d.Front.Answer(ctx, all[i], &endpoint.Request{Actor: q.Actor, Assertion: q.Assertion, Message: message, Digest: q.Digest})
	if passing(reply.Err) {
		return nil, reply.Err
	}
	return reply, nil
}

// passing tells refusals that say nothing of the question: a part is away, or busy, or we are at a loss.
func passing(err error) bool {
	var told *soap.Fault
	if errors.As(err, &told) {
		return slices.Contains([]soap.Reason{soap.Busy, soap.Unavailable, soap.Internal}, told.Reason)
	}
	return err != nil && slices.Contains([]fault.Kind{fault.Busy, fault.Unavailable, fault.Internal}, fault.KindOf(err))
}
