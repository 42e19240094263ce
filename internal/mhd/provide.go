package mhd

import (
	"context"
	"io"
	"net/http"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/submission"
)

// intake holds the documents of one bundle while the request lasts.
type intake struct {
	ctx     context.Context
	objects *repository.Repository
	bodies  []*repository.Reception
}

// open is called by the bundle reader for each Binary's data, in the order they stand in the bundle.
func (in *intake) open(int) (io.WriteCloser, error) {
	body := in.objects.Receive(in.ctx)
	in.bodies = append(in.bodies, body)
	return body, nil
}

func (in *intake) discard() {
	for _, b := range in.bodies {
		b.Discard()
	}
}

// provide is ITI-65: POST of a transaction bundle to the base or to Bundle (W2).
func (d *Door) provide(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	bodies := &intake{ctx: r.Context(), objects: d.Submissions.Objects}
	defer bodies.discard()
	message, err := d.readMessage(w, r, actor, bodies, audit.Create, "provide")
	if err != nil {
		return err
	}
	receipt, err := d.Submissions.Provide(r.Context(), actor, message.request)
	if err != nil {
		return message.locate(fault.Of(err))
	}
	return d.answer(w, http.StatusOK, d.response(message, receipt))
}

// validate is Bundle/$validate: the same judgement, nothing stored (W2). 200 when nothing refuses, 4xx otherwise.
func (d *Door) validate(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	bodies := &intake{ctx: r.Context(), objects: d.Submissions.Objects}
	defer bodies.discard()
	message, err := d.readMessage(w, r, actor, bodies, audit.Execute, "validate")
	if err != nil {
		return err
	}
	problems, err := d.Submissions.Validate(r.Context(), actor, message.request)
	if err != nil {
		return err
	}
	if problems = message.locate(problems); problems.Refuses() {
		return problems
	}
	return d.answer(w, http.StatusOK, fhir.Outcome(problems))
}

// message is a bundle as read, what it asks, and where everything stood in it.
type message struct {
	bundle  *fhir.Bundle
	request submission.Request
	places  places
}

// readMessage checks scope and media type, reads the bundle while its documents stream away, and decodes the rest.
func (d *Door) readMessage(w http.ResponseWriter, r *http.Request, actor audit.Actor, bodies *intake, action audit.Action, operation string) (*message, error) {
	ctx := r.Context()
	if err := d.needScope(ctx, actor, access.ScopeCreate, action, operation); err != nil {
		return nil, err
	}
	if err := wantMedia(r, "application/fhir+json", "application/json"); err != nil {
		return nil, d.Submissions.RefuseUnread(ctx, actor, action, operation, err)
	}
	bundle, err := fhir.ReadBundle(r.Body, fhir.Limits{Body: d.MaxRequest}, bodies.open)
	if err != nil {
		drain(w, r)
		return nil, d.Submissions.RefuseUnread(ctx, actor, action, operation, err)
	}
	m := decode(bundle, bodies.bodies, d.BaseURL)
	return m, nil
}

// drainTime bounds how long a refused upload may go on sending.
const drainTime = 10 * time.Second

// drain reads on for a while after a refusal in mid-body: a client that is still sending would otherwise see a broken connection
// instead of the answer that says why.
func drain(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainTime))
	_, _ = io.Copy(io.Discard, r.Body)
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
	created := &fhir.BundleResponse{Status: "201 Created", LastModified: receipt.Set.Registered.Format(time.RFC3339Nano)}
	switch n, isDocument := m.places.documentAt(entry); {
	case entry == m.places.set:
		created.Location = d.resourceURL("List", receipt.Set.ID)
	case isDocument:
		created.Location = d.resourceURL("DocumentReference", receipt.Entries[n].ID)
	default:
		if n, isBody := m.places.bodyAt(entry); isBody {
			created.Location = d.documentURL(receipt.Entries[n], receipt.Tenant)
			created.ETag = etag(receipt.Entries[n])
		} else if m.bundle.Entry[entry].Resource != nil && m.bundle.Entry[entry].Resource.Type == "Patient" {
			created.Location = d.resourceURL("Patient", receipt.Set.ID)
		} else {
			// Practitioners and organisations of an uncontained bundle are kept inside the entry; a superseding PATCH was carried out.
			return &fhir.BundleResponse{Status: "200 OK"}
		}
	}
	return created
}
