package simulator

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"dokumentlager/internal/access"
)

// TestExamplesOfThePage: what docs/access.md shows is what the simulator answers, and it has every field.
func TestExamplesOfThePage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(page), "\n")
	examples := 0
	for i, line := range lines {
		if !strings.HasPrefix(line, `{"caller"`) {
			continue
		}
		examples++
		var out bytes.Buffer
		if _, err := simulator(access.English).Run(strings.NewReader(line), &out, nil); err != nil || out.String() != lines[i+1]+"\n" {
			t.Errorf("%s\nthe page says %s\nthe simulator %s%v", line, lines[i+1], out.String(), err)
		}
	}
	if examples < 6 {
		t.Errorf("only %d examples", examples)
	}
	for _, field := range []string{"caller", "role", "purpose", "hpr", "attest", "security_level", "caller_org", "owner_org", "confidentiality", "patient_birth",
		"patient_dead_since", "address", "sharing", "own_organisation_only", "class", "created", "scope", "access_basis", "now"} {
		if !bytes.Contains(page, []byte("\n| `"+field+"`")) && !bytes.Contains(page, []byte(", `"+field+"` |")) {
			t.Errorf("docs/access.md has no line for %s", field)
		}
	}
}
