// Package fhir speaks the FHIR R4 wire format that MHD needs (ITI-65, ITI-66, ITI-67, ITI-68 and the national PATCH and $validate): it reads
// JSON, and writes JSON and XML. XML that is sent is refused by the door with 415.
//
// It promises three things. ReadBundle reads an upload of any size in flat memory: the base64 of a document goes straight into
// the caller's sink, wherever it stands in the bundle (DESIGN, "One upload, the way the bytes go", 1). What is wrong is told as
// fault.Problems with a FHIRPath location and a text that says what to do (rule W6), never with more of the body in it than an element's
// name. What is written is deterministic, and says the same in both forms: resourceType first, then FHIR's own order of elements.
//
// It does not map FHIR to XDS, resolve references or know a profile: that is mhd's job.
package fhir

import (
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"dokumentlager/internal/fault"
)

// MediaType is the content type of everything that Marshal writes.
const MediaType = "application/fhir+json"

// Marshal writes a resource or datatype of this package as JSON without insignificant white space; the same value always
// gives the same bytes. Text is left as it is: FHIR narratives are XHTML, and escaping "<" would only make them unreadable.
func Marshal(v any) ([]byte, error) {
	return json.Marshal(v, json.Deterministic(true), jsontext.EscapeForHTML(false))
}

// ParseResource reads one resource of any type, at most limit bytes of it, with everything in memory. It is for answers and
// small bodies; uploads go through ReadBundle. The error is a fault.Problem or fault.Problems.
func ParseResource(r io.Reader, limit int64) (*Resource, error) {
	s := newScanner(r, Limits{Body: limit, Residue: int(limit)}, nil)
	if err := s.run("{"); err != nil {
		return nil, err
	}
	var problems fault.Problems
	resource := &Resource{Raw: s.residue}
	resource.resolve("", s.bodyOffset, &problems)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return resource, nil
}

// ParseDocumentReference is ParseResource for the one type that ITI-105 and the national PATCH send alone.
func ParseDocumentReference(r io.Reader, limit int64) (*DocumentReference, error) {
	resource, err := ParseResource(r, limit)
	if err != nil {
		return nil, err
	}
	document, ok := As[DocumentReference](resource)
	if !ok {
		return nil, wrongType(resource.Type, "a DocumentReference")
	}
	return document, nil
}

// wrongType refuses a body that is another resource than the address takes.
func wrongType(got, want string) *fault.Problem {
	if got == "" {
		return fault.New(fault.MalformedBody, "The body names no resourceType; this address takes %s.", want).At("resourceType")
	}
	return fault.New(fault.MalformedBody, "The body is a resource of type %s, but this address takes %s.", safeName(got), want).
		At("resourceType")
}
