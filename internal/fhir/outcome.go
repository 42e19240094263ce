package fhir

import (
	"fmt"

	"dokumentlager/internal/fault"
)

// The code systems of OperationOutcome.issue.details. IHE gives its error codes (ITI TF-3 table 4.2.4.1-2) no FHIR code system
// (issues IHE/ITI.MHD 35 and 155 are open), so the first is the address of the chapter that defines them; the second is ours.
const (
	XDSErrorSystem   = "https://profiles.ihe.net/ITI/TF/Volume3/ch-4.2.html"
	FaultErrorSystem = "urn:dokumentlager:error-code"
)

// Outcome tells all problems at once (rule W6), in the order found, and nothing of their causes. Without problems it says
// that all is well, because FHIR wants at least one issue.
func Outcome(problems fault.Problems) *OperationOutcome {
	if len(problems) == 0 {
		return Success("All went well.")
	}
	told := problems[:min(len(problems), maxIssues)]
	outcome := &OperationOutcome{Issue: make([]Issue, 0, len(told)+1)}
	for _, p := range told {
		outcome.Issue = append(outcome.Issue, issueOf(p))
	}
	if more := len(problems) - len(told); more > 0 {
		text := fmt.Sprintf("%d more problems are not listed. Correct these first.", more)
		outcome.Issue = append(outcome.Issue, Issue{Severity: "information", Code: "too-costly", Details: &CodeableConcept{Text: text}, Diagnostics: text})
	}
	return outcome
}

// maxIssues is more than a person reads; a body of 600 KB can have 24,000 mistakes, and the answer would be fifteen times as long.
const maxIssues = 500

// Success is the outcome of something that went well and has no other answer, such as a deletion.
func Success(text string) *OperationOutcome {
	return &OperationOutcome{Issue: []Issue{{
		Severity: "information", Code: "informational", Details: &CodeableConcept{Text: text}, Diagnostics: text,
	}}}
}

// Told is Success with facts for machines.
func Told(text string, facts ...Extension) *OperationOutcome {
	outcome := Success(text)
	outcome.Issue[0].Extension = facts
	return outcome
}

// issueOf encodes one problem. The XDS code stands first, because that is what IHE clients look for.
func issueOf(p *fault.Problem) Issue {
	info := p.Code.Info()
	details := &CodeableConcept{Text: p.Safe}
	if info.XDS != "" {
		details.Coding = append(details.Coding, Coding{System: XDSErrorSystem, Code: info.XDS})
	}
	if info.XDS != string(p.Code) {
		details.Coding = append(details.Coding, Coding{System: FaultErrorSystem, Code: string(p.Code)})
	}
	issue := Issue{Severity: severityOf(p.Severity), Code: info.Issue, Details: details, Diagnostics: p.Safe}
	if p.Rule != "" {
		issue.Diagnostics += " (rule " + p.Rule + ")"
	}
	if p.Location != "" {
		issue.Expression = []string{p.Location}
	}
	return issue
}

// severityOf is FHIR's word for a severity.
func severityOf(s fault.Severity) string {
	switch s {
	case fault.Warning:
		return "warning"
	case fault.Information:
		return "information"
	default:
		return "error"
	}
}
