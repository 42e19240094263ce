package saml

import "dokumentlager/internal/document"

// reading takes values out of attributes by what they mean, and keeps the first thing that is wrong.
type reading struct {
	attributes map[string][]value
	wrong      *refusal
}

// refuse never takes a value into its text.
func (r *reading) refuse(safe string, args ...any) {
	if r.wrong == nil {
		r.wrong = contradicts(safe, args...)
	}
}

// values are those of all names of one meaning.
func (r *reading) values(names []string) (found []value) {
	for _, name := range names {
		found = append(found, r.attributes[name]...)
	}
	return found
}

// text is the one text that all names agree on.
func (r *reading) text(names []string) string {
	return r.agreed(names, func(s string) string { return s })
}

// oid is text for an OID: HelseID writes it bare, Helsenorge with urn:oid: before it.
func (r *reading) oid(names []string) string { return r.agreed(names, document.StripURN) }

func (r *reading) agreed(names []string, form func(string) string) string {
	agreed := ""
	for _, v := range r.values(names) {
		switch {
		case v.fields != nil:
			r.refuse("The attribute %s must be text.", names[0])
		case agreed != "" && form(v.text) != agreed:
			r.refuse("The assertion has several values of %s that differ.", names[0])
		default:
			agreed = form(v.text)
		}
	}
	return agreed
}

// code is the one code that all names agree on: a CE, or its code as text. A system that only some give is theirs all; displays may
// differ.
func (r *reading) code(names []string) document.Code {
	var agreed document.Code
	for _, v := range r.values(names) {
		c := document.Code{Value: v.text}
		if v.fields != nil {
			c = document.Code{Value: v.fields["code"], System: document.StripURN(v.fields["codeSystem"]), Display: v.fields["displayName"]}
		}
		if c.Value == "" {
			r.refuse("The attribute %s must have a code.", names[0])
		}
		if agreed.Value != "" && (c.Value != agreed.Value || c.System != "" && agreed.System != "" && c.System != agreed.System) {
			r.refuse("The assertion has several values of %s that differ.", names[0])
		}
		if agreed.Value == "" || agreed.System == "" {
			agreed = c
		}
	}
	return agreed
}

// identifiers are all ids of these names: an II, or its extension as text.
func (r *reading) identifiers(names []string) (found []document.Identifier) {
	for _, v := range r.values(names) {
		id := document.Identifier{Value: v.text}
		if v.fields != nil {
			id = document.Identifier{Value: v.fields["extension"], System: document.StripURN(v.fields["root"])}
		}
		if id.Value == "" {
			r.refuse("The attribute %s must have an identifier.", names[0])
		}
		found = append(found, id)
	}
	return found
}

// identifier is the one that all names agree on.
func (r *reading) identifier(names []string) document.Identifier {
	var agreed document.Identifier
	for _, id := range r.identifiers(names) {
		if agreed.Value != "" && (id.Value != agreed.Value || id.System != "" && agreed.System != "" && id.System != agreed.System) {
			r.refuse("The assertion has several values of %s that differ.", names[0])
		}
		if agreed.Value == "" || agreed.System == "" {
			agreed = id
		}
	}
	return agreed
}
