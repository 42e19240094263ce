package ebxml

import "dokumentlager/internal/fault"

// ErrorsOf is how the house's problems are told in an answer: the XDS code of the table, the safe text, and where. A location that is not set
// becomes home, which XCA wants there.
func ErrorsOf(problems fault.Problems, home string) []RegistryError {
	out := make([]RegistryError, 0, len(problems))
	for _, p := range problems {
		e := RegistryError{Code: p.Code.Info().XDS, Context: p.Safe, Location: p.Location, Warning: p.Severity != fault.Error}
		if e.Location == "" {
			e.Location = urnOID(home)
		}
		out = append(out, e)
	}
	return out
}

// StatusOf is the status of an answer with these errors: some tells that there is something in it beside them.
func StatusOf(errors []RegistryError, some bool) Status {
	for _, e := range errors {
		switch {
		case e.Warning:
		case some:
			return PartialSuccess
		default:
			return Failure
		}
	}
	return Success
}

func (w *writer) errors(errors []RegistryError) {
	if len(errors) == 0 {
		return
	}
	highest := "Warning"
	for _, e := range errors {
		if !e.Warning {
			highest = "Error"
		}
	}
	w.raw(`<rs:RegistryErrorList highestSeverity="`, severityPrefix, highest, `">`)
	for _, e := range errors {
		severity := "Error"
		if e.Warning {
			severity = "Warning"
		}
		w.raw(`<rs:RegistryError errorCode="`)
		w.text(e.Code)
		w.raw(`" codeContext="`)
		w.text(e.Context)
		w.raw(`" severity="`, severityPrefix, severity, `"`)
		w.attr("location", e.Location)
		w.raw(`/>`)
	}
	w.raw(`</rs:RegistryErrorList>`)
}

// AppendRegistryResponse appends the answer of the transactions that write: ITI-41, 42, 57, 61, 62, 86 and 92.
func AppendRegistryResponse(dst []byte, status Status, errors []RegistryError) []byte {
	w := writer{out: dst}
	w.response(status, errors)
	return w.out
}

func (w *writer) response(status Status, errors []RegistryError) {
	w.raw(`<rs:RegistryResponse xmlns:rs="`, rsURI, `" status="`, string(status), `">`)
	w.errors(errors)
	w.raw(`</rs:RegistryResponse>`)
}

// AppendQueryResponse appends the answer of ITI-18, 38 and 51: the objects whole, or the ids of Refs. The list is there when it is empty too.
func AppendQueryResponse(dst []byte, status Status, errors []RegistryError, objects *Objects) []byte {
	w := writer{out: dst}
	w.raw(`<query:AdhocQueryResponse xmlns:query="`, queryURI, `" xmlns:rs="`, rsURI, `" xmlns="`, rimURI, `" status="`, string(status), `">`)
	w.errors(errors)
	w.raw(`<RegistryObjectList>`)
	if objects != nil {
		w.objects(objects)
	}
	w.raw(`</RegistryObjectList></query:AdhocQueryResponse>`)
	return w.out
}

// AppendRetrieveResponse appends the answer of ITI-39 and 43. The ids are written as they are given; a document whose Href is empty has no
// content.
func AppendRetrieveResponse(dst []byte, status Status, errors []RegistryError, documents []DocumentAnswer) []byte {
	w := writer{out: dst}
	w.raw(`<xds:RetrieveDocumentSetResponse xmlns:xds="`, xdsURI, `">`)
	w.response(status, errors)
	for i := range documents {
		w.document(&documents[i])
	}
	w.raw(`</xds:RetrieveDocumentSetResponse>`)
	return w.out
}

func (w *writer) document(d *DocumentAnswer) {
	w.raw(`<xds:DocumentResponse>`)
	w.element("HomeCommunityId", d.Home)
	w.element("RepositoryUniqueId", d.Repository)
	w.element("DocumentUniqueId", d.Document)
	w.element("NewRepositoryUniqueId", d.NewRepository)
	w.element("NewDocumentUniqueId", d.NewDocument)
	w.element("mimeType", d.MimeType)
	w.raw(`<xds:Document>`)
	w.include(d.Href)
	w.raw(`</xds:Document></xds:DocumentResponse>`)
}

func (w *writer) element(name, text string) {
	if text == "" {
		return
	}
	w.raw(`<xds:`, name, `>`)
	w.text(text)
	w.raw(`</xds:`, name, `>`)
}

func (w *writer) include(href string) {
	if href != "" {
		w.raw(`<xop:Include xmlns:xop="`, xopURI, `"`)
		w.attr("href", href)
		w.raw(`/>`)
	}
}
