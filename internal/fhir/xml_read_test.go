package fhir

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// A reader of FHIR's XML that shares nothing with the writer but the structs, which tell it what repeats and what is a number. It gives
// what encoding/json would give for the same resource, and refuses what the specification forbids.

// node is an element with all that is in it.
type node struct {
	name     xml.Name
	attr     map[string]string
	children []*node
	inner    string // of an XHTML div: its markup
}

// readTree reads a document into its root; text between elements may be white space only.
func readTree(text string) (*node, error) {
	decoder := xml.NewDecoder(strings.NewReader(text))
	decoder.Strict = true
	var root *node
	var open []*node
	for {
		begin := decoder.InputOffset()
		token, err := decoder.Token()
		if err == io.EOF {
			if root == nil || len(open) > 0 {
				return nil, errors.New("no whole document")
			}
			return root, nil
		}
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name, attr: map[string]string{}}
			for _, a := range token.Attr {
				if _, twice := n.attr[a.Name.Local]; twice {
					return nil, fmt.Errorf("%s: an attribute stands twice", n.name.Local)
				}
				n.attr[a.Name.Local] = a.Value
			}
			if token.Name.Space == "http://www.w3.org/1999/xhtml" {
				if err := decoder.Skip(); err != nil {
					return nil, err
				}
				n.inner = text[begin:decoder.InputOffset()]
			}
			switch {
			case len(open) > 0:
				open[len(open)-1].children = append(open[len(open)-1].children, n)
			case root != nil:
				return nil, errors.New("two roots")
			default:
				root = n
			}
			if n.inner == "" {
				open = append(open, n)
			}
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if strings.TrimSpace(string(token)) != "" {
				return nil, fmt.Errorf("text between elements: %q", token)
			}
		}
	}
}

// fromXML reads a resource.
func fromXML(text string) (map[string]any, error) {
	root, err := readTree(text)
	if err != nil {
		return nil, err
	}
	return resourceOf(root)
}

// resourceOf reads an element that is named like a resource.
func resourceOf(n *node) (map[string]any, error) {
	for _, r := range resources() {
		if r.FHIRType() == n.name.Local {
			delete(n.attr, "xmlns")
			object, err := objectOf(n, reflect.TypeOf(r).Elem())
			if err == nil {
				object["resourceType"] = n.name.Local
			}
			return object, err
		}
	}
	return nil, fmt.Errorf("%s is no resource", n.name.Local)
}

// objectOf reads the element of a struct. Fields come in their order, so a struct's field that came later may not come again.
func objectOf(n *node, of reflect.Type) (map[string]any, error) {
	object := make(map[string]any)
	for name, value := range n.attr {
		if name != "id" && (name != "url" || of.Name() != "Extension") {
			return nil, fmt.Errorf("%s: attribute %s", n.name.Local, name)
		}
		object[name] = value
	}
	at := 0
	for _, child := range n.children {
		i := fieldNamed(of, child.name.Local)
		if i < at {
			return nil, fmt.Errorf("%s: %s stands too late, or is no element", n.name.Local, child.name.Local)
		}
		at = i
		value, err := valueOf(child, of.Field(i).Type)
		if err != nil {
			return nil, err
		}
		if of.Field(i).Type.Kind() == reflect.Slice {
			list, _ := object[child.name.Local].([]any)
			object[child.name.Local] = append(list, value)
		} else if _, twice := object[child.name.Local]; twice {
			return nil, fmt.Errorf("%s: %s stands twice", n.name.Local, child.name.Local)
		} else {
			object[child.name.Local] = value
		}
	}
	return object, nil
}

func fieldNamed(of reflect.Type, name string) int {
	for i := range of.NumField() {
		if n, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); n == name && name != "resourceType" {
			return i
		}
	}
	return -1
}

// valueOf reads one element by what its field is.
func valueOf(n *node, of reflect.Type) (any, error) {
	for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice {
		of = of.Elem()
	}
	if n.inner != "" {
		return n.inner, nil
	}
	if n.name.Space != "http://hl7.org/fhir" {
		return nil, fmt.Errorf("%s is of namespace %q", n.name.Local, n.name.Space)
	}
	if of == reflect.TypeFor[Resource]() {
		if len(n.children) != 1 || len(n.attr) != 0 {
			return nil, fmt.Errorf("%s holds %d resources", n.name.Local, len(n.children))
		}
		return resourceOf(n.children[0])
	}
	if of.Kind() == reflect.Struct {
		if len(n.attr)+len(n.children) == 0 {
			return nil, fmt.Errorf("%s is empty", n.name.Local)
		}
		return objectOf(n, of)
	}
	text, ok := n.attr["value"]
	if !ok || text == "" || len(n.attr) != 1 || len(n.children) != 0 {
		return nil, fmt.Errorf("%s: a primitive with %v", n.name.Local, n.attr)
	}
	switch of.Kind() {
	case reflect.Bool:
		return text == "true", nil
	case reflect.Int, reflect.Int64:
		return json.Number(text), nil
	}
	return text, nil
}
