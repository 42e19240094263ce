package submission

import (
	"fmt"
	"slices"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"

	"github.com/google/uuid"
)

// wrong is a message that does not say what it updates as it should.
func wrong(at, text string, args ...any) *fault.Problem {
	return fault.New(fault.UpdateOperation, text, args...).At(at)
}

// operations tells what each association asks for. What is none of ITI-57's operations refuses the message: what nobody understands is not half done.
func (u *update) operations() {
	o := u.message.Message
	u.documents, u.cases = make([]revised, len(o.Entries)), make([]revised, len(o.Folders))
	if len(o.Associations) == 0 {
		u.problems.Add(wrong("set", "The message says nothing that is to be updated."))
	}
	for i, a := range o.Associations {
		here := fmt.Sprintf("associations[%d]", i)
		fromSet := len(o.Sets) > 0 && a.SourceRef == o.Sets[0].Ref
		switch {
		case a.Type == document.UpdateStatus:
			u.statusChange(here, a, fromSet)
		case a.Type == document.SubmitAssociation:
			u.submit(here, a, fromSet)
		case a.Type == document.HasMember && fromSet:
			u.newVersion(here, a)
		case a.Type != 0 && !u.isSubmitted(a.Ref):
			u.problems.Add(wrong(here, "No SubmitAssociation of the message submits this association, and an update has no other use for it."))
		}
	}
	u.checkLogical()
}

// newVersion is a new version's membership in the set, which says what version it updates.
func (u *update) newVersion(here string, a ebxml.Association) {
	o := u.message.Message
	if a.Membership == "" && slices.ContainsFunc(o.Folders, func(f ebxml.Folder) bool { return f.Ref == a.TargetRef }) {
		a.Membership = document.Original // SubmissionSetStatus is about memberships of document entries (ITI TF-3 4.2.1.4)
	}
	if !u.plain(here, a, true) {
		return
	}
	r := revised{previous: a.Previous, membership: u.ids[a.Ref], alone: a.Alone}
	if r.membership == uuid.Nil {
		r.membership = kept(uuid.Nil)
	}
	if i := slices.IndexFunc(o.Entries, func(e ebxml.Entry) bool { return e.Ref == a.TargetRef }); i >= 0 {
		r.at, r.logical = fmt.Sprintf("documents[%d]", i), logicalOf(o.Entries[i].LogicalRef, o.Entries[i].LogicalID)
		u.documents[i] = r
		return
	}
	if i := slices.IndexFunc(o.Folders, func(f ebxml.Folder) bool { return f.Ref == a.TargetRef }); i >= 0 {
		r.at, r.logical = fmt.Sprintf("folders[%d]", i), logicalOf(o.Folders[i].LogicalRef, asID(o.Folders[i].LogicalRef))
		u.cases[i] = r
		return
	}
	u.problems.Add(wrong(here, "The set's member is no new version that the message brings. What is registered is updated by a new version of it, by UpdateAvailabilityStatus or by SubmitAssociation."))
}

// plain: an operation has its own slots and no other's.
func (u *update) plain(here string, a ebxml.Association, versioned bool) bool {
	switch {
	case a.Type != document.UpdateStatus && (a.From != 0 || a.To != 0):
		u.problems.Add(wrong(here, "OriginalStatus and NewStatus belong to UpdateAvailabilityStatus only."))
	case !versioned && (a.Previous != "" || a.Alone):
		u.problems.Add(wrong(here, "PreviousVersion and AssociationPropagation belong to the set's membership of a new version only."))
	case versioned && a.Membership != document.Original:
		u.problems.Add(wrong(here, "The set's membership of a new version has SubmissionSetStatus Original."))
	default:
		return true
	}
	return false
}

// unknownLogical stands for a logical id that is stated and can be none of ours.
var unknownLogical = uuid.Max

func logicalOf(ref string, id uuid.UUID) uuid.UUID {
	if ref != "" && id == uuid.Nil {
		return unknownLogical
	}
	return id
}

func asID(text string) uuid.UUID {
	id, err := uuid.Parse(text)
	if err != nil {
		return uuid.Nil
	}
	return id
}

func (u *update) statusChange(here string, a ebxml.Association, fromSet bool) {
	switch {
	case !fromSet:
		u.problems.Add(wrong(here, "UpdateAvailabilityStatus leads from the message's submission set to what changes."))
	case !u.plain(here, a, false), a.From == 0 || a.To == 0 || a.From == a.To: // the latter is told by who read it
	default:
		u.changes = append(u.changes, change{at: here, target: u.idOf(a.TargetRef, a.Target), from: a.From, to: a.To})
	}
}

// idOf is the id of an object by what the message calls it: one of its own, or one that is registered.
func (u *update) idOf(ref string, id uuid.UUID) uuid.UUID {
	if own, ok := u.ids[ref]; ok {
		return own
	}
	return id
}

func (u *update) isSubmitted(ref string) bool {
	return ref != "" && slices.ContainsFunc(u.message.Message.Associations, func(a ebxml.Association) bool {
		return a.Type == document.SubmitAssociation && a.TargetRef == ref
	})
}

func (u *update) submit(here string, a ebxml.Association, fromSet bool) {
	all := u.message.Message.Associations
	i := slices.IndexFunc(all, func(b ebxml.Association) bool { return b.Ref == a.TargetRef })
	switch {
	case !fromSet:
		u.problems.Add(wrong(here, "SubmitAssociation leads from the message's submission set to the association that it submits."))
	case i < 0:
		u.problems.Add(wrong(here, "SubmitAssociation leads to no association of the message."))
	case !u.plain(here, a, false):
	case all[i].Type == document.UpdateStatus || all[i].Type == document.SubmitAssociation || all[i].Type == 0:
		u.problems.Add(wrong(here, "What SubmitAssociation submits is a relation between documents, or a folder's membership."))
	default:
		if there := fmt.Sprintf("associations[%d]", i); u.plain(there, all[i], false) {
			u.submitOne(here, u.ids[a.Ref], all[i])
		}
	}
}

func (u *update) submitOne(here string, membership uuid.UUID, b ebxml.Association) {
	a := document.Association{ID: u.ids[b.Ref], Type: b.Type, Source: u.idOf(b.SourceRef, b.Source), Target: u.idOf(b.TargetRef, b.Target), Documentation: b.Documentation}
	if membership == uuid.Nil {
		membership = kept(uuid.Nil)
	}
	if slices.ContainsFunc(u.joins, func(l submitted) bool { return l.association.ID == a.ID }) {
		u.problems.Add(wrong(here, "The association is submitted twice."))
		return
	}
	u.joins = append(u.joins, submitted{at: here, association: a, membership: membership})
}

// checkLogical: each new version says of what, and no two are of the same.
func (u *update) checkLogical() {
	seen := map[uuid.UUID]bool{}
	for i, r := range slices.Concat(u.documents, u.cases) {
		var own uuid.UUID
		if i < len(u.documents) {
			own = u.entries[i].ID
		} else {
			own = u.folders[i-len(u.documents)].ID
		}
		switch {
		case r.at == "": // not a member of the set: told already
		case r.logical == uuid.Nil || r.logical == own:
			u.problems.Add(fault.New(fault.UpdateRefused, "The lid is missing, or is the object's own id: an update does not register a first version. Send that as ITI-41.").At(r.at + ".logicalId"))
		case seen[r.logical]:
			u.problems.Add(wrong(r.at, "Two new versions of the same logical object stand in one message. Send one message for each."))
		case r.previous == "":
			u.problems.Add(fault.New(fault.VersionMismatch, "The set's membership does not say which version is updated (PreviousVersion).").At(r.at))
		}
		seen[r.logical] = true
	}
	targets := map[uuid.UUID]bool{}
	for _, c := range u.changes {
		if targets[c.target] {
			u.problems.Add(wrong(c.at, "The status of the same object is changed twice in one message."))
		}
		targets[c.target] = true
	}
	u.checkRestricted()
}

// checkRestricted: ITI-92 makes new versions of entries, and nothing else.
func (u *update) checkRestricted() {
	if !u.message.Restricted {
		return
	}
	for _, c := range u.cases {
		u.problems.Add(unmodifiable(c.at, "A folder is not updated by ITI-92; send ITI-57."))
	}
	for _, c := range u.changes {
		u.problems.Add(unmodifiable(c.at, "The availabilityStatus is not changed by ITI-92; send ITI-57."))
	}
	for _, l := range u.joins {
		u.problems.Add(unmodifiable(l.at, "Associations are not submitted by ITI-92; send ITI-57."))
	}
}

func unmodifiable(at, text string) *fault.Problem {
	return fault.New(fault.Unmodifiable, "%s", text).At(at)
}
