package fhir

import (
	"strconv"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"dokumentlager/internal/fault"
)

// Typed is a resource type of this package.
type Typed interface{ FHIRType() string }

// TypeOf is the resourceType element of the resource T: it takes no room and always writes T's name, so that no resource can be
// written with a missing or foreign type.
type TypeOf[T any] struct{}

// MarshalText writes T's name.
func (TypeOf[T]) MarshalText() ([]byte, error) { return []byte(any(new(T)).(Typed).FHIRType()), nil }

// UnmarshalText takes anything: which Go type a resource becomes was decided by this very name (Resource.resolve).
func (TypeOf[T]) UnmarshalText([]byte) error { return nil }

// Resource holds a resource whose type is known only when it is read. Value is a pointer to one of this package's resources, nil for
// a type that this package does not know; Raw is then its JSON as it came.
type Resource struct {
	Type  string
	Value Typed
	Raw   jsontext.Value
}

// Hold puts a resource into a holder, to stand in a bundle entry or as contained.
func Hold(value Typed) *Resource { return &Resource{Type: value.FHIRType(), Value: value} }

// As gives the held resource when it is a T.
func As[T any](r *Resource) (*T, bool) {
	if r == nil {
		return nil, false
	}
	value, ok := any(r.Value).(*T)
	return value, ok
}

// MarshalJSONTo writes the value, or the raw JSON of a type we do not know.
func (r Resource) MarshalJSONTo(enc *jsontext.Encoder) error {
	if r.Value != nil {
		return json.MarshalEncode(enc, r.Value)
	}
	return enc.WriteValue(r.Raw)
}

// UnmarshalJSONFrom only keeps the JSON. The second step, resolve, decodes it by its type; in two steps because several
// resources can each be wrong and all of it must be told (rule W6).
func (r *Resource) UnmarshalJSONFrom(dec *jsontext.Decoder) error {
	raw, err := dec.ReadValue()
	if err != nil {
		return err
	}
	*r = Resource{Raw: raw.Clone()}
	return nil
}

// newValue is an empty resource of the type, nil when we do not know it.
func newValue(name string) Typed {
	switch name {
	case "Bundle":
		return new(Bundle)
	case "DocumentReference":
		return new(DocumentReference)
	case "List":
		return new(List)
	case "Patient":
		return new(Patient)
	case "Practitioner":
		return new(Practitioner)
	case "PractitionerRole":
		return new(PractitionerRole)
	case "Organization":
		return new(Organization)
	case "Binary":
		return &Binary{Body: NoBody}
	case "OperationOutcome":
		return new(OperationOutcome)
	case "Parameters":
		return new(Parameters)
	case "CapabilityStatement":
		return new(CapabilityStatement)
	case "AuditEvent":
		return new(AuditEvent)
	}
	return nil
}

// resolve decodes r.Raw by its resourceType, and what it holds. The location is where r stands; empty for the body itself,
// which is then named by its type. offsetOf turns an offset in r.Raw into one of the body and is nil inside other resources.
func (r *Resource) resolve(location string, offsetOf func(int64) int64, problems *fault.Problems) {
	var head struct {
		ResourceType jsontext.Value `json:"resourceType"`
	}
	if err := json.Unmarshal(r.Raw, &head); err != nil {
		problems.Add(decodeProblem(err, orBody(location), offsetOf))
		return
	}
	if head.ResourceType.Kind() == '"' {
		_ = json.Unmarshal(head.ResourceType, &r.Type) // a string, as just seen
	}
	if r.Type == "" {
		problems.Add(fault.New(fault.MalformedBody, "The resource names no resourceType, so it cannot be read.").At(orBody(location)))
		return
	}
	r.Value = newValue(r.Type)
	if r.Value == nil {
		return
	}
	if location == "" {
		location = r.Type
	}
	if err := json.Unmarshal(r.Raw, r.Value); err != nil {
		problems.Add(decodeProblem(err, location, offsetOf))
		return
	}
	r.Raw = nil
	r.resolveInner(location, problems)
}

// resolveInner resolves the resources that stand in this one.
func (r *Resource) resolveInner(location string, problems *fault.Problems) {
	var contained []Resource
	switch v := r.Value.(type) {
	case *Bundle:
		for i, entry := range v.Entry {
			at := location + ".entry[" + strconv.Itoa(i) + "]"
			resolveOptional(problems, at+".resource", entry.Resource)
			if entry.Response != nil {
				resolveOptional(problems, at+".response.outcome", entry.Response.Outcome)
			}
		}
	case *Parameters:
		resolveParameters(v.Parameter, location+".parameter", problems)
	case *DocumentReference:
		contained = v.Contained
	case *List:
		contained = v.Contained
	case *Patient:
		contained = v.Contained
	case *PractitionerRole:
		contained = v.Contained
	case *Organization:
		contained = v.Contained
	}
	for i := range contained {
		resolveOptional(problems, location+".contained["+strconv.Itoa(i)+"]", &contained[i])
	}
}

// resolveParameters resolves the resources of parameters and of their parts.
func resolveParameters(parameters []Parameter, location string, problems *fault.Problems) {
	for i, parameter := range parameters {
		at := location + "[" + strconv.Itoa(i) + "]"
		resolveOptional(problems, at+".resource", parameter.Resource)
		resolveParameters(parameter.Part, at+".part", problems)
	}
}

// resolveOptional resolves a resource that may be missing.
func resolveOptional(problems *fault.Problems, location string, r *Resource) {
	if r != nil {
		r.resolve(location, nil, problems)
	}
}

// orBody names the body itself when there is no better name.
func orBody(location string) string {
	if location == "" {
		return "body"
	}
	return location
}
