package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"slices"
)

// element is a start tag: its name with the namespace that the prefix means, its attributes likewise, and where the tag stands in the residue.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	from, to int
	prefixed xml.Name // as written
	// scope is how many declarations were in force outside; own are those of the tag itself.
	scope int
}

// binding is one declaration of a namespace.
type binding struct{ prefix, uri string }

// scanner reads an envelope's tokens and vets them: what encoding/xml lets pass and XML, or SOAP, does not (spec/soap.md 1, 4).
type scanner struct {
	src    *source
	dec    *xml.Decoder
	limits Limits
	open   []element
	scope  []binding
	// elements counts start tags, declared declarations of namespaces.
	elements, declared int
	inHeader           bool
	// ended tells that the root's end tag was read.
	ended bool
}

func newScanner(r io.Reader, limits Limits) *scanner {
	src := newSource(r, limits.Envelope)
	return &scanner{src: src, dec: xml.NewDecoder(src), limits: limits}
}

// offset is where the decoder stands in the residue.
func (s *scanner) offset() int { return int(s.dec.InputOffset()) }

// token is what stands next: an element that begins or ends, or text. Comments are passed over.
type token struct {
	start *element
	end   bool
	text  []byte
}

// next gives the next token; io.EOF after the root and nothing but white space and comments.
func (s *scanner) next() (token, error) {
	for {
		from := s.offset()
		raw, err := s.dec.RawToken()
		if err != nil {
			return token{}, s.failed(err)
		}
		switch v := raw.(type) {
		case xml.StartElement:
			e, err := s.begin(v, from)
			return token{start: e}, err
		case xml.EndElement:
			return token{end: true}, s.finish(v.Name)
		case xml.CharData:
			if len(s.open) > 0 {
				return token{text: v}, nil
			}
			if len(bytes.TrimLeft(v, " \t\r\n")) > 0 {
				return token{}, malformed("text stands outside the envelope")
			}
		case xml.Comment:
		default:
			return token{}, malformed("the envelope has a DOCTYPE or a processing instruction")
		}
	}
}

// failed words an error of the decoder. What ended the source is the cause, whatever the decoder makes of it.
func (s *scanner) failed(err error) error {
	var f *Fault
	switch cause := s.src.err; {
	case errors.As(cause, &f):
		return f
	case cause != nil && cause != io.EOF:
		return cause
	case err == io.EOF && len(s.open) == 0 && s.ended:
		return io.EOF
	case err == io.EOF || cause == io.EOF:
		return malformed("the envelope is cut off")
	default:
		return malformed("the envelope is not well-formed XML")
	}
}

// begin vets a start tag.
func (s *scanner) begin(v xml.StartElement, from int) (*element, error) {
	s.elements++
	switch {
	case len(s.open) >= s.limits.Depth:
		return nil, tooLarge("more than %d levels", s.limits.Depth)
	case s.elements > s.limits.Elements:
		return nil, tooLarge("more than %d elements", s.limits.Elements)
	case len(v.Attr) > s.limits.Attributes:
		return nil, tooLarge("more than %d attributes on one element", s.limits.Attributes)
	}
	e := element{from: from, to: s.offset(), prefixed: v.Name, scope: len(s.scope)}
	if err := s.declare(v.Attr); err != nil {
		return nil, err
	}
	var err error
	if e.name, err = s.resolve(v.Name, true); err != nil {
		return nil, err
	}
	for _, a := range v.Attr {
		if isDeclaration(a.Name) {
			continue
		}
		name, err := s.resolve(a.Name, false)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(e.attrs, func(have xml.Attr) bool { return have.Name == name }) {
			return nil, malformed("an attribute stands twice")
		}
		e.attrs = append(e.attrs, xml.Attr{Name: name, Value: a.Value})
	}
	s.open = append(s.open, e)
	return &s.open[len(s.open)-1], nil
}

func isDeclaration(n xml.Name) bool { return n.Space == "xmlns" || n.Space == "" && n.Local == "xmlns" }

// declare brings a tag's declarations of namespaces into force.
func (s *scanner) declare(attrs []xml.Attr) error {
	outside := len(s.scope)
	for _, a := range attrs {
		if !isDeclaration(a.Name) {
			continue
		}
		prefix := ""
		if a.Name.Space == "xmlns" {
			prefix = a.Name.Local
		}
		if prefix != "" && a.Value == "" || prefix == "xmlns" || (prefix == "xml") != (a.Value == xmlURI) || a.Value == xmlnsURI {
			return malformed("a namespace is declared that cannot be")
		}
		if slices.ContainsFunc(s.scope[outside:], func(b binding) bool { return b.prefix == prefix }) {
			return malformed("a namespace is declared twice on one element")
		}
		s.declared++
		s.scope = append(s.scope, binding{prefix, a.Value})
	}
	if len(s.scope) > s.limits.Namespaces || s.inHeader && s.declared > s.limits.Namespaces {
		return tooLarge("more than %d declarations of namespaces", s.limits.Namespaces)
	}
	return nil
}

// resolve puts the namespace in the place of a prefix.
func (s *scanner) resolve(n xml.Name, element bool) (xml.Name, error) {
	if n.Space == "" && !element {
		return n, nil
	}
	if n.Space == "xml" {
		return xml.Name{Space: xmlURI, Local: n.Local}, nil
	}
	for i := len(s.scope) - 1; i >= 0; i-- {
		if s.scope[i].prefix == n.Space {
			return xml.Name{Space: s.scope[i].uri, Local: n.Local}, nil
		}
	}
	if n.Space == "" {
		return n, nil
	}
	return n, malformed("a prefix is not declared")
}

// finish takes an end tag, which must be that of the element that is open.
func (s *scanner) finish(n xml.Name) error {
	if len(s.open) == 0 {
		return malformed("an end tag has no start")
	}
	e := s.open[len(s.open)-1]
	if e.prefixed != n {
		return malformed("an end tag is not that of its element")
	}
	s.open = s.open[:len(s.open)-1]
	s.scope = s.scope[:e.scope]
	s.ended = len(s.open) == 0
	return nil
}

// standalone is the element from its start tag to the offset to, with the namespaces that are in force around it declared on it. It must be
// called while the element's own declarations are known: own are those of its start tag.
func (s *scanner) standalone(e element, own []binding, around []binding, to int) []byte {
	tag := s.src.residue[e.from:e.to]
	name := 1 + len(e.prefixed.Local)
	if e.prefixed.Space != "" {
		name += len(e.prefixed.Space) + 1
	}
	out := make([]byte, 0, to-e.from+256)
	out = append(out, tag[:name]...)
	for i := len(around) - 1; i >= 0; i-- {
		b := around[i]
		inner := func(other binding) bool { return other.prefix == b.prefix }
		if b.uri == "" || b.prefix == "xml" || slices.ContainsFunc(own, inner) || slices.ContainsFunc(around[i+1:], inner) {
			continue
		}
		out = append(out, " xmlns"...)
		if b.prefix != "" {
			out = append(append(out, ':'), b.prefix...)
		}
		out = append(appendEscaped(append(out, `="`...), b.uri), '"')
	}
	return append(out, s.src.residue[e.from+name:to]...)
}

// whole reads to the end of the element that was just begun and gives it as XML that stands alone. Each start tag inside is shown to inside,
// which may read on from there, up to but not with that element's end tag.
func (s *scanner) whole(inside func(*element) error) ([]byte, error) {
	e := s.open[len(s.open)-1]
	own := slices.Clone(s.scope[e.scope:])
	depth := len(s.open)
	for {
		t, err := s.next()
		if err != nil {
			return nil, err
		}
		if t.start != nil && inside != nil {
			if err := inside(t.start); err != nil {
				return nil, err
			}
		}
		if t.end && len(s.open) < depth {
			return s.standalone(e, own, s.scope, s.offset()), nil
		}
	}
}
