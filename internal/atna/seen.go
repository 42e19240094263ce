package atna

import (
	"path"

	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/inspection"
	"dokumentlager/internal/terminology"
)

// seenIn hands out what a search can ask of an event: what stands in it as it would leave.
func seenIn(e *fhir.AuditEvent, l inspection.Log) criteria.Of {
	return func(field criteria.Field) (v criteria.Values) {
		switch field {
		case paramDate, "_lastUpdated":
			if at, _, err := fhir.ParseDateTime(e.Recorded); err == nil {
				v.Times = []criteria.Span{criteria.Moment(at)}
			}
		case "_id":
			v.Tokens = []document.Code{{Value: e.ID}}
		case "action":
			v.Tokens = []document.Code{{Value: e.Action, System: "http://hl7.org/fhir/audit-event-action"}}
		case "outcome":
			v.Tokens = []document.Code{{Value: e.Outcome, System: "http://hl7.org/fhir/audit-event-outcome"}}
		case "type":
			v.Tokens = codesOf([]fhir.Coding{*e.Type})
		case "subtype":
			v.Tokens = codesOf(e.Subtype)
		case paramSource:
			v.Tokens = identifiersOf(e.Source.Observer)
			if l.Control() {
				v.Tokens = append(v.Tokens, document.Code{Value: inspection.Control})
			}
		case "agent":
			for _, a := range e.Agent {
				v.Tokens = append(v.Tokens, identifiersOf(a.Who)...)
			}
		case paramAddress:
			for _, a := range e.Agent {
				if a.Network != nil && a.Network.Address != "" {
					v.Texts = append(v.Texts, a.Network.Address)
				}
			}
		default:
			v = seenInEntities(e, field)
		}
		return v
	}
}

func seenInEntities(e *fhir.AuditEvent, field criteria.Field) (v criteria.Values) {
	for _, x := range e.Entity {
		switch {
		case field == "entity":
			v.Tokens = append(v.Tokens, identifiersOf(x.What)...)
		case field == "entity-type" && x.Type != nil:
			v.Tokens = append(v.Tokens, codesOf([]fhir.Coding{*x.Type})...)
		case field == "entity-role" && x.Role != nil:
			v.Tokens = append(v.Tokens, codesOf([]fhir.Coding{*x.Role})...)
		}
	}
	return v
}

// identifiersOf are what a reference is known by: its identifier, and the id of the resource it leads to.
func identifiersOf(r *fhir.Reference) (out []document.Code) {
	if r == nil {
		return nil
	}
	if r.Identifier != nil {
		out = append(out, document.Code{Value: document.StripURN(r.Identifier.Value), System: document.StripURN(r.Identifier.System)})
	}
	if r.Reference != "" {
		out = append(out, document.Code{Value: path.Base(r.Reference)})
	}
	return out
}

func codesOf(codings []fhir.Coding) (out []document.Code) {
	for _, c := range codings {
		if c.Code != "" {
			out = append(out, document.Code{Value: c.Code, System: terminology.Canonical(c.System)})
		}
	}
	return out
}
