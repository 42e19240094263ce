package soap

import (
	"bytes"
	"io"
	"strconv"
	"strings"
)

// elementFollows looks past white space for a tag: an element begins, or the one that is open ends and is empty.
func (s *scanner) elementFollows() (bool, error) {
	for {
		w, err := s.src.window()
		if err != nil {
			return false, s.failed(err)
		}
		switch c := w[0]; {
		case isSpace(c):
			s.src.skip(1)
		case c != '<':
			return false, nil
		default:
			next, err := s.src.peek(2)
			if err != nil {
				return false, s.failed(err)
			}
			return next[1] != '!', nil
		}
	}
}

// peek is the next n bytes, n small, which stay unread.
func (s *source) peek(n int) ([]byte, error) {
	if _, err := s.window(); err != nil {
		return nil, err
	}
	for len(s.unread) < n {
		if s.err != nil {
			return nil, s.err
		}
		kept := copy(s.buf, s.unread)
		got, err := s.r.Read(s.buf[kept:])
		s.unread = s.buf[:kept+got]
		if err != nil {
			s.err = err
		}
	}
	return s.unread[:n], nil
}

// streamBase64 decodes text from the source, past the decoder, up to the next tag. Character references and CDATA are understood,
// comments are not: nobody writes them into base64.
func (s *scanner) streamBase64(sink io.Writer) error {
	d := newDecoder64(sink)
	for {
		w, err := s.src.window()
		if err != nil {
			return s.failed(err)
		}
		n := bytes.IndexByte(w, '<')
		if n < 0 {
			n = len(w)
		}
		if amp := bytes.IndexByte(w[:n], '&'); amp >= 0 {
			n = amp
		}
		if n > 0 {
			if _, err := d.Write(w[:n]); err != nil {
				return err
			}
			s.src.skip(n)
			continue
		}
		if w[0] == '&' {
			err = s.reference(d)
		} else if next, e := s.src.peek(2); e != nil {
			err = s.failed(e)
		} else if next[1] == '/' {
			return d.Close()
		} else {
			err = s.cdata(d)
		}
		if err != nil {
			return err
		}
	}
}

// longestReference is how long a character reference may be written.
const longestReference = 10

// reference takes a character reference such as &#13;.
func (s *scanner) reference(d *decoder64) error {
	var text []byte
	for {
		w, err := s.src.window()
		if err != nil {
			return s.failed(err)
		}
		c := w[0]
		s.src.skip(1)
		if c == ';' {
			break
		}
		if text = append(text, c); len(text) > longestReference {
			return malformed("a character reference does not end")
		}
	}
	digits, numeric := strings.CutPrefix(string(text), "&#")
	base := 10
	if hex, is := strings.CutPrefix(digits, "x"); is {
		digits, base = hex, 16
	}
	c, err := strconv.ParseUint(digits, base, 7)
	if !numeric || err != nil {
		return malformed("a character reference stands in base64 that means none of its characters")
	}
	_, err = d.Write([]byte{byte(c)})
	return err
}

var (
	cdataBegins = []byte("<![CDATA[")
	cdataEnds   = []byte("]]>")
)

// cdata takes a CDATA section.
func (s *scanner) cdata(d *decoder64) error {
	head, err := s.src.peek(len(cdataBegins))
	if err != nil {
		return s.failed(err)
	}
	if !bytes.Equal(head, cdataBegins) {
		return malformed("something stands in a document that is not base64")
	}
	s.src.skip(len(cdataBegins))
	for {
		w, err := s.src.window()
		if err != nil {
			return s.failed(err)
		}
		n := bytes.IndexByte(w, ']')
		if n == 0 {
			tail, err := s.src.peek(len(cdataEnds))
			if err != nil {
				return s.failed(err)
			}
			if !bytes.Equal(tail, cdataEnds) {
				return damaged()
			}
			s.src.skip(len(cdataEnds))
			return nil
		}
		if n < 0 {
			n = len(w)
		}
		if _, err := d.Write(w[:n]); err != nil {
			return err
		}
		s.src.skip(n)
	}
}

// insert lets the decoder read a piece of XML of ours before what is unread.
func (s *source) insert(xml string) { s.unread = append([]byte(xml), s.unread...) }
