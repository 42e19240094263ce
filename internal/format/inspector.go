package format

import (
	"errors"
	"io"
)

// headSize is how many first bytes the magic numbers, the byte order mark and the XML declaration may be spread over;
// mimetype reads 3,072.
const headSize = 4096

// body judges everything a format's bytes must be, from the first to the last, as they pass.
type body interface {
	// write takes the next bytes, which it must not keep.
	write(p []byte)
	// end is called once after the last byte: the empty string, or what is wrong, for a person.
	end() string
}

// Inspector is an io.Writer that is given all bytes of one document. It is used by one goroutine, and Result must be called
// also when the bytes broke off, so that a half-written attachment is closed.
type Inspector struct {
	head    []byte
	size    int64
	begun   bool
	magic   Type
	guess   guess
	binary  body
	archive archive
	textual *textual
	parts   *extractor
	result  *Result
}

// Option changes an Inspector at its making.
type Option func(*Inspector)

// WithAttachments hands every base64 attachment found inside a JSON or XML document, decoded, to a writer of its own: open is called
// when one begins, at most limit times; the writer gets its bytes while they pass and is closed at its end. A document may turn
// out not to be well-formed after attachments were handed out. An Inspector in the writer finds attachments in attachments.
func WithAttachments(limit int, open func() io.WriteCloser) Option {
	return func(in *Inspector) { in.parts = newExtractor(limit, open) }
}

// NewInspector makes an Inspector for one document.
func NewInspector(options ...Option) *Inspector {
	in := &Inspector{head: make([]byte, 0, headSize)}
	for _, option := range options {
		option(in)
	}
	return in
}

var errFinished = errors.New("format: bytes written after Result")

// Write takes the next bytes. It fails only after Result.
func (in *Inspector) Write(p []byte) (int, error) {
	if in.result != nil {
		return 0, errFinished
	}
	n := len(p)
	in.size += int64(n)
	if !in.begun {
		take := min(headSize-len(in.head), len(p))
		in.head = append(in.head, p[:take]...)
		p = p[take:]
		if len(in.head) < headSize {
			return n, nil
		}
		in.begin()
	}
	in.feed(p)
	return n, nil
}

// begin chooses, once the head is there, which bodies the document could be, since the declared type may not be known yet.
func (in *Inspector) begin() {
	in.begun = true
	in.guess = sniff(in.head)
	if in.magic = in.guess.magic; in.magic != "" {
		in.binary = newBody(in.magic)
	} else {
		in.textual = newTextual(in.head, in.parts)
	}
	in.feed(in.head)
}

func (in *Inspector) feed(p []byte) {
	if in.binary != nil {
		in.binary.write(p)
		in.archive.write(p)
		return
	}
	in.textual.write(p)
}

// newBody is the judge of a format that magic bytes name.
func newBody(t Type) body {
	switch t {
	case PNG:
		return newPNG()
	case JPEG:
		return newJPEG()
	case GIF:
		return newGIF()
	case TIFF:
		return newTIFF()
	case PDF:
		return &pdfBody{}
	default:
		return &rtfBody{}
	}
}

// Result is called after the last byte and says what the document is. It can be called again.
func (in *Inspector) Result() Result {
	if in.result == nil {
		if !in.begun {
			in.begin()
		}
		result := in.judge()
		in.result = &result
	}
	return *in.result
}

func (in *Inspector) judge() Result {
	r := Result{Size: in.size}
	if in.binary != nil {
		r.Found, r.Damage = in.magic, in.binary.end()
		if r.Damage == "" && in.archive.complete() {
			r.Damage = "it is a ZIP archive as well"
		}
	} else {
		in.textual.judge(&r, in.guess)
	}
	in.parts.stop()
	r.Attachments, r.AttachmentsOverLimit, r.AttachmentErr = in.parts.tally()
	return r
}
