package ebxml

import (
	"encoding/xml"
	"strings"
)

// AppendSubmission appends a SubmitObjectsRequest (ITI-42, 57, 61, 92), for clients and tests.
func AppendSubmission(dst []byte, o *Objects) []byte {
	w := writer{out: dst}
	w.raw(`<lcm:SubmitObjectsRequest xmlns:lcm="`, lcmURI, `" xmlns="`, rimURI, `"><RegistryObjectList>`)
	w.objects(o)
	w.raw(`</RegistryObjectList></lcm:SubmitObjectsRequest>`)
	return w.out
}

// AppendProvide appends a ProvideAndRegisterDocumentSetRequest (ITI-41) whose documents are parts of the message.
func AppendProvide(dst []byte, o *Objects, documents []Document) []byte {
	w := writer{out: dst}
	w.raw(`<xds:ProvideAndRegisterDocumentSetRequest xmlns:xds="`, xdsURI, `">`)
	w.out = AppendSubmission(w.out, o)
	for _, d := range documents {
		w.raw(`<xds:Document`)
		w.ref("id", asUUID(d.Ref), d.Ref)
		w.raw(`>`)
		w.include(d.Href)
		w.raw(`</xds:Document>`)
	}
	w.raw(`</xds:ProvideAndRegisterDocumentSetRequest>`)
	return w.out
}

// AppendQuery appends an AdhocQueryRequest. Values of the slots are coded already: see Text and List.
func AppendQuery(dst []byte, query StoredQuery, references bool, home string, slots []Slot) []byte {
	w := writer{out: dst}
	kind := "LeafClass"
	if references {
		kind = "ObjectRef"
	}
	w.raw(`<query:AdhocQueryRequest xmlns:query="`, queryURI, `" xmlns="`, rimURI, `"><query:ResponseOption returnComposedObjects="true" returnType="`, kind,
		`"/><AdhocQuery id="`, uuidPrefix, string(query), `"`)
	w.attr("home", urnOID(home))
	w.raw(`>`)
	for _, s := range slots {
		w.slot(s.Name, s.Values...)
	}
	w.raw(`</AdhocQuery></query:AdhocQueryRequest>`)
	return w.out
}

// Text codes a text for a query's slot.
func Text(s string) string { return `'` + strings.ReplaceAll(s, `'`, `''`) + `'` }

// List codes texts for a query's slot.
func List(texts ...string) string {
	coded := make([]string, len(texts))
	for i, t := range texts {
		coded[i] = Text(t)
	}
	return "(" + strings.Join(coded, ",") + ")"
}

// AppendDocumentRequests appends the payload of ITI-39 and 43 (RetrieveRequest) or 86 (RemoveDocuments).
func AppendDocumentRequests(dst []byte, payload xml.Name, requests []DocumentRequest) []byte {
	w := writer{out: dst}
	w.raw(`<p:`, payload.Local, ` xmlns:p="`, payload.Space, `" xmlns:xds="`, xdsURI, `">`)
	for _, r := range requests {
		w.raw(`<xds:DocumentRequest>`)
		w.element("HomeCommunityId", r.Home)
		w.element("RepositoryUniqueId", r.Repository)
		w.element("DocumentUniqueId", r.Document)
		w.raw(`</xds:DocumentRequest>`)
	}
	w.raw(`</p:`, payload.Local, `>`)
	return w.out
}

// AppendRemoval appends the payload of ITI-62.
func AppendRemoval(dst []byte, refs []ObjectRef) []byte {
	w := writer{out: dst}
	w.raw(`<lcm:RemoveObjectsRequest xmlns:lcm="`, lcmURI, `" xmlns="`, rimURI, `"><ObjectRefList>`)
	for _, r := range refs {
		w.objectRef(r)
	}
	w.raw(`</ObjectRefList></lcm:RemoveObjectsRequest>`)
	return w.out
}
