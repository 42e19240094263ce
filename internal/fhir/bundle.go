package fhir

import (
	"io"
	"strconv"

	"dokumentlager/internal/fault"
)

// Limits bound what ReadBundle takes. A zero means the default beside it.
type Limits struct {
	Body     int64 // bytes of the whole request as sent: 256 MiB
	Residue  int   // bytes of JSON without the documents, 2 MiB: all of it is held in memory
	Depth    int   // levels of nesting, 64
	Binaries int   // documents in one bundle, 100
	Entries  int   // entries of the bundle, 1,000: references to them are looked for among all
	// Values is how many members, elements and openings of objects and arrays the JSON may have, 50,000: each becomes up to 400 bytes of
	// memory, and an empty one is three bytes of body. A hundred documents with all their metadata are 25,000.
	Values int
}

func (l Limits) orDefaults() Limits {
	if l.Body == 0 {
		l.Body = 256 << 20
	}
	if l.Residue == 0 {
		l.Residue = 2 << 20
	}
	if l.Depth == 0 {
		l.Depth = 64
	}
	if l.Binaries == 0 {
		l.Binaries = 100
	}
	if l.Entries == 0 {
		l.Entries = 1000
	}
	if l.Values == 0 {
		l.Values = 50_000
	}
	return l
}

// OpenSink gives the sink for the next document; numbers count from 0 in the order of the body. The sink is closed once, after
// its document's last byte and only if all of its text was sound. If the body fails in the middle of a document its sink is not closed, but
// CloseWithError is called where the sink has it. Sinks closed before a later failure are the caller's to throw away.
type OpenSink func(number int) (io.WriteCloser, error)

// ReadBundle reads an ITI-65 transaction from r to its end. Each string entry[i].resource.data is decoded into a sink as it passes;
// the Binary there then knows its sink's number (Binary.Body). Key order, entry order, escapes, white space and a byte order mark make no
// difference. A bundle that is read by ParseResource instead keeps its data as text.
//
// Errors are a fault.Problem or fault.Problems with locations in the bundle: MalformedBody, InvalidContent for bad base64,
// RequestTooLarge for the limits. An error of a sink or of open comes back wrapped, and so does the cause when r fails.
func ReadBundle(r io.Reader, limits Limits, open OpenSink) (*Bundle, error) {
	s := newScanner(r, limits, open)
	if err := s.run("{"); err != nil {
		return nil, err
	}
	var problems fault.Problems
	resource := Resource{Raw: s.residue}
	resource.resolve("Bundle", s.bodyOffset, &problems)
	bundle, ok := As[Bundle](&resource)
	if resource.Type != "" && resource.Type != "Bundle" {
		return nil, wrongType(resource.Type, "a Bundle of type transaction")
	}
	if ok && !problems.Refuses() {
		problems.Add(bundle.checkType())
		problems.Add(bundle.assign(s.bodies)...)
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return bundle, nil
}

// checkType refuses what is not a transaction: a batch could be half done, which promise 1 rules out.
func (b *Bundle) checkType() *fault.Problem {
	switch b.Type {
	case Transaction:
		return nil
	case "":
		return fault.New(fault.MalformedBody, "The bundle has no type; documents are provided with type transaction.").At("Bundle.type")
	case "batch":
		return fault.New(fault.MalformedBody, "The bundle is a batch, which may be half done; documents are provided all or none, with type transaction.").At("Bundle.type")
	}
	return fault.New(fault.MalformedBody, "The bundle is of type %s; documents are provided with type transaction.", safeName(b.Type)).At("Bundle.type")
}

// assign tells each Binary its sink, and refuses data that stood in a resource of another type.
func (b *Bundle) assign(entries []int) []*fault.Problem {
	var problems []*fault.Problem
	for number, i := range entries {
		if binary, ok := As[Binary](b.Entry[i].Resource); ok {
			binary.Body = number
			continue
		}
		problems = append(problems, fault.New(fault.MalformedBody, "Only a Binary has data; here it stands in a resource of type %s.",
			safeName(b.Entry[i].Resource.Type)).At("Bundle.entry["+strconv.Itoa(i)+"].resource.data"))
	}
	return problems
}
