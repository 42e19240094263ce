package conformance

import (
	"path"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

const (
	composed      = "nist-asbestos/composed/MHDv420_DocumentRecipient_"
	minimal       = composed + "minimal/"
	comprehensive = composed + "comprehensive/"
	// nistPatient is where the placeholder for the patient points in our runs.
	nistPatient  = "http://fhir.example.org/Patient/alex-alder"
	patientAdded = "fresh identifiers; the Patient (NIST's Alex Alder) added as an entry"
)

// alexAlder is NIST's test patient (Test_Patients/Alex_Alder), a new object each time.
func alexAlder() servicetest.Object {
	id := func(system, value string) servicetest.Object {
		return servicetest.Object{"system": system, "value": value}
	}
	return servicetest.Object{"resourceType": "Patient", "active": true, "gender": "male", "birthDate": "1950-02-23",
		"identifier": []any{id("urn:oid:1.3.6.1.4.1.21367.13.20.1000", "TEST-1000-1"), id("urn:oid:1.3.6.1.4.1.21367.13.20.2000", "TEST-2000-1")},
		"name":       []any{servicetest.Object{"use": "official", "family": "Alder", "given": []any{"Alex"}}}}
}

// compose fills NIST's placeholders and gives the message fresh identifiers, as its README asks of a runner.
func compose(t *testing.T, text []byte, original string) []byte {
	t.Helper()
	filled := strings.NewReplacer("${patientResourceId}", nistPatient, "${original}", original, "@{RandomUUID}", uuid.NewString()).Replace(string(text))
	if strings.Contains(filled, "${") || strings.Contains(filled, "@{") {
		t.Fatal("the message has a placeholder that we do not know")
	}
	return edited(t, []byte(filled), func(m servicetest.Object) {
		freshen(m)
		addPatient(m, nistPatient, alexAlder())
	})
}

// positives are NIST's submissions that must be taken; a second step relates to the document of the first, which becomes or stays
// what afterwards says.
var positives = []struct{ folder, first, second, afterwards string }{
	{comprehensive + "1_Prerequisite_Single_Document_with_Binary/", "pdb", "", ""},
	{comprehensive + "Document_Replace/", "original", "replace", "superseded"},
	{comprehensive + "Document_Transforms/", "original", "transforms", "current"},
	{minimal + "1_Prerequisite_Single_Document_with_Binary/", "pdb", "", ""},
	{minimal + "Two_Documents_Submit/", "pdb", "", ""},
	{minimal + "DocumentReplace/", "original", "replace", "superseded"},
	{minimal + "DocumentAddendum/", "original", "addendum", "current"},
}

// negatives are NIST's submissions with one thing wrong, and the one error that must name it.
var negatives = map[string]string{
	comprehensive + "Bad_Patient_Link/pdb.json":                       "XDSUnknownPatientId at Bundle.entry[0].resource.subject",
	comprehensive + "Bad_Patient_Link_SubmissionSetTypeList/pdb.json": "XDSUnknownPatientId at Bundle.entry[1].resource.subject",
	comprehensive + "Bad_Profile/pdb.json":                            "XDSRegistryMetadataError at Bundle.meta.profile",
	comprehensive + "Missing_ContentTypeCode/pdb.json":                "XDSRegistryMetadataError at Bundle.entry[1].resource.extension",
	comprehensive + "Missing_Document/pdb.json":                       "XDSMissingDocument at Bundle.entry[0].resource.content[0].attachment.url",
	comprehensive + "Missing_Format_Code/pdb.json":                    "XDSRegistryMetadataError at Bundle.entry[0].resource.content[0].format",
	comprehensive + "Missing_HealthcareFacilityTypeCode/pdb.json":     "XDSRegistryMetadataError at Bundle.entry[0].resource.context.facilityType",
	comprehensive + "Missing_MimeType/pdb.json":                       "XDSRegistryMetadataError at Bundle.entry[0].resource.content[0].attachment.contentType",
	comprehensive + "Missing_PatientID/pdb.json":                      "XDSRegistryMetadataError at Bundle.entry[0].resource.subject",
	comprehensive + "Missing_PatientID_Reference/pdb.json":            "XDSRegistryMetadataError at Bundle.entry[0].resource.subject",
	comprehensive + "Missing_Profile/pdb.json":                        "XDSRegistryMetadataError at Bundle.meta.profile",
	comprehensive + "Missing_SourceId/pdb.json":                       "XDSRegistryMetadataError at Bundle.entry[1].resource.extension",
	comprehensive + "Missing_SubmissionTime/pdb.json":                 "XDSRegistryMetadataError at Bundle.entry[1].resource.date",
	comprehensive + "Missing_UniqueId_SubmissionSetTypeList/pdb.json": "XDSRegistryMetadataError at Bundle.entry[1].resource.identifier",
	minimal + "Bad_Patient_Link_List/pdb.json":                        "XDSUnknownPatientId at Bundle.entry[1].resource.subject",
	minimal + "Bad_Profile/pdb.json":                                  "XDSRegistryMetadataError at Bundle.meta.profile",
	minimal + "Missing_DocumentReference_without_reference/pdb.json":  "XDSMissingDocumentMetadata at Bundle.entry[1].resource",
	minimal + "Missing_MimeType/pdb.json":                             "XDSRegistryMetadataError at Bundle.entry[0].resource.content[0].attachment.contentType",
	minimal + "Missing_Profile/pdb.json":                              "XDSRegistryMetadataError at Bundle.meta.profile",
	minimal + "Missing_SourceId/pdb.json":                             "XDSRegistryMetadataError at Bundle.entry[1].resource.extension",
	minimal + "Missing_SubmissionSetTypeList/bad-pdb.json":            "XDSRegistryMetadataError at Bundle.entry",
	minimal + "Missing_UniqueId_Reference/pdb.json":                   "XDSRegistryMetadataError at Bundle.entry[0].resource.masterIdentifier",
}

// replayNIST: NIST's Document Recipient collections, to tenants of profile ihe.
func replayNIST(t *testing.T, b *table, from collection) {
	for _, c := range positives {
		first := row{Source: c.folder + c.first + ".json", Transaction: "ITI-65", Expected: "200", Why: patientAdded}
		if c.second == "" {
			b.play(t, first, func(t *testing.T) string {
				to := newIHE(t)
				docs := to.accept(t, compose(t, from.read(t, first.Source), ""))
				if strings.HasPrefix(first.Source, minimal) {
					filledIn(t, to, docs)
				}
				return taken(docs)
			})
			continue
		}
		second := row{Source: c.folder + c.second + ".json", Transaction: "ITI-65", Expected: "200; the original is then " + c.afterwards, Why: patientAdded + "; the original's location filled in"}
		b.play(t, second, func(t *testing.T) string { return sequence(t, b, from, first, second.Source, c.afterwards) })
	}
	for source, want := range negatives {
		b.play(t, row{Source: source, Transaction: "ITI-65", Expected: "4xx, nothing kept", Why: patientAdded}, func(t *testing.T) string {
			got := newIHE(t).refuse(t, "application/fhir+json", compose(t, from.read(t, source), ""))
			if !slices.Contains(strings.Split(got[4:], ", "), want) {
				t.Errorf("answered %s, want %s among it", got, want)
			}
			return got
		})
	}
	outOfScope(t, b, from)
}

// newIHE is a bench of profile ihe.
func newIHE(t *testing.T) bench { return newBench(t, tenant.IHE, "", "") }

// filledIn: what Minimal metadata leave out and the registry needs (docs/profiles.md).
func filledIn(t *testing.T, to bench, docs []stored) {
	t.Helper()
	for _, d := range docs {
		got := to.search(t, d.PatientToken, d.Master)[0]
		if code := text(got, "securityLabel", "coding", "code"); code != "R" || text(attachment(got), "creation") == "" {
			t.Errorf("confidentiality %q and creation %q, want R and the time of registration", code, text(attachment(got), "creation"))
		}
	}
}

// sequence sends the original and what relates to it, and reads both back.
func sequence(t *testing.T, b *table, from collection, first row, second, afterwards string) string {
	to := newIHE(t)
	original := to.accept(t, compose(t, from.read(t, first.Source), ""))[0]
	first.Got, first.Result = taken([]stored{original}), passed
	b.add(first)
	next := to.accept(t, compose(t, from.read(t, second), original.Location))[0]
	if got := to.status(t, original.Location); got != afterwards {
		t.Errorf("the original is %s afterwards, want %s", got, afterwards)
	}
	if got := to.status(t, next.Location); got != "current" {
		t.Errorf("the new document is %s, want current", got)
	}
	found := to.search(t, next.PatientToken, next.Master)
	if len(found) != 1 || path.Base(text(found[0], "relatesTo", "target", "reference")) != path.Base(original.Location) {
		t.Errorf("the new document does not say what it relates to: %v", found)
	}
	if symbolic := plain(text(attachment(next.Reference), "url")); next.Binary == "" && len(to.search(t, next.PatientToken, symbolic, "superseded")) != 0 {
		t.Error("a document is found by its Binary's fullUrl, which both messages have in common")
	}
	return taken([]stored{next}) + "; the original is then " + to.status(t, original.Location)
}

// outOfScope are the messages and forms that do not apply; what can be sent is sent, and must be refused cleanly.
func outOfScope(t *testing.T, b *table, from collection) {
	const xml = comprehensive + "1_Prerequisite_Single_Document_with_Binary/pdb.xml"
	b.play(t, row{Source: "nist-asbestos/composed/*/*/*.xml", Transaction: "ITI-65 as application/fhir+xml", Expected: "200 or 4xx, as the JSON form", Result: notApplicable,
		Why: "FHIR's XML form is not taken yet: 415, asserted for one of them"}, func(t *testing.T) string {
		got := newIHE(t).refuse(t, "application/fhir+xml", from.read(t, xml))
		if got != "415 DLUnsupportedMediaType at http.Content-Type" {
			t.Errorf("answered %s, want 415", got)
		}
		return got
	})
	const good = minimal + "Missing_SubmissionSetTypeList/good-pdb.json"
	b.play(t, row{Source: good, Transaction: "ITI-65 of MHD 3", Expected: "not sent by its TestScript", Result: notApplicable,
		Why: "a DocumentManifest of MHD 3; MHD 4 has a List instead"}, func(t *testing.T) string {
		return newIHE(t).refuse(t, "application/fhir+json", compose(t, from.read(t, good), ""))
	})
	b.add(row{Source: "nist-asbestos/MHD_DocumentRecipient_*", Transaction: "ITI-65 of MHD 3 and 4.0", Expected: "as MHDv420", Got: "–", Result: notApplicable,
		Why: "older versions of the same tests, in parts; the MHDv420 ones are replayed"})
}
