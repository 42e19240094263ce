package atna

import (
	"slices"
	"strings"

	"dokumentlager/internal/fhir"
	"dokumentlager/internal/rest"
)

// Capability is what this door does, for the statement of capabilities at its FHIR base.
func Capability() fhir.CapabilityResource {
	r := fhir.CapabilityResource{Type: resource, Versioning: "no-version",
		Documentation: "ITI-81 Retrieve ATNA Audit Event: the log of who did what, by IHE BALP. It takes no events (ITI-20) and changes none.",
		Interaction:   []fhir.CapabilityInteraction{{Code: "read"}, {Code: "search-type", Documentation: "ITI-81; POST to _search where a patient is named"}}}
	for name, k := range kinds {
		if k == rest.RelatedToken { // an identifier
			k = rest.Token
		}
		if k != rest.Special {
			r.SearchParam = append(r.SearchParam, fhir.CapabilitySearchParam{Name: name, Type: k.FHIRType(), Documentation: meaning[name]})
		}
	}
	r.SearchParam = append(r.SearchParam,
		fhir.CapabilitySearchParam{Name: rest.ParamPatient, Type: "token", Documentation: "by POST only; system|value, or a national identity number alone"},
		fhir.CapabilitySearchParam{Name: rest.ParamCount, Type: "number", Documentation: "events of a page, 1 to 200"})
	slices.SortFunc(r.SearchParam, func(a, b fhir.CapabilitySearchParam) int { return strings.Compare(a.Name, b.Name) })
	return r
}

// meaning says what a name does not.
var meaning = map[string]string{
	paramDate:           "required twice, ge… and le…; a year at most but for one patient",
	paramSource:         "the log: a home community, or control for what belongs to none",
	"source.identifier": "the same as source",
	"agent.identifier":  "organisation number, HPR number, client id",
	"entity.identifier": "of a document or its entry, a submission set, a folder, a request; of a patient by POST only",
	paramAddress:        "callers' addresses are not kept: finds nothing but the service's own",
	"_lastUpdated":      "the same as date",
}
