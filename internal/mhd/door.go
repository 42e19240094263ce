// Package mhd is the REST door: IHE MHD (ITI-65, 67, 68) with the national service's own operations beside it (nhn.md (a), S1).
//
// It promises to decode, to ask one use case, and to encode: no rule, SQL or store stands here. Every answer that is not a document
// is FHIR; every refusal is an OperationOutcome with all problems and their FHIRPath locations (W6, R5); and every operation of
// a verified caller on documents leaves one audit event, written by the use case it asked.
package mhd

import (
	"log/slog"
	"net/http"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/admission"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/submission"

	"github.com/go-chi/chi/v5"
)

// The headers of the national service's contract (R1, R2, R3, C8).
const (
	headerSourceSystem = "nhn-source-system"
	headerPatient      = "nhn-patient-nin"
	headerMasked       = "NHN-SecurityLabel-Nors-Count"
)

// HeaderEventID is where a caller puts its own id of a request (R3).
const HeaderEventID = "nhn-event-id"

// Config is what the door is made of.
type Config struct {
	Verifier    *helseid.Verifier
	Submissions *submission.Service
	Disclosures *disclosure.Service
	// Admission says what may begin.
	Admission Admission
	// BaseURL is the public base address without a trailing slash; all addresses in answers begin with it.
	BaseURL string
	// CursorKey is 32 bytes: it seals the cursors of paged searches.
	CursorKey []byte
	// MaxRequest bounds a whole upload request in bytes.
	MaxRequest int64
	Version    string
	Log        *slog.Logger
	Now        func() time.Time
}

// Door answers requests. Make it with New.
type Door struct {
	Config
	cursors cursors
	// lists are the cursors of searches for submission sets and folders.
	lists cursors
	// unread has an element for each refused body that is still read.
	unread chan struct{}
	seen   seenCallers
}

// New checks what only it can check: the cursor key.
func New(c Config) (*Door, error) {
	sealed, err := newCursors(c.CursorKey, c.Now)
	if err != nil {
		return nil, err
	}
	lists, err := newCursors(forLists(c.CursorKey), c.Now)
	return &Door{Config: c, cursors: sealed, lists: lists, unread: make(chan struct{}, unreadMost)}, err
}

// Routes puts the door's addresses on a router.
func (d *Door) Routes(r chi.Router) {
	r.Get("/pingauth", d.guarded(d.pingAuth))
	r.Get("/mhd/document", d.guarded(d.retrieve))
	r.Get("/api/rest/document-status", d.guarded(d.status))
	r.Get("/R4/fhir/metadata", d.metadata)
	r.Post("/R4/fhir", d.upload(d.writing(audit.Create, "provide", d.provide)))
	r.Post("/R4/fhir/Bundle", d.upload(d.writing(audit.Create, "provide", d.provide)))
	r.Post("/R4/fhir/Bundle/$validate", d.upload(d.writing(audit.Execute, "validate", d.validate)))
	r.Post("/R4/fhir/DocumentReference/_search", d.guarded(d.search(documents)))
	r.Get("/R4/fhir/DocumentReference", d.guarded(d.reading("search", d.searchPage(documents))))
	r.Get("/R4/fhir/DocumentReference/{id}", d.guarded(d.reading("read-entry", d.readEntry)))
	r.Patch("/R4/fhir/DocumentReference/{id}", d.guarded(d.writing(audit.Update, "set-confidentiality", d.patch)))
	r.Delete("/R4/fhir/DocumentReference/{id}", d.guarded(d.writing(audit.Delete, "delete", d.delete)))
	r.Post("/R4/fhir/List/_search", d.guarded(d.search(setsAndFolders)))
	r.Get("/R4/fhir/List", d.guarded(d.reading("search-lists", d.searchPage(setsAndFolders))))
	r.Get("/R4/fhir/List/{id}", d.guarded(d.reading("read-list", d.readList)))
	r.Get("/R4/fhir/Patient/{id}", d.guarded(d.writing(audit.Read, "read-set", d.readPatient)))
}

// handler is one operation of a verified caller.
type handler func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error

// guarded lets only verified callers through (W1). Unauthenticated requests leave no audit event, only the server's log line:
// nobody is known who could have done something.
func (d *Door) guarded(h handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		caller, err := d.Verifier.Verify(r.Context(), r)
		if err != nil {
			if fault.KindOf(err) == fault.Unauthenticated {
				w.Header().Set("WWW-Authenticate", helseid.Challenge(err))
			}
			d.refuse(w, r, err)
			return
		}
		actor := actorOf(r, caller)
		done, err := d.Admission.Request(organisationOf(actor))
		if err != nil {
			d.refuseUnread(w, r, actor.ClientID, err)
			return
		}
		defer done()
		r = r.WithContext(admission.WithOrganisation(r.Context(), organisationOf(actor)))
		if err := h(w, r, actor); err != nil {
			d.refuse(w, r, err)
		}
	}
}

// pingAuth tells a caller that token, proof and a reading scope are in order (R4).
func (d *Door) pingAuth(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	if !actor.Has(access.ScopeReadDocument) && !actor.Has(access.ScopeReadList) && !actor.Has(access.ScopeReadListKJ) {
		return fault.New(fault.ScopeMissing, "The token lacks the scope %s.", access.ScopeReadDocument).By("R4")
	}
	return d.answer(w, r, http.StatusOK, fhir.Success("Token, proof and scope are in order."))
}
