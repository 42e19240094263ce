package mhd

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/rest"
)

// params reads one search of this door.
type params struct{ rest.Params }

func newParams(form url.Values, kinds map[string]rest.Kind) *params {
	return &params{rest.Params{Form: form, Kinds: kinds, Rule: "R1"}}
}

// commonKinds are what every search has, with FHIR's _id and _lastUpdated that MHD's capability statements name.
var commonKinds = map[string]rest.Kind{
	"patient.identifier": rest.Special, "status": rest.Special, "homeCommunityId": rest.Special,
	"_count": rest.Special, "_sort": rest.Special, "_total": rest.Special, "_format": rest.Special, "_id": rest.IdentifierToken, "_lastUpdated": rest.Date,
}

func withCommon(kinds map[string]rest.Kind) map[string]rest.Kind {
	maps.Copy(kinds, commonKinds)
	return kinds
}

// documentKinds are the parameters of R1.
var documentKinds = withCommon(map[string]rest.Kind{
	"category": rest.Token, "type": rest.Token, "event": rest.Token, "facility": rest.Token, "format": rest.Token, "setting": rest.Token, "security-label": rest.Token,
	"identifier": rest.IdentifierToken, "related": rest.RelatedToken, "related.identifier": rest.RelatedToken,
	"author.given": rest.Text, "author.family": rest.Text,
	"creation": rest.Date, "date": rest.Date, "period": rest.Period,
})

// parseSearch reads the parameters of R1. Values separated by commas are alternatives, parameters given again must all be met. What is
// unknown is ignored with a warning, or refused under Prefer: handling=strict.
func parseSearch(form url.Values, strict bool) (disclosure.Search, fault.Problems, error) {
	p := newParams(form, documentKinds)
	q := disclosure.Search{Patient: p.RequiredPatient(), Statuses: p.statuses(), HomeCommunity: p.Home(), Paging: p.paging(documentOrders), Text: p.Text()}
	q.Criteria = p.All(strict)
	return q, p.Warnings, p.Problems.Err()
}

func (p *params) statuses() (out []document.Status) {
	value := p.Required("status")
	if value == "" {
		return nil
	}
	for _, s := range strings.Split(value, ",") {
		if _, code, found := strings.Cut(s, "|"); found {
			s = code
		}
		switch s {
		case "current":
			out = append(out, document.Approved)
		case "superseded":
			out = append(out, document.Deprecated)
		default:
			p.Bad("status", "The status is current or superseded.")
		}
	}
	return out
}

// documentOrders are what _sort may say of documents.
var documentOrders = map[string]registry.Order{"-creation": {}, "creation": {Oldest: true}, "-date": {Registered: true}, "date": {Registered: true, Oldest: true}}

func (p *params) paging(orders map[string]registry.Order) disclosure.Paging {
	out := disclosure.Paging{Limit: p.Count()}
	if value := p.One("_sort"); value != "" {
		order, known := orders[value]
		if !known {
			p.Bad("_sort", "The order is one of %s.", strings.Join(slices.Sorted(maps.Keys(orders)), ", "))
		}
		out.Order = order
	}
	switch p.One("_total") {
	case "accurate", "estimate":
		out.Count = true
	case "none":
		out.Uncounted = true
	case "":
	default:
		p.Bad("_total", "The total is one of accurate, estimate, none.")
	}
	return out
}
