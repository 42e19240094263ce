package conformance

import (
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
)

// breakage is one thing made wrong in an answer of ours, and what the validator must say.
type breakage struct {
	// Of is the row whose first answer is broken.
	Of, Want string
	Change   func(answer servicetest.Object)
}

// breakages show that 0 errors means something.
var breakages = []breakage{
	{"read DocumentReference, by a clinician", "masterIdentifier: minimum required = 1", func(r servicetest.Object) { delete(r, "masterIdentifier") }},
	{"read DocumentReference, by a clinician", "is not in valueset", func(r servicetest.Object) { attachment(r)["language"] = "norsk!" }},
	{"read DocumentReference, by a clinician", "Unrecognized property 'state'", func(r servicetest.Object) { r["state"] = "current" }},
	{"read DocumentReference, masked (NORS)", "language: minimum required = 1", func(r servicetest.Object) {
		r["meta"].(servicetest.Object)["profile"] = []any{definitions + "IHE.MHD.Comprehensive.DocumentReference"}
	}},
	{"ITI-67, shown and masked", "search-entry-mode", func(b servicetest.Object) {
		b["entry"].([]any)[0].(servicetest.Object)["search"].(servicetest.Object)["mode"] = "hit"
	}},
	{"ITI-67, with a warning", "must have a fullUrl", func(b servicetest.Object) {
		all := b["entry"].([]any)
		delete(all[len(all)-1].(servicetest.Object), "fullUrl")
	}},
	{"ITI-67, first page", "Bundle.total: minimum required = 1", func(b servicetest.Object) { delete(b, "total"); delete(b, "_total") }},
	{"ITI-65, one document", "location: minimum required = 1", func(b servicetest.Object) {
		delete(b["entry"].([]any)[0].(servicetest.Object)["response"].(servicetest.Object), "location")
	}},
	{"ITI-65, one document", "dl-sha256", func(b servicetest.Object) {
		for _, e := range b["entry"].([]any) {
			outcome, _ := e.(servicetest.Object)["response"].(servicetest.Object)["outcome"].(servicetest.Object)
			if text(outcome, "issue", "extension", "url") != "" {
				receipt := outcome["issue"].([]any)[0].(servicetest.Object)["extension"].([]any)[0].(servicetest.Object)
				receipt["extension"].([]any)[0].(servicetest.Object)["valueString"] = "abc"
			}
		}
	}},
	{"read List, a submission set", "mhd-startswithoid", func(l servicetest.Object) {
		l["identifier"].([]any)[0].(servicetest.Object)["value"] = "urn:uuid:0d3a4a0e-3c3e-4f1a-9a55-0123456789ab"
	}},
	{"DELETE DocumentReference", "issue-severity", func(o servicetest.Object) { o["issue"].([]any)[0].(servicetest.Object)["severity"] = "good" }},
	{"AuditEvents of the log: open, success", "AuditEvent.agent:oUser.policy: minimum required = 1", func(e servicetest.Object) {
		delete(e["agent"].([]any)[2].(servicetest.Object), "policy")
	}},
	{"AuditEvents of the log: open, success", "val-audit-source", func(e servicetest.Object) {
		e["source"].(servicetest.Object)["observer"].(servicetest.Object)["display"] = "another"
	}},
	{"AuditEvents of the log: search, success", "Slice 'AuditEvent.entity:patient': a matching slice is required", func(e servicetest.Object) {
		e["entity"] = e["entity"].([]any)[1:]
	}},
	{"AuditEvents of the log: search, success", "care-relation", func(e servicetest.Object) {
		parts := e["extension"].([]any)[0].(servicetest.Object)["extension"].([]any)
		parts[0].(servicetest.Object)["url"] = "decision"
	}},
	{"AuditEvents of the log: delete, success", "AuditEvent.outcome", func(e servicetest.Object) { e["outcome"] = "8" }},
	{"CapabilityStatement", "fhirVersion: minimum required = 1", func(c servicetest.Object) { delete(c, "fhirVersion") }},
}

// broken are the answers with something wrong, in the order of breakages.
func broken(t *testing.T, all []answer) (out []answer) {
	t.Helper()
	for _, b := range breakages {
		var body []byte
		for _, a := range all {
			if a.Name == b.Of && body == nil {
				body = a.Body
				out = append(out, answer{Name: a.Name, Profile: a.Profile, Body: edited(t, body, b.Change)})
			}
		}
		if body == nil {
			t.Fatalf("no answer is called %q", b.Of)
		}
	}
	return out
}

// bites: each breakage is found.
func bites(t *testing.T, found [][]issue) {
	t.Helper()
	for i, b := range breakages {
		v := verdict{Left: map[string]int{}}
		for _, is := range found[i] {
			v.take(answer{}, is)
		}
		if told := strings.Join(v.Errors, "\n"); !strings.Contains(told, b.Want) {
			t.Errorf("%s was broken, and the validator does not say %q but %q", b.Of, b.Want, told)
		}
	}
}
