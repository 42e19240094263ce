package obs

import (
	"context"
	"log/slog"
	"slices"
	"sync"
)

// request is what is known of the request that a context belongs to.
type request struct {
	id    string
	mu    sync.Mutex
	notes []slog.Attr
}

type contextKey struct{}

// WithRequest makes a context for one request; every log line written with it carries the id.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, contextKey{}, &request{id: id})
}

// RequestID is the id given to WithRequest, empty outside a request.
func RequestID(ctx context.Context) string {
	if r, ok := ctx.Value(contextKey{}).(*request); ok {
		return r.id
	}
	return ""
}

// Note adds to the one log line that the request ends with: its operation, tenant, client_id or code, as soon as somebody knows
// them. A later note of the same key replaces the earlier one. Outside a request it does nothing.
func Note(ctx context.Context, attrs ...slog.Attr) {
	r, ok := ctx.Value(contextKey{}).(*request)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range attrs {
		if i := slices.IndexFunc(r.notes, func(old slog.Attr) bool { return old.Key == a.Key }); i >= 0 {
			r.notes[i] = a
			continue
		}
		r.notes = append(r.notes, a)
	}
}

// Notes are the request's notes so far.
func Notes(ctx context.Context) []slog.Attr {
	r, ok := ctx.Value(contextKey{}).(*request)
	if !ok {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notes)
}
