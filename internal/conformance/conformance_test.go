package conformance

import (
	"flag"
	"slices"
	"strings"
	"testing"
)

// TestConformance replays the three collections and holds docs/conformance.md to what happened.
func TestConformance(t *testing.T) {
	t.Parallel()
	from := thirdparty(t)
	var b table
	t.Run("replay", func(t *testing.T) {
		replayNHN(t, &b, from)
		replayNIST(t, &b, from)
		replayMHD(t, &b, from)
	})
	if strings.Contains(flag.Lookup("test.run").Value.String(), "/") {
		t.Log("only some messages were chosen with -run: the table is not compared")
		return
	}
	everyMessage(t, &b, from)
	b.publish(t)
}

// messages are the files that must stand in the table, one by one.
var messages = []string{
	"nhn-xcads/Fhir/*.json", "nhn-xcads/SoapRequests/*.json", "nhn-xcads/ClinicalDocumentArchitecture/*", "nhn-xcads/Documents/*",
	"nist-asbestos/composed/*/*/*.json", "ihe-mhd/example/Bundle-*.json",
}

// everyMessage: a message that nobody replayed must not be missed silently.
func everyMessage(t *testing.T, b *table, from collection) {
	t.Helper()
	for _, name := range from.list(t, messages...) {
		if !slices.ContainsFunc(b.sorted(), func(r row) bool { return r.Source == name }) {
			t.Errorf("%s has no row: replay it, or say why it does not apply", name)
		}
	}
}
