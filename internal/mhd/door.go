// Package mhd is the REST door: IHE MHD (ITI-65, 67, 68) with the national service's own operations beside it (nhn.md (a), S1).
//
// It promises to decode, to ask one use case, and to encode: no rule, SQL or store stands here. Every answer that is not a document
// is FHIR; every refusal is an OperationOutcome with all problems and their FHIRPath locations (W6, R5); and every operation of
// a verified caller on documents leaves one audit event, written by the use case it asked.
package mhd

import (
	"net/http"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/incoming"
	"dokumentlager/internal/rest"
	"dokumentlager/internal/submission"

	"github.com/go-chi/chi/v5"
)

// The headers of the national service's contract that are this door's own (R2, C8).
const (
	headerPatient = "nhn-patient-nin"
	headerMasked  = "NHN-SecurityLabel-Nors-Count"
)

// Config is what the door is made of.
type Config struct {
	Front       *rest.Front
	Submissions *submission.Service
	Disclosures *disclosure.Service
	// Admission says which uploads may begin.
	Admission Admission
	// BaseURL is the public base address without a trailing slash; all addresses in answers begin with it.
	BaseURL string
	// CursorKey is 32 bytes: it seals the cursors of paged searches.
	CursorKey []byte
	// MaxRequest bounds a whole upload request in bytes.
	MaxRequest int64
	Version    string
	// Resources are what other doors have at the same FHIR base, for the statement of capabilities.
	Resources []fhir.CapabilityResource
	Now       func() time.Time
}

// Door answers requests. Make it with New.
type Door struct {
	Config
	// documents and lists are the cursors of the two kinds of search.
	documents, lists cursors
	seen             incoming.Seen
}

// New checks what only it can check: the cursor key.
func New(c Config) (*Door, error) {
	documents, err := rest.NewCursors[disclosure.Search](c.CursorKey, "DocumentReference", c.Now)
	if err != nil {
		return nil, err
	}
	lists, err := rest.NewCursors[disclosure.Search](c.CursorKey, "List", c.Now)
	return &Door{Config: c, documents: documents, lists: lists}, err
}

// Routes puts the door's addresses on a router.
func (d *Door) Routes(r chi.Router) {
	r.Get("/pingauth", d.Front.Guarded(d.pingAuth))
	r.Get("/mhd/document", d.Front.Guarded(d.retrieve))
	r.Get("/api/rest/document-status", d.Front.Guarded(d.status))
	r.Get("/R4/fhir/metadata", d.metadata)
	r.Post("/R4/fhir", d.upload(d.writing(audit.Create, "provide", d.provide)))
	r.Post("/R4/fhir/Bundle", d.upload(d.writing(audit.Create, "provide", d.provide)))
	r.Post("/R4/fhir/Bundle/$validate", d.upload(d.writing(audit.Execute, "validate", d.validate)))
	r.Post("/R4/fhir/DocumentReference/_search", d.Front.Guarded(d.search(documents)))
	r.Get("/R4/fhir/DocumentReference", d.Front.Guarded(d.reading("search", d.searchPage(documents))))
	r.Get("/R4/fhir/DocumentReference/{id}", d.Front.Guarded(d.reading("read-entry", d.readEntry)))
	r.Patch("/R4/fhir/DocumentReference/{id}", d.Front.Guarded(d.writing(audit.Update, "set-confidentiality", d.patch)))
	r.Delete("/R4/fhir/DocumentReference/{id}", d.Front.Guarded(d.writing(audit.Delete, "delete", d.delete)))
	r.Post("/R4/fhir/List/_search", d.Front.Guarded(d.search(setsAndFolders)))
	r.Get("/R4/fhir/List", d.Front.Guarded(d.reading("search-lists", d.searchPage(setsAndFolders))))
	r.Get("/R4/fhir/List/{id}", d.Front.Guarded(d.reading("read-list", d.readList)))
	r.Get("/R4/fhir/Patient/{id}", d.Front.Guarded(d.writing(audit.Read, "read-set", d.readPatient)))
}

// pingAuth tells a caller that token, proof and a reading scope are in order (R4).
func (d *Door) pingAuth(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	if !actor.Has(access.ScopeReadDocument) && !actor.Has(access.ScopeReadList) && !actor.Has(access.ScopeReadListKJ) {
		return fault.New(fault.ScopeMissing, "The token lacks the scope %s.", access.ScopeReadDocument).By("R4")
	}
	return rest.Answer(w, r, http.StatusOK, fhir.Success("Token, proof and scope are in order."))
}
