package soap

import (
	"errors"
	"io"
)

// source hands an envelope to the XML decoder byte by byte, so that the decoder never reads beyond what it has understood and a document's
// base64 can be taken out from under it, in large pieces. What the decoder was given is kept: residue.
type source struct {
	r       io.Reader
	buf     []byte
	unread  []byte // the rest of buf
	residue []byte
	limit   int
	err     error
}

func newSource(r io.Reader, limit int) *source {
	return &source{r: r, buf: make([]byte, 64<<10), limit: limit}
}

// ReadByte is the decoder's way in.
func (s *source) ReadByte() (byte, error) {
	w, err := s.window()
	if err != nil {
		return 0, err
	}
	if len(s.residue) >= s.limit {
		s.err = tooLarge("the envelope is longer than %d bytes without its documents", s.limit)
		return 0, s.err
	}
	s.residue = append(s.residue, w[0])
	s.unread = w[1:]
	return w[0], nil
}

// Read makes source an io.Reader, which the decoder asks for and does not use.
func (s *source) Read([]byte) (int, error) { return 0, errors.New("soap: read past ReadByte") }

// window is what is there unread, at least one byte. An error of the reader's own is kept, since the decoder words it anew.
func (s *source) window() ([]byte, error) {
	for len(s.unread) == 0 {
		if s.err != nil {
			return nil, s.err
		}
		n, err := s.r.Read(s.buf)
		s.unread = s.buf[:n]
		if err != nil {
			s.err = err
		}
	}
	return s.unread, nil
}

// skip takes n bytes of the window away from the decoder.
func (s *source) skip(n int) { s.unread = s.unread[n:] }
