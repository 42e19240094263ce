package rest

import (
	"strings"

	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/terminology"

	"github.com/google/uuid"
)

// criterion reads one parameter given once: its alternatives stand between commas. An empty one asks for nothing.
func (p *Params) criterion(name, modifier string, k Kind, value string) {
	if strings.TrimSpace(value) == "" {
		return
	}
	c := criteria.Criterion{Field: criteria.Field(strings.TrimSuffix(name, ".identifier"))}
	if modifier == "missing" {
		missing := value == "true"
		if !missing && value != "false" {
			p.Bad(name, "The value of :missing is true or false.")
		}
		c.Missing = &missing
		p.criteria = append(p.criteria, c)
		return
	}
	alternatives := Split(value, ',')
	if len(alternatives) > MaxAlternatives {
		p.Bad(name, "%d alternatives; at most %d.", len(alternatives), MaxAlternatives)
		return
	}
	read := map[Kind]func(*criteria.Criterion, string, string) bool{Token: p.token, IdentifierToken: p.identifier, RelatedToken: p.related,
		Text: p.string, Date: p.date, Period: p.date}[k]
	for _, a := range alternatives {
		if !read(&c, modifier, a) {
			p.Bad(name, "%s", spelling[k])
			return
		}
	}
	for i := range c.Dates {
		if k == Period && c.Dates[i].How == criteria.Equal {
			c.Dates[i].How = criteria.Overlaps // MHD asks for a time "which the time of service overlaps"
		}
	}
	p.criteria = append(p.criteria, c)
}

// spelling says how a parameter of each kind is written.
var spelling = map[Kind]string{
	Token:           "Write a code, system|code, |code or system|; the modifiers are :not and :missing.",
	IdentifierToken: "Write an identifier, with or without urn:oid: or urn:uuid:, or system|identifier; the modifiers are :not and :missing.",
	RelatedToken:    "Write system|value of the identifier; the modifiers are :identifier, :not and :missing.",
	Text:            "Write the beginning of a name; the modifiers are :exact, :contains and :missing.",
	Date:            "Write a date, with eq, ne, ge, gt, le, lt, sa or eb before it if wanted: ge2026-01-31; the modifier is :missing.",
	Period:          "Write a date, with eq, ne, ge, gt, le, lt, sa or eb before it if wanted: ge2026-01-31; the modifier is :missing.",
}

// token reads a code of a code system.
func (p *Params) token(c *criteria.Criterion, modifier, value string) bool {
	t, ok := ReadToken(value)
	if t.System = terminology.Canonical(t.System); !ok || !turned(c, modifier) {
		return false
	}
	c.Tokens = append(c.Tokens, t)
	return true
}

// turned takes a token's modifier.
func turned(c *criteria.Criterion, modifier string) bool {
	c.Not = modifier == "not"
	return modifier == "" || c.Not
}

// identifier reads an identifier of a document: all of them are unique without their system, which is urn:ietf:rfc:3986 in most.
func (p *Params) identifier(c *criteria.Criterion, modifier, value string) bool {
	t, ok := ReadToken(value)
	if ok = ok && t.Value != "" && turned(c, modifier); ok {
		plain := document.StripURN(t.Value)
		c.Tokens = append(c.Tokens, criteria.Token{Value: plain, AnySystem: true})
		if id, err := uuid.Parse(plain); err == nil { // case says nothing in a UUID
			c.Tokens = append(c.Tokens, criteria.Token{Value: id.String(), AnySystem: true})
		}
	}
	return ok
}

// related reads an identifier of referenceIdList: a reference by identifier in FHIR's words.
func (p *Params) related(c *criteria.Criterion, modifier, value string) bool {
	if modifier == "identifier" {
		modifier = ""
	}
	t, ok := ReadToken(value)
	if ok = ok && turned(c, modifier); ok {
		t.System, t.Value = document.StripURN(t.System), document.StripURN(t.Value)
		c.Tokens = append(c.Tokens, t)
	}
	return ok
}

// string reads the beginning of a name, or a part or all of one.
func (p *Params) string(c *criteria.Criterion, modifier, value string) bool {
	how, ok := map[string]criteria.How{"": criteria.Prefix, "contains": criteria.Contains, "exact": criteria.Exact}[modifier]
	if value = Unescape(value); how != criteria.Exact && strings.Trim(criteria.Fold(value), " ") == "" {
		return false
	}
	c.Texts = append(c.Texts, criteria.NewText(value, how))
	return ok
}

func (p *Params) date(c *criteria.Criterion, modifier, value string) bool {
	d, ok := ReadDate(value)
	c.Dates = append(c.Dates, d)
	return ok && modifier == ""
}
