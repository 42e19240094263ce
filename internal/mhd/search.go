package mhd

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/registry"
)

// maxForm bounds a search's body in bytes.
const maxForm = 64 << 10

// searching is one kind of search: all are made, refused, paged and told in the same way.
type searching struct {
	// resource is what is searched for, operation the audit event's name of it.
	resource, operation string
	parse               func(form url.Values, strict bool) (disclosure.Search, fault.Problems, error)
	find                func(*Door, context.Context, disclosure.Reader, disclosure.Search) (found, error)
	// cursors seals pages of this kind: one kind's page is not another's.
	cursors func(*Door) cursors
}

// found is one page as it leaves.
type found struct {
	entries  []fhir.BundleEntry
	next     *registry.Position
	total    *int
	nors     int
	warnings fault.Problems
}

// documents is ITI-67.
var documents = searching{"DocumentReference", "search", parseSearch, (*Door).findDocuments, func(d *Door) cursors { return d.cursors }}

func (d *Door) findDocuments(ctx context.Context, reader disclosure.Reader, q disclosure.Search) (found, error) {
	page, err := d.Disclosures.List(ctx, reader, q)
	out := found{next: page.Next, total: page.Total, nors: page.NORS, warnings: page.Warnings}
	for _, item := range page.Items {
		out.entries = append(out.entries, fhir.BundleEntry{FullURL: d.resourceURL("DocumentReference", item.Entry.ID),
			Resource: fhir.Hold(d.reference(item)), Search: &fhir.BundleSearch{Mode: "match"}})
	}
	return out, err
}

// search is a search by POST: patient identifiers stand in the body, never in an address (R1).
func (d *Door) search(of searching) handler {
	return func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
		reader, err := d.reader(r, actor)
		if err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, err)
		}
		if err := readForm(w, r); err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, err)
		}
		q, warnings, err := of.parse(r.PostForm, strings.Contains(r.Header.Get("Prefer"), "handling=strict"))
		if err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, err)
		}
		return d.page(w, r, of, reader, q, warnings)
	}
}

func readForm(w http.ResponseWriter, r *http.Request) error {
	if err := wantMedia(r, "application/x-www-form-urlencoded"); err != nil {
		return err
	}
	if !onlyFormat(r.URL) {
		return fault.New(fault.BadRequest, "Search parameters are sent in the body: an address ends up in logs, and patient identifiers must not.").At("http.query").By("R1")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return fault.New(fault.MalformedBody, "The form cannot be read; it may have 64 KiB and must be urlencoded.").Because(err)
	}
	_, err := formOf(r) // here, because _format may stand in the body
	return err
}

// searchPage follows a next link; every other GET of the collection is refused (R1).
func (d *Door) searchPage(of searching) handler {
	return func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
		query := r.URL.Query()
		query.Del(paramFormat)
		if len(query) != 1 || !query.Has("_cursor") {
			w.Header().Set("Allow", http.MethodPost)
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, fault.New(fault.MethodNotAllowed,
				"Search with POST to %s/_search and the parameters in the body: an address ends up in logs, and patient identifiers must not.", of.resource).By("R1"))
		}
		reader, err := d.reader(r, actor)
		if err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, err)
		}
		q, err := of.cursors(d).open(query.Get("_cursor"), actor.Caller)
		if err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, err)
		}
		return d.page(w, r, of, reader, q, nil)
	}
}

// page asks for one page and writes it.
func (d *Door) page(w http.ResponseWriter, r *http.Request, of searching, reader disclosure.Reader, q disclosure.Search, warnings fault.Problems) error {
	page, err := of.find(d, r.Context(), reader, q)
	if err != nil {
		return err
	}
	here := d.BaseURL + "/R4/fhir/" + of.resource
	out := &fhir.Bundle{Type: fhir.SearchSet, Link: []fhir.BundleLink{{Relation: "self", URL: here + "/_search"}}, Total: page.total, Entry: page.entries}
	if page.total == nil {
		out.NoTotal = fhir.AbsentBecause("unknown") // Bundle.total is required by MHD's answers to a search
	}
	if page.next != nil {
		q.After, q.Total = page.next, page.total
		next, err := of.cursors(d).seal(q, reader.Caller)
		if err != nil {
			return err
		}
		out.Link = append(out.Link, fhir.BundleLink{Relation: "next", URL: here + "?_cursor=" + next + keptFormat(r)})
	}
	if warnings = append(warnings, page.warnings...); len(warnings) > 0 {
		out.Entry = append(out.Entry, outcomeEntry(warnings))
	}
	w.Header().Set(headerMasked, strconv.Itoa(page.nors))
	return d.answer(w, r, http.StatusOK, out)
}
