package ebxml

import (
	"encoding/xml"
	"fmt"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"

	"github.com/google/uuid"
)

// maxProblems is how many errors, and how many warnings, of one message are told: more help nobody. They are counted apart: no number of warnings may
// hide an error, which is what refuses.
const maxProblems = 500

// plainRef is an id without urn:uuid:, a UUID in lower case; symbolic ids stay as they are.
func plainRef(s string) string {
	if len(s) == len(uuidPrefix)+36 && strings.EqualFold(s[:len(uuidPrefix)], uuidPrefix) {
		return strings.ToLower(s[len(uuidPrefix):])
	}
	return document.StripURN(s)
}

// asUUID is Nil for symbolic ids.
func asUUID(ref string) uuid.UUID {
	if len(ref) != 36 {
		return uuid.Nil
	}
	id, err := uuid.Parse(ref)
	if err != nil {
		return uuid.Nil
	}
	return id
}

// ReadSubmission reads the payload of ITI-41, 42, 57, 61 or 92. The error is for a message that is none; what is wrong in one is among the
// Submission's problems.
func ReadSubmission(payload []byte) (*Submission, error) {
	r, root, err := open(payload)
	if err != nil {
		return nil, err
	}
	s := &Submission{}
	d := &decoder{r: r, out: &s.Objects, problems: &s.Problems, submitted: true}
	lists := 0
	switch root.Name {
	case SubmitObjects:
		err = d.submitObjects(&lists)
	case ProvideAndRegister, Register:
		err = r.children(func(e xml.StartElement) error {
			switch {
			case e.Name == SubmitObjects:
				return d.submitObjects(&lists)
			case e.Name == DocumentElement && root.Name == ProvideAndRegister:
				return r.document(e, s)
			default:
				return r.skip()
			}
		})
	default:
		err = wrongPayload()
	}
	if err == nil && lists != 1 {
		err = fault.New(fault.MalformedBody, "The message has %d registry object lists; it needs exactly one.", lists)
	}
	if err != nil {
		return nil, err
	}
	d.finish()
	d.checkModel()
	if root.Name == ProvideAndRegister {
		d.checkDocuments(s)
	}
	return s, nil
}

// submitObjects reads lcm:SubmitObjectsRequest.
func (d *decoder) submitObjects(lists *int) error {
	return d.r.children(func(e xml.StartElement) error {
		if e.Name != registryObjectList {
			return d.r.skip()
		}
		*lists++
		return d.list()
	})
}

// document reads a Document, of which only the reference is left. Base64 that still stands in it was not taken out by whoever read the
// message, and is not read here either.
func (r *reader) document(e xml.StartElement, s *Submission) error {
	href, err := r.include()
	s.Documents = append(s.Documents, Document{Ref: plainRef(attr(e, "id")), Href: href})
	return err
}

// include is the reference in a Document.
func (r *reader) include() (href string, err error) {
	err = r.children(func(i xml.StartElement) error {
		if i.Name == includeElement {
			href = attr(i, "href")
		}
		return r.skip()
	})
	return href, err
}

// decoder turns a RegistryObjectList into values.
type decoder struct {
	r        *reader
	out      *Objects
	problems *fault.Problems
	// submitted tells a submission, of which everything is judged, from an answer, of which what can be read is read.
	submitted bool
	// errors and warnings are how many problems there were.
	errors, warnings int
	raw              []object
	loose            []classification
	looseIDs         []external
}

func (d *decoder) problem(p *fault.Problem, location string) {
	told := &d.errors
	if p.Severity != fault.Error {
		told = &d.warnings
	}
	if *told++; *told <= maxProblems {
		d.problems.Add(p.At(location))
	}
}

func (d *decoder) metadata(location, safe string, args ...any) {
	d.problem(fault.New(fault.MetadataError, safe, args...).By("W4"), location)
}

func (d *decoder) notKept(location, what string) {
	if d.submitted {
		d.problem(fault.New(fault.ExtraMetadata, "%s is not kept; the rest is.", what).AsWarning(), location)
	}
}

// list reads the objects, and what stands beside the objects that it speaks of.
func (d *decoder) list() error {
	return d.r.children(func(e xml.StartElement) error {
		if e.Name.Space != rimURI {
			return d.r.skip()
		}
		switch e.Name.Local {
		case "ExtrinsicObject", "RegistryPackage", "Association":
			o, err := d.r.object(e)
			d.raw = append(d.raw, o)
			return err
		case "Classification":
			c, err := d.r.classification(e)
			d.loose = append(d.loose, c)
			return err
		case "ExternalIdentifier":
			d.looseIDs = append(d.looseIDs, external{attr(e, "registryObject"), plainRef(attr(e, "identificationScheme")), attr(e, "value")})
		case "ObjectRef":
			d.out.Refs = append(d.out.Refs, ObjectRef{Ref: plainRef(attr(e, "id")), Home: document.StripURN(attr(e, "home"))})
		default:
			d.metadata("registryObjectList", "An object of this kind has no place in a registry of documents; it has ExtrinsicObject, RegistryPackage, Association and Classification.")
		}
		if d.r.objects++; d.r.objects > maxObjects {
			return fault.New(fault.RequestTooLarge, "The message has more than %d registry objects.", maxObjects)
		}
		return d.r.skip()
	})
}

// finish makes values of the objects, in the order of the message.
func (d *decoder) finish() {
	at := map[string]int{}
	for i, o := range d.raw {
		at[o.id] = i
	}
	for _, c := range d.loose {
		if i, ok := at[c.object]; ok {
			d.raw[i].classes = append(d.raw[i].classes, c)
		} else {
			d.problem(fault.New(fault.UnresolvedReference, "A Classification names an object that is not in the message."), "registryObjectList")
		}
	}
	for _, x := range d.looseIDs {
		if i, ok := at[x.object]; ok {
			d.raw[i].ids = append(d.raw[i].ids, x)
		} else {
			d.problem(fault.New(fault.UnresolvedReference, "An ExternalIdentifier names an object that is not in the message."), "registryObjectList")
		}
	}
	for i := range d.raw {
		d.value(&d.raw[i])
	}
	d.raw = nil
}

func (d *decoder) value(o *object) {
	switch o.kind {
	case "ExtrinsicObject":
		d.out.Entries = append(d.out.Entries, d.entry(o, fmt.Sprintf("documents[%d]", len(d.out.Entries))))
	case "Association":
		d.out.Associations = append(d.out.Associations, d.association(o, fmt.Sprintf("associations[%d]", len(d.out.Associations))))
	default:
		d.pack(o)
	}
}

// pack tells submission sets from folders by their Classification. NHN's own example leaves it out: then the schemes of the identifiers say the
// same, since a set and a folder share none.
func (d *decoder) pack(o *object) {
	set, folder := false, false
	for _, c := range o.classes {
		set = set || c.node == setNode
		folder = folder || c.node == folderNode
	}
	if !set && !folder {
		for _, x := range o.ids {
			set = set || x.scheme == setUnique || x.scheme == setSource
			folder = folder || x.scheme == folderUnique
		}
	}
	switch {
	case set && !folder:
		at := "set"
		if n := len(d.out.Sets); n > 0 {
			at = fmt.Sprintf("sets[%d]", n)
		}
		d.out.Sets = append(d.out.Sets, d.set(o, at))
	case folder && !set:
		d.out.Folders = append(d.out.Folders, d.folder(o, fmt.Sprintf("folders[%d]", len(d.out.Folders))))
	default:
		d.metadata("registryObjectList", "A RegistryPackage is neither submission set nor folder, or both: one Classification with classificationNode says which.")
	}
}

// checkModel holds a submission to its form (ITI TF-3 §4.2.1): one set, ids that are there and differ, and every entry and folder in the set.
func (d *decoder) checkModel() {
	o := d.out
	if len(o.Sets) != 1 {
		d.metadata("set", "The message has %d submission sets; it needs exactly one.", len(o.Sets))
	}
	seen := map[string]bool{}
	once := func(ref, location string) {
		switch {
		case ref == "":
			d.metadata(location, "The object has no id.")
		case seen[ref]:
			d.problem(fault.New(fault.DuplicateInMessage, "Two objects of the message have the same id."), location)
		}
		seen[ref] = true
	}
	for i := range o.Sets {
		once(o.Sets[i].Ref, "set.entryUUID")
	}
	for i := range o.Entries {
		once(o.Entries[i].Ref, fmt.Sprintf("documents[%d].entryUUID", i))
	}
	for i := range o.Folders {
		once(o.Folders[i].Ref, fmt.Sprintf("folders[%d].entryUUID", i))
	}
	for i := range o.Associations {
		if ref := o.Associations[i].Ref; ref != "" {
			once(ref, fmt.Sprintf("associations[%d].entryUUID", i))
		}
	}
	d.checkEnds(seen)
	if len(o.Sets) == 1 {
		d.checkMembers(o.Sets[0].Ref)
	}
}

// checkEnds: a symbolic id must be that of an object of the message.
func (d *decoder) checkEnds(known map[string]bool) {
	for i, a := range d.out.Associations {
		for _, end := range []struct{ ref, field string }{{a.SourceRef, "source"}, {a.TargetRef, "target"}} {
			if end.ref != "" && !known[end.ref] && asUUID(end.ref) == uuid.Nil {
				d.problem(fault.New(fault.UnresolvedReference, "The association names an object that is not in the message, by an id that is no UUID."),
					fmt.Sprintf("associations[%d].%s", i, end.field))
			}
		}
	}
}

// checkMembers: what a message brings is in its set (spec/ihe.md 1.5).
func (d *decoder) checkMembers(set string) {
	members := map[string]bool{}
	for _, a := range d.out.Associations {
		if a.Type == document.HasMember && a.SourceRef == set {
			members[a.TargetRef] = true
		}
	}
	for i, e := range d.out.Entries {
		if e.Ref != "" && !members[e.Ref] {
			d.metadata(fmt.Sprintf("documents[%d]", i), "The submission set does not have this document as a member.")
		}
	}
	for i, f := range d.out.Folders {
		if f.Ref != "" && !members[f.Ref] {
			d.metadata(fmt.Sprintf("folders[%d]", i), "The submission set does not have this folder as a member.")
		}
	}
}

// checkDocuments: each body belongs to one entry, and no entry has two.
func (d *decoder) checkDocuments(s *Submission) {
	entries := map[string]bool{}
	for _, e := range s.Entries {
		entries[e.Ref] = true
	}
	seen := map[string]bool{}
	for i, doc := range s.Documents {
		location := fmt.Sprintf("bodies[%d]", i)
		switch {
		case !entries[doc.Ref] || doc.Ref == "":
			d.problem(fault.New(fault.MissingMetadata, "No ExtrinsicObject has the id of this Document."), location)
		case seen[doc.Ref]:
			d.problem(fault.New(fault.DuplicateInMessage, "Two Documents have the same id."), location)
		}
		seen[doc.Ref] = true
	}
}
