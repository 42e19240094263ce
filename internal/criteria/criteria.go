// Package criteria is what a search asks for, and whether something has it: the tokens, strings and dates of FHIR search
// (hl7.org/fhir/R4/search.html) without FHIR's spelling, so that every door can ask in its own.
//
// It promises to be pure, and to look at nothing but the values it is handed: a caller that hands over what a reader may see makes it
// impossible to find anything by what the reader may not (C2). Criteria travel in cursors as JSON. It imports document alone.
package criteria

import (
	"slices"

	"dokumentlager/internal/document"
)

// Field names what is looked at, as the search parameter that asks for it is called (R1).
type Field string

// Criterion is one condition: any of its alternatives will do.
type Criterion struct {
	Field Field `json:"f"`
	// Not turns the condition round, so that what has no value fits too (FHIR's :not).
	Not bool `json:"n,omitempty"`
	// Missing asks whether there is any value, and for nothing else (FHIR's :missing).
	Missing *bool   `json:"m,omitempty"`
	Tokens  []Token `json:"t,omitempty"`
	Texts   []Text  `json:"s,omitempty"`
	Dates   []Date  `json:"d,omitempty"`
}

// Token asks for a code or identifier. AnySystem leaves the system open; an empty Value leaves the value open.
type Token struct {
	Value     string `json:"v,omitempty"`
	System    string `json:"s,omitempty"`
	AnySystem bool   `json:"a,omitempty"`
}

// Values are what something has in one field.
type Values struct {
	Tokens []document.Code
	Texts  []string
	Times  []Span
}

// Of hands out the values of one thing, field by field.
type Of func(Field) Values

// Criteria must all be met.
type Criteria []Criterion

// Met reports whether the thing meets them all. What criteria that stand together ask of the same field is looked up once.
func (cs Criteria) Met(of Of) bool {
	var v looked
	for i, c := range cs {
		if i == 0 || c.Field != cs[i-1].Field {
			v = looked{Values: of(c.Field)}
		}
		if !c.met(&v) {
			return false
		}
	}
	return true
}

// looked are the values of one field, its texts folded once however many ask for them.
type looked struct {
	Values
	texts []folded
}

// folded is a text as it is, and under which form it is compared.
type folded struct{ plain, form string }

func (v *looked) folded() []folded {
	if v.texts == nil {
		for _, text := range v.Texts {
			v.texts = append(v.texts, folded{text, Fold(text)})
		}
	}
	return v.texts
}

func (c Criterion) met(v *looked) bool {
	if c.Missing != nil {
		return *c.Missing == (len(v.Tokens)+len(v.Texts)+len(v.Times) == 0)
	}
	return c.any(v) != c.Not
}

func (c Criterion) any(v *looked) bool {
	return slices.ContainsFunc(c.Tokens, func(t Token) bool { return slices.ContainsFunc(v.Tokens, t.is) }) ||
		slices.ContainsFunc(c.Texts, func(t Text) bool { return slices.ContainsFunc(v.folded(), t.in) }) ||
		slices.ContainsFunc(c.Dates, func(d Date) bool { return slices.ContainsFunc(v.Times, d.fits) })
}

func (t Token) is(c document.Code) bool {
	return (t.AnySystem || t.System == c.System) && (t.Value == "" || t.Value == c.Value)
}
