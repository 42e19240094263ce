package atna

import (
	"strings"
	"unicode"

	"dokumentlager/internal/fhir"
)

// The code systems of an AuditEvent. The last three are ours and stand in api/fhir.
const (
	dcm                 = "http://dicom.nema.org/resources/ontology/DCM"
	eventTypeSystem     = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	interactionSystem   = "http://hl7.org/fhir/restful-interaction"
	transactionSystem   = "urn:ihe:event-type-code"
	entityTypeSystem    = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	resourceTypeSystem  = "http://hl7.org/fhir/resource-types"
	roleSystem          = "http://terminology.hl7.org/CodeSystem/object-role"
	balpEntitySystem    = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType"
	balpAgentSystem     = "https://profiles.ihe.net/ITI/BALP/CodeSystem/UserAgentTypes"
	participationSystem = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
	roleClassSystem     = "http://terminology.hl7.org/CodeSystem/v3-RoleClass"
	custodianSystem     = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
	securityRoleSystem  = "http://terminology.hl7.org/CodeSystem/extra-security-role-type"
	purposeSystem       = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	isoPurposeSystem    = "urn:oid:1.0.14265.1"
	relationSystem      = "urn:AuditEventHL7Norway/CodeSystem/carerelation"
	personnelSystem     = "urn:oid:2.16.578.1.12.4.1.1.9060"
	hl7LabelSystem      = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	nationalLabelSystem = "urn:oid:2.16.578.1.12.4.1.1.9603"
	organisationSystem  = "urn:oid:2.16.578.1.12.4.1.4.101"
	hprSystem           = "urn:oid:2.16.578.1.12.4.1.4.4"
	uriSystem           = "urn:ietf:rfc:3986"

	// OperationSystem has our names of what was asked for (docs/audit.md, Operations).
	OperationSystem = "urn:dokumentlager:audit-operation"
	// AgentRoleSystem tells the organisations of a caller apart.
	AgentRoleSystem = "urn:dokumentlager:audit-agent-role"
	// DetailSystem lists the names in entity.detail.type, which FHIR has as text.
	DetailSystem = "urn:dokumentlager:audit-detail"
)

var (
	restful            = fhir.Coding{System: eventTypeSystem, Code: "rest", Display: "Restful Operation"}
	administering      = fhir.Coding{System: dcm, Code: "110100", Display: "Application Activity"}
	logUsed            = fhir.Coding{System: dcm, Code: "110101", Display: "Audit Log Used"}
	applicationServer  = fhir.Coding{System: "http://terminology.hl7.org/CodeSystem/security-source-type", Code: "4", Display: "Application Server"}
	sourceRole         = fhir.Coding{System: dcm, Code: "110153", Display: "Source Role ID"}
	destinationRole    = fhir.Coding{System: dcm, Code: "110152", Display: "Destination Role ID"}
	application        = fhir.Coding{System: dcm, Code: "110150", Display: "Application"}
	custodian          = fhir.Coding{System: custodianSystem, Code: "custodian", Display: "Custodian"}
	recipient          = fhir.Coding{System: participationSystem, Code: "IRCP", Display: "information recipient"}
	tokenUser          = fhir.Coding{System: balpAgentSystem, Code: "UserOauthAgent", Display: "User OAuth Agent participant"}
	humanUser          = fhir.Coding{System: securityRoleSystem, Code: "humanuser", Display: "human user"}
	provider           = fhir.Coding{System: roleClassSystem, Code: "PROV", Display: "healthcare provider"}
	actingFor          = fhir.Coding{System: roleClassSystem, Code: "AGNT", Display: "agent"}
	person             = fhir.Coding{System: entityTypeSystem, Code: "1", Display: "Person"}
	systemObject       = fhir.Coding{System: entityTypeSystem, Code: "2", Display: "System Object"}
	other              = fhir.Coding{System: entityTypeSystem, Code: "4", Display: "Other"}
	requestEntity      = fhir.Coding{System: balpEntitySystem, Code: "XrequestId", Display: "X-Request-Id"}
	documentType       = fhir.Coding{System: resourceTypeSystem, Code: "DocumentReference", Display: "DocumentReference"}
	listType           = fhir.Coding{System: resourceTypeSystem, Code: "List", Display: "List"}
	rolePatient        = fhir.Coding{System: roleSystem, Code: "1", Display: "Patient"}
	roleReport         = fhir.Coding{System: roleSystem, Code: "3", Display: "Report"}
	roleDomainResource = fhir.Coding{System: roleSystem, Code: "4", Display: "Domain Resource"}
	roleJob            = fhir.Coding{System: roleSystem, Code: "20", Display: "Job"}
	roleQuery          = fhir.Coding{System: roleSystem, Code: "24", Display: "Query"}
)

// The organisations of a caller.
var (
	legalEntity = fhir.Coding{System: AgentRoleSystem, Code: "legal-entity", Display: "The caller's legal entity"}
	pointOfCare = fhir.Coding{System: AgentRoleSystem, Code: "point-of-care", Display: "The unit in which the caller works"}
	supplier    = fhir.Coding{System: AgentRoleSystem, Code: "supplier", Display: "The supplier that runs the caller's client"}
)

// AgentRoles are the codes of AgentRoleSystem.
func AgentRoles() []fhir.Coding { return []fhir.Coding{legalEntity, pointOfCare, supplier} }

// told is a caller's text as FHIR's string may have it: no control characters, no space around it.
func told(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
}

// label is a confidentiality code; the log keeps the code alone, and which of the two systems of C1 and C2 it is follows from it.
func label(code string) fhir.Coding {
	switch code {
	case "U", "L", "M", "N", "R", "V":
		return fhir.Coding{System: hl7LabelSystem, Code: code}
	}
	return fhir.Coding{System: nationalLabelSystem, Code: code}
}

func concept(codings ...fhir.Coding) *fhir.CodeableConcept {
	return &fhir.CodeableConcept{Coding: codings}
}
