package xds

import (
	"context"
	"encoding/hex"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/submission"
)

// iti41 takes documents with their metadata (Provide and Register Document Set-b).
func (d *Door) iti41(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.provide(ctx, r, submission.Provide)
}

// iti42 takes metadata of documents that another repository keeps (Register Document Set-b).
func (d *Door) iti42(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.provide(ctx, r, submission.Registration)
}

// iti61 takes metadata of documents that another repository makes when they are asked for (Register On-Demand Document Entry).
func (d *Door) iti61(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.provide(ctx, r, submission.OnDemand)
}

// provide is what the three have in common: a message that was carried out before is answered as it was then (W2), and a refusal tells all that is
// wrong (W6).
func (d *Door) provide(ctx context.Context, r *endpoint.Request, form submission.Form) (*endpoint.Answer, error) {
	if !r.Actor.Has(access.ScopeCreate) {
		return nil, d.Submissions.RefuseUnread(ctx, r.Actor, audit.Create, "provide",
			fault.New(fault.ScopeMissing, "The assertion lacks the scope %s.", access.ScopeCreate).By("W1"))
	}
	once, err := d.once(ctx, r)
	if err != nil {
		return nil, err
	}
	defer once.End(ctx)
	var receipt submission.Receipt
	if once.Answered() {
		receipt, err = d.Submissions.Repeat(ctx, r.Actor, once)
	} else {
		receipt, err = d.submit(ctx, r, form, once)
	}
	if err != nil {
		return nil, err
	}
	return registered(r.Actor.Transaction, receipt), nil
}

// once takes the key of this message: who sent it, its MessageID and its bytes. The ids alone are no key: there are senders whose messages all have the
// same. Nil, for which everything works, when there is none.
func (d *Door) once(ctx context.Context, r *endpoint.Request) (*submission.Once, error) {
	id := r.Message.Header.MessageID
	if id == "" || len(r.Digest) == 0 {
		return nil, nil
	}
	once, err := d.Submissions.Begin(ctx, r.Actor, "soap "+hex.EncodeToString(r.Digest)+" "+id)
	if err == nil {
		once.Body = r.Digest
	}
	return once, err
}

func (d *Door) submit(ctx context.Context, r *endpoint.Request, form submission.Form, once *submission.Once) (submission.Receipt, error) {
	message, err := ebxml.ReadSubmission(r.Message.Body)
	if err != nil {
		return submission.Receipt{}, d.Submissions.RefuseUnread(ctx, r.Actor, audit.Create, "provide", err)
	}
	request := requestOf(message, form)
	request.Once = once
	giveBytes(&request, message, r)
	return d.Submissions.Provide(ctx, r.Actor, request)
}

// registered is the answer to what was registered: Success, warnings with it (spec/ihe.md 1.7).
func registered(transaction string, receipt submission.Receipt) *endpoint.Answer {
	warnings := endpoint.Errors(transaction, receipt.Warnings, receipt.Tenant.HomeCommunity)
	return &endpoint.Answer{Body: func(dst []byte) []byte { return ebxml.AppendRegistryResponse(dst, ebxml.Success, warnings) }}
}
