package format

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// set is a character encoding that documents may use.
type set uint8

const (
	utf8Set set = iota
	utf16LE
	utf16BE
	latin1
	latin9
	windows1252
)

// setNames are the names of IANA's registry, as a charset parameter spells them.
var setNames = [...]string{"utf-8", "utf-16le", "utf-16be", "iso-8859-1", "iso-8859-15", "windows-1252"}

func (s set) String() string { return setNames[s] }

// labelled is the set that an XML declaration names.
func labelled(label string) (s set, known bool) {
	switch strings.ToLower(label) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return utf8Set, true
	case "utf-16", "utf-16le":
		return utf16LE, true
	case "utf-16be":
		return utf16BE, true
	case "iso-8859-1", "latin1":
		return latin1, true
	case "iso-8859-15":
		return latin9, true
	case "windows-1252", "cp1252":
		return windows1252, true
	}
	return utf8Set, false
}

// byteOrder reads the byte order mark, and knows UTF-16 without one by a leading "<" (XML 1.0 appendix F). skip is the length of the mark.
func byteOrder(head []byte) (s set, skip int) {
	starts := func(magic string) bool { return strings.HasPrefix(string(head[:min(len(head), 4)]), magic) }
	switch {
	case starts("\xef\xbb\xbf"):
		return utf8Set, 3
	case starts("\xff\xfe"):
		return utf16LE, 2
	case starts("\xfe\xff"):
		return utf16BE, 2
	case starts("<\x00"):
		return utf16LE, 0
	case starts("\x00<"):
		return utf16BE, 0
	}
	return utf8Set, 0
}

// transcoder turns bytes of one set into UTF-8, whole characters at a time however the writes are split. For UTF-8 it checks
// and passes through. After a fault it is silent.
type transcoder struct {
	set set
	// out gets valid UTF-8 that ends at a character's end; it must not keep it.
	out   func(p []byte)
	fault string
	// carry holds the bytes of a character that a write cut, high the first half of a surrogate pair.
	carry [utf8.UTFMax]byte
	n     int
	high  rune
	buf   []byte
}

func (t *transcoder) write(p []byte) {
	switch {
	case t.fault != "":
	case t.set == utf8Set:
		t.writeUTF8(p)
	case t.set == utf16LE || t.set == utf16BE:
		t.writeUTF16(p)
	default:
		t.writeTable(p)
	}
}

// end tells a character that was cut by the end of the document.
func (t *transcoder) end() string {
	if t.fault == "" && (t.n > 0 || t.high != 0) {
		t.fault = "it ends in the middle of a character"
	}
	return t.fault
}

func (t *transcoder) writeUTF8(p []byte) {
	for t.n > 0 && len(p) > 0 && !utf8.FullRune(t.carry[:t.n]) {
		t.carry[t.n] = p[0]
		t.n, p = t.n+1, p[1:]
	}
	if t.n > 0 {
		if !utf8.FullRune(t.carry[:t.n]) {
			return
		}
		t.pass(t.carry[:t.n])
		t.n = 0
	}
	whole := len(p) - cutTail(p)
	t.pass(p[:whole])
	t.n = copy(t.carry[:], p[whole:])
}

// pass checks what writeUTF8 collected. What stands before the first bad byte is passed on, so that the split of writes does not matter.
func (t *transcoder) pass(p []byte) {
	if t.fault != "" {
		return
	}
	if !utf8.Valid(p) {
		p, t.fault = p[:validLen(p)], "it is not valid "+t.set.String()
	}
	if len(p) > 0 {
		t.out(p)
	}
}

// validLen is how many first bytes of p are whole valid characters.
func validLen(p []byte) (n int) {
	for n < len(p) {
		r, size := utf8.DecodeRune(p[n:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		n += size
	}
	return n
}

// cutTail is how many last bytes of p begin a character without ending it.
func cutTail(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		if tail := p[len(p)-n:]; utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

func (t *transcoder) writeUTF16(p []byte) {
	for _, b := range p {
		if t.n == 0 {
			t.carry[0], t.n = b, 1
			continue
		}
		t.n = 0
		unit := rune(t.carry[0])<<8 | rune(b)
		if t.set == utf16LE {
			unit = rune(b)<<8 | rune(t.carry[0])
		}
		if t.unit(unit); t.fault != "" {
			break
		}
	}
	t.flush()
}

// unit takes one 16-bit unit and pairs surrogates.
func (t *transcoder) unit(u rune) {
	isLow := u >= 0xDC00 && u <= 0xDFFF
	switch {
	case isLow != (t.high != 0):
		t.fault = "it is not valid utf-16"
	case isLow:
		t.put(utf16.DecodeRune(t.high, u))
		t.high = 0
	case u >= 0xD800 && u < 0xDC00:
		t.high = u
	default:
		t.put(u)
	}
}

func (t *transcoder) writeTable(p []byte) {
	table := charmap.ISO8859_1
	switch t.set {
	case latin9:
		table = charmap.ISO8859_15
	case windows1252:
		table = charmap.Windows1252
	}
	for _, b := range p {
		t.put(table.DecodeByte(b))
	}
	t.flush()
}

func (t *transcoder) put(r rune) {
	if t.buf == nil {
		t.buf = make([]byte, 0, headSize)
	}
	if t.buf = utf8.AppendRune(t.buf, r); len(t.buf) > headSize-utf8.UTFMax {
		t.flush()
	}
}

func (t *transcoder) flush() {
	if len(t.buf) > 0 {
		t.out(t.buf)
		t.buf = t.buf[:0]
	}
}
