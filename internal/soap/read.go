package soap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Read reads a message of the given Content-Type to its end. The error is a *Fault, an error of the door's own functions and sinks as it was,
// a fault.Problem for bad base64, or the cause wrapped when the body could not be read.
func Read(contentType string, body io.Reader, opt Options) (*Message, error) {
	opt.Limits = opt.Limits.orDefaults()
	media, err := parseMediaType(contentType)
	if err != nil {
		return nil, NewFault(WrongMediaType, err)
	}
	r := &reader{opt: opt, m: &Message{parts: map[string]int{}}}
	in := &meter{r: body, left: opt.Limits.Total, headers: -1}
	switch media.name {
	case typeRelated:
		r.m.MTOM = true
		err = r.multipart(in, media)
	case typeSOAP, typeXML: // SOAP 1.1 has text/xml: the envelope then says so
		err = r.envelope(in, media.params["charset"])
	default:
		err = NewFault(WrongMediaType, nil)
	}
	if err != nil {
		return nil, in.explain(err)
	}
	for _, ref := range r.refs {
		if r.m.Document(ref) < 0 {
			return nil, malformed("an xop:Include names a part that is not in the message")
		}
	}
	return r.m, nil
}

// meter bounds the request, and the bytes that the header of a part may have.
type meter struct {
	r    io.Reader
	left int64
	// headers is how many more bytes may be read while a part's header is looked for; negative while none is.
	headers int64
	err     error
	// closing is the boundary that ends a package, as a line begins with it, and closed that it passed; tail is what could be its beginning.
	closing, tail []byte
	closed        bool
}

// watch looks for the closing boundary in what passes: multipart.Reader takes a package that ends in the header of a part for whole.
func (m *meter) watch(p []byte) {
	if m.closed || m.closing == nil {
		return
	}
	m.tail = append(m.tail, p[:min(len(p), len(m.closing))]...)
	m.closed = bytes.Contains(m.tail, m.closing) || bytes.Contains(p, m.closing)
	if len(p) > len(m.closing) {
		m.tail = append(m.tail[:0], p[len(p)-len(m.closing):]...)
	}
	m.tail = append(m.tail[:0], m.tail[max(0, len(m.tail)-len(m.closing)):]...)
}

// Read stops with a Fault at a limit.
func (m *meter) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	if int64(len(p)) > m.left+1 {
		p = p[:m.left+1]
	}
	n, err := m.r.Read(p)
	m.left -= int64(n)
	m.watch(p[:n])
	if m.headers >= 0 {
		m.headers = max(m.headers-int64(n), 0)
	}
	switch {
	case m.left < 0:
		m.err = tooLarge("the request as a whole is above the limit")
	case m.headers == 0:
		m.err = tooLarge("the header of a part is above the limit")
	case err != nil:
		m.err = err
	}
	if m.err != nil && m.err != io.EOF { // what comes with a limit or a broken connection is not looked at
		return 0, m.err
	}
	return n, m.err
}

// explain finds what really ended the reading under what was made of it on the way.
func (m *meter) explain(err error) error {
	var f *Fault
	var door *doorError
	switch {
	case errors.As(err, &door):
		return door.err
	case errors.As(m.err, &f):
		return f
	case m.err != nil && m.err != io.EOF:
		return fmt.Errorf("soap: reading the request: %w", m.err)
	default:
		return err
	}
}

// essence is a media type without parameters, as far as it is one.
func essence(s string) string {
	name, _, _ := strings.Cut(s, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	if len(name) > 127 {
		return ""
	}
	return name
}
