package inspection

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"dokumentlager/internal/audit"
)

// JSONLines writes events as `audit list --json` does: one object a line.
func JSONLines(w io.Writer) func(audit.Line) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return func(line audit.Line) error { return encoder.Encode(line) }
}

// column is one of the table's.
type column struct {
	name  string
	value func(audit.Line) string
}

// CSV writes events as a table by RFC 4180: UTF-8, commas, CRLF, a header, one row per event. A cell that a spreadsheet would take for a
// formula begins with an apostrophe, and so does one that began with an apostrophe, so that none is ambiguous.
func CSV(w io.Writer) (row func(audit.Line) error, flush func() error, err error) {
	out, all := csv.NewWriter(w), columns()
	out.UseCRLF = true
	cells := make([]string, len(all))
	for i, c := range all {
		cells[i] = c.name
	}
	if err := out.Write(cells); err != nil {
		return nil, nil, err
	}
	row = func(line audit.Line) error {
		for i, c := range all {
			cells[i] = harmless(c.value(line))
		}
		return out.Write(cells)
	}
	return row, func() error { out.Flush(); return out.Error() }, nil
}

// harmless keeps a caller's text from being run by the spreadsheet that opens the table (CSV injection). Norwegian spreadsheets cut at semicolons,
// whatever quotes stand around them, and then at the ends of lines too: what follows one inside a cell is treated as a cell's beginning.
func harmless(cell string) string {
	cell = inner.ReplaceAllString(cell, "$1'$2")
	if strings.ContainsAny(first(cell), "=+-@\t\r\n'") || strings.ContainsAny(first(strings.TrimSpace(cell)), "=+-@") {
		return "'" + cell
	}
	return cell
}

// inner finds a formula that would stand first in a cell of a spreadsheet that cuts differently.
var inner = regexp.MustCompile(`([;\t\r\n][\s"]*)([=+\-@])`)

func first(s string) string { return s[:min(1, len(s))] }

// columns are all that a line has; of several documents the values stand in order with spaces between, a dash for none.
func columns() []column {
	return []column{
		{"time", func(l audit.Line) string { return l.Time.UTC().Format(time.RFC3339Nano) }},
		{"id", func(l audit.Line) string { return l.ID.String() }},
		{"action", func(l audit.Line) string { return l.Action }},
		{"outcome", func(l audit.Line) string { return l.Outcome }},
		{"operation", func(l audit.Line) string { return l.Operation }},
		{"patient", func(l audit.Line) string { return l.Patient }},
		{"kind", func(l audit.Line) string { return l.Caller.Kind }},
		{"name", func(l audit.Line) string { return l.Caller.Name }},
		{"person_id", func(l audit.Line) string { return l.Caller.PersonID }},
		{"hpr", func(l audit.Line) string { return l.Caller.HPR }},
		{"role", func(l audit.Line) string { return l.Caller.Role }},
		{"organisation", func(l audit.Line) string { return l.Caller.Organisation }},
		{"organisation_name", func(l audit.Line) string { return l.Caller.OrganisationTxt }},
		{"point_of_care", func(l audit.Line) string { return l.Caller.PointOfCare }},
		{"point_of_care_name", func(l audit.Line) string { return l.Caller.PointOfCareTxt }},
		{"department", func(l audit.Line) string { return l.Caller.Department }},
		{"department_system", func(l audit.Line) string { return l.Caller.DepartmentSys }},
		{"department_name", func(l audit.Line) string { return l.Caller.DepartmentTxt }},
		{"client_id", func(l audit.Line) string { return l.Caller.ClientID }},
		{"client_name", func(l audit.Line) string { return l.Caller.ClientName }},
		{"supplier", func(l audit.Line) string { return l.Caller.Supplier }},
		{"source_system", func(l audit.Line) string { return l.Caller.SourceSystem }},
		{"purpose", func(l audit.Line) string { return l.Caller.Purpose }},
		{"purpose_details", func(l audit.Line) string { return l.Caller.PurposeDetails }},
		{"healthcare_service", func(l audit.Line) string { return l.Caller.Service }},
		{"healthcare_service_system", func(l audit.Line) string { return l.Caller.ServiceSystem }},
		{"decision_ref", func(l audit.Line) string { return l.Caller.DecisionRef }},
		{"decision_ref_user_selected", func(l audit.Line) string { return yesNo(l.Caller.Selected) }},
		{"access_basis", func(l audit.Line) string { return l.Detail.Basis }},
		{"document", documents(func(d audit.Document) string { return d.UniqueID })},
		{"entry_id", func(l audit.Line) string { return entry(l) }},
		{"title", titles},
		{"document_type", documents(func(d audit.Document) string { return d.Type })},
		{"document_class", documents(func(d audit.Document) string { return d.Class })},
		{"confidentiality", documents(func(d audit.Document) string { return strings.Join(d.Conf, "+") })},
		{"size", documents(func(d audit.Document) string { return strconv.FormatInt(d.Size, 10) })},
		{"submission_set", func(l audit.Line) string { return l.Detail.Set }},
		{"folders", func(l audit.Line) string { return strings.Join(l.Detail.Folders, " ") }},
		{"removed", func(l audit.Line) string { return strings.Join(l.Detail.Removed, " ") }},
		{"home_community_id", func(l audit.Line) string { return l.Detail.HomeCommunity }},
		{"old_confidentiality", func(l audit.Line) string { return strings.Join(l.Detail.Old, " ") }},
		{"new_confidentiality", func(l audit.Line) string { return strings.Join(l.Detail.New, " ") }},
		{"query", func(l audit.Line) string { return l.Detail.Query }},
		{"hits", hits},
		{"masked", func(l audit.Line) string { return count(l.Detail.Masked) }},
		{"break_glass", func(l audit.Line) string { return count(l.Detail.BreakGlass) }},
		{"finding", func(l audit.Line) string { return l.Detail.Finding }},
		{"range", func(l audit.Line) string { return l.Detail.Range }},
		{"facts", func(l audit.Line) string { return l.Detail.Facts }},
		{"facts_age_s", func(l audit.Line) string { return count(l.Detail.FactsAge) }},
		{"count", func(l audit.Line) string { return count(l.Detail.Count) }},
		{"rule", func(l audit.Line) string { return l.Rule }},
		{"code", func(l audit.Line) string { return l.Code }},
		{"reason", func(l audit.Line) string { return l.Reason }},
		{"request_id", func(l audit.Line) string { return l.RequestID }},
		{"nhn_event_id", func(l audit.Line) string { return l.EventID }},
		{"trace_id", func(l audit.Line) string { return l.Caller.TraceID }},
		{"token_id", func(l audit.Line) string { return l.Caller.TokenID }},
		{"issuer", func(l audit.Line) string { return l.Caller.Issuer }},
		{"transaction", func(l audit.Line) string { return l.Caller.Transaction }},
	}
}

// documents is a column with one word for each document.
func documents(of func(audit.Document) string) func(audit.Line) string {
	return func(l audit.Line) string {
		var words []string
		for _, d := range l.Detail.Documents {
			word := of(d)
			if word == "" {
				word = "-"
			}
			words = append(words, word)
		}
		if strings.Join(words, "") == strings.Repeat("-", len(words)) {
			return ""
		}
		return strings.Join(words, " ")
	}
}

func entry(l audit.Line) string {
	if all := documents(func(d audit.Document) string { return d.Entry })(l); all != "" {
		return all
	}
	return l.Entry
}

// titles have spaces of their own.
func titles(l audit.Line) string {
	var all []string
	for _, d := range l.Detail.Documents {
		if d.Title != "" {
			all = append(all, d.Title)
		}
	}
	return strings.Join(all, " | ")
}

func hits(l audit.Line) string {
	if l.Detail.Hits == nil {
		return ""
	}
	return strconv.Itoa(*l.Detail.Hits)
}

// count is a number that is left out when there is nothing to count.
func count(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func yesNo(is *bool) string {
	if is == nil {
		return ""
	}
	return strconv.FormatBool(*is)
}
