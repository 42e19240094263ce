package atna

import (
	"maps"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fhir"
)

// Flow is which of BALP's patterns an operation follows: it decides the profile, and in which roles client and server stand.
type Flow uint8

// The patterns; Other is what BALP has none for, such as administration.
const (
	Other Flow = iota
	Creating
	Reading
	Updating
	Deleting
	Querying
)

// Operation is what FHIR says of an operation of the log.
type Operation struct {
	Flow Flow
	Type fhir.Coding
	// Interaction is FHIR's word for it, empty for none.
	Interaction string
	// Transaction is IHE's, such as ITI-67, with its name; empty for none.
	Transaction, TransactionName string
	// More are further subtypes.
	More []fhir.Coding
	// Request is how it is asked for, without parameters; Meaning is for people.
	Request, Meaning string
}

// Operations are all operations that docs/audit.md lists, by the names in the log.
func Operations() map[string]Operation { return maps.Clone(operations) }

var operations = map[string]Operation{
	"provide": {Flow: Creating, Type: restful, Interaction: "create", Transaction: "ITI-65", TransactionName: "Provide Document Bundle",
		Request: "POST /R4/fhir/Bundle", Meaning: "Documents were sent in"},
	"validate": {Type: restful, Interaction: "operation", Request: "POST /R4/fhir/Bundle/$validate", Meaning: "Documents were checked, and not kept"},
	"search": {Flow: Querying, Type: restful, Interaction: "search", Transaction: "ITI-67", TransactionName: "Find Document References",
		Request: "POST /R4/fhir/DocumentReference/_search", Meaning: "A patient's documents were listed"},
	"read-entry": {Flow: Reading, Type: restful, Interaction: "read", Request: "GET /R4/fhir/DocumentReference/{id}", Meaning: "A document's metadata were read"},
	"open": {Flow: Reading, Type: restful, Interaction: "read", Transaction: "ITI-68", TransactionName: "Retrieve Document",
		Request: "GET /mhd/document", Meaning: "A document was opened"},
	"set-confidentiality": {Flow: Updating, Type: restful, Interaction: "patch", Request: "PATCH /R4/fhir/DocumentReference/{id}",
		Meaning: "A document's confidentiality was changed"},
	"delete":          {Flow: Deleting, Type: restful, Interaction: "delete", Request: "DELETE /R4/fhir/DocumentReference/{id}", Meaning: "A document was deleted"},
	"document-status": {Flow: Reading, Type: restful, Interaction: "read", Request: "GET /api/rest/document-status", Meaning: "It was asked whether a document is stored"},
	"search-lists": {Flow: Querying, Type: restful, Interaction: "search", Transaction: "ITI-66", TransactionName: "Find Document Lists",
		Request: "POST /R4/fhir/List/_search", Meaning: "A patient's submission sets or folders were listed"},
	"read-list": {Flow: Reading, Type: restful, Interaction: "read", Request: "GET /R4/fhir/List/{id}", Meaning: "Health personnel read a submission set or folder"},
	"read-set":  {Flow: Reading, Type: restful, Interaction: "read", Request: "GET /R4/fhir/List/{id}", Meaning: "A record system read its submission set, folder or patient"},
	"too-large": {Type: restful, Meaning: "A request was above the limit, and refused unread"},
	"audit-search": {Flow: Querying, Type: restful, Interaction: "search", Transaction: "ITI-81", TransactionName: "Retrieve ATNA Audit Event",
		More: []fhir.Coding{logUsed}, Request: "POST /R4/fhir/AuditEvent/_search", Meaning: "The audit log was searched"},
	"audit-read":  {Flow: Reading, Type: restful, Interaction: "read", More: []fhir.Coding{logUsed}, Request: "GET /R4/fhir/AuditEvent/{id}", Meaning: "An event of the audit log was read"},
	"audit-write": {Type: restful, More: []fhir.Coding{logUsed}, Meaning: "It was tried to change the audit log, and refused"},
	"lookups": {Flow: Querying, Type: restful, Interaction: "search", More: []fhir.Coding{logUsed}, Request: "POST /helsenorge/v1/lookups/_search",
		Meaning: "A citizen was shown who has looked"},
	"lookup-feed": {Flow: Querying, Type: restful, Interaction: "search", More: []fhir.Coding{logUsed}, Request: "GET /helsenorge/v1/feed",
		Meaning: "Helsenorge fetched look-ups"},

	"update": {Flow: Updating, Type: patientRecord, Transaction: "ITI-57", TransactionName: "Update Document Set", Meaning: "Metadata were given new versions"},
	"restricted-update": {Flow: Updating, Type: patientRecord, Transaction: "ITI-92", TransactionName: "Restricted Update Document Set",
		Meaning: "Metadata of documents were given new versions, within what no registry may let differ"},
	"remove-metadata":  {Flow: Deleting, Type: patientRecord, Transaction: "ITI-62", TransactionName: "Remove Metadata", Meaning: "Metadata were removed"},
	"remove-documents": {Flow: Deleting, Type: patientRecord, Transaction: "ITI-86", TransactionName: "Remove Documents", Meaning: "The bytes of documents were removed"},

	"tenant-create":      {Type: administering, Request: "dokumentlager tenant create", Meaning: "An instance was made"},
	"tenant-set":         {Type: administering, Request: "dokumentlager tenant set", Meaning: "An instance's settings were changed"},
	"quarantine-list":    {Type: administering, Request: "dokumentlager quarantine list", Meaning: "The quarantine was listed"},
	"quarantine-show":    {Type: administering, Request: "dokumentlager quarantine show", Meaning: "A document in quarantine was looked at"},
	"quarantine-rescan":  {Type: administering, Request: "dokumentlager quarantine rescan", Meaning: "A document in quarantine was scanned again"},
	"quarantine-approve": {Type: administering, Request: "dokumentlager quarantine approve", Meaning: "A release from quarantine was approved"},
	"quarantine-release": {Type: administering, Request: "dokumentlager quarantine release", Meaning: "A document was released from quarantine"},
	"quarantine-destroy": {Type: administering, Request: "dokumentlager quarantine destroy", Meaning: "A document in quarantine was destroyed"},
	"rescan-quarantine":  {Type: administering, Request: "dokumentlager rescan", Meaning: "A stored document was found infected and taken out of reach"},
	"sweep":              {Type: administering, Request: "dokumentlager sweep", Meaning: "Objects that no row names were removed"},
	"async-retry":        {Type: administering, Request: "dokumentlager async retry", Meaning: "Answers that could not be sent were put in line again"},
	"audit-export":       {Type: logUsed, Request: "dokumentlager audit export", Meaning: "The audit log was exported"},
	"audit-prune":        {Type: administering, Request: "dokumentlager audit prune", Meaning: "Events past their time were removed from the audit log"},
}

// operationOf is the operation of a line; one that the table does not have is a request or a command, and follows no pattern.
func operationOf(line audit.Line) Operation {
	op, ok := operations[line.Operation]
	switch {
	case ok:
	case line.RequestID == "":
		op = Operation{Type: administering}
	default:
		op = Operation{Type: restful}
	}
	if line.Caller.Transaction != "" {
		return op.over(line.Caller.Transaction)
	}
	return op
}

// subtypes are FHIR's, IHE's and, always, ours.
func (o Operation) subtypes(name string) (all []fhir.Coding) {
	if o.Interaction != "" {
		all = append(all, fhir.Coding{System: interactionSystem, Code: o.Interaction, Display: o.Interaction})
	}
	if o.Transaction != "" {
		all = append(all, fhir.Coding{System: transactionSystem, Code: o.Transaction, Display: o.TransactionName})
	}
	all = append(all, o.More...)
	if o.Meaning == "" { // not in the code system, which is complete: told as a text
		return append(all, fhir.Coding{Display: told(name)})
	}
	return append(all, fhir.Coding{System: OperationSystem, Code: name, Display: o.Meaning})
}

// action is the letter: BALP says E of a query, where the log says R because somebody got to see something (A1).
func (o Operation) action(letter string) string {
	if o.Flow == Querying {
		return string(audit.Execute)
	}
	return letter
}

// queries are the operations whose action is E in FHIR and R in the log.
func queries() (names []string) {
	for name, op := range operations {
		if op.Flow == Querying {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
