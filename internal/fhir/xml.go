package fhir

import (
	"bytes"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// MediaTypeXML is the content type of everything that MarshalXML writes.
const MediaTypeXML = "application/fhir+xml"

const (
	xmlHead   = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	namespace = "http://hl7.org/fhir"
)

// MarshalXML writes a resource of this package, or one that Hold holds, in FHIR's XML (hl7.org/fhir/R4/xml.html): the elements
// that Marshal writes, in the order of the structs, which is the order of the specification (a test holds them to it); primitives as value
// attributes, Element.id and Extension.url as attributes; the same value always gives the same bytes. An element without anything in it is left
// out, and a character that XML 1.0 cannot hold is told as U+FFFD.
//
// It is an error to write a resource whose type this package does not know (Resource.Raw): nobody could say the order of its
// elements. So is a Narrative that is no XHTML div.
func MarshalXML(v any) ([]byte, error) {
	w := &xmlWriter{plans: make(map[reflect.Type][]xmlField)}
	w.WriteString(xmlHead)
	held, isHeld := v.(*Resource)
	if !isHeld {
		resource, ok := v.(Typed)
		if !ok {
			return nil, fmt.Errorf("a %T is no resource, so XML has no element for it", v)
		}
		held = &Resource{Value: resource}
	}
	err := w.resource(held, ` xmlns="`+namespace+`"`)
	return w.Bytes(), err
}

// xmlWriter writes one resource.
type xmlWriter struct {
	bytes.Buffer
	// plans are made anew for each resource: it takes microseconds, and nothing has to be shared.
	plans map[reflect.Type][]xmlField
}

// xmlField is a struct's field as XML has it.
type xmlField struct {
	index int
	name  string
	form  xmlForm
}

type xmlForm uint8

const (
	asElement xmlForm = iota
	asAttribute
	asXHTML
)

// plan is what XML has of a struct's fields, in their order.
func (w *xmlWriter) plan(t reflect.Type) []xmlField {
	if plan, ok := w.plans[t]; ok {
		return plan
	}
	_, isResource := reflect.New(t).Interface().(Typed)
	plan := make([]xmlField, 0, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		name = strings.TrimPrefix(name, "_") // JSON's _x stands where the primitive x has no value (Absent); XML has one element
		field := xmlField{index: i, name: name}
		switch {
		case name == "-", name == "resourceType":
			continue
		case name == "id" && !isResource, name == "url" && t == reflect.TypeFor[Extension]():
			field.form = asAttribute
		case name == "div" && t == reflect.TypeFor[Narrative]():
			field.form = asXHTML
		}
		plan = append(plan, field)
	}
	w.plans[t] = plan
	return plan
}

// resource writes a held resource as the element of its type, which stands even when nothing is in it.
func (w *xmlWriter) resource(held *Resource, attributes string) error {
	if held.Value == nil || reflect.ValueOf(held.Value).IsNil() {
		return fmt.Errorf("a resource of type %q is not known here, so its elements have no order in XML", held.Type)
	}
	name := held.Value.FHIRType()
	w.WriteString("<" + name + attributes)
	opened := w.Len()
	w.WriteByte('>')
	if err := w.children(reflect.ValueOf(held.Value).Elem()); err != nil {
		return err
	}
	w.end(name, opened)
	return nil
}

// end closes an element whose start tag wants its ">" at opened.
func (w *xmlWriter) end(name string, opened int) {
	if w.Len() == opened+1 {
		w.Truncate(opened)
		w.WriteString("/>")
		return
	}
	w.WriteString("</")
	w.WriteString(name)
	w.WriteByte('>')
}

// element writes a struct; when it has neither attribute nor child it is as if it were not there.
func (w *xmlWriter) element(name string, v reflect.Value) error {
	start := w.Len()
	w.WriteByte('<')
	w.WriteString(name)
	named := w.Len()
	for _, f := range w.plan(v.Type()) {
		if f.form == asAttribute && v.Field(f.index).Len() > 0 {
			w.attribute(f.name, v.Field(f.index).String())
		}
	}
	opened := w.Len()
	w.WriteByte('>')
	if err := w.children(v); err != nil {
		return err
	}
	if opened == named && w.Len() == opened+1 {
		w.Truncate(start)
		return nil
	}
	w.end(name, opened)
	return nil
}

// children writes what is inside the element of a struct.
func (w *xmlWriter) children(v reflect.Value) error {
	for _, f := range w.plan(v.Type()) {
		var err error
		switch field := v.Field(f.index); f.form {
		case asElement:
			err = w.value(f.name, field)
		case asXHTML:
			err = w.xhtml(field.String())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return nil
}

// value writes a field as the element, or the elements, of its name.
func (w *xmlWriter) value(name string, v reflect.Value) error {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return w.value(name, v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if err := w.value(name, v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case reflect.Struct:
		if held, ok := v.Addr().Interface().(*Resource); ok {
			return w.holder(name, held)
		}
		return w.element(name, v)
	case reflect.String:
		w.primitive(name, v.String())
		return nil
	case reflect.Bool:
		w.primitive(name, strconv.FormatBool(v.Bool()))
		return nil
	case reflect.Int, reflect.Int64:
		w.primitive(name, strconv.FormatInt(v.Int(), 10))
		return nil
	}
	return fmt.Errorf("a %s has no form in XML", v.Type())
}

// holder writes the element in which another resource stands.
func (w *xmlWriter) holder(name string, held *Resource) error {
	w.WriteString("<" + name + ">")
	err := w.resource(held, "")
	w.WriteString("</" + name + ">")
	return err
}

// primitive writes a primitive that has a value.
func (w *xmlWriter) primitive(name, value string) {
	if value == "" {
		return
	}
	w.WriteByte('<')
	w.WriteString(name)
	w.attribute("value", value)
	w.WriteString("/>")
}

func (w *xmlWriter) attribute(name, value string) {
	w.WriteByte(' ')
	w.WriteString(name)
	w.WriteString(`="`)
	w.text(value)
	w.WriteByte('"')
}
