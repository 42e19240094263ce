package format

import "unicode/utf8"

// What a byte is to content: most bytes need no look.
const (
	xmlPlain = iota
	xmlMark  // may end something
	xmlBad   // control
	xmlHigh  // may begin a character that is none (U+FFFE, U+FFFF)
)

var xmlClass = func() (class [256]byte) {
	for c := range byte(0x20) {
		class[c] = xmlBad
	}
	class['\t'], class['\n'], class['\r'], class[0xef] = xmlPlain, xmlPlain, xmlPlain, xmlHigh
	for _, c := range []byte(`<>&]"'-?`) {
		class[c] = xmlMark
	}
	return class
}()

// content takes text or an attribute's value up to and with its next mark.
func (b *xmlBody) content(p []byte) int {
	n := 0
	for n < len(p) && xmlClass[p[n]] == xmlPlain {
		n++
	}
	if n > 0 {
		b.run = 0
		b.emit(p[:n])
		return n
	}
	c := p[0]
	switch {
	case xmlClass[c] != xmlMark:
		return b.odd(p)
	case c == '&':
		b.back, b.state, b.name, b.run = b.state, xmlRef, b.name[:0], 0
	case b.state == xmlText:
		b.textMark(c)
	case c == b.quote:
		b.closeValue()
	case c == '<':
		b.fail("\"<\" stands in an attribute")
	default:
		b.emit(p[:1])
	}
	return 1
}

// textMark is a mark in text: "]]>" may not stand there (XML 1.0 §2.4).
func (b *xmlBody) textMark(c byte) {
	switch {
	case c == '<':
		b.state = xmlMarkup
		return
	case c == ']':
		b.run++
	case c == '>' && b.run >= 2:
		b.fail("\"]]>\" stands in text")
	default:
		b.run = 0
	}
	b.glyph[0] = c
	b.emit(b.glyph[:1])
}

// odd takes a byte that may not be XML's.
func (b *xmlBody) odd(p []byte) int {
	r, size := utf8.DecodeRune(p)
	if !isXMLRune(r) {
		b.fail("it holds a character that XML does not allow")
		return 0
	}
	b.run = 0
	if b.state != xmlComment && b.state != xmlPI {
		b.emit(p[:size])
	}
	return size
}

// section takes a comment, CDATA section or processing instruction up to and with its next mark.
func (b *xmlBody) section(p []byte) int {
	n := 0
	for n < len(p) && xmlClass[p[n]] == xmlPlain {
		n++
	}
	switch {
	case n == 0 && xmlClass[p[0]] == xmlMark:
		b.sectionMark(p[0])
		return 1
	case b.state == xmlComment && b.run >= 2:
		b.fail("\"--\" stands in a comment")
		return 0
	case n == 0:
		return b.odd(p)
	}
	b.run = 0
	if b.state == xmlCDATA {
		b.emit(p[:n])
	}
	return n
}

// endMark is what ends each section before ">", and how many of it.
func endMark(s xmlState) (mark byte, need int) {
	switch s {
	case xmlComment:
		return '-', 2
	case xmlCDATA:
		return ']', 2
	}
	return '?', 1
}

// sectionMark counts towards "-->", "]]>" and "?>".
func (b *xmlBody) sectionMark(c byte) {
	mark, need := endMark(b.state)
	switch {
	case c == '>' && b.run >= need:
		b.resume()
	case b.state == xmlComment && b.run >= 2:
		b.fail("\"--\" stands in a comment")
	case c == mark:
		b.run++
	default:
		b.run = 0
		if b.state == xmlCDATA {
			b.glyph[0] = c
			b.emit(b.glyph[:1])
		}
	}
}
