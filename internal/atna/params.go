package atna

import (
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/inspection"
	"dokumentlager/internal/rest"

	"github.com/samber/lo"
)

const (
	paramDate    = "date"
	paramSource  = "source"
	paramAddress = "address"
	paramSort    = "_sort"
)

// kinds are the parameters of ITI-81. Identifiers are read as those of a reference: with their system, which may be left out.
var kinds = map[string]rest.Kind{
	paramDate: rest.Date, "_lastUpdated": rest.Date, "_id": rest.RelatedToken,
	"agent.identifier": rest.RelatedToken, "entity.identifier": rest.RelatedToken, paramSource: rest.RelatedToken, "source.identifier": rest.RelatedToken,
	"action": rest.Token, "type": rest.Token, "subtype": rest.Token, "outcome": rest.Token, "entity-type": rest.Token, "entity-role": rest.Token,
	paramAddress:      rest.Text,
	rest.ParamPatient: rest.Special, rest.ParamCount: rest.Special, paramSort: rest.Special, rest.ParamFormat: rest.Special,
}

func newParams(form url.Values) *rest.Params {
	return &rest.Params{Form: form, Kinds: kinds, Rule: "A4"}
}

// parse reads a search. Values separated by commas are alternatives, parameters given again must all be met. What is unknown is ignored with a
// warning, or refused under Prefer: handling=strict.
func parse(form url.Values, strict bool) (state, fault.Problems, error) {
	p := newParams(form)
	q := state{Search: inspection.Search{Filter: audit.Filter{Patient: patientOf(p)}, Limit: p.Count(), Text: p.Text()}}
	if s := p.One(paramSort); s != "" && s != "-date" {
		p.Bad(paramSort, "The order is -date, the newest first.")
	}
	q.Criteria = p.All(strict)
	q.Search.Span = span(p, q.Criteria, q.Search.Patient != "")
	codes(p, q.Criteria)
	narrow(&q.Search, q.Criteria)
	if form.Get(paramAddress) != "" {
		p.Warnings.Add(fault.New(fault.BadQueryParam, "Callers' network addresses are not kept, so no event is found by one; it has our own address alone.").
			At(paramAddress).By("A4").AsWarning())
	}
	return q, p.Warnings, p.Problems.Err()
}

// parseAddress is parse for what stands in an address, which ends up in logs: no patient, and nothing that looks like one. The refusal does not
// repeat it.
func parseAddress(query string, strict bool) (state, fault.Problems, error) {
	form, err := url.ParseQuery(query)
	if err != nil {
		return state{}, nil, fault.New(fault.BadRequest, "The address's parameters cannot be read.").At("http.query").By("A4")
	}
	q, warnings, err := parse(form, strict)
	for name, values := range form {
		if strings.HasPrefix(name, "patient") || slices.ContainsFunc(values, holdsNationalNumber) || holdsNationalNumber(name) {
			problems := fault.Of(err)
			problems.Add(fault.New(fault.BadRequest, "A patient's identifier is sent in the body, with POST to %s/_search: an address ends up in logs.", resource).At("http.query").By("R1"))
			return state{}, nil, problems
		}
	}
	return q, warnings, err
}

// holdsNationalNumber finds eleven digits that stand alone.
func holdsNationalNumber(s string) bool {
	return slices.ContainsFunc(strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }), func(word string) bool {
		return len(word) == 11 && strings.Trim(word, "0123456789") == ""
	})
}

// patientOf is in CX form, as the log has it.
func patientOf(p *rest.Params) string {
	if id := p.Patient(); id != (document.PatientID{}) {
		return id.CX()
	}
	return ""
}

// longest is how much time one search may cover that is not about a patient: a year, its last day included.
const longest = 367 * 24 * time.Hour

// end is the last moment that a date can name, which JSON can too.
var end = time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC)

// span is the time searched, which date must bound on both sides (ITI-81).
func span(p *rest.Params, all criteria.Criteria, ofPatient bool) audit.Span {
	from, to := time.Time{}, end
	below, above := false, false
	for _, c := range all {
		if c.Field != paramDate || c.Not || c.Missing != nil || len(c.Dates) != 1 {
			continue
		}
		d := c.Dates[0]
		after := lo.Ternary(d.To.IsZero(), end, d.To)
		switch d.How {
		case criteria.GreaterEqual:
			from, below = later(from, d.From), true
		case criteria.Greater, criteria.After:
			from, below = later(from, after), true
		case criteria.LessEqual:
			to, above = earlier(to, after), true
		case criteria.Less, criteria.Before:
			to, above = earlier(to, d.From), true
		}
	}
	switch {
	case p.Problems.Refuses() && slices.ContainsFunc(p.Problems, func(f *fault.Problem) bool { return f.Location == paramDate }):
	case !below || !above:
		p.Problems.Add(fault.New(fault.MissingQueryParam, "The parameter date is required twice, as date=ge… and date=le…: from when and until when, such as date=ge2026-11-01&date=le2026-11-30.").
			At(paramDate).By("A4"))
	case !from.Before(to):
		p.Bad(paramDate, "The time ends before it begins.")
	case !ofPatient && to.Sub(from) > longest:
		p.Bad(paramDate, "The time is longer than a year. Ask for a year at most; about one patient any time can be asked for.")
	}
	return audit.Span{From: from, To: to}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// spelt are the codes of parameters that have few: a word that is none is a mistake, not a search that finds nothing.
var spelt = map[criteria.Field][]string{"action": {"C", "R", "U", "D", "E"}, "outcome": {"0", "4", "8", "12"}}

func codes(p *rest.Params, all criteria.Criteria) {
	for _, c := range all {
		known, few := spelt[c.Field]
		if few && slices.ContainsFunc(c.Tokens, func(t criteria.Token) bool { return t.Value != "" && !slices.Contains(known, t.Value) }) {
			p.Bad(string(c.Field), "The codes are %s.", strings.Join(known, ", "))
		}
	}
}
