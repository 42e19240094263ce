package format

import "bytes"

// tailSize is how far from the end a PDF may have its end mark: readers look through the last 1,024 bytes, generators append a little.
const tailSize = 2048

// tail keeps the first and the last bytes of what passes. last grows to twice its use before it is cut, so that small writes
// do not move it every time.
type tail struct {
	first []byte
	last  []byte
}

func (t *tail) write(p []byte) {
	if n := min(8-len(t.first), len(p)); n > 0 {
		t.first = append(t.first, p[:n]...)
	}
	if len(p) > tailSize {
		p = p[len(p)-tailSize:]
	}
	if len(t.last)+len(p) > 2*tailSize {
		t.last = append(t.last[:0], t.ending()...)
	}
	t.last = append(t.last, p...)
}

// ending is the last tailSize bytes.
func (t *tail) ending() []byte { return t.last[max(0, len(t.last)-tailSize):] }

// pdfBody wants PDF's header at offset 0 and its end mark near the end (ISO 32000-1 §7.5.2, §7.5.5).
type pdfBody struct{ tail }

func (b *pdfBody) end() string {
	switch {
	case !bytes.HasPrefix(b.first, []byte("%PDF-1.")) && !bytes.HasPrefix(b.first, []byte("%PDF-2.")):
		return "its header names no version of PDF"
	case !bytes.Contains(b.ending(), []byte("%%EOF")):
		return "its end is missing (no %%EOF); it may be cut off"
	}
	return ""
}

// rtfBody wants the group that the header opens to be closed by the last character; Word writes a NUL after it.
type rtfBody struct{ tail }

func (b *rtfBody) end() string {
	switch {
	case !bytes.HasPrefix(b.first, []byte(`{\rtf1`)):
		return "its header names no version of RTF"
	case !bytes.HasSuffix(bytes.TrimRight(b.ending(), "\x00 \t\r\n"), []byte("}")):
		return "its end is missing (no closing brace); it may be cut off"
	}
	return ""
}
