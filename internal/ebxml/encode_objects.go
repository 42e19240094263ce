package ebxml

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"

	"dokumentlager/internal/document"

	"github.com/google/uuid"
)

// begin starts an object: what stands on all of them.
func (w *writer) begin(element string, id uuid.UUID, symbolic string, logical uuid.UUID, logicalRef, home string, status document.Status) {
	w.owner, w.serial = id, 0
	w.raw(`<`, element)
	w.ref("id", id, symbolic)
	w.ref("lid", logical, logicalRef)
	if home != "" {
		w.attr("home", urnOID(home))
	}
	w.attr("status", statusURI(status))
}

// urnOID is a home with its prefix.
func urnOID(home string) string {
	if home == "" || strings.HasPrefix(home, "urn:") {
		return home
	}
	return "urn:oid:" + home
}

// entry writes a DocumentEntry. What is zero is left out: so is what a mask took away.
func (w *writer) entry(e *Entry) {
	w.begin("ExtrinsicObject", e.ID, e.Ref, e.LogicalID, e.LogicalRef, e.Home, e.Status)
	kind := stableType
	if e.OnDemand {
		kind = onDemandType
	}
	w.raw(` objectType="`, uuidPrefix, kind, `"`)
	w.attr("mimeType", e.MimeType)
	w.raw(`>`)
	w.entrySlots(e)
	w.localized("Name", e.Title)
	w.localized("Description", e.Comments)
	w.version(e.Version)
	for i := range e.Authors {
		w.author(entryAuthor, e.Ref, e.Authors[i])
	}
	w.code(entryClass, e.Ref, e.Class)
	for _, c := range e.Confidentiality {
		w.code(entryConfidentiality, e.Ref, c)
	}
	for _, c := range e.Events {
		w.code(entryEvent, e.Ref, c)
	}
	w.code(entryFormat, e.Ref, e.Format)
	w.code(entryFacility, e.Ref, e.Facility)
	w.code(entryPractice, e.Ref, e.Practice)
	w.code(entryType, e.Ref, e.Type)
	w.external(entryPatient, "XDSDocumentEntry.patientId", e.Ref, w.cx(e.Patient))
	w.external(entryUnique, "XDSDocumentEntry.uniqueId", e.Ref, e.UniqueID)
	w.raw(`</ExtrinsicObject>`)
}

func (w *writer) entrySlots(e *Entry) {
	if !e.OnDemand {
		w.time("creationTime", e.Creation)
		if e.SHA1 != nil {
			w.raw(`<Slot name="hash"><ValueList><Value>`)
			w.out = hex.AppendEncode(w.out, e.SHA1)
			w.raw(`</Value></ValueList></Slot>`)
		}
		if e.SHA1 != nil || e.SizeStated {
			w.raw(`<Slot name="size"><ValueList><Value>`)
			w.out = strconv.AppendInt(w.out, e.Size, 10)
			w.raw(`</Value></ValueList></Slot>`)
		}
	}
	w.slot("languageCode", e.Language)
	w.slot("repositoryUniqueId", e.Repository)
	w.time("serviceStartTime", e.ServiceStart)
	w.time("serviceStopTime", e.ServiceStop)
	w.slot("sourcePatientId", w.cx(e.SourcePatient.ID))
	w.sourceInfo(&e.SourcePatient)
	w.slot(slotReferences, e.References...)
	if e.Offline {
		w.slot(slotAvailability, availabilityPrefix+"Offline")
	}
}

// sourceInfo writes sourcePatientInfo: PID-5, 7 and 8. Who the patient is to the source stands in sourcePatientId.
func (w *writer) sourceInfo(p *document.SourcePatient) {
	var lines [3]string
	if p.Family != "" || len(p.Given) > 0 {
		given, more := "", ""
		if len(p.Given) > 0 {
			given, more = p.Given[0], strings.Join(p.Given[1:], " ")
		}
		lines[0] = strings.TrimRight("PID-5|"+escape(p.Family)+"^"+escape(given)+"^"+escape(more), "^")
	}
	if p.BirthDate != "" {
		lines[1] = "PID-7|" + strings.ReplaceAll(p.BirthDate, "-", "")
	}
	if g := genderText(p.Gender); g != "" {
		lines[2] = "PID-8|" + g
	}
	w.slot("sourcePatientInfo", lines[:]...)
}

// set writes a SubmissionSet.
func (w *writer) set(s *Set) {
	w.begin("RegistryPackage", s.ID, s.Ref, uuid.Nil, "", s.Home, s.Status)
	w.raw(` objectType="`, objectPrefix, `RegistryPackage">`)
	w.time("submissionTime", s.Time)
	w.localized("Name", s.Title)
	w.localized("Description", s.Comments)
	w.node(setNode, s.Ref)
	for i := range s.Authors {
		w.author(setAuthor, s.Ref, s.Authors[i])
	}
	w.code(setContentType, s.Ref, s.ContentType)
	w.external(setPatient, "XDSSubmissionSet.patientId", s.Ref, w.cx(s.Patient))
	w.external(setSource, "XDSSubmissionSet.sourceId", s.Ref, s.SourceID)
	w.external(setUnique, "XDSSubmissionSet.uniqueId", s.Ref, s.UniqueID)
	w.raw(`</RegistryPackage>`)
}

// folder writes a Folder.
func (w *writer) folder(f *Folder) {
	w.begin("RegistryPackage", f.ID, f.Ref, asUUID(f.LogicalRef), f.LogicalRef, f.Home, f.Status)
	w.raw(` objectType="`, objectPrefix, `RegistryPackage">`)
	if !f.Updated.IsZero() {
		w.time("lastUpdateTime", document.Time{At: f.Updated, Precision: document.Second})
	}
	w.localized("Name", f.Title)
	w.localized("Description", f.Comments)
	w.version(f.Version)
	w.node(folderNode, f.Ref)
	for _, c := range f.Codes {
		w.code(folderCodes, f.Ref, c)
	}
	w.external(folderPatient, "XDSFolder.patientId", f.Ref, w.cx(f.Patient))
	w.external(folderUnique, "XDSFolder.uniqueId", f.Ref, f.UniqueID)
	w.raw(`</RegistryPackage>`)
}

// association writes an Association.
func (w *writer) association(a *Association) {
	w.begin("Association", a.ID, a.Ref, asUUID(a.LogicalRef), a.LogicalRef, a.Home, a.Status)
	w.raw(` objectType="`, objectPrefix, `Association" associationType="`, typeURI(a.Type), `"`)
	w.ref("sourceObject", a.Source, a.SourceRef)
	w.ref("targetObject", a.Target, a.TargetRef)
	w.raw(`>`)
	w.slot(slotMembership, string(a.Membership))
	previous := a.Previous
	if previous == "" && a.PreviousVersion > 0 {
		previous = strconv.Itoa(a.PreviousVersion)
	}
	w.slot(slotPrevious, previous)
	w.slot(slotFrom, statusURI(a.From))
	w.slot(slotTo, statusURI(a.To))
	if a.Alone {
		w.slot(slotPropagation, "no")
	}
	w.version(a.Version)
	w.code(associationCode, a.Ref, a.Documentation)
	w.raw(`</Association>`)
}

// objects writes what stands in a RegistryObjectList.
func (w *writer) objects(o *Objects) {
	// Room for all at once: a buffer that grows as it is written copies a long answer several times over.
	w.out = slices.Grow(w.out, 6<<10*len(o.Entries)+3<<10*(len(o.Sets)+len(o.Folders))+1<<10*len(o.Associations))
	for _, r := range o.Refs {
		w.objectRef(r)
	}
	for i := range o.Entries {
		w.entry(&o.Entries[i])
	}
	for i := range o.Sets {
		w.set(&o.Sets[i])
	}
	for i := range o.Folders {
		w.folder(&o.Folders[i])
	}
	for i := range o.Associations {
		w.association(&o.Associations[i])
	}
}

func (w *writer) objectRef(r ObjectRef) {
	w.raw(`<ObjectRef`)
	w.ref("id", asUUID(r.Ref), r.Ref)
	w.attr("home", urnOID(r.Home))
	w.raw(`/>`)
}

// References are the objects' ids, for an answer of ObjectRefs.
func (o *Objects) References() []ObjectRef {
	refs := append([]ObjectRef{}, o.Refs...)
	name := func(id uuid.UUID, ref, home string) {
		if id != uuid.Nil {
			ref = id.String()
		}
		refs = append(refs, ObjectRef{ref, home})
	}
	for i := range o.Entries {
		name(o.Entries[i].ID, o.Entries[i].Ref, o.Entries[i].Home)
	}
	for i := range o.Sets {
		name(o.Sets[i].ID, o.Sets[i].Ref, o.Sets[i].Home)
	}
	for i := range o.Folders {
		name(o.Folders[i].ID, o.Folders[i].Ref, o.Folders[i].Home)
	}
	for i := range o.Associations {
		name(o.Associations[i].ID, o.Associations[i].Ref, o.Associations[i].Home)
	}
	return refs
}
