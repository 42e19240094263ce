package ebxml

import (
	"encoding/xml"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// Status is how a request ended.
type Status string

// The statuses; PartialSuccess is for queries and retrievals only.
const (
	Success        Status = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
	Failure        Status = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
	PartialSuccess Status = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
)

// RegistryError is one error of an answer.
type RegistryError struct {
	Code, Context, Location string
	Warning                 bool
}

// Answer is what an answer says, whichever it is.
type Answer struct {
	Status  Status
	Errors  []RegistryError
	Objects Objects
	// Documents are those of a RetrieveDocumentSetResponse.
	Documents []DocumentAnswer
}

// DocumentAnswer is one DocumentResponse. Href is the xop:Include that stands for its bytes.
type DocumentAnswer struct {
	Home, Repository, Document string
	// NewRepository and NewDocument are of a document made on demand.
	NewRepository, NewDocument string
	MimeType, Href             string
}

// ReadAnswer reads an AdhocQueryResponse, a RegistryResponse or a RetrieveDocumentSetResponse, for clients and tests. What an answer has
// wrong in its objects is passed over.
func ReadAnswer(payload []byte) (*Answer, error) {
	r, root, err := open(payload)
	if err != nil {
		return nil, err
	}
	a := &Answer{Status: Status(attr(root, "status"))}
	switch root.Name {
	case AdhocQueryAnswer, RegistryAnswer, RetrieveAnswer:
	default:
		return nil, wrongPayload()
	}
	return a, r.children(func(e xml.StartElement) error { return r.answer(e, a) })
}

func (r *reader) answer(e xml.StartElement, a *Answer) error {
	switch e.Name {
	case RegistryAnswer: // inside a RetrieveDocumentSetResponse
		a.Status = Status(attr(e, "status"))
		return r.children(func(e xml.StartElement) error { return r.answer(e, a) })
	case registryErrorList:
		return r.children(func(e xml.StartElement) error {
			a.Errors = append(a.Errors, RegistryError{Code: attr(e, "errorCode"), Context: attr(e, "codeContext"), Location: attr(e, "location"),
				Warning: strings.HasSuffix(attr(e, "severity"), "Warning")})
			return r.skip()
		})
	case registryObjectList:
		d := &decoder{r: r, out: &a.Objects, problems: new(fault.Problems)}
		err := d.list()
		d.finish()
		return err
	case documentAnswerName:
		d, err := r.documentAnswer()
		a.Documents = append(a.Documents, d)
		return err
	default:
		return r.skip()
	}
}

func (r *reader) documentAnswer() (d DocumentAnswer, err error) {
	fields := map[string]*string{"HomeCommunityId": &d.Home, "RepositoryUniqueId": &d.Repository, "DocumentUniqueId": &d.Document,
		"NewRepositoryUniqueId": &d.NewRepository, "NewDocumentUniqueId": &d.NewDocument, "mimeType": &d.MimeType}
	err = r.children(func(e xml.StartElement) (err error) {
		if e.Name == DocumentElement {
			d.Href, err = r.include()
			return err
		}
		field, ok := fields[e.Name.Local]
		if !ok || e.Name.Space != xdsURI {
			return r.skip()
		}
		*field, err = r.text()
		return err
	})
	d.Home = document.StripURN(d.Home)
	return d, err
}
