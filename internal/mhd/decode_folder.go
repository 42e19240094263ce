package mhd

import (
	"fmt"
	"net/http"
	"path"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/submission"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// folder decodes one List of code folder: POST makes a folder, PUT to List/{id} adds documents to a registered one (spec/ihe.md 1.10). Its
// date is not read: lastUpdateTime is set by us.
func (d *decoder) folder(i int) {
	l, ok := fhir.As[fhir.List](d.bundle.Entry[i].Resource)
	if !ok {
		return
	}
	var out submission.Folder
	out.Updates = d.updated(i, l)
	f := &out.Folder
	f.Title, f.Patient = l.Title, patientID(scope{d: d, contained: l.Contained}.subject(l.Subject, i))
	if len(l.Note) > 0 {
		f.Comments = l.Note[0].Text
	}
	for _, e := range l.Extension {
		if e.URL == extDesignation {
			f.Codes = append(f.Codes, code(e.ValueCodeableConcept))
		}
	}
	d.folderIdentifiers(f, l)
	if l.Status != "current" {
		d.problem(fault.New(fault.MetadataError, "A folder's status must be current.").At(place(i, "resource.status")).By("W4"))
	}
	for n, e := range l.Entry {
		if lo.FromPtr(e.Deleted) {
			d.problem(fault.New(fault.Unmodifiable, "A document cannot be taken out of a folder.").At(place(i, fmt.Sprintf("resource.entry[%d].deleted", n))).By("W4"))
		}
		out.Items = append(out.Items, d.folderItem(e.Item))
	}
	d.m.request.Folders = append(d.m.request.Folders, out)
}

// folderIdentifiers: "usual" is MHD's use for uniqueId, "official" for entryUUID.
func (d *decoder) folderIdentifiers(f *document.Folder, l *fhir.List) {
	for _, id := range l.Identifier {
		value := document.StripURN(id.Value)
		switch parsed, err := uuid.Parse(value); {
		case id.Use == "official" && err == nil:
			f.ID = parsed
		case f.UniqueID == "" && id.Use != "official":
			f.UniqueID = value
		}
	}
}

// updated is the folder that a PUT names; Nil for a POST.
func (d *decoder) updated(i int, l *fhir.List) uuid.UUID {
	r := d.bundle.Entry[i].Request
	if r == nil || r.Method != http.MethodPut {
		return uuid.Nil
	}
	last := path.Base(r.URL)
	id, err := uuid.Parse(last)
	if err != nil || id == uuid.Nil || (r.URL != "List/"+last && !strings.HasSuffix(r.URL, "/List/"+last)) {
		d.problem(fault.New(fault.MetadataError, "The address that a folder is put to must be List/ and the folder's id.").At(place(i, "request.url")).By("W4"))
		return uuid.Max // nobody's: the message is refused
	}
	if stated := document.StripURN(l.ID); stated != "" && stated != id.String() {
		d.problem(fault.New(fault.Unmodifiable, "The resource's id is not the one in the address.").At(place(i, "resource.id")).By("W4"))
	}
	return id
}

// folderItem is a document of the message, or what the reference says of a registered one.
func (d *decoder) folderItem(r *fhir.Reference) submission.FolderItem {
	registered := submission.FolderItem{Document: -1, Target: target(r)}
	if r == nil || r.Reference == "" {
		return registered
	}
	i, found := d.find(r.Reference)
	if !found {
		return registered
	}
	if n, isDocument := d.m.places.documentAt(i); isDocument {
		return submission.FolderItem{Document: n}
	}
	return submission.FolderItem{Document: -1} // what is in the message and no document is not looked for in the registry
}
