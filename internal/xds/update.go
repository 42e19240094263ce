package xds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"dokumentlager/internal/access"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/submission"
)

// iti57 updates metadata (Update Document Set).
func (d *Door) iti57(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.update(ctx, r, false)
}

// iti92 makes new versions of entries whose identity stays to the letter (Restricted Update Document Set).
func (d *Door) iti92(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.update(ctx, r, true)
}

func (d *Door) update(ctx context.Context, r *endpoint.Request, restricted bool) (*endpoint.Answer, error) {
	if err := mayChange(r, access.ScopeCreate); err != nil {
		return nil, err
	}
	message, err := ebxml.ReadSubmission(r.Message.Body)
	if err != nil {
		return nil, endpoint.Unseen(err)
	}
	canonicalAll(&message.Objects)
	once, err := d.beginChange(ctx, r)
	if err != nil {
		return nil, endpoint.Unseen(err)
	}
	defer once.End(ctx)
	var receipt submission.Receipt
	if once.Answered() {
		receipt, err = d.Submissions.Repeat(ctx, r.Actor, once)
	} else {
		receipt, err = d.Submissions.Update(ctx, r.Actor, submission.Revision{Message: message, Restricted: restricted, Once: once})
	}
	if err != nil {
		return nil, err
	}
	return registered(r.Actor.Transaction, receipt), nil
}

// mayChange wants the scope that the REST door wants for the same (W1).
func mayChange(r *endpoint.Request, scope string) error {
	if r.Actor.Has(scope) {
		return nil
	}
	return endpoint.Unseen(fault.New(fault.ScopeMissing, "The assertion lacks the scope %s.", scope).By("W1"))
}

// beginChange tells a message that is sent again: by its MessageID, its sender, and its body, since some senders give all messages the same
// MessageID (spec/soap.md 5). The header counts for nothing: whoever sends again may have a new assertion. Nil without a MessageID.
func (d *Door) beginChange(ctx context.Context, r *endpoint.Request) (*submission.Once, error) {
	if r.Message.Header.MessageID == "" {
		return nil, nil
	}
	sum := sha256.Sum256(r.Message.Body)
	once, err := d.Submissions.Begin(ctx, r.Actor, r.Actor.Transaction+" "+r.Message.Header.MessageID+" "+hex.EncodeToString(sum[:]))
	if once != nil {
		once.Body = sum[:]
	}
	return once, err
}
