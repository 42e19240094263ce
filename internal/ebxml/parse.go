package ebxml

import (
	"bytes"
	"encoding/xml"
	"io"
	"strings"

	"dokumentlager/internal/fault"
)

// reader walks over a payload's tokens.
type reader struct {
	dec     *xml.Decoder
	objects int
}

// maxObjects is how many registry objects a message may have: each costs memory and, in a submission, rows.
const maxObjects = 20_000

// open begins with the payload's start tag.
func open(payload []byte) (*reader, xml.StartElement, error) {
	r := &reader{dec: xml.NewDecoder(bytes.NewReader(payload))}
	for {
		t, err := r.dec.Token()
		if err != nil {
			return nil, xml.StartElement{}, unreadable(err)
		}
		if start, ok := t.(xml.StartElement); ok {
			return r, start, nil
		}
	}
}

// unreadable is told of XML that is none. The decoder's own words may quote the message, and stay with us.
func unreadable(err error) error {
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fault.New(fault.MalformedBody, "The message in the body is not well-formed XML, or cut off.").Because(err)
}

func wrongPayload() error {
	return fault.New(fault.MalformedBody, "The body holds another message than the one that belongs to this transaction.")
}

// children hands out the elements inside the one that was opened, to its end. Each must be read by the function, or passed over with skip.
func (r *reader) children(each func(xml.StartElement) error) error {
	for {
		t, err := r.dec.Token()
		if err != nil {
			return unreadable(err)
		}
		switch v := t.(type) {
		case xml.StartElement:
			if err := each(v); err != nil {
				return err
			}
		case xml.EndElement:
			return nil
		}
	}
}

// skip passes over the rest of an element.
func (r *reader) skip() error {
	for depth := 1; depth > 0; {
		t, err := r.dec.Token()
		if err != nil {
			return unreadable(err)
		}
		switch t.(type) {
		case xml.StartElement:
			depth++
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

// text is an element's text without the white space around it.
func (r *reader) text() (string, error) {
	var first []byte
	for {
		t, err := r.dec.Token()
		if err != nil {
			return "", unreadable(err)
		}
		switch v := t.(type) {
		case xml.CharData:
			first = append(first, v...)
		case xml.StartElement:
			if err := r.skip(); err != nil {
				return "", err
			}
		case xml.EndElement:
			return string(bytes.TrimSpace(first)), nil
		}
	}
}

// attr is an attribute without a namespace, without the white space around it.
func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Space == "" && a.Name.Local == name {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// object is a registry object before anybody says what it means.
type object struct {
	kind                              string
	id, lid, home, status, objectType string
	mimeType                          string
	associationType, source, target   string
	name, description, version        string
	slots                             []Slot
	classes                           []classification
	ids                               []external
}

// classification says of an object that it is of a kind (node), or has a code or an author within a scheme.
type classification struct {
	object, scheme, node, code, name string
	slots                            []Slot
}

// external is an identifier of an object.
type external struct{ object, scheme, value string }

// object reads one registry object.
func (r *reader) object(e xml.StartElement) (object, error) {
	if r.objects++; r.objects > maxObjects {
		return object{}, fault.New(fault.RequestTooLarge, "The message has more than %d registry objects.", maxObjects)
	}
	o := object{kind: e.Name.Local, id: attr(e, "id"), lid: attr(e, "lid"), home: attr(e, "home"), status: attr(e, "status"), objectType: attr(e, "objectType"),
		mimeType: attr(e, "mimeType"), associationType: attr(e, "associationType"), source: attr(e, "sourceObject"), target: attr(e, "targetObject")}
	err := r.children(func(c xml.StartElement) (err error) {
		if c.Name.Space != rimURI {
			return r.skip()
		}
		switch c.Name.Local {
		case "Slot":
			o.slots, err = r.slot(c, o.slots)
		case "Name":
			o.name, err = r.localized()
		case "Description":
			o.description, err = r.localized()
		case "VersionInfo":
			o.version = attr(c, "versionName")
			err = r.skip()
		case "Classification":
			var v classification
			v, err = r.classification(c)
			o.classes = append(o.classes, v)
		case "ExternalIdentifier":
			o.ids = append(o.ids, external{attr(c, "registryObject"), plainRef(attr(c, "identificationScheme")), attr(c, "value")})
			err = r.skip()
		default:
			err = r.skip()
		}
		return err
	})
	return o, err
}

func (r *reader) classification(e xml.StartElement) (classification, error) {
	v := classification{object: attr(e, "classifiedObject"), scheme: plainRef(attr(e, "classificationScheme")), node: plainRef(attr(e, "classificationNode")),
		code: attr(e, "nodeRepresentation")}
	err := r.children(func(c xml.StartElement) (err error) {
		switch {
		case c.Name.Space != rimURI:
			err = r.skip()
		case c.Name.Local == "Slot":
			v.slots, err = r.slot(c, v.slots)
		case c.Name.Local == "Name":
			v.name, err = r.localized()
		default:
			err = r.skip()
		}
		return err
	})
	return v, err
}

// slot appends a slot: Slot/ValueList/Value.
func (r *reader) slot(e xml.StartElement, slots []Slot) ([]Slot, error) {
	s := Slot{Name: attr(e, "name")}
	err := r.children(func(list xml.StartElement) error {
		if list.Name.Local != "ValueList" {
			return r.skip()
		}
		return r.children(func(v xml.StartElement) error {
			if v.Name.Local != "Value" {
				return r.skip()
			}
			text, err := r.text()
			s.Values = append(s.Values, text)
			return err
		})
	})
	return append(slots, s), err
}

// localized is the first LocalizedString of a Name or Description.
func (r *reader) localized() (text string, err error) {
	found := false
	err = r.children(func(c xml.StartElement) error {
		if c.Name.Local == "LocalizedString" && !found {
			text, found = attr(c, "value"), true
		}
		return r.skip()
	})
	return text, err
}
