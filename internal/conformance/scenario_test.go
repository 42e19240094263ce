package conformance

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/tenant"
)

// ask sends one request whose answer counts in a row of its own.
func (b bench) ask(t *testing.T, who *servicetest.Caller, name, method, path string, body io.Reader, headers ...string) servicetest.Answer {
	t.Helper()
	return who.Do(t, b.Request(t, method, path, body, append(headers, scenario, name)...))
}

// expect asks and fails when the status is another: the row would be about something else.
func (b bench) expect(t *testing.T, status int, who *servicetest.Caller, name, method, path string, body io.Reader, headers ...string) servicetest.Answer {
	t.Helper()
	a := b.ask(t, who, name, method, path, body, headers...)
	if a.Status != status {
		t.Errorf("%s: status %d, want %d: %s", name, a.Status, status, a.Body)
	}
	return a
}

const (
	fhirMedia = "application/fhir+json"
	formMedia = "application/x-www-form-urlencoded"
	bundles   = "/R4/fhir/Bundle"
)

// provide uploads under a row's name.
func (b bench) provide(t *testing.T, status int, name string, body []byte, headers ...string) servicetest.Answer {
	t.Helper()
	return b.expect(t, status, b.writer, name, http.MethodPost, bundles, bytes.NewReader(body), append(headers, "Content-Type", fhirMedia)...)
}

// find searches under a row's name.
func (b bench) find(t *testing.T, status int, name string, form url.Values, headers ...string) servicetest.Answer {
	t.Helper()
	return b.expect(t, status, b.doctor, name, http.MethodPost, "/R4/fhir/DocumentReference/_search", strings.NewReader(form.Encode()),
		append(headers, "Content-Type", formMedia)...)
}

func (b bench) form(more ...string) url.Values {
	form := url.Values{"patient.identifier": {servicetest.PatientSystem + "|" + servicetest.Patient}, "status": {"current"}, "homeCommunityId": {b.of.HomeCommunity}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

// converse makes the service say everything it can say about documents of a tenant of its own, each thing under a row of its own.
func converse(t *testing.T) {
	b := newBench(t, tenant.NHN, "", "")
	first, barred, addendum, revised := servicetest.NewDoc(), servicetest.NewDoc(), servicetest.NewDoc(), servicetest.NewDoc()
	barred.Codes = []string{"N", "NORS"}
	barred.Creation, revised.Creation = "2026-11-01T09:00:02Z", "2026-11-01T09:00:01Z" // the first of a page, and the next
	addendum.Relates, revised.Relates = map[string]string{"appends": first.ID}, map[string]string{"replaces": first.ID}
	b.provide(t, 200, "ITI-65, one document", servicetest.BundleFor(b.of, first).JSON(t))
	b.provide(t, 200, "ITI-65, two documents", servicetest.BundleFor(b.of, barred, addendum).JSON(t))
	created := parse(t, b.provide(t, 200, "ITI-65, replacing a document", servicetest.BundleFor(b.of, revised).JSON(t)).Body)
	incomplete := servicetest.BundleFor(b.of)
	incomplete.Change = func(m servicetest.Object) { delete(servicetest.Attachment(m), "language") }
	b.provide(t, 200, "ITI-65, with warnings", incomplete.JSON(t))

	read := func(name, id string, who *servicetest.Caller) {
		b.expect(t, 200, who, name, http.MethodGet, "/R4/fhir/DocumentReference/"+id, nil)
	}
	read("read DocumentReference, by its sender", revised.ID, b.writer)
	read("read DocumentReference, by a clinician", revised.ID, b.doctor)
	read("read DocumentReference, superseded", first.ID, b.doctor)
	read("read DocumentReference, masked (NORS)", barred.ID, b.doctor)
	b.expect(t, 200, b.writer, "read List, a submission set", http.MethodGet, text(created["entry"].([]any)[0], "response", "location"), nil)
	b.expect(t, 200, b.writer, "read Patient, as a submission named it", http.MethodGet, text(created["entry"].([]any)[1], "response", "location"), nil)

	b.searches(t)
	b.lists(t)
	b.inXML(t, revised.ID)
	b.changes(t, revised.ID)
	b.validations(t)
	b.refusals(t, first.ID)
	b.log(t)
	res := servicetest.Send(t, b.Request(t, http.MethodGet, "/R4/fhir/metadata", nil, scenario, "CapabilityStatement"))
	if res.Status != 200 {
		t.Errorf("metadata: %d", res.Status)
	}
}

func (b bench) searches(t *testing.T) {
	b.find(t, 200, "ITI-67, shown and masked", b.form())
	b.find(t, 200, "ITI-67, superseded with relations", b.form("status", "current,superseded"))
	b.find(t, 200, "ITI-67, nothing found", b.form("type", "urn:oid:2.16.578.1.12.4.1.1.9602|B06-2"))
	b.find(t, 200, "ITI-67, with a warning", b.form("no-such-parameter", "x"))
	b.find(t, 200, "ITI-67, counted", b.form("_count", "1", "_total", "accurate"))
	page := parse(t, b.find(t, 200, "ITI-67, first page", b.form("_count", "1")).Body)
	next := nextOf(page)
	if next == "" {
		t.Fatalf("no next link: %v", page["link"])
	}
	b.expect(t, 200, b.doctor, "ITI-67, next page", http.MethodGet, next, nil)
}

// label is a JSON patch of the confidentiality.
const label = `[{"op":"replace","path":"/securityLabel","value":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}]}]`

func (b bench) changes(t *testing.T, id string) {
	address := "/R4/fhir/DocumentReference/" + id + "?homeCommunityId=" + b.of.HomeCommunity
	b.expect(t, 200, b.writer, "PATCH DocumentReference", http.MethodPatch, address, strings.NewReader(label), "Content-Type", "application/json-patch+json")
	b.expect(t, 200, b.writer, "DELETE DocumentReference", http.MethodDelete, address, nil)
	b.expect(t, 410, b.writer, "refusal 410", http.MethodGet, address, nil)
}

func (b bench) validations(t *testing.T) {
	ask := func(status int, name string, body []byte) {
		b.expect(t, status, b.writer, name, http.MethodPost, bundles+"/$validate", bytes.NewReader(body), "Content-Type", fhirMedia)
	}
	ask(200, "$validate, all well", servicetest.BundleFor(b.of).JSON(t))
	incomplete := servicetest.BundleFor(b.of)
	incomplete.Change = func(m servicetest.Object) { delete(servicetest.Attachment(m), "language") }
	ask(200, "$validate, warnings", incomplete.JSON(t))
	incomplete.Change = func(m servicetest.Object) { delete(servicetest.Resource(m, 3), "type") }
	ask(400, "$validate, errors", incomplete.JSON(t))
}

// refusals are one of each status that a caller can bring about; all codes stand in everyFault.
func (b bench) refusals(t *testing.T, superseded string) {
	b.provide(t, 400, "refusal 400", []byte(`{"resourceType":"Bundle"`))
	b.find(t, 400, "refusal 400", url.Values{"status": {"current"}})
	anonymous := servicetest.Send(t, b.Request(t, http.MethodGet, "/R4/fhir/DocumentReference/"+superseded, nil, scenario, "refusal 401"))
	if anonymous.Status != 401 {
		t.Errorf("without a token: %d", anonymous.Status)
	}
	b.expect(t, 403, b.doctor, "refusal 403", http.MethodPost, bundles, bytes.NewReader(servicetest.BundleFor(b.of).JSON(t)), "Content-Type", fhirMedia)
	b.expect(t, 404, b.writer, "refusal 404", http.MethodGet, "/R4/fhir/DocumentReference/0d3a4a0e-3c3e-4f1a-9a55-0123456789ab", nil)
	b.expect(t, 404, b.writer, "refusal 404", http.MethodGet, "/R4/fhir/Observation", nil)
	b.expect(t, 405, b.doctor, "refusal 405", http.MethodGet, "/R4/fhir/DocumentReference?status=current", nil)
	b.expect(t, 405, b.writer, "refusal 405", http.MethodPut, "/R4/fhir/DocumentReference/"+superseded, strings.NewReader("{}"), "Content-Type", fhirMedia)
	again := servicetest.NewDoc()
	again.Relates = map[string]string{"replaces": superseded}
	b.provide(t, 409, "refusal 409", servicetest.BundleFor(b.of, again).JSON(t))
	b.expect(t, 415, b.writer, "refusal 415", http.MethodPost, bundles, strings.NewReader("x"), "Content-Type", "text/plain")
	key := []string{"Idempotency-Key", `"` + path.Base(superseded) + `"`}
	b.provide(t, 200, "ITI-65, with an Idempotency-Key", servicetest.BundleFor(b.of).JSON(t), key...)
	b.provide(t, 422, "refusal 422", servicetest.BundleFor(b.of).JSON(t), key...)
}

// everyFault is an OperationOutcome for every code the service can refuse or warn with, 413, 429, 500 and 503 among them, as the door writes it.
func everyFault(t *testing.T) {
	var all fault.Problems
	for code := range fault.Codes() {
		p := fault.New(code, "What is wrong, where, and what to do.").At("Bundle.entry[0].resource.content[0].attachment.url").By("W6")
		outcome, err := fhir.Marshal(fhir.Outcome(fault.Problems{p}))
		if err != nil {
			t.Fatal(err)
		}
		heard.add(answer{Name: "OperationOutcome of every fault code", Body: outcome})
		all = append(all, p.AsWarning())
	}
	outcome, err := fhir.Marshal(fhir.Outcome(all))
	if err != nil {
		t.Fatal(err)
	}
	heard.add(answer{Name: "OperationOutcome of every fault code", Body: outcome})
}

// converseIHE is the same for a tenant of profile ihe, in IHE's own words.
func converseIHE(t *testing.T, from collection) {
	b := newIHE(t)
	first := parse(t, b.provide(t, 200, "ITI-65, profile ihe", withExPatient(t, from, from.read(t, exSimple))).Body)
	var location string
	for _, e := range first["entry"].([]any) {
		if l := text(e, "response", "location"); strings.Contains(l, "/DocumentReference/") {
			location = l
		}
	}
	replace := strings.ReplaceAll(string(from.read(t, exReplace)), `"DocumentReference/ex-documentreference"`, `"DocumentReference/`+path.Base(location)+`"`)
	b.provide(t, 200, "ITI-65, profile ihe, superseding with PATCH", withExPatient(t, from, edited(t, []byte(replace), trueSize)))
	b.provide(t, 200, "ITI-65, profile ihe, Minimal", edited(t, from.read(t, exMinimal), func(m servicetest.Object) {
		freshen(m)
		_, patients := resources(m, "Patient")
		patients[0]["identifier"] = []any{exIdentifier()}
	}))
	id := exIdentifier()
	form := url.Values{"patient.identifier": {id["system"].(string) + "|" + id["value"].(string)}, "status": {"current,superseded"}, "homeCommunityId": {b.of.HomeCommunity}}
	b.find(t, 200, "ITI-67, profile ihe", form)
	for _, e := range first["entry"].([]any) {
		if l := text(e, "response", "location"); strings.Contains(l, "/List/") {
			b.expect(t, 200, b.writer, "read List, profile ihe", http.MethodGet, l, nil)
		}
	}
}

// sentByUs are messages of ours, held to the profiles that we hold those of others to.
func sentByUs(t *testing.T) {
	b := newBench(t, tenant.NHN, "", "")
	heard.add(answer{Name: "sent by our tests, ITI-65", Profile: profileProvide, Body: servicetest.BundleFor(b.of, servicetest.NewDoc(), servicetest.NewDoc()).JSON(t)})
	written, err := os.ReadFile(filepath.Join("..", "..", "cmd", "dlctl", "testdata", "bundle.golden"))
	if err != nil {
		t.Fatal(err)
	}
	heard.add(answer{Name: "sent by dlctl and the demo, ITI-65", Profile: profileProvide, Body: written})
}
