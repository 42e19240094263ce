package xds

import (
	"context"
	"strconv"

	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/soap"
)

// iti43 is Retrieve Document Set, iti39 Cross Gateway Retrieve, which needs each document's home.
func (d *Door) iti43(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.deliver(ctx, r, false)
}

func (d *Door) iti39(ctx context.Context, r *endpoint.Request) (*endpoint.Answer, error) {
	return d.deliver(ctx, r, true)
}

func (d *Door) deliver(ctx context.Context, r *endpoint.Request, gateway bool) (*endpoint.Answer, error) {
	requests, problems, err := ebxml.ReadDocumentRequests(r.Message.Body, ebxml.RetrieveRequest)
	if err == nil && len(requests) == 0 {
		err = problems.Err()
	}
	if err != nil {
		return nil, endpoint.Unseen(err)
	}
	reader, err := d.opener(r)
	if err != nil {
		return nil, err
	}
	wanted, written := soughtIn(requests)
	delivered, err := d.Disclosures.Retrieve(ctx, reader, gateway, wanted)
	if err != nil {
		return nil, err
	}
	return d.answerOf(r, delivered, written, problems)
}

// soughtIn are the documents, and how each was first written: the answer repeats the ids as they came.
func soughtIn(requests []ebxml.DocumentRequest) (wanted []disclosure.Sought, written map[disclosure.Sought]ask) {
	written = map[disclosure.Sought]ask{}
	for i, q := range requests {
		s := disclosure.Sought{HomeCommunity: document.StripURN(q.Home), Repository: document.StripURN(q.Repository), UniqueID: document.StripURN(q.Document)}
		wanted = append(wanted, s)
		if _, twice := written[s]; !twice {
			written[s] = ask{q, i + 1}
		}
	}
	return wanted, written
}

// ask is a document request and its place in the message, from 1.
type ask struct {
	ebxml.DocumentRequest
	place int
}

// answerOf makes an answer of what is delivered: the documents, in the order asked for, and an error for each that is not.
func (d *Door) answerOf(r *endpoint.Request, delivered []disclosure.Delivery, written map[disclosure.Sought]ask, problems fault.Problems) (*endpoint.Answer, error) {
	errors := endpoint.Errors(r.Actor.Transaction, problems, "")
	ids, err := soap.NewContentIDs(d.Front.Random, len(delivered))
	if err != nil {
		return nil, err
	}
	answer, documents := &endpoint.Answer{}, []ebxml.DocumentAnswer(nil)
	for i := range delivered {
		x := &delivered[i]
		as := written[x.Sought]
		if x.Problem != nil {
			errors = append(errors, refusedDocument(r.Actor.Transaction, x, as))
			continue
		}
		documents = append(documents, ebxml.DocumentAnswer{Home: as.Home, Repository: as.Repository, Document: as.Document, MimeType: x.Entry.MimeType, Href: soap.Href(ids[i])})
		answer.Parts = append(answer.Parts, endpoint.Part{Outgoing: soap.Outgoing{ContentID: ids[i], MediaType: x.Entry.MimeType, Size: x.Entry.Size}, Open: x.Open})
	}
	status := ebxml.StatusOf(errors, len(documents) > 0)
	answer.Body = func(dst []byte) []byte { return ebxml.AppendRetrieveResponse(dst, status, errors, documents) }
	return answer, nil
}

// refusedDocument tells by its place which document it is: ids are the caller's, and may be anything. Where it is, in XCA, is the home.
func refusedDocument(transaction string, x *disclosure.Delivery, as ask) ebxml.RegistryError {
	e := endpoint.Errors(transaction, fault.Problems{x.Problem}, x.HomeCommunity)[0]
	e.Context = "DocumentRequest " + strconv.Itoa(as.place) + ": " + e.Context
	return e
}
