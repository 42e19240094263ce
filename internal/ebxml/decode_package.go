package ebxml

import (
	"slices"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// set reads a SubmissionSet (ITI TF-3 table 4.2.3.3-1).
func (d *decoder) set(o *object, at string) Set {
	var s Set
	s.Ref = plainRef(o.id)
	s.ID = asUUID(s.Ref)
	s.Home, s.Status = d.home(o, at), d.status(o.status, at)
	s.Title, s.Comments = o.name, o.description
	slots := d.take(o.slots, at)
	s.Time = slots.time("submissionTime")
	if s.Time.IsZero() && d.submitted {
		d.metadata(at+".submissionTime", "The submissionTime is missing.")
	}
	if len(slots.all("intendedRecipient")) > 0 {
		d.notKept(at+".intendedRecipient", "The intended recipient")
	}
	slots.rest()
	codes := d.classified(o, at)
	s.ContentType = codes.one(setContentType, "contentType")
	s.Authors = codes.authors(setAuthor)
	codes.rest(limitedSet, setNode)
	d.identifiers(o, at, []identified{
		{setPatient, "patient", func(v string) { s.Patient = d.patient(v, at+".patient") }},
		{setUnique, "uniqueId", func(v string) { s.UniqueID = document.StripURN(v) }},
		{setSource, "sourceId", func(v string) {
			if s.SourceID = document.StripURN(v); !dotted(s.SourceID) && d.submitted {
				d.metadata(at+".sourceId", "The sourceId is not an OID.")
			}
		}},
	})
	return s
}

// dotted is what passes for an OID: NIST's own tools write one whose first arc no OID has (129.6.58.92.1.1), and nothing is looked up by it.
func dotted(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "0123456789.") == "" && !strings.Contains(s, "..") && s[0] != '.' && s[len(s)-1] != '.'
}

// folder reads a Folder (ITI TF-3 table 4.2.3.4-1). Its lastUpdateTime counts in answers only: a registry sets it.
func (d *decoder) folder(o *object, at string) Folder {
	var f Folder
	f.Ref, f.LogicalRef = plainRef(o.id), plainRef(o.lid)
	f.ID = asUUID(f.Ref)
	f.Home, f.Status, f.Version = d.home(o, at), d.status(o.status, at), version(o.version)
	f.Title, f.Comments = o.name, o.description
	slots := d.take(o.slots, at)
	f.Updated = slots.time("lastUpdateTime").At
	slots.rest()
	codes := d.classified(o, at)
	f.Codes = codes.all(folderCodes, "codes")
	codes.rest(limitedFolder, folderNode)
	d.identifiers(o, at, []identified{
		{folderPatient, "patient", func(v string) { f.Patient = d.patient(v, at+".patient") }},
		{folderUnique, "uniqueId", func(v string) { f.UniqueID = document.StripURN(v) }},
	})
	return f
}

// association reads an Association (ITI TF-3 §4.2.2).
func (d *decoder) association(o *object, at string) Association {
	a := Association{Ref: plainRef(o.id), LogicalRef: plainRef(o.lid), SourceRef: plainRef(o.source), TargetRef: plainRef(o.target)}
	a.ID, a.Source, a.Target = asUUID(a.Ref), asUUID(a.SourceRef), asUUID(a.TargetRef)
	a.Home, a.Status, a.Version = d.home(o, at), d.status(o.status, at), version(o.version)
	if a.Type = typeOf(o.associationType); a.Type == 0 {
		d.metadata(at+".type", "The associationType is not one that documents have.")
	}
	switch {
	case a.SourceRef == "" || a.TargetRef == "":
		d.metadata(at, "The association has no sourceObject or no targetObject.")
	case a.SourceRef == a.TargetRef:
		d.metadata(at, "The association leads from an object to itself.")
	}
	s := d.take(o.slots, at)
	d.associationSlots(&a, s, at)
	s.rest()
	codes := d.classified(o, at)
	a.Documentation = codes.one(associationCode, "documentation")
	codes.rest("")
	return a
}

// associationSlots: what is wrong in an association that updates something has a code of its own (spec/ihe.md 1.6).
func (d *decoder) associationSlots(a *Association, s *slots, at string) {
	updates := a.Type == document.UpdateStatus || a.Type == document.SubmitAssociation ||
		slices.ContainsFunc(s.list, func(v Slot) bool { return v.Name == slotPrevious || v.Name == slotPropagation })
	wrong := func(field, safe string) {
		switch {
		case !d.submitted:
		case updates:
			d.problem(fault.New(fault.UpdateOperation, "%s", safe), at+field)
		default:
			d.metadata(at+field, "%s", safe)
		}
	}
	a.Membership = document.Membership(s.one(slotMembership))
	if a.Membership != "" && a.Membership != document.Original && a.Membership != document.Reference {
		wrong(".membership", "SubmissionSetStatus is neither Original nor Reference.")
		a.Membership = ""
	}
	a.Previous = s.one(slotPrevious)
	a.From, a.To = statusOf(s.one(slotFrom)), statusOf(s.one(slotTo))
	if a.Type == document.UpdateStatus && (a.From == 0 || a.To == 0 || a.From == a.To) {
		wrong("", "A change of status needs OriginalStatus and NewStatus: one Approved, the other Deprecated.")
	}
	switch s.one(slotPropagation) {
	case "", "yes":
	case "no":
		a.Alone = true
	default:
		wrong(".propagation", "AssociationPropagation is neither yes nor no.")
	}
}
