package atna

import (
	"slices"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
)

// exchange is a transaction of the SOAP addresses: its name, and DICOM's word for what it does, as IHE's audit messages of it have that.
type exchange struct {
	name string
	kind fhir.Coding
}

var (
	queried       = fhir.Coding{System: dcm, Code: "110112", Display: "Query"}
	exported      = fhir.Coding{System: dcm, Code: "110106", Display: "Export"}
	imported      = fhir.Coding{System: dcm, Code: "110107", Display: "Import"}
	patientRecord = fhir.Coding{System: dcm, Code: "110110", Display: "Patient Record"}
	samlUser      = fhir.Coding{System: balpAgentSystem, Code: "UserSamlAgent", Display: "User SAML Agent participant"}
)

// exchanges are ITI TF-2's, by what the log calls them.
var exchanges = map[string]exchange{
	"ITI-18": {"Registry Stored Query", queried}, "ITI-38": {"Cross Gateway Query", queried}, "ITI-51": {"Multi-Patient Stored Query", queried},
	"ITI-39": {"Cross Gateway Retrieve", exported}, "ITI-43": {"Retrieve Document Set", exported},
	"ITI-41": {"Provide and Register Document Set-b", imported}, "ITI-42": {"Register Document Set-b", imported},
	"ITI-61": {"Register On-Demand Document Entry", imported},
	"ITI-57": {"Update Document Set", patientRecord}, "ITI-92": {"Restricted Update Document Set", patientRecord},
	"ITI-62": {"Remove Metadata", patientRecord}, "ITI-86": {"Remove Documents", patientRecord},
}

// over is the operation as it came by a transaction: nothing of FHIR's REST is in it.
func (o Operation) over(transaction string) Operation {
	x := exchanges[transaction]
	o.Transaction, o.TransactionName, o.Interaction = transaction, x.name, ""
	o.Request, o.Type = transaction+" "+x.name, administering
	if x.name != "" {
		o.Type = x.kind
	}
	return o
}

// citizenKinds are what a citizen, or who acts for one, is to the patient (v3-RoleClass).
var citizenKinds = map[string]fhir.Coding{
	access.Citizen.String():  {System: roleClassSystem, Code: "PAT", Display: "patient"},
	access.Guardian.String(): {System: roleClassSystem, Code: "GUARD", Display: "guardian"},
	access.Proxy.String():    {System: roleClassSystem, Code: "AGNT", Display: "agent"},
}

// samlAgent is the person by the assertion (BALP's SAML token use, XUA): agent.name is ATNA's UserName, alias<user@issuer>. The user is the NameID of a
// citizen; of a health worker the log keeps the HPR number in its place.
func samlAgent(line audit.Line, a fhir.AuditEventAgent) fhir.AuditEventAgent {
	c := line.Caller
	a.Type.Coding = append(a.Type.Coding, samlUser)
	user := c.HPR
	if kind, citizen := citizenKinds[c.Kind]; citizen {
		user = c.PersonID
		a.Role = []fhir.CodeableConcept{*concept(kind)}
		a.Who.Type = "RelatedPerson"
		if c.Kind == access.Citizen.String() {
			a.Who.Type = "Patient"
		}
		if user != "" {
			a.Who.Identifier = &fhir.Identifier{System: document.URN(nationalAuthority(user)), Value: told(user)}
		}
	}
	a.Name = told(c.Name + "<" + user + "@" + c.Issuer + ">")
	return a
}

// nationalAuthority is that of D-numbers where the day has 40 added.
func nationalAuthority(number string) string {
	if number >= "4" {
		return document.AuthorityDNR
	}
	return document.AuthorityFNR
}

// samlUse is the profile of the assertion. Comprehensive is not named: it wants organisations without the roles that tell them apart.
func samlUse(line audit.Line) []string {
	if line.Caller.TokenID == "" || !isPerson(line) || line.Caller.HPR == "" && line.Caller.PersonID == "" {
		return nil
	}
	return []string{samlMinimal}
}

// subtypeCodes are all that an operation can have, by whatever transaction it came.
func subtypeCodes(name string, op Operation) (all []fhir.Coding) {
	all = op.subtypes(name)
	for transaction := range exchanges {
		all = append(all, op.over(transaction).subtypes(name)...)
	}
	return slices.Clip(all)
}
