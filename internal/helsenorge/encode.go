package helsenorge

import (
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/innsyn"
)

// The forms of the answers, in the words of docs/helsenorge.md. What has no value is left out.
type (
	page struct {
		Lookups []lookup `json:"lookups"`
		Next    string   `json:"next,omitempty"`
		// Incomplete instances did not answer; Silent are those of them that may be named.
		Incomplete bool       `json:"incomplete"`
		Silent     []instance `json:"silent,omitempty"`
	}
	feed struct {
		Items []item `json:"items"`
		Next  string `json:"next"`
		More  bool   `json:"more"`
	}
	item struct {
		Kind    string   `json:"kind"`
		ID      string   `json:"id"`
		Patient *patient `json:"patient,omitempty"`
		Lookup  *lookup  `json:"lookup,omitempty"`
		*named
	}
	lookup struct {
		ID              string     `json:"id"`
		Time            time.Time  `json:"time"`
		Request         string     `json:"request,omitempty"`
		What            coded      `json:"what"`
		Document        *documents `json:"document,omitempty"`
		Withheld        string     `json:"withheld,omitempty"`
		Organisation    place      `json:"organisation"`
		PointOfCare     *place     `json:"pointOfCare,omitempty"`
		Instance        *instance  `json:"instance,omitempty"`
		Role            *coded     `json:"role,omitempty"`
		Why             why        `json:"why"`
		Outcome         coded      `json:"outcome"`
		NameAvailableAt time.Time  `json:"nameAvailableAt"`
		Name            string     `json:"name,omitempty"`
	}
	named struct {
		Name         string `json:"name,omitempty"`
		Organisation place  `json:"organisation"`
		PointOfCare  *place `json:"pointOfCare,omitempty"`
	}
	patient struct {
		System string `json:"system"`
		Value  string `json:"value"`
	}
	coded struct {
		Code   string `json:"code,omitempty"`
		System string `json:"system,omitempty"`
		No     string `json:"no"`
		En     string `json:"en"`
	}
	documents struct {
		Type  *coded `json:"type,omitempty"`
		Title string `json:"title,omitempty"`
	}
	place struct {
		Number string `json:"number,omitempty"`
		Name   string `json:"name,omitempty"`
	}
	instance struct {
		HomeCommunityID string `json:"homeCommunityId"`
		Name            string `json:"name"`
	}
	why struct {
		Purpose   string `json:"purpose,omitempty"`
		Details   string `json:"details,omitempty"`
		Basis     string `json:"basis,omitempty"`
		Emergency bool   `json:"emergency"`
		BarLifted bool   `json:"barLifted"`
		No        string `json:"no"`
		En        string `json:"en"`
	}
)

// The kinds of a feed's items.
const (
	kindLookup = "lookup"
	kindName   = "name"
)

func pageOf(p innsyn.Page, next string) page {
	out := page{Lookups: make([]lookup, len(p.Looks)), Next: next, Incomplete: p.Incomplete}
	for i, l := range p.Looks {
		out.Lookups[i] = lookupOf(l)
	}
	for _, s := range p.Silent {
		out.Silent = append(out.Silent, *instanceOf(&s))
	}
	return out
}

func feedOf(p innsyn.Pull) feed {
	out := feed{Items: make([]item, len(p.Items)), Next: cursorText(p.Next), More: p.More}
	for i, it := range p.Items {
		out.Items[i] = item{Kind: kindLookup, ID: it.ID.String(), Patient: &patient{document.URN(it.Patient.Authority), it.Patient.Value}}
		if it.IsName {
			out.Items[i].Kind = kindName
			out.Items[i].named = &named{it.Name, placeOf(it.Organisation), unitOf(it.PointOfCare)}
			continue
		}
		l := lookupOf(it.Look)
		out.Items[i].Lookup = &l
	}
	return out
}

func lookupOf(l innsyn.Look) lookup {
	out := lookup{ID: l.ID.String(), Time: l.At, Request: l.Request, What: phrase(string(l.Kind), l.What), Withheld: string(l.Withheld),
		Organisation: placeOf(l.Organisation), PointOfCare: unitOf(l.PointOfCare), Instance: instanceOf(l.Instance), Role: codedOf(l.Role),
		Why:     why{l.Why.Purpose, l.Why.Details, l.Why.Basis, l.Why.Emergency, l.Why.BarLifted, l.Why.Text.No, l.Why.Text.En},
		Outcome: phrase(string(l.Outcome), l.Outcome.Text()), NameAvailableAt: l.NameDue, Name: l.Name}
	if l.Type != nil || l.Title != "" {
		out.Document = &documents{codedOf(l.Type), l.Title}
	}
	return out
}

func phrase(code string, p innsyn.Phrase) coded { return coded{Code: code, No: p.No, En: p.En} }

func codedOf(c *innsyn.Coded) *coded {
	if c == nil {
		return nil
	}
	out := phrase(c.Code, c.Phrase)
	if c.System != "" {
		out.System = document.URN(c.System)
	}
	return &out
}

func placeOf(p innsyn.Place) place { return place(p) }

// unitOf leaves out a point of care that nobody named.
func unitOf(p innsyn.Place) *place {
	if p == (innsyn.Place{}) {
		return nil
	}
	out := placeOf(p)
	return &out
}

func instanceOf(i *innsyn.Instance) *instance {
	if i == nil {
		return nil
	}
	return &instance{document.URN(i.HomeCommunity), i.Name}
}
