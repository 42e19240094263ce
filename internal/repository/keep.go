package repository

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

// Object is where a document's bytes are and what they must be.
type Object struct {
	// Key is random. The store's key is made of it, the tenant's schema and the area.
	Key uuid.UUID
	// Size is in bytes.
	Size   int64
	SHA256 []byte
	// Received is when the last byte had come, Scanned when the scanner had spoken of all of it; zero for an object of long ago.
	Received, Scanned time.Time
}

// area is the first part of a store's key. What is in quarantine stands apart, so that nothing that opens documents can reach it
// (F4) and the store's own rules can differ (lifetime, who may read).
type area string

const (
	documents  area = "d"
	quarantine area = "q"
)

func storeKey(a area, s postgres.Schema, key uuid.UUID) string {
	return string(a) + "/" + s.Name + "/" + key.String()
}

// Keep puts a clean document into the store, or takes over what was staged there. It is not registered by that: Record its row in the
// transaction that registers it, or Forget it when that fails.
func (r *Repository) Keep(ctx context.Context, s postgres.Schema, in *Reception) (Object, error) {
	facts, err := in.Facts(ctx)
	if err != nil {
		return Object{}, err
	}
	if facts.Infected {
		return Object{}, errors.New("repository: an infected document must not be kept (F4)")
	}
	if in.staged == nil {
		in.Stage(s)
	}
	return in.take(ctx)
}

// Quarantine puts an infected document where nobody can open it (F4).
func (r *Repository) Quarantine(ctx context.Context, s postgres.Schema, in *Reception) (Object, error) {
	facts, err := in.Facts(ctx)
	if err != nil {
		return Object{}, err
	}
	if !facts.Infected {
		return Object{}, errors.New("repository: only infected documents go to quarantine (F4)")
	}
	_ = in.Unstage(ctx) // what stays for want of a store, the sweeper removes
	o := Object{Key: r.cfg.NewKey(), Size: facts.Size, SHA256: facts.SHA256, Received: facts.Received, Scanned: facts.Scanned}
	if err = r.cfg.Fail.Reach(ctx, failpoint.QuarantineBegin); err == nil {
		err = r.cfg.Blobs.Put(ctx, storeKey(quarantine, s, o.Key), in.content.reader(), o.Size, o.SHA256)
	}
	if err == nil {
		err = r.cfg.Fail.Reach(ctx, failpoint.QuarantinePut)
	}
	if err != nil {
		// It may be there all the same: the answer was lost, say.
		return Object{}, storeUnavailable(errors.Join(err, r.Forget(ctx, s, o.Key)))
	}
	return o, nil
}

// Forget removes objects that were put for a transaction that was rolled back. It also works after ctx has ended, and takes 10 s
// at most; its error is for the log, since the sweeper removes what no row names.
//
// It must not be called when a commit's outcome is unknown (the connection broke while committing): the document may be
// acknowledged to a retry. The sweeper, which looks for the row first, is for that case.
func (r *Repository) Forget(ctx context.Context, s postgres.Schema, keys ...uuid.UUID) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := r.cfg.Fail.Reach(ctx, failpoint.UndoBegin); err != nil {
		return err
	}
	var errs []error
	for _, key := range keys {
		errs = append(errs, r.Remove(ctx, s, key))
	}
	return errors.Join(errors.Join(errs...), r.cfg.Fail.Reach(ctx, failpoint.UndoEnd))
}

// Remove deletes the bytes of a document, in quarantine or not; nil when there are none. Only for objects that MarkRemoval has marked
// or that have no row.
func (r *Repository) Remove(ctx context.Context, s postgres.Schema, key uuid.UUID) error {
	for _, a := range []area{documents, quarantine} {
		if err := r.cfg.Blobs.Remove(ctx, storeKey(a, s, key)); err != nil {
			return storeUnavailable(fmt.Errorf("removing: %w", err))
		}
		if err := r.cfg.Fail.Reach(ctx, failpoint.RemoveArea); err != nil {
			return storeUnavailable(err)
		}
	}
	return nil
}

// damaged is the refusal of bytes that are not those that were registered; cause says how, for the log.
func damaged(cause error) error {
	return fault.New(fault.StoredBytesDamaged, "The stored document is damaged, so it cannot be shown. The error has been logged; give the request id to support.").
		From(fault.ObjectStore).Because(cause)
}

// unreadable tells a document that is gone, which is damage, from a store that does not answer.
func unreadable(err error) error {
	if errors.Is(err, blob.ErrNotFound) || errors.Is(err, blob.ErrRange) {
		return damaged(err)
	}
	return storeUnavailable(err)
}
