package fhir

import (
	"bytes"
	stdbase64 "encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/segmentio/asm/base64"

	"dokumentlager/internal/fault"
)

// stageSize is how much base64 is gathered before it is decoded: a multiple of 4.
const stageSize = 32 << 10

// bodyDecoder decodes one JSON string of base64 into a sink, from after its opening quote to with its closing one. It undoes JSON's
// escapes and leaves out white space, which FHIR allows (base64Binary), and is strict otherwise: alphabet, padding, no
// stray bits. The text is gathered in stage, with marks that lead from there back to the body for the error's sake.
type bodyDecoder struct {
	in       *input
	sink     io.Writer
	location string
	stage    []byte
	marks    []mark
	out      []byte
}

// mark says that from stage offset at, the body's offset is body + (offset - at). There is one for each stretch between escapes, so
// there are never more than stageSize of them.
type mark struct {
	at   int
	body int64
}

func newBodyDecoder(in *input) *bodyDecoder {
	return &bodyDecoder{in: in, stage: make([]byte, 0, stageSize), out: make([]byte, stageSize)}
}

// decodeInto reads to the end of the string. io.EOF means that the body ended before it; a sink's error is wrapped.
func (d *bodyDecoder) decodeInto(sink io.Writer, location string) error {
	d.sink, d.location = sink, location
	d.stage, d.marks = d.stage[:0], d.marks[:0]
	var quoteless int64 // the body's offset up to which no quote stands, so that escapes do not make us look for it again
	for {
		w, err := d.in.window()
		if err != nil {
			return err
		}
		if d.in.offset() >= quoteless {
			n := bytes.IndexByte(w, '"')
			if n == 0 {
				d.in.skip(1)
				return d.finish()
			}
			if n < 0 {
				n = len(w)
			}
			quoteless = d.in.offset() + int64(n)
		}
		if err := d.takeRun(w[:min(int64(len(w)), quoteless-d.in.offset())]); err != nil {
			return err
		}
	}
}

// takeRun takes characters up to the first escape, and the escape.
func (d *bodyDecoder) takeRun(w []byte) error {
	n := bytes.IndexByte(w, '\\')
	if n < 0 {
		n = len(w)
	}
	if err := d.takePlain(w[:n]); err != nil {
		return err
	}
	if n == len(w) {
		return nil
	}
	return d.takeEscape()
}

// takePlain takes characters that stand for themselves. Literal spaces are left out; the other white space cannot stand
// unescaped in a JSON string and is refused with the rest of what is no base64.
func (d *bodyDecoder) takePlain(w []byte) error {
	for len(w) > 0 {
		part := w
		if n := bytes.IndexByte(w, ' '); n >= 0 {
			part = w[:n]
		}
		for len(part) > 0 {
			n := min(len(part), stageSize-len(d.stage))
			d.add(part[:n], d.in.offset())
			d.in.skip(n)
			part, w = part[n:], w[n:]
			if err := d.flushFull(); err != nil {
				return err
			}
		}
		if len(w) > 0 { // the space
			d.in.skip(1)
			w = w[1:]
		}
	}
	return nil
}

// takeEscape takes the escape at the window's start. White space is left out.
func (d *bodyDecoder) takeEscape() error {
	at := d.in.offset()
	d.in.skip(1)
	c, err := d.in.next()
	if err != nil {
		return err
	}
	switch c {
	case '"', '\\', '/':
	case 'b', 'f':
		c = '\b' // no base64: refused by its place
	case 'n', 'r', 't':
		return nil
	case 'u':
		if c, err = d.hexEscape(at); err != nil || isSpace(c) {
			return err
		}
	default:
		return d.malformed("The body is not JSON: at byte %d a backslash is followed by what cannot be escaped.", at)
	}
	d.add([]byte{c}, at)
	return d.flushFull()
}

// hexEscape reads the four digits of a \u escape. What is not ASCII, or a control character that JSON lets stand escaped, becomes 0xFF, which is
// no base64 either.
func (d *bodyDecoder) hexEscape(at int64) (byte, error) {
	var code int
	for range 4 {
		c, err := d.in.next()
		if err != nil {
			return 0, err
		}
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, d.malformed("The body is not JSON: at byte %d stands \\u without four hexadecimal digits.", at)
		}
		code = code<<4 | digit
	}
	if code >= 0x80 || code < 0x20 && !isSpace(byte(code)) {
		return 0xFF, nil
	}
	return byte(code), nil
}

// add stages characters that stand at the body's offset.
func (d *bodyDecoder) add(p []byte, at int64) {
	d.marks = append(d.marks, mark{len(d.stage), at})
	d.stage = append(d.stage, p...)
}

// flushFull decodes a full stage but for its last four characters, in which alone padding may stand.
func (d *bodyDecoder) flushFull() error {
	if len(d.stage) < stageSize {
		return nil
	}
	ready := stageSize - 4
	if err := d.decode(ready); err != nil {
		return err
	}
	var rest [4]mark
	for i := range rest {
		rest[i] = mark{i, d.offsetOf(ready + i)}
	}
	d.marks = append(d.marks[:0], rest[:]...)
	d.stage = append(d.stage[:0], d.stage[ready:]...)
	return nil
}

// decode decodes the first n staged characters, n a multiple of 4 and without padding, and writes the bytes to the sink.
func (d *bodyDecoder) decode(n int) error {
	size, err := base64.RawStdEncoding.Decode(d.out, d.stage[:n])
	if err != nil || size != n/4*3 { // fewer bytes: the library passes over line breaks, which JSON forbids
		return d.corrupt(d.stage[:n], false)
	}
	return d.write(d.out[:size])
}

// finish decodes what is staged when the closing quote was met.
func (d *bodyDecoder) finish() error {
	if len(d.stage) == 0 {
		return nil
	}
	if len(d.stage)%4 != 0 {
		return d.corrupt(d.stage, true)
	}
	last := len(d.stage) - 4
	if err := d.decode(last); err != nil {
		return err
	}
	var tail [3]byte
	n, err := stdbase64.StdEncoding.Strict().Decode(tail[:], d.stage[last:])
	if err != nil || badIndex(d.stage[last:], true) >= 0 {
		return d.corrupt(d.stage, true)
	}
	return d.write(tail[:n])
}

// write gives bytes to the sink. Its error is the caller's own: wrapped, so that an io.EOF of the sink is not taken for the body's.
func (d *bodyDecoder) write(p []byte) error {
	n, err := d.sink.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("fhir: the sink of %s: %w", d.location, located(err, d.location))
	}
	return nil
}

// located gives a sink's own refusal, such as a document that is too large, the place in the bundle, which the sink cannot know.
func located(err error, at string) error {
	var p *fault.Problem
	if errors.As(err, &p) && p.Location == "" {
		p.At(at)
	}
	return err
}

// badIndex is where the first character stands that is no base64, -1 when there is none. Padding is good only at the text's end.
func badIndex(text []byte, atEnd bool) int {
	if atEnd {
		text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("=")), []byte("="))
	}
	for i, c := range text {
		if !isBase64(c) {
			return i
		}
	}
	return -1
}

// corrupt says what is wrong with the staged text, of which at least something is.
func (d *bodyDecoder) corrupt(text []byte, atEnd bool) error {
	i := badIndex(text, atEnd)
	if i < 0 {
		return d.badEnd(text)
	}
	at := d.offsetOf(i)
	switch c := text[i]; {
	case c == '=':
		return d.damaged("The base64 text has padding (=) where none can be, at byte %d of the body: two texts were joined, or characters are missing.", at)
	case c == '-' || c == '_':
		return d.damaged("The base64 text is in the URL-safe alphabet (%q at byte %d of the body); FHIR takes the standard one, with + and /.", c, at)
	case c < 0x20 && c != '\b':
		return d.malformed("The body is not JSON: a line break or control character stands unescaped in a string, at byte %d.", at)
	default:
		return d.damaged("The base64 text holds a character that is not in its alphabet, at byte %d of the body.", at)
	}
}

// badEnd words what can be wrong when every character is good: the number of them, or the last bits.
func (d *bodyDecoder) badEnd(text []byte) error {
	at := d.in.offset() - 1
	if len(text)%4 != 0 {
		return d.damaged("The base64 text ends at byte %d of the body with its last group of four not full: its padding (=) is missing, or it was cut off.", at)
	}
	return d.damaged("The base64 text ends at byte %d of the body with bits that belong to no byte: it is damaged or was wrongly encoded.", at)
}

// offsetOf is the body's offset of a staged character.
func (d *bodyDecoder) offsetOf(i int) int64 {
	var last mark
	for _, m := range d.marks {
		if m.at > i {
			break
		}
		last = m
	}
	return last.body + int64(i-last.at)
}

func (d *bodyDecoder) damaged(safe string, args ...any) error {
	return fault.New(fault.InvalidContent, safe, args...).At(d.location)
}

func (d *bodyDecoder) malformed(safe string, args ...any) error {
	return fault.New(fault.MalformedBody, safe, args...).At(d.location)
}

func isBase64(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}
