package format

import (
	"fmt"
	"strings"
)

// maxJSONDepth is far deeper than FHIR goes and shallow enough for every reader's stack.
const maxJSONDepth = 512

// jsonState is what jsonBody expects next.
type jsonState uint8

const (
	jsonValue     jsonState = iota
	jsonFirstItem           // a value or "]"
	jsonFirstKey            // a key or "}"
	jsonKey
	jsonColon
	jsonAfter // a comma or the end of what is open
	jsonDone  // only blanks
	jsonString
	jsonEscape
	jsonHex
	jsonLiteral
	jsonMinus
	jsonZero
	jsonDigits
	jsonPoint
	jsonFraction
	jsonExponent
	jsonSign
	jsonPower
)

// jsonBody judges the grammar of RFC 8259 byte by byte; no library reads a 60 MiB string without keeping it (go.md §6). That the
// bytes are UTF-8 is textBody's to say. Strings go to the extractor as they pass, unescaped as far as base64 needs.
type jsonBody struct {
	state jsonState
	open  []byte
	// rest is what remains of true, false or null, or of four hex digits.
	rest   string
	hex    rune
	inKey  bool
	key    []byte
	strand []byte
	offset int64
	fault  string
	parts  *extractor
}

func newJSON(parts *extractor) *jsonBody { return &jsonBody{parts: parts} }

func (b *jsonBody) write(p []byte) {
	for i := 0; i < len(p) && b.fault == ""; {
		n := 1
		if b.state == jsonString {
			n = b.inString(p[i:])
		} else {
			b.step(p[i])
		}
		i += n
		b.offset += int64(n)
	}
}

func (b *jsonBody) end() string {
	if b.state >= jsonZero && len(b.open) == 0 && b.state != jsonPoint && b.state != jsonExponent && b.state != jsonSign {
		b.state = jsonDone // a number ends with the document
	}
	if b.state != jsonDone && b.fault == "" {
		b.fail("it is cut off")
	}
	return b.fault
}

// composite tells an object or array from a lone string or number, which is as much text as JSON.
func (b *jsonBody) composite() bool { return b.open != nil }

func (b *jsonBody) fail(format string, args ...any) {
	b.fault = fmt.Sprintf(format, args...) + fmt.Sprintf(" (byte %d)", b.offset)
}

func (b *jsonBody) expect(ok bool, next jsonState, wanted string) {
	if b.state = next; !ok {
		b.fail("%s was expected", wanted)
	}
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// step takes one byte outside a string's plain part.
func (b *jsonBody) step(c byte) {
	switch b.state {
	case jsonEscape:
		b.escape(c)
	case jsonHex:
		b.hexDigit(c)
	case jsonLiteral:
		b.literal(c)
	case jsonMinus, jsonZero, jsonDigits, jsonPoint, jsonFraction, jsonExponent, jsonSign, jsonPower:
		b.number(c)
	default:
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			b.token(c)
		}
	}
}

// token takes a byte between values.
func (b *jsonBody) token(c byte) {
	switch b.state {
	case jsonFirstItem:
		if c == ']' {
			b.close(c)
			return
		}
		b.value(c)
	case jsonValue:
		b.value(c)
	case jsonFirstKey, jsonKey:
		if c == '}' && b.state == jsonFirstKey {
			b.close(c)
			return
		}
		b.inKey, b.key = true, b.key[:0]
		b.expect(c == '"', jsonString, "a key in quotes")
	case jsonColon:
		b.expect(c == ':', jsonValue, "a colon")
	case jsonAfter:
		b.after(c)
	default:
		b.fail("something stands after the end")
	}
}

func (b *jsonBody) value(c byte) {
	switch {
	case c == '{' || c == '[':
		b.nest(c)
	case c == '"':
		b.state = jsonString
		b.parts.start(stringMode(b.key, b.open))
	case c == '-':
		b.state = jsonMinus
	case c == '0':
		b.state = jsonZero
	case isDigit(c):
		b.state = jsonDigits
	default:
		b.state = jsonLiteral
		if b.rest = restOf(c); b.rest == "" {
			b.fail("a value was expected")
		}
	}
}

// restOf is what follows the first letter of a literal.
func restOf(c byte) string {
	switch c {
	case 't':
		return "rue"
	case 'f':
		return "alse"
	case 'n':
		return "ull"
	}
	return ""
}

// stringMode knows the strings that FHIR says are base64: Attachment.data, Binary.data, Signature.data.
func stringMode(key, open []byte) mode {
	if len(open) > 0 && open[len(open)-1] == '{' && string(key) == "data" {
		return spaced
	}
	return byShape
}

func (b *jsonBody) nest(c byte) {
	if b.open = append(b.open, c); len(b.open) > maxJSONDepth {
		b.fail("it is nested deeper than %d levels", maxJSONDepth)
	}
	b.state = jsonFirstItem
	if c == '{' {
		b.state = jsonFirstKey
	}
}

// close ends what is open; its bracket has been checked or is checked here.
func (b *jsonBody) close(c byte) {
	last := len(b.open) - 1
	if b.open[last] != c-2 { // "{" and "[" stand two before their partners in ASCII
		b.fail("a bracket does not match")
		return
	}
	b.open = b.open[:last]
	b.ended()
}

// ended is called after every value.
func (b *jsonBody) ended() {
	if b.state = jsonAfter; len(b.open) == 0 {
		b.state = jsonDone
	}
}

func (b *jsonBody) after(c byte) {
	switch {
	case c == '}' || c == ']':
		b.close(c)
	case c != ',':
		b.fail("a comma or a closing bracket was expected")
	case b.open[len(b.open)-1] == '{':
		b.state = jsonKey
	default:
		b.state = jsonValue
	}
}

func (b *jsonBody) literal(c byte) {
	if b.rest[0] != c {
		b.fail("a value was expected")
		return
	}
	if b.rest = b.rest[1:]; b.rest == "" {
		b.ended()
	}
}

// afterDigit is where a digit leads.
var afterDigit = [...]jsonState{jsonMinus: jsonDigits, jsonDigits: jsonDigits, jsonPoint: jsonFraction, jsonFraction: jsonFraction,
	jsonExponent: jsonPower, jsonSign: jsonPower, jsonPower: jsonPower}

// number follows RFC 8259 §6; a byte that cannot belong to a complete number ends it and is read anew.
func (b *jsonBody) number(c byte) {
	s := b.state
	switch {
	case isDigit(c) && s != jsonZero:
		b.state = afterDigit[s]
		if s == jsonMinus && c == '0' {
			b.state = jsonZero
		}
	case c == '.' && (s == jsonZero || s == jsonDigits):
		b.state = jsonPoint
	case (c == 'e' || c == 'E') && (s == jsonZero || s == jsonDigits || s == jsonFraction):
		b.state = jsonExponent
	case (c == '+' || c == '-') && s == jsonExponent:
		b.state = jsonSign
	case s == jsonMinus || s == jsonPoint || s == jsonExponent || s == jsonSign:
		b.fail("a digit was expected")
	default:
		b.ended()
		b.step(c)
	}
}

// inString takes as much of a string as needs no thought and returns its length.
func (b *jsonBody) inString(p []byte) int {
	n := 0
	for n < len(p) && p[n] != '"' && p[n] != '\\' && p[n] >= 0x20 {
		n++
	}
	if n > 0 {
		b.emit(p[:n])
		return n
	}
	switch p[0] {
	case '"':
		b.closeString()
	case '\\':
		b.state = jsonEscape
	default:
		b.fail("a control character stands in a string")
	}
	return 1
}

// emit hands on what a string holds; of keys the first few bytes are kept.
func (b *jsonBody) emit(p []byte) {
	if !b.inKey {
		b.parts.text(p)
		return
	}
	const longer = len("data") + 1
	b.key = append(b.key, p[:min(len(p), longer-min(longer, len(b.key)))]...)
}

func (b *jsonBody) closeString() {
	if b.inKey {
		b.inKey, b.state = false, jsonColon
		return
	}
	b.parts.stop()
	b.ended()
}

func (b *jsonBody) escape(c byte) {
	const from, to = `"\/bfnrt`, "\"\\/\b\f\n\r\t"
	if c == 'u' {
		b.state, b.rest, b.hex = jsonHex, "0000", 0
		return
	}
	b.state = jsonString
	i := strings.IndexByte(from, c)
	if i < 0 {
		b.fail("an unknown escape stands in a string")
		return
	}
	b.emitRune(rune(to[i]))
}

// hexDigit reads \u002B, which .NET writes for "+". Lone surrogates are RFC 8259's grammar and pass.
func (b *jsonBody) hexDigit(c byte) {
	v := strings.IndexByte("0123456789abcdefABCDEF", c)
	if v > 15 {
		v -= 6
	}
	if v < 0 {
		b.fail("an escape lacks its four hex digits")
		return
	}
	b.hex = b.hex<<4 | rune(v)
	if b.rest = b.rest[1:]; b.rest == "" {
		b.state = jsonString
		b.emitRune(b.hex)
	}
}

func (b *jsonBody) emitRune(r rune) {
	b.strand = append(b.strand[:0], string(r)...)
	b.emit(b.strand)
}
