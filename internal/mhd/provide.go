package mhd

import (
	"context"
	"io"
	"net/http"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/rest"
	"dokumentlager/internal/submission"
)

// intake holds the documents of one bundle while the request lasts.
type intake struct {
	ctx     context.Context
	objects *repository.Repository
	bodies  []*repository.Reception
	// unread drops the documents: the answer is known already.
	unread bool
}

// open is called by the bundle reader for each Binary's data, in the order they stand in the bundle.
func (in *intake) open(int) (io.WriteCloser, error) {
	if in.unread {
		return dropped{}, nil
	}
	body := in.objects.Receive(in.ctx)
	in.bodies = append(in.bodies, body)
	return body, nil
}

func (in *intake) discard() {
	for _, b := range in.bodies {
		b.Discard()
	}
}

type dropped struct{}

func (dropped) Write(p []byte) (int, error) { return len(p), nil }
func (dropped) Close() error                { return nil }

// provide is ITI-65: POST of a transaction bundle to the base or to Bundle (W2).
func (d *Door) provide(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	ctx := r.Context()
	if err := d.mayProvide(r, actor, audit.Create, "provide"); err != nil {
		return err
	}
	once, err := d.begin(r, actor)
	if err != nil {
		return stillSending{err}
	}
	defer once.End(ctx)
	bodies := &intake{ctx: ctx, objects: d.Submissions.Objects, unread: once.Answered()}
	defer bodies.discard()
	message, err := d.readMessage(r, bodies)
	switch {
	case err != nil:
		return stillSending{d.unreadable(ctx, actor, once, err)}
	case once.Answered():
		receipt, err := d.Submissions.Repeat(ctx, actor, once)
		if err != nil {
			return err
		}
		return rest.Answer(w, r, http.StatusOK, d.response(message, receipt))
	}
	message.request.Once = once
	receipt, err := d.Submissions.Provide(ctx, actor, message.request)
	if err != nil {
		return message.locate(fault.Of(err))
	}
	return rest.Answer(w, r, http.StatusOK, d.response(message, receipt))
}

// unreadable refuses a body that cannot be read. Under a key whose answer is known, that the body is another one is all there is to say.
func (d *Door) unreadable(ctx context.Context, actor audit.Actor, once *submission.Once, cause error) error {
	if once.Answered() {
		once.Body = nil
		_, cause = d.Submissions.Repeat(ctx, actor, once)
		return cause
	}
	return d.Submissions.RefuseUnread(ctx, actor, audit.Create, "provide", cause)
}

// validate is Bundle/$validate: the same judgement, nothing stored (W2). 200 when nothing refuses, 4xx otherwise.
func (d *Door) validate(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	ctx := r.Context()
	if err := d.mayProvide(r, actor, audit.Execute, "validate"); err != nil {
		return err
	}
	bodies := &intake{ctx: ctx, objects: d.Submissions.Objects}
	defer bodies.discard()
	message, err := d.readMessage(r, bodies)
	if err != nil {
		return stillSending{d.Submissions.RefuseUnread(ctx, actor, audit.Execute, "validate", err)}
	}
	problems, err := d.Submissions.Validate(ctx, actor, message.request)
	if err != nil {
		return err
	}
	if problems = message.locate(problems); problems.Refuses() {
		return problems
	}
	return rest.Answer(w, r, http.StatusOK, fhir.Outcome(problems))
}

// message is a bundle as read, what it asks, and where everything stood in it.
type message struct {
	bundle  *fhir.Bundle
	request submission.Request
	places  places
}

// mayProvide checks scope and media type before anything is read.
func (d *Door) mayProvide(r *http.Request, actor audit.Actor, action audit.Action, operation string) error {
	if err := d.mayWrite(r, actor, access.ScopeCreate, action, operation); err != nil {
		return err
	}
	if err := rest.WantMedia(r, "application/fhir+json", "application/json"); err != nil {
		return d.Submissions.RefuseUnread(r.Context(), actor, action, operation, err)
	}
	return nil
}

// readMessage reads the bundle while its documents stream away, and decodes the rest.
func (d *Door) readMessage(r *http.Request, bodies *intake) (*message, error) {
	bundle, err := fhir.ReadBundle(r.Body, fhir.Limits{Body: d.MaxRequest}, bodies.open)
	if err != nil {
		return nil, err
	}
	return decode(bundle, bodies.bodies, d.BaseURL), nil
}

// response is the transaction-response: one entry for each of the request's, in its order, and warnings as an outcome.
func (d *Door) response(m *message, receipt submission.Receipt) *fhir.Bundle {
	out := &fhir.Bundle{Type: fhir.TransactionResponse}
	for i := range m.bundle.Entry {
		out.Entry = append(out.Entry, fhir.BundleEntry{Response: d.responseEntry(m, receipt, i)})
	}
	if warnings := m.locate(receipt.Warnings); len(warnings) > 0 && len(out.Entry) > 0 {
		out.Entry[m.places.set].Response.Outcome = fhir.Hold(fhir.Outcome(warnings))
	}
	return out
}

// responseEntry says what became of one entry: its address, which can be read with the token that wrote it; a Binary's is the
// document's own (ITI-68).
func (d *Door) responseEntry(m *message, receipt submission.Receipt, entry int) *fhir.BundleResponse {
	created := &fhir.BundleResponse{Status: "201 Created", LastModified: instant(receipt.Published)}
	switch n, isDocument := m.places.documentAt(entry); {
	case entry == m.places.set:
		created.Location = d.resourceURL("List", receipt.Set)
	case isDocument:
		created.Location = d.resourceURL("DocumentReference", receipt.Documents[n].Entry)
		created.Outcome = fhir.Hold(receiptOutcome(receipt, receipt.Documents[n]))
	case m.holdsFolder(receipt, entry):
		return d.folderEntry(m, receipt, entry, created)
	default:
		if n, isBody := m.places.bodyAt(entry); isBody {
			created.Location = d.documentURL(receipt.Documents[n].UniqueID, receipt.Tenant)
			created.ETag = etag(receipt.Documents[n].SHA256)
		} else if m.bundle.Entry[entry].Resource != nil && m.bundle.Entry[entry].Resource.Type == "Patient" {
			created.Location = d.resourceURL("Patient", receipt.Set)
		} else {
			// Practitioners and organisations of an uncontained bundle are kept inside the entry; a superseding PATCH was carried out.
			return &fhir.BundleResponse{Status: "200 OK", NoLocation: fhir.AbsentBecause("not-applicable")}
		}
	}
	return created
}

// holdsFolder reports whether the entry is a folder that the receipt knows; one from before folders were kept knows none.
func (m *message) holdsFolder(receipt submission.Receipt, entry int) bool {
	n, isFolder := m.places.folderAt(entry)
	return isFolder && n < len(receipt.Folders)
}

// folderEntry: a new folder was created, one that is registered got what was sent.
func (d *Door) folderEntry(m *message, receipt submission.Receipt, entry int, response *fhir.BundleResponse) *fhir.BundleResponse {
	n, _ := m.places.folderAt(entry)
	if !receipt.Folders[n].Created {
		response.Status = "200 OK"
	}
	response.Location = d.resourceURL("List", receipt.Folders[n].ID)
	return response
}
