package soap

import (
	"bytes"
	"encoding/xml"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// reader reads one message.
type reader struct {
	opt Options
	m   *Message
	// refs are the hrefs of the body's xop:Include elements.
	refs []string
	// ours is the href of an xop:Include that was just put into the envelope, and is the next element to come.
	ours string
}

// inlineScheme begins the href under which a document that stood in the envelope is found.
const inlineScheme = "inline:"

// Document is the number of the document that an xop:Include of Body names, -1 when it names none.
func (m *Message) Document(href string) int {
	if rest, inline := strings.CutPrefix(href, inlineScheme); inline {
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 || n >= m.Documents {
			return -1
		}
		return n
	}
	id, isCID := strings.CutPrefix(href, "cid:")
	if !isCID {
		return -1
	}
	plain := id
	if decoded, err := url.PathUnescape(id); err == nil {
		plain = decoded
	}
	for _, candidate := range []string{plain, id} { // some write the same % into the Content-ID
		if n, ok := m.parts[candidate]; ok {
			return n
		}
	}
	return -1
}

// envelope reads an envelope to its end.
func (r *reader) envelope(body io.Reader, charset string) error {
	text, err := plain(body, charset)
	if err != nil {
		return err
	}
	s := newScanner(text, r.opt.Limits)
	if err := r.root(s); err != nil {
		return err
	}
	s.src.limit, s.inHeader = r.opt.Limits.Header, true
	e, err := child(s)
	if err == nil && e != nil && e.name == (xml.Name{Space: Namespace, Local: "Header"}) {
		if err = r.header(s); err == nil {
			e, err = child(s)
		}
	}
	if err != nil {
		return err
	}
	if e == nil || e.name != (xml.Name{Space: Namespace, Local: "Body"}) {
		return malformed("the envelope has no Body where it should be")
	}
	s.src.limit, s.inHeader = r.opt.Limits.Envelope, false
	if err := r.ready(); err != nil {
		return err
	}
	if err := r.body(s); err != nil {
		return err
	}
	return end(s)
}

// root reads the start tag of the envelope.
func (r *reader) root(s *scanner) error {
	t, err := s.next()
	if err != nil {
		return err
	}
	name := t.start.name
	switch {
	case name.Local != "Envelope":
		return malformed("the root is not a SOAP envelope")
	case name.Space == namespace11:
		return &Fault{Reason: WrongVersion, Legacy: true}
	case name.Space != Namespace:
		return &Fault{Reason: WrongVersion}
	}
	return nil
}

// child is the next element inside the one that is open; nil when that one ended. Text between elements may be white space only.
func child(s *scanner) (*element, error) {
	for {
		t, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case t.start != nil:
			return t.start, nil
		case t.end:
			return nil, nil
		case len(bytes.TrimLeft(t.text, " \t\r\n")) > 0:
			return nil, malformed("text stands where elements should")
		}
	}
}

// end reads the rest of the envelope, in which nothing may come.
func end(s *scanner) error {
	if e, err := child(s); err != nil || e != nil {
		if err == nil {
			err = malformed("an element stands after the Body")
		}
		return err
	}
	if _, err := s.next(); err != io.EOF {
		if err == nil {
			err = malformed("something stands after the envelope")
		}
		return err
	}
	return nil
}

// body reads the Body's one element, with documents taken out as they pass.
func (r *reader) body(s *scanner) error {
	payload, err := child(s)
	if err != nil {
		return err
	}
	if payload == nil {
		return malformed("the Body is empty")
	}
	r.m.Payload = payload.name
	if r.m.Body, err = s.whole(func(e *element) error { return r.inside(s, e) }); err != nil {
		return err
	}
	if more, err := child(s); err != nil || more != nil {
		if err == nil {
			err = malformed("the Body has a second element")
		}
		return err
	}
	return nil
}

// inside looks at an element of the body: a document, or a reference to one.
func (r *reader) inside(s *scanner, e *element) error {
	if r.ours != "" {
		r.ours = ""
		return nil
	}
	if e.name.Space == xopURI && e.name.Local == "Include" {
		return r.include(e)
	}
	if r.opt.Open == nil || !slices.Contains(r.opt.Documents, e.name) {
		return nil
	}
	if bytes.HasSuffix(s.src.residue[e.from:e.to], []byte("/>")) {
		return nil // no content: whoever reads the payload sees a document without a reference
	}
	return r.inline(s)
}

// include takes down a reference. Only parts of the same message can be named.
func (r *reader) include(e *element) error {
	at := slices.IndexFunc(e.attrs, func(a xml.Attr) bool { return a.Name.Space == "" && a.Name.Local == "href" })
	if at < 0 || !strings.HasPrefix(e.attrs[at].Value, "cid:") {
		return malformed("an xop:Include names no part of the message")
	}
	if !r.m.MTOM {
		return malformed("an xop:Include stands in a message that is no package")
	}
	r.refs = append(r.refs, e.attrs[at].Value)
	return nil
}

// inline streams the base64 that follows the start tag of a document into its sink, and leaves a reference in its place. Where an
// element follows instead, or nothing, the payload is left as it is.
func (r *reader) inline(s *scanner) error {
	if markup, err := s.elementFollows(); err != nil || markup {
		return err
	}
	number := r.m.Documents
	sink, err := r.openDocument(Incoming{})
	if err != nil {
		return err
	}
	if err := s.streamBase64(sink); err != nil {
		abandon(sink, err)
		return err
	}
	if err := closeSink(sink); err != nil {
		return err
	}
	r.ours = inlineScheme + strconv.Itoa(number)
	s.src.insert(`<xop:Include xmlns:xop="` + xopURI + `" href="` + r.ours + `"/>`)
	return nil
}

func closeSink(sink io.Closer) error {
	if err := sink.Close(); err != nil {
		return &doorError{err}
	}
	return nil
}

// openDocument asks the door for a sink.
func (r *reader) openDocument(in Incoming) (io.WriteCloser, error) {
	if r.opt.Open == nil {
		return nil, malformed("a message of this kind carries no documents")
	}
	if r.m.Documents >= r.opt.Limits.Documents {
		return nil, tooLarge("more than %d documents", r.opt.Limits.Documents)
	}
	in.Number = r.m.Documents
	sink, err := r.opt.Open(in)
	if err != nil {
		return nil, &doorError{err}
	}
	r.m.Documents++
	return sink, nil
}
