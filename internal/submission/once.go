package submission

import (
	"bytes"
	"context"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/idempotency"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"
)

// Once is an upload that came with an Idempotency-Key: either the one that may store something, or one whose answer is known.
type Once struct {
	attempt *idempotency.Attempt
	first   *idempotency.Answer
	// Body is the SHA-256 of the request's body; the door sets it when it has read that, before it asks anything more.
	Body []byte
}

// Begin takes the key for this upload. Refused, without an event since nothing is asked of any document yet, with fault.InProgress while
// another upload holds the key. Who begins must End.
func (s *Service) Begin(ctx context.Context, actor audit.Actor, key string) (*Once, error) {
	attempt, first, err := s.Keys.Begin(ctx, idempotency.KeyOf(actor.ClientID, actor.Organisation, key))
	if err != nil {
		return nil, err
	}
	return &Once{attempt: attempt, first: first}, nil
}

// Answered reports whether the key's answer is known already, so that nothing of the request is to be received.
func (o *Once) Answered() bool { return o != nil && o.first != nil }

// End gives the key free unless something was registered under it. Nil does nothing.
func (o *Once) End(ctx context.Context) {
	if o != nil && o.attempt != nil {
		o.attempt.End(ctx)
	}
}

// settle makes the transaction keep the answer under the key, if there is one.
func (o *Once) settle(tx *postgres.Tx, r Receipt) {
	if o != nil && o.attempt != nil {
		o.attempt.Settle(tx, o.Body, r.Set)
	}
}

// Repeat gives the first answer of an Answered key, without a further event: nothing is done. fault.KeyReused, with an event, when the
// request is another one than that which got the answer.
func (s *Service) Repeat(ctx context.Context, actor audit.Actor, o *Once) (Receipt, error) {
	if !bytes.Equal(o.Body, o.first.Body) {
		return Receipt{}, s.RefuseUnread(ctx, actor, audit.Create, "provide", fault.New(fault.KeyReused, "This Idempotency-Key was used for another request, "+
			"and its answer is kept for a week. Nothing was stored. Give each new request a key of its own.").At("http.Idempotency-Key"))
	}
	mine, err := s.Tenants.OfOrganisation(ctx, actor.Organisation)
	if err != nil {
		return Receipt{}, err
	}
	i := slices.IndexFunc(mine, func(t tenant.Tenant) bool { return t.ID == o.first.Tenant })
	if i < 0 {
		return Receipt{}, s.RefuseUnread(ctx, actor, audit.Create, "provide", foreign())
	}
	var first Receipt
	err = s.DB.InTenant(ctx, mine[i].Schema(), func(tx *postgres.Tx) (err error) {
		first, err = firstReceipt(ctx, tx, mine[i], o.first.Set)
		return err
	})
	if fault.KindOf(err) == fault.NotFound { // removed since (ITI-62)
		return Receipt{}, s.RefuseUnread(ctx, actor, audit.Create, "provide", fault.New(fault.ResourceGone, "What this message registered has been removed since. Nothing was stored. "+
			"If it is to be registered again, send it as a new message.").By("W3"))
	}
	return first, err
}
