// Package helsenorge is the JSON door of Helsenorge, which shows citizens who looked at their documents (A2, docs/helsenorge.md).
//
// It promises to decode, to ask package innsyn, and to encode: no rule stands here. A patient's number comes in a body and leaves in one, never
// in an address or a cursor. Refusals are OperationOutcomes as everywhere else, with all problems at once (W6); every question of a verified
// caller leaves an audit event, but pulls of the feed that gave nothing.
package helsenorge

import (
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/innsyn"
	"dokumentlager/internal/rest"

	"github.com/go-chi/chi/v5"
	"github.com/go-json-experiment/json"
)

// Config is what the door is made of.
type Config struct {
	// Front lets verified callers through.
	Front *rest.Front
	Looks *innsyn.Service
	// CursorKey is 32 bytes: it seals the cursors of pages.
	CursorKey []byte
	Now       func() time.Time
}

// Door answers requests. Make it with New.
type Door struct {
	Config
	cursors cursors
}

// New checks what only it can check: the cursor key.
func New(c Config) (*Door, error) {
	sealed, err := rest.NewCursors[uuid.UUID](c.CursorKey, "lookups", c.Now)
	return &Door{c, cursors{sealed}}, err
}

// Routes puts the door's addresses on a router.
func (d *Door) Routes(r chi.Router) {
	r.Post("/helsenorge/v1/lookups/_search", d.Front.Guarded(d.lookups))
	r.Get("/helsenorge/v1/feed", d.Front.Guarded(d.feed))
}

// may is what is asked before anything of a request is read: the caller's papers and headers (R3), all told at once.
func (d *Door) may(r *http.Request, actor audit.Actor) fault.Problems {
	problems := rest.CheckReading(r)
	problems.Add(fault.Of(d.Looks.Admit(actor.Caller))...)
	return problems
}

// lookups is one page of one patient's lookups.
func (d *Door) lookups(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	problems := d.may(r, actor)
	if problems.Refuses() {
		return d.Looks.Refuse(r.Context(), actor, innsyn.OperationLookups, problems)
	}
	asked, err := readQuestion(w, r)
	if err != nil {
		return d.Looks.Refuse(r.Context(), actor, innsyn.OperationLookups, err)
	}
	q := innsyn.Query{Patient: asked.patient, Before: uuid.Max, Limit: asked.limit}
	if asked.cursor != "" {
		if q.Before, err = d.cursors.open(asked.cursor, actor.Caller, q.Patient); err != nil {
			return d.Looks.Refuse(r.Context(), actor, innsyn.OperationLookups, err)
		}
	}
	found, err := d.Looks.Lookups(r.Context(), actor, q)
	if err != nil {
		return err
	}
	next, err := d.next(found, actor, q)
	if err != nil {
		return err
	}
	return answer(w, pageOf(found, next))
}

// next is the cursor of the following page, empty on the last.
func (d *Door) next(found innsyn.Page, actor audit.Actor, q innsyn.Query) (string, error) {
	if found.Last() {
		return "", nil
	}
	return d.cursors.Seal(found.Next, owner(actor.Caller, q.Patient)...)
}

// feed is what follows a cursor.
func (d *Door) feed(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	problems := d.may(r, actor)
	from, limit, err := readPull(r.URL.RawQuery)
	problems.Add(fault.Of(err)...)
	if problems.Refuses() {
		return d.Looks.Refuse(r.Context(), actor, innsyn.OperationFeed, problems)
	}
	pull, err := d.Looks.Feed(r.Context(), actor, from, limit)
	if err != nil {
		return err
	}
	return answer(w, feedOf(pull))
}

// answer writes JSON. Nobody on the way keeps it.
func answer(w http.ResponseWriter, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(body) // the client may have gone; everything is committed already
	return nil
}
