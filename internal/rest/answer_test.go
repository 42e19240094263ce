package rest

import (
	"testing"

	"dokumentlager/internal/fault"
)

// TestOutcomeEntry: the entry has a name, the same for the same warnings and another for others.
func TestOutcomeEntry(t *testing.T) {
	t.Parallel()
	of := func(text string) string {
		return OutcomeEntry(fault.Problems{fault.New(fault.BadRequest, "%s", text)}).FullURL
	}
	if a, b, c := of("one"), of("one"), of("two"); a != b || a == c || len(a) != len("urn:uuid:0d3a4a0e-3c3e-4f1a-9a55-0123456789ab") {
		t.Errorf("named %s, %s and %s", a, b, c)
	}
}
