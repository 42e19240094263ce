package format

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"strings"
	"unicode/utf8"
)

// Limits on XML. CDA is some 30 levels deep; nothing else is kept of a document than hashes of the open elements' names.
const (
	maxXMLDepth = 256
	maxXMLName  = 256
	maxXMLAttrs = 256
	// maxXMLValue is how much of an attribute's value is looked at: enough for a namespace.
	maxXMLValue = 64
	maxXMLRef   = 16
)

// xmlState is what xmlBody expects next.
type xmlState uint8

const (
	xmlOutside xmlState = iota // around the root element: blanks and markup
	xmlText                    // inside an element
	xmlMarkup                  // behind "<"
	xmlName                    // in a name; then says what it names
	xmlBang                    // behind "<!"
	xmlComment
	xmlCDATA
	xmlTarget // behind a PI's name
	xmlPI
	xmlTag // between attributes
	xmlEq
	xmlQuote
	xmlValue
	xmlEmpty // behind "/" of "<a/"
	xmlEndTag
	xmlRef // behind "&"
)

// xmlNamed says what a name is of.
type xmlNamed uint8

const (
	ofStartTag xmlNamed = iota
	ofEndTag
	ofAttribute
	ofInstruction
)

// xmlElement is what is kept of an open element.
type xmlElement struct {
	name uint64
	mode mode
}

// xmlBody judges the well-formedness of XML 1.0 without a document type declaration, which is refused: entities could grow without bounds or name
// files. encoding/xml keeps whole text nodes and any depth (go.md §1); this keeps neither. Text and attribute values go to the
// extractor as they pass.
type xmlBody struct {
	decoder *transcoder
	state   xmlState
	// names is what the name being read is of, back the state to return to after a reference.
	names xmlNamed
	back  xmlState

	seed  maphash.Seed
	open  []xmlElement
	attrs []uint64
	// name is the name being read, element and attr those last read in a tag, value the start of an attribute's value.
	name, element, attr, value []byte
	mode                       mode
	quote                      byte
	// run counts brackets, dashes or question marks towards an end mark; word is what of "<![CDATA[" has been read.
	run  int
	word string
	// spaced: a blank stands before the next attribute. again: the byte just judged is to be read once more. first: nothing but the
	// document's first "<" has been read. root: the root element has begun.
	spaced, again, first, root bool
	line                       int
	fault                      string
	// active names the root when it is a page or drawing that browsers run scripts of: (X)HTML, SVG.
	active string
	parts  *extractor
	glyph  [utf8.UTFMax]byte
}

func newXML(s set, marked bool, plain []byte, parts *extractor) *xmlBody {
	b := &xmlBody{seed: maphash.MakeSeed(), first: true, line: 1, parts: parts}
	s, b.fault = declaredSet(s, marked, plain)
	b.decoder = &transcoder{set: s, out: b.read}
	return b
}

func (b *xmlBody) write(p []byte) {
	if b.fault == "" {
		b.decoder.write(p)
	}
}

func (b *xmlBody) charset() set { return b.decoder.set }

func (b *xmlBody) end() string {
	if coding := b.decoder.end(); b.fault == "" && coding != "" {
		b.fail("%s", coding)
	}
	if b.fault == "" && !b.root {
		b.fail("there is no root element")
	}
	if b.fault == "" && (len(b.open) > 0 || b.state != xmlOutside) {
		b.fail("it is cut off")
	}
	if b.fault == "" {
		return ""
	}
	return fmt.Sprintf("%s (line %d)", b.fault, b.line)
}

// fail keeps the first fault; read stops there and knows the line.
func (b *xmlBody) fail(format string, args ...any) {
	if b.fault == "" {
		b.fault = fmt.Sprintf(format, args...)
	}
}

// read takes valid UTF-8, whole characters.
func (b *xmlBody) read(p []byte) {
	i := 0
	for i < len(p) && b.fault == "" {
		n := b.step(p[i:])
		if b.fault == "" {
			i += n
		}
	}
	b.line += bytes.Count(p[:i], []byte{'\n'})
}

// step takes bytes and returns how many; none when the first belongs to what the new state reads.
func (b *xmlBody) step(p []byte) int {
	switch b.state {
	case xmlText, xmlValue:
		return b.content(p)
	case xmlComment, xmlCDATA, xmlPI:
		return b.section(p)
	case xmlName:
		return b.inName(p)
	}
	if b.markup(p[0]); b.again {
		b.again = false
		return 0
	}
	return 1
}

// markup takes one byte of syntax.
func (b *xmlBody) markup(c byte) {
	space := isXMLSpace(c)
	switch b.state {
	case xmlOutside:
		b.outside(c)
	case xmlMarkup:
		b.opening(c)
	case xmlBang:
		b.bang(c)
	case xmlTarget:
		b.target(c)
	case xmlTag:
		b.tag(c)
	case xmlEq:
		if c == '=' {
			b.state = xmlQuote
		} else if !space {
			b.fail("an attribute has no value")
		}
	case xmlQuote:
		if c == '"' || c == '\'' {
			b.openValue(c)
		} else if !space {
			b.fail("an attribute's value has no quotes")
		}
	case xmlEmpty:
		if c != '>' {
			b.fail("a tag is damaged")
		}
		b.pushed()
		b.popped()
	case xmlEndTag:
		if c == '>' {
			b.popped()
		} else if !space {
			b.fail("an end tag is damaged")
		}
	case xmlRef:
		b.reference(c)
	}
}

// outside is before and after the root element.
func (b *xmlBody) outside(c byte) {
	switch {
	case c == '<':
		b.state = xmlMarkup
		return // first stays: an XML declaration may follow
	case !isXMLSpace(c):
		b.fail("something other than markup stands outside the root element")
	}
	b.first = false
}

// opening is behind "<".
func (b *xmlBody) opening(c byte) {
	switch c {
	case '?':
		b.readName(ofInstruction, false)
		return
	case '!':
		b.state, b.word = xmlBang, ""
	case '/':
		b.readName(ofEndTag, false)
	default:
		if b.root && len(b.open) == 0 {
			b.fail("there is more than one root element")
		}
		b.readName(ofStartTag, true)
	}
	b.first = false
}

// readName reads a name next, from the byte just taken when reread is set.
func (b *xmlBody) readName(of xmlNamed, reread bool) {
	b.state, b.names, b.name, b.again = xmlName, of, b.name[:0], reread
}

// inName takes as much of a name as is there.
func (b *xmlBody) inName(p []byte) int {
	n := nameLen(p, len(b.name) == 0)
	if b.name = append(b.name, p[:min(n, maxXMLName+1)]...); len(b.name) > maxXMLName {
		b.fail("a name is longer than %d bytes", maxXMLName)
	}
	if n < len(p) {
		b.endName()
	}
	return n
}

func (b *xmlBody) endName() {
	if len(b.name) == 0 {
		b.fail("a name was expected")
		return
	}
	switch b.names {
	case ofStartTag:
		b.startTag()
	case ofEndTag:
		b.endTag()
	case ofAttribute:
		b.attribute()
	case ofInstruction:
		b.startTarget()
	}
}

func (b *xmlBody) hash(name []byte) uint64 { return maphash.Bytes(b.seed, name) }

// startTag is called with the element's name.
func (b *xmlBody) startTag() {
	b.element = append(b.element[:0], b.name...)
	b.attrs, b.spaced, b.mode = b.attrs[:0], false, byShape
	local := localName(b.element)
	if bytes.EqualFold(local, []byte("Base64Container")) { // the national message standards' name for an attachment
		b.mode = stated
	}
	if !b.root {
		b.activeRoot(string(bytes.ToLower(local)))
	}
	b.state, b.root = xmlTag, true
}

func (b *xmlBody) activeRoot(local string) {
	switch local {
	case "html", "script", "iframe", "body", "head":
		b.active = "HTML"
	case "svg":
		b.active = "SVG"
	}
}

// tag is between a start tag's attributes.
func (b *xmlBody) tag(c byte) {
	switch {
	case isXMLSpace(c):
		b.spaced = true
	case c == '>':
		b.pushed()
	case c == '/':
		b.state = xmlEmpty
	case !b.spaced:
		b.fail("a tag is damaged")
	default:
		b.readName(ofAttribute, true)
	}
}

// attribute is called with an attribute's name.
func (b *xmlBody) attribute() {
	b.attr = append(b.attr[:0], b.name...)
	hash := b.hash(b.attr)
	for _, other := range b.attrs {
		if other == hash {
			b.fail("an attribute stands twice in one element")
		}
	}
	if b.attrs = append(b.attrs, hash); len(b.attrs) > maxXMLAttrs {
		b.fail("an element has more than %d attributes", maxXMLAttrs)
	}
	b.state = xmlEq
}

// openValue begins an attribute's value. FHIR's XML keeps base64Binary in <data value="…"/>.
func (b *xmlBody) openValue(quote byte) {
	b.state, b.quote, b.value = xmlValue, quote, b.value[:0]
	m := byShape
	if string(b.attr) == "value" && string(localName(b.element)) == "data" {
		m = spaced
	}
	b.parts.start(m)
}

func (b *xmlBody) closeValue() {
	b.parts.stop()
	b.state, b.spaced = xmlTag, false
	if string(b.attr) == "representation" && string(b.value) == "B64" {
		b.mode = stated // HL7 v3 data types, ED.representation
	}
	if len(b.open) == 0 {
		b.rootNamespace()
	}
}

// rootNamespace knows pages and drawings by their namespace, whatever the prefix.
func (b *xmlBody) rootNamespace() {
	declares := "xmlns"
	if prefix, _, found := strings.Cut(string(b.element), ":"); found {
		declares += ":" + prefix
	}
	if string(b.attr) != declares {
		return
	}
	switch string(b.value) {
	case "http://www.w3.org/1999/xhtml":
		b.active = "XHTML"
	case "http://www.w3.org/2000/svg":
		b.active = "SVG"
	}
}

// pushed enters an element.
func (b *xmlBody) pushed() {
	if b.open = append(b.open, xmlElement{b.hash(b.element), b.mode}); len(b.open) > maxXMLDepth {
		b.fail("it is nested deeper than %d levels", maxXMLDepth)
	}
	b.inside()
}

// endTag is called with the end tag's name.
func (b *xmlBody) endTag() {
	last := len(b.open) - 1
	if last < 0 || b.open[last].name != b.hash(b.name) {
		b.fail("an end tag does not match its start tag")
	}
	b.state = xmlEndTag
}

// popped leaves the innermost element.
func (b *xmlBody) popped() {
	b.open = b.open[:len(b.open)-1]
	b.inside()
}

// inside goes on after a tag, which ends a run of base64; after the root's end no text can come that would go on with it.
func (b *xmlBody) inside() {
	b.run, b.state = 0, xmlOutside
	if depth := len(b.open); depth > 0 {
		b.state = xmlText
		b.parts.start(b.open[depth-1].mode)
	}
}

// resume goes on after a comment, CDATA section or processing instruction; they do not end a run of base64, as they do not for readers.
func (b *xmlBody) resume() {
	b.run, b.state = 0, xmlOutside
	if len(b.open) > 0 {
		b.state = xmlText
	}
}

// bang is behind "<!": a comment or CDATA section. Anything else would be a document type declaration.
func (b *xmlBody) bang(c byte) {
	const comment, cdata = "--", "[CDATA["
	b.word += string(rune(c))
	b.run = 0
	switch {
	case b.word == comment:
		b.state = xmlComment
	case b.word == cdata && len(b.open) > 0:
		b.state = xmlCDATA
	case c == 'D' && b.word == "D":
		b.fail("it has a document type declaration (DOCTYPE), which is not accepted")
	case !strings.HasPrefix(comment, b.word) && !strings.HasPrefix(cdata, b.word) || b.word == cdata:
		b.fail("unknown markup stands behind \"<!\"")
	}
}

// startTarget is called with a processing instruction's name. "xml" is the declaration, only at the very start; declaredSet has read it.
func (b *xmlBody) startTarget() {
	if strings.EqualFold(string(b.name), "xml") && (!b.first || string(b.name) != "xml") {
		b.fail("an XML declaration stands where none may be")
	}
	b.state, b.run, b.first = xmlTarget, 0, false
}

// target is behind the name: a blank or the end.
func (b *xmlBody) target(c byte) {
	switch {
	case c == '?' && b.run == 0:
		b.run = 1
	case c == '>' && b.run == 1:
		b.resume()
	case isXMLSpace(c) && b.run == 0:
		b.state = xmlPI
	default:
		b.fail("a processing instruction is damaged")
	}
}

// reference collects what stands between "&" and ";".
func (b *xmlBody) reference(c byte) {
	if c != ';' {
		if b.name = append(b.name, c); len(b.name) > maxXMLRef {
			b.fail("an entity reference is damaged")
		}
		return
	}
	r, ok := reference(string(b.name))
	if !ok {
		b.fail("an entity reference names nothing that is known")
	}
	b.state = b.back
	b.emit(b.glyph[:utf8.EncodeRune(b.glyph[:], r)])
}

// emit hands text on.
func (b *xmlBody) emit(p []byte) {
	if b.state == xmlValue && len(b.value) < maxXMLValue {
		b.value = append(b.value, p[:min(len(p), maxXMLValue-len(b.value))]...)
	}
	b.parts.text(p)
}
