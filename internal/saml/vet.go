package saml

import (
	"bytes"
	"regexp"
	"slices"
	"unicode/utf8"
)

// The limits of what is read from a stranger before anything is verified. The largest real header has 12 KB, 13 declarations, some 120
// elements and 8 levels; without these limits one of 262 KB costs seven seconds of processor time (spec/soap.md 1).
const (
	maxHeader     = 256 << 10
	maxElements   = 800
	maxAttributes = 32
	maxSpaces     = 128
	maxDepth      = 64
)

const (
	spaceXML   = "http://www.w3.org/XML/1998/namespace"
	spaceXMLNS = "http://www.w3.org/2000/xmlns/"
)

// declaration is the only processing instruction that may stand, and only at the very start.
var declaration = regexp.MustCompile(`^<\?xml[ \t\r\n]+version=["']1\.0["']([ \t\r\n]+encoding=["'](?i:utf-8)["'])?([ \t\r\n]+standalone=["'](yes|no)["'])?[ \t\r\n]*\?>`)

// vetter reads bytes as XML 1.0 with namespaces, and refuses what the parsers behind it take although it is none: two roots, text around
// the root, attributes twice, prefixes nobody declared (spec/soap.md 1). It also refuses what no security header needs: comments,
// processing instructions, DOCTYPE, and names outside ASCII.
type vetter struct {
	text   []byte
	at     int
	open   []opened
	spaces []binding
	// elements and declared are counted over the whole header.
	elements, declared int
}

// opened is an element that has not been closed; spaces is how many bindings were in force before it.
type opened struct {
	name   string
	spaces int
}

type binding struct{ prefix, uri string }

type attribute struct{ prefix, local, value string }

// vet returns the text without its declaration, ready for a parser.
func vet(text []byte) ([]byte, *refusal) {
	switch {
	case len(text) > maxHeader:
		return nil, tooMuch("The security header is longer than %d bytes.", maxHeader)
	case !utf8.Valid(text):
		return nil, malformed("The security header is not UTF-8.")
	case bytes.ContainsFunc(text, forbidden):
		return nil, malformed("The security header holds a character that XML does not allow.")
	}
	text = text[len(declaration.Find(text)):]
	v := vetter{text: text}
	if why := v.document(); why != nil {
		return nil, why
	}
	return text, nil
}

// forbidden is what production Char of XML 1.0 leaves out.
func forbidden(r rune) bool {
	return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

func (v *vetter) document() *refusal {
	for v.at < len(v.text) {
		if why := v.next(); why != nil {
			return why
		}
	}
	if len(v.open) > 0 || v.elements == 0 {
		return malformed("The security header ends before its elements do.")
	}
	return nil
}

// next reads one piece of markup or of text.
func (v *vetter) next() *refusal {
	rest := v.text[v.at:]
	switch {
	case rest[0] != '<':
		return v.characters()
	case bytes.HasPrefix(rest, []byte("</")):
		return v.end()
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		return v.cdata()
	case bytes.HasPrefix(rest, []byte("<!")) || bytes.HasPrefix(rest, []byte("<?")):
		return malformed("The security header holds a comment, a DOCTYPE or a processing instruction; none is taken.")
	default:
		return v.start()
	}
}

func (v *vetter) characters() *refusal {
	end := bytes.IndexByte(v.text[v.at:], '<')
	if end < 0 {
		end = len(v.text) - v.at
	}
	run := v.text[v.at : v.at+end]
	v.at += end
	switch {
	case len(v.open) == 0 && len(bytes.Trim(run, " \t\r\n")) > 0:
		return malformed("There is text outside the security header's root element.")
	case bytes.Contains(run, []byte("]]>")):
		return malformed("The security header holds ]]> in text.")
	}
	return references(run)
}

func (v *vetter) cdata() *refusal {
	length := bytes.Index(v.text[v.at:], []byte("]]>"))
	if length < 0 || len(v.open) == 0 {
		return malformed("The security header holds a CDATA section that does not end, or that stands outside the root element.")
	}
	v.at += length + len("]]>")
	return nil
}

func (v *vetter) end() *refusal {
	v.at += len("</")
	name := v.name()
	v.space()
	if !v.take('>') || len(v.open) == 0 || v.open[len(v.open)-1].name != name {
		return malformed("An end tag of the security header fits no start tag.")
	}
	v.close()
	return nil
}

func (v *vetter) close() {
	last := len(v.open) - 1
	v.spaces = v.spaces[:v.open[last].spaces]
	v.open = v.open[:last]
}

func (v *vetter) start() *refusal {
	if len(v.open) == 0 && v.elements > 0 {
		return malformed("The security header has two root elements.")
	}
	if v.elements++; v.elements > maxElements || len(v.open) >= maxDepth {
		return tooMuch("The security header has more than %d elements, or is nested deeper than %d.", maxElements, maxDepth)
	}
	v.at++
	prefix, local, ok := v.qname()
	if !ok {
		return malformed("A tag of the security header has no proper name.")
	}
	v.open = append(v.open, opened{joined(prefix, local), len(v.spaces)})
	attributes, why := v.attributes()
	if why != nil {
		return why
	}
	if why := v.names(prefix, attributes); why != nil {
		return why
	}
	if v.take('/') {
		v.close()
	}
	if !v.take('>') {
		return malformed("A tag of the security header does not end.")
	}
	return nil
}

// attributes reads all of a tag's, puts declarations in force and returns the others.
func (v *vetter) attributes() (others []attribute, why *refusal) {
	var seen []string
	for {
		spaced := v.space()
		if c := v.peek(); c == '>' || c == '/' {
			return others, nil
		}
		a, why := v.attribute()
		if why != nil {
			return nil, why
		}
		name := joined(a.prefix, a.local)
		if !spaced || slices.Contains(seen, name) {
			return nil, malformed("An element of the security header has the same attribute twice, or no space between two.")
		}
		if seen = append(seen, name); len(seen) > maxAttributes {
			return nil, tooMuch("An element of the security header has more than %d attributes.", maxAttributes)
		}
		if a.prefix != "xmlns" && name != "xmlns" {
			others = append(others, a)
		} else if why := v.declare(a); why != nil {
			return nil, why
		}
	}
}

func (v *vetter) attribute() (a attribute, why *refusal) {
	var ok bool
	if a.prefix, a.local, ok = v.qname(); !ok {
		return a, malformed("An attribute of the security header has no proper name.")
	}
	v.space()
	equals := v.take('=')
	v.space()
	quote := v.peek()
	if !equals || quote != '"' && quote != '\'' {
		return a, malformed("An attribute of the security header has no value in quotes.")
	}
	v.at++
	length := bytes.IndexByte(v.text[v.at:], quote)
	if length < 0 {
		return a, malformed("A value of an attribute of the security header does not end.")
	}
	value := v.text[v.at : v.at+length]
	v.at += length + 1
	if bytes.IndexByte(value, '<') >= 0 {
		return a, malformed("A value of an attribute of the security header holds a <.")
	}
	a.value = string(value)
	return a, references(value)
}

// declare puts a namespace declaration in force (Namespaces in XML 1.0, section 3).
func (v *vetter) declare(a attribute) *refusal {
	if v.declared++; v.declared > maxSpaces {
		return tooMuch("The security header has more than %d namespace declarations.", maxSpaces)
	}
	prefix := ""
	if a.prefix == "xmlns" {
		prefix = a.local
	}
	reserved := prefix == "xmlns" || a.value == spaceXMLNS || (prefix == "xml") != (a.value == spaceXML)
	if reserved || prefix != "" && a.value == "" || bytes.ContainsAny([]byte(a.value), "& \t\r\n") {
		return malformed("The security header declares a namespace in a way that is not allowed.")
	}
	v.spaces = append(v.spaces, binding{prefix, a.value})
	return nil
}

// names checks that every prefix means something and that no attribute stands there twice under two prefixes.
func (v *vetter) names(prefix string, attributes []attribute) *refusal {
	_, known := v.lookup(prefix)
	var expanded []attribute
	for _, a := range attributes {
		if a.prefix == "" {
			continue
		}
		uri, declared := v.lookup(a.prefix)
		known = known && declared
		name := attribute{prefix: uri, local: a.local}
		if slices.Contains(expanded, name) {
			return malformed("An element of the security header has the same attribute under two prefixes.")
		}
		expanded = append(expanded, name)
	}
	if !known {
		return malformed("The security header uses a namespace prefix that it does not declare.")
	}
	return nil
}

func (v *vetter) lookup(prefix string) (uri string, ok bool) {
	for i := len(v.spaces) - 1; i >= 0; i-- {
		if v.spaces[i].prefix == prefix {
			return v.spaces[i].uri, true
		}
	}
	return spaceXML, prefix == "xml" || prefix == ""
}
