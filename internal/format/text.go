package format

import (
	"bytes"
	"fmt"
)

// What a byte may be in text; the classes are bits, so that a chunk's are gathered with one OR per byte.
const (
	isControl = 1 << iota // no text holds it
	isForeign             // Windows-1252 has no character there
)

// textClass classifies bytes: of the control bytes only tab, LF, FF and CR are text; æøå and all line breaks pass, which the
// national service refuses (nhn.md (g) 6).
var textClass = func() (class [256]byte) {
	for b := range byte(0x20) {
		class[b] = isControl
	}
	class['\t'], class['\n'], class['\f'], class['\r'], class[0x7f] = 0, 0, 0, 0, isControl
	for _, b := range []byte{0x81, 0x8d, 0x8f, 0x90, 0x9d} {
		class[b] = isForeign
	}
	return class
}()

// textBody judges text: UTF-8, UTF-16 with a byte order mark, or an 8-bit set of Western Europe, which cannot be told apart and are
// called Windows-1252, and no control bytes. The byte order mark itself is not given to it.
type textBody struct {
	decoder *transcoder
	marked  bool
	seen    byte
	// control is the offset of the first control character, -1 for none; in UTF-16 counted as if it were UTF-8.
	control int64
	passed  int64
}

func newText(s set, marked bool) *textBody {
	b := &textBody{decoder: &transcoder{set: s, out: func([]byte) {}}, marked: marked, control: -1}
	if s != utf8Set {
		b.decoder.out = b.scan
	}
	return b
}

func (b *textBody) write(p []byte) {
	b.decoder.write(p)
	if b.decoder.set == utf8Set {
		b.scan(p) // the bytes themselves: they may be an 8-bit set's
	}
}

// scan gathers the classes of all bytes.
func (b *textBody) scan(p []byte) {
	var seen byte
	for _, c := range p {
		seen |= textClass[c]
	}
	if b.control < 0 && seen&isControl != 0 {
		b.control = b.passed + int64(bytes.IndexFunc(p, func(r rune) bool { return r < 0x80 && textClass[r]&isControl != 0 }))
	}
	b.seen |= seen
	b.passed += int64(len(p))
}

// isUTF8 is for JSON, which must be UTF-8 and may hold DEL.
func (b *textBody) isUTF8() bool { return b.decoder.set == utf8Set && b.decoder.end() == "" }

// charset is meaningful when end finds nothing wrong.
func (b *textBody) charset() set {
	if b.decoder.set == utf8Set && b.decoder.end() != "" {
		return windows1252
	}
	return b.decoder.set
}

func (b *textBody) end() string {
	coding := b.decoder.end()
	switch {
	case b.decoder.set != utf8Set && !b.marked:
		return "it has NUL bytes and no byte order mark that would say it is UTF-16"
	case b.control >= 0:
		return fmt.Sprintf("it holds control characters, the first at byte %d", b.control)
	case coding != "" && (b.marked || b.seen&isForeign != 0):
		return coding
	}
	return ""
}
