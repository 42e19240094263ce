package format

import (
	"encoding/base64"
	"io"
)

// mode says how a string or text node is searched for base64.
type mode uint8

const (
	// byShape looks for unbroken runs: nothing says that base64 stands here, and prose is letters and blanks too.
	byShape mode = iota
	// spaced is where a standard says base64: blanks are skipped, anything else ends it (FHIR's base64Binary).
	spaced
	// stated is where the document itself says base64 (representation="B64"): readers skip what does not belong, and so do we.
	stated
)

// minRun is how many base64 characters make an attachment: mail wraps at 76, PEM at 64, and shorter runs are codes and names. They
// decode to 45 bytes; EICAR, the smallest file of interest, has 68.
const minRun = 60

const (
	noBase64 = iota
	inBase64
	blank
	equals
)

// base64Class tells the bytes of base64 text apart.
var base64Class = func() (class [256]byte) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") {
		class[c] = inBase64
	}
	class[' '], class['\t'], class['\r'], class['\n'], class['='] = blank, blank, blank, blank, equals
	return class
}()

// extractor finds base64 in the text nodes and strings it is shown and streams it, decoded, to writers of the caller's. A nil
// extractor does nothing. It keeps 7 KiB.
type extractor struct {
	open  func() io.WriteCloser
	limit int

	mode    mode
	running bool
	// sink is where the running attachment goes; nil when it is over the limit or its writer failed.
	sink  io.WriteCloser
	chars []byte
	plain []byte

	count, over int
	err         error
}

func newExtractor(limit int, open func() io.WriteCloser) *extractor {
	return &extractor{open: open, limit: limit, chars: make([]byte, 0, 4096), plain: make([]byte, 3072)}
}

// start begins a string or text node.
func (x *extractor) start(m mode) {
	if x != nil {
		x.stop()
		x.mode = m
	}
}

// text shows the next part of it.
func (x *extractor) text(p []byte) {
	if x == nil {
		return
	}
	for i := 0; i < len(p); i++ {
		switch class := base64Class[p[i]]; {
		case class == inBase64:
			n := 1
			for i+n < len(p) && base64Class[p[i+n]] == inBase64 {
				n++
			}
			x.take(p[i : i+n])
			i += n - 1
		case class != blank && x.mode != stated:
			x.stop()
		case class == equals:
			x.padding()
		case class == blank && x.mode == byShape && !x.running:
			x.chars = x.chars[:0]
		}
	}
}

// padding ends a run once it has begun; in stated base64 a stray "=" before that is skipped.
func (x *extractor) padding() {
	if x.running {
		x.stop()
	}
}

// take collects characters of the alphabet.
func (x *extractor) take(p []byte) {
	for len(p) > 0 {
		n := min(len(p), cap(x.chars)-len(x.chars))
		x.chars, p = append(x.chars, p[:n]...), p[n:]
		if !x.running && len(x.chars) >= minRun {
			x.begin()
		}
		if len(x.chars) == cap(x.chars) {
			x.flush()
		}
	}
}

// begin opens the next attachment's writer, as long as the limit allows.
func (x *extractor) begin() {
	x.running = true
	if x.count == x.limit {
		x.over++
		return
	}
	x.count++
	x.sink = x.open()
}

// flush decodes whole groups of four; what is left waits.
func (x *extractor) flush() {
	whole := len(x.chars) &^ 3
	// Every character is of the alphabet, so decoding cannot fail.
	n, _ := base64.StdEncoding.Decode(x.plain, x.chars[:whole])
	x.pass(x.plain[:n])
	x.chars = append(x.chars[:0], x.chars[whole:]...)
}

// pass writes to the caller's writer and gives it up at its first error, which tally tells: what was not scanned must not pass.
func (x *extractor) pass(p []byte) {
	if x.sink == nil || len(p) == 0 {
		return
	}
	if _, err := x.sink.Write(p); err != nil {
		x.fail(err)
		x.close()
	}
}

func (x *extractor) fail(err error) {
	if x.err == nil && err != nil {
		x.err = err
	}
}

func (x *extractor) close() {
	if x.sink != nil {
		x.fail(x.sink.Close())
		x.sink = nil
	}
}

// stop ends the running attachment, if any: at padding, at what is not base64, at the end of the string or node.
func (x *extractor) stop() {
	if x == nil {
		return
	}
	if x.running {
		x.flush()
		// Two or three characters without their padding are one or two bytes more; a single one is nothing.
		n, _ := base64.RawStdEncoding.Decode(x.plain, x.chars)
		x.pass(x.plain[:n])
		x.close()
	}
	x.running, x.chars = false, x.chars[:0]
}

// tally is how many attachments were handed out, how many were not for the limit, and the first error of a writer.
func (x *extractor) tally() (count, over int, err error) {
	if x == nil {
		return 0, 0, nil
	}
	return x.count, x.over, x.err
}
