package atna

import (
	"encoding/base64"
	"net/url"
	"strconv"
	"strings"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
)

// entities are what the event was about, in this order: the patient, the query, documents and lists, the request, and what is left.
func entities(line audit.Line, op Operation) (all []fhir.AuditEventEntity) {
	if p := patient(line); p != nil {
		all = append(all, *p)
	}
	if op.Flow == Querying {
		all = append(all, query(line, op))
	}
	all = append(all, things(line, op)...)
	if line.RequestID != "" {
		all = append(all, request(line))
	}
	if facts := facts(line); len(facts) > 0 {
		all = append(all, fhir.AuditEventEntity{Type: new(other), Description: "What else the log says of the event", Detail: facts})
	}
	return all
}

// patient is named by the identifier alone: there is no Patient resource behind a service that keeps none.
func patient(line audit.Line) *fhir.AuditEventEntity {
	if line.Patient == "" {
		return nil
	}
	id := fhir.Identifier{Value: told(line.Patient)}
	if p, err := document.ParseCX(line.Patient); err == nil {
		id = fhir.Identifier{System: told(document.URN(p.Authority)), Value: told(p.Value)}
	}
	return &fhir.AuditEventEntity{What: &fhir.Reference{Type: "Patient", Identifier: &id}, Type: new(person), Role: new(rolePatient)}
}

// query is the search's parameters as they came, without the patient by name, who has an entity. Where the log
// keeps no parameters it is the request alone.
func query(line audit.Line, op Operation) fhir.AuditEventEntity {
	asked := line.Detail.Query
	if asked == "" {
		asked = op.Request
	}
	return fhir.AuditEventEntity{Type: new(systemObject), Role: new(roleQuery), Query: base64.StdEncoding.EncodeToString([]byte(asked)),
		Description: told(op.Request + " " + readable(line.Detail.Query))}
}

// readable is a query without its escapes, for people; one that cannot be read stays as it is.
func readable(query string) string {
	if plain, err := url.QueryUnescape(query); err == nil {
		return plain
	}
	return query
}

// things are the documents, submission sets and folders. BALP has exactly one object of the type System Object; the rest are told by their
// FHIR type. A submission is its set, as MHD has it; a reading of the log is the event that was read; anything else is its first document.
func things(line audit.Line, op Operation) (all []fhir.AuditEventEntity) {
	for i, d := range line.Detail.Documents {
		if i == 0 && d.Entry == "" {
			d.Entry = line.Entry
		}
		all = append(all, documentEntity(line, d))
	}
	if len(all) == 0 && line.Entry != "" {
		all = append(all, documentEntity(line, audit.Document{Entry: line.Entry}))
	}
	for _, id := range line.Detail.Folders {
		all = append(all, list(id, roleDomainResource))
	}
	if id, ok := strings.CutPrefix(line.Detail.Query, "_id="); ok && op.Flow == Reading {
		all = append(all, fhir.AuditEventEntity{What: &fhir.Reference{Reference: "AuditEvent/" + told(id), Type: "AuditEvent"}, Role: new(roleDomainResource)})
	}
	if set := line.Detail.Set; set != "" {
		all = append([]fhir.AuditEventEntity{list(set, roleJob)}, all...)
	}
	if len(all) > 0 && op.Flow != Querying {
		all[0].Type = new(systemObject)
	}
	return all
}

func list(id string, role fhir.Coding) fhir.AuditEventEntity {
	return fhir.AuditEventEntity{What: &fhir.Reference{Reference: "List/" + told(id), Type: "List"}, Type: new(listType), Role: &role}
}

// documentEntity is a document: its DocumentReference, its uniqueId, and what the log keeps of its metadata.
func documentEntity(line audit.Line, d audit.Document) fhir.AuditEventEntity {
	e := fhir.AuditEventEntity{What: &fhir.Reference{Type: "DocumentReference"}, Type: new(documentType), Role: new(roleReport), Name: told(d.Title)}
	if d.Entry != "" {
		e.What.Reference = "DocumentReference/" + told(d.Entry)
	}
	if d.UniqueID != "" {
		e.What.Identifier = identified(d.UniqueID)
	}
	for _, code := range d.Conf {
		e.SecurityLabel = append(e.SecurityLabel, label(told(code)))
	}
	e.Detail = details(
		pair{detailType, d.Type}, pair{detailClass, d.Class}, pair{detailSize, number(d.Size)}, pair{detailHome, line.Detail.HomeCommunity})
	for _, code := range line.Detail.Old {
		e.Detail = append(e.Detail, details(pair{detailOld, code})...)
	}
	for _, code := range line.Detail.New {
		e.Detail = append(e.Detail, details(pair{detailNew, code})...)
	}
	if e.What.Reference == "" && e.What.Identifier == nil {
		e.What.Display = "unknown document"
	}
	return e
}

// identified is a document's uniqueId: urn:oid or urn:uuid, or what the sender gave.
func identified(id string) *fhir.Identifier {
	urn := told(document.URN(id))
	if parsed, err := url.Parse(urn); err == nil && parsed.IsAbs() {
		return &fhir.Identifier{System: uriSystem, Value: urn}
	}
	return &fhir.Identifier{Value: urn}
}

// request is the X-Request-Id, as BALP has it, and what else the request is known by.
func request(line audit.Line) fhir.AuditEventEntity {
	return fhir.AuditEventEntity{What: &fhir.Reference{Identifier: &fhir.Identifier{Value: told(line.RequestID)}}, Type: new(requestEntity),
		Detail: details(pair{detailEventID, line.EventID}, pair{detailTrace, line.Caller.TraceID}, pair{detailSystem, line.Caller.SourceSystem}, pair{detailIssuer, line.Caller.Issuer})}
}

// facts are what has no place of its own.
func facts(line audit.Line) []fhir.AuditEventDetail {
	d := line.Detail
	all := []pair{{detailRule, line.Rule}, {detailCode, line.Code}}
	if line.Outcome == success {
		all = append(all, pair{detailReason, line.Reason})
	}
	if d.Hits != nil {
		all = append(all, pair{detailHits, strconv.Itoa(*d.Hits)})
	}
	all = append(all, pair{detailMasked, number(int64(d.Masked))}, pair{detailBreakGlass, number(int64(d.BreakGlass))}, pair{detailFinding, d.Finding},
		pair{detailRange, d.Range}, pair{detailFacts, d.Facts}, pair{detailFactsAge, number(int64(d.FactsAge))}, pair{detailCount, number(int64(d.Count))})
	for _, id := range d.Removed {
		all = append(all, pair{detailRemoved, id})
	}
	if len(d.Documents) == 0 {
		all = append(all, pair{detailHome, d.HomeCommunity})
	}
	return details(all...)
}

// number is a count, nothing for none.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}
