package xds

import (
	"fmt"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/submission"
	"dokumentlager/internal/terminology"

	"github.com/google/uuid"
)

// requestOf says a message in the use case's words. What the objects call each other becomes their number in the message.
func requestOf(m *ebxml.Submission, form submission.Form) submission.Request {
	request := submission.Request{Form: form, Problems: m.Problems, Claim: submission.Comprehensive}
	places := map[string]submission.End{}
	if len(m.Sets) > 0 {
		s := m.Sets[0]
		request.Set, request.HomeCommunity = s.SubmissionSet, s.Home
		canonical(&request.Set.ContentType)
		canonicalAuthors(request.Set.Authors)
		places[s.Ref] = submission.End{Place: submission.TheSet}
	}
	for i, e := range m.Entries {
		places[e.Ref] = submission.End{Place: submission.ADocument, Number: i}
		request.Documents = append(request.Documents, documentOf(e))
		request.Problems.Add(firstVersion(e.Ref, e.LogicalRef, fmt.Sprintf("documents[%d].logicalId", i)))
	}
	for i, f := range m.Folders {
		places[f.Ref] = submission.End{Place: submission.AFolder, Number: i}
		request.Folders = append(request.Folders, brought(f))
		request.Problems.Add(firstVersion(f.Ref, f.LogicalRef, fmt.Sprintf("folders[%d].logicalId", i)))
	}
	for i, a := range m.Associations {
		if a.Ref != "" {
			places[a.Ref] = submission.End{Place: submission.ALink, Number: i}
		}
	}
	for _, a := range m.Associations {
		request.Links = append(request.Links, broughtLink(a, places))
	}
	return request
}

// firstVersion: the logical id of what is new is its own (spec/ihe.md 1.5). Another one that a source gives is not kept; that it is one of the registry's,
// as in an update, is the use case's to find out.
func firstVersion(ref, logical, location string) *fault.Problem {
	if logical == "" || logical == ref {
		return nil
	}
	return fault.New(fault.ExtraMetadata, "The lid is not kept: what is new has its own id as logical id.").At(location).AsWarning()
}

func documentOf(e ebxml.Entry) submission.Document {
	d := submission.Document{Entry: e.Entry, LogicalID: e.LogicalID, HomeCommunity: e.Home, DeclaredSize: -1, DeclaredHash: e.SHA1,
		Identifiers: submission.Identifiers{Master: e.UniqueID}}
	if e.ID != uuid.Nil {
		d.Identifiers.EntryUUID = e.ID.String()
	}
	if e.SizeStated {
		d.DeclaredSize = e.Size
	}
	canonicalEntry(&d.Entry)
	return d
}

func brought(f ebxml.Folder) submission.Folder {
	out := submission.Folder{Folder: document.Folder{ID: f.ID, UniqueID: f.UniqueID, Patient: f.Patient, Codes: f.Codes, Title: f.Title, Comments: f.Comments}}
	for i := range out.Folder.Codes {
		canonical(&out.Folder.Codes[i])
	}
	return out
}

// linkOf is an association of the message. One whose end is a symbolic id that nothing has, or whose type is none, has been told of by the reader, and
// is passed over.
func broughtLink(a ebxml.Association, places map[string]submission.End) submission.Link {
	from, known := endOf(a.SourceRef, a.Source, places)
	to, named := endOf(a.TargetRef, a.Target, places)
	if !known || !named {
		return submission.Link{}
	}
	documentation := a.Documentation
	canonical(&documentation)
	return submission.Link{From: from, To: to, Update: a.Previous != "" || a.Alone || a.From != 0 || a.To != 0,
		Association: document.Association{ID: a.ID, Type: a.Type, Membership: a.Membership, Documentation: documentation}}
}

// endOf is an object of the message, or the registered one with this entryUUID.
func endOf(ref string, id uuid.UUID, places map[string]submission.End) (submission.End, bool) {
	if end, here := places[ref]; here && ref != "" {
		return end, true
	}
	return submission.End{Target: submission.Target{Entry: id}}, id != uuid.Nil
}

// giveBytes gives each entry the document that the message has for it. A Document without content gives none, and a part serves once: what came and
// belongs to nothing would be lost, and is told.
func giveBytes(request *submission.Request, m *ebxml.Submission, r *endpoint.Request) {
	entries := map[string]int{}
	for i, e := range m.Entries {
		entries[e.Ref] = i
	}
	used := map[int]bool{}
	for i, d := range m.Documents {
		n := r.Message.Document(d.Href)
		if d.Href == "" || n < 0 || n >= len(r.Received) {
			continue
		}
		if entry, known := entries[d.Ref]; known && !used[n] {
			request.Documents[entry].Bytes = r.Received[n]
		} else if known {
			request.Problems.Add(fault.New(fault.MissingDocument, "The document's part is another document's too; each needs one of its own.").At(fmt.Sprintf("bodies[%d]", i)))
		}
		used[n] = true
	}
	if spare := len(r.Received) - len(used); spare > 0 {
		request.Problems.Add(fault.New(fault.MissingMetadata, "%d parts of the message are no Document's.", spare).At("bodies"))
	}
}

// canonical spells a code's system as the house does (D2).
func canonical(c *document.Code) {
	if c.System != "" {
		c.System = terminology.Canonical(c.System)
	}
}

func canonicalEntry(e *document.Entry) {
	for _, c := range []*document.Code{&e.Class, &e.Type, &e.Format, &e.Facility, &e.Practice} {
		canonical(c)
	}
	for i := range e.Events {
		canonical(&e.Events[i])
	}
	for i := range e.Confidentiality {
		canonical(&e.Confidentiality[i])
	}
	canonicalAuthors(e.Authors)
}

// canonicalAll does so with all objects of an update: who may see a document is decided by how its codes' systems are spelt (C2).
func canonicalAll(o *ebxml.Objects) {
	for i := range o.Sets {
		canonical(&o.Sets[i].ContentType)
		canonicalAuthors(o.Sets[i].Authors)
	}
	for i := range o.Entries {
		canonicalEntry(&o.Entries[i].Entry)
	}
	for i := range o.Folders {
		for n := range o.Folders[i].Codes {
			canonical(&o.Folders[i].Codes[n])
		}
	}
	for i := range o.Associations {
		canonical(&o.Associations[i].Documentation)
	}
}

func canonicalAuthors(authors []document.Author) {
	for _, a := range authors {
		for i := range a.Roles {
			canonical(&a.Roles[i])
		}
		for i := range a.Specialties {
			canonical(&a.Specialties[i])
		}
	}
}
