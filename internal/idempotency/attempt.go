package idempotency

import (
	"context"
	"sync"
	"time"

	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

// Attempt is one request that holds its key. It renews its lease until End, which must always be called.
type Attempt struct {
	keys Keys
	key  Key
	id   uuid.UUID
	stop context.CancelFunc
	idle sync.WaitGroup
}

func newAttempt(ctx context.Context, k Keys, key Key, id uuid.UUID) *Attempt {
	ctx, stop := context.WithCancel(ctx)
	a := &Attempt{keys: k, key: key, id: id, stop: stop}
	a.idle.Go(func() { a.renew(ctx) })
	return a
}

// renew is best effort: an attempt that lost its lease finds that out when it settles.
func (a *Attempt) renew(ctx context.Context) {
	lease := a.keys.lease()
	ticker := time.NewTicker(lease / 3)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if a.keys.Fail.Reach(ctx, failpoint.ClaimRenew) != nil {
				continue
			}
			_, _ = a.keys.exec(ctx, `update control.idempotency set until = now() + $3 where key = $1 and attempt = $2 and body is null`,
				uuid.UUID(a.key), a.id, lease)
		}
	}
}

// Settle makes the transaction that registers an upload, or recognises one, keep the key's answer too; body is the SHA-256 of the request. The
// transaction fails with fault.InProgress when the lease ran out and another attempt took the key: then that one's answer counts.
func (a *Attempt) Settle(tx *postgres.Tx, body []byte, set uuid.UUID) {
	lost := fault.New(fault.InProgress, "This request took so long that another one with the same Idempotency-Key has begun. Nothing was stored by this one; "+
		"send the same request again for its answer.").RetryIn(time.Second)
	tx.ControlOne(lost, `update control.idempotency set body = $3, tenant_id = $4, submission_id = $5, until = now() + $6
		where key = $1 and attempt = $2 and body is null`, uuid.UUID(a.key), a.id, body, tx.Schema.ID, set, Kept)
}

// End gives the key free if nothing was settled. When it cannot, the lease runs out; so it also may be called after a commit of which
// nobody knows whether it happened.
func (a *Attempt) End(ctx context.Context) {
	a.stop()
	a.idle.Wait()
	if a.keys.Fail.Reach(context.WithoutCancel(ctx), failpoint.ClaimRelease) != nil {
		return
	}
	_, _ = a.keys.exec(context.WithoutCancel(ctx), `delete from control.idempotency where key = $1 and attempt = $2 and body is null`, uuid.UUID(a.key), a.id)
}
