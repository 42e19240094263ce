package ebxml

import (
	"encoding/xml"
	"fmt"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// DocumentRequest names a document as ITI-39, 43 and 86 do. The texts are as written, for the answer repeats them; compare them with
// document.StripURN.
type DocumentRequest struct{ Home, Repository, Document string }

// maxRequests is how many documents one message may ask for.
const maxRequests = 1000

// ReadDocumentRequests reads the payload of ITI-39 and 43 (RetrieveRequest) or 86 (RemoveDocuments). A request that lacks one of its two ids
// is a problem of its own; the others are given beside the problems.
func ReadDocumentRequests(payload []byte, want xml.Name) ([]DocumentRequest, fault.Problems, error) {
	r, root, err := open(payload)
	if err != nil {
		return nil, nil, err
	}
	if root.Name != want {
		return nil, nil, wrongPayload()
	}
	var requests []DocumentRequest
	var problems fault.Problems
	n := 0
	err = r.children(func(e xml.StartElement) error {
		if e.Name != documentRequestName {
			return r.skip()
		}
		if n++; n > maxRequests {
			return fault.New(fault.RequestTooLarge, "The message asks for more than %d documents.", maxRequests)
		}
		d, err := r.documentRequest()
		at := fmt.Sprintf("documents[%d]", n-1)
		switch {
		case err != nil:
			return err
		case d.Repository == "":
			problems.Add(fault.New(fault.UnknownRepository, "The RepositoryUniqueId is missing.").At(at + ".repositoryUniqueId"))
		case d.Document == "":
			problems.Add(fault.New(fault.UnknownDocument, "The DocumentUniqueId is missing.").At(at + ".uniqueId"))
		default:
			requests = append(requests, d)
		}
		return nil
	})
	if err == nil && n == 0 {
		err = fault.New(fault.MalformedBody, "The message asks for no document.")
	}
	if err != nil {
		return nil, nil, err
	}
	return requests, problems, nil
}

func (r *reader) documentRequest() (d DocumentRequest, err error) {
	err = r.children(func(e xml.StartElement) (err error) {
		switch {
		case e.Name.Space != xdsURI:
			return r.skip()
		case e.Name.Local == "HomeCommunityId":
			d.Home, err = r.text()
		case e.Name.Local == "RepositoryUniqueId":
			d.Repository, err = r.text()
		case e.Name.Local == "DocumentUniqueId":
			d.Document, err = r.text()
		default:
			err = r.skip()
		}
		return err
	})
	return d, err
}

// ReadRemoval reads the payload of ITI-62: the ids of what is to be removed, a list that may be empty.
func ReadRemoval(payload []byte) ([]ObjectRef, error) {
	r, root, err := open(payload)
	if err != nil {
		return nil, err
	}
	if root.Name != RemoveObjects {
		return nil, wrongPayload()
	}
	var refs []ObjectRef
	err = r.children(func(list xml.StartElement) error {
		switch list.Name {
		case objectRefList:
		case xml.Name{Space: rimURI, Local: "AdhocQuery"}:
			return fault.New(fault.BadRequest, "What is to be removed is named by ObjectRef, not found by a query.")
		default:
			return r.skip()
		}
		return r.children(func(e xml.StartElement) error {
			if e.Name == (xml.Name{Space: rimURI, Local: "ObjectRef"}) {
				refs = append(refs, ObjectRef{Ref: plainRef(attr(e, "id")), Home: document.StripURN(attr(e, "home"))})
			}
			if len(refs) > maxObjects {
				return fault.New(fault.RequestTooLarge, "The message names more than %d objects.", maxObjects)
			}
			return r.skip()
		})
	})
	return refs, err
}
