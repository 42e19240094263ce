package mhd_test

import (
	"net/http"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/sts"
)

// another synthetic patient of nhn.md, whom nobody else in these tests has asked about.
const another = "60917301126" // a D-nummer

// uploading sends a bundle for a patient to the service that asks, to Bundle or to $validate.
func (a asking) uploading(t *testing.T, operation, patient string, change ...func(servicetest.Object)) servicetest.Answer {
	t.Helper()
	b := servicetest.BundleFor(a.of)
	b.Patient, b.Change = patient, func(m servicetest.Object) {
		if patient == another {
			servicetest.Resource(m, 1)["identifier"] = []any{servicetest.Object{"system": "urn:oid:2.16.578.1.12.4.1.4.2", "value": another}}
		}
		for _, c := range change {
			c(m)
		}
	}
	return a.Writer(t, a.of.Organisations[0]).Do(t, a.Request(t, http.MethodPost, "/R4/fhir/Bundle"+operation, strings.NewReader(string(b.JSON(t))), "Content-Type", "application/fhir+json"))
}

// TestPatientMustExist is P2: a national number that nobody has is refused with everything else that is wrong, and leaves nothing; the dead and
// the protected exist; of local identifiers nobody is asked; and who is known is not asked about again.
func TestPatientMustExist(t *testing.T) {
	t.Parallel()
	a := startAsking(t, "0")
	unknown := func(nin string) {
		t.Helper()
		if _, err := a.STS.ChangePerson([]byte(`{"nin":"` + nin + `","exists":false}`)); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() int { return a.Rows(t, a.of, "document_entry") + objects(t, a.shared, a.of, "d") }
	unknown(servicetest.Patient)
	unknown(another)
	before := kept()
	for _, operation := range []string{"", "/$validate"} {
		for patient, location := range map[string]string{servicetest.Patient: "Bundle.entry[0].resource.subject", another: "Bundle.entry[0].resource.subject"} {
			got := a.uploading(t, operation, patient)
			if o := outcome(t, got); got.Status != 400 || len(o.Issue) != 1 || !told(o, "XDSUnknownPatientId", location) || !strings.Contains(o.Issue[0].Diagnostics, "P2") || got.Header.Get("Retry-After") != "" {
				t.Errorf("%s: %d %s", operation, got.Status, got.Body)
			}
		}
		got := a.uploading(t, operation, servicetest.Patient, func(m servicetest.Object) { delete(servicetest.Resource(m, 3), "securityLabel") })
		if o := outcome(t, got); !told(o, "XDSUnknownPatientId", "") || !told(o, "XDSRegistryMetadataError", "") {
			t.Errorf("%s: not everything is told: %s", operation, got.Body)
		}
	}
	if kept() != before {
		t.Error("something was kept")
	}
	if last := latest(a.Events(t, a.of)); last != "validate failed XDSUnknownPatientId P2" && last != "validate failed XDSRegistryMetadataError C1" {
		t.Errorf("the last event: %s", last)
	}

	asked := a.STS.PersonAsked()
	for name, change := range map[string]func(servicetest.Object){
		"a local identifier": func(m servicetest.Object) {
			servicetest.Resource(m, 1)["identifier"] = []any{servicetest.Object{"system": "urn:oid:2.16.578.1.12.4.5.100.77", "value": servicetest.Patient}}
		},
	} {
		if got := a.uploading(t, "", servicetest.Patient, change); got.Status != 200 || a.STS.PersonAsked() != asked {
			t.Errorf("%s: %d after %d questions: %s", name, got.Status, a.STS.PersonAsked()-asked, got.Body)
		}
	}
	for name, refused := range map[string]servicetest.Answer{
		"a wrong number": a.uploading(t, "", "13116900217"),
		"another's instance": a.Writer(t, servicetest.Organisation()).Do(t, a.Request(t, http.MethodPost, "/R4/fhir/Bundle/$validate",
			strings.NewReader(string(servicetest.BundleFor(a.of).JSON(t))), "Content-Type", "application/fhir+json")),
	} {
		if told(outcome(t, refused), "XDSUnknownPatientId", "Bundle.entry[0].resource.subject") && name != "a wrong number" || refused.Status/100 != 4 || a.STS.PersonAsked() != asked {
			t.Errorf("%s: %d after %d questions: %s", name, refused.Status, a.STS.PersonAsked()-asked, refused.Body)
		}
	}

	a.facts(t, `"birth_date":"1969-11-13","dead_since":"2020-01-01","address_protection":"strengtFortrolig"`)
	for i := range 3 {
		if got := a.uploading(t, "", servicetest.Patient); got.Status != 200 || a.STS.PersonAsked() != asked+1 {
			t.Errorf("upload %d for the dead and protected: %d after %d questions: %s", i, got.Status, a.STS.PersonAsked()-asked, got.Body)
		}
	}
	if strings.Contains(a.Log.String(), servicetest.Patient) || strings.Contains(a.Log.String(), another) {
		t.Errorf("the log tells of the patient: %s", a.Log)
	}
}

// TestPersontjenestenDownAtUpload: who is known is taken; others are refused until somebody can tell, with nothing kept, unless the installation takes
// them with a warning; and a message that is wrong in itself is not told to come back (P2).
func TestPersontjenestenDownAtUpload(t *testing.T) {
	t.Parallel()
	a := startAsking(t, "0")
	if got := a.uploading(t, "", servicetest.Patient); got.Status != 200 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	a.STS.PlayOutage(sts.Outage{Mode: "error"})
	if got := a.uploading(t, "", servicetest.Patient); got.Status != 200 {
		t.Errorf("who is known: %d %s", got.Status, got.Body)
	}
	before := a.Rows(t, a.of, "document_entry") + objects(t, a.shared, a.of, "d")
	for operation, name := range map[string]string{"": "provide", "/$validate": "validate"} {
		got := a.uploading(t, operation, another)
		if o := outcome(t, got); got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" || !told(o, "DLUnavailable", "") || !strings.Contains(o.Issue[0].Diagnostics, "P2") {
			t.Errorf("%s: %d %s", name, got.Status, got.Body)
		}
		lines := a.Events(t, a.of)
		last := lines[len(lines)-1]
		if latest(lines) != name+" failed DLUnavailable P2" || last.Detail.Facts != "unavailable" {
			t.Errorf("%s: the event is %s", name, compact(last))
		}
		got = a.uploading(t, operation, another, func(m servicetest.Object) { delete(servicetest.Resource(m, 3), "securityLabel") })
		if got.Status != 400 || told(outcome(t, got), "DLUnavailable", "") {
			t.Errorf("%s of a message that is wrong in itself: %d %s", name, got.Status, got.Body)
		}
	}
	if kept := a.Rows(t, a.of, "document_entry") + objects(t, a.shared, a.of, "d"); kept != before {
		t.Errorf("%d rows and objects were kept", kept-before)
	}
	a.STS.PlayOutage(sts.Outage{})
	awaitFacts(t, "the next upload is taken", func() bool { return a.uploading(t, "", another).Status == 200 })

	lenient := startAskingWith(t, map[string]string{"PERSONTJENESTEN_UNVERIFIED_UPLOADS": "true"})
	lenient.STS.PlayOutage(sts.Outage{Mode: "error"})
	got := lenient.uploading(t, "", another)
	if got.Status != 200 || !strings.Contains(string(got.Body), "nobody has looked") || !strings.Contains(string(got.Body), `"severity":"warning"`) {
		t.Errorf("with leave: %d %s", got.Status, got.Body)
	}
	if lines := lenient.Events(t, lenient.of); lines[len(lines)-1].Outcome != "success" || lines[len(lines)-1].Detail.Facts != "unavailable" {
		t.Errorf("with leave: the event is %s", compact(lines[len(lines)-1]))
	}
}
