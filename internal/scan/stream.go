package scan

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

const (
	// chunkSize keeps system calls few; clamd takes chunks of any size up to its StreamMaxLength.
	chunkSize = 128 << 10
	// lastWords is how long a scanner that stopped reading may take to say why.
	lastWords = 2 * time.Second
)

// Stream is one scan in progress. Write and Verdict belong to one goroutine; Abort may be called from any. Who opens a stream
// must call Verdict or Abort: a stream that got neither holds a connection, and has no verdict.
type Stream struct {
	ctx     context.Context
	conn    net.Conn
	end     time.Time
	stop    func() bool
	aborted atomic.Bool
	// buf is a chunk as it goes over the wire: four bytes of length, then the data.
	buf  []byte
	done bool
	// verdict and err are what Verdict said, or the failure that ended the stream; both stick.
	verdict Verdict
	err     error
}

// Open connects and begins an INSTREAM scan. The context and the scanner's deadline bound it until Verdict returns.
func (s *Scanner) Open(ctx context.Context) (*Stream, error) {
	conn, end, stop, err := s.dial(ctx)
	if err != nil {
		return nil, err
	}
	st := &Stream{ctx: ctx, conn: conn, end: end, stop: stop, buf: make([]byte, 4, 4+chunkSize)}
	// The "z" form ends answers with NUL, so half an answer can be told from a whole one.
	if _, err := conn.Write([]byte("zINSTREAM\x00")); err != nil {
		st.Abort()
		return nil, refuse(reason(ctx, err))
	}
	return st, nil
}

// Write hands bytes to the scanner, in chunks. Its error is final and is the one that Verdict returns.
func (s *Stream) Write(p []byte) (int, error) {
	if s.done {
		return 0, errors.Join(s.err, net.ErrClosed)
	}
	written := 0
	for len(p) > 0 {
		n := min(len(p), 4+chunkSize-len(s.buf))
		s.buf = append(s.buf, p[:n]...)
		p, written = p[n:], written+n
		if len(s.buf) == 4+chunkSize && !s.flush() {
			return written, s.err
		}
	}
	return written, nil
}

// flush sends the buffered chunk and reports whether the stream is still good.
func (s *Stream) flush() bool {
	if len(s.buf) == 4 {
		return true
	}
	binary.BigEndian.PutUint32(s.buf, uint32(len(s.buf)-4))
	_, err := s.conn.Write(s.buf)
	s.buf = s.buf[:4]
	if err != nil {
		s.finish(Verdict{}, s.explain(err))
	}
	return err == nil
}

// explain turns a failed write into the reason: a scanner that stops reading has usually said why before it closed.
func (s *Stream) explain(err error) error {
	if s.aborted.Load() {
		return refuse(ErrAborted, nil)
	}
	why, cause := reason(s.ctx, err)
	if why == ErrTimeout {
		return refuse(why, cause)
	}
	_ = s.conn.SetReadDeadline(earlier(s.end, time.Now().Add(lastWords)))
	answer, readErr := readReply(s.conn)
	if readErr != nil {
		return refuse(why, cause)
	}
	verdict, judged := judge(answer)
	if judged != nil {
		return judged
	}
	// Neither OK nor FOUND can be meant of a stream whose end was never sent.
	return refuse(ErrReply, fmt.Errorf("%s before the end of the stream", verdict.State))
}

// Verdict ends the stream and waits for the answer. The error is nil exactly when the state is Clean or Infected. A second
// call returns the same.
func (s *Stream) Verdict() (Verdict, error) {
	if s.done {
		return s.verdict, s.err
	}
	if !s.flush() {
		return s.verdict, s.err
	}
	if _, err := s.conn.Write([]byte{0, 0, 0, 0}); err != nil {
		return s.finish(Verdict{}, s.explain(err))
	}
	answer, err := readReply(s.conn)
	switch {
	case s.aborted.Load():
		return s.finish(Verdict{}, refuse(ErrAborted, nil))
	case err != nil:
		return s.finish(Verdict{}, refuse(reason(s.ctx, err)))
	}
	return s.finish(judge(answer))
}

// finish keeps the outcome and lets go of connection and context.
func (s *Stream) finish(v Verdict, err error) (Verdict, error) {
	s.done, s.verdict, s.err, s.buf = true, v, err, nil
	s.stop()
	_ = s.conn.Close()
	return v, err
}

// Abort closes the connection at once. It may be called at any time, any number of times and after Verdict, where it does
// nothing more; a stream aborted before its verdict is NotScanned for ever.
func (s *Stream) Abort() {
	s.aborted.Store(true)
	s.stop()
	_ = s.conn.Close()
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
