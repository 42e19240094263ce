package mhd

import (
	"net/http"
	"strconv"
	"strings"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
)

// maxForm bounds a search's body in bytes.
const maxForm = 64 << 10

// search is ITI-67 by POST: patient identifiers stand in the body, never in an address (R1).
func (d *Door) search(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	reader, err := d.reader(r, actor)
	if err != nil {
		return d.Disclosures.Refuse(r.Context(), actor, "search", err)
	}
	if err := wantMedia(r, "application/x-www-form-urlencoded"); err != nil {
		return d.Disclosures.Refuse(r.Context(), actor, "search", err)
	}
	if r.URL.RawQuery != "" {
		return d.Disclosures.Refuse(r.Context(), actor, "search", fault.New(fault.BadRequest,
			"Search parameters are sent in the body: an address ends up in logs, and patient identifiers must not.").At("http.query").By("R1"))
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return d.Disclosures.Refuse(r.Context(), actor, "search", fault.New(fault.MalformedBody, "The form cannot be read; it may have 64 KiB and must be urlencoded.").Because(err))
	}
	q, warnings, err := parseSearch(r.PostForm, strings.Contains(r.Header.Get("Prefer"), "handling=strict"))
	if err != nil {
		return d.Disclosures.Refuse(r.Context(), actor, "search", err)
	}
	return d.page(w, r, reader, q, warnings)
}

// searchPage follows a next link; every other GET of the collection is refused (R1).
func (d *Door) searchPage(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	query := r.URL.Query()
	if len(query) != 1 || !query.Has("_cursor") {
		w.Header().Set("Allow", http.MethodPost)
		return d.Disclosures.Refuse(r.Context(), actor, "search", fault.New(fault.MethodNotAllowed,
			"Search with POST to DocumentReference/_search and the parameters in the body: an address ends up in logs, and patient identifiers must not.").By("R1"))
	}
	reader, err := d.reader(r, actor)
	if err != nil {
		return d.Disclosures.Refuse(r.Context(), actor, "search", err)
	}
	q, err := d.cursors.open(query.Get("_cursor"), actor.Caller)
	if err != nil {
		return d.Disclosures.Refuse(r.Context(), actor, "search", err)
	}
	return d.page(w, r, reader, q, nil)
}

// reader is the caller with the legal basis of a list (C6).
func (d *Door) reader(r *http.Request, actor audit.Actor) (disclosure.Reader, error) {
	scope, problem := access.ScopeForList(actor.Caller)
	if problem != nil {
		return disclosure.Reader{}, problem
	}
	basis, problem := access.BasisFor(scope, r.Header.Get(access.HeaderAccessBasis))
	if problem != nil {
		return disclosure.Reader{}, problem
	}
	return disclosure.Reader{Actor: actor, Basis: basis}, nil
}

// page asks for one page and writes it.
func (d *Door) page(w http.ResponseWriter, r *http.Request, reader disclosure.Reader, q disclosure.Search, warnings fault.Problems) error {
	page, err := d.Disclosures.List(r.Context(), reader, q)
	if err != nil {
		return err
	}
	first := q.After == nil
	here := d.BaseURL + "/R4/fhir/DocumentReference"
	out := &fhir.Bundle{Type: fhir.SearchSet, Link: []fhir.BundleLink{{Relation: "self", URL: here + "/_search"}}}
	if page.Next != nil {
		q.After = page.Next
		next, err := d.cursors.seal(q, reader.Caller)
		if err != nil {
			return err
		}
		out.Link = append(out.Link, fhir.BundleLink{Relation: "next", URL: here + "?_cursor=" + next})
	}
	if total := len(page.Items); first && page.Next == nil && len(page.Warnings) == 0 {
		out.Total = &total
	}
	for _, item := range page.Items {
		out.Entry = append(out.Entry, fhir.BundleEntry{FullURL: d.resourceURL("DocumentReference", item.Entry.ID),
			Resource: fhir.Hold(d.reference(item)), Search: &fhir.BundleSearch{Mode: "match"}})
	}
	if warnings = append(warnings, page.Warnings...); len(warnings) > 0 {
		out.Entry = append(out.Entry, fhir.BundleEntry{Resource: fhir.Hold(fhir.Outcome(warnings)), Search: &fhir.BundleSearch{Mode: "outcome"}})
	}
	w.Header().Set(headerMasked, strconv.Itoa(page.NORS))
	return d.answer(w, http.StatusOK, out)
}
