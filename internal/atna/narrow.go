package atna

import (
	"slices"
	"strings"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/inspection"

	"github.com/samber/lo"
)

// narrow tells the database of the criteria what it can tell itself. It may let through too much, never too little: the criteria have the last word.
func narrow(q *inspection.Search, all criteria.Criteria) {
	q.Sources = sources(all)
	q.Actions = lettersOf(all, "action", map[string][]audit.Action{"C": {audit.Create}, "R": {audit.Read}, "U": {audit.Update}, "D": {audit.Delete},
		"E": {audit.Execute, audit.Read}}) // FHIR's E is a search too, which is R in the log
	q.Outcomes = lettersOf(all, "outcome", map[string][]audit.Outcome{"0": {audit.Success}, "4": {audit.Denied}, "8": {audit.Failed}})
	q.Operations = named(all)
	q.Agents = values(all, "agent", func(v string) bool { return !strings.Contains(v, ".") }) // an OID may be the service's own
	for _, v := range values(all, "entity", func(string) bool { return true }) {
		q.Things = append(q.Things, v, document.URN(v), inspection.Asked(v))
	}
}

// nothing is in no event.
const nothing = "-"

// tokens are those of the first condition on a field, nil where it does not say what a value must be.
func tokens(all criteria.Criteria, field criteria.Field) []criteria.Token {
	for _, c := range all {
		if c.Field == field && !c.Not && c.Missing == nil {
			return c.Tokens
		}
	}
	return nil
}

// values are the tokens' own, nil when one is open or not usable.
func values(all criteria.Criteria, field criteria.Field, usable func(string) bool) (out []string) {
	for _, t := range tokens(all, field) {
		if t.Value == "" || !usable(t.Value) {
			return nil
		}
		out = append(out, t.Value)
	}
	return out
}

// sources are the logs asked for.
func sources(all criteria.Criteria) []string {
	return values(all, paramSource, func(string) bool { return true })
}

func lettersOf[T ~byte](all criteria.Criteria, field criteria.Field, of map[string][]T) []string {
	asked := values(all, field, func(string) bool { return true })
	if asked == nil {
		return nil
	}
	out := []string{nothing}
	for _, v := range asked {
		out = append(out, lo.Map(of[v], func(t T, _ int) string { return string(rune(t)) })...)
	}
	return out
}

// named are the operations of a subtype: one that is not in the table has no subtype with a code.
func named(all criteria.Criteria) []string {
	asked := tokens(all, "subtype")
	if asked == nil {
		return nil
	}
	out := []string{nothing}
	for name, op := range operations {
		subtypes := criteria.Criteria{{Field: "subtype", Tokens: asked}}
		if subtypes.Met(func(criteria.Field) criteria.Values { return criteria.Values{Tokens: codesOf(subtypeCodes(name, op))} }) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}
