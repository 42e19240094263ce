package conformance

import (
	"bytes"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
)

// replayNHN: what record systems send to the national service today, to tenants of profile nhn.
func replayNHN(t *testing.T, b *table, from collection) {
	betanien := newBench(t, tenant.NHN, "2.16.578.1.12.4.5.100.1.1", "981275721")
	oslo := newBench(t, tenant.NHN, "2.16.578.1.12.4.5.100.3.19", "958935420")
	for name, to := range map[string]bench{"01": betanien, "02_dept_with_reference_in_authors": oslo, "03": betanien} {
		source := "nhn-xcads/Fhir/IT_iti-65_ProvideBundle" + name + ".json"
		b.play(t, row{Source: source, Transaction: "ITI-65, PATCH, DELETE", Expected: "200; language and period may be missing", Why: "sent unmodified"},
			func(t *testing.T) string { return liveOn(t, to, from.read(t, source)) })
	}
	refusedByNHN(t, b, from)
	wrapped(t, b, from)
}

// liveOn is a document's whole life: uploaded, read, made restricted, deleted.
func liveOn(t *testing.T, to bench, body []byte) string {
	docs := to.accept(t, body)
	if len(docs) != 1 {
		t.Fatalf("%d documents, want 1", len(docs))
	}
	d := docs[0]
	for _, w := range d.Warnings {
		code, place, _ := strings.Cut(w, " at ")
		missing := strings.HasSuffix(place, ".language") || strings.HasSuffix(place, ".period")
		if code != "DLUnknownCodeSystem" && code != "DLUnknownCode" && !(missing && code == "XDSRegistryMetadataError") {
			t.Errorf("an unexpected warning: %s", w)
		}
	}
	if attachment(d.Reference)["language"] == nil && !slices.ContainsFunc(d.Warnings, func(w string) bool { return strings.HasSuffix(w, ".language") }) {
		t.Error("the missing language was not told")
	}
	sameAuthors(t, d.Reference, parse(t, to.writer.Get(t, d.Location).Body))
	restrict(t, to, d)
	remove(t, to, d)
	return "200, then PATCH 200, DELETE 200; warnings: " + strings.Join(d.Warnings, ", ")
}

// author is what one reference of DocumentReference.author comes to.
type author struct{ Person, Organisation, Department string }

// authorsOf resolves the contained authors; a person or organisation that a role or a department names already is not told twice, as
// it is the same XDS author.
func authorsOf(ref servicetest.Object) (all []author) {
	contained := map[string]servicetest.Object{}
	list, _ := ref["contained"].([]any)
	for _, c := range list {
		r := c.(servicetest.Object)
		contained["#"+text(r, "id")] = r
	}
	name := func(r servicetest.Object) string {
		return strings.Join([]string{text(r, "identifier", "value"), text(r, "name", "family"), text(r, "name")}, "/")
	}
	refs, _ := ref["author"].([]any)
	for _, a := range refs {
		switch r := contained[text(a, "reference")]; r["resourceType"] {
		case "PractitionerRole":
			all = append(all, author{Person: name(contained[text(r, "practitioner", "reference")]), Organisation: name(contained[text(r, "organization", "reference")])})
		case "Organization":
			if whole := contained[text(r, "partOf", "reference")]; whole != nil {
				all = append(all, author{Organisation: name(whole), Department: name(r)})
			}
		}
	}
	slices.SortFunc(all, func(a, b author) int { return strings.Compare(a.Person+a.Department, b.Person+b.Department) })
	return all
}

// sameAuthors: the author survives the way through XDS, the department within its hospital too (nhn.md (b)).
func sameAuthors(t *testing.T, sent, got servicetest.Object) {
	t.Helper()
	want := authorsOf(sent)
	if len(want) == 0 {
		t.Error("the message names no author with an organisation: the comparison would say nothing")
	}
	if diff := cmp.Diff(want, authorsOf(got)); diff != "" {
		t.Errorf("the authors changed (-sent +read back):\n%s", diff)
	}
}

// restrict is PATCH of the confidentiality (W5).
func restrict(t *testing.T, to bench, d stored) {
	t.Helper()
	const patch = `{"resourceType":"DocumentReference","securityLabel":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}]}`
	a := to.writer.Do(t, to.Request(t, http.MethodPatch, d.Location+"?homeCommunityId="+to.of.HomeCommunity, strings.NewReader(patch), "Content-Type", "application/fhir+json"))
	if a.Status != http.StatusOK {
		t.Fatalf("PATCH: %d %s", a.Status, a.Body)
	}
	if got := text(parse(t, to.writer.Get(t, d.Location).Body), "securityLabel", "coding", "code"); got != "R" {
		t.Errorf("after the PATCH the document is %q, want R", got)
	}
}

// remove is DELETE (W3); afterwards nobody finds or opens the document.
func remove(t *testing.T, to bench, d stored) {
	t.Helper()
	a := to.writer.Do(t, to.Request(t, http.MethodDelete, d.Location+"?homeCommunityId="+to.of.HomeCommunity, nil))
	if a.Status != http.StatusOK || text(parse(t, a.Body), "resourceType") != "OperationOutcome" {
		t.Fatalf("DELETE: %d %s", a.Status, a.Body)
	}
	if n := len(to.search(t, d.PatientToken, d.Binary, "superseded")); n != 0 {
		t.Errorf("%d entries are still found", n)
	}
	if a := to.doctor.Get(t, d.Document, "nhn-patient-nin", d.PatientNumber); a.Status != http.StatusNotFound && a.Status != http.StatusGone {
		t.Errorf("opening what was deleted: %d", a.Status)
	}
	if a := to.writer.Get(t, d.Location); a.Status != http.StatusGone {
		t.Errorf("reading what was deleted: %d, want 410", a.Status)
	}
}

// refusedByNHN are the bundles from before the national service asked for a home community (T4).
func refusedByNHN(t *testing.T, b *table, from collection) {
	const create, provide, patch = "nhn-xcads/Fhir/BundleCreate.json", "nhn-xcads/SoapRequests/fhir_provideDocumentBundle.json", "nhn-xcads/Fhir/BundlePatch.json"
	for source, why := range map[string]string{
		create:  "no homeCommunityId; besides, its List names a Patient that only the DocumentReference contains",
		provide: "no homeCommunityId",
	} {
		b.play(t, row{Source: source, Transaction: "ITI-65", Expected: "4xx: no homeCommunityId (T4)", Why: why}, func(t *testing.T) string {
			got := newBench(t, tenant.NHN, "", "").refuse(t, "application/fhir+json", from.read(t, source))
			if !strings.Contains(got, "XDSMissingHomeCommunityId at ") {
				t.Errorf("the answer does not say that the homeCommunityId is missing: %s", got)
			}
			return got
		})
	}
	b.play(t, row{Source: provide, Step: "completed", Transaction: "ITI-65, PATCH, DELETE", Expected: "200", Why: "a homeCommunityId put in: nothing else was wrong"}, func(t *testing.T) string {
		to := newBench(t, tenant.NHN, "", "")
		return liveOn(t, to, edited(t, from.read(t, provide), func(m servicetest.Object) {
			_, refs := resources(m, "DocumentReference")
			attachment(refs[0])["extension"] = []any{servicetest.Object{
				"url": "https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-homeCommunityId", "valueUri": "urn:oid:" + to.of.HomeCommunity}}
		}))
	})
	b.play(t, row{Source: patch, Transaction: "FHIR transaction", Expected: "4xx", Why: "a general FHIR transaction (PATCH of a Patient), no submission"}, func(t *testing.T) string {
		return newBench(t, tenant.NHN, "", "").refuse(t, "application/fhir+json", from.read(t, patch))
	})
}

// wrapped: documents, not messages; they travel in bundles of ours and must come out as they went in.
func wrapped(t *testing.T, b *table, from collection) {
	for _, source := range from.list(t, "nhn-xcads/ClinicalDocumentArchitecture/*", "nhn-xcads/Documents/*") {
		b.play(t, row{Source: source, Transaction: "ITI-65", Expected: "200, the same bytes", Why: "a document, sent in a bundle of ours"}, func(t *testing.T) string {
			to := newBench(t, tenant.NHN, "", "")
			d := servicetest.NewDoc()
			d.Bytes, d.Title = from.read(t, source), path.Base(source)
			d.Type = map[string]string{".xml": "text/xml", ".pdf": "application/pdf"}[path.Ext(source)]
			docs := to.accept(t, servicetest.BundleFor(to.of, d).JSON(t))
			if len(docs) != 1 || !bytes.Equal(docs[0].Content, d.Bytes) {
				t.Errorf("%d documents", len(docs))
			}
			return "200, the same bytes"
		})
	}
}
