package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/servicetest"
)

// refuse posts a message that must be refused with an OperationOutcome, and sees that nothing of it stays (promise 1). It returns the
// status and the errors told.
func (b bench) refuse(t *testing.T, media string, body []byte) string {
	t.Helper()
	a := b.writer.Do(t, b.Request(t, http.MethodPost, "/R4/fhir/Bundle", bytes.NewReader(body), "Content-Type", media))
	answer := parse(t, a.Body)
	told := issues(answer, "error")
	if a.Status < 400 || a.Status > 499 || answer["resourceType"] != "OperationOutcome" || len(told) == 0 {
		t.Errorf("status %d: want 4xx and an OperationOutcome that says why: %s", a.Status, a.Body)
	}
	b.empty(t)
	for _, patient := range patientsOf(body) {
		if n := len(b.search(t, patient, "", "superseded")); n != 0 {
			t.Errorf("a search finds %d entries of the refused message", n)
		}
	}
	return fmt.Sprintf("%d %s", a.Status, strings.Join(told, ", "))
}

// patientsOf are the patient identifiers anywhere in a message, as system|value; a message that cannot be read has none.
func patientsOf(body []byte) (tokens []string) {
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case servicetest.Object:
			if v["resourceType"] == "Patient" && text(v, "identifier", "value") != "" {
				tokens = append(tokens, text(v, "identifier", "system")+"|"+text(v, "identifier", "value"))
			}
			for _, e := range v {
				walk(e)
			}
		}
	}
	var message any
	if json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &message) == nil {
		walk(message)
	}
	return slices.Compact(slices.Sorted(slices.Values(tokens)))
}

// empty: no row, no object, one refused audit event.
func (b bench) empty(t *testing.T) {
	t.Helper()
	for _, table := range []string{"document_entry", "submission", "association", "stored_object"} {
		if n := b.Rows(t, b.of, table); n != 0 {
			t.Errorf("%d rows in %s", n, table)
		}
	}
	store := b.Store(t)
	for _, area := range []string{"d", "q"} {
		if err := store.List(context.Background(), area+"/"+b.of.SchemaName+"/", func(i blob.Info) error { return fmt.Errorf("an object stays in %s", area) }); err != nil {
			t.Error(err)
		}
	}
	lines := append(b.Events(t, b.of), b.ControlEvents(t, b.of.Organisations[0])...)
	if len(lines) != 1 || lines[0].Operation != "provide" || lines[0].Outcome == "success" {
		t.Errorf("the audit log has %d events, want one refused provide: %v", len(lines), lines)
	}
}
