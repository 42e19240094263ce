package fhir

// The resources that carry others or say how it went.

// The Bundle types of MHD.
const (
	Transaction         = "transaction"
	TransactionResponse = "transaction-response"
	SearchSet           = "searchset"
)

// Bundle is a message of several resources. Total is nil unless it is a search answer; NoTotal then says why there is none.
type Bundle struct {
	ResourceType TypeOf[Bundle] `json:"resourceType"`
	ID           string         `json:"id,omitempty"`
	Meta         *Meta          `json:"meta,omitempty"`
	Identifier   *Identifier    `json:"identifier,omitempty"`
	Type         string         `json:"type,omitempty"`
	Timestamp    string         `json:"timestamp,omitempty"`
	Total        *int           `json:"total,omitzero"`
	NoTotal      *Absent        `json:"_total,omitempty"`
	Link         []BundleLink   `json:"link,omitempty"`
	Entry        []BundleEntry  `json:"entry,omitempty"`
}

// BundleLink is a link of a search answer: self, next.
type BundleLink struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// BundleEntry is one resource with what is asked of it (request), or what became of it (response).
type BundleEntry struct {
	Link     []BundleLink    `json:"link,omitempty"`
	FullURL  string          `json:"fullUrl,omitempty"`
	Resource *Resource       `json:"resource,omitempty"`
	Search   *BundleSearch   `json:"search,omitempty"`
	Request  *BundleRequest  `json:"request,omitempty"`
	Response *BundleResponse `json:"response,omitempty"`
}

// BundleSearch says why an entry is in a search answer: match, include or outcome.
type BundleSearch struct {
	Mode string `json:"mode,omitempty"`
}

// BundleRequest is the HTTP request that an entry of a transaction stands for.
type BundleRequest struct {
	Method      string `json:"method,omitempty"`
	URL         string `json:"url,omitempty"`
	IfNoneMatch string `json:"ifNoneMatch,omitempty"`
	IfMatch     string `json:"ifMatch,omitempty"`
	IfNoneExist string `json:"ifNoneExist,omitempty"`
}

// BundleResponse is the HTTP answer that an entry of a transaction-response stands for; Status is as "201 Created".
type BundleResponse struct {
	Status       string    `json:"status"`
	Location     string    `json:"location,omitempty"`
	NoLocation   *Absent   `json:"_location,omitempty"`
	ETag         string    `json:"etag,omitempty"`
	LastModified string    `json:"lastModified,omitempty"`
	Outcome      *Resource `json:"outcome,omitempty"`
}

// OperationOutcome tells what went well and what did not; see Outcome.
type OperationOutcome struct {
	ResourceType TypeOf[OperationOutcome] `json:"resourceType"`
	ID           string                   `json:"id,omitempty"`
	Text         *Narrative               `json:"text,omitempty"`
	Issue        []Issue                  `json:"issue,omitempty"`
}

// Issue is one problem: Severity error, warning or information; Code of FHIR's issue-type; Expression FHIRPath.
type Issue struct {
	Extension   []Extension      `json:"extension,omitempty"`
	Severity    string           `json:"severity"`
	Code        string           `json:"code"`
	Details     *CodeableConcept `json:"details,omitempty"`
	Diagnostics string           `json:"diagnostics,omitempty"`
	Location    []string         `json:"location,omitempty"`
	Expression  []string         `json:"expression,omitempty"`
}

// Parameters carries named values; MHD uses it as FHIRPath Patch for superseding (IHE.MHD.Patch.Parameters).
type Parameters struct {
	ResourceType TypeOf[Parameters] `json:"resourceType"`
	ID           string             `json:"id,omitempty"`
	Meta         *Meta              `json:"meta,omitempty"`
	Parameter    []Parameter        `json:"parameter,omitempty"`
}

// Parameter is one value, resource or group of parts.
type Parameter struct {
	Name            string      `json:"name"`
	ValueBoolean    *bool       `json:"valueBoolean,omitzero"`
	ValueCode       string      `json:"valueCode,omitempty"`
	ValueString     string      `json:"valueString,omitempty"`
	ValueURI        string      `json:"valueUri,omitempty"`
	ValueIdentifier *Identifier `json:"valueIdentifier,omitempty"`
	ValueReference  *Reference  `json:"valueReference,omitempty"`
	Resource        *Resource   `json:"resource,omitempty"`
	Part            []Parameter `json:"part,omitempty"`
}

// PathPatch is one operation of a FHIRPath Patch, such as {replace, DocumentReference.status, superseded}.
type PathPatch struct{ Type, Path, Value string }

// PathPatches are the operations of a FHIRPath Patch, in order; a value that is neither code, string nor uri is empty.
func (p *Parameters) PathPatches() []PathPatch {
	var patches []PathPatch
	for _, parameter := range p.Parameter {
		if parameter.Name != "operation" {
			continue
		}
		var patch PathPatch
		for _, part := range parameter.Part {
			switch part.Name {
			case "type":
				patch.Type = part.text()
			case "path":
				patch.Path = part.text()
			case "value":
				patch.Value = part.text()
			}
		}
		patches = append(patches, patch)
	}
	return patches
}

// text is the value of a parameter that is text of some kind.
func (p Parameter) text() string { return p.ValueCode + p.ValueString + p.ValueURI }

// FHIRType implements Typed.
func (*Bundle) FHIRType() string { return "Bundle" }

// FHIRType implements Typed.
func (*OperationOutcome) FHIRType() string { return "OperationOutcome" }

// FHIRType implements Typed.
func (*Parameters) FHIRType() string { return "Parameters" }
