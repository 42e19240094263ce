package submission

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// meeting is the message against what is registered.
type meeting struct {
	v *verdict
	// known are the entries that the message names, newest first, tombstones too, and places where they stand there; names finds those that are there by
	// each identifier.
	known  []document.Entry
	places map[string][]int
	names  map[string]document.Entry
	// lists are the sets and folders that it names, and those that hold what it replaces, which holders has by entry.
	lists   []document.List
	byID    map[uuid.UUID]document.List
	holders map[uuid.UUID][]uuid.UUID
	// associations are the registered ones that it names, by id, with their patients.
	associations map[uuid.UUID]document.PatientID
	// held are the members of each folder, those that the message adds among them; added those that it names, of a bundle's folder.
	held  map[uuid.UUID]map[uuid.UUID]bool
	added map[int]map[uuid.UUID]bool
	// replaced are the entries that it replaces; sealed the links that a membership of the set is about; refused the folders of a bundle
	// that cannot be registered.
	replaced, sealed map[uuid.UUID]bool
	refused          map[int]bool
	problems         fault.Problems
}

// meetRegistry judges the message against what is registered, and resolves links into associations. It may run twice: once
// to tell all problems, once in the transaction that registers, where it locks what it found.
func (v *verdict) meetRegistry(ctx context.Context, tx *postgres.Tx) (fault.Problems, error) {
	m := &meeting{v: v, held: map[uuid.UUID]map[uuid.UUID]bool{}, added: map[int]map[uuid.UUID]bool{}, replaced: map[uuid.UUID]bool{},
		sealed: v.sealed(), refused: map[int]bool{}}
	ids, unique := v.named()
	var err error
	if m.known, err = registry.Existing(ctx, tx, ids, unique); err != nil {
		return nil, err
	}
	m.index()
	if err := v.recognise(ctx, tx, m.about); err != nil || v.first != nil {
		return nil, err
	}
	m.names = named(m.known)
	if err := m.look(ctx, tx, ids); err != nil {
		return nil, err
	}
	v.associations, v.grown = nil, nil // a second run resolves anew
	if err := m.updates(ctx, tx); err != nil {
		return nil, err
	}
	m.identifiers()
	for i, e := range v.entries {
		m.problems.Add(v.meetTwin(i, e, m.about(e))...)
	}
	m.resolve(func(l linked) bool { return l.folder < 0 })
	m.problems.Add(v.checkSuperseded(m.known)...)
	m.folders()
	m.inherit()
	return v.bounded(m.problems), nil
}

// index makes known entries found by id and uniqueId: a message may have thousands, and each its twin.
func (m *meeting) index() {
	m.places = map[string][]int{}
	for i, k := range m.known {
		for _, name := range []string{"id " + k.ID.String(), "uniqueId " + k.UniqueID} {
			m.places[name] = append(m.places[name], i)
		}
	}
}

// about are the known entries that have an identifier of the message's entry, in the order of known.
func (m *meeting) about(e document.Entry) []document.Entry {
	places := slices.Concat(m.places["id "+e.ID.String()], m.places["uniqueId "+e.UniqueID])
	slices.Sort(places)
	return lo.Map(slices.Compact(places), func(i, _ int) document.Entry { return m.known[i] })
}

// named are the identifiers by which the message may meet entries.
func (v *verdict) named() (ids []uuid.UUID, unique []string) {
	unique = []string{}
	for _, e := range v.entries {
		ids, unique = append(ids, e.ID), append(unique, e.UniqueID)
	}
	for _, l := range v.links {
		for _, end := range []End{l.From, l.To} {
			if end.Place == Registered {
				ids, unique = append(ids, end.Target.Entry), append(unique, end.Target.UniqueID)
			}
		}
	}
	for _, t := range v.request.Supersedes {
		ids, unique = append(ids, t.Entry), append(unique, t.UniqueID)
	}
	for _, f := range v.folders {
		ids = append(ids, f.ID)
	}
	return ids, unique
}

// look reads the lists and associations that the message names. A bundle without folders that replaces nothing names none.
func (m *meeting) look(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) (err error) {
	v := m.v
	m.byID = map[uuid.UUID]document.List{}
	if m.holders, err = registry.FoldersOf(ctx, tx, m.targets()); err != nil {
		return err
	}
	var unique []string
	for _, f := range v.folders {
		unique = append(unique, f.UniqueID)
	}
	if len(v.folders)+len(m.holders) == 0 && !v.request.Form.xds() {
		return nil
	}
	for _, h := range m.holders {
		ids = append(ids, h...)
	}
	if v.request.Form.xds() {
		ids, unique = append(ids, v.set.ID), append(unique, v.set.UniqueID)
	}
	if ids, err = m.lockLists(ctx, tx, ids); err != nil {
		return err
	}
	if m.lists, err = registry.ListsNamed(ctx, tx, ids, unique); err != nil {
		return err
	}
	for _, l := range m.lists {
		m.byID[l.ID] = l
		m.held[l.ID] = map[uuid.UUID]bool{}
		for _, id := range l.Members {
			m.held[l.ID][id] = true
		}
	}
	if v.request.Form.xds() {
		for _, l := range v.links {
			ids = append(ids, l.Association.ID)
		}
		m.associations, err = registry.AssociationPatients(ctx, tx, ids)
	}
	return err
}

// lockLists locks what the message adds to. A folder of which a new version was made while the lock was waited for (ITI-57) is an old one since: the
// new one holds what is to be replaced.
func (m *meeting) lockLists(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) ([]uuid.UUID, error) {
	err := registry.LockLists(ctx, tx, ids)
	if err != nil || len(m.holders) == 0 {
		return ids, err
	}
	m.holders, err = registry.FoldersOf(ctx, tx, m.targets())
	for _, h := range m.holders {
		ids = append(ids, h...)
	}
	return ids, err
}

// targets are the entries that the message would replace.
func (m *meeting) targets() (ids []uuid.UUID) {
	for _, l := range m.v.links {
		if to, ok := m.object(l.To); ok && l.Association.Type.Deprecates() && to.place == ADocument && !to.here {
			ids = append(ids, to.id)
		}
	}
	return ids
}

// recognise finds out whether this very message was registered before: each of its documents with the same bytes, all by one
// submission that had no others, and with the same word on folders. A record system that lost our answer sends the message again, and gets that answer again
// (DESIGN, step 5); its audit event is the first one's.
func (v *verdict) recognise(ctx context.Context, tx *postgres.Tx, about func(document.Entry) []document.Entry) error {
	twins := make([]document.Entry, 0, len(v.entries))
	for _, e := range v.entries {
		known := about(e)
		i := slices.IndexFunc(known, func(k document.Entry) bool { return v.same(e, k) })
		if i < 0 || (len(twins) > 0 && known[i].SubmissionID != twins[0].SubmissionID) {
			return nil
		}
		twins = append(twins, known[i])
	}
	var id uuid.UUID
	var err error
	if len(twins) > 0 {
		id = twins[0].SubmissionID
	} else if id, err = v.firstSet(ctx, tx); err != nil || id == uuid.Nil {
		return err
	}
	set, members, err := registry.Set(ctx, tx, id)
	if fault.KindOf(err) == fault.NotFound {
		return nil // removed since (ITI-62)
	}
	if err != nil || len(members) != len(twins) || (v.keepsUniqueIDs() && set.UniqueID != v.set.UniqueID) {
		return err
	}
	first, err := firstReceipt(ctx, tx, v.tenant, set.ID)
	if err != nil {
		return err
	}
	if first.asked == v.asked() {
		v.first = &first
	}
	return nil
}

// keepsUniqueIDs tells that documents and set go by the uniqueId that the message gives them (docs/profiles.md).
func (v *verdict) keepsUniqueIDs() bool {
	return v.request.Form.xds() || v.tenant.Profile == tenant.IHE
}

// same reports whether a registered document is the message's: by the identifier its profile goes by, by its bytes, and by all its
// metadata: a message that says something else, such as another confidentiality, must not be answered as if that were done.
func (v *verdict) same(e, k document.Entry) bool {
	named := k.ID == e.ID || (v.keepsUniqueIDs() && k.UniqueID == e.UniqueID)
	return named && k.Status != document.Tombstone && v.bytesKnown(e) && bytes.Equal(said(k), said(e))
}

// said is what an entry says of its document, in one comparable form, without what the registry gave it.
func said(e document.Entry) []byte {
	e.ID, e.LogicalID, e.SubmissionID, e.ObjectKey, e.Version, e.Status, e.Registered = uuid.Nil, uuid.Nil, uuid.Nil, uuid.Nil, 0, 0, time.Time{}
	if len(e.Events) == 0 {
		e.Events = nil
	}
	if len(e.References) == 0 {
		e.References = nil
	}
	if len(e.SHA256) == 0 { // of one that another repository keeps, nobody knows it
		e.SHA256 = nil
	}
	if len(e.SHA1) == 0 {
		e.SHA1 = nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil
	}
	return text
}

// meetTwin: an entryUUID is registered once; the same document uniqueId may come again with the same bytes only
// (spec/ihe.md 1.5). A tombstone stands in nobody's way.
func (v *verdict) meetTwin(i int, e document.Entry, known []document.Entry) (ps fault.Problems) {
	for _, k := range known {
		switch {
		case k.Status == document.Tombstone:
		case k.ID == e.ID && sameBytes(e, k):
			ps.Add(fault.New(fault.DuplicateInRegistry, "This document is registered already, with the same bytes, in another message or with other "+
				"metadata. Nothing was stored. Change what is registered with PATCH, or send a new id.").At(at(i, "entryUUID")))
		case k.ID == e.ID:
			ps.Add(fault.New(fault.DuplicateInRegistry, "Another document is registered with this id. Send a new id, with relatesTo=replaces if it is a new version.").
				At(at(i, "entryUUID")))
		case k.UniqueID == e.UniqueID && v.bytesKnown(e) && !sameBytes(e, k):
			ps.Add(fault.New(fault.NonIdenticalHash, "A document with this unique identifier and other bytes is registered. A new version needs a new identifier.").
				At(at(i, "uniqueId")))
			if v.request.Form.xds() && k.Size != e.Size {
				ps.Add(fault.New(fault.NonIdenticalSize, "The document that is registered with this unique identifier has another size.").At(at(i, "uniqueId")))
			}
		}
		if ps != nil {
			return ps
		}
	}
	return nil
}

// bytesKnown tells that there is something to compare. An On-Demand entry has no bytes, which is what another one has too.
func (v *verdict) bytesKnown(e document.Entry) bool {
	return len(e.SHA256) > 0 || !v.request.Form.bytes()
}

// sameBytes compares by the digest that both have.
func sameBytes(a, b document.Entry) bool {
	if len(a.SHA256) > 0 && len(b.SHA256) > 0 {
		return bytes.Equal(a.SHA256, b.SHA256)
	}
	return a.OnDemand == b.OnDemand && a.Size == b.Size && bytes.Equal(a.SHA1, b.SHA1)
}

// in finds the target among known entries; a deleted document is not there any more.
func (t Target) in(known []document.Entry) *document.Entry {
	for i, k := range known {
		if k.Status == document.Tombstone {
			continue
		}
		if (t.Entry != uuid.Nil && k.ID == t.Entry) || (t.UniqueID != "" && (k.UniqueID == t.UniqueID || k.AliasID == t.UniqueID)) {
			return &known[i]
		}
	}
	return nil
}

// checkSuperseded: MHD's PATCH entry and relatesTo must say the same (spec/ihe.md 1.10: accept both).
func (v *verdict) checkSuperseded(known []document.Entry) (ps fault.Problems) {
	for _, t := range v.request.Supersedes {
		target, replaced := t.in(known), false
		for _, a := range v.associations {
			replaced = replaced || (target != nil && a.Target == target.ID && a.Type.Deprecates())
		}
		if !replaced {
			ps.Add(fault.New(fault.UnresolvedReference, "The message marks a document as superseded that none of its own documents replaces. "+
				"Add relatesTo with code replaces.").At("supersedes"))
		}
	}
	return ps
}
