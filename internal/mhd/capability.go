package mhd

import (
	"net/http"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
)

// capabilityDate is when the statement's content last changed.
const capabilityDate = "2026-11-21"

// metadata is GET metadata: what this door really does; a test holds it against the routes.
func (d *Door) metadata(w http.ResponseWriter, r *http.Request) {
	off := false
	statement := &fhir.CapabilityStatement{
		Status: "active", Date: capabilityDate, Kind: "instance", FHIRVersion: "4.0.1",
		Name: "dokumentlager", Title: "dokumentlager: XDS document repository and registry behind MHD",
		Software:            &fhir.CapabilitySoftware{Name: "dokumentlager", Version: d.Version},
		Implementation:      &fhir.CapabilityImplementation{Description: "Document Recipient and Document Responder", URL: d.BaseURL + "/R4/fhir"},
		Format:              []string{"application/fhir+json"},
		PatchFormat:         []string{"application/json-patch+json", "application/fhir+json"},
		Instantiates:        []string{"https://profiles.ihe.net/ITI/MHD/CapabilityStatement/IHE.MHD.DocumentRecipient.Comprehensive"},
		ImplementationGuide: []string{"https://profiles.ihe.net/ITI/MHD/ImplementationGuide/ihe.iti.mhd"},
		Rest: []fhir.CapabilityRest{{
			Mode: "server",
			Security: &fhir.CapabilitySecurity{CORS: &off,
				Description: "HelseID access tokens (at+jwt) bound to a key by DPoP (RFC 9449). Scopes are in the API description at /docs."},
			Interaction: []fhir.CapabilityInteraction{{Code: "transaction", Documentation: "ITI-65 Provide Document Bundle, at the base or at Bundle"}},
			Resource: []fhir.CapabilityResource{
				{Type: "Bundle", Interaction: []fhir.CapabilityInteraction{{Code: "create", Documentation: "the same as transaction at the base"}},
					Operation: []fhir.CapabilityOperation{{Name: "validate", Definition: "http://hl7.org/fhir/OperationDefinition/Resource-validate"}}},
				{Type: "DocumentReference", Profile: profileEntry, Versioning: "no-version",
					Interaction: []fhir.CapabilityInteraction{{Code: "read"}, {Code: "patch", Documentation: "securityLabel only"}, {Code: "delete"},
						{Code: "search-type", Documentation: "ITI-67, POST to _search only"}},
					SearchParam: searchParams()},
				{Type: "List", Profile: profileSet, Interaction: []fhir.CapabilityInteraction{{Code: "read", Documentation: "submission sets, by their sender"}}},
				{Type: "Patient", Interaction: []fhir.CapabilityInteraction{{Code: "read", Documentation: "as a submission named it, by its sender"}}},
			},
		}},
	}
	if err := d.answer(w, http.StatusOK, statement); err != nil {
		d.refuse(w, r, fault.Of(err))
	}
}

func searchParams() []fhir.CapabilitySearchParam {
	return []fhir.CapabilitySearchParam{
		{Name: "patient.identifier", Type: "token", Documentation: "required; system|value, or a national identity number alone"},
		{Name: "status", Type: "token", Documentation: "required; current, superseded"},
		{Name: "identifier", Type: "token"}, {Name: "category", Type: "token"}, {Name: "type", Type: "token"},
		{Name: "creation", Type: "date", Documentation: "the document's creation time; eq ge gt le lt sa eb"},
		{Name: "date", Type: "date", Documentation: "when it was registered here; eq ge gt le lt sa eb"},
		{Name: "_count", Type: "number", Documentation: "entries of a page, 1 to 200"},
		{Name: "homeCommunityId", Type: "token", Documentation: "ask one home community only"},
	}
}
