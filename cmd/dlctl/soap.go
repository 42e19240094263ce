package main

import (
	"crypto/sha1" //nolint:gosec // XDS registers SHA-1
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/soap"
)

// soapCommands are the responding gateway's transactions, as the national gateway sends them for citizens and health personnel.
type soapCommands struct {
	Query soapQuery `cmd:"" help:"List a patient's documents (ITI-38)."`
	Fetch soapFetch `cmd:"" help:"Fetch a document (ITI-39) and check it against its registered size and hash."`
}

// soapCaller says who asks about whom.
type soapCaller struct {
	where        `embed:""`
	Patient      string `required:"" help:"The patient: 11 digits, or OID|value." placeholder:"ID"`
	As           string `default:"citizen" enum:"citizen,parent,proxy,doctor" help:"citizen (about oneself), parent, proxy (with a power of attorney) or doctor."`
	Me           string `help:"The national number of a parent or proxy." default:"06828399789" placeholder:"NUMBER"`
	Organisation string `help:"Where the doctor works." placeholder:"NUMBER"`
	Print        bool   `help:"Only print the request, assertion and all; it is good for some minutes."`
}

// The gateway's address, and the transactions' actions (spec/ihe.md 1.1, 1.5).
const (
	gatewayPath    = "/XCA/services/RespondingGatewayService"
	actionQuery    = "urn:ihe:iti:2007:CrossGatewayQuery"
	actionRetrieve = "urn:ihe:iti:2007:CrossGatewayRetrieve"
)

type soapQuery struct {
	soapCaller `embed:""`
	Home       string `help:"Only the instance with this homeCommunityId; all that hold something when not given." placeholder:"OID"`
	All        bool   `help:"Superseded documents too."`
	Raw        bool   `help:"Print the body of the answer as it came."`
}

// Run lists.
func (c soapQuery) Run(s *surroundings) error {
	x, patient, err := c.open(s)
	if err != nil {
		return err
	}
	payload := findDocuments(patient, c.Home, c.All)
	if c.Print {
		return x.print(s, gatewayPath, actionQuery, payload)
	}
	message, answer, err := x.ask(s.ctx, gatewayPath, actionQuery, payload, nil)
	if err != nil {
		return err
	}
	if c.Raw {
		_, err := fmt.Fprintf(s.stdout, "%s\n", message.Body)
		return err
	}
	if len(answer.Objects.Entries) == 0 {
		fmt.Fprintln(s.stdout, "No documents.")
	} else if err := printEntries(s.stdout, answer.Objects.Entries); err != nil {
		return err
	}
	for _, e := range answer.Errors {
		fmt.Fprintln(s.stdout, errorLine(e))
	}
	return nil
}

// findDocuments is the stored query of that name, of stable entries and those on demand.
func findDocuments(patient document.PatientID, home string, superseded bool) []byte {
	const approved, deprecated = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved", "urn:oasis:names:tc:ebxml-regrep:StatusType:Deprecated"
	statuses := []string{approved}
	if superseded {
		statuses = append(statuses, deprecated)
	}
	return ebxml.AppendQuery(nil, ebxml.FindDocuments, false, document.StripURN(home), []ebxml.Slot{
		{Name: "$XDSDocumentEntryPatientId", Values: []string{ebxml.Text(patient.CX())}},
		{Name: "$XDSDocumentEntryStatus", Values: []string{ebxml.List(statuses...)}},
	})
}

func printEntries(out io.Writer, entries []ebxml.Entry) error {
	var rows [][]string
	for _, e := range entries {
		date := ""
		if !e.Creation.IsZero() {
			date = shortTime(e.Creation.At.Format(time.RFC3339))
		}
		var codes []string
		for _, code := range e.Confidentiality {
			codes = append(codes, code.Value)
		}
		rows = append(rows, []string{date, shorten(unmasked(e.Type.Display), 30), shorten(e.Title, 44), shorten(institution(e.Entry), 36), strings.Join(codes, ","), e.Home, e.UniqueID})
	}
	return printTable(out, []string{"DATE", "TYPE", "TITLE", "ORGANISATION", "CODES", "HOME", "ID"}, rows)
}

// unmasked is empty for the asterisks that a mask leaves.
func unmasked(text string) string {
	if strings.Trim(text, "*") == "" {
		return ""
	}
	return text
}

// institution is where the document was written.
func institution(e document.Entry) string {
	for _, a := range e.Authors {
		for _, i := range a.Institutions {
			if i.Name != "" {
				return i.Name
			}
		}
	}
	return ""
}

type soapFetch struct {
	soapCaller `embed:""`
	ID         string `arg:"" help:"The document's uniqueId, as the list has it."`
	Output     string `short:"o" help:"Where to write it; - is standard output, and the id with an extension the default." placeholder:"FILE"`
}

// Run looks the document up, for what is registered of it, and fetches it.
func (c soapFetch) Run(s *surroundings) error {
	x, patient, err := c.open(s)
	if err != nil {
		return err
	}
	_, listed, err := x.ask(s.ctx, gatewayPath, actionQuery, findDocuments(patient, "", true), nil)
	if err != nil {
		return err
	}
	entry, err := choose(listed.Objects.Entries, documentID(c.ID))
	if err != nil {
		return err
	}
	payload := ebxml.AppendDocumentRequests(nil, ebxml.RetrieveRequest, []ebxml.DocumentRequest{{Home: document.URN(entry.Home), Repository: entry.Repository, Document: entry.UniqueID}})
	if c.Print {
		return x.print(s, gatewayPath, actionRetrieve, payload)
	}
	path := c.Output
	if path == "" {
		path = entry.UniqueID + extensionFor(entry.MimeType)
	}
	var size int64
	err = output(s, path, func(out io.Writer) error {
		got := &received{Writer: out, hash: sha1.New()} //nolint:gosec // see the import
		_, answer, err := x.ask(s.ctx, gatewayPath, actionRetrieve, payload, func(soap.Incoming) (io.WriteCloser, error) {
			if got.began {
				return nil, errors.New("more than one document came, and one was asked for")
			}
			got.began = true
			return got, nil
		})
		if err != nil {
			return err
		}
		if !got.began {
			return refusedDocument(answer)
		}
		size = got.size
		return matches(&fhir.Attachment{Size: &entry.Size, Hash: fhir.EncodeHash(entry.SHA1)}, got.size, got.hash.Sum(nil))
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.stderr, "%s, %s; size and SHA-1 are the registered ones.\n", oneLine(entry.Title), bytesText(size))
	return err
}

// choose finds what is listed under an id: only that can be fetched.
func choose(entries []ebxml.Entry, id string) (found ebxml.Entry, err error) {
	n := 0
	for _, e := range entries {
		if e.UniqueID == id || e.ID.String() == id {
			found, n = e, n+1
		}
	}
	switch n {
	case 0:
		return found, errors.New("no document with this id is listed for this patient")
	case 1:
		return found, nil
	}
	return found, fmt.Errorf("%d documents have this id; name one by its entryUUID", n)
}

// refusedDocument is why an answer has no document.
func refusedDocument(a *ebxml.Answer) error {
	lines := []string{"the answer has no document"}
	for _, e := range a.Errors {
		lines = append(lines, "  "+errorLine(e))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// errorLine is one registry error for people.
func errorLine(e ebxml.RegistryError) string {
	line := e.Code + ": " + e.Context
	if e.Location != "" {
		line += " (" + e.Location + ")"
	}
	return oneLine(line)
}
