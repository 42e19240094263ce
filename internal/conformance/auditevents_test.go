package conformance

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/atna"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

const balpDefinitions = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/"

// goldenEvents are every operation with every outcome, as internal/atna holds itself to.
func goldenEvents(t *testing.T) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "atna", "testdata", "auditevent-*.ndjson"))
	if err != nil || len(files) != 4 {
		t.Fatalf("golden AuditEvents: %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		for line := range bytes.Lines(text) {
			heard.add(answer{Name: "golden AuditEvents: " + name[len("auditevent-"):len(name)-len(".ndjson")], Body: bytes.TrimSpace(line)})
		}
	}
}

// realEvents are what the service itself logged while the messages were replayed and the scenarios ran: each tenant's log and the control log.
func realEvents(t *testing.T) {
	t.Helper()
	s := servicetest.Start(t)
	all, err := tenant.Directory{DB: s.DB}.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	log, seen := audit.Log{DB: s.DB}, map[string]int{}
	hear := func(lines []audit.Line, err error, from atna.Source) {
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			kind := line.Operation + ", " + line.Outcome
			if line.Caller.Transaction != "" { // over SOAP
				kind += ", " + line.Caller.Transaction
			}
			alike := kind + line.Caller.Kind + line.Caller.Purpose
			if seen[alike]++; seen[alike] > perKind || line.Operation == "sweep" { // which the service does once a day
				continue
			}
			body, err := fhir.Marshal(atna.Encode(line, from))
			if err != nil {
				t.Fatal(err)
			}
			heard.add(answer{Name: "AuditEvents of the log: " + kind, Body: body})
		}
	}
	for _, of := range all {
		lines, err := log.List(t.Context(), of.Schema(), uuid.Nil, 1000)
		hear(lines, err, atna.Source{HomeCommunity: of.HomeCommunity, Name: of.Name, Address: "https://dokumentlager.example.no"})
	}
	lines, err := log.ListControl(t.Context(), uuid.Nil, 1000)
	hear(lines, err, atna.Source{Name: "control"})
	if len(seen) < 15 {
		t.Errorf("only %d kinds of events in the log: %v", len(seen), seen)
	}
}

// log is ITI-81 by those who may read the log of this tenant: all that the conversation before left in it, page by page, and one event by its id.
func (b bench) log(t *testing.T) {
	t.Helper()
	own := b.Caller(t, map[string]any{"aud": access.AudienceRead, "scope": []string{access.ScopeLogOwn}, "client_id": "logg-" + b.of.Organisations[0],
		"helseid://claims/client/claims/orgnr_parent": b.of.Organisations[0]})
	search := func(status int, name string, form url.Values, headers ...string) servicetest.Answer {
		return b.expect(t, status, own, name, http.MethodPost, "/R4/fhir/AuditEvent/_search", strings.NewReader(form.Encode()), append(headers, "Content-Type", formMedia)...)
	}
	days := func(more ...string) url.Values {
		form := url.Values{"date": {"ge" + time.Now().AddDate(0, 0, -1).Format(time.DateOnly), "le" + time.Now().AddDate(0, 0, 1).Format(time.DateOnly)}}
		for i := 0; i+1 < len(more); i += 2 {
			form.Set(more[i], more[i+1])
		}
		return form
	}
	patient := servicetest.PatientSystem + "|" + servicetest.Patient
	found := parse(t, search(200, "ITI-81, a patient's events", days("patient.identifier", patient, "_count", "100")).Body)
	_, events := resources(found, "AuditEvent")
	if len(events) < 20 {
		t.Fatalf("only %d events of the patient: %v", len(events), found)
	}
	search(200, "ITI-81, a patient's events", days("patient.identifier", patient, "_count", "10"), "Accept", xmlMedia)
	search(200, "ITI-81, nothing found", days("entity.identifier", "urn:oid:1.2.3.4"))
	search(200, "ITI-81, queries", days("action", "E"))
	search(400, "refusal 400", url.Values{})
	for page := parse(t, search(200, "ITI-81, first page", days("_count", "40")).Body); nextOf(page) != ""; {
		page = parse(t, b.expect(t, 200, own, "ITI-81, next page", http.MethodGet, nextOf(page), nil).Body)
	}
	b.expect(t, 200, own, "read AuditEvent", http.MethodGet, "/R4/fhir/AuditEvent/"+text(events[0], "id"), nil)
	b.expect(t, 405, own, "refusal 405", http.MethodDelete, "/R4/fhir/AuditEvent/"+text(events[0], "id"), nil)
}

// perKind bounds how many events of one operation, outcome and kind of caller are validated: a run makes a thousand, much alike.
const perKind = 8
