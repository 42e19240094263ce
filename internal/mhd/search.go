package mhd

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/rest"
)

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
var documents = searching{"DocumentReference", "search", parseSearch, (*Door).findDocuments, func(d *Door) cursors { return d.documents }}

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
func (d *Door) search(of searching) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
		reader, err := d.reader(r, actor)
		if err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, err)
		}
		if err := rest.ReadForm(w, r); err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, err)
		}
		q, warnings, err := of.parse(r.PostForm, rest.Strict(r))
		if err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, err)
		}
		return d.page(w, r, of, reader, q, warnings)
	}
}

// searchPage follows a next link; every other GET of the collection is refused (R1).
func (d *Door) searchPage(of searching) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
		cursor, following := rest.PageOf(r.URL)
		if !following {
			w.Header().Set("Allow", http.MethodPost)
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, fault.New(fault.MethodNotAllowed,
				"Search with POST to %s/_search and the parameters in the body: an address ends up in logs, and patient identifiers must not.", of.resource).By("R1"))
		}
		reader, err := d.reader(r, actor)
		if err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, of.operation, err)
		}
		q, err := of.cursors(d).Open(cursor, owner(actor.Caller)...)
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
		next, err := of.cursors(d).Seal(q, owner(reader.Caller)...)
		if err != nil {
			return err
		}
		out.Link = append(out.Link, fhir.BundleLink{Relation: "next", URL: here + "?" + rest.ParamCursor + "=" + next + rest.KeptFormat(r)})
	}
	if warnings = append(warnings, page.warnings...); len(warnings) > 0 {
		out.Entry = append(out.Entry, rest.OutcomeEntry(warnings))
	}
	w.Header().Set(headerMasked, strconv.Itoa(page.nors))
	return rest.Answer(w, r, http.StatusOK, out)
}
