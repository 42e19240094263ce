package saml

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"github.com/beevik/etree"
)

// maxText bounds one value, in bytes; names and codes end up in the audit log.
const maxText = 2048

// value is one AttributeValue in whichever of the three ways it was written: as text, as an element (IHE), or as the text of an element
// (HelseID, Helsenorge).
type value struct {
	// text is the trimmed text, empty for elements.
	text string
	// fields are the attributes of the element by local name, nil for text.
	fields map[string]string
	// parts are the fields of the element's children, by their local names.
	parts map[string]map[string]string
}

// statements gathers the values of all AttributeStatements by the attributes' names, which are compared exactly.
func (s *statement) statements(el *etree.Element) *refusal {
	s.attributes = map[string][]value{}
	for _, statement := range all(el, spaceSAML, "AttributeStatement") {
		for _, a := range statement.ChildElements() {
			if !is(a, spaceSAML, "Attribute") {
				return malformed("An AttributeStatement may hold Attributes only; encrypted ones are not taken.")
			}
			if why := s.attribute(a); why != nil {
				return why
			}
		}
	}
	return nil
}

func (s *statement) attribute(a *etree.Element) *refusal {
	name := attr(a, "Name")
	for _, el := range a.ChildElements() {
		if !is(el, spaceSAML, "AttributeValue") {
			return malformed("An Attribute may hold AttributeValues only.")
		}
		v, present, err := readValue(el)
		if err != nil && meant(name) {
			return contradicts("The attribute %s cannot be read: %v.", name, err)
		}
		if present && err == nil {
			s.attributes[name] = append(s.attributes[name], v)
		}
	}
	return nil
}

// readValue reports absence for xsi:nil and for a value that is empty: HelseID writes attributes so that it has nothing to say of.
func readValue(el *etree.Element) (v value, present bool, err error) {
	for i := range el.Attr {
		if a := &el.Attr[i]; a.Key == "nil" && (a.Value == "true" || a.Value == "1") && a.NamespaceURI() == spaceXSI {
			return v, false, nil
		}
	}
	children := el.ChildElements()
	if len(children) == 0 {
		written, _ := text(el)
		return readText(written)
	}
	if len(children) > 1 || !bare(el) {
		return v, false, errors.New("it holds text beside an element, or several elements")
	}
	v, err = readElement(children[0])
	return v, true, err
}

// readElement takes the element as add does its text.
func readElement(el *etree.Element) (value, error) {
	v := value{parts: map[string]map[string]string{}}
	if !v.add(started(el), 1) {
		return v, errTwice
	}
	for _, child := range el.ChildElements() {
		if !v.add(started(child), 2) || len(child.ChildElements()) > 0 {
			return v, errTwice
		}
	}
	return v, nil
}

func started(el *etree.Element) xml.StartElement {
	start := xml.StartElement{Name: xml.Name{Local: el.Tag}}
	for _, a := range el.Attr {
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Space: a.Space, Local: a.Key}, Value: a.Value})
	}
	return start
}

// acceptable holds for what may go on to the audit log.
func acceptable(s string) bool {
	return len(s) <= maxText && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

func readText(written string) (v value, present bool, err error) {
	if !strings.HasPrefix(written, "<") {
		if !acceptable(written) {
			return v, false, errors.New("its text is too long or holds a control character")
		}
		return value{text: written}, written != "", nil
	}
	if len(written) > 2*maxText {
		return v, false, errors.New("its text is too long")
	}
	v, err = readEscaped(written)
	return v, true, err
}

var (
	errTwice     = errors.New("its element holds more than it should")
	errNoElement = errors.New("its text begins as an element and is none")
)

// readEscaped reads an element that stands as text. HelseID uses the prefix xsi in it without declaring it, so a reader that minds
// namespaces would fail; nothing here depends on a prefix, and prefixed attributes say only which type it is.
func readEscaped(written string) (value, error) {
	v := value{parts: map[string]map[string]string{}}
	decoder := xml.NewDecoder(strings.NewReader(written))
	depth := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) && depth == 0 && v.fields != nil {
			return v, nil
		}
		if err != nil {
			return v, errNoElement
		}
		switch t := token.(type) {
		case xml.StartElement:
			if depth++; !v.add(t, depth) {
				return v, errTwice
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if strings.TrimSpace(string(t)) != "" {
				return v, errTwice
			}
		default:
			return v, errNoElement
		}
	}
}

// add takes the element itself, once, and its children, each once.
func (v *value) add(start xml.StartElement, depth int) bool {
	fields := map[string]string{}
	for _, a := range start.Attr {
		if _, twice := fields[a.Name.Local]; a.Name.Space == "" && a.Name.Local != "xmlns" {
			if twice || !acceptable(a.Value) {
				return false
			}
			fields[a.Name.Local] = a.Value
		}
	}
	switch _, twice := v.parts[start.Name.Local]; {
	case depth == 1 && v.fields == nil:
		v.fields = fields
	case depth == 2 && !twice:
		v.parts[start.Name.Local] = fields
	default:
		return false
	}
	return true
}
