package saml

import (
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// The namespaces that decide. Prefixes never do.
const (
	spaceSOAP = "http://www.w3.org/2003/05/soap-envelope"
	spaceWSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	spaceSAML = "urn:oasis:names:tc:SAML:2.0:assertion"
	spaceDSig = "http://www.w3.org/2000/09/xmldsig#"
	spaceExc  = "http://www.w3.org/2001/10/xml-exc-c14n#"
	spaceXSI  = "http://www.w3.org/2001/XMLSchema-instance"
)

// is compares expanded names: etree's own searches take any prefix for a name without one.
func is(el *etree.Element, space, tag string) bool {
	return el != nil && el.Tag == tag && el.NamespaceURI() == space
}

// only is the one child of this name, nil when there is none or more than one.
func only(el *etree.Element, space, tag string) *etree.Element {
	found := all(el, space, tag)
	if len(found) != 1 {
		return nil
	}
	return found[0]
}

func all(el *etree.Element, space, tag string) []*etree.Element {
	return slices.DeleteFunc(el.ChildElements(), func(child *etree.Element) bool { return !is(child, space, tag) })
}

// attr is the value of an attribute without a prefix, empty when there is none.
func attr(el *etree.Element, name string) string {
	for _, a := range el.Attr {
		if a.Space == "" && a.Key == name {
			return a.Value
		}
	}
	return ""
}

// text is an element's text without the white space around it; ok is false when it holds anything else than text.
func text(el *etree.Element) (content string, ok bool) {
	if el == nil {
		return "", false
	}
	var b strings.Builder
	for _, token := range el.Child {
		data, isText := token.(*etree.CharData)
		if !isText {
			return "", false
		}
		b.WriteString(data.Data)
	}
	return strings.Trim(b.String(), " \t\r\n"), true
}

// family reports whether an element has exactly these children, of one namespace and in this order, with only white space between them.
func family(el *etree.Element, space string, tags ...string) bool {
	children := el.ChildElements()
	if len(children) != len(tags) || !bare(el) {
		return false
	}
	for i, child := range children {
		if !is(child, space, tags[i]) {
			return false
		}
	}
	return true
}

// bare reports whether no text stands between an element's children.
func bare(el *etree.Element) bool {
	for _, token := range el.Child {
		if data, isText := token.(*etree.CharData); isText && strings.Trim(data.Data, " \t\r\n") != "" {
			return false
		}
	}
	return true
}

// plain reports whether an element has no other attributes than these, declarations aside.
func plain(el *etree.Element, names ...string) bool {
	for _, a := range el.Attr {
		declares := a.Space == "xmlns" || a.Space == "" && a.Key == "xmlns"
		if !declares && (a.Space != "" || !slices.Contains(names, a.Key)) {
			return false
		}
	}
	return true
}
