package server

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
)

// call counts, times and traces one call of a part. End is told how it went, and whether that was the part's failure.
func (p *parts) call(ctx context.Context, part fault.Part, name string) (_ context.Context, end func(err error, failed bool)) {
	counted := p.metrics.PartCall(part, name)
	ctx, traced := obs.PartCall(ctx, part, name)
	return ctx, func(err error, failed bool) {
		counted(failed)
		if failed {
			traced(fault.FromPart(part, err))
			return
		}
		traced(nil)
	}
}

// observedStore is a store whose calls are counted, timed and traced.
type observedStore struct {
	blob.Store
	call func(ctx context.Context, part fault.Part, name string) (context.Context, func(error, bool))
}

// storeFailed tells the store's failures from its answers, and from callers who left.
func storeFailed(ctx context.Context, err error) bool {
	return partFailed(ctx, err) && !errors.Is(err, blob.ErrNotFound) && !errors.Is(err, blob.ErrRange) && !errors.Is(err, blob.ErrKey)
}

// partFailed: an error after the caller left says nothing of the part.
func partFailed(ctx context.Context, err error) bool {
	return err != nil && !errors.Is(ctx.Err(), context.Canceled)
}

func (s observedStore) observe(ctx context.Context, name string, do func(context.Context) error) error {
	ctx, end := s.call(ctx, fault.ObjectStore, name)
	err := do(ctx)
	end(err, storeFailed(ctx, err))
	return err
}

// Put implements blob.Store.
func (s observedStore) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, sha256 []byte) error {
	return s.observe(ctx, "put", func(ctx context.Context) error { return s.Store.Put(ctx, key, body, size, sha256) })
}

// Open implements blob.Store; its time ends when the bytes are closed.
func (s observedStore) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	ctx, end := s.call(ctx, fault.ObjectStore, "open")
	body, err := s.Store.Open(ctx, key, offset, length)
	if err != nil {
		end(err, storeFailed(ctx, err))
		return nil, err
	}
	return &observedBody{ReadCloser: body, ctx: ctx, end: end}, nil
}

// Stat implements blob.Store.
func (s observedStore) Stat(ctx context.Context, key string) (info blob.Info, err error) {
	err = s.observe(ctx, "stat", func(ctx context.Context) error { info, err = s.Store.Stat(ctx, key); return err })
	return info, err
}

// Remove implements blob.Store.
func (s observedStore) Remove(ctx context.Context, key string) error {
	return s.observe(ctx, "remove", func(ctx context.Context) error { return s.Store.Remove(ctx, key) })
}

// List implements blob.Store; what fn says is no failure of the store.
func (s observedStore) List(ctx context.Context, prefix string, fn func(blob.Info) error) error {
	var told error
	ctx, end := s.call(ctx, fault.ObjectStore, "list")
	err := s.Store.List(ctx, prefix, func(i blob.Info) error { told = fn(i); return told })
	end(err, told == nil && storeFailed(ctx, err))
	return err
}

// Folders implements blob.Store, as List does.
func (s observedStore) Folders(ctx context.Context, prefix string, fn func(string) error) error {
	var told error
	ctx, end := s.call(ctx, fault.ObjectStore, "folders")
	err := s.Store.Folders(ctx, prefix, func(name string) error { told = fn(name); return told })
	end(err, told == nil && storeFailed(ctx, err))
	return err
}

// observedBody is an object on its way.
type observedBody struct {
	io.ReadCloser
	ctx    context.Context
	end    func(error, bool)
	once   sync.Once
	failed atomic.Pointer[error]
}

// Read remembers how reading failed.
func (b *observedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		b.failed.Store(&err)
	}
	return n, err
}

// Close ends the call. It can be called again.
func (b *observedBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(func() {
		var failed error
		if at := b.failed.Load(); at != nil {
			failed = *at
		}
		b.end(failed, storeFailed(b.ctx, failed))
	})
	return err
}

// observedHTTP is a way to a part that speaks HTTP. Of the request only that there was one is told: its address and body are of a person.
type observedHTTP struct {
	http.RoundTripper
	part fault.Part
	call func(ctx context.Context, part fault.Part, name string) (context.Context, func(error, bool))
}

var errPartStatus = errors.New("the part answered that it cannot")

// RoundTrip implements http.RoundTripper.
func (o observedHTTP) RoundTrip(r *http.Request) (*http.Response, error) {
	ctx, end := o.call(r.Context(), o.part, "http")
	res, err := o.RoundTripper.RoundTrip(r.WithContext(ctx))
	switch {
	case err != nil:
		end(err, partFailed(ctx, err))
	case res.StatusCode >= http.StatusInternalServerError:
		end(errPartStatus, true)
	default:
		end(nil, false)
	}
	return res, err
}

// client is an HTTP client for a part.
func (p *parts) client(part fault.Part) *http.Client {
	return &http.Client{Transport: observedHTTP{http.DefaultTransport, part, p.call}}
}
