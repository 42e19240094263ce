package fhir

import (
	"errors"
	"io"
	"net/http"

	"dokumentlager/internal/fault"
)

// inputSize is the read buffer: large enough that a call per buffer costs nothing, small enough for thousands of uploads.
const inputSize = 64 << 10

// input is a buffered reader that knows its place in the body and stops at the limit.
type input struct {
	r        io.Reader
	buf      []byte
	pos, end int   // the unread part of buf
	read     int64 // bytes of the body taken from r so far
	limit    int64
	err      error // what r said last; told only after its bytes were used
}

func newInput(r io.Reader, limit int64) input {
	return input{r: r, buf: make([]byte, inputSize), limit: limit}
}

// offset is the place in the body of the next unread byte, counted from 0.
func (in *input) offset() int64 { return in.read - int64(in.end-in.pos) }

// window is what is buffered and unread, at least one byte; io.EOF at the body's end.
func (in *input) window() ([]byte, error) {
	if in.pos == in.end {
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
	return in.buf[in.pos:in.end], nil
}

// skip takes n bytes of the window as read.
func (in *input) skip(n int) { in.pos += n }

// next is the next byte; io.EOF at the body's end.
func (in *input) next() (byte, error) {
	w, err := in.window()
	if err != nil {
		return 0, err
	}
	in.pos++
	return w[0], nil
}

// fill reads until there is at least one byte. Like bufio it gives up on a reader that gives nothing and says nothing.
func (in *input) fill() error {
	for range 100 {
		if in.err != nil {
			return in.readError()
		}
		n, err := in.r.Read(in.buf)
		in.pos, in.end, in.err = 0, n, err
		in.read += int64(n)
		if in.read > in.limit {
			return tooLarge(in.limit)
		}
		if n > 0 {
			return nil
		}
	}
	in.err = io.ErrNoProgress
	return in.readError()
}

// readError words what the reader said: io.EOF stays itself, a fault stays itself, everything else keeps its cause.
func (in *input) readError() error {
	var tooMany *http.MaxBytesError
	var problem *fault.Problem
	switch {
	case errors.Is(in.err, io.ErrUnexpectedEOF): // fewer bytes than Content-Length or the last chunk promised
		return fault.New(fault.MalformedBody, "The body ends in the middle: the connection closed after %d bytes. Nothing was stored; send it again.", in.read).Because(in.err)
	case in.err == io.EOF:
		return io.EOF
	case errors.As(in.err, &problem):
		return in.err
	case errors.As(in.err, &tooMany):
		return tooLarge(tooMany.Limit).Because(in.err)
	}
	return fault.New(fault.BadRequest, "The body could not be read to its end: the connection failed after %d bytes. Nothing was stored; send it again.", in.read).Because(in.err)
}

func tooLarge(limit int64) *fault.Problem {
	return fault.New(fault.RequestTooLarge, "The request is larger than %d bytes, the most that is taken at once. Send less in one request, such as fewer documents in a bundle.", limit)
}
