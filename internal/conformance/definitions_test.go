package conformance

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestCodeSystem holds api/fhir/CodeSystem-error-code.json to the codes that refusals carry beside IHE's; -update writes it anew.
func TestCodeSystem(t *testing.T) {
	t.Parallel()
	var concepts []any
	codes := fault.Codes()
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		concepts = append(concepts, servicetest.Object{"code": string(code), "display": codes[code].Meaning})
	}
	text, err := json.MarshalIndent(servicetest.Object{
		"resourceType": "CodeSystem", "id": "error-code", "url": fhir.FaultErrorSystem, "name": "DokumentlagerErrorCode", "title": "What is wrong",
		"status": "active", "publisher": "dokumentlager", "caseSensitive": true, "content": "complete", "concept": concepts,
		"description": "The codes of OperationOutcome.issue.details, beside the error codes of IHE XDS; docs/errors.md tells more.",
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got, name := string(text)+"\n", filepath.Join(ours, "CodeSystem-error-code.json")
	if *update {
		write(t, name, got)
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), got); diff != "" {
		t.Errorf("the code system is not what package fault says (-written +said); run with -update:\n%s", diff)
	}
}
