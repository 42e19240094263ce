package atna

import (
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fhir"
)

const (
	balp = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."
	mhd  = "https://profiles.ihe.net/ITI/MHD/StructureDefinition/IHE.MHD."

	tokenComprehensive = balp + "OAUTHaccessTokenUse.Comprehensive"
	tokenMinimal       = balp + "OAUTHaccessTokenUse.Minimal"
	samlMinimal        = balp + "SAMLaccessTokenUse.Minimal"
)

// patterns are BALP's names.
var patterns = map[Flow]string{Creating: "Create", Reading: "Read", Updating: "Update", Deleting: "Delete", Querying: "Query"}

// transactions are MHD's own profiles, each derived from a Patient profile of BALP. That of ITI-65 is not among them: it wants the type
// Import where BALP's PatientCreate wants rest, and an event has one type.
var transactions = map[string]string{
	"ITI-66": mhd + "FindDocumentLists.Audit.Responder",
	"ITI-67": mhd + "FindDocumentReferences.Audit.Responder",
	"ITI-68": mhd + "RetrieveDocument.Audit.Responder",
}

// claims are the profiles that the event conforms to. BALP's patterns are of what succeeded by REST; how the token was used is told of every request.
func claims(line audit.Line, op Operation, e *fhir.AuditEvent) (all []string) {
	if name := patterns[op.Flow]; name != "" && line.Outcome == success && op.Type == restful && e.Action == letters[op.Flow] && hasData(op, e) {
		if patient(line) == nil {
			all = append(all, balp+name)
		} else if all = append(all, balp+"Patient"+name); transactions[op.Transaction] != "" {
			all = append(all, transactions[op.Transaction])
		}
	}
	return append(all, tokenUse(line)...)
}

// letters are the actions that the patterns fix.
var letters = map[Flow]string{Creating: "C", Reading: "R", Updating: "U", Deleting: "D", Querying: "E"}

// hasData: what the pattern is about is there, with what it must have.
func hasData(op Operation, e *fhir.AuditEvent) bool {
	return slices.ContainsFunc(e.Entity, func(x fhir.AuditEventEntity) bool {
		return x.Type != nil && *x.Type == systemObject && (op.Flow != Querying || x.Query != "")
	})
}

// tokenUse is the profile of the token that the request came with: Comprehensive has the client and, when there is one, the person by HPR
// number; Minimal has the token's id alone.
func tokenUse(line audit.Line) []string {
	switch c := line.Caller; {
	case c.Issuer != "":
		return samlUse(line)
	case c.TokenID == "" || c.ClientID == "":
		return nil
	case isPerson(line) && c.HPR == "":
		return []string{tokenMinimal}
	}
	return []string{tokenComprehensive}
}
