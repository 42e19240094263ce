package submission

import (
	"fmt"

	"dokumentlager/internal/document"

	"github.com/google/uuid"
)

// Form is in whose words a message is, and by that which rules of the profiles it is held to (docs/profiles.md).
type Form uint8

// Bundle is a message of MHD. The others are XDS's: Provide brings documents (ITI-41), Registration metadata of documents that another repository
// keeps (ITI-42), OnDemand metadata of documents that are made when they are asked for (ITI-61).
const (
	Bundle Form = iota
	Provide
	Registration
	OnDemand
)

// xds tells the messages of registries, which name every association, from those that imply some.
func (f Form) xds() bool { return f != Bundle }

// bytes tells the messages whose documents come with them and are kept here.
func (f Form) bytes() bool { return f == Bundle || f == Provide }

// Link is one association of an XDS message. Locations of problems are written associations[i].field.
type Link struct {
	// Association is what the message says of it: ID is Nil where it states none that can be kept. Its ends stand beside it. One without a type is
	// passed over: the door has told what is wrong with it.
	Association document.Association
	From, To    End
	// Update tells that the message means to update what is registered (ITI-57).
	Update bool
}

// Place is where the end of a link is: in the message, or among what is registered.
type Place uint8

// What a link may begin at and lead to.
const (
	Registered Place = iota
	TheSet
	ADocument
	AFolder
	ALink
)

// End is one end of a link: an object of the message by its number, or a registered one.
type End struct {
	Place  Place
	Number int
	// Target names what is registered, by any of its identifiers.
	Target Target
}

// linked is a link with its place in the message, and where its problems are told.
type linked struct {
	Link
	at string
	// folder is the folder of a bundle that it belongs to, -1 elsewhere.
	folder int
}

func inLink(i int, field string) string {
	if field == "" {
		return fmt.Sprintf("associations[%d]", i)
	}
	return fmt.Sprintf("associations[%d].%s", i, field)
}

// assembleLinks gives every link its id. A bundle's relations and folders' entries are links too, and what it brings is a member of its set without
// saying so.
func (v *verdict) assembleLinks() {
	v.links = nil
	for i, d := range v.request.Documents {
		if !v.request.Form.xds() {
			v.imply(End{Place: ADocument, Number: i}, document.Original, -1)
		}
		for n, r := range d.Relations {
			v.link(Link{Association: document.Association{Type: r.Type, Documentation: r.Documentation}, From: End{Place: ADocument, Number: i}, To: End{Target: r.Target}},
				at(i, fmt.Sprintf("relations[%d]", n)), -1)
		}
	}
	for i, f := range v.request.Folders {
		if !v.request.Form.xds() {
			v.imply(End{Place: AFolder, Number: i}, "", i)
		}
		for n, item := range f.Items {
			v.link(Link{Association: document.Association{Type: document.HasMember}, From: End{Place: AFolder, Number: i}, To: item.end()},
				inFolder(i, fmt.Sprintf("items[%d]", n)), i)
		}
	}
	for i, l := range v.request.Links {
		v.link(l, inLink(i, ""), -1)
	}
}

// end is where a folder's entry leads.
func (i FolderItem) end() End {
	if i.Document >= 0 {
		return End{Place: ADocument, Number: i.Document}
	}
	return End{Target: i.Target}
}

func (v *verdict) link(l Link, at string, folder int) {
	if l.Association.ID == uuid.Nil {
		l.Association.ID = uuid.Must(uuid.NewV7())
	}
	v.links = append(v.links, linked{Link: l, at: at, folder: folder})
}

func (v *verdict) imply(to End, as document.Membership, folder int) {
	v.link(Link{Association: document.Association{Type: document.HasMember, Membership: as}, From: End{Place: TheSet}, To: to}, "", folder)
}

// firstLink is the place in links of the message's first own link: what a bundle implies stands before.
func (v *verdict) firstLink() int { return len(v.links) - len(v.request.Links) }
