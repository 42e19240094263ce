package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"

	"dokumentlager/internal/fhir"
)

// own is what the commands on a record system's own documents share.
type own struct {
	where        `embed:""`
	Client       string `help:"Client id of the record system; the first that may write without it." placeholder:"ID"`
	Organisation string `help:"Organisation number to act for, for clients of several." placeholder:"NUMBER"`
	Home         string `help:"homeCommunityId, needed only when the organisation writes to several instances." placeholder:"OID"`
	ID           string `arg:"" help:"The document's id, or its address."`
}

// path is the address of the document's reference.
func (o own) path() string {
	path := "/R4/fhir/DocumentReference/" + url.PathEscape(documentID(o.ID))
	if o.Home != "" {
		path += "?homeCommunityId=" + url.QueryEscape(o.Home)
	}
	return path
}

type confidentialityCommand struct {
	own   `embed:""`
	Codes string `arg:"" help:"All codes from now on, with commas between: N, R or V, and codes of 9603, such as N,NORS."`
}

// Run changes the codes (W5).
func (c confidentialityCommand) Run(s *surroundings) error {
	x, err := c.exchange(s, c.Client, c.Organisation, writing)
	if err != nil {
		return err
	}
	body, err := fhir.Marshal(&fhir.DocumentReference{ID: documentID(c.ID), SecurityLabel: labels(strings.Split(c.Codes, ","))})
	if err != nil {
		return err
	}
	resource, _, err := x.resource(s.ctx, "PATCH", c.path(), bytes.NewReader(body), int64(len(body)), "Content-Type", fhir.MediaType)
	if err != nil {
		return err
	}
	ref, ok := fhir.As[fhir.DocumentReference](resource)
	if !ok {
		return fmt.Errorf("the answer is a %s and no DocumentReference", oneLine(resource.Type))
	}
	_, err = fmt.Fprintf(s.stdout, "%s: %s\n", oneLine(attachmentOf(ref).Title), strings.Join(codesOf(ref.SecurityLabel), ", "))
	return err
}

type deleteCommand struct {
	own `embed:""`
}

// Run deletes (W3).
func (c deleteCommand) Run(s *surroundings) error {
	x, err := c.exchange(s, c.Client, c.Organisation, writing)
	if err != nil {
		return err
	}
	resource, _, err := x.resource(s.ctx, "DELETE", c.path(), nil, 0)
	if err != nil {
		return err
	}
	if outcome, ok := fhir.As[fhir.OperationOutcome](resource); ok {
		for _, issue := range outcome.Issue {
			fmt.Fprintln(s.stdout, issueText(issue))
		}
	}
	return nil
}

type statusCommand struct {
	own `embed:""`
	Raw bool `help:"Print the answer as it came."`
}

// documentStatus is the answer of /api/rest/document-status (H3).
type documentStatus struct {
	Entry      string `json:"documentReferenceId"`
	UniqueID   string `json:"documentUniqueId"`
	SavedIn    string `json:"savedIn"`
	Status     string `json:"status"`
	Size       int64  `json:"size"`
	Registered string `json:"registered"`
}

// Run asks.
func (c statusCommand) Run(s *surroundings) error {
	x, err := c.exchange(s, c.Client, c.Organisation, writing)
	if err != nil {
		return err
	}
	query := url.Values{"id": {documentID(c.ID)}}
	if c.Home != "" {
		query.Set("homeCommunityId", c.Home)
	}
	res, err := x.send(s.ctx, "GET", "/api/rest/document-status?"+query.Encode(), nil, 0)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxRefusal))
	if err != nil {
		return err
	}
	if c.Raw {
		_, err := s.stdout.Write(answer)
		return err
	}
	var st documentStatus
	if err := json.Unmarshal(answer, &st); err != nil {
		return fmt.Errorf("the answer cannot be read: %w", err)
	}
	_, err = fmt.Fprintf(s.stdout, "status    %s\nsaved in  %s\nsize      %s\nstored    %s\ndocument  %s\nuniqueId  %s\n", oneLine(st.Status), savedIn(st.SavedIn),
		bytesText(st.Size), shortTime(st.Registered), oneLine(st.Entry), oneLine(st.UniqueID))
	return err
}

// savedIn says the national service's word in full.
func savedIn(word string) string {
	switch word {
	case "both":
		return "registry and repository"
	case "none":
		return "nothing any more"
	default:
		return oneLine(word)
	}
}
