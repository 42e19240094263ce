package fhir

// CapabilityStatement says what a server does (GET metadata); elements in FHIR's order.
type CapabilityStatement struct {
	ResourceType        TypeOf[CapabilityStatement] `json:"resourceType"`
	ID                  string                      `json:"id,omitempty"`
	Meta                *Meta                       `json:"meta,omitempty"`
	URL                 string                      `json:"url,omitempty"`
	Version             string                      `json:"version,omitempty"`
	Name                string                      `json:"name,omitempty"`
	Title               string                      `json:"title,omitempty"`
	Status              string                      `json:"status"`
	Date                string                      `json:"date"`
	Publisher           string                      `json:"publisher,omitempty"`
	Description         string                      `json:"description,omitempty"`
	Kind                string                      `json:"kind"`
	Instantiates        []string                    `json:"instantiates,omitempty"`
	Software            *CapabilitySoftware         `json:"software,omitempty"`
	Implementation      *CapabilityImplementation   `json:"implementation,omitempty"`
	FHIRVersion         string                      `json:"fhirVersion"`
	Format              []string                    `json:"format,omitempty"`
	PatchFormat         []string                    `json:"patchFormat,omitempty"`
	ImplementationGuide []string                    `json:"implementationGuide,omitempty"`
	Rest                []CapabilityRest            `json:"rest,omitempty"`
}

// CapabilitySoftware names the program.
type CapabilitySoftware struct {
	Name        string `json:"name"`
	Version     string `json:"version,omitempty"`
	ReleaseDate string `json:"releaseDate,omitempty"`
}

// CapabilityImplementation names this installation; URL is the FHIR base.
type CapabilityImplementation struct {
	Description string `json:"description"`
	URL         string `json:"url,omitempty"`
}

// CapabilityRest is one REST side; Mode is "server".
type CapabilityRest struct {
	Mode          string                  `json:"mode"`
	Documentation string                  `json:"documentation,omitempty"`
	Security      *CapabilitySecurity     `json:"security,omitempty"`
	Resource      []CapabilityResource    `json:"resource,omitempty"`
	Interaction   []CapabilityInteraction `json:"interaction,omitempty"`
	Operation     []CapabilityOperation   `json:"operation,omitempty"`
}

// CapabilitySecurity says how the door is locked.
type CapabilitySecurity struct {
	CORS        *bool             `json:"cors,omitzero"`
	Service     []CodeableConcept `json:"service,omitempty"`
	Description string            `json:"description,omitempty"`
}

// CapabilityResource is what can be done with one resource type.
type CapabilityResource struct {
	Type             string                  `json:"type"`
	Profile          string                  `json:"profile,omitempty"`
	SupportedProfile []string                `json:"supportedProfile,omitempty"`
	Documentation    string                  `json:"documentation,omitempty"`
	Interaction      []CapabilityInteraction `json:"interaction,omitempty"`
	Versioning       string                  `json:"versioning,omitempty"`
	SearchInclude    []string                `json:"searchInclude,omitempty"`
	SearchParam      []CapabilitySearchParam `json:"searchParam,omitempty"`
	Operation        []CapabilityOperation   `json:"operation,omitempty"`
}

// CapabilityInteraction is one interaction: read, patch, delete, search-type, transaction.
type CapabilityInteraction struct {
	Code          string `json:"code"`
	Documentation string `json:"documentation,omitempty"`
}

// CapabilitySearchParam is one search parameter.
type CapabilitySearchParam struct {
	Name          string `json:"name"`
	Definition    string `json:"definition,omitempty"`
	Type          string `json:"type"`
	Documentation string `json:"documentation,omitempty"`
}

// CapabilityOperation is one operation, such as validate.
type CapabilityOperation struct {
	Name          string `json:"name"`
	Definition    string `json:"definition"`
	Documentation string `json:"documentation,omitempty"`
}

// FHIRType implements Typed.
func (*CapabilityStatement) FHIRType() string { return "CapabilityStatement" }
