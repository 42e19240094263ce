package submission

import (
	"context"
	"slices"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// object is an end of a link that was found: an object of the message (here), or a registered one.
type object struct {
	place   Place
	here    bool
	id      uuid.UUID
	patient document.PatientID
	entry   document.Entry
	list    document.List
	link    linked
}

// object finds what an end names.
func (m *meeting) object(e End) (object, bool) {
	v := m.v
	switch n := e.Number; {
	case e.Place == TheSet:
		return object{place: TheSet, here: true, id: v.set.ID, patient: v.set.Patient}, true
	case e.Place == ADocument && n < len(v.entries):
		return object{place: ADocument, here: true, id: v.entries[n].ID, patient: v.entries[n].Patient, entry: v.entries[n]}, true
	case e.Place == AFolder && n < len(v.folders):
		f := v.folders[n]
		list := document.List{Kind: document.FolderKind, ID: f.ID, Patient: f.Patient, Status: document.Approved}
		return object{place: AFolder, here: true, id: f.ID, patient: f.Patient, list: list}, true
	case e.Place == ALink && n < len(v.request.Links):
		l := v.links[v.firstLink()+n]
		return object{place: ALink, here: true, id: l.Association.ID, link: l}, true
	case e.Place == Registered:
		return m.registered(e.Target)
	default:
		return object{}, false
	}
}

// registered finds what is registered: an entry, by each of its identifiers, a list or an association, by its id.
func (m *meeting) registered(t Target) (object, bool) {
	entry, found := m.names[t.Entry.String()]
	if !found {
		entry, found = m.names[t.UniqueID]
	}
	if found {
		return object{place: ADocument, id: entry.ID, patient: entry.Patient, entry: entry}, true
	}
	if l, ok := m.byID[t.Entry]; ok && m.v.request.Form.xds() {
		place := TheSet
		if l.Kind == document.FolderKind {
			place = AFolder
		}
		return object{place: place, id: l.ID, patient: l.Patient, list: l}, true
	}
	patient, ok := m.associations[t.Entry]
	return object{place: ALink, id: t.Entry, patient: patient}, ok
}

// named finds documents that are there by each of their identifiers: a folder may name thousands.
func named(known []document.Entry) map[string]document.Entry {
	out := map[string]document.Entry{}
	for _, k := range slices.Backward(known) { // the first of several wins
		if k.Status == document.Tombstone {
			continue
		}
		out[k.UniqueID], out[k.AliasID] = k, k
	}
	for _, k := range known {
		if k.Status != document.Tombstone {
			out[k.ID.String()] = k
		}
	}
	delete(out, "")
	return out
}

// sealed are the links of the message that its set has as members.
func (v *verdict) sealed() map[uuid.UUID]bool {
	out := map[uuid.UUID]bool{}
	for _, l := range v.request.Links {
		if l.From.Place == TheSet && l.To.Place == ALink && l.To.Number < len(v.request.Links) {
			out[v.links[v.firstLink()+l.To.Number].Association.ID] = true
		}
	}
	return out
}

// resolve makes associations of links.
func (m *meeting) resolve(which func(linked) bool) {
	for _, l := range m.v.links {
		if !which(l) || m.refused[l.folder] || l.Association.Type == 0 || l.Update {
			continue
		}
		from, begun := m.object(l.From)
		to, found := m.object(l.To)
		var p *fault.Problem
		switch {
		case !begun:
			p = fault.New(fault.UnresolvedReference, "What the association begins at is neither in the message nor registered in this home community.")
		case !found:
			p = unresolved(from)
		default:
			p = m.judge(l, from, to)
		}
		if p != nil {
			m.problems.Add(p.At(l.at))
			continue
		}
		m.make(l, from, to)
	}
}

func unresolved(from object) *fault.Problem {
	switch from.place {
	case AFolder:
		return fault.New(fault.UnresolvedReference, "The folder names a document that is neither in the message nor registered in this home community.")
	case ADocument:
		return fault.New(fault.UnresolvedReference, "The related document is not registered in this home community.")
	default:
		return fault.New(fault.UnresolvedReference, "The submission set names an object that is neither in the message nor registered in this home community.")
	}
}

// judge says what is wrong with a link whose ends are known (ITI TF-3 §4.2.2).
func (m *meeting) judge(l linked, from, to object) *fault.Problem {
	switch {
	case l.Association.Type != document.HasMember:
		return m.judgeRelation(l, from, to)
	case from.place == TheSet && from.here:
		return m.judgeMember(l, to)
	case from.place == AFolder:
		return m.judgeContent(from, to)
	default:
		return fault.New(fault.MetadataError, "HasMember begins at the message's submission set or at a folder, and this one does not.").By("W4")
	}
}

// judgeMember: a set has what its message brings, and may refer to what is registered; to a document of another patient too (spec/ihe.md 1.5).
func (m *meeting) judgeMember(l linked, to object) *fault.Problem {
	said := l.Association.Membership
	switch {
	case to.place == TheSet:
		return fault.New(fault.MetadataError, "A submission set is no member of a submission set.").By("W4")
	case to.place == ALink && to.here && to.link.From.Place == TheSet:
		return fault.New(fault.MetadataError, "The submission set cannot have one of its own memberships as a member.").By("W4")
	case to.here && said == document.Reference && to.place != ALink:
		return fault.New(fault.MetadataError, "SubmissionSetStatus Reference is for what is registered already; what the message brings is Original.").By("W4")
	case !to.here && said == document.Original && to.place == ADocument:
		return fault.New(fault.MetadataError, "SubmissionSetStatus Original is for what the message brings; what is registered already is a Reference.").By("W4")
	case !to.here && to.place != ADocument && to.patient != m.v.set.Patient:
		return fault.New(fault.PatientMismatch, "What the submission set refers to is of another patient.")
	default:
		return nil
	}
}

// judgeContent: a folder holds documents of its patient.
func (m *meeting) judgeContent(folder, to object) *fault.Problem {
	switch {
	case to.place != ADocument:
		return fault.New(fault.MetadataError, "A folder holds documents and nothing else.").By("W4")
	case !folder.here && folder.list.Status == document.Deprecated:
		return fault.New(fault.TargetDeprecated, "The folder is not current any more. Fetch the current one and add to that.")
	case to.patient != folder.patient && !(folder.here && to.here): // of what the message brings, the set's patient is the measure
		return fault.New(fault.PatientMismatch, "The document is of another patient than the folder.")
	case m.v.request.Form.xds() && m.held[folder.id][to.id]:
		return fault.New(fault.MetadataError, "The document is a member of this folder already.").By("W4")
	case m.v.request.Form.xds() && len(m.held[folder.id]) >= maxMembers:
		return fault.New(fault.MetadataError, "The folder would hold more than %d documents. Begin another.", maxMembers).By("W4")
	default:
		return nil
	}
}

// judgeRelation: its target must be of the same patient, and current if it is to be replaced, or anything else to be built on it.
func (m *meeting) judgeRelation(l linked, from, to object) *fault.Problem {
	kind, xds := l.Association.Type, m.v.request.Form.xds()
	builds := kind == document.Append || kind == document.Transform
	switch {
	case from.place != ADocument || !from.here:
		return fault.New(fault.MetadataError, "The relation begins at a document of the message, and this one does not. What is registered already is related by ITI-57.").By("W4")
	case to.place != ADocument:
		return fault.New(fault.MetadataError, "The relation leads to a document, and this one does not.").By("W4")
	case to.here && (kind.Deprecates() || !xds):
		return fault.New(fault.UnresolvedReference, "A document that is replaced must be registered already, not one of the same message.")
	case to.patient != from.patient:
		return fault.New(fault.PatientMismatch, "The related document is of another patient.")
	case kind.Deprecates() && (to.entry.Status != document.Approved || m.replaced[to.id]):
		return fault.New(fault.TargetDeprecated, "The document to be replaced is not current any more. Fetch the current one and replace that.")
	case builds && xds && to.entry.Status != document.Approved:
		return fault.New(fault.TargetDeprecated, "The document that is appended to or transformed is not current any more. Fetch the current one.")
	case kind == document.SnapshotOf && (from.entry.OnDemand || !to.entry.OnDemand):
		return fault.New(fault.MetadataError, "IsSnapshotOf leads from a stable document to an On-Demand entry.").By("W4")
	default:
		return nil
	}
}

// make keeps what a link brings about.
func (m *meeting) make(l linked, from, to object) {
	a := l.Association
	a.Source, a.Target = from.id, to.id
	switch {
	case from.place == AFolder:
		if m.added[l.folder] == nil {
			m.added[l.folder] = map[uuid.UUID]bool{}
		}
		m.added[l.folder][to.id] = true
		m.put(a)
		return
	case from.place == TheSet && to.place == ADocument && to.here:
		a.Membership = document.Original
	case from.place == TheSet && to.place == ADocument:
		a.Membership = document.Reference
	case a.Type.Deprecates():
		m.replaced[to.id] = true
	}
	m.v.associations = append(m.v.associations, a)
}

// put makes an entry a member of a folder, once, and the membership one of the set (ITI TF-3 §4.2.1.3).
func (m *meeting) put(a document.Association) {
	v := m.v
	if m.held[a.Source][a.Target] {
		return
	}
	if m.held[a.Source] == nil {
		m.held[a.Source] = map[uuid.UUID]bool{}
	}
	m.held[a.Source][a.Target] = true
	v.associations = append(v.associations, a)
	if !m.sealed[a.ID] {
		v.member(v.set.ID, a.ID)
	}
	if _, registered := m.byID[a.Source]; registered && !slices.Contains(v.grown, a.Source) {
		v.grown = append(v.grown, a.Source)
	}
}

func (v *verdict) member(of, id uuid.UUID) {
	v.associations = append(v.associations, document.Association{ID: uuid.Must(uuid.NewV7()), Type: document.HasMember, Source: of, Target: id})
}

// inherit puts what replaces a document into that one's folders (spec/ihe.md 1.5).
func (m *meeting) inherit() {
	for _, a := range slices.Clone(m.v.associations) {
		if !a.Type.Deprecates() {
			continue
		}
		for _, folder := range m.holders[a.Target] {
			m.put(document.Association{ID: uuid.Must(uuid.NewV7()), Type: document.HasMember, Source: folder, Target: a.Source})
		}
	}
	slices.SortFunc(m.v.grown, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
}

// updates finds entries that would be other versions of registered documents: such are sent as updates.
func (m *meeting) updates(ctx context.Context, tx *postgres.Tx) error {
	stated := map[uuid.UUID]int{}
	for i, d := range m.v.request.Documents {
		if d.LogicalID != uuid.Nil {
			stated[d.LogicalID] = i
		}
	}
	if len(stated) == 0 {
		return nil
	}
	registered, err := registry.LogicalIDs(ctx, tx, lo.Keys(stated), nil)
	for _, logical := range registered {
		if i, named := stated[logical]; named && m.v.entries[i].ID != logical { // its own id: that is said of the entryUUID
			m.problems.Add(fault.New(fault.MetadataError, "The lid is that of a registered document, as in an update. Updates are sent by ITI-57 or 92.").
				At(at(i, "logicalId")).By("W4"))
		}
	}
	return err
}

// identifiers: what an XDS message calls its set and its associations must be new; of documents and folders a word is said with them.
func (m *meeting) identifiers() {
	v := m.v
	if !v.request.Form.xds() {
		return
	}
	if slices.ContainsFunc(m.lists, func(l document.List) bool { return l.UniqueID == v.set.UniqueID }) {
		m.problems.Add(fault.New(fault.DuplicateInRegistry, "A submission set or folder with this uniqueId is registered already. Each submission needs a new one.").At("set.uniqueId"))
	}
	if m.taken(v.set.ID) {
		m.problems.Add(taken("set.entryUUID"))
	}
	for i, l := range v.links[v.firstLink():] {
		if m.taken(l.Association.ID) {
			m.problems.Add(taken(inLink(i, "entryUUID")))
		}
	}
	for i, e := range v.entries {
		_, list := m.byID[e.ID]
		_, link := m.associations[e.ID]
		if list || link {
			m.problems.Add(taken(at(i, "entryUUID")))
		}
	}
}

func taken(location string) *fault.Problem {
	return fault.New(fault.DuplicateInRegistry, "Another object is registered with this id. Send a new one, or a symbolic one.").At(location)
}

// taken tells that an id is that of something registered.
func (m *meeting) taken(id uuid.UUID) bool {
	_, list := m.byID[id]
	_, link := m.associations[id]
	entry, there := m.names[id.String()]
	return list || link || there && entry.ID == id
}
