package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"dokumentlager/internal/fhir"
)

// printReceipt says what was stored: each document with its id, and the warnings.
func printReceipt(out io.Writer, reply *fhir.Bundle, sent map[int]described, took time.Duration) {
	var documents, warnings []string
	for i, e := range reply.Entry {
		if e.Response == nil {
			continue
		}
		if _, id, ok := strings.Cut(e.Response.Location, "/DocumentReference/"); ok {
			documents = append(documents, receiptLines(oneLine(id), e.Response, sent[i])...)
		} else if outcome, ok := fhir.As[fhir.OperationOutcome](e.Response.Outcome); ok {
			warnings = append(warnings, issueLines(outcome)...)
		}
	}
	fmt.Fprintf(out, "Stored in %s.\n%s\n", took.Round(time.Millisecond), strings.Join(documents, "\n"))
	if len(warnings) > 0 {
		fmt.Fprintf(out, "Accepted with remarks:\n%s\n", strings.Join(warnings, "\n"))
	}
}

func receiptLines(id string, stored *fhir.BundleResponse, sent described) []string {
	lines := []string{"  document  " + id}
	if ref := sent.reference; ref != nil {
		a := ref.Content[0].Attachment
		lines = append(lines, fmt.Sprintf("  title     %s", oneLine(a.Title)),
			fmt.Sprintf("  type      %s, %s, %s", conceptText(ref.Type), oneLine(a.ContentType), bytesText(sent.size)),
			"  codes     "+strings.Join(codesOf(ref.SecurityLabel), ", "))
	}
	lines = append(lines, "  address   "+oneLine(stored.Location))
	for _, f := range receiptFacts(stored) {
		switch f.URL {
		case "sha256":
			lines = append(lines, "  sha-256   "+oneLine(f.ValueString))
		case "auditEvent":
			lines = append(lines, "  event     "+oneLine(strings.TrimPrefix(f.ValueURI, "urn:uuid:")))
		}
	}
	return lines
}

// receiptFacts are the parts of a document's receipt (docs/profiles.md).
func receiptFacts(stored *fhir.BundleResponse) []fhir.Extension {
	outcome, ok := fhir.As[fhir.OperationOutcome](stored.Outcome)
	if !ok || len(outcome.Issue) == 0 {
		return nil
	}
	for _, e := range outcome.Issue[0].Extension {
		if e.URL == "urn:dokumentlager:receipt" {
			return e.Extension
		}
	}
	return nil
}

// conceptText is a concept as people read it.
func conceptText(c *fhir.CodeableConcept) string {
	if c == nil || len(c.Coding) == 0 {
		return ""
	}
	if c.Coding[0].Display != "" {
		return oneLine(c.Coding[0].Display)
	}
	return oneLine(c.Coding[0].Code)
}

func codesOf(concepts []fhir.CodeableConcept) (codes []string) {
	for _, concept := range concepts {
		for _, c := range concept.Coding {
			codes = append(codes, oneLine(c.Code))
		}
	}
	return codes
}

// bytesText writes a number of bytes with thousands apart, as Norwegians write them.
func bytesText(n int64) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + " " + digits[i:]
	}
	return digits + " bytes"
}
