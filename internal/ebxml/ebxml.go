// Package ebxml is the language of XDS registries: ebRIM 3.0 objects and the ebRS 3.0 and IHE messages that carry them (ITI TF-3 §4.2.3,
// TF-2 §3.18, 3.38-3.43, 3.57-3.62, 3.86), to and from the values of package document.
//
// It promises to be pure, to read a message whole and tell all that is wrong with it at once, each with its place (W6), and to write what
// validates against the schemas. What a message says and the model has no place for is told as a warning, not dropped in silence. It reads
// XML that package soap has vetted and cut out; of any other XML it reads what is there, and never more than it is handed. It decides nothing: rules on
// what must be present stand in submission, who sees what in disclosure. Identifiers come without urn:oid: and urn:uuid:, as everywhere in the house.
package ebxml

import (
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// Entry is a DocumentEntry as a message has it.
type Entry struct {
	document.Entry
	// Ref is the id as written, symbolic or a UUID without prefix; document.Entry.ID is set when it is a UUID. LogicalRef is lid.
	Ref, LogicalRef string
	Home            string
	// SizeStated tells that the message has a size: Size 0 is one too.
	SizeStated bool
}

// Set is a SubmissionSet as a message has it.
type Set struct {
	document.SubmissionSet
	Ref, Home string
	// Status is Approved in an answer.
	Status document.Status
}

// Folder is a Folder as a message has it.
type Folder struct {
	document.Folder
	Ref, LogicalRef, Home string
}

// Association is an Association as a message has it. The ends are the ids as written; document.Association has them where they are UUIDs.
type Association struct {
	document.Association
	Ref, LogicalRef, Home string
	SourceRef, TargetRef  string
	// Previous is PreviousVersion as written: the version that an update replaces (ITI-57).
	Previous string
	// From and To are OriginalStatus and NewStatus of UpdateAvailabilityStatus.
	From, To document.Status
	// Alone is AssociationPropagation "no": an update does not carry the old version's associations along.
	Alone bool
}

// ObjectRef names an object.
type ObjectRef struct{ Ref, Home string }

// Objects is a RegistryObjectList.
type Objects struct {
	Entries      []Entry
	Sets         []Set
	Folders      []Folder
	Associations []Association
	Refs         []ObjectRef
}

// Submission is what a message of ITI-41, 42, 57, 61 or 92 brings.
type Submission struct {
	Objects
	// Documents are the bodies of ITI-41.
	Documents []Document
	// Problems have locations in the words of the use cases: set.title, documents[0].hash, folders[1].codes, associations[2].
	Problems fault.Problems
}

// Document is one body: the entry that it belongs to, and the xop:Include that stands for it, empty when the element has no content.
type Document struct{ Ref, Href string }

// Slot is a name with values.
type Slot struct {
	Name   string
	Values []string
}
