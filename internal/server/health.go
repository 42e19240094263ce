package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"dokumentlager/internal/fault"
)

// Check asks one part whether it works. Name is what strangers may read of it.
type Check struct {
	Name string
	Ask  func(context.Context) error
	// Part is where it fails, for the log; empty is fault.Self.
	Part fault.Part
	// Aside is told and decides nothing: the service is ready without it.
	Aside bool
}

// errNotConfigured is a part that this installation does without.
var errNotConfigured = errors.New("not configured")

// Health answers /healthz and /readyz.
type Health struct {
	Checks []Check
	Log    *slog.Logger
	// Deadline bounds each check; all run side by side.
	Deadline time.Duration

	draining atomic.Bool
	mu       sync.Mutex
	asked    time.Time
	parts    map[string]string
	fine     bool
	// last is parts for whoever must not wait while parts are asked.
	last atomic.Pointer[map[string]string]
}

// keep is how long an answer is given again: anybody may ask, and must not make us ask the parts as often.
const keep = 500 * time.Millisecond

// Drain makes /readyz say no from now on, so that a load balancer sends nothing more while open requests end.
func (h *Health) Drain() { h.draining.Store(true) }

func (h *Health) alive(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]string{"status": "alive"})
}

// readiness is /readyz's answer.
type readiness struct {
	Status string            `json:"status"`
	Parts  map[string]string `json:"parts"`
}

func (h *Health) ready(w http.ResponseWriter, r *http.Request) {
	parts, fine := h.Ask(r.Context())
	if fine {
		answerJSON(w, http.StatusOK, readiness{"ready", parts})
		return
	}
	w.Header().Set("Retry-After", "5")
	answerJSON(w, http.StatusServiceUnavailable, readiness{"not ready", parts})
}

// Ask asks all parts side by side. Of a part that fails it says only "fails"; the log has why.
func (h *Health) Ask(ctx context.Context) (parts map[string]string, fine bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.asked) > keep {
		h.parts, h.fine = h.ask(ctx)
		h.asked = time.Now()
		told := h.parts
		h.last.Store(&told)
	}
	if h.draining.Load() {
		return map[string]string{"service": "stopping"}, false
	}
	return h.parts, h.fine
}

// Last is what was said of a part when all were asked last; empty before the first time.
func (h *Health) Last(name string) string {
	last := h.last.Load()
	if last == nil {
		return ""
	}
	return (*last)[name]
}

func (h *Health) ask(ctx context.Context) (map[string]string, bool) {
	// The caller's hanging up must not look like a broken part to those who get the kept answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), h.Deadline)
	defer cancel()
	errs := make([]error, len(h.Checks))
	var all sync.WaitGroup
	for i, c := range h.Checks {
		all.Go(func() { errs[i] = within(ctx, c.Ask) })
	}
	all.Wait()
	parts, fine := make(map[string]string, len(errs)), true
	for i, c := range h.Checks {
		parts[c.Name] = "ok"
		if errors.Is(errs[i], errNotConfigured) {
			parts[c.Name] = errNotConfigured.Error()
			continue
		}
		if errs[i] != nil {
			parts[c.Name], fine = "fails", fine && c.Aside
		}
		h.tell(ctx, c, errs[i])
	}
	return parts, fine
}

// tell logs when a part begins to fail and when it answers again, not each time somebody asks.
func (h *Health) tell(ctx context.Context, c Check, err error) {
	failed := h.parts[c.Name] == "fails"
	log := h.Log.With("operation", "readiness", "component", string(cmp.Or(c.Part, fault.Self)))
	switch {
	case err != nil && !failed:
		log.WarnContext(ctx, "a part does not answer: "+c.Name, "error", err)
	case err == nil && failed:
		log.InfoContext(ctx, "a part answers again: "+c.Name)
	}
}

// within returns at the deadline even if the check does not look at its context.
func within(ctx context.Context, ask func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- ask(ctx) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
