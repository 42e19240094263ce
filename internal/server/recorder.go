package server

import (
	"io"
	"net/http"
	"time"
)

// recorder knows what was answered, and gives every write its own deadline: a receiver may be slow, but not stand still.
type recorder struct {
	http.ResponseWriter
	control *http.ResponseController
	stall   time.Duration
	// wrote is the status sent, 0 as long as none was.
	wrote          int
	sent, received int64
}

// Unwrap lets http.ResponseController through.
func (rec *recorder) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// begin forgets the deadline of the connection's last request. Errors mean a writer without deadlines, as in tests.
func (rec *recorder) begin() { _ = rec.control.SetWriteDeadline(time.Time{}) }

func (rec *recorder) extend() { _ = rec.control.SetWriteDeadline(time.Now().Add(rec.stall)) }

// WriteHeader notes the first final status.
func (rec *recorder) WriteHeader(status int) {
	if rec.wrote == 0 && status >= 200 {
		rec.wrote = status
	}
	rec.extend()
	rec.ResponseWriter.WriteHeader(status)
}

// Write counts.
func (rec *recorder) Write(p []byte) (int, error) {
	if rec.wrote == 0 {
		rec.wrote = http.StatusOK
	}
	rec.extend()
	n, err := rec.ResponseWriter.Write(p)
	rec.sent += int64(n)
	return n, err
}

// status is what the caller saw; a handler that wrote nothing answered 200.
func (rec *recorder) status() int {
	if rec.wrote == 0 {
		return http.StatusOK
	}
	return rec.wrote
}

// countedBody counts what is received.
type countedBody struct {
	io.ReadCloser
	rec *recorder
}

// Read counts.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.rec.received += int64(n)
	return n, err
}
