// Package atna is the door to the audit log (A4): IHE ITI-81, Retrieve ATNA Audit Event, in FHIR R4 by BALP, and the signed heads of the log.
//
// It promises to decode, to ask one use case, and to encode: no rule, SQL or store stands here. What is searched for is compared with the very
// AuditEvent that the caller would get, so nothing is found by what is not shown. The log takes no events from outside and changes none.
package atna

import (
	"net/http"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/inspection"
	"dokumentlager/internal/rest"

	"github.com/go-chi/chi/v5"
)

// Config is what the door is made of.
type Config struct {
	Front      *rest.Front
	Inspection *inspection.Service
	// BaseURL is the public base address without a trailing slash; all addresses in answers begin with it.
	BaseURL string
	// CursorKey is 32 bytes: it seals the cursors of paged searches.
	CursorKey []byte
	Now       func() time.Time
}

// Door answers requests. Make it with New.
type Door struct {
	Config
	cursors rest.Cursors[state]
}

// state is a search on its way from page to page.
type state struct {
	Search   inspection.Search
	Criteria criteria.Criteria
}

// New checks what only it can check: the cursor key.
func New(c Config) (*Door, error) {
	sealed, err := rest.NewCursors[state](c.CursorKey, resource, c.Now)
	return &Door{Config: c, cursors: sealed}, err
}

// resource is FHIR's name of what is here.
const resource = "AuditEvent"

// Routes puts the door's addresses on a router.
func (d *Door) Routes(r chi.Router) {
	const all, one = "/R4/fhir/AuditEvent", "/R4/fhir/AuditEvent/{id}"
	r.Post(all+"/_search", d.Front.Guarded(d.search))
	r.Get(all, d.Front.Guarded(d.searchByAddress))
	r.Get(one, d.Front.Guarded(d.read))
	r.Post(all, d.Front.Guarded(d.unchangeable(audit.Create, "GET")))
	for _, path := range []string{all, one} { // without an id they are FHIR's conditional forms
		r.Put(path, d.Front.Guarded(d.unchangeable(audit.Update, "GET")))
		r.Patch(path, d.Front.Guarded(d.unchangeable(audit.Update, "GET")))
		r.Delete(path, d.Front.Guarded(d.unchangeable(audit.Delete, "GET")))
	}
}

// unchangeable refuses to change the log, to everybody, and leaves an event of who tried.
func (d *Door) unchangeable(action audit.Action, allow string) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
		w.Header().Set("Allow", allow)
		return d.Inspection.Refuse(r.Context(), actor, action, inspection.Writing, fault.New(fault.MethodNotAllowed,
			"The audit log is written by this service alone, with each operation, and never changed: events are not taken in, altered or deleted. "+
				"They are read with GET, and searched with POST to %s/_search.", resource).By("A4"))
	}
}

// papers is everything that keeps a request from being looked at: headers, what the token lacks, and a form of answer that there is not.
func (d *Door) papers(r *http.Request, actor audit.Actor) error {
	problems := rest.CheckReading(r)
	problems.Add(d.Inspection.Papers(actor.Caller)...)
	if _, err := rest.FormOf(r); err != nil {
		problems.Add(fault.Of(err)...)
	}
	return problems.Err()
}

// from is a log as a source of events.
func (d *Door) from(l inspection.Log) Source {
	if l.Control() {
		return Source{Name: inspection.Control, Address: d.BaseURL}
	}
	return Source{HomeCommunity: l.HomeCommunity, Name: l.Name, Address: d.BaseURL}
}

// address is where one event is read.
func (d *Door) address(id string) string { return d.BaseURL + "/R4/fhir/" + resource + "/" + id }
