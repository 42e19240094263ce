package document

import (
	"time"

	"github.com/google/uuid"
)

// ListKind tells submission sets from folders: both are RegistryPackages of ebRIM, and Lists of MHD.
type ListKind byte

// The kinds, as the registry keeps them.
const (
	SubmissionSetKind ListKind = 'S'
	FolderKind        ListKind = 'F'
)

// Folder is an XDS Folder (ITI TF-3 table 4.2.3.4-1). It only grows: what is wrong in it is told by a new one.
type Folder struct {
	ID       uuid.UUID
	UniqueID string
	// LogicalID is the ID of the first version, Version counts from 1 (ITI-57).
	LogicalID uuid.UUID `json:",omitzero"`
	Version   int       `json:",omitzero"`
	Patient   PatientID
	Status    Status
	// Codes is codeList.
	Codes           []Code
	Title, Comments string
	// Updated is lastUpdateTime: when it was registered or last got a member, by our clock.
	Updated    time.Time
	Registered time.Time
}

// List is a registered submission set or folder and what it holds.
type List struct {
	Kind     ListKind
	ID       uuid.UUID
	UniqueID string
	// LogicalID and Version are a folder's (ITI-57); a set is its own and only version.
	LogicalID uuid.UUID
	Version   int
	Patient   PatientID
	Status    Status
	// SourceID is a set's; folders have none.
	SourceID string
	// Codes is a set's contentTypeCode, one or none, or a folder's codeList.
	Codes []Code
	// Time is a set's submissionTime or a folder's lastUpdateTime.
	Time            Time
	Title, Comments string
	Authors         []Author
	SourcePatient   SourcePatient
	Registered      time.Time
	// Members are the document entries that are there; Folders are those that a set brought or added to. Both in the order in which they
	// became members.
	Members, Folders []uuid.UUID
	// Deleted are members that were, and Left those whose membership ended, though they are there: the list's words may still speak of them.
	Deleted, Left []uuid.UUID
	// Superseded tells an older version of a folder from the newest.
	Superseded bool
}
