package soap

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// Outgoing is a document of an answer. ContentID comes from NewContentIDs; Size is in bytes and exact: it is promised to the client before
// the first byte is read.
type Outgoing struct {
	ContentID, MediaType string
	Size                 int64
}

// Package is an MTOM answer on its way out.
type Package struct {
	boundary, rootID string
	root             []byte
	parts            []Outgoing
}

// NewContentIDs are n identifiers for parts, without : and %, which clients have trouble with (spec/ihe.md 4.2). Href is how the payload
// names one.
func NewContentIDs(random io.Reader, n int) ([]string, error) {
	ids := make([]string, n)
	for i := range ids {
		text, err := letters(random)
		if err != nil {
			return nil, err
		}
		ids[i] = fmt.Sprintf("%d.%s@dokumentlager", i+1, text)
	}
	return ids, nil
}

// Href is how an xop:Include names a part.
func Href(contentID string) string { return "cid:" + contentID }

// letters are 128 random bits.
func letters(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("soap: random: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}

// NewPackage makes a package of an envelope, which must be whole, and its documents, which come after it in this order.
func NewPackage(random io.Reader, envelope []byte, parts []Outgoing) (*Package, error) {
	boundary, err := letters(random)
	if err != nil {
		return nil, err
	}
	return &Package{boundary: "MIMEBoundary" + boundary, rootID: "0." + boundary + "@dokumentlager", root: envelope, parts: parts}, nil
}

// ContentType is the HTTP header of that name.
func (p *Package) ContentType() string {
	return `multipart/related; type="application/xop+xml"; boundary="` + p.boundary + `"; start="<` + p.rootID + `>"; start-info="application/soap+xml"`
}

func (p *Package) rootHeader() string {
	return "--" + p.boundary + "\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\n" +
		"Content-Transfer-Encoding: binary\r\nContent-ID: <" + p.rootID + ">\r\n\r\n"
}

func (p *Package) partHeader(part Outgoing) string {
	return "\r\n--" + p.boundary + "\r\nContent-Type: " + headerSafe(part.MediaType) + "\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <" + part.ContentID + ">\r\n\r\n"
}

func (p *Package) closing() string { return "\r\n--" + p.boundary + "--\r\n" }

// headerSafe is a media type, or the one that says nothing: what was registered may be anything, and must not become a header of its own.
func headerSafe(mediaType string) string {
	if m, err := parseMediaType(mediaType); err == nil {
		for i := range len(mediaType) {
			if mediaType[i] < ' ' || mediaType[i] >= 0x7f {
				return m.name
			}
		}
		return mediaType
	}
	return "application/octet-stream"
}

// Length is the Content-Length, exact.
func (p *Package) Length() int64 {
	n := int64(len(p.rootHeader()) + len(p.root) + len(p.closing()))
	for _, part := range p.parts {
		n += int64(len(p.partHeader(part))) + part.Size
	}
	return n
}

// ErrSize tells that a document was not as long as promised.
var ErrSize = errors.New("soap: a document is not as long as was promised")

// Write writes the package, each document from what open gives for its number, one after the other. After an error the package is cut
// off before its closing boundary: the caller must break the connection (panic(http.ErrAbortHandler)), so that no client takes it for whole.
// Nothing follows a document until its reader has said io.EOF, so a reader that checks a hash has the last word.
func (p *Package) Write(ctx context.Context, w io.Writer, open func(ctx context.Context, number int) (io.ReadCloser, error)) error {
	if _, err := io.WriteString(w, p.rootHeader()); err != nil {
		return err
	}
	if _, err := w.Write(p.root); err != nil {
		return err
	}
	buf := make([]byte, 64<<10)
	for i, part := range p.parts {
		if _, err := io.WriteString(w, p.partHeader(part)); err != nil {
			return err
		}
		body, err := open(ctx, i)
		if err != nil {
			return err
		}
		err = copyExactly(w, body, part.Size, buf)
		if e := body.Close(); err == nil {
			err = e
		}
		if err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, p.closing())
	return err
}

// copyExactly copies to the reader's end, which must come after size bytes. No byte beyond is written. A reader that knows a better way of being
// copied (io.WriterTo) goes it.
func copyExactly(w io.Writer, r io.Reader, size int64, buf []byte) error {
	e := &exactly{w, size}
	_, err := io.CopyBuffer(e, r, buf)
	if err == nil && e.left != 0 {
		err = ErrSize
	}
	return err
}

// exactly lets so many bytes through and none beyond.
type exactly struct {
	w    io.Writer
	left int64
}

func (e *exactly) Write(p []byte) (int, error) {
	if int64(len(p)) > e.left {
		return 0, ErrSize
	}
	n, err := e.w.Write(p)
	e.left -= int64(n)
	return n, err
}
