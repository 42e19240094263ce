package ebxml

import (
	"strconv"
	"unicode/utf8"

	"dokumentlager/internal/document"

	"github.com/google/uuid"
)

// writer appends XML. The registry's own texts are escaped; element names and attributes are constants of this package.
type writer struct {
	out []byte
	// owner and serial make ids for what the model gives none: Classifications and ExternalIdentifiers, which the schema wants to have one.
	owner  uuid.UUID
	serial uint16
	// patient is the last patient that was written, and patientText how: a list is of one.
	patient     document.PatientID
	patientText string
}

// cx is a patient's identifier as text.
func (w *writer) cx(p document.PatientID) string {
	if p.IsZero() {
		return ""
	}
	if p != w.patient {
		w.patient, w.patientText = p, p.CX()
	}
	return w.patientText
}

func (w *writer) raw(s ...string) {
	for _, part := range s {
		w.out = append(w.out, part...)
	}
}

// text writes text, or the value of an attribute.
func (w *writer) text(s string) { w.out = appendEscaped(w.out, s) }

// appendEscaped escapes what XML does not let stand. Characters that XML 1.0 does not have, and bytes that are no UTF-8, become U+FFFD.
func appendEscaped(dst []byte, s string) []byte {
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '<' && c != '>' && c != '&' && c != '"' {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		var replacement string
		switch {
		case c == '<':
			replacement = "&lt;"
		case c == '>':
			replacement = "&gt;"
		case c == '&':
			replacement = "&amp;"
		case c == '"':
			replacement = "&#34;"
		case c == '\t':
			replacement = "&#9;"
		case c == '\n':
			replacement = "&#10;"
		case c == '\r':
			replacement = "&#13;"
		case c < ' ' || r == utf8.RuneError && size == 1 || r == 0xFFFE || r == 0xFFFF:
			replacement = "\uFFFD"
		default:
			i += size
			continue
		}
		dst = append(append(dst, s[start:i]...), replacement...)
		i += size
		start = i
	}
	return append(dst, s[start:]...)
}

// attr writes an attribute, unless it is empty.
func (w *writer) attr(name, value string) {
	if value == "" {
		return
	}
	w.raw(" ", name, `="`)
	w.text(value)
	w.raw(`"`)
}

const hexDigits = "0123456789abcdef"

// uuid writes the 36 characters.
func (w *writer) uuid(id uuid.UUID) {
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			w.out = append(w.out, '-')
		}
		w.out = append(w.out, hexDigits[b>>4], hexDigits[b&15])
	}
}

// ref writes an object's id as an attribute: a UUID with its prefix, anything else as it is.
func (w *writer) ref(name string, id uuid.UUID, symbolic string) {
	switch {
	case id != uuid.Nil:
		w.raw(" ", name, `="`, uuidPrefix)
		w.uuid(id)
		w.raw(`"`)
	default:
		w.attr(name, symbolic)
	}
}

// own writes an id for a part of the object that is being written: its owner's, marked as derived (UUID version 8) and numbered.
func (w *writer) own() {
	w.serial++
	id := w.owner
	id[6] = 0x80 | id[6]&0x0f
	id[8] = 0x80 | id[8]&0x3f
	id[14] ^= byte(w.serial >> 8)
	id[15] ^= byte(w.serial)
	w.ref("id", id, "")
}

// ownerRef writes whose part something is.
func (w *writer) ownerRef(name string, symbolic string) { w.ref(name, w.owner, symbolic) }

// slot writes a slot with values; none when there are none.
func (w *writer) slot(name string, values ...string) {
	begun := false
	for _, v := range values {
		if v == "" {
			continue
		}
		if !begun {
			w.raw(`<Slot name="`, name, `"><ValueList>`)
			begun = true
		}
		w.raw(`<Value>`)
		w.text(v)
		w.raw(`</Value>`)
	}
	if begun {
		w.raw(`</ValueList></Slot>`)
	}
}

// time writes a slot with a DTM.
func (w *writer) time(name string, t document.Time) {
	if t.IsZero() {
		return
	}
	w.raw(`<Slot name="`, name, `"><ValueList><Value>`)
	w.out = t.At.UTC().AppendFormat(w.out, "20060102150405"[:min(max(t.Precision, document.Year), document.Second)])
	w.raw(`</Value></ValueList></Slot>`)
}

// localized writes Name or Description.
func (w *writer) localized(element, text string) {
	if text == "" {
		return
	}
	w.raw(`<`, element, `><LocalizedString value="`)
	w.text(text)
	w.raw(`"/></`, element, `>`)
}

func (w *writer) version(n int) {
	if n > 0 {
		w.raw(`<VersionInfo versionName="`)
		w.out = strconv.AppendInt(w.out, int64(n), 10)
		w.raw(`"/>`)
	}
}

// code writes a Classification with a code; none for the zero code.
func (w *writer) code(scheme, symbolic string, c document.Code) {
	if c.Value == "" && c.System == "" {
		return
	}
	w.classification(scheme, symbolic)
	w.raw(` nodeRepresentation="`)
	w.text(c.Value)
	w.raw(`"><Slot name="codingScheme"><ValueList><Value>`)
	w.text(c.System)
	w.raw(`</Value></ValueList></Slot>`)
	w.localized("Name", c.Display)
	w.raw(`</Classification>`)
}

func (w *writer) classification(scheme, symbolic string) {
	w.raw(`<Classification`)
	w.own()
	w.raw(` classificationScheme="`, uuidPrefix, scheme, `"`)
	w.ownerRef("classifiedObject", symbolic)
	w.raw(` objectType="`, objectPrefix, `Classification"`)
}

// node writes the Classification that says what a package is.
func (w *writer) node(node, symbolic string) {
	w.raw(`<Classification`)
	w.own()
	w.ownerRef("classifiedObject", symbolic)
	w.raw(` classificationNode="`, uuidPrefix, node, `" objectType="`, objectPrefix, `Classification"/>`)
}

func (w *writer) author(scheme, symbolic string, a document.Author) {
	w.classification(scheme, symbolic)
	w.raw(` nodeRepresentation="">`)
	if !a.Person.IsZero() {
		w.slot("authorPerson", personText(a.Person))
	}
	w.slot("authorInstitution", institutionTexts(a.Institutions)...)
	w.slot("authorRole", roleTexts(a.Roles)...)
	w.slot("authorSpecialty", roleTexts(a.Specialties)...)
	w.raw(`</Classification>`)
}

func roleTexts(codes []document.Code) []string {
	if len(codes) == 0 {
		return nil
	}
	texts := make([]string, len(codes))
	for i, c := range codes {
		texts[i] = roleText(c)
	}
	return texts
}

// external writes an ExternalIdentifier; none without a value.
func (w *writer) external(scheme, name, symbolic, value string) {
	if value == "" {
		return
	}
	w.raw(`<ExternalIdentifier`)
	w.own()
	w.ownerRef("registryObject", symbolic)
	w.raw(` identificationScheme="`, uuidPrefix, scheme, `" value="`)
	w.text(value)
	w.raw(`" objectType="`, objectPrefix, `ExternalIdentifier"><Name><LocalizedString value="`, name, `"/></Name></ExternalIdentifier>`)
}
