package atna

import (
	"net/http"
	"net/url"
	"strconv"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/inspection"
	"dokumentlager/internal/rest"

	"github.com/go-chi/chi/v5"
)

// search is ITI-81 by POST: the only way to ask about a patient, whose identifier stands in no address (R1).
func (d *Door) search(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	if err := d.papers(r, actor); err != nil {
		return d.Inspection.Refuse(r.Context(), actor, audit.Read, inspection.Searching, err)
	}
	if err := rest.ReadForm(w, r); err != nil {
		return d.Inspection.Refuse(r.Context(), actor, audit.Read, inspection.Searching, err)
	}
	q, warnings, err := parse(r.PostForm, rest.Strict(r))
	if err != nil {
		return d.Inspection.Refuse(r.Context(), actor, audit.Read, inspection.Searching, err)
	}
	return d.page(w, r, actor, q, d.address("_search"), warnings)
}

// searchByAddress is ITI-81 by GET, and where a next link leads.
func (d *Door) searchByAddress(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	if err := d.papers(r, actor); err != nil {
		return d.Inspection.Refuse(r.Context(), actor, audit.Read, inspection.Searching, err)
	}
	if cursor, following := rest.PageOf(r.URL); following {
		q, err := d.cursors.Open(cursor, owner(actor)...)
		if err != nil {
			return d.Inspection.Refuse(r.Context(), actor, audit.Read, inspection.Searching, err)
		}
		return d.page(w, r, actor, q, d.address("_search"), nil)
	}
	q, warnings, err := parseAddress(r.URL.RawQuery, rest.Strict(r))
	if err != nil {
		return d.Inspection.Refuse(r.Context(), actor, audit.Read, inspection.Searching, err)
	}
	return d.page(w, r, actor, q, d.BaseURL+"/R4/fhir/"+resource+"?"+r.URL.Query().Encode(), warnings)
}

// owner binds a cursor to who searched, and to whether an inspector did.
func owner(a audit.Actor) []string {
	return []string{a.ClientID, a.Organisation, a.HPR, a.PersonID, strconv.FormatBool(a.Has(access.ScopeLogInspect))}
}

// page asks for one page and writes it.
func (d *Door) page(w http.ResponseWriter, r *http.Request, actor audit.Actor, q state, self string, warnings fault.Problems) error {
	page, err := d.Inspection.Search(r.Context(), actor, q.Search, func(i inspection.Item) bool {
		return q.Criteria.Met(seenIn(Encode(i.Line, d.from(i.Log)), i.Log))
	})
	if err != nil {
		return err
	}
	out := &fhir.Bundle{Type: fhir.SearchSet, Link: []fhir.BundleLink{{Relation: "self", URL: self}}}
	for _, i := range page.Items {
		out.Entry = append(out.Entry, fhir.BundleEntry{FullURL: d.address(i.ID.String()), Resource: fhir.Hold(Encode(i.Line, d.from(i.Log))),
			Search: &fhir.BundleSearch{Mode: "match"}})
	}
	warnings = append(warnings, page.Warnings...)
	switch {
	case page.Next != nil:
		next, err := d.cursors.Seal(state{*page.Next, q.Criteria}, owner(actor)...)
		if err != nil {
			return err
		}
		out.Link = append(out.Link, fhir.BundleLink{Relation: "next", URL: d.BaseURL + "/R4/fhir/" + resource + "?" + rest.ParamCursor + "=" + next + rest.KeptFormat(r)})
	case q.Search.After == nil && len(page.Warnings) == 0: // the page is the whole list
		total := len(page.Items)
		out.Total = &total
	}
	if len(warnings) > 0 {
		out.Entry = append(out.Entry, rest.OutcomeEntry(warnings))
	}
	return rest.Answer(w, r, http.StatusOK, out)
}

// read is GET AuditEvent/{id}; source may say which log has it.
func (d *Door) read(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	if err := d.papers(r, actor); err != nil {
		return d.Inspection.Refuse(r.Context(), actor, audit.Read, inspection.Reading, err)
	}
	sources, err := sourcesOf(r.URL)
	if err != nil {
		return d.Inspection.Refuse(r.Context(), actor, audit.Read, inspection.Reading, err)
	}
	item, err := d.Inspection.Read(r.Context(), actor, chi.URLParam(r, "id"), sources)
	if err != nil {
		return err
	}
	return rest.Answer(w, r, http.StatusOK, Encode(item.Line, d.from(item.Log)))
}

// sourcesOf reads the only parameter of a reading.
func sourcesOf(address *url.URL) ([]string, error) {
	p := newParams(address.Query())
	for name := range p.Form {
		if name != paramSource && name != rest.ParamFormat {
			p.Bad("http.query", "An event is read with %s and %s only.", paramSource, rest.ParamFormat)
			break
		}
	}
	if value := p.One(paramSource); value != "" {
		return sources(p.All(false)), p.Problems.Err()
	}
	return nil, p.Problems.Err()
}
