package xds

import (
	"context"
	"encoding/xml"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/endpoint"
)

// gateway are the transactions of the responding gateway (XCA).
func (d *Door) gateway() []endpoint.Transaction {
	return []endpoint.Transaction{
		asynchronous(query("ITI-38", "urn:ihe:iti:2007:CrossGatewayQuery", d.iti38)),
		asynchronous(retrieve("ITI-39", "urn:ihe:iti:2007:CrossGatewayRetrieve", d.iti39)),
	}
}

// registry are those of the document registry.
func (d *Door) registry() []endpoint.Transaction {
	return []endpoint.Transaction{
		query("ITI-18", "urn:ihe:iti:2007:RegistryStoredQuery", d.iti18),
		query("ITI-51", "urn:ihe:iti:2009:MultiPatientStoredQuery", d.iti51),
		registering("ITI-42", "urn:ihe:iti:2007:RegisterDocumentSet-b", "urn:ihe:iti:2007:RegisterDocumentSet-bResponse", audit.Create, "provide", d.iti42),
		registering("ITI-61", "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry", "urn:ihe:iti:2010:RegisterOnDemandDocumentResponse", audit.Create, "provide", d.iti61),
		registering("ITI-57", "urn:ihe:iti:2010:UpdateDocumentSet", "urn:ihe:iti:2010:UpdateDocumentSetResponse", audit.Update, "update", d.iti57),
		registering("ITI-92", "urn:ihe:iti:2018:RestrictedUpdateDocumentSet", "urn:ihe:iti:2018:RestrictedUpdateDocumentSetResponse", audit.Update, "restricted-update", d.iti92),
		removing("ITI-62", "urn:ihe:iti:2010:DeleteDocumentSet", ebxml.RemoveObjects, "remove-metadata", d.iti62),
	}
}

// repository are those of the document repository.
func (d *Door) repository() []endpoint.Transaction {
	return []endpoint.Transaction{
		provide(d.iti41),
		retrieve("ITI-43", "urn:ihe:iti:2007:RetrieveDocumentSet", d.iti43),
		removing("ITI-86", "urn:ihe:iti:2017:RemoveDocuments", ebxml.RemoveDocuments, "remove-documents", d.iti86),
	}
}

// handler is a transaction's method.
type handler = func(context.Context, *endpoint.Request) (*endpoint.Answer, error)

func query(id, action string, h handler) endpoint.Transaction {
	return endpoint.Transaction{ID: id, Action: action, Answer: action + "Response", Payloads: []xml.Name{ebxml.AdhocQueryRequest}, Shape: endpoint.Query,
		Operation: "search", Crude: audit.Read, Handle: h}
}

func retrieve(id, action string, h handler) endpoint.Transaction {
	return endpoint.Transaction{ID: id, Action: action, Answer: action + "Response", Payloads: []xml.Name{ebxml.RetrieveRequest}, Shape: endpoint.Retrieve,
		Operation: "open", Crude: audit.Read, Handle: h}
}

// asynchronous is a transaction whose answer may go to another address.
func asynchronous(t endpoint.Transaction) endpoint.Transaction {
	t.Async = true
	return t
}

// registering takes objects without documents, bare or in the wrapping of the national gateway.
func registering(id, action, answer string, crude audit.Action, operation string, h handler) endpoint.Transaction {
	return endpoint.Transaction{ID: id, Action: action, Answer: answer, Payloads: []xml.Name{ebxml.SubmitObjects, ebxml.Register}, Operation: operation, Crude: crude, Handle: h}
}

func removing(id, action string, payload xml.Name, operation string, h handler) endpoint.Transaction {
	return endpoint.Transaction{ID: id, Action: action, Answer: action + "Response", Payloads: []xml.Name{payload}, Operation: operation, Crude: audit.Delete, Handle: h}
}

func provide(h handler) endpoint.Transaction {
	const action = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
	return endpoint.Transaction{ID: "ITI-41", Action: action, Answer: action + "Response", Payloads: []xml.Name{ebxml.ProvideAndRegister}, Documents: true,
		Operation: "provide", Crude: audit.Create, Handle: h}
}
