package access

import "slices"

// Kind is what sort of caller stands at the door. The zero value is nobody, and nobody is allowed anything.
type Kind uint8

// The kinds of caller. Citizen, guardian and proxy come through SAML (C4, C5).
const (
	Nobody Kind = iota
	Machine
	Personnel
	Citizen
	Guardian
	Proxy
	// Operator is a person at the service's own command line; no rule lets one read a document.
	Operator
)

var kindNames = [...]string{"nobody", "machine", "personnel", "citizen", "guardian", "proxy", "operator"}

// String is the name that audit events and the simulator use.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Nobody]
}

// Caller is who asks, as a verified token told it. Doors fill it, `access` judges it, `audit` keeps it.
type Caller struct {
	Kind Kind
	// ClientID and ClientName are the HelseID client.
	ClientID, ClientName string
	// Organisation is the legal entity's organisation number (helseid://claims/client/claims/orgnr_parent); tenants and C7 go by it.
	Organisation string
	// OrganisationName is its name where the attest gives one.
	OrganisationName string
	// PointOfCare is the organisation number of the unit (orgnr_child, or the attest's point_of_care).
	PointOfCare, PointOfCareName string
	// Supplier is orgnr_supplier of a multi-tenant client.
	Supplier string
	// Name, HPR and PersonID are the health worker's; empty for machines.
	Name, HPR, PersonID string
	// Role is the code of 9060 ("LE", "SP").
	Role string
	// SecurityLevel is helseid://claims/identity/security_level, 0 when absent.
	SecurityLevel int
	// Attest reports whether the token carried nhn:tillitsrammeverk:parameters with a purpose (C3).
	Attest bool
	// Purpose and PurposeDetails are codes of the attest ("TREAT", "BEHANDLER"); Service is its healthcare_service code.
	Purpose, PurposeDetails, Service string
	// ServiceSystem is the code system of Service; tokens have had several (nhn.md "Tokens").
	ServiceSystem string
	// DecisionRef is care_relationship.decision_ref.id; DecisionSelected is its user_selected: true, false, or nil when the attest does
	// not say whether the person chose the decision or the record system did.
	DecisionRef      string
	DecisionSelected *bool
	// Department is the attest's practitioner.department: its id, the system of the id, and its name.
	Department, DepartmentSystem, DepartmentName string
	// Audience is the configured audience the token was accepted for.
	Audience string
	// Scopes are the granted scopes in canonical spelling: aliases are already replaced.
	Scopes []string
	// TokenID is the token's jti, for audit.
	TokenID string
}

// Has reports whether the token carries the scope, in canonical spelling.
func (c Caller) Has(scope string) bool { return slices.Contains(c.Scopes, scope) }

// The scopes in canonical spelling (W1, C6, R1, R2, R4, A2, A4). Other spellings become these through configuration.
const (
	ScopeCreate       = "nhn:phr-document-repository/mhd/create-documents-with-reference"
	ScopeDelete       = "nhn:phr-document-repository/delete-documents-and-reference"
	ScopeReadList     = "nhn:phr/mhd/read-documentreferences"
	ScopeReadListKJ   = "nhn:phr/mhd/read-documentreferences/kjernejournalforskriften"
	ScopeReadDocument = "nhn:phr/mhd/read-document"
	// The scopes of the audit log are ours: no source names any (A2, A4).
	ScopeLogOwn        = "nhn:phr/audit/read-own"
	ScopeLogInspect    = "nhn:phr/audit/inspect"
	ScopeLogHelsenorge = "nhn:phr/audit/helsenorge"
)

// The audiences in canonical spelling: one for writing (W1), one for reading (R1).
const (
	AudienceWrite = "nhn:phr-document-repository"
	AudienceRead  = "nhn:phr"
)
