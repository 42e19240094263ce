package atna

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	doors "dokumentlager/internal/rest"

	"github.com/go-chi/chi/v5"
)

// HeadSource is where signed heads are: audit.Log.
type HeadSource interface {
	SignedHeads(ctx context.Context, after int32, limit int) ([]audit.SignedHead, error)
	DayHeads(ctx context.Context, day string, after int32, limit int) ([]audit.SignedHead, error)
}

// Heads publishes the signed heads of the audit log to everybody, so that others can keep them (docs/audit-seal.md). They name home
// communities and counts, and nobody. Strangers ask here: one question at a time goes to the database, and its answer serves all who ask
// for the same in the next seconds.
type Heads struct {
	Source HeadSource
	// Keys are the public keys that verify the heads, the newest first.
	Keys []string
	Now  func() time.Time

	once  sync.Once
	turn  chan struct{}
	mu    sync.Mutex
	pages map[string]headPage
}

type headPage struct {
	body string
	next int32
	at   time.Time
}

const (
	// headsOnPage is how many heads are answered at once, each some 400 bytes.
	headsOnPage = 500
	// pageLife is how long a page is used again, pagesKept how many are.
	pageLife, pagesKept = 5 * time.Second, 100
	// headsDeadline bounds waiting for one's turn and asking.
	headsDeadline = 5 * time.Second
)

// Routes adds the addresses, which take no token.
func (h *Heads) Routes(r chi.Router) {
	for path, answer := range map[string]http.HandlerFunc{"/audit/heads": h.newest, "/audit/heads/{day}": h.ofDay, "/audit/key": h.key} {
		r.Get(path, answer)
		r.Head(path, answer)
	}
}

func (h *Heads) key(w http.ResponseWriter, _ *http.Request) {
	answerText(w, time.Hour, strings.Join(h.Keys, "\n")+"\n")
}

func (h *Heads) newest(w http.ResponseWriter, r *http.Request) {
	h.answer(w, r, "", pageLife, h.Source.SignedHeads)
}

func (h *Heads) ofDay(w http.ResponseWriter, r *http.Request) {
	day := chi.URLParam(r, "day")
	if _, err := time.Parse(time.DateOnly, day); err != nil || day < "1900" {
		doors.Refuse(w, r, fault.New(fault.BadRequest, "A day is written as 2026-11-21."))
		return
	}
	h.answer(w, r, day, 5*time.Minute, func(ctx context.Context, after int32, limit int) ([]audit.SignedHead, error) {
		return h.Source.DayHeads(ctx, day, after, limit)
	})
}

// answer writes a page of heads; the header Link names the next.
func (h *Heads) answer(w http.ResponseWriter, r *http.Request, what string, life time.Duration, ask func(context.Context, int32, int) ([]audit.SignedHead, error)) {
	after, err := afterOf(r)
	if err != nil {
		doors.Refuse(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), headsDeadline)
	defer cancel()
	page, err := h.page(ctx, fmt.Sprint(what, "/", after), func() ([]audit.SignedHead, error) { return ask(ctx, after, headsOnPage) })
	switch {
	case err != nil:
		doors.Refuse(w, r, err)
		return
	case page.body == "" && what != "" && after < 0:
		doors.Refuse(w, r, fault.New(fault.ResourceNotFound, "No heads were signed for this day. They are signed when it is over, in Norway."))
		return
	}
	if page.next >= 0 {
		w.Header().Set("Link", fmt.Sprintf(`<?after=%d>; rel="next"`, page.next))
	}
	answerText(w, life, page.body)
}

// afterOf is the number that the page goes on behind; -1 for the first page.
func afterOf(r *http.Request) (int32, error) {
	query := r.URL.Query()
	if !query.Has("after") {
		return -1, nil
	}
	after, err := strconv.ParseInt(query.Get("after"), 10, 32)
	if err != nil || after < 0 {
		return 0, fault.New(fault.BadRequest, "after is a number that the header Link of an earlier page gave.")
	}
	return int32(after), nil
}

// page is one from before, or asks when it is its turn.
func (h *Heads) page(ctx context.Context, name string, ask func() ([]audit.SignedHead, error)) (headPage, error) {
	h.once.Do(func() { h.turn, h.pages = make(chan struct{}, 1), map[string]headPage{} })
	if page, found := h.recent(name); found {
		return page, nil
	}
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return headPage{}, fault.New(fault.PartUnavailable, "Too many ask for heads now. Ask again.").RetryIn(headsDeadline)
	}
	if page, found := h.recent(name); found {
		return page, nil
	}
	heads, err := ask()
	if err != nil {
		return headPage{}, err
	}
	page := headPage{next: -1, at: h.Now()}
	notes := make([]string, len(heads))
	for i, head := range heads {
		notes[i] = head.Note
	}
	page.body = strings.Join(notes, "\n")
	if len(heads) == headsOnPage {
		page.next = heads[len(heads)-1].TenantID
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.pages) >= pagesKept {
		clear(h.pages)
	}
	h.pages[name] = page
	return page, nil
}

func (h *Heads) recent(name string) (headPage, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	page, found := h.pages[name]
	return page, found && h.Now().Sub(page.at) < pageLife
}

func answerText(w http.ResponseWriter, life time.Duration, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(life.Seconds())))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write([]byte(body)) // the client may have gone
}
