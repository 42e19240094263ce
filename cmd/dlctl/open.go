package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
)

// openCommand is ITI-68 (R2), with a search before it: the list tells where the document is and what its bytes must be.
type openCommand struct {
	where        `embed:""`
	ID           string `arg:"" help:"The document: its id, its uniqueId, or an address that names either."`
	Patient      string `required:"" help:"The patient: 11 digits, or OID|value." placeholder:"ID"`
	Output       string `short:"o" help:"Where to write it; - is standard output, and the id with an extension the default." placeholder:"FILE"`
	As           string `help:"doctor (dev stacks only) or a client id." placeholder:"WHO"`
	Organisation string `help:"Where the doctor works, or whom the client acts for." placeholder:"NUMBER"`
}

// Run fetches and checks.
func (c openCommand) Run(s *surroundings) error {
	x, err := c.exchange(s, c.As, c.Organisation, reading)
	if err != nil {
		return err
	}
	ref, err := c.find(s, x)
	if err != nil {
		return err
	}
	patient, err := patientID(c.Patient)
	if err != nil {
		return err
	}
	a := attachmentOf(ref)
	res, err := x.send(s.ctx, "GET", a.URL, nil, 0, "nhn-patient-nin", patient.Value)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	path := c.Output
	if path == "" {
		path = documentID(ref.ID) + extensionFor(a.ContentType)
	}
	var size int64
	err = output(s, path, func(out io.Writer) error {
		var digest []byte
		if size, digest, err = measure(io.TeeReader(res.Body, out)); err != nil {
			return fmt.Errorf("the document broke off after %s: %w", bytesText(size), err)
		}
		return matches(a, size, digest)
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stderr, "%s, %s; size and SHA-1 are the registered ones.\n", oneLine(a.Title), bytesText(size))
	return err
}

// find looks the document up among the patient's; only what is listed can be opened.
func (c openCommand) find(s *surroundings, x *exchange) (*fhir.DocumentReference, error) {
	q, err := newSearch(c.Patient, true)
	if err != nil {
		return nil, err
	}
	q.form.Set("identifier", documentID(c.ID))
	listed, err := q.run(s.ctx, x)
	if err != nil {
		return nil, err
	}
	switch len(listed.references) {
	case 0:
		return nil, errors.New("no document with this id is listed for this patient")
	case 1:
		return listed.references[0], nil
	default:
		return nil, fmt.Errorf("%d documents have this id; name one by its DocumentReference id", len(listed.references))
	}
}

// matches compares the bytes with what the list said of them.
func matches(a *fhir.Attachment, size int64, digest []byte) error {
	if a.Size != nil && *a.Size != size {
		return fmt.Errorf("%s came, but %s are registered", bytesText(size), bytesText(*a.Size))
	}
	want, err := fhir.DecodeHash(a.Hash)
	if err != nil {
		return fmt.Errorf("the registered hash cannot be read: %w", err)
	}
	if !bytes.Equal(want, digest) {
		return fmt.Errorf("SHA-1 %x came, but %x is registered", digest, want)
	}
	return nil
}

// documentID takes an id out of what people paste: an address of the service, a urn, or the id itself.
func documentID(text string) string {
	if u, err := url.Parse(text); err == nil && u.Host != "" {
		if id := u.Query().Get("documentUniqueId"); id != "" {
			return document.StripURN(id)
		}
		text = u.Path
	}
	if i := strings.LastIndex(text, "/"); i >= 0 {
		text = text[i+1:]
	}
	return document.StripURN(text)
}

// extensionFor is the extension of a file of this content type; none for what we do not know.
func extensionFor(contentType string) string {
	media, _, _ := strings.Cut(contentType, ";")
	return map[string]string{
		"application/pdf": ".pdf", "text/xml": ".xml", "application/xml": ".xml", "text/plain": ".txt", "application/rtf": ".rtf", "text/rtf": ".rtf",
		"application/json": ".json", "image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/tiff": ".tiff",
	}[strings.TrimSpace(media)]
}
