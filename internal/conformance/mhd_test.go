package conformance

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
)

const (
	examples   = "ihe-mhd/example/"
	exSimple   = examples + "Bundle-ex-comprehensiveProvideDocumentBundleSimple.json"
	exComplete = examples + "Bundle-ex-comprehensiveProvideDocumentBundleComplete.json"
	exReplace  = examples + "Bundle-ex-comprehensiveProvideDocumentBundleReplace.json"
	exDocument = examples + "Bundle-ex-comprehensiveProvideDocumentBundleDocument.json"
	exMinimal  = examples + "Bundle-ex-minimalProvideDocumentBundleSimple.json"
	// exPatient is where the examples' references to the patient point, made absolute.
	exPatient = "http://example.org/fhir/Patient/ex-patient"
)

// withExPatient sends the example's Patient along, with the identifier that the examples' contained patients carry, and fresh
// identifiers: all examples share one masterIdentifier.
func withExPatient(t *testing.T, from collection, body []byte) []byte {
	t.Helper()
	patient := parse(t, from.read(t, examples+"Patient-ex-patient.json"))
	patient["identifier"] = []any{exIdentifier()}
	return edited(t, body, func(m servicetest.Object) {
		freshen(m)
		addPatient(m, exPatient, patient)
	})
}

func exIdentifier() servicetest.Object {
	return servicetest.Object{"system": "http://example.org/patients", "value": "mrn-1234"}
}

// replayMHD: IHE's own examples, to tenants of profile ihe.
func replayMHD(t *testing.T, b *table, from collection) {
	const added = "fresh identifiers; the example's Patient added as an entry, with an identifier"
	b.play(t, row{Source: exMinimal, Step: "as it is", Transaction: "ITI-65", Expected: "200", Result: notApplicable,
		Why: "its Patient has no identifier, and XDS files nothing without one (patientId, ITI TF-3)"}, func(t *testing.T) string {
		return newIHE(t).refuse(t, "application/fhir+json", from.read(t, exMinimal))
	})
	b.play(t, row{Source: exMinimal, Step: "completed", Transaction: "ITI-65", Expected: "200", Why: "an identifier given to its Patient; its masterIdentifier has 71 characters where XDS allows 64, and is kept as it is"}, func(t *testing.T) string {
		return taken(newIHE(t).accept(t, edited(t, from.read(t, exMinimal), func(m servicetest.Object) {
			_, patients := resources(m, "Patient")
			patients[0]["identifier"] = []any{exIdentifier()}
		})))
	})
	b.play(t, row{Source: exSimple, Step: "as it is", Transaction: "ITI-65", Expected: "200 where Patient/ex-patient is known", Result: notApplicable,
		Why: "there is no patient register behind the service: Patient/ex-patient must come with the message"}, func(t *testing.T) string {
		return newIHE(t).refuse(t, "application/fhir+json", from.read(t, exSimple))
	})
	b.play(t, row{Source: exSimple, Step: "completed", Transaction: "ITI-65", Expected: "200", Why: added}, func(t *testing.T) string {
		to := newIHE(t)
		docs := to.accept(t, withExPatient(t, from, from.read(t, exSimple)))
		sameShape(t, from, to, docs[0])
		return taken(docs)
	})
	b.play(t, row{Source: exSimple, Step: "completed, sent again", Transaction: "ITI-65", Expected: "the first answer; with another document XDSDuplicateUniqueIdInRegistry",
		Why: "a set's uniqueId is registered once (spec/ihe.md 1.5); the very same message is a retry"}, func(t *testing.T) string {
		return sentAgain(t, newIHE(t), withExPatient(t, from, from.read(t, exSimple)))
	})
	b.play(t, row{Source: exComplete, Transaction: "ITI-65", Expected: "200; its folder is found (ITI-66)", Why: added + "; the appended-to document registered before"}, func(t *testing.T) string {
		return related(t, from, exComplete, "DocumentReference/ex-DocumentReferenceComprehensive", "current", folderFound)
	})
	b.play(t, row{Source: exReplace, Step: "as it is", Transaction: "ITI-65 with PATCH", Expected: "200", Result: notApplicable,
		Why: "states a size of 24 for its 23 bytes; besides, patient and replaced document are not here"}, func(t *testing.T) string {
		return newIHE(t).refuse(t, "application/fhir+json", from.read(t, exReplace))
	})
	b.play(t, row{Source: exReplace, Step: "completed", Transaction: "ITI-65 with PATCH", Expected: "200; the original is then superseded",
		Why: added + "; the replaced document registered before; the size corrected"}, func(t *testing.T) string {
		return related(t, from, exReplace, "DocumentReference/ex-documentreference", "superseded") + "; the original is then superseded"
	})
	b.play(t, row{Source: exDocument, Transaction: "ITI-65, FHIR Documents option", Expected: "200, or FHIRDocumentNotSupported", Why: "the option is not claimed"}, func(t *testing.T) string {
		got := newIHE(t).refuse(t, "application/fhir+json", from.read(t, exDocument))
		if !strings.Contains(got, "FHIRDocumentNotSupported at Bundle.entry[2].resource") {
			t.Errorf("answered %s, want FHIRDocumentNotSupported", got)
		}
		return got
	})
	noRequests(b)
}

// taken is a row's word for accepted documents: 200 and what was warned of.
func taken(docs []stored) string {
	if len(docs[0].Warnings) == 0 {
		return "200"
	}
	return "200; warnings: " + strings.Join(slices.Compact(slices.Sorted(slices.Values(codes(docs[0].Warnings)))), ", ")
}

func codes(issues []string) (out []string) {
	for _, i := range issues {
		code, _, _ := strings.Cut(i, " at ")
		out = append(out, code)
	}
	return out
}

// related registers a document, fills its id into the example and sends that; the first document is afterwards what status says.
func related(t *testing.T, from collection, source, target, status string, also ...func(*testing.T, collection, bench) string) string {
	to := newIHE(t)
	first := to.accept(t, withExPatient(t, from, from.read(t, exSimple)))[0]
	filled := strings.ReplaceAll(string(from.read(t, source)), `"`+target+`"`, `"DocumentReference/`+path.Base(first.Location)+`"`)
	docs := to.accept(t, withExPatient(t, from, edited(t, []byte(filled), trueSize)))
	if got := to.status(t, first.Location); got != status {
		t.Errorf("the first document is %s afterwards, want %s", got, status)
	}
	if got := to.status(t, docs[0].Location); got != "current" {
		t.Errorf("the new document is %s, want current", got)
	}
	for _, look := range also {
		return taken(docs) + look(t, from, to)
	}
	return taken(docs)
}

// folderFound: the example's folder is found by its kind and code, with at least the elements that IHE's example answer has.
func folderFound(t *testing.T, from collection, to bench) string {
	t.Helper()
	form := url.Values{"patient.identifier": {"http://example.org/patients|mrn-1234"}, "status": {"current"}, "code": {"folder"}, "designationType": {"http://snomed.info/sct|284548004"},
		"homeCommunityId": {to.of.HomeCommunity}}
	a := to.doctor.Do(t, to.Request(t, http.MethodPost, "/R4/fhir/List/_search", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded"))
	ours, example := parse(t, a.Body), parse(t, from.read(t, examples+"Bundle-ex-findDocumentListsResponse.json"))
	entries, _ := ours["entry"].([]any)
	if a.Status != http.StatusOK || len(entries) != 1 || ours["type"] != example["type"] || ours["total"] != example["total"] {
		t.Fatalf("the folder is not found: %d %s", a.Status, a.Body)
	}
	want, got := example["entry"].([]any)[0].(servicetest.Object), entries[0].(servicetest.Object)
	for _, pair := range [][2]servicetest.Object{{want, got}, {want["resource"].(servicetest.Object), got["resource"].(servicetest.Object)}} {
		for key := range pair[0] {
			if pair[1][key] == nil && key != "text" {
				t.Errorf("a folder of ours has no %s, the example has", key)
			}
		}
	}
	return "; the folder is found"
}

// sentAgain sends a message twice, and a third time with another document under the same submission set.
func sentAgain(t *testing.T, to bench, body []byte) string {
	first := to.accept(t, body)[0]
	again := to.writer.Upload(t, body)
	if again.Status != http.StatusOK || !strings.Contains(string(again.Body), first.Location) {
		t.Errorf("the same again: %d %s, want the first answer", again.Status, again.Body)
	}
	other := to.writer.Upload(t, edited(t, body, func(m servicetest.Object) {
		_, refs := resources(m, "DocumentReference")
		refs[0]["masterIdentifier"].(servicetest.Object)["value"] = "urn:oid:" + freshOID()
	}))
	told := strings.Join(issues(parse(t, other.Body), "error"), ", ")
	if other.Status != http.StatusConflict || !strings.HasPrefix(told, "XDSDuplicateUniqueIdInRegistry") {
		t.Errorf("another document: %d %s", other.Status, other.Body)
	}
	if n := to.Rows(t, to.of, "submission"); n != 1 {
		t.Errorf("%d submission sets, want the first", n)
	}
	return fmt.Sprintf("%d; %d %s", again.Status, other.Status, told)
}

// trueSize corrects the one false size among the examples: Replace counts a line end that its Binary does not have.
func trueSize(m servicetest.Object) {
	_, refs := resources(m, "DocumentReference")
	if a := attachment(refs[0]); a["size"] == float64(24) {
		a["size"] = 23
	}
}

// sameShape: our answers have at least the elements that IHE's example answers have.
func sameShape(t *testing.T, from collection, to bench, d stored) {
	t.Helper()
	example := parse(t, from.read(t, examples+"Bundle-ex-findDocumentReferencesResponse.json"))
	a := to.doctor.Search(t, map[string][]string{"patient.identifier": {d.PatientToken}, "status": {"current"}, "homeCommunityId": {to.of.HomeCommunity}})
	ours := parse(t, a.Body)
	if ours["type"] != example["type"] {
		t.Errorf("a search answers with a %v, the example with a %v", ours["type"], example["type"])
	}
	want, got := example["entry"].([]any)[0].(servicetest.Object), ours["entry"].([]any)[0].(servicetest.Object)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if got[key] == nil {
			t.Errorf("an entry of our answer to a search has no %s, the example has", key)
		}
	}
}

// noRequests are the example bundles that nobody sends to a Document Recipient.
func noRequests(b *table) {
	for name, why := range map[string]string{
		"Bundle-ex-response-comprehensiveProvideDocumentBundleComplete": "an answer; ours has the same elements (asserted wherever a message is accepted)",
		"Bundle-ex-response-comprehensiveProvideDocumentBundleSimple":   "an answer; ours has the same elements (asserted wherever a message is accepted)",
		"Bundle-ex-response-minimalProvideDocumentBundleSimple":         "an answer; ours has the same elements (asserted wherever a message is accepted)",
		"Bundle-ex-findDocumentReferencesResponse":                      "an answer to ITI-67; ours has the same elements (asserted)",
		"Bundle-FindDocumentReferences":                                 "an answer to ITI-67, of another example",
		"Bundle-ex-findDocumentListsResponse":                           "an answer to ITI-66; ours has the same elements (asserted)",
		"Bundle-ex-dummyBundleDocAndBinary":                             "input of $generate-metadata (ITI-106), which is not offered",
		"Bundle-ex-fhir-document-bundle":                                "a FHIR document: content, not a message",
	} {
		b.add(row{Source: examples + name + ".json", Transaction: "–", Expected: "–", Got: "–", Result: notApplicable, Why: why})
	}
}
