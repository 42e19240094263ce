package fhir

// The resources that MHD sends about documents (hl7.org/fhir/R4), elements in FHIR's order. An element that stands not here is ignored
// when read; modifierExtension is kept, because FHIR says that one who does not understand it must refuse.

// DocumentReference is an XDS document entry.
type DocumentReference struct {
	ResourceType      TypeOf[DocumentReference]  `json:"resourceType"`
	ID                string                     `json:"id,omitempty"`
	Meta              *Meta                      `json:"meta,omitempty"`
	ImplicitRules     string                     `json:"implicitRules,omitempty"`
	Language          string                     `json:"language,omitempty"`
	Text              *Narrative                 `json:"text,omitempty"`
	Contained         []Resource                 `json:"contained,omitempty"`
	Extension         []Extension                `json:"extension,omitempty"`
	ModifierExtension []Extension                `json:"modifierExtension,omitempty"`
	MasterIdentifier  *Identifier                `json:"masterIdentifier,omitempty"`
	Identifier        []Identifier               `json:"identifier,omitempty"`
	Status            string                     `json:"status,omitempty"`
	DocStatus         string                     `json:"docStatus,omitempty"`
	Type              *CodeableConcept           `json:"type,omitempty"`
	Category          []CodeableConcept          `json:"category,omitempty"`
	Subject           *Reference                 `json:"subject,omitempty"`
	Date              string                     `json:"date,omitempty"`
	Author            []Reference                `json:"author,omitempty"`
	Authenticator     *Reference                 `json:"authenticator,omitempty"`
	Custodian         *Reference                 `json:"custodian,omitempty"`
	RelatesTo         []DocumentReferenceRelated `json:"relatesTo,omitempty"`
	Description       string                     `json:"description,omitempty"`
	SecurityLabel     []CodeableConcept          `json:"securityLabel,omitempty"`
	Content           []DocumentReferenceContent `json:"content,omitempty"`
	Context           *DocumentReferenceContext  `json:"context,omitempty"`
}

// DocumentReferenceRelated is an XDS association; Code is replaces, transforms, signs or appends.
type DocumentReferenceRelated struct {
	Code   string     `json:"code,omitempty"`
	Target *Reference `json:"target,omitempty"`
}

// DocumentReferenceContent is where the bytes are and what they are.
type DocumentReferenceContent struct {
	Extension  []Extension `json:"extension,omitempty"`
	Attachment *Attachment `json:"attachment,omitempty"`
	Format     *Coding     `json:"format,omitempty"`
}

// DocumentReferenceContext is the care in which the document arose.
type DocumentReferenceContext struct {
	Encounter         []Reference       `json:"encounter,omitempty"`
	Event             []CodeableConcept `json:"event,omitempty"`
	Period            *Period           `json:"period,omitempty"`
	FacilityType      *CodeableConcept  `json:"facilityType,omitempty"`
	PracticeSetting   *CodeableConcept  `json:"practiceSetting,omitempty"`
	SourcePatientInfo *Reference        `json:"sourcePatientInfo,omitempty"`
	Related           []Reference       `json:"related,omitempty"`
}

// List is an XDS submission set or folder; Code tells which.
type List struct {
	ResourceType      TypeOf[List]     `json:"resourceType"`
	ID                string           `json:"id,omitempty"`
	Meta              *Meta            `json:"meta,omitempty"`
	ImplicitRules     string           `json:"implicitRules,omitempty"`
	Language          string           `json:"language,omitempty"`
	Text              *Narrative       `json:"text,omitempty"`
	Contained         []Resource       `json:"contained,omitempty"`
	Extension         []Extension      `json:"extension,omitempty"`
	ModifierExtension []Extension      `json:"modifierExtension,omitempty"`
	Identifier        []Identifier     `json:"identifier,omitempty"`
	Status            string           `json:"status,omitempty"`
	Mode              string           `json:"mode,omitempty"`
	Title             string           `json:"title,omitempty"`
	Code              *CodeableConcept `json:"code,omitempty"`
	Subject           *Reference       `json:"subject,omitempty"`
	Encounter         *Reference       `json:"encounter,omitempty"`
	Date              string           `json:"date,omitempty"`
	Source            *Reference       `json:"source,omitempty"`
	Note              []Annotation     `json:"note,omitempty"`
	Entry             []ListEntry      `json:"entry,omitempty"`
}

// ListEntry is a member of a list.
type ListEntry struct {
	Deleted *bool      `json:"deleted,omitzero"`
	Date    string     `json:"date,omitempty"`
	Item    *Reference `json:"item,omitempty"`
}

// Patient is the person the documents are about.
type Patient struct {
	ResourceType     TypeOf[Patient] `json:"resourceType"`
	ID               string          `json:"id,omitempty"`
	Meta             *Meta           `json:"meta,omitempty"`
	Text             *Narrative      `json:"text,omitempty"`
	Contained        []Resource      `json:"contained,omitempty"`
	Extension        []Extension     `json:"extension,omitempty"`
	Identifier       []Identifier    `json:"identifier,omitempty"`
	Active           *bool           `json:"active,omitzero"`
	Name             []HumanName     `json:"name,omitempty"`
	Telecom          []ContactPoint  `json:"telecom,omitempty"`
	Gender           string          `json:"gender,omitempty"`
	BirthDate        string          `json:"birthDate,omitempty"`
	DeceasedBoolean  *bool           `json:"deceasedBoolean,omitzero"`
	DeceasedDateTime string          `json:"deceasedDateTime,omitempty"`
	Address          []Address       `json:"address,omitempty"`
}

// Practitioner is an author as a person.
type Practitioner struct {
	ResourceType TypeOf[Practitioner] `json:"resourceType"`
	ID           string               `json:"id,omitempty"`
	Meta         *Meta                `json:"meta,omitempty"`
	Text         *Narrative           `json:"text,omitempty"`
	Extension    []Extension          `json:"extension,omitempty"`
	Identifier   []Identifier         `json:"identifier,omitempty"`
	Active       *bool                `json:"active,omitzero"`
	Name         []HumanName          `json:"name,omitempty"`
	Telecom      []ContactPoint       `json:"telecom,omitempty"`
	Address      []Address            `json:"address,omitempty"`
	Gender       string               `json:"gender,omitempty"`
	BirthDate    string               `json:"birthDate,omitempty"`
}

// PractitionerRole is an author's role at an organisation.
type PractitionerRole struct {
	ResourceType TypeOf[PractitionerRole] `json:"resourceType"`
	ID           string                   `json:"id,omitempty"`
	Meta         *Meta                    `json:"meta,omitempty"`
	Text         *Narrative               `json:"text,omitempty"`
	Contained    []Resource               `json:"contained,omitempty"`
	Extension    []Extension              `json:"extension,omitempty"`
	Identifier   []Identifier             `json:"identifier,omitempty"`
	Active       *bool                    `json:"active,omitzero"`
	Period       *Period                  `json:"period,omitempty"`
	Practitioner *Reference               `json:"practitioner,omitempty"`
	Organization *Reference               `json:"organization,omitempty"`
	Code         []CodeableConcept        `json:"code,omitempty"`
	Specialty    []CodeableConcept        `json:"specialty,omitempty"`
	Telecom      []ContactPoint           `json:"telecom,omitempty"`
}

// Organization is an author's institution, or its department when PartOf is told.
type Organization struct {
	ResourceType TypeOf[Organization] `json:"resourceType"`
	ID           string               `json:"id,omitempty"`
	Meta         *Meta                `json:"meta,omitempty"`
	Text         *Narrative           `json:"text,omitempty"`
	Contained    []Resource           `json:"contained,omitempty"`
	Extension    []Extension          `json:"extension,omitempty"`
	Identifier   []Identifier         `json:"identifier,omitempty"`
	Active       *bool                `json:"active,omitzero"`
	Type         []CodeableConcept    `json:"type,omitempty"`
	Name         string               `json:"name,omitempty"`
	Alias        []string             `json:"alias,omitempty"`
	Telecom      []ContactPoint       `json:"telecom,omitempty"`
	Address      []Address            `json:"address,omitempty"`
	PartOf       *Reference           `json:"partOf,omitempty"`
}

// NoBody is Binary.Body of a Binary whose bytes went to no sink.
const NoBody = -1

// Binary is a document's bytes. When ReadBundle read it, Data is empty and Body is the number of the sink that took the
// bytes, NoBody when the resource had no data. Data is base64 for small ones that are written or read otherwise.
type Binary struct {
	ResourceType    TypeOf[Binary] `json:"resourceType"`
	ID              string         `json:"id,omitempty"`
	Meta            *Meta          `json:"meta,omitempty"`
	Language        string         `json:"language,omitempty"`
	ContentType     string         `json:"contentType,omitempty"`
	SecurityContext *Reference     `json:"securityContext,omitempty"`
	Data            string         `json:"data,omitempty"`
	Body            int            `json:"-"`
}

// FHIRType and its like below give the resource's name, for Resource and TypeOf.
func (*DocumentReference) FHIRType() string { return "DocumentReference" }

// FHIRType implements Typed.
func (*List) FHIRType() string { return "List" }

// FHIRType implements Typed.
func (*Patient) FHIRType() string { return "Patient" }

// FHIRType implements Typed.
func (*Practitioner) FHIRType() string { return "Practitioner" }

// FHIRType implements Typed.
func (*PractitionerRole) FHIRType() string { return "PractitionerRole" }

// FHIRType implements Typed.
func (*Organization) FHIRType() string { return "Organization" }

// FHIRType implements Typed.
func (*Binary) FHIRType() string { return "Binary" }
