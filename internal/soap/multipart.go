package soap

import (
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"strings"

	"dokumentlager/internal/fault"
)

// The most that stands between parts: a preamble, and the header of a part. What multipart.Reader reads ahead comes on top.
const maxPartHeader = 32 << 10

// multipart reads an MTOM package: the root wherever it stands, every other part as a document.
func (r *reader) multipart(in *meter, media mediaType) error {
	if media.params["boundary"] == "" {
		return malformed("the package names no boundary")
	}
	if kind := essence(media.params["type"]); kind != "" && kind != typeXOP && kind != typeSOAP && kind != typeXML {
		return NewFault(WrongMediaType, errors.New("the package's root is no SOAP message"))
	}
	p := &packet{reader: r, start: bare(media.params["start"]), in: in, early: r.opt.Limits.Early}
	in.closing = []byte("\n--" + media.params["boundary"] + "--")
	parts := multipart.NewReader(in, media.params["boundary"])
	for n := 0; ; n++ {
		in.headers = maxPartHeader
		part, err := parts.NextRawPart()
		in.headers = -1
		if err == io.EOF {
			break
		}
		if err != nil {
			return p.broken(err)
		}
		if err := p.take(n, part); err != nil {
			return p.broken(err)
		}
	}
	switch {
	case !in.closed:
		return p.broken(io.ErrUnexpectedEOF)
	case !p.rooted:
		return malformed("the package has no root part")
	default:
		return nil
	}
}

// packet is a package that is being read.
type packet struct {
	*reader
	start  string
	rooted bool
	in     *meter
	early  int64
	buf    []byte
}

// broken words an error of the package's framing; errors that were worded deeper stay, and so do those of the connection.
func (p *packet) broken(err error) error {
	var f *Fault
	var door *doorError
	var problem *fault.Problem
	switch {
	case errors.As(err, &f), errors.As(err, &door), errors.As(err, &problem), p.in.err != nil && p.in.err != io.EOF:
		return err
	default:
		return malformed("the package is cut off, or its boundary is not the one of the Content-Type") // the library's words may quote the message
	}
}

// bare is a Content-ID without its angle brackets.
func bare(id string) string {
	id = strings.TrimSpace(id)
	return strings.TrimSuffix(strings.TrimPrefix(id, "<"), ">")
}

// sameID compares Content-IDs, of which either may be written with %.
func sameID(a, b string) bool {
	if a == b {
		return true
	}
	x, err1 := url.PathUnescape(a)
	y, err2 := url.PathUnescape(b)
	return err1 == nil && err2 == nil && x == y
}

// take reads one part: the root is the one that start names, or the first.
func (p *packet) take(n int, part *multipart.Part) error {
	id := bare(part.Header.Get("Content-ID"))
	body, err := transferred(part)
	if err != nil {
		return err
	}
	if !p.rooted && (p.start == "" && n == 0 || p.start != "" && sameID(p.start, id)) {
		p.rooted = true
		return p.takeRoot(part, body)
	}
	return p.document(id, essence(part.Header.Get("Content-Type")), body)
}

func (p *packet) takeRoot(part *multipart.Part, body *transfer) error {
	media, err := parseMediaType(part.Header.Get("Content-Type"))
	if err != nil {
		return NewFault(WrongMediaType, err)
	}
	switch media.name {
	case typeXOP, typeSOAP, typeXML:
	default:
		return NewFault(WrongMediaType, errors.New("the root part is no SOAP message"))
	}
	if body.encoded {
		return malformed("the root part is in base64")
	}
	return p.envelope(part, media.params["charset"])
}

// transfer is a part's body, perhaps in base64 (RFC 2045), which MTOM does not ask for and some gateways do.
type transfer struct {
	io.Reader
	encoded bool
}

func transferred(part *multipart.Part) (*transfer, error) {
	switch strings.ToLower(strings.TrimSpace(part.Header.Get("Content-Transfer-Encoding"))) {
	case "", "binary", "8bit", "7bit":
		return &transfer{part, false}, nil
	case "base64":
		return &transfer{part, true}, nil
	default:
		return nil, malformed("a part is in a transfer encoding that is not taken")
	}
}

// document streams a part into its sink.
func (p *packet) document(id, mediaType string, body *transfer) error {
	if _, twice := p.m.parts[id]; twice && id != "" {
		return malformed("two parts have the same Content-ID")
	}
	number := p.m.Documents
	sink, err := p.openDocument(Incoming{MediaType: mediaType, Early: !p.rooted})
	if err != nil {
		return err
	}
	if id != "" {
		p.m.parts[id] = number
	}
	if err := p.stream(sink, body); err != nil {
		abandon(sink, err)
		return err
	}
	return closeSink(sink)
}

// stream copies a body, and counts it while nobody knows whose it is.
func (p *packet) stream(sink io.Writer, body *transfer) error {
	var d *decoder64
	if p.buf == nil {
		p.buf = make([]byte, 64<<10)
	}
	buf := p.buf
	if body.encoded {
		d = newDecoder64(sink)
	}
	for {
		n, err := body.Read(buf)
		if !p.rooted {
			if p.early -= int64(n); p.early < 0 {
				return tooLarge("the documents before the root are above the limit")
			}
		}
		switch {
		case n == 0:
		case d != nil:
			if _, err := d.Write(buf[:n]); err != nil {
				return err
			}
		default:
			if err := write(sink, buf[:n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if d != nil {
		return d.Close()
	}
	return nil
}
