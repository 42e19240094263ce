package fhir

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"dokumentlager/internal/fault"
)

// The scanner walks the body once. It copies the JSON into the residue and decodes each document on its way into a sink, leaving
// an empty string in its place. It only tells strings, names and nesting apart: whether the residue is JSON is
// decided by a real parser afterwards, and as the copy differs in nothing but those strings, that decides for the body.

// frame is one open object or array.
type frame struct {
	object bool
	state  memberState // object: what the next string is
	// object: the current name, raw and without its quotes, is residue[from:to]
	from, to int
	index    int // array: the element we are in
}

// memberState is how far an object's member has been read.
type memberState uint8

const (
	wantName memberState = iota
	wantValue
	wantComma // a string here is not JSON; the parser will say so
)

// cut says that from residue offset at, the body's offset is body + (offset - at).
type cut struct {
	at   int
	body int64
}

type scanner struct {
	in      input
	limits  Limits
	open    OpenSink
	residue []byte
	cuts    []cut
	stack   []frame
	bodies  []int // for each sink, the index of its bundle entry
	decoder *bodyDecoder
	values  int // commas and openings so far
}

func newScanner(r io.Reader, limits Limits, open OpenSink) *scanner {
	limits = limits.orDefaults()
	s := &scanner{in: newInput(r, limits.Body), limits: limits, open: open, stack: make([]frame, 0, 16)}
	if open != nil {
		s.decoder = newBodyDecoder(&s.in)
	}
	return s
}

// run reads the whole body, which must begin with one of the opening characters ("{" or "[").
func (s *scanner) run(opening string) error {
	if err := s.begin(opening); err != nil {
		return err
	}
	for {
		c, err := s.in.next()
		if err != nil {
			return s.ended(err)
		}
		if err := s.take(c); err != nil {
			return err
		}
		if len(s.stack) == 0 {
			return s.trailer()
		}
	}
}

// begin skips an optional byte order mark and white space, and looks at the first character.
func (s *scanner) begin(opening string) error {
	if err := s.skipMark(); err != nil {
		return err
	}
	for {
		w, err := s.in.window()
		if err == io.EOF {
			return fault.New(fault.MalformedBody, "The body is empty: it should be a FHIR resource in JSON.")
		}
		if err != nil {
			return err
		}
		if !isSpace(w[0]) {
			if strings.IndexByte(opening, w[0]) < 0 {
				return notAnObject(w[0])
			}
			s.cuts = append(s.cuts, cut{0, s.in.offset()})
			return nil
		}
		s.in.skip(1)
	}
}

// skipMark skips the UTF-8 byte order mark, which .NET clients send.
func (s *scanner) skipMark() error {
	for i, c := range []byte("\xEF\xBB\xBF") {
		w, err := s.in.window()
		if err != nil && err != io.EOF {
			return err
		}
		if err == io.EOF || w[0] != c {
			if i > 0 {
				return notAnObject(0)
			}
			return nil
		}
		s.in.skip(1)
	}
	return nil
}

// notAnObject names what the body is instead.
func notAnObject(c byte) *fault.Problem {
	what := "not JSON"
	switch {
	case c == '[':
		what = "a JSON array"
	case c == '{':
		what = "a JSON object"
	case c == '"':
		what = "a JSON string"
	case c == '-' || c >= '0' && c <= '9':
		what = "a number"
	case c == 'n' || c == 't' || c == 'f':
		what = "null, true, false or a bare word"
	case c == '<':
		what = "XML"
	case c == 0xFF || c == 0xFE:
		what = "in UTF-16"
	}
	return fault.New(fault.MalformedBody, "The body is %s; a FHIR resource is a JSON object, {…}, in UTF-8.", what)
}

// take copies one character, and with it what it begins.
func (s *scanner) take(c byte) error {
	if err := s.put(c); err != nil {
		return err
	}
	if c == '{' || c == '[' || c == ',' {
		if err := s.count(c); err != nil {
			return err
		}
	}
	switch c {
	case '{', '[':
		return s.push(c == '{')
	case '}', ']':
		return s.pop(c == '}')
	case ',':
		top := &s.stack[len(s.stack)-1]
		top.state = wantName
		top.index++
	case '"':
		return s.takeString()
	}
	return nil
}

// count bounds what the parser will make of a body that is small as text: {}, is three bytes.
func (s *scanner) count(c byte) error {
	if s.values++; s.values > s.limits.Values {
		return fault.New(fault.RequestTooLarge, "The resources hold more than %d elements, which no submission needs. Send its documents in several bundles.",
			s.limits.Values).At(s.shortLocation())
	}
	if c == ',' && s.open != nil && len(s.stack) == 2 && s.named(0, "entry") && s.stack[1].index+1 == s.limits.Entries {
		return fault.New(fault.RequestTooLarge, "The bundle has more than %d entries, the most that are taken in one. Send the rest in another bundle.",
			s.limits.Entries).At("Bundle.entry")
	}
	return nil
}

func (s *scanner) push(object bool) error {
	if len(s.stack) == s.limits.Depth {
		return fault.New(fault.MalformedBody, "The JSON is nested deeper than %d levels (at byte %d of the body), which no FHIR resource needs.",
			s.limits.Depth, s.in.offset()-1).At(s.shortLocation())
	}
	s.stack = append(s.stack, frame{object: object})
	return nil
}

func (s *scanner) pop(object bool) error {
	top := len(s.stack) - 1
	if s.stack[top].object != object {
		return fault.New(fault.MalformedBody, "The body is not JSON: at byte %d an object or array is closed with the wrong bracket.", s.in.offset()-1).
			At(s.location())
	}
	s.stack = s.stack[:top]
	return nil
}

// takeString copies a name or a text, or sends it to a sink. Its opening quote is in the residue.
func (s *scanner) takeString() error {
	top, from := &s.stack[len(s.stack)-1], len(s.residue)
	if s.atBody() {
		top.state = wantComma
		return s.takeBody()
	}
	if err := s.copyString(); err != nil {
		return err
	}
	if holdsNUL(s.residue[from:]) {
		return fault.New(fault.MalformedBody, "A text holds the character NUL (\\u0000), which FHIR does not allow.").At(s.location())
	}
	switch top.state {
	case wantName:
		top.state, top.from, top.to = wantValue, from, len(s.residue)-1
	case wantValue:
		top.state = wantComma
	}
	return nil
}

// holdsNUL reports whether a JSON string has a \u0000 that is no escaped backslash before "u0000". FHIR forbids it and the
// registry could not keep it.
func holdsNUL(text []byte) bool {
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' {
			if bytes.HasPrefix(text[i:], []byte(`\u0000`)) {
				return true
			}
			i++
		}
	}
	return false
}

// copyString copies up to and with the closing quote.
func (s *scanner) copyString() error {
	for {
		w, err := s.in.window()
		if err != nil {
			return s.ended(err)
		}
		n := bytes.IndexAny(w, `"\`)
		if n < 0 {
			n = len(w)
		}
		if err := s.put(w[:n]...); err != nil {
			return err
		}
		s.in.skip(n)
		if n == len(w) {
			continue
		}
		quote := w[n] == '"'
		if err := s.copyByte(); err != nil || quote {
			return err
		}
		if err := s.copyByte(); err != nil { // what a backslash escapes; the parser judges it
			return err
		}
	}
}

func (s *scanner) copyByte() error {
	c, err := s.in.next()
	if err != nil {
		return s.ended(err)
	}
	return s.put(c)
}

// put appends to the residue, up to its limit.
func (s *scanner) put(p ...byte) error {
	if len(s.residue)+len(p) > s.limits.Residue {
		return fault.New(fault.RequestTooLarge, "The resources without their documents are larger than %d bytes. A document belongs in the data of a Binary of its own, not in metadata.",
			s.limits.Residue).At(s.location())
	}
	s.residue = append(s.residue, p...)
	return nil
}

// atBody reports whether the string that begins here is entry[i].resource.data of the bundle. Which type the resource has may
// stand later in the body, so that is checked in the end (Bundle.assign).
func (s *scanner) atBody() bool {
	return s.open != nil && len(s.stack) == 4 && s.stack[3].state == wantValue &&
		s.named(0, "entry") && !s.stack[1].object && s.named(2, "resource") && s.named(3, "data")
}

// named reports whether the frame is an object in its member of that name, escapes in the name undone.
func (s *scanner) named(i int, name string) bool {
	f := s.stack[i]
	if !f.object || f.state == wantName {
		return false
	}
	raw := s.residue[f.from:f.to]
	if len(raw) == len(name) {
		return string(raw) == name
	}
	if len(raw) > len(name)*len(`\u0000`) || bytes.IndexByte(raw, '\\') < 0 {
		return false
	}
	plain, err := jsontext.AppendUnquote(nil, s.residue[f.from-1:f.to+1])
	return err == nil && string(plain) == name
}

// takeBody sends the string to a sink of its own and leaves the empty string in the residue.
func (s *scanner) takeBody() error {
	number, at := len(s.bodies), s.location()
	if number == s.limits.Binaries {
		return fault.New(fault.RequestTooLarge, "The bundle holds more than %d documents, the most that are taken in one. Send the rest in another bundle.", number).At(at)
	}
	sink, err := s.open(number)
	if err != nil {
		return fmt.Errorf("fhir: no sink for document %d: %w", number, err)
	}
	if err := s.decoder.decodeInto(sink, at); err != nil {
		err = s.ended(err)
		abandon(sink, err)
		return err
	}
	if err := sink.Close(); err != nil {
		return fmt.Errorf("fhir: the sink of %s: %w", at, err)
	}
	s.bodies = append(s.bodies, s.stack[1].index)
	if err := s.put('"'); err != nil {
		return err
	}
	s.cuts = append(s.cuts, cut{len(s.residue), s.in.offset()})
	return nil
}

// abandon tells a sink that can hear it (an io.PipeWriter does) that its document will not come to its end.
func abandon(sink io.WriteCloser, err error) {
	if listener, ok := sink.(interface{ CloseWithError(error) error }); ok {
		_ = listener.CloseWithError(err) // what went wrong is already being told
	}
}

// trailer reads on to the body's end, where only white space may stand.
func (s *scanner) trailer() error {
	for {
		w, err := s.in.window()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i, c := range w {
			if !isSpace(c) {
				return fault.New(fault.MalformedBody, "Something stands after the end of the resource, from byte %d of the body on. Send one resource and nothing after it.",
					s.in.offset()+int64(i))
			}
		}
		s.in.skip(len(w))
	}
}

// ended turns io.EOF into a text that says where; other errors are left as they are.
func (s *scanner) ended(err error) error {
	if err != io.EOF {
		return err
	}
	return fault.New(fault.MalformedBody, "The body ends in the middle, after %d bytes: it was cut off, or a bracket or quote is missing. Nothing was stored; send it again whole.",
		s.in.read).At(s.location())
}

// location is where the scanner is, as "Bundle.entry[2].resource.data".
func (s *scanner) location() string {
	var b strings.Builder
	b.WriteString(s.root())
	for _, f := range s.stack {
		switch {
		case !f.object:
			b.WriteString("[" + strconv.Itoa(f.index) + "]")
		case f.state != wantName:
			b.WriteString("." + safeName(string(s.residue[f.from:f.to])))
		}
	}
	return b.String()
}

// shortLocation is location without its tail, for a body that is nested without end.
func (s *scanner) shortLocation() string {
	s.stack = s.stack[:min(len(s.stack), 8)]
	return s.location()
}

// root names the body: only bundles are read with sinks.
func (s *scanner) root() string {
	if s.open != nil {
		return "Bundle"
	}
	return "body"
}

// bodyOffset is the body's offset of a residue offset, so that the parser's complaints can be found by who sent it.
func (s *scanner) bodyOffset(at int64) int64 {
	last := s.cuts[0]
	for _, c := range s.cuts {
		if int64(c.at) <= at {
			last = c
		}
	}
	return last.body + at - int64(last.at)
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }
