// Package soap reads and writes SOAP 1.2 messages as the XDS family sends them (ITI TF-2 appendix V): an envelope with WS-Addressing
// headers, alone or as the root of an MTOM package.
//
// It promises that a message is vetted before anything believes it: one character set, one root, no DOCTYPE, no processing instruction, names
// whose prefixes are declared, no attribute twice, and limits on size, depth, elements, attributes and namespaces; that documents never
// stand in memory, whether they come as MIME parts, before or after the root, or as base64 in the envelope; and that what refuses a message
// is a Fault whose text is fixed. What is left of a message is small: header blocks and the payload, each self-contained XML that a
// reader of its own understands (saml, ebxml). It decides nothing: who may send, and what, is the door's (spec/soap.md 3, 5).
package soap

import (
	"encoding/xml"
	"io"
)

// The namespaces of a message.
const (
	Namespace   = "http://www.w3.org/2003/05/soap-envelope"
	namespace11 = "http://schemas.xmlsoap.org/soap/envelope/"
	Addressing  = "http://www.w3.org/2005/08/addressing"
	wsseURI     = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	wsuURI      = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	xopURI      = "http://www.w3.org/2004/08/xop/include"
	xmlURI      = "http://www.w3.org/XML/1998/namespace"
	xmlnsURI    = "http://www.w3.org/2000/xmlns/"
)

// Addresses of WS-Addressing that are no addresses.
const (
	Anonymous = Addressing + "/anonymous"
	None      = Addressing + "/none"
)

// Security is the header block in which XUA tokens travel.
var Security = xml.Name{Space: wsseURI, Local: "Security"}

// Limits bound what Read takes. A zero means the default beside it.
type Limits struct {
	Total      int64 // bytes of the whole request, 256 MiB
	Envelope   int   // bytes of the envelope without documents, 2 MiB: all of it is held in memory
	Header     int   // bytes of the envelope up to the end of its header, 256 KiB
	Depth      int   // levels of elements, 64
	Elements   int   // elements of the envelope, 100,000
	Attributes int   // attributes of one element, declarations of namespaces among them: 32
	Namespaces int   // declarations of namespaces in the header altogether, and in force at any place of the body: 128
	Documents  int   // documents in one message, 100
	Early      int64 // bytes of documents that come before the root, of which nobody knows yet who sent them: 60 MiB in all
}

func (l Limits) orDefaults() Limits {
	l.Total = or(l.Total, 256<<20)
	l.Envelope = or(l.Envelope, 2<<20)
	l.Header = or(l.Header, 256<<10)
	l.Depth = or(l.Depth, 64)
	l.Elements = or(l.Elements, 100_000)
	l.Attributes = or(l.Attributes, 32)
	l.Namespaces = or(l.Namespaces, 128)
	l.Documents = or(l.Documents, 100)
	l.Early = or(l.Early, 60<<20)
	return l
}

func or[T int | int64](v, standard T) T {
	if v == 0 {
		return standard
	}
	return v
}

// Options are what a door wants of a message.
type Options struct {
	Limits Limits
	// Understands are the header blocks, beside those of WS-Addressing, that the door will look at: all others that must be understood
	// refuse the message.
	Understands []xml.Name
	// Documents are the elements of the body whose content is a document in base64.
	Documents []xml.Name
	// Header is called when the header has been read and before the body is, if it is not nil. Its error ends the reading and is returned
	// as it is. Parts before the root have been received by then.
	Header func(*Header) error
	// Open gives the sink for the next document; without it a message with documents is refused. A sink is closed once, after its document's
	// last byte; if the message breaks off in the middle, CloseWithError is called where the sink has it. Sinks closed before a later failure
	// are the door's to throw away.
	Open func(Incoming) (io.WriteCloser, error)
}

// Incoming is a document on its way in.
type Incoming struct {
	// Number counts from 0 in the order in which documents arrive.
	Number int
	// MediaType is the part's Content-Type without parameters; empty for base64 in the envelope, which has none. It is a claim.
	MediaType string
	// Early tells that the root has not come yet: nobody knows who sends this.
	Early bool
}

// Message is a request, or an answer, without its documents.
type Message struct {
	Header Header
	// Payload is the name of the body's one element, and Body that element as XML that stands alone: what is in force around it is
	// declared on it. Documents in base64 are taken out; in their place stands an xop:Include whose href Document understands.
	Payload xml.Name
	Body    []byte
	// MTOM tells that the message came as a package; its answer goes as one too.
	MTOM bool
	// Documents is how many arrived.
	Documents int

	parts map[string]int
}

// Header is what WS-Addressing says, each block at most once, and every block as it came.
type Header struct {
	Action, MessageID, To, RelatesTo string
	// ReplyTo and FaultTo are addresses; Anonymous, or empty, when the answer goes back on the same connection.
	ReplyTo, FaultTo string
	Blocks           []Block
}

// Block is one header block, self-contained: the namespaces in force are declared on it, and between its tags stands what was sent, to the
// byte (in UTF-8), so that signatures inside still hold.
type Block struct {
	Name           xml.Name
	MustUnderstand bool
	XML            []byte
}

// Block is the block of that name; nil when there is none. More than one is a Fault: who reads the first and who reads the last would not see
// the same message.
func (h *Header) Block(name xml.Name) (*Block, error) {
	var found *Block
	for i := range h.Blocks {
		if h.Blocks[i].Name != name {
			continue
		}
		if found != nil {
			return nil, malformed("two header blocks of one name")
		}
		found = &h.Blocks[i]
	}
	return found, nil
}

// Synchronous tells that the answer goes back on the connection of the request.
func (h *Header) Synchronous() bool { return h.ReplyTo == "" || h.ReplyTo == Anonymous }
