package conformance

import (
	"strings"
	"testing"
)

// TestJudge: what is silenced is silenced for its reason only; everything else counts.
func TestJudge(t *testing.T) {
	t.Parallel()
	const closed = "… profile https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD.FindDocumentListsResponseMessage|4.2.3 and slicing is CLOSED: …"
	outcome := answer{Name: "x", Body: []byte(`{"entry":[{"resource":{"resourceType":"OperationOutcome"}},{"resource":{"resourceType":"List"}}]}`)}
	cases := []struct {
		name   string
		issue  issue
		counts bool
	}{
		{"an error", issue{Severity: "error", Message: "wrong"}, true},
		{"a fatal one", issue{Severity: "fatal", Message: "unreadable"}, true},
		{"information", issue{Severity: "information", Message: "by the way"}, false},
		{"an unknown code system", issue{Severity: "warning", ID: "Terminology_PassThrough_TX_Message", Message: "CodeSystem is unknown and can't be validated: http://loinc.org"}, false},
		{"the same as an error", issue{Severity: "error", ID: "Terminology_PassThrough_TX_Message", Message: "CodeSystem is unknown and can't be validated: http://loinc.org"}, true},
		{"an unknown code", issue{Severity: "warning", ID: "Terminology_PassThrough_TX_Message", Message: "Unknown code"}, true},
		{"an outcome among lists", issue{Severity: "error", ID: "Validation_VAL_Profile_NotSlice", Location: "Bundle.entry[0]", Message: closed}, false},
		{"a list that is none", issue{Severity: "error", ID: "Validation_VAL_Profile_NotSlice", Location: "Bundle.entry[1]", Message: closed}, true},
		{"an entry that is not there", issue{Severity: "error", ID: "Validation_VAL_Profile_NotSlice", Location: "Bundle.entry[9]", Message: closed}, true},
	}
	for _, c := range cases {
		rows := judge([]answer{outcome}, [][]issue{{c.issue}})
		if counted := len(rows[0].Errors)+len(rows[0].Warnings) > 0; counted != c.counts {
			t.Errorf("%s: counts %v, want %v", c.name, counted, c.counts)
		}
	}
}

// TestParts: each half of the document is found again, with and without the other.
func TestParts(t *testing.T) {
	t.Parallel()
	for _, document := range []string{"# One\n\na\n\n## Answers validated\n\nb\n", "# One\n\na\n", "# One\n\na\n\n"} {
		halves := parts(document)
		if halves[messagesPart] != "# One\n\na\n" || strings.Contains(document, "Answers") != (halves[answersPart] == "## Answers validated\n\nb\n") {
			t.Errorf("%q came apart as %q", document, halves)
		}
	}
}
