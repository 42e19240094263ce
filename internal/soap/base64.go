package soap

import (
	stdbase64 "encoding/base64"
	"errors"
	"io"

	"github.com/segmentio/asm/base64"

	"dokumentlager/internal/fault"
)

// stage is how much base64 is gathered before it is decoded: a multiple of 4.
const stage = 32 << 10

// decoder64 decodes base64 that is written to it into a sink. It passes over white space, which XML and MIME allow, and is strict otherwise:
// alphabet, padding, no stray bits.
type decoder64 struct {
	sink io.Writer
	text []byte
	out  []byte
}

func newDecoder64(sink io.Writer) *decoder64 {
	return &decoder64{sink: sink, text: make([]byte, 0, stage), out: make([]byte, stage)}
}

// Write takes the next characters.
func (d *decoder64) Write(p []byte) (int, error) {
	for _, c := range p {
		if isSpace(c) {
			continue
		}
		if len(d.text) == stage {
			if err := d.flush(stage - 4); err != nil {
				return 0, err
			}
		}
		d.text = append(d.text, c)
	}
	return len(p), nil
}

// flush decodes the first n characters, among which there is no padding.
func (d *decoder64) flush(n int) error {
	size, err := base64.RawStdEncoding.Decode(d.out, d.text[:n])
	if err != nil {
		return damaged()
	}
	d.text = append(d.text[:0], d.text[n:]...)
	return write(d.sink, d.out[:size])
}

// Close decodes what is left; it does not close the sink.
func (d *decoder64) Close() error {
	if len(d.text) == 0 {
		return nil
	}
	if len(d.text)%4 != 0 {
		return damaged()
	}
	if err := d.flush(len(d.text) - 4); err != nil {
		return err
	}
	var tail [3]byte
	n, err := stdbase64.StdEncoding.Strict().Decode(tail[:], d.text)
	if err != nil {
		return damaged()
	}
	return write(d.sink, tail[:n])
}

func damaged() error {
	return fault.New(fault.InvalidContent, "A document's base64 text is damaged: it holds a character that is not in its alphabet, or it was cut off.")
}

// write gives bytes to a sink. Its error is the door's own: wrapped, so that an io.EOF of the sink is not taken for the message's.
func write(sink io.Writer, p []byte) error {
	n, err := sink.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return &doorError{err}
	}
	return nil
}

// doorError is an error that is not the message's but that of a sink or of whoever looked at the header. It travels wrapped, so that nobody on the
// way takes it for one of the message's own, and is unwrapped at the end.
type doorError struct{ err error }

func (e *doorError) Error() string { return e.err.Error() }
func (e *doorError) Unwrap() error { return e.err }

// abandon tells a sink that its document will not be finished.
func abandon(sink io.Writer, err error) {
	if c, ok := sink.(interface{ CloseWithError(error) error }); ok && sink != nil {
		_ = c.CloseWithError(errors.Join(errors.New("soap: the message broke off"), err))
	}
}
