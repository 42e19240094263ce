package toolkit

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/antchfx/xpath"
	"github.com/beevik/etree"
)

// turned is a comparison with its literal on the left, which antchfx/xpath 1.3.9 takes for false whatever stands on the right.
var turned = regexp.MustCompile(`^\s*(['"][^'"]*['"])\s*(!?=)\s*(//.*)$`)

// holds tells whether an XPath is true of a document.
func holds(document, expression string) (bool, error) {
	expression = turned.ReplaceAllString(strings.ReplaceAll(expression, "\n", " "), "$3 $2 $1")
	value, err := evaluate(document, "boolean("+expression+")")
	truth, _ := value.(bool)
	return truth, err
}

// text is the string value of an XPath in a document: of the first node when it finds several.
func text(document, expression string) (string, error) {
	value, err := evaluate(document, "string("+expression+")")
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(fmt.Sprint(value)), nil
}

func evaluate(document, expression string) (any, error) {
	compiled, err := xpath.Compile(expression)
	if err != nil {
		return nil, err
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromString(document); err != nil {
		return nil, err
	}
	return compiled.Evaluate(&navigator{node: &doc.Element, attr: -1}), nil
}

// navigator walks an etree document for XPath: elements, their attributes and text; the rest is passed by.
type navigator struct {
	node etree.Token
	// attr is the index of the attribute at which it stands, -1 when at the node.
	attr int
}

func (n *navigator) element() *etree.Element {
	e, _ := n.node.(*etree.Element)
	return e
}

// NodeType implements xpath.NodeNavigator, as do all methods below.
func (n *navigator) NodeType() xpath.NodeType {
	switch e := n.element(); {
	case e == nil:
		return xpath.TextNode
	case n.attr >= 0:
		return xpath.AttributeNode
	case e.Parent() == nil:
		return xpath.RootNode
	}
	return xpath.ElementNode
}

func (n *navigator) LocalName() string {
	switch e := n.element(); {
	case e == nil:
		return ""
	case n.attr >= 0:
		return e.Attr[n.attr].Key
	default:
		return e.Tag
	}
}

func (n *navigator) Prefix() string {
	switch e := n.element(); {
	case e == nil:
		return ""
	case n.attr >= 0:
		return e.Attr[n.attr].Space
	default:
		return e.Space
	}
}

// NamespaceURL is what namespace-uri() gives.
func (n *navigator) NamespaceURL() string {
	switch e := n.element(); {
	case e == nil:
		return ""
	case n.attr >= 0:
		return e.Attr[n.attr].NamespaceURI()
	default:
		return e.NamespaceURI()
	}
}

func (n *navigator) Value() string {
	e := n.element()
	switch {
	case e == nil:
		return n.node.(*etree.CharData).Data
	case n.attr >= 0:
		return e.Attr[n.attr].Value
	}
	return content(e)
}

// content is all text in an element.
func content(e *etree.Element) string {
	var b strings.Builder
	for _, c := range e.Child {
		switch c := c.(type) {
		case *etree.CharData:
			b.WriteString(c.Data)
		case *etree.Element:
			b.WriteString(content(c))
		}
	}
	return b.String()
}

func (n *navigator) Copy() xpath.NodeNavigator {
	copied := *n
	return &copied
}

func (n *navigator) MoveToRoot() {
	for n.attr = -1; n.node.Parent() != nil; {
		n.node = n.node.Parent()
	}
}

func (n *navigator) MoveToParent() bool {
	if n.attr >= 0 {
		n.attr = -1
		return true
	}
	if n.node.Parent() == nil {
		return false
	}
	n.node = n.node.Parent()
	return true
}

func (n *navigator) MoveToNextAttribute() bool {
	e := n.element()
	for next := n.attr + 1; e != nil && next < len(e.Attr); next++ {
		if a := e.Attr[next]; a.Space != "xmlns" && (a.Space != "" || a.Key != "xmlns") {
			n.attr = next
			return true
		}
	}
	return false
}

func (n *navigator) MoveToChild() bool {
	e := n.element()
	return e != nil && n.attr < 0 && n.to(e.Child, 0, 1)
}

func (n *navigator) MoveToFirst() bool {
	p := n.node.Parent()
	return p != nil && n.attr < 0 && n.to(p.Child, 0, 1)
}

func (n *navigator) MoveToNext() bool     { return n.beside(1) }
func (n *navigator) MoveToPrevious() bool { return n.beside(-1) }

func (n *navigator) beside(step int) bool {
	p := n.node.Parent()
	return p != nil && n.attr < 0 && n.to(p.Child, slices.Index(p.Child, n.node)+step, step)
}

// to goes to the first element or text from a place on.
func (n *navigator) to(among []etree.Token, from, step int) bool {
	for i := from; i >= 0 && i < len(among); i += step {
		switch among[i].(type) {
		case *etree.Element, *etree.CharData:
			n.node = among[i]
			return true
		}
	}
	return false
}

func (n *navigator) MoveTo(other xpath.NodeNavigator) bool {
	o, ok := other.(*navigator)
	if ok {
		*n = *o
	}
	return ok
}
