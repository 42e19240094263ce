package xds

import (
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"

	"github.com/google/uuid"
)

// objectsOf are what was found, each with the home that it is of: whole, or as references.
func objectsOf(found []disclosure.Object, references bool) *ebxml.Objects {
	if references {
		return &ebxml.Objects{Refs: referencesOf(found)}
	}
	out := &ebxml.Objects{}
	for i := range found {
		o := &found[i]
		switch home := o.Tenant.HomeCommunity; {
		case o.Entry != nil:
			out.Entries = append(out.Entries, entryOf(*o.Entry, home, o.Tenant.Repository))
		case o.List != nil && o.List.Kind == document.FolderKind:
			out.Folders = append(out.Folders, folderOf(*o.List, home))
		case o.List != nil:
			out.Sets = append(out.Sets, setOf(*o.List, home))
		default:
			out.Associations = append(out.Associations, associationOf(*o.Link, home))
		}
	}
	return out
}

func referencesOf(found []disclosure.Object) []ebxml.ObjectRef {
	refs := make([]ebxml.ObjectRef, len(found))
	for i := range found {
		var id uuid.UUID
		switch o := &found[i]; {
		case o.Entry != nil:
			id = o.Entry.ID
		case o.List != nil:
			id = o.List.ID
		default:
			id = o.Link.ID
		}
		refs[i] = ebxml.ObjectRef{Ref: id.String(), Home: found[i].Tenant.HomeCommunity}
	}
	return refs
}

// entryOf says which repository keeps the document: ours, where the entry names no other.
func entryOf(e document.Entry, home, repository string) ebxml.Entry {
	if e.Repository == "" {
		e.Repository = repository
	}
	if e.LogicalID == uuid.Nil {
		e.LogicalID = e.ID
	}
	return ebxml.Entry{Entry: e, Home: home}
}

func setOf(l document.List, home string) ebxml.Set {
	s := document.SubmissionSet{ID: l.ID, UniqueID: l.UniqueID, Patient: l.Patient, SourceID: l.SourceID, Time: l.Time, Title: l.Title, Comments: l.Comments,
		Authors: l.Authors, SourcePatient: l.SourcePatient, Registered: l.Registered}
	if len(l.Codes) > 0 {
		s.ContentType = l.Codes[0]
	}
	return ebxml.Set{SubmissionSet: s, Home: home, Status: l.Status}
}

func folderOf(l document.List, home string) ebxml.Folder {
	f := document.Folder{ID: l.ID, UniqueID: l.UniqueID, LogicalID: l.LogicalID, Version: l.Version, Patient: l.Patient, Status: l.Status, Codes: l.Codes,
		Title: l.Title, Comments: l.Comments, Updated: l.Time.At, Registered: l.Registered}
	return ebxml.Folder{Folder: f, LogicalRef: refOf(l.LogicalID, l.ID), Home: home}
}

func associationOf(a document.Association, home string) ebxml.Association {
	if a.Status == 0 {
		a.Status = document.Approved
	}
	return ebxml.Association{Association: a, LogicalRef: refOf(a.LogicalID, a.ID), Home: home}
}

// refOf is lid, which is the object's own id where nobody updated it.
func refOf(logical, own uuid.UUID) string {
	if logical == uuid.Nil {
		return own.String()
	}
	return logical.String()
}
