package fhir

import (
	"io"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"dokumentlager/internal/fault"
)

// Patch is the change that may be made to a document entry: its confidentiality (rule W5). ID is empty when the body named
// none; the address names the entry.
type Patch struct {
	ID            string
	SecurityLabel []CodeableConcept
}

// ReadPatch reads a PATCH body of at most limit bytes in either form of the national service (nhn.md (a)): a DocumentReference with
// nothing but id and securityLabel, or a JSON Patch (RFC 6902) of one replace or add of /securityLabel. Everything else is
// fault.Unmodifiable, told for each element at once.
func ReadPatch(r io.Reader, limit int64) (*Patch, error) {
	s := newScanner(r, Limits{Body: limit, Residue: int(limit)}, nil)
	if err := s.run("{["); err != nil {
		return nil, err
	}
	if s.residue[0] == '[' {
		return readOperations(s)
	}
	return readElements(s)
}

// operation is one of RFC 6902; value is kept raw, as only one kind of it is taken.
type operation struct {
	Op    string         `json:"op"`
	Path  string         `json:"path"`
	Value jsontext.Value `json:"value"`
}

// readOperations reads the JSON Patch form.
func readOperations(s *scanner) (*Patch, error) {
	var operations []operation
	if err := json.Unmarshal(s.residue, &operations); err != nil {
		return nil, decodeProblem(err, "patch", s.bodyOffset)
	}
	if len(operations) != 1 {
		return nil, unmodifiable("The patch has %d operations; send one that replaces /securityLabel.", len(operations)).At("patch")
	}
	var problems fault.Problems
	o := operations[0]
	if o.Path != "/securityLabel" {
		problems.Add(unmodifiable("Only the path /securityLabel can be changed, as a whole.").At("patch[0].path"))
	}
	if o.Op != "replace" && o.Op != "add" {
		problems.Add(unmodifiable("The operation must be replace.").At("patch[0].op"))
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return newPatch("", o.Value, "patch[0].value")
}

// readElements reads the form that is a DocumentReference.
func readElements(s *scanner) (*Patch, error) {
	var elements map[string]jsontext.Value
	if err := json.Unmarshal(s.residue, &elements); err != nil {
		return nil, decodeProblem(err, "DocumentReference", s.bodyOffset)
	}
	var head struct {
		ResourceType string `json:"resourceType"`
		ID           string `json:"id"`
	}
	if err := json.Unmarshal(s.residue, &head); err != nil {
		return nil, decodeProblem(err, "DocumentReference", s.bodyOffset)
	}
	if head.ResourceType != "DocumentReference" {
		return nil, wrongType(head.ResourceType, "a DocumentReference with securityLabel, or a JSON Patch")
	}
	if err := otherElements(elements).Err(); err != nil {
		return nil, err
	}
	return newPatch(head.ID, elements["securityLabel"], "DocumentReference.securityLabel")
}

// otherElements complains of every element that cannot be changed, by name.
func otherElements(elements map[string]jsontext.Value) fault.Problems {
	var problems fault.Problems
	for name := range elements {
		switch name {
		case "resourceType", "id", "securityLabel":
		default:
			problems.Add(unmodifiable("Only securityLabel can be changed. Leave this element out.").At("DocumentReference." + safeName(name)))
		}
	}
	slices.SortFunc(problems, func(a, b *fault.Problem) int { return strings.Compare(a.Location, b.Location) })
	return problems
}

// newPatch reads the labels, of which there must be at least one: an entry without confidentiality cannot be (rule C1).
func newPatch(id string, labels jsontext.Value, at string) (*Patch, error) {
	patch := &Patch{ID: id}
	if labels == nil {
		return nil, fault.New(fault.MetadataError, "The new securityLabel is missing.").At(at).By("W5")
	}
	if err := json.Unmarshal(labels, &patch.SecurityLabel); err != nil {
		return nil, decodeProblem(err, at, nil)
	}
	if len(patch.SecurityLabel) == 0 {
		return nil, fault.New(fault.MetadataError, "The new securityLabel is empty; a document has at least one confidentiality code.").At(at).By("C1")
	}
	return patch, nil
}

func unmodifiable(safe string, args ...any) *fault.Problem {
	return fault.New(fault.Unmodifiable, safe, args...).By("W5")
}
