// Package document is the XDS metadata model: what a document entry, a submission set and an association are, whichever door
// they came through and however they are stored.
//
// It promises to be pure values: no I/O, no clock, nothing of FHIR, ebXML or SQL. Names are those of IHE ITI TF-3 §4.2.3;
// docs/rules.md links the rules (W4, P1, C1) to it. It imports nothing of ours.
package document

import (
	"slices"
	"time"

	"github.com/google/uuid"
)

// Status is the availability status of an entry.
type Status byte

// Approved and Deprecated are XDS's; a Tombstone is an entry whose document was deleted (W3): it says that it existed, no more.
const (
	Approved   Status = 'A'
	Deprecated Status = 'D'
	Tombstone  Status = 'T'
)

// Entry is an XDS DocumentEntry (ITI TF-3 table 4.2.3.2-1).
type Entry struct {
	// ID is entryUUID; LogicalID is that of the first version and Version counts from 1.
	ID        uuid.UUID
	LogicalID uuid.UUID
	Version   int
	// UniqueID is DocumentEntry.uniqueId, AliasID a second identifier under which the document is also found: under profile
	// nhn the masterIdentifier beside Binary.id, under ihe the Binary.id beside masterIdentifier. Without urn: prefixes.
	UniqueID, AliasID string
	Patient           PatientID
	Status            Status
	SubmissionID      uuid.UUID
	// ObjectKey names the bytes in the repository; it says nothing of the patient.
	ObjectKey uuid.UUID

	Class, Type, Format, Facility, Practice Code
	Events                                  []Code
	// Confidentiality holds at least one of HL7's N, R, V and may hold codes of 9603 (C1).
	Confidentiality []Code
	// References is referenceIdList in CXi form.
	References []string

	Title, Comments, Language string
	Authors                   []Author
	SourcePatient             SourcePatient

	Creation                  Time
	ServiceStart, ServiceStop Time
	MimeType                  string
	// Size is in bytes, SHA1 and SHA256 are raw digests of the decoded document.
	Size         int64
	SHA1, SHA256 []byte
	Registered   time.Time

	// OnDemand tells an On-Demand entry (ITI-61) from a stable one: its document is made when it is asked for, so there is no creation time,
	// size, hash and stored object.
	OnDemand bool `json:",omitzero"`
	// Repository is repositoryUniqueId of an entry whose document another repository keeps (ITI-42, 61); empty when we keep it.
	Repository string `json:",omitzero"`
	// Offline is documentAvailability Offline; Online is what is said of no document.
	Offline bool `json:",omitzero"`
	// Later are the confidentiality codes of the newest version, where this is an older one (ITI-57): they bar it too. Nil of the newest; one zero code
	// where the document was moved to another patient since.
	Later []Code `json:"-"`
}

// Moved tells an older version of a document that is another patient's now.
func (e Entry) Moved() bool { return slices.ContainsFunc(e.Later, Code.IsZero) }

// Author is one author: a person, the institutions it acted for, or both (ITI TF-3 §4.2.3.1.4).
type Author struct {
	Person       Person         `json:"person,omitzero"`
	Institutions []Organisation `json:"institutions,omitempty"`
	Roles        []Code         `json:"roles,omitempty"`
	Specialties  []Code         `json:"specialties,omitempty"`
}

// Person is an XCN: an identifier, a name, or both.
type Person struct {
	ID     Identifier `json:"id,omitzero"`
	Family string     `json:"family,omitempty"`
	Given  []string   `json:"given,omitempty"`
}

// IsZero reports whether nothing is known of the person.
func (p Person) IsZero() bool { return p.ID == (Identifier{}) && p.Family == "" && len(p.Given) == 0 }

// Organisation is an XON. A department names the organisation it is part of (nhn.md (b): Organization with partOf).
type Organisation struct {
	ID     Identifier    `json:"id,omitzero"`
	Name   string        `json:"name,omitempty"`
	PartOf *Organisation `json:"partOf,omitempty"`
}

// SourcePatient is sourcePatientId and sourcePatientInfo: the patient as the source knew it when the document was made (W4).
type SourcePatient struct {
	ID        PatientID `json:"id,omitzero"`
	Family    string    `json:"family,omitempty"`
	Given     []string  `json:"given,omitempty"`
	Gender    string    `json:"gender,omitempty"`
	BirthDate string    `json:"birthDate,omitempty"`
}

// SubmissionSet is an XDS SubmissionSet (ITI TF-3 table 4.2.3.3-1).
type SubmissionSet struct {
	ID       uuid.UUID
	UniqueID string
	Patient  PatientID
	// SourceID is an OID without urn:oid:.
	SourceID        string
	ContentType     Code
	Time            Time
	Title, Comments string
	Authors         []Author
	SourcePatient   SourcePatient
	Registered      time.Time
}

// AssociationType is one letter in the registry; doors spell it their own way.
type AssociationType byte

// The association types of ITI TF-3 §4.2.2.
const (
	HasMember        AssociationType = 'M'
	Replace          AssociationType = 'R'
	Transform        AssociationType = 'X'
	Append           AssociationType = 'P'
	TransformReplace AssociationType = 'Y'
	Signs            AssociationType = 'S'
	// SnapshotOf leads from a stable document to the On-Demand entry it was made of (ITI TF-3 table 4.2.2-1).
	SnapshotOf AssociationType = 'O'
)

// Two types are no relations but orders to the registry (ITI-57), and never registered as such.
const (
	UpdateStatus      AssociationType = 'U'
	SubmitAssociation AssociationType = 'A'
)

// Deprecates reports whether the relation makes its target deprecated (RPLC and XFRM_RPLC).
func (t AssociationType) Deprecates() bool { return t == Replace || t == TransformReplace }

// Association links two registry objects; Source is the newer one, or the set.
type Association struct {
	ID             uuid.UUID
	Type           AssociationType
	Source, Target uuid.UUID
	// LogicalID is the ID of the first version, Version counts from 1; of one that was never updated they are Nil and 0 or the same said at length.
	LogicalID uuid.UUID
	Version   int
	// Status is zero for Approved.
	Status Status
	// Membership is SubmissionSetStatus of a set's members; empty elsewhere, and where nobody said.
	Membership Membership
	// PreviousVersion is the version that a member of a set updated (ITI-57); 0 when it updated none.
	PreviousVersion int
	// Documentation is the code of a transformation (ITI TF-3 §4.2.2.2).
	Documentation Code
	// Submission is the set that brought it, Registered when.
	Submission uuid.UUID
	Registered time.Time
}

// Membership is how a set holds an object: as new, or by reference.
type Membership string

// The words of SubmissionSetStatus.
const (
	Original  Membership = "Original"
	Reference Membership = "Reference"
)
