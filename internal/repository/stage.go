package repository

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/postgres"
)

// staged is an object that is being put, or was, while its document is still judged.
type staged struct {
	schema postgres.Schema
	object Object
	// done is closed when err is final; cancel breaks the put off.
	done   chan struct{}
	cancel context.CancelFunc
	err    error
}

// putEnds is how long a put that nobody wants any more may go on. One that is broken off may still be finished by the store, after its
// object was removed; few take so long.
const putEnds = 3 * time.Second

// Stage begins to put the document into the store while the scanner still looks at it: both take long, and neither waits for the other.
// Nothing is published by that, since no row names the object: Keep takes it over when the document is clean, and Unstage or
// Discard remove it otherwise; if the process dies in between, the sweeper does. To be called after Close, when nothing else
// speaks against the document; a reception that was refused, or staged before, stays as it is.
func (r *Reception) Stage(s postgres.Schema) {
	if !r.closed || r.refusal != nil || r.staged != nil || r.ctx.Err() != nil {
		return
	}
	o := Object{Key: r.repo.cfg.NewKey(), Size: r.facts.Size, SHA256: r.facts.SHA256, Received: r.facts.Received}
	ctx, cancel := context.WithCancel(context.WithoutCancel(r.ctx))
	st := &staged{schema: s, object: o, done: make(chan struct{}), cancel: cancel}
	r.staged = st
	go func() {
		defer close(st.done)
		defer cancel()
		defer func() {
			if p := recover(); p != nil { // no HTTP server's recover stands above this goroutine
				st.err = fmt.Errorf("repository: panic of type %T while storing a document", p)
			}
		}()
		if st.err = r.repo.cfg.Fail.Reach(ctx, failpoint.PutBegin); st.err == nil {
			st.err = r.repo.cfg.Blobs.Put(ctx, storeKey(documents, s, o.Key), r.content.reader(), o.Size, o.SHA256)
		}
		if st.err == nil {
			st.err = r.repo.cfg.Fail.Reach(ctx, failpoint.PutEnd)
		}
	}()
}

// Unstage takes back what Stage put, and waits until nothing is on its way any more. It removes also what a failed put may have left:
// the store's answer can be lost.
func (r *Reception) Unstage(ctx context.Context) error {
	st := r.staged
	if st == nil {
		return nil
	}
	select {
	case <-st.done:
	case <-time.After(putEnds):
		st.cancel()
		<-st.done
	}
	r.staged = nil
	return r.repo.Forget(ctx, st.schema, st.object.Key)
}

// take is the staged object once it is there; from then on it is the caller's to register or forget.
func (r *Reception) take(ctx context.Context) (Object, error) {
	st := r.staged
	if st == nil {
		return Object{}, errNotOpen
	}
	select {
	case <-st.done:
	case <-ctx.Done():
		return Object{}, storeUnavailable(context.Cause(ctx))
	}
	if st.err != nil {
		return Object{}, storeUnavailable(errors.Join(st.err, r.Unstage(ctx)))
	}
	r.staged = nil
	o := st.object
	o.Scanned = r.facts.Scanned
	return o, nil
}
