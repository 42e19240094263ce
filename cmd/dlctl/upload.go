package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"dokumentlager/internal/fhir"
)

// uploadCommand is ITI-65 (W2).
type uploadCommand struct {
	where        `embed:""`
	Client       string `help:"Client id of the record system; the first that may write without it." placeholder:"ID"`
	Organisation string `help:"Organisation number to act for, for clients of several." placeholder:"NUMBER"`
	Key          string `help:"Idempotency-Key: the same key with the same bundle gets the first answer, for a week." placeholder:"TEXT"`
	Raw          bool   `help:"Print the answer as it came."`
	Bundle       string `arg:"" help:"The bundle; - is standard input." placeholder:"FILE"`
}

// Run uploads and tells what was stored.
func (c uploadCommand) Run(s *surroundings) error {
	started := s.now()
	answer, err := c.post(s, "/R4/fhir/Bundle")
	if err != nil {
		return err
	}
	if c.Raw {
		_, err := s.stdout.Write(answer)
		return err
	}
	resource, err := fhir.ParseResource(bytes.NewReader(answer), maxAnswer)
	if err != nil {
		return err
	}
	reply, ok := fhir.As[fhir.Bundle](resource)
	if !ok {
		return fmt.Errorf("the answer is a %s and no Bundle", oneLine(resource.Type))
	}
	printReceipt(s.stdout, reply, describe(c.Bundle), s.now().Sub(started))
	return nil
}

// post sends the bundle as it is and gives the answer.
func (c uploadCommand) post(s *surroundings, path string) ([]byte, error) {
	body, size, err := openInput(s, c.Bundle)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	x, err := c.exchange(s, c.Client, c.Organisation, writing)
	if err != nil {
		return nil, err
	}
	headers := []string{"Content-Type", fhir.MediaType}
	if c.Key != "" {
		headers = append(headers, "Idempotency-Key", strconv.Quote(c.Key))
	}
	res, err := x.send(s.ctx, "POST", path, body, size, headers...)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return io.ReadAll(io.LimitReader(res.Body, maxAnswer))
}

// openInput opens a file, or standard input, whose size is not known.
func openInput(s *surroundings, path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(s.stdin), 0, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder", path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, file.Close())
	}
	if !info.Mode().IsRegular() {
		return file, 0, nil
	}
	return file, info.Size(), nil
}

// validateCommand is $validate (W2).
type validateCommand struct {
	where        `embed:""`
	Client       string `help:"Client id of the record system; the first that may write without it." placeholder:"ID"`
	Organisation string `help:"Organisation number to act for, for clients of several." placeholder:"NUMBER"`
	Bundle       string `arg:"" help:"The bundle; - is standard input." placeholder:"FILE"`
}

// Run asks and prints every issue.
func (c validateCommand) Run(s *surroundings) error {
	answer, err := uploadCommand{where: c.where, Client: c.Client, Organisation: c.Organisation, Bundle: c.Bundle}.post(s, "/R4/fhir/Bundle/$validate")
	if err != nil {
		return err
	}
	resource, err := fhir.ParseResource(bytes.NewReader(answer), maxAnswer)
	if err != nil {
		return err
	}
	outcome, ok := fhir.As[fhir.OperationOutcome](resource)
	if !ok {
		return fmt.Errorf("the answer is a %s and no OperationOutcome", oneLine(resource.Type))
	}
	fmt.Fprintln(s.stdout, "The bundle would be accepted.")
	if len(outcome.Issue) > 0 && outcome.Issue[0].Severity != "information" {
		fmt.Fprintln(s.stdout, strings.Join(issueLines(outcome), "\n"))
	}
	return nil
}

// described is what a bundle says of one of its documents; size is counted.
type described struct {
	reference *fhir.DocumentReference
	size      int64
}

// describe reads a bundle once more to say what was in it, by number of the entry; nil when it cannot be read again.
func describe(path string) map[int]described {
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	var sizes []*counter
	bundle, err := fhir.ReadBundle(file, fhir.Limits{}, func(int) (io.WriteCloser, error) {
		sizes = append(sizes, new(counter))
		return sizes[len(sizes)-1], nil
	})
	if err != nil {
		return nil
	}
	bodies := map[string]int64{}
	for _, e := range bundle.Entry {
		if b, ok := fhir.As[fhir.Binary](e.Resource); ok && b.Body >= 0 && b.Body < len(sizes) {
			bodies[e.FullURL] = int64(*sizes[b.Body])
		}
	}
	found := map[int]described{}
	for i, e := range bundle.Entry {
		if ref, ok := fhir.As[fhir.DocumentReference](e.Resource); ok && len(ref.Content) > 0 && ref.Content[0].Attachment != nil {
			found[i] = described{ref, bodies[ref.Content[0].Attachment.URL]}
		}
	}
	return found
}

// counter counts bytes.
type counter int64

// Write counts.
func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// Close does nothing.
func (*counter) Close() error { return nil }
