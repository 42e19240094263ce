package fhir

// The datatypes of FHIR R4 (hl7.org/fhir/R4/datatypes.html), each with the elements that MHD documents carry, in FHIR's order.
// Dates stay text here, because FHIR's precision ("2026-03") does not fit a time.Time: see ParseDateTime.

// Extension is an addition to the base standard. Of value[x] it knows the types that IHE MHD and the national service use.
type Extension struct {
	Extension            []Extension      `json:"extension,omitempty"`
	URL                  string           `json:"url"`
	ValueBoolean         *bool            `json:"valueBoolean,omitzero"`
	ValueCode            string           `json:"valueCode,omitempty"`
	ValueDateTime        string           `json:"valueDateTime,omitempty"`
	ValueInstant         string           `json:"valueInstant,omitempty"`
	ValueString          string           `json:"valueString,omitempty"`
	ValueUnsignedInt     *int64           `json:"valueUnsignedInt,omitzero"`
	ValueURI             string           `json:"valueUri,omitempty"`
	ValueCodeableConcept *CodeableConcept `json:"valueCodeableConcept,omitempty"`
	ValueCoding          *Coding          `json:"valueCoding,omitempty"`
	ValueIdentifier      *Identifier      `json:"valueIdentifier,omitempty"`
	ValueReference       *Reference       `json:"valueReference,omitempty"`
}

// Absent stands where a primitive that a profile requires has no value, and says why (hl7.org/fhir/R4/extension-data-absent-reason.html).
type Absent struct {
	Extension []Extension `json:"extension,omitempty"`
}

// AbsentBecause gives the reason as a code of data-absent-reason: "unknown", "not-applicable".
func AbsentBecause(reason string) *Absent {
	return &Absent{Extension: []Extension{{URL: "http://hl7.org/fhir/StructureDefinition/data-absent-reason", ValueCode: reason}}}
}

// Meta is what is said about a resource; MHD tells its profile there.
type Meta struct {
	VersionID   string   `json:"versionId,omitempty"`
	LastUpdated string   `json:"lastUpdated,omitempty"`
	Source      string   `json:"source,omitempty"`
	Profile     []string `json:"profile,omitempty"`
	Security    []Coding `json:"security,omitempty"`
	Tag         []Coding `json:"tag,omitempty"`
}

// Narrative is a resource told for people, as XHTML.
type Narrative struct {
	Status string `json:"status,omitempty"`
	Div    string `json:"div,omitempty"`
}

// Coding is a code of a code system.
type Coding struct {
	System  string `json:"system,omitempty"`
	Version string `json:"version,omitempty"`
	Code    string `json:"code,omitempty"`
	Display string `json:"display,omitempty"`
}

// CodeableConcept is one meaning in one or more codings.
type CodeableConcept struct {
	Coding []Coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

// Identifier is a business identifier; System is a URI such as "urn:oid:2.16.578.1.12.4.1.4.1".
type Identifier struct {
	Extension []Extension      `json:"extension,omitempty"`
	Use       string           `json:"use,omitempty"`
	Type      *CodeableConcept `json:"type,omitempty"`
	System    string           `json:"system,omitempty"`
	Value     string           `json:"value,omitempty"`
	Period    *Period          `json:"period,omitempty"`
	Assigner  *Reference       `json:"assigner,omitempty"`
}

// Reference points to a resource: "#id" for a contained one, a fullUrl in a bundle, or a business identifier.
type Reference struct {
	Extension  []Extension `json:"extension,omitempty"`
	Reference  string      `json:"reference,omitempty"`
	Type       string      `json:"type,omitempty"`
	Identifier *Identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

// Period is a span of time; either end may be open (empty).
type Period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

// HumanName is a person's name.
type HumanName struct {
	Use    string   `json:"use,omitempty"`
	Text   string   `json:"text,omitempty"`
	Family string   `json:"family,omitempty"`
	Given  []string `json:"given,omitempty"`
	Prefix []string `json:"prefix,omitempty"`
	Suffix []string `json:"suffix,omitempty"`
	Period *Period  `json:"period,omitempty"`
}

// ContactPoint is a telephone number, mail address and the like.
type ContactPoint struct {
	System string  `json:"system,omitempty"`
	Value  string  `json:"value,omitempty"`
	Use    string  `json:"use,omitempty"`
	Period *Period `json:"period,omitempty"`
}

// Address is a postal address.
type Address struct {
	Use        string   `json:"use,omitempty"`
	Type       string   `json:"type,omitempty"`
	Text       string   `json:"text,omitempty"`
	Line       []string `json:"line,omitempty"`
	City       string   `json:"city,omitempty"`
	District   string   `json:"district,omitempty"`
	State      string   `json:"state,omitempty"`
	PostalCode string   `json:"postalCode,omitempty"`
	Country    string   `json:"country,omitempty"`
	Period     *Period  `json:"period,omitempty"`
}

// Attachment describes a document's bytes. Size is in bytes and nil when not told; Hash is base64 (see DecodeHash). Data is
// inline content, which MHD forbids in ITI-65: it is kept so that the door can say so.
type Attachment struct {
	Extension   []Extension `json:"extension,omitempty"`
	ContentType string      `json:"contentType,omitempty"`
	Language    string      `json:"language,omitempty"`
	Data        string      `json:"data,omitempty"`
	URL         string      `json:"url,omitempty"`
	Size        *int64      `json:"size,omitzero"`
	Hash        string      `json:"hash,omitempty"`
	Title       string      `json:"title,omitempty"`
	Creation    string      `json:"creation,omitempty"`
}

// Annotation is a note.
type Annotation struct {
	AuthorReference *Reference `json:"authorReference,omitempty"`
	AuthorString    string     `json:"authorString,omitempty"`
	Time            string     `json:"time,omitempty"`
	Text            string     `json:"text,omitempty"`
}
