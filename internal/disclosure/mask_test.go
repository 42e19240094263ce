package disclosure

import (
	"reflect"
	"testing"

	"dokumentlager/internal/document"

	"github.com/google/go-cmp/cmp"
)

// TestMaskIsAnAllowList: a field that is added to an entry is hidden until somebody decides otherwise here (C2).
func TestMaskIsAnAllowList(t *testing.T) {
	t.Parallel()
	secret := document.Code{Value: "secret", System: "secret", Display: "secret"}
	e := document.Entry{UniqueID: "u", AliasID: "secret", Patient: document.PatientID{Value: "secret", Authority: "1.2"}, Type: secret, Format: secret,
		Facility: secret, Practice: secret, Class: document.Code{Value: "A00-1"}, Events: []document.Code{secret}, References: []string{"secret"},
		Title: "secret", Comments: "secret", Language: "secret", MimeType: "secret", Size: 1, SHA1: []byte("secret"), SHA256: []byte("secret"),
		Repository: "1.2.3", Offline: true, OnDemand: true, Later: []document.Code{secret},
		SourcePatient: document.SourcePatient{Family: "secret"}, ServiceStart: document.Time{Precision: document.Day},
		Authors: []document.Author{{Person: document.Person{Family: "secret"}, Roles: []document.Code{secret}, Institutions: []document.Organisation{{Name: "Betanien"}}}}}
	masked := reflect.ValueOf(mask(e))
	kept := []string{}
	for i := range masked.NumField() {
		if !masked.Field(i).IsZero() {
			kept = append(kept, masked.Type().Field(i).Name)
		}
	}
	want := []string{"UniqueID", "Patient", "Class", "Type", "Format", "Facility", "Practice", "Title", "Authors", "MimeType", "OnDemand", "Repository"}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("fields that show (-want +got):\n%s", diff)
	}
	m := mask(e)
	hidden := document.Code{Value: maskedText}
	if m.Title != maskedTitle || m.Patient.Value != maskedText || m.MimeType != maskedMime || m.Type != hidden || m.Format != hidden || m.Facility != hidden ||
		m.Practice != hidden || !cmp.Equal(m.Authors, []document.Author{{Institutions: []document.Organisation{{Name: "Betanien"}}}}) {
		t.Errorf("content shows: %+v", m)
	}
}
