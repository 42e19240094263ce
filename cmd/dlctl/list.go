package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
)

// listCommand is ITI-67 as health personnel use it (R1).
type listCommand struct {
	where        `embed:""`
	Patient      string `required:"" help:"The patient: 11 digits, or OID|value." placeholder:"ID"`
	As           string `help:"doctor (dev stacks only) or a client id." placeholder:"WHO"`
	Organisation string `help:"Where the doctor works, or whom the client acts for." placeholder:"NUMBER"`
	All          bool   `help:"Superseded documents too."`
	Raw          bool   `help:"Print the answers as they came."`
}

// Run lists all pages.
func (c listCommand) Run(s *surroundings) error {
	x, err := c.exchange(s, c.As, c.Organisation, reading)
	if err != nil {
		return err
	}
	search, err := newSearch(c.Patient, c.All)
	if err != nil {
		return err
	}
	if c.Raw {
		search.page = func(b *fhir.Bundle) error { return printRaw(s.stdout, b) }
	}
	found, err := search.run(s.ctx, x)
	if err != nil || c.Raw {
		return err
	}
	return found.print(s.stdout)
}

// search is one search with all its pages.
type search struct {
	form url.Values
	// page sees each page as it comes; may be nil.
	page func(*fhir.Bundle) error
}

// newSearch writes the form; patient identifiers stand in bodies, never in addresses (R1).
func newSearch(patient string, superseded bool) (*search, error) {
	id, err := patientID(patient)
	if err != nil {
		return nil, err
	}
	status := "current"
	if superseded {
		status += ",superseded"
	}
	return &search{form: url.Values{"patient.identifier": {document.URN(id.Authority) + "|" + id.Value}, "status": {status}}}, nil
}

// found is what a search gave.
type found struct {
	references []*fhir.DocumentReference
	outcomes   []*fhir.OperationOutcome
	// masked is NHN-SecurityLabel-Nors-Count of the pages together (C8).
	masked int
}

func (q *search) run(ctx context.Context, x *exchange) (*found, error) {
	out := &found{}
	err := x.pages(ctx, "/R4/fhir/DocumentReference/_search", q.form, func(page *fhir.Bundle, res *http.Response) (bool, error) {
		var masked int
		_, _ = fmt.Sscan(res.Header.Get("NHN-SecurityLabel-Nors-Count"), &masked) // a service without the header counts none
		out.masked += masked
		out.add(page)
		if q.page != nil {
			return true, q.page(page)
		}
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (f *found) add(page *fhir.Bundle) {
	for _, e := range page.Entry {
		if ref, ok := fhir.As[fhir.DocumentReference](e.Resource); ok {
			f.references = append(f.references, ref)
		}
		if outcome, ok := fhir.As[fhir.OperationOutcome](e.Resource); ok {
			f.outcomes = append(f.outcomes, outcome)
		}
	}
}

// print shows the table, what was masked, and what the service remarked.
func (f *found) print(out io.Writer) error {
	if len(f.references) == 0 {
		fmt.Fprintln(out, "No documents.")
	} else if err := f.table(out); err != nil {
		return err
	}
	if f.masked > 0 {
		fmt.Fprintf(out, "%d of %d masked (Sperret, NORS): listed, but not to be opened.\n", f.masked, len(f.references))
	}
	for _, outcome := range f.outcomes {
		fmt.Fprintln(out, strings.Join(issueLines(outcome), "\n"))
	}
	return nil
}

func (f *found) table(out io.Writer) error {
	var rows [][]string
	for _, ref := range f.references {
		a := attachmentOf(ref)
		kind := conceptText(ref.Type)
		if strings.Trim(kind, "*") == "" {
			kind = "" // masked: the service sends asterisks
		}
		rows = append(rows, []string{shortTime(a.Creation), kind, shorten(a.Title, 44), shorten(organisationOf(ref), 36),
			strings.Join(codesOf(ref.SecurityLabel), ","), ref.ID})
	}
	return printTable(out, []string{"DATE", "TYPE", "TITLE", "ORGANISATION", "CODES", "ID"}, rows)
}

// attachmentOf is the one attachment, an empty one for a reference without.
func attachmentOf(ref *fhir.DocumentReference) *fhir.Attachment {
	if len(ref.Content) == 0 || ref.Content[0].Attachment == nil {
		return &fhir.Attachment{}
	}
	return ref.Content[0].Attachment
}

// organisationOf is the name of the first organisation among the authors.
func organisationOf(ref *fhir.DocumentReference) string {
	for i := range ref.Contained {
		if o, ok := fhir.As[fhir.Organization](&ref.Contained[i]); ok && o.Name != "" {
			return o.Name
		}
	}
	return ""
}

// shortTime is a FHIR dateTime on the reader's clock, to the minute; what is less precise stays as it is.
func shortTime(text string) string {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return t.Local().Format("2006-01-02 15:04")
}
