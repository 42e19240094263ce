package mhd

import (
	"testing"

	"dokumentlager/internal/fhir"

	"github.com/google/go-cmp/cmp"
)

// whole is an entry that has all that Comprehensive requires.
func whole() *fhir.DocumentReference {
	concept := &fhir.CodeableConcept{Coding: []fhir.Coding{{Code: "x"}}}
	return &fhir.DocumentReference{Meta: &fhir.Meta{}, MasterIdentifier: &fhir.Identifier{Value: "urn:oid:1.2"}, Type: concept,
		Category: []fhir.CodeableConcept{*concept}, SecurityLabel: []fhir.CodeableConcept{*concept},
		Content: []fhir.DocumentReferenceContent{{Attachment: &fhir.Attachment{ContentType: "text/plain", Language: "nb-NO", Creation: "2026", URL: "https://x/mhd/document"}, Format: &fhir.Coding{Code: "x"}}},
		Context: &fhir.DocumentReferenceContext{FacilityType: concept, PracticeSetting: concept, SourcePatientInfo: &fhir.Reference{Reference: "#p"}}}
}

// TestClaimed: an entry claims the profile it has enough for, and no other.
func TestClaimed(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*fhir.DocumentReference)
		want   []string
	}{
		{"whole", func(*fhir.DocumentReference) {}, []string{profileEntry}},
		{"no type", func(r *fhir.DocumentReference) { r.Type = nil }, []string{profileMinimalEntry}},
		{"no category", func(r *fhir.DocumentReference) { r.Category = nil }, []string{profileMinimalEntry}},
		{"no label", func(r *fhir.DocumentReference) { r.SecurityLabel = nil }, []string{profileMinimalEntry}},
		{"no language", func(r *fhir.DocumentReference) { r.Content[0].Attachment.Language = "" }, []string{profileMinimalEntry}},
		{"no creation", func(r *fhir.DocumentReference) { r.Content[0].Attachment.Creation = "" }, []string{profileMinimalEntry}},
		{"no format", func(r *fhir.DocumentReference) { r.Content[0].Format = nil }, []string{profileMinimalEntry}},
		{"no facility", func(r *fhir.DocumentReference) { r.Context.FacilityType = nil }, []string{profileMinimalEntry}},
		{"no setting", func(r *fhir.DocumentReference) { r.Context.PracticeSetting = nil }, []string{profileMinimalEntry}},
		{"no source patient", func(r *fhir.DocumentReference) { r.Context.SourcePatientInfo = nil }, []string{profileMinimalEntry}},
		{"no content type", func(r *fhir.DocumentReference) { r.Content[0].Attachment.ContentType = "" }, nil},
		{"no address", func(r *fhir.DocumentReference) { r.Content[0].Attachment.URL = "" }, nil},
		{"no identifier", func(r *fhir.DocumentReference) { r.MasterIdentifier.Value = "" }, nil},
	}
	for _, c := range cases {
		r := whole()
		c.change(r)
		if diff := cmp.Diff(c.want, claimed(r).Meta.Profile); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestClaimedSet: a set whose uniqueId is no OID conforms to no profile of MHD.
func TestClaimedSet(t *testing.T) {
	t.Parallel()
	set := func(unique string, extensions ...string) *fhir.List {
		l := &fhir.List{Meta: &fhir.Meta{}, Identifier: []fhir.Identifier{{Use: "usual", Value: unique}}, Date: "2026-11-01", Subject: &fhir.Reference{}}
		for _, url := range extensions {
			l.Extension = append(l.Extension, fhir.Extension{URL: url})
		}
		return claimedSet(l)
	}
	cases := []struct {
		name string
		got  *fhir.List
		want []string
	}{
		{"whole", set("urn:oid:1.2", extSourceID, extDesignation), []string{profileSet}},
		{"no content type", set("urn:oid:1.2", extSourceID), []string{profileMinimalSet}},
		{"no source", set("urn:oid:1.2", extDesignation), nil},
		{"a UUID", set("urn:uuid:0d3a4a0e-3c3e-4f1a-9a55-0123456789ab", extSourceID, extDesignation), nil},
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.want, c.got.Meta.Profile); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

// TestURIs: only what is a URI is told as one (FHIR's Coding.system, and identifiers of urn:ietf:rfc:3986).
func TestURIs(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]fhir.Identifier{
		"1.2.3": {System: systemURI, Value: "urn:oid:1.2.3"}, "*****": {Value: "*****"}, "": {}, "FormatCodes": {Value: "FormatCodes"},
		"http://x/y": {System: systemURI, Value: "http://x/y"}, "a/b:c": {Value: "a/b:c"},
	} {
		if diff := cmp.Diff(want, *identified(value)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", value, diff)
		}
	}
}
