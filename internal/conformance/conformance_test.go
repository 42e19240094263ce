package conformance

import (
	"flag"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestConformance replays the three collections, talks to a tenant of its own, holds every answer to FHIR and MHD, and docs/conformance.md to what
// happened.
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
	publish(t, messagesPart, markdown(b.sorted()))
	t.Run("scenarios", func(t *testing.T) {
		t.Run("nhn", func(t *testing.T) { t.Parallel(); converse(t) })
		t.Run("ihe", func(t *testing.T) { t.Parallel(); converseIHE(t, from) })
		if os.Getenv(validatorVariable) != "" {
			partial(t) // takes as long as the service waits for a tenant, twice
		}
		everyFault(t)
		sentByUs(t)
		described(t)
		goldenEvents(t)
	})
	t.Run("log", realEvents)
	t.Run("answers", func(t *testing.T) { validate(t, from) })
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
