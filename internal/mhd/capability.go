package mhd

import (
	"net/http"
	"slices"
	"strings"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/rest"
)

// capabilityDate is when the statement's content last changed.
const capabilityDate = "2026-11-22"

// metadata is GET metadata: what this door really does; a test holds it against the routes.
func (d *Door) metadata(w http.ResponseWriter, r *http.Request) {
	off := false
	statement := &fhir.CapabilityStatement{
		Status: "active", Date: capabilityDate, Kind: "instance", FHIRVersion: "4.0.1",
		Name: "Dokumentlager", Title: "dokumentlager: XDS document repository and registry behind MHD",
		Software:            &fhir.CapabilitySoftware{Name: "dokumentlager", Version: d.Version},
		Implementation:      &fhir.CapabilityImplementation{Description: "Document Recipient and Document Responder", URL: d.BaseURL + "/R4/fhir"},
		Format:              []string{fhir.MediaType, fhir.MediaTypeXML, rest.InJSON.Name(), rest.InXML.Name()},
		PatchFormat:         []string{"application/json-patch+json", "application/fhir+json"},
		Instantiates:        []string{"https://profiles.ihe.net/ITI/MHD/CapabilityStatement/IHE.MHD.DocumentRecipient.Comprehensive"},
		ImplementationGuide: []string{"https://profiles.ihe.net/ITI/MHD/ImplementationGuide/ihe.iti.mhd"},
		Rest: []fhir.CapabilityRest{{
			Mode: "server",
			Security: &fhir.CapabilitySecurity{CORS: &off,
				Description: "HelseID access tokens (at+jwt) bound to a key by DPoP (RFC 9449). Scopes are in the API description at /docs."},
			Interaction: []fhir.CapabilityInteraction{{Code: "transaction", Documentation: "ITI-65 Provide Document Bundle, at the base or at Bundle"}},
			Resource: append([]fhir.CapabilityResource{
				{Type: "Bundle", Interaction: []fhir.CapabilityInteraction{{Code: "create", Documentation: "the same as transaction at the base"}},
					Operation: []fhir.CapabilityOperation{{Name: "validate", Definition: "http://hl7.org/fhir/OperationDefinition/Resource-validate"}}},
				{Type: "DocumentReference", Profile: profileEntry, Versioning: "no-version",
					Interaction: []fhir.CapabilityInteraction{{Code: "read"}, {Code: "patch", Documentation: "securityLabel only"}, {Code: "delete"},
						{Code: "search-type", Documentation: "ITI-67, POST to _search only"}},
					SearchParam: searchParams(documentKinds, documentParams...)},
				{Type: "List", Profile: profileList, Versioning: "no-version",
					Interaction: []fhir.CapabilityInteraction{{Code: "read", Documentation: "submission sets and folders"},
						{Code: "search-type", Documentation: "ITI-66, POST to _search only"}},
					SearchParam: searchParams(listKinds, listParams...)},
				{Type: "Patient", Interaction: []fhir.CapabilityInteraction{{Code: "read", Documentation: "as a submission named it, by its sender"}}},
			}, d.Resources...),
		}},
	}
	if err := rest.Answer(w, r, http.StatusOK, statement); err != nil {
		rest.Refuse(w, r, fault.Of(err))
	}
}

// searchParams lists what a search knows: criteria by kind, what every search has, and what is documented for this one.
func searchParams(kinds map[string]rest.Kind, documented ...fhir.CapabilitySearchParam) []fhir.CapabilitySearchParam {
	documented = append(documented, everySearch...)
	for name, k := range kinds {
		told := slices.ContainsFunc(documented, func(p fhir.CapabilitySearchParam) bool { return p.Name == name })
		if k != rest.Special && !told && !strings.HasSuffix(name, ".identifier") {
			documented = append(documented, fhir.CapabilitySearchParam{Name: name, Type: k.FHIRType(), Documentation: meaning[name]})
		}
	}
	slices.SortFunc(documented, func(a, b fhir.CapabilitySearchParam) int { return strings.Compare(a.Name, b.Name) })
	return documented
}

// meaning says what a name does not.
var meaning = map[string]string{
	"creation": "the document's creation time", "date": "when it was registered here", "period": "overlaps the time of service", "related": "by identifier",
	"author.given": "health personnel; masked entries have none",
}

// everySearch documents the parameters of commonKinds, but for _sort.
var everySearch = []fhir.CapabilitySearchParam{
	{Name: "patient.identifier", Type: "token", Documentation: "required; system|value, or a national identity number alone"},
	{Name: "status", Type: "token", Documentation: "required; current, superseded"},
	{Name: "homeCommunityId", Type: "token", Documentation: "ask one home community only"},
	{Name: "_count", Type: "number", Documentation: "entries of a page, 1 to 200"},
	{Name: "_total", Type: "token", Documentation: "accurate, estimate (the same), none"},
}

var documentParams = []fhir.CapabilitySearchParam{
	{Name: "_sort", Type: "string", Documentation: "-creation (the usual), creation, -date, date"},
}
