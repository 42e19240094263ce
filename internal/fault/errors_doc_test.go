package fault_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/fault"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/errors.md")

const errorsPage = "../../docs/errors.md"

const errorsHead = `# Error codes

<!-- Generated from internal/fault/codes.go. Change that, then run: go test ./internal/fault -run TestErrorsPage -update -->

Every refusal is a FHIR ` + "`OperationOutcome`" + ` with all problems of the request, each with a severity, a code, a text that says what to do, and the place.
The code stands in ` + "`issue.details.coding`" + `: IHE's (ITI TF-3 table 4.2.4.1-2) under ` + "`https://profiles.ihe.net/ITI/TF/Volume3/ch-4.2.html`" + `,
ours, which begin with ` + "`DL`" + `, under ` + "`urn:dokumentlager:error-code`" + `. Programs should branch on the code: texts get better.

The status of the answer is that of the gravest error, in the order 400 (with 405 and 416), 404, 410, 409, 415 (with 406), 413, 422, 403, 401, 429, 503, 500: a
bundle with a wrong code for an instance that is not yours is 403. A problem with severity warning never refuses anything. 429 and 503 say with ` + "`Retry-After`" + ` when to
come back, where that is known; everything else needs a change before it is sent again. Letters with numbers are rule ids (docs/rules.md).

| Code | HTTP | FHIR issue type | XDS error code | Meaning |
|---|---|---|---|---|
`

func renderErrors() string {
	var out strings.Builder
	out.WriteString(errorsHead)
	table := fault.Codes()
	for _, code := range slices.Sorted(maps.Keys(table)) {
		info := table[code]
		fmt.Fprintf(&out, "| `%s` | %d | %s | `%s` | %s |\n", code, info.Status, info.Issue, info.XDS, info.Meaning)
	}
	return out.String()
}

// TestErrorsPage holds docs/errors.md to the table.
func TestErrorsPage(t *testing.T) {
	t.Parallel()
	want := renderErrors()
	if *update {
		if err := os.WriteFile(errorsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(errorsPage)
	if err != nil {
		t.Fatalf("%v; run with -update", err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/errors.md is not what codes.go says; run with -update (-want +got):\n%s", diff)
	}
	for code, info := range fault.Codes() {
		if strings.Contains(string(code)+info.Issue+info.XDS+info.Meaning, "|") {
			t.Errorf("%s: a | would break the table", code)
		}
	}
}
