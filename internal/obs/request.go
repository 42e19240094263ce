package obs

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"dokumentlager/internal/fault"
)

// request is what is known of the request that a context belongs to.
type request struct {
	id     string
	mu     sync.Mutex
	notes  []slog.Attr
	known  bool
	failed bool
	busy   bool
}

type contextKey struct{}

// WithRequest makes a context for one request; every log line written with it carries the id.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, contextKey{}, &request{id: id})
}

func requestOf(ctx context.Context) *request {
	r, _ := ctx.Value(contextKey{}).(*request)
	return r
}

// RequestID is the id given to WithRequest, empty outside a request.
func RequestID(ctx context.Context) string {
	if r := requestOf(ctx); r != nil {
		return r.id
	}
	return ""
}

// Note adds to the one log line that the request ends with: its tenant or client_id, as soon as somebody knows them. A later note of the
// same key replaces the earlier one. Outside a request it does nothing.
func Note(ctx context.Context, attrs ...slog.Attr) {
	r := requestOf(ctx)
	if r == nil {
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
	r := requestOf(ctx)
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.notes)
}

// Noted is a text that was noted, empty when none was.
func Noted(ctx context.Context, key string) string {
	for _, note := range Notes(ctx) {
		if note.Key == key {
			return note.Value.String()
		}
	}
	return ""
}

// Known notes which client's request it is, when its token and proof have been verified. Lines and metrics of a request that nobody is
// known of are a stranger's: there may be any number of them, so few are written.
func Known(ctx context.Context, clientID string) {
	Note(ctx, slog.String("client_id", clientID))
	if r := requestOf(ctx); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.known = true
	}
}

// IsKnown says whether Known was called.
func IsKnown(ctx context.Context) bool { return ask(ctx, func(r *request) bool { return r.known }) }

// ask reads what a request remembers; outside one that is nothing.
func ask(ctx context.Context, what func(*request) bool) bool {
	r := requestOf(ctx)
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return what(r)
}

// Failed notes for the log why the request is refused or breaks off: code, part and cause of err's leading problem.
func Failed(ctx context.Context, err error) {
	r, lead := requestOf(ctx), fault.Of(err).Leading()
	if r == nil || lead == nil {
		return
	}
	Note(ctx, slog.String("code", string(lead.Code)), slog.String("component", string(fault.PartOf(err))))
	if cause := causeOf(err, lead); cause != "" {
		Note(ctx, slog.String("error", cause))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = r.failed || lead.Kind() >= fault.Unavailable
	r.busy = r.busy || lead.Kind() == fault.Busy
}

// causeOf is what only the log may know. Of a refused token it is our own text: the cause may be a library's, which quotes the token.
func causeOf(err error, lead *fault.Problem) string {
	if lead.Kind() == fault.Unauthenticated {
		return lead.Safe
	}
	if lead.Err != nil {
		return lead.Err.Error()
	}
	for _, p := range fault.Of(err) {
		if p.Err != nil {
			return p.Err.Error()
		}
	}
	return ""
}

// IsBusy says whether the sender was told to come back because too much is under way, with whatever status its protocol has for that.
func IsBusy(ctx context.Context) bool { return ask(ctx, func(r *request) bool { return r.busy }) }

// HasFailed says whether the request failed by us or by one of our parts, whatever status its answer began with.
func HasFailed(ctx context.Context) bool { return ask(ctx, func(r *request) bool { return r.failed }) }
