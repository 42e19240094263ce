package fhir

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// text writes a string so that it comes out of an XML reader as it is, in an attribute as in text: white space that a reader
// would make a space of is written by number (XML 1.0 §3.3.3). What XML 1.0 §2.2 does not call a character becomes U+FFFD; it has no way to
// write one, not by number either.
func (w *xmlWriter) text(s string) {
	done := 0
	for i := 0; i < len(s); {
		if c := s[i]; c >= ' ' && c < utf8.RuneSelf && c != '&' && c != '<' && c != '>' && c != '"' {
			i++
			continue
		}
		c, size := utf8.DecodeRuneInString(s[i:])
		if instead := escaped(c, size); instead != "" {
			w.WriteString(s[done:i])
			w.WriteString(instead)
			done = i + size
		}
		i += size
	}
	w.WriteString(s[done:])
}

// escaped is what stands for a character that cannot stand for itself, and empty for one that can.
func escaped(c rune, size int) string {
	switch {
	case c == '&':
		return "&amp;"
	case c == '<':
		return "&lt;"
	case c == '>':
		return "&gt;"
	case c == '"':
		return "&quot;"
	case c == '\t':
		return "&#9;"
	case c == '\n':
		return "&#10;"
	case c == '\r':
		return "&#13;"
	case c < ' ', c == 0xFFFE, c == 0xFFFF, c == utf8.RuneError && size == 1: // the last is a byte that is no UTF-8
		return "\uFFFD"
	}
	return ""
}

const (
	xhtmlNamespace = "http://www.w3.org/1999/xhtml"
	xmlNamespace   = "http://www.w3.org/XML/1998/namespace" // which encoding/xml calls "xml" or by this name
)

// errNoXHTML refuses a narrative that would make the answer something else than it looks.
var errNoXHTML = errors.New("a narrative must be one well-formed div of XHTML")

// xhtml writes a Narrative.div, which is text with markup in JSON and markup in XML. It is read and written anew, so that no
// text gets out of its div; comments are left out, and named characters of HTML, which XML does not know, become themselves.
func (w *xmlWriter) xhtml(div string) error {
	if div == "" {
		return nil
	}
	decoder := xml.NewDecoder(strings.NewReader(div))
	decoder.Entity = xml.HTMLEntity
	depth, divs := 0, 0
	for {
		token, err := decoder.Token()
		if err == io.EOF && divs == 1 {
			return nil
		}
		if err != nil {
			return errors.Join(errNoXHTML, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if depth == 0 {
				divs++
			}
			if depth == 0 && token.Name.Local != "div" {
				return errNoXHTML
			}
			depth++
			err = w.xhtmlStart(token, depth == 1)
		case xml.EndElement:
			depth--
			w.WriteString("</" + token.Name.Local + ">")
		case xml.CharData:
			if depth > 0 {
				w.text(string(token))
			} else if strings.TrimSpace(string(token)) != "" {
				err = errNoXHTML
			}
		case xml.Comment:
		default:
			err = errNoXHTML
		}
		if err != nil {
			return err
		}
	}
}

// xhtmlStart writes a start tag; the div's declares the namespace for all that is in it.
func (w *xmlWriter) xhtmlStart(start xml.StartElement, isDiv bool) error {
	if start.Name.Space != xhtmlNamespace && start.Name.Space != "" {
		return fmt.Errorf("%w: it has an element of another namespace", errNoXHTML)
	}
	w.WriteString("<" + start.Name.Local)
	if isDiv {
		w.WriteString(` xmlns="` + xhtmlNamespace + `"`)
	}
	seen := make(map[xml.Name]bool)
	for _, a := range start.Attr {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		name := a.Name.Local
		if a.Name.Space == xmlNamespace || a.Name.Space == "xml" {
			name = "xml:" + name
		} else if a.Name.Space != "" {
			return fmt.Errorf("%w: it has an attribute of another namespace", errNoXHTML)
		}
		if seen[a.Name] {
			return fmt.Errorf("%w: an attribute stands twice", errNoXHTML)
		}
		seen[a.Name] = true
		w.attribute(name, a.Value)
	}
	w.WriteByte('>')
	return nil
}
