package conformance

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/thirdpartytest"

	"dokumentlager/internal/devstack/servicetest"

	"github.com/google/go-cmp/cmp"
)

// TestFolder: the loader reads the folder that the environment names, and without one a replay is skipped, not passed.
func TestFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "set", "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "set", "a", "two.json"), "{}")
	write(t, filepath.Join(dir, "set", "a", "one.json"), "\ufeff{\"resourceType\":\"Bundle\"}")
	t.Setenv(thirdpartytest.Variable, dir)
	from := thirdparty(t)
	if diff := cmp.Diff([]string{"set/a/one.json", "set/a/two.json"}, from.list(t, "set/*/*.json")); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	body := from.read(t, "set/a/one.json")
	if !strings.HasPrefix(string(body), "\ufeff") {
		t.Error("the byte order mark is gone: messages must be sent as they are")
	}
	if got := text(parse(t, body), "resourceType"); got != "Bundle" {
		t.Errorf("resourceType %q", got)
	}
	t.Setenv(thirdpartytest.Variable, filepath.Join(dir, "not-here"))
	skipped := false
	t.Run("absent", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		thirdparty(t)
	})
	if !skipped {
		t.Error("a replay without messages was not skipped")
	}
}

// TestCompose: placeholders are filled, identifiers are fresh, and what a message lacks stays lacking.
func TestCompose(t *testing.T) {
	t.Parallel()
	const message = `{"resourceType":"Bundle","entry":[
	  {"resource":{"resourceType":"DocumentReference","masterIdentifier":{"value":"urn:oid:1.2"},"subject":{"reference":"${patientResourceId}"},
	    "relatesTo":[{"target":{"reference":"${original}"}}]}},
	  {"resource":{"resourceType":"DocumentReference"}},
	  {"resource":{"resourceType":"List","identifier":[{"use":"official","value":"urn:uuid:@{RandomUUID}"},{"use":"usual","value":"urn:oid:1.3"}]}}]}`
	first, second := parse(t, compose(t, []byte(message), "http://x/DocumentReference/1")), parse(t, compose(t, []byte(message), ""))
	_, refs := resources(first, "DocumentReference")
	_, others := resources(second, "DocumentReference")
	if a, b := text(refs[0], "masterIdentifier", "value"), text(others[0], "masterIdentifier", "value"); a == b || a == "urn:oid:1.2" || !strings.HasPrefix(a, "urn:oid:2.25.") {
		t.Errorf("masterIdentifiers %q and %q are not fresh", a, b)
	}
	if refs[1]["masterIdentifier"] != nil {
		t.Error("a missing masterIdentifier was given")
	}
	if got := text(refs[0], "relatesTo", "target", "reference"); got != "http://x/DocumentReference/1" {
		t.Errorf("the original's location is %q", got)
	}
	entries, patients := resources(first, "Patient")
	if len(patients) != 1 || entries[0]["fullUrl"] != text(refs[0], "subject", "reference") {
		t.Errorf("the patient is not in the message at the address it is referred to by: %v", entries)
	}
	_, lists := resources(first, "List")
	ids := lists[0]["identifier"].([]any)
	if text(ids[1], "value") == "urn:oid:1.3" || strings.Contains(text(ids[0], "value"), "@{") {
		t.Errorf("the set's identifiers are not fresh: %v", ids)
	}
}

// TestMarkdown: the order does not depend on who came first, and no cell breaks the table.
func TestMarkdown(t *testing.T) {
	t.Parallel()
	var b table
	b.add(row{Source: "b.json", Got: "400", Result: failed})
	b.add(row{Source: "a.json", Step: "2", Got: "a|b\nc", Result: passed})
	b.add(row{Source: "a.json", Step: "1", Result: notApplicable})
	got := strings.TrimPrefix(markdown(b.sorted()), preface)
	want := "1 pass, 1 do not apply, 1 fail.\n\n| Message | Transaction | Expected | Got | Result | Substituted, or why it does not apply |\n|---|---|---|---|---|---|\n" +
		"| a.json (1) |  |  |  | n/a |  |\n| a.json (2) |  |  | a\\|b c | pass |  |\n| b.json |  |  | 400 | FAIL |  |\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

// TestIssues: errors and warnings are told apart, our own code wins over the XDS code it refines, and warnings inside an answer count.
func TestIssues(t *testing.T) {
	t.Parallel()
	const outcome = `{"resourceType":"OperationOutcome","issue":[
	  {"severity":"error","details":{"coding":[{"code":"XDSRegistryError"},{"code":"DLOurs"}]},"expression":["Bundle.type"]},
	  {"severity":"warning","details":{"coding":[{"code":"XDSOther"}]}}]}`
	for severity, want := range map[string][]string{"error": {"DLOurs at Bundle.type"}, "warning": {"XDSOther"}} {
		if diff := cmp.Diff(want, issues(parse(t, []byte(outcome)), severity)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", severity, diff)
		}
		inside := parse(t, []byte(`{"entry":[{"response":{"outcome":`+outcome+`}}]}`))
		if diff := cmp.Diff(want, issues(inside, severity)); diff != "" {
			t.Errorf("%s inside an answer (-want +got):\n%s", severity, diff)
		}
	}
	if got := issues(servicetest.Object{}, "error"); got != nil {
		t.Errorf("nothing told, %v found", got)
	}
}

// TestPatientsOf: without the patients a search after a refusal would find nothing for want of a question.
func TestPatientsOf(t *testing.T) {
	t.Parallel()
	const message = `{"entry":[{"resource":{"resourceType":"DocumentReference","contained":[
	  {"resourceType":"Patient","identifier":[{"system":"urn:oid:1.2","value":"b"}]},{"resourceType":"Patient"}]}},
	  {"resource":{"resourceType":"Patient","identifier":[{"system":"urn:oid:1.2","value":"a"}]}}]}`
	if diff := cmp.Diff([]string{"urn:oid:1.2|a", "urn:oid:1.2|b"}, patientsOf([]byte(message))); diff != "" {
		t.Errorf("patients (-want +got):\n%s", diff)
	}
	if got := patientsOf([]byte("<Bundle/>")); got != nil {
		t.Errorf("%v in what is no JSON", got)
	}
}
