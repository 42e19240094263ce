package mhd

import (
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
)

// claimed fills in which profile of MHD a DocumentReference conforms to. Comprehensive is claimed by an entry that has all it requires:
// one that is masked (C2), whose document is not to be had here, or was taken with a language missing (nhn.md (b)) or with Minimal metadata, has less, and says so.
func claimed(ref *fhir.DocumentReference) *fhir.DocumentReference {
	switch {
	case comprehensive(ref):
		ref.Meta.Profile = []string{profileEntry}
	case ref.MasterIdentifier.Value != "" && ref.Content[0].Attachment.ContentType != "" && ref.Content[0].Attachment.URL != "":
		ref.Meta.Profile = []string{profileMinimalEntry}
	default:
		ref.Meta.Profile = nil
	}
	return ref
}

const profileMinimalEntry = mhdDefinitions + "IHE.MHD.Minimal.DocumentReference"

// comprehensive is what IHE.MHD.Comprehensive.DocumentReference requires beyond what every entry has.
func comprehensive(ref *fhir.DocumentReference) bool {
	a, c := ref.Content[0].Attachment, ref.Context
	return ref.MasterIdentifier.Value != "" && a.ContentType != "" && a.URL != "" && ref.Type != nil && len(ref.Category) == 1 && len(ref.SecurityLabel) > 0 &&
		a.Language != "" && a.Creation != "" && ref.Content[0].Format != nil && c.FacilityType != nil && c.PracticeSetting != nil && c.SourcePatientInfo != nil
}

// claimedSet fills in which profile a submission set conforms to. A set whose source gave it a UUID as uniqueId conforms to none: MHD wants
// an OID there (SubmissionSetUniqueIdIdentifier).
func claimedSet(l *fhir.List) *fhir.List {
	l.Meta.Profile = nil
	if !strings.HasPrefix(preferred(l.Identifier, "usual").Value, "urn:oid:") || extension(l.Extension, extSourceID) == nil || l.Date == "" {
		return l
	}
	l.Meta.Profile = []string{profileMinimalSet}
	if extension(l.Extension, extDesignation) != nil && l.Subject != nil {
		l.Meta.Profile = []string{profileSet}
	}
	return l
}

const profileMinimalSet = mhdDefinitions + "IHE.MHD.Minimal.SubmissionSet"

// identified is an identifier in URI form; what is no URI, as in a masked set, has no system (FHIR: urn:ietf:rfc:3986 is for URIs).
func identified(value string) *fhir.Identifier {
	if urn := document.URN(value); absolute(urn) != "" {
		return &fhir.Identifier{System: systemURI, Value: urn}
	}
	return &fhir.Identifier{Value: value}
}
