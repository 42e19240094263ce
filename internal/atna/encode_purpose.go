package atna

import (
	"slices"
	"strings"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fhir"
)

// purposesOfUse are those of HL7's v3-ActReason that tokens and assertions have (nhn.md (c), trust framework); any other code stays text.
func purposesOfUse() []string {
	return []string{"TREAT", "ETREAT", "COC", "BTG", "PATRQT", "FAMRQT", "PWATRNY"}
}

// purposes is why, as the attest says: the purpose and its details in one concept, as the Norwegian AuditEvent profile has them.
func purposes(line audit.Line) []fhir.CodeableConcept {
	c, out := line.Caller, fhir.CodeableConcept{}
	switch purpose := told(c.Purpose); {
	case purpose == "":
		return nil
	case slices.Contains(purposesOfUse(), purpose):
		out.Coding = []fhir.Coding{{System: purposeSystem, Code: purpose}}
	case strings.Trim(purpose, "0123456789") == "":
		out.Coding = []fhir.Coding{{System: isoPurposeSystem, Code: purpose}}
	default:
		out.Text = purpose
	}
	if details := told(c.PurposeDetails); details != "" {
		out.Coding = append(out.Coding, fhir.Coding{System: relationSystem, Code: details})
	}
	return []fhir.CodeableConcept{out}
}

// CareRelation is our extension with what the attest says and FHIR has no element for (api/fhir/StructureDefinition-care-relation.json). Its
// parts bear the names of the Norwegian auditevent-carerelation-metadata-extension. That one is not used: it requires the time of the
// attestation (toa), which tokens do not have.
const CareRelation = "urn:dokumentlager:care-relation"

// careRelation is the extension, nothing when the token had no attest.
func careRelation(line audit.Line) []fhir.Extension {
	c := line.Caller
	var parts []fhir.Extension
	if c.DecisionRef != "" {
		parts = append(parts, fhir.Extension{URL: "decision-ref-id", ValueString: told(c.DecisionRef)})
	}
	if c.Selected != nil {
		parts = append(parts, fhir.Extension{URL: "decision-ref-user-selected", ValueBoolean: c.Selected})
	}
	if c.Service != "" {
		parts = append(parts, fhir.Extension{URL: "healthcare-service", ValueCoding: &fhir.Coding{System: told(c.ServiceSystem), Code: told(c.Service)}})
	}
	if c.Department != "" {
		parts = append(parts, fhir.Extension{URL: "department", ValueReference: &fhir.Reference{Type: "Organization", Display: told(c.DepartmentTxt),
			Identifier: &fhir.Identifier{System: told(c.DepartmentSys), Value: told(c.Department)}}})
	}
	if basis := line.Detail.Basis; basis != "" {
		parts = append(parts, fhir.Extension{URL: "access-basis", ValueCode: told(basis)})
	}
	if parts == nil {
		return nil
	}
	return []fhir.Extension{{URL: CareRelation, Extension: parts}}
}
