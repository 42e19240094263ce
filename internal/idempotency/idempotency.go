// Package idempotency keeps Idempotency-Keys (draft-ietf-httpapi-idempotency-key-header-07): one key, one upload, one answer.
//
// It promises that of all requests with one key at most one registers anything, whatever is killed or paused in between: a running
// attempt holds a lease, and its own transaction fails unless the lease is still its own at the commit (promise 1). A finished
// upload's key leads to its answer for a week. An attempt that stored nothing gives its key free at once, so that a corrected
// request may use it. Keys are kept as digests: what a client writes there may be anything.
package idempotency

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// Kept is how long an answer is given again.
	Kept = 7 * 24 * time.Hour
	// DefaultLease is how long an attempt whose process died keeps its key; a living one renews it three times in that time.
	DefaultLease = 30 * time.Second
	// callDeadline bounds each question to the database.
	callDeadline = 5 * time.Second
)

// Keys is the table of keys. All its times are the database's: replicas need not agree on theirs.
type Keys struct {
	DB *postgres.DB
	// Lease is DefaultLease when zero.
	Lease time.Duration
	// Fail is nil but in tests.
	Fail *failpoint.Set
}

// Key is a digest of who sent what under that name, so that two callers' keys never meet.
type Key uuid.UUID

// KeyOf is the key that a client of an organisation calls text.
func KeyOf(client, organisation, text string) Key {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", client, organisation, text))
	return Key(sum[:16])
}

// Answer leads to the first answer.
type Answer struct {
	// Body is the SHA-256 of the request that got it.
	Body []byte
	// Tenant and Set say where its receipt is.
	Tenant int32
	Set    uuid.UUID
}

// Begin takes the key for a new attempt, or finds the answer of an earlier one. Exactly one of the three results is not nil;
// fault.InProgress when another attempt is running.
func (k Keys) Begin(ctx context.Context, key Key) (*Attempt, *Answer, error) {
	attempt, lease := uuid.New(), k.lease()
	if err := k.Fail.Reach(ctx, failpoint.ClaimBegin); err != nil {
		return nil, nil, err
	}
	// A key whose answer is no longer kept, or whose attempt died, is as good as new.
	taken, err := k.exec(ctx, `insert into control.idempotency as i (key, attempt, until) values ($1, $2, now() + $3)
		on conflict (key) do update set attempt = excluded.attempt, until = excluded.until, body = null, tenant_id = null, submission_id = null
		where i.until < now()`, uuid.UUID(key), attempt, lease)
	if err == nil {
		err = k.Fail.Reach(ctx, failpoint.ClaimEnd)
	}
	if err != nil {
		return nil, nil, err
	}
	if taken == 1 {
		return newAttempt(ctx, k, key, attempt), nil, nil
	}
	answer, err := k.find(ctx, key)
	if answer == nil && err == nil {
		err = busy(lease)
	}
	return nil, answer, err
}

// find is the answer under the key; nil while it is running, or has just been given free.
func (k Keys) find(ctx context.Context, key Key) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	var a Answer
	err := k.DB.Control().QueryRow(ctx, `select body, tenant_id, submission_id from control.idempotency where key = $1 and body is not null`, uuid.UUID(key)).
		Scan(&a.Body, &a.Tenant, &a.Set)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, postgres.Unavailable(fmt.Errorf("idempotency: %w", err))
	}
	return &a, nil
}

// Sweep forgets keys whose time is over and returns how many.
func (k Keys) Sweep(ctx context.Context) (int64, error) {
	return k.exec(ctx, `delete from control.idempotency where until < now()`)
}

func (k Keys) exec(ctx context.Context, sql string, args ...any) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	tag, err := k.DB.Control().Exec(ctx, sql, args...)
	if err != nil {
		return 0, postgres.Unavailable(fmt.Errorf("idempotency: %w", err))
	}
	return tag.RowsAffected(), nil
}

func (k Keys) lease() time.Duration {
	if k.Lease <= 0 {
		return DefaultLease
	}
	return k.Lease
}

// busy asks to come back soon: most uploads are short, and a lease that outlived its process ends by itself.
func busy(lease time.Duration) error {
	return fault.New(fault.InProgress, "A request with this Idempotency-Key is being carried out. Send the same request again for its answer.").
		RetryIn(max(time.Second, lease/15))
}
