package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"dokumentlager/internal/fhir"
)

// issueLines says each issue in one line: how bad, where, what, and the code to look it up by.
func issueLines(outcome *fhir.OperationOutcome) []string {
	lines := make([]string, 0, len(outcome.Issue))
	for _, issue := range outcome.Issue {
		line := fmt.Sprintf("  %-8s ", oneLine(issue.Severity))
		if places := append(issue.Expression, issue.Location...); len(places) > 0 {
			line += oneLine(strings.Join(places, ", ")) + ": "
		}
		line += issueText(issue)
		if code := issueCode(issue); code != "" {
			line += " [" + code + "]"
		}
		lines = append(lines, line)
	}
	return lines
}

// issueText prefers the diagnostics, which also name the rule.
func issueText(issue fhir.Issue) string {
	switch {
	case issue.Diagnostics != "":
		return oneLine(issue.Diagnostics)
	case issue.Details != nil && issue.Details.Text != "":
		return oneLine(issue.Details.Text)
	default:
		return oneLine(issue.Code)
	}
}

// issueCode is the most precise code: ours stands last, after IHE's.
func issueCode(issue fhir.Issue) string {
	if issue.Details == nil || len(issue.Details.Coding) == 0 {
		return ""
	}
	return oneLine(issue.Details.Coding[len(issue.Details.Coding)-1].Code)
}

// oneLine keeps others' text from writing to the reader's terminal or breaking a table.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

// shorten cuts a text to a number of characters.
func shorten(s string, length int) string {
	runes := []rune(s)
	if len(runes) <= length {
		return s
	}
	return string(runes[:length-1]) + "…"
}

// printTable writes rows under a head; empty cells become a dash.
func printTable(out io.Writer, head []string, rows [][]string) error {
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		cells := make([]string, len(row))
		for i, cell := range row {
			if cells[i] = oneLine(cell); cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	return table.Flush()
}
