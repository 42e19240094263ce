package atna

import (
	"dokumentlager/internal/audit"
	"dokumentlager/internal/fhir"
)

// Source is whose log a line stands in: the tenant's instance, or for the control log the installation.
type Source struct {
	// HomeCommunity is the instance's OID without prefix, empty for the control log.
	HomeCommunity string
	// Name is told to people: the tenant's short name, or "control".
	Name string
	// Address is the service's own base URL, empty where nobody knows it (an export by the command line).
	Address string
}

// instant is how FHIR writes times, with the microseconds that the log keeps.
const instant = "2006-01-02T15:04:05.000000Z07:00"

// Encode is the line as a FHIR R4 AuditEvent by IHE BALP 1.1.4; docs/auditevent.md is the table. It is pure: the same line gives the
// same event, for ever. It says what the line says and no more, so the profiles named in meta.profile are those that hold for this
// very event.
func Encode(line audit.Line, from Source) *fhir.AuditEvent {
	op := operationOf(line)
	e := &fhir.AuditEvent{
		ID:             line.ID.String(),
		Extension:      careRelation(line),
		Type:           new(op.Type),
		Subtype:        op.subtypes(line.Operation),
		Action:         op.action(line.Action),
		Recorded:       line.Time.UTC().Format(instant),
		Outcome:        outcomes[line.Outcome],
		PurposeOfEvent: purposes(line),
		Agent:          agents(line, op, from),
		Source:         &fhir.AuditEventSource{Site: site(from), Observer: observer(from), Type: []fhir.Coding{applicationServer}},
		Entity:         entities(line, op),
	}
	if line.Outcome != success {
		e.OutcomeDesc = told(line.Reason)
	}
	if profiles := claims(line, op, e); len(profiles) > 0 {
		e.Meta = &fhir.Meta{Profile: profiles}
	}
	return e
}

// success is the log's word for it; the other two are denied and failed.
const success = "success"

// outcomes are FHIR's: a rule's no is a minor failure, because the service did what it should.
var outcomes = map[string]string{success: "0", "denied": "4", "failed": "8"}

// site is where the source stands: the home community, as everywhere in XDS.
func site(from Source) string {
	if from.HomeCommunity == "" {
		return from.Name
	}
	return "urn:oid:" + from.HomeCommunity
}

// observer is the source as a reference. MHD wants the server among the agents to be this very one (val-audit-source).
func observer(from Source) *fhir.Reference {
	r := &fhir.Reference{Type: "Device", Display: from.Name}
	if from.HomeCommunity != "" {
		r.Identifier = &fhir.Identifier{System: uriSystem, Value: "urn:oid:" + from.HomeCommunity}
	}
	return r
}
