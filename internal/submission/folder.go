package submission

import (
	"fmt"
	"math/big"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/terminology"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// Folder is one folder of a message: a new one, or more members for one that is registered. Locations of problems are written
// folders[i].field.
type Folder struct {
	// Folder is what the message says of it. ID is the entryUUID that it states; Nil lets us choose.
	Folder document.Folder
	// Updates is the registered folder that gets the members; Nil for a new folder.
	Updates uuid.UUID
	Items   []FolderItem
}

// FolderItem is one document that is to be in a folder: the message's own, by its number, or a registered one where Document is negative.
type FolderItem struct {
	Document int
	Target   Target
}

// KeptFolder is one folder of a receipt.
type KeptFolder struct {
	ID uuid.UUID `json:"id"`
	// Created tells a new folder from one that got members.
	Created bool `json:"created,omitempty"`
}

// What one folder may hold: its members are read whenever it is shown.
const (
	maxMembers  = 10_000
	maxUniqueID = 256
)

func inFolder(i int, field string) string { return fmt.Sprintf("folders[%d].%s", i, field) }

// assembleFolders makes the rows of folders: the message's entryUUID where it states one, ids and times of ours.
func (v *verdict) assembleFolders() {
	for i := range v.request.Folders {
		f := v.request.Folders[i].Folder
		if f.Patient.IsZero() && v.request.Claim == Minimal {
			f.Patient = v.set.Patient
		}
		switch {
		case v.request.Folders[i].Updates != uuid.Nil:
			f.ID = v.request.Folders[i].Updates
		case f.ID == uuid.Nil:
			f.ID = uuid.Must(uuid.NewV7())
		}
		if f.UniqueID == "" {
			f.UniqueID = "2.25." + new(big.Int).SetBytes(f.ID[:]).String() // the OID that every UUID has (ITU-T X.667)
		}
		f.Status, f.Updated, f.Registered = document.Approved, v.set.Registered, v.set.Registered
		v.folders = append(v.folders, f)
	}
}

// checkFolders: what a folder must have (ITI TF-3 table 4.2.3.4-1); its patient is that of the set (spec/ihe.md 1.5).
func (v *verdict) checkFolders(synthetic bool) {
	if len(v.entries) == 0 {
		v.checkContentType()
	}
	seen := map[string]bool{v.set.UniqueID: true}
	if v.request.Form.xds() {
		for _, e := range v.entries {
			seen[e.UniqueID] = true
		}
	}
	for i, f := range v.folders {
		for _, id := range lo.Uniq([]string{f.UniqueID, f.ID.String()}) {
			if seen[id] || v.holds(f.ID) {
				v.problems.Add(fault.New(fault.DuplicateInMessage, "Two objects of the message have the same identifier.").At(inFolder(i, "uniqueId")))
			}
			seen[id] = true
		}
		v.checkSize(f, inFolder(i, "comments"), "folder's")
		if len(f.UniqueID) > maxUniqueID {
			v.problems.Add(fault.New(fault.MetadataError, "The folder's unique identifier has %d characters; at most %d.", len(f.UniqueID), maxUniqueID).
				At(inFolder(i, "uniqueId")).By("W4"))
		}
		if f.Patient != v.set.Patient && !f.Patient.IsZero() && !v.set.Patient.IsZero() {
			v.problems.Add(fault.New(fault.PatientMismatch, "The folder's patient is not the patient of the submission set.").At(inFolder(i, "patient")))
		}
		if f.Patient != v.set.Patient || f.Patient.IsZero() {
			v.checkPatient(f.Patient, inFolder(i, "patient"), synthetic)
		}
		if v.request.Folders[i].Updates == uuid.Nil {
			v.checkNewFolder(i)
		}
	}
}

func (v *verdict) checkNewFolder(i int) {
	f := v.folders[i]
	if v.request.Claim != Minimal && f.Title == "" {
		v.problems.Add(missing(inFolder(i, "title"), "The folder's title"))
	}
	if v.request.Claim != Minimal && len(f.Codes) == 0 {
		v.problems.Add(missing(inFolder(i, "codes"), "The kind of folder (codeList, designationType)"))
	}
	for _, c := range f.Codes {
		if p := terminology.Check(terminology.ContentType, c); p != nil {
			v.problems.Add(p.At(inFolder(i, "codes")))
		}
	}
}
