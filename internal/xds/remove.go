package xds

import (
	"context"

	"dokumentlager/internal/access"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/submission"
)

// iti62 removes metadata, and bytes that no entry needs any more (Remove Metadata).
func (d *Door) iti62(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	if err := mayChange(r, access.ScopeDelete); err != nil {
		return nil, err
	}
	refs, err := ebxml.ReadRemoval(r.Message.Body)
	if err != nil {
		return nil, endpoint.Unseen(err)
	}
	return d.remove(ctx, r, func(once *submission.Once) error { return d.Submissions.RemoveMetadata(ctx, r.Actor, refs, once) })
}

// iti86 removes the bytes of documents and leaves their metadata (Remove Documents).
func (d *Door) iti86(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	if err := mayChange(r, access.ScopeDelete); err != nil {
		return nil, err
	}
	requests, problems, err := ebxml.ReadDocumentRequests(r.Message.Body, ebxml.RemoveDocuments)
	if err != nil {
		return nil, endpoint.Unseen(err)
	}
	return d.remove(ctx, r, func(once *submission.Once) error {
		return d.Submissions.RemoveDocuments(ctx, r.Actor, requests, problems, once)
	})
}

// remove carries a removal out. A message that is sent again is carried out again, if there is something to remove again: what is gone is not unknown
// to the message that removed it.
func (d *Door) remove(ctx context.Context, r *endpoint.Request, carryOut func(*submission.Once) error) (*endpoint.Answer, error) {
	once, err := d.beginChange(ctx, r)
	if err != nil {
		return nil, endpoint.Unseen(err)
	}
	defer once.End(ctx)
	if err := carryOut(once); err != nil {
		return nil, err
	}
	return registered(r.Actor.Transaction, submission.Receipt{}), nil
}
