package ebxml

import (
	"errors"
	"strings"
	"time"

	"dokumentlager/internal/document"
)

var errTime = errors.New("not a time: want YYYY[MM[DD[hh[mm[ss]]]]] in UTC")

// parseDTM reads an HL7 time of any precision (ITI TF-3 §4.2.3.1.7). Fractions of a second and an offset are no part of XDS's DTM; they are
// understood, since clients write them.
func parseDTM(s string) (document.Time, error) {
	digits := s
	if i := strings.IndexAny(s, ".+-Z"); i >= 0 {
		digits = s[:i]
	}
	n := len(digits)
	if n < 4 || n > 14 || n%2 != 0 || strings.Trim(digits, "0123456789") != "" {
		return document.Time{}, errTime
	}
	layout := "20060102150405"[:n]
	rest := s[n:]
	precision := document.Precision(n)
	if strings.HasPrefix(rest, ".") {
		frac := len(rest)
		if i := strings.IndexAny(rest, "+-Z"); i >= 0 {
			frac = i
		}
		if n != 14 || frac < 2 || frac > 10 {
			return document.Time{}, errTime
		}
		layout += "." + strings.Repeat("0", frac-1)
		precision = document.Milli
	}
	if strings.ContainsAny(rest, "+-Z") {
		layout += "Z0700"
	}
	t, err := time.Parse(layout, s)
	if err != nil || t.Year() < 1 {
		return document.Time{}, errTime
	}
	return document.Time{At: t.UTC().Truncate(time.Microsecond), Precision: precision}, nil
}

// component is the n-th of the parts, from 0, with HL7's escapes undone; empty when there are fewer.
func component(parts []string, n int) string {
	if n >= len(parts) {
		return ""
	}
	return unescape(strings.TrimSpace(parts[n]))
}

// authority reads an HD: name&id&type. The id counts, the name where there is none.
func authority(parts []string, n int) string {
	if n >= len(parts) {
		return ""
	}
	sub := strings.Split(parts[n], "&")
	if id := component(sub, 1); id != "" {
		return document.StripURN(id)
	}
	return component(sub, 0)
}

var escapes = strings.NewReplacer(`\`, `\E\`, `^`, `\S\`, `&`, `\T\`, `~`, `\R\`, `|`, `\F\`)
var unescapes = strings.NewReplacer(`\E\`, `\`, `\S\`, `^`, `\T\`, `&`, `\R\`, `~`, `\F\`, `|`)

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return unescapes.Replace(s)
}

func escape(s string) string {
	if !strings.ContainsAny(s, `\^&~|`) {
		return s
	}
	return escapes.Replace(s)
}

// hd writes an assigning authority.
func hd(system string) string {
	if dotted(system) {
		return "&" + system + "&ISO"
	}
	return "&" + escape(system) + "&URI"
}

// parsePerson reads an XCN: id^family^given^further names^^^^^authority.
func parsePerson(s string) document.Person {
	parts := strings.Split(s, "^")
	p := document.Person{ID: document.Identifier{Value: component(parts, 0), System: authority(parts, 8)}}
	family, _, _ := strings.Cut(strings.Join(parts[min(1, len(parts)):min(2, len(parts))], ""), "&")
	p.Family = unescape(strings.TrimSpace(family))
	if given := component(parts, 2); given != "" {
		p.Given = append(p.Given, given)
	}
	p.Given = append(p.Given, strings.Fields(component(parts, 3))...)
	if p.ID.Value == "" {
		p.ID = document.Identifier{}
	}
	return p
}

// PersonText is a person as authorPerson has it, an XCN: what a query's patterns are compared with.
func PersonText(p document.Person) string { return personText(p) }

// personText writes an XCN.
func personText(p document.Person) string {
	var given, more string
	if len(p.Given) > 0 {
		given, more = p.Given[0], strings.Join(p.Given[1:], " ")
	}
	text := escape(p.ID.Value) + "^" + escape(p.Family) + "^" + escape(given) + "^" + escape(more)
	if p.ID.System != "" {
		return text + "^^^^^" + hd(p.ID.System)
	}
	return strings.TrimRight(text, "^")
}

// parseOrganisation reads an XON: name in 1, authority in 6, id in 10.
func parseOrganisation(s string) document.Organisation {
	parts := strings.Split(s, "^")
	o := document.Organisation{Name: component(parts, 0), ID: document.Identifier{Value: component(parts, 9), System: authority(parts, 5)}}
	if o.ID.Value == "" {
		o.ID = document.Identifier{}
	}
	return o
}

// organisationText writes an XON.
func organisationText(o document.Organisation) string {
	switch {
	case o.ID.Value == "":
		return escape(o.Name)
	case o.ID.System == "":
		return escape(o.Name) + "^^^^^^^^^" + escape(o.ID.Value)
	default:
		return escape(o.Name) + "^^^^^" + hd(o.ID.System) + "^^^^" + escape(o.ID.Value)
	}
}

// authorityDepartment is Norway's register of hospital departments (RESH). A department follows its organisation in authorInstitution.
const authorityDepartment = "2.16.578.1.12.4.1.4.102"

// institutions reads authorInstitution. XON cannot say that one is part of another; of a department the order does.
func institutions(values []string) (out []document.Organisation) {
	var whole *document.Organisation
	for _, v := range values {
		o := parseOrganisation(v)
		if o.Name == "" && o.ID.Value == "" {
			continue
		}
		if o.ID.System == authorityDepartment && whole != nil {
			part := *whole
			o.PartOf = &part
		} else if o.ID.System == document.AuthorityOrg {
			copied := o
			whole = &copied
		}
		out = append(out, o)
	}
	return out
}

// institutionTexts writes authorInstitution, what is part of something after that.
func institutionTexts(all []document.Organisation) (texts []string) {
	seen := map[string]bool{}
	var add func(o document.Organisation, depth int)
	add = func(o document.Organisation, depth int) {
		if o.PartOf != nil && depth < 4 {
			add(*o.PartOf, depth+1)
		}
		if text := organisationText(o); text != "" && !seen[text] {
			seen[text] = true
			texts = append(texts, text)
		}
	}
	for _, o := range all {
		add(o, 0)
	}
	return texts
}

// parseRole reads authorRole or authorSpecialty: code^^^&system&ISO, or plain text.
func parseRole(s string) document.Code {
	if !strings.Contains(s, "^") {
		return document.Code{Value: unescape(s)}
	}
	parts := strings.Split(s, "^")
	return document.Code{Value: component(parts, 0), System: authority(parts, 3)}
}

// roleText writes a role. What a display says besides has no place there.
func roleText(c document.Code) string {
	switch {
	case c.Value == "":
		return escape(c.Display)
	case c.System == "":
		return escape(c.Value)
	default:
		return escape(c.Value) + "^^^" + hd(c.System)
	}
}

// genders are XDS's and FHIR's words.
var genders = []struct{ hl7, fhir string }{{"F", "female"}, {"M", "male"}, {"O", "other"}, {"U", "unknown"}}

func genderOf(hl7 string) string {
	for _, g := range genders {
		if g.hl7 == hl7 {
			return g.fhir
		}
	}
	return ""
}

func genderText(fhir string) string {
	for _, g := range genders {
		if g.fhir == fhir {
			return g.hl7
		}
	}
	return ""
}

// birthDate turns YYYYMMDD, or less of it, into YYYY-MM-DD; empty when it is no date, which never stops a message (spec/ihe.md 4.10).
func birthDate(dtm string) string {
	t, err := parseDTM(dtm)
	switch {
	case err != nil:
		return ""
	case t.Precision == document.Year:
		return t.At.Format("2006")
	case t.Precision == document.Month:
		return t.At.Format("2006-01")
	default:
		return t.At.Format(time.DateOnly)
	}
}
