package terminology

import "dokumentlager/internal/document"

// The systems that rules or doors need by name; OIDs without urn:oid: (nhn.md (b)).
const (
	DocumentType       = "2.16.578.1.12.4.1.1.9602"
	ConfidentialityNO  = "2.16.578.1.12.4.1.1.9603"
	HealthPersonnel    = "2.16.578.1.12.4.1.1.9060"
	ConfidentialityHL7 = "2.16.840.1.113883.5.25"
	FormatCode         = "1.3.6.1.4.1.19376.1.2.3"
)

// The URIs that FHIR uses for systems which also have an OID.
const (
	confidentialityURI = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	formatURI          = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"
)

// Canonical is the one spelling of a system under which we keep and compare it: the OID without prefix where there is one, any
// other text without the blanks around it.
func Canonical(system string) string {
	switch s := document.StripURN(system); s {
	// The second is how FHIR before R4 spelt it; a client that still does must not get its R or V lost as "unknown system".
	case confidentialityURI, "http://hl7.org/fhir/v3/Confidentiality":
		return ConfidentialityHL7
	case formatURI:
		return FormatCode
	default:
		return s
	}
}

// URI is Canonical's way back for FHIR answers: HL7's and IHE's own URIs, urn:oid: before other OIDs, URIs as they are.
func URI(system string) string {
	switch s := Canonical(system); s {
	case ConfidentialityHL7:
		return confidentialityURI
	case FormatCode:
		return formatURI
	default:
		return document.URN(s)
	}
}
