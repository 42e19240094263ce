package mhd

import (
	"strings"

	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/terminology"

	"github.com/google/uuid"
)

// criterion reads one parameter given once: its alternatives stand between commas. An empty one asks for nothing.
func (p *params) criterion(name, modifier string, k kind, value string) {
	if strings.TrimSpace(value) == "" {
		return
	}
	c := criteria.Criterion{Field: criteria.Field(strings.TrimSuffix(name, ".identifier"))}
	if modifier == "missing" {
		missing := value == "true"
		if !missing && value != "false" {
			p.bad(name, "The value of :missing is true or false.")
		}
		c.Missing = &missing
		p.criteria = append(p.criteria, c)
		return
	}
	alternatives := split(value, ',')
	if len(alternatives) > maxAlternatives {
		p.bad(name, "%d alternatives; at most %d.", len(alternatives), maxAlternatives)
		return
	}
	read := map[kind]func(*criteria.Criterion, string, string) bool{token: p.token, identifierToken: p.identifier, relatedToken: p.related,
		text: p.string, date: p.date, period: p.date}[k]
	for _, a := range alternatives {
		if !read(&c, modifier, a) {
			p.bad(name, "%s", spelling[k])
			return
		}
	}
	for i := range c.Dates {
		if k == period && c.Dates[i].How == criteria.Equal {
			c.Dates[i].How = criteria.Overlaps // MHD asks for a time "which the time of service overlaps"
		}
	}
	p.criteria = append(p.criteria, c)
}

// spelling says how a parameter of each kind is written.
var spelling = map[kind]string{
	token:           "Write a code, system|code, |code or system|; the modifiers are :not and :missing.",
	identifierToken: "Write an identifier, with or without urn:oid: or urn:uuid:, or system|identifier; the modifiers are :not and :missing.",
	relatedToken:    "Write system|value of the identifier; the modifiers are :identifier, :not and :missing.",
	text:            "Write the beginning of a name; the modifiers are :exact, :contains and :missing.",
	date:            "Write a date, with eq, ne, ge, gt, le, lt, sa or eb before it if wanted: ge2026-01-31; the modifier is :missing.",
	period:          "Write a date, with eq, ne, ge, gt, le, lt, sa or eb before it if wanted: ge2026-01-31; the modifier is :missing.",
}

// token reads a code of a code system.
func (p *params) token(c *criteria.Criterion, modifier, value string) bool {
	t, ok := readToken(value)
	if t.System = terminology.Canonical(t.System); !ok || !turned(c, modifier) {
		return false
	}
	c.Tokens = append(c.Tokens, t)
	return true
}

// readToken reads code, system|code, |code and system|.
func readToken(value string) (criteria.Token, bool) {
	parts := split(value, '|')
	switch len(parts) {
	case 1:
		return criteria.Token{Value: unescape(parts[0]), AnySystem: true}, parts[0] != ""
	case 2:
		return criteria.Token{System: unescape(parts[0]), Value: unescape(parts[1])}, parts[0] != "" || parts[1] != ""
	default:
		return criteria.Token{}, false
	}
}

// turned takes a token's modifier.
func turned(c *criteria.Criterion, modifier string) bool {
	c.Not = modifier == "not"
	return modifier == "" || c.Not
}

// identifier reads an identifier of a document: all of them are unique without their system, which is urn:ietf:rfc:3986 in most.
func (p *params) identifier(c *criteria.Criterion, modifier, value string) bool {
	t, ok := readToken(value)
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
func (p *params) related(c *criteria.Criterion, modifier, value string) bool {
	if modifier == "identifier" {
		modifier = ""
	}
	t, ok := readToken(value)
	if ok = ok && turned(c, modifier); ok {
		t.System, t.Value = document.StripURN(t.System), document.StripURN(t.Value)
		c.Tokens = append(c.Tokens, t)
	}
	return ok
}

// string reads the beginning of a name, or a part or all of one.
func (p *params) string(c *criteria.Criterion, modifier, value string) bool {
	how, ok := map[string]criteria.How{"": criteria.Prefix, "contains": criteria.Contains, "exact": criteria.Exact}[modifier]
	if value = unescape(value); how != criteria.Exact && strings.Trim(criteria.Fold(value), " ") == "" {
		return false
	}
	c.Texts = append(c.Texts, criteria.NewText(value, how))
	return ok
}

// date reads prefix and date at FHIR's precisions: a date without time is the whole day, a month the whole month.
func (p *params) date(c *criteria.Criterion, modifier, value string) bool {
	d := criteria.Date{How: criteria.Equal}
	if len(value) > 2 && strings.Contains("eq ne ge gt le lt sa eb ", value[:2]+" ") {
		d.How, value = criteria.Compare(value[:2]), value[2:]
	}
	// A form turns the + of an offset into a space unless it was escaped; no other space can stand in a date.
	at, err := timeOf(strings.ReplaceAll(value, " ", "+"))
	if err != nil || modifier != "" {
		return false
	}
	d.Span = criteria.SpanOf(at)
	c.Dates = append(c.Dates, d)
	return true
}

// split cuts at a separator that no backslash stands before (hl7.org/fhir/R4/search.html#escaping).
func split(s string, at byte) (parts []string) {
	from := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case at:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

var escapes = strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\|`, `|`, `\$`, `$`)

func unescape(s string) string { return escapes.Replace(s) }
