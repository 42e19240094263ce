package fhir

// AuditEvent is one event of the audit log (hl7.org/fhir/R4/auditevent.html), with the elements that IHE BALP asks for.
type AuditEvent struct {
	ResourceType      TypeOf[AuditEvent] `json:"resourceType"`
	ID                string             `json:"id,omitempty"`
	Meta              *Meta              `json:"meta,omitempty"`
	Text              *Narrative         `json:"text,omitempty"`
	Extension         []Extension        `json:"extension,omitempty"`
	ModifierExtension []Extension        `json:"modifierExtension,omitempty"`
	Type              *Coding            `json:"type,omitempty"`
	Subtype           []Coding           `json:"subtype,omitempty"`
	// Action is C, R, U, D or E.
	Action string `json:"action,omitempty"`
	// Recorded is an instant, Outcome 0 (success), 4, 8 or 12.
	Recorded       string             `json:"recorded,omitempty"`
	Outcome        string             `json:"outcome,omitempty"`
	OutcomeDesc    string             `json:"outcomeDesc,omitempty"`
	PurposeOfEvent []CodeableConcept  `json:"purposeOfEvent,omitempty"`
	Agent          []AuditEventAgent  `json:"agent,omitempty"`
	Source         *AuditEventSource  `json:"source,omitempty"`
	Entity         []AuditEventEntity `json:"entity,omitempty"`
}

// AuditEventAgent is one who took part. Requestor is always written: FHIR requires it.
type AuditEventAgent struct {
	Extension    []Extension        `json:"extension,omitempty"`
	Type         *CodeableConcept   `json:"type,omitempty"`
	Role         []CodeableConcept  `json:"role,omitempty"`
	Who          *Reference         `json:"who,omitempty"`
	AltID        string             `json:"altId,omitempty"`
	Name         string             `json:"name,omitempty"`
	Requestor    bool               `json:"requestor"`
	Location     *Reference         `json:"location,omitempty"`
	Policy       []string           `json:"policy,omitempty"`
	Network      *AuditEventNetwork `json:"network,omitempty"`
	PurposeOfUse []CodeableConcept  `json:"purposeOfUse,omitempty"`
}

// AuditEventNetwork is where an agent stood on the network; Type is 1 (machine name), 2 (IP address), 3 (telephone), 4 (mail) or 5 (URI).
type AuditEventNetwork struct {
	Extension []Extension `json:"extension,omitempty"`
	Address   string      `json:"address,omitempty"`
	Type      string      `json:"type,omitempty"`
}

// AuditEventSource is who recorded the event.
type AuditEventSource struct {
	Extension []Extension `json:"extension,omitempty"`
	Site      string      `json:"site,omitempty"`
	Observer  *Reference  `json:"observer,omitempty"`
	Type      []Coding    `json:"type,omitempty"`
}

// AuditEventEntity is something that the event was about. Name and Query exclude each other (sev-1); Query is base64.
type AuditEventEntity struct {
	Extension     []Extension        `json:"extension,omitempty"`
	What          *Reference         `json:"what,omitempty"`
	Type          *Coding            `json:"type,omitempty"`
	Role          *Coding            `json:"role,omitempty"`
	Lifecycle     *Coding            `json:"lifecycle,omitempty"`
	SecurityLabel []Coding           `json:"securityLabel,omitempty"`
	Name          string             `json:"name,omitempty"`
	Description   string             `json:"description,omitempty"`
	Query         string             `json:"query,omitempty"`
	Detail        []AuditEventDetail `json:"detail,omitempty"`
}

// AuditEventDetail is one more thing said of an entity.
type AuditEventDetail struct {
	Type              string `json:"type,omitempty"`
	ValueString       string `json:"valueString,omitempty"`
	ValueBase64Binary string `json:"valueBase64Binary,omitempty"`
}

// FHIRType implements Typed.
func (*AuditEvent) FHIRType() string { return "AuditEvent" }
