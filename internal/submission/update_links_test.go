package submission_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/person"

	"github.com/google/uuid"
)

// has counts the approved associations of a type between two objects.
func (d *desk) has(kind document.AssociationType, from, to uuid.UUID) (n int) {
	d.t.Helper()
	for _, a := range d.touching(from) {
		if a.Type == kind && a.Source == from && a.Target == to && a.Status == document.Approved {
			n++
		}
	}
	return n
}

// alone sends AssociationPropagation no with the only new version of a message.
func (m *message) alone() *message {
	for i := range m.Associations {
		if m.Associations[i].Type == document.HasMember {
			m.Associations[i].Alone = true
		}
	}
	return m
}

// TestAssociationsAreCarriedAlong: to the new version, unless the message says no; memberships in submission sets and what is deprecated are not.
func TestAssociationsAreCarriedAlong(t *testing.T) {
	t.Parallel()
	d := open(t)
	doc, addendum, replaced, deleted, lonely := newEntry(), newEntry(), newEntry(func(e *document.Entry) { e.Status = document.Deprecated }), newEntry(), newEntry()
	folder := newFolder()
	d.register([]document.Entry{doc, addendum, replaced, deleted, lonely}, []document.Folder{folder}, link(document.HasMember, folder.ID, doc.ID), link(document.HasMember, folder.ID, lonely.ID))
	d.register(nil, nil, link(document.Append, addendum.ID, doc.ID), link(document.Append, deleted.ID, doc.ID))
	replaces := link(document.Transform, doc.ID, replaced.ID)
	replaces.Documentation = document.Code{Value: "c", System: "1.2", Display: "vist"}
	d.register(nil, nil, replaces)
	d.delete(deleted.ID)
	withdrawn := link(document.Append, lonely.ID, doc.ID)
	d.register(nil, nil, withdrawn)
	d.must(d.message(ida).status(withdrawn.ID.String(), document.Approved, document.Deprecated))
	r := d.must(d.update(doc, func(e *ebxml.Entry) { e.Title = "to" }))
	next := r.Documents[0].Entry
	for name, n := range map[string]int{"folder": d.has(document.HasMember, folder.ID, next), "addendum": d.has(document.Append, addendum.ID, next), "relation": d.has(document.Transform, next, replaced.ID),
		"old folder": d.has(document.HasMember, folder.ID, doc.ID), "old addendum": d.has(document.Append, addendum.ID, doc.ID)} {
		if n != 1 {
			t.Errorf("%s: %d", name, n)
		}
	}
	if d.has(document.Append, deleted.ID, next)+d.has(document.Append, lonely.ID, next) != 0 || len(d.touching(next)) != 4 {
		t.Errorf("%+v", d.touching(next))
	}
	for _, a := range d.touching(next) {
		if a.Type == document.Transform && a.Documentation != replaces.Documentation {
			t.Errorf("%+v", a)
		}
	}
	if l := d.folder(folder.ID); !l.Time.At.After(folder.Updated) || !slices.Contains(l.Members, next) {
		t.Errorf("%+v", l)
	}
	r = d.must(d.update(lonely).alone())
	if all := d.touching(r.Documents[0].Entry); len(all) != 1 {
		t.Errorf("%+v", all)
	}
	// A folder takes its documents along; its old version keeps them too.
	grown := d.must(d.folderUpdate(folder))
	fresh := d.folder(grown.Folders[0].ID)
	if fresh.Version != 2 || fresh.LogicalID != folder.ID || fresh.Title != "Ny tittel" || len(fresh.Members) != 3 || fresh.Status != document.Approved || fresh.Superseded {
		t.Errorf("%+v", fresh)
	}
	if old := d.folder(folder.ID); old.Status != document.Deprecated || len(old.Members) != 3 || !old.Superseded {
		t.Errorf("%+v", old)
	}
	m := d.folderUpdate(folder)
	m.Associations[0].Previous = "2"
	empty := d.must(m.alone())
	if l := d.folder(empty.Folders[0].ID); l.Version != 3 || len(l.Members) != 0 {
		t.Errorf("%+v", l)
	}
}

// TestPatientMoves: what is connected with nothing may become another patient's; what stays with the old one cannot be opened, and both are told.
func TestPatientMoves(t *testing.T) {
	t.Parallel()
	d := open(t)
	free, bound, mate := d.document(), newEntry(), newEntry()
	folder, empty := newFolder(), newFolder()
	d.register([]document.Entry{bound, mate}, []document.Folder{folder, empty}, link(document.HasMember, folder.ID, bound.ID))
	d.register(nil, nil, link(document.Append, mate.ID, bound.ID))
	to := func(m *message) *message { m.Sets[0].Patient = ivar; return m }
	moved := func(e *ebxml.Entry) { e.Patient = ivar }
	r := d.must(to(d.update(free, moved)))
	all := d.versions(free.ID)
	if all[0].Patient != ivar || all[0].Offline || all[0].ObjectKey != free.ObjectKey || all[1].Patient != ida || !all[1].Offline || all[1].Status != document.Deprecated {
		t.Errorf("%+v", all)
	}
	events := d.events("update")
	if len(events) != 2 || events[0].patient != ivar.CX() || events[1].patient != ida.CX() || strings.Contains(events[1].detail, r.Documents[0].Entry.String()) || !strings.Contains(events[1].detail, free.ID.String()) {
		t.Errorf("%+v", events)
	}
	if n := d.control("patient_locator where patient_key = $1 and tenant_id = $2", d.service.Locator.Key(ivar), d.of.ID); n != 1 {
		t.Errorf("%d locators", n)
	}
	// The old patient's version, which nobody can open, does not hold the bytes back.
	next := r.Documents[0].Entry
	d.wants("the moved version", d.remove(next, r.Set, d.membership(r.Set, next)))
	if state, jobs := d.object(free.ObjectKey); state != "R" || jobs != 1 {
		t.Errorf("%s, %d jobs", state, jobs)
	}
	if _, err := d.send(to(d.update(bound, moved))); !slices.Contains(codes(err), "XDSPatientIDReconciliationError") {
		t.Errorf("%s", places(err))
	}
	if _, err := d.send(to(d.folderUpdate(folder, func(f *ebxml.Folder) { f.Patient = ivar }))); !slices.Contains(codes(err), "XDSPatientIDReconciliationError") {
		t.Errorf("%s", places(err))
	}
	d.must(to(d.folderUpdate(empty, func(f *ebxml.Folder) { f.Patient = ivar })))
	// All that is connected, in one message.
	m := to(d.update(bound, moved))
	d.version(m, "Document02", mate, moved)
	f := d.folderUpdate(folder, func(f *ebxml.Folder) { f.Patient = ivar })
	m.Folders, m.Associations = f.Folders, append(m.Associations, f.Associations...)
	r = d.must(m)
	if d.has(document.HasMember, r.Folders[0].ID, r.Documents[0].Entry) != 1 || d.has(document.Append, r.Documents[1].Entry, r.Documents[0].Entry) != 1 {
		t.Errorf("%+v", d.touching(r.Documents[0].Entry))
	}
	// Bytes of the moved document go when its new version does, although the old one still names them.
	d.delete(r.Documents[0].Entry)
	if state, jobs := d.object(bound.ObjectKey); state != "R" || jobs != 1 {
		t.Errorf("%s, %d jobs", state, jobs)
	}
}

// census answers for Persontjenesten and counts how often it was asked.
type census struct {
	registered bool
	asked      int
}

func (c *census) Exists(context.Context, document.PatientID) (person.Answer, error) {
	c.asked++
	return person.Answer{Facts: person.Facts{Registered: c.registered}}, nil
}

// TestNewPatientExists (P2): only who moves a document to another patient has the register asked about that one.
func TestNewPatientExists(t *testing.T) {
	t.Parallel()
	d, register := open(t), &census{}
	d.service.Register = register
	old := d.document()
	d.must(d.update(old))
	move := func() error {
		next := document.PatientID{Value: "13116900216", Authority: document.AuthorityFNR}
		m := d.update(d.versions(old.ID)[0], func(e *ebxml.Entry) { e.Patient = next })
		m.Sets[0].Patient = next
		_, err := d.send(m)
		return err
	}
	if register.asked != 0 {
		t.Errorf("asked %d times about a patient that stays", register.asked)
	}
	d.wants("nobody", move(), "XDSUnknownPatientId")
	if all := d.versions(old.ID); len(all) != 2 || register.asked != 1 {
		t.Errorf("%d versions, asked %d times", len(all), register.asked)
	}
	register.registered = true
	d.wants("somebody", move())
	if all := d.versions(old.ID); len(all) != 3 || register.asked != 2 || !all[1].Offline || !all[2].Offline {
		t.Errorf("%+v, asked %d times", all, register.asked)
	}
}

// TestStatusChanges: of entries, folders and associations, and of what the message itself brings.
func TestStatusChanges(t *testing.T) {
	t.Parallel()
	d := open(t)
	old, next, child := newEntry(), newEntry(), newEntry()
	folder := newFolder()
	member := link(document.HasMember, folder.ID, old.ID)
	d.register([]document.Entry{old}, []document.Folder{folder}, member)
	replaces := link(document.Replace, next.ID, old.ID)
	d.register([]document.Entry{next}, nil, replaces)
	d.register([]document.Entry{child}, nil, link(document.Append, child.ID, next.ID))
	change := func(id uuid.UUID, from, to document.Status) error {
		_, err := d.send(d.message(ida).status(id.String(), from, to))
		return err
	}
	a, dep := document.Approved, document.Deprecated
	want := func(what string, err error, codesWanted ...string) {
		t.Helper()
		if !slices.Equal(codes(err), codesWanted) {
			t.Errorf("%s: %s", what, places(err))
		}
	}
	want("a replaced document", change(old.ID, dep, a), "XDSMetadataUpdateError")
	want("its replacement's association", change(replaces.ID, a, dep))
	want("a document that nothing replaces any more", change(old.ID, dep, a))
	want("two at once", change(replaces.ID, dep, a), "XDSMetadataUpdateError")
	want("a document", change(old.ID, a, dep))
	want("a document again", change(old.ID, a, dep), "XDSMetadataUpdateError")
	want("the association again", change(replaces.ID, dep, a))
	want("a membership", change(member.ID, a, dep))
	want("a folder", change(folder.ID, a, dep))
	want("what stays a child", change(next.ID, a, dep))
	if d.entry(child.ID).Status != a || d.entry(old.ID).Status != dep || len(d.folder(folder.ID).Members) != 0 || d.folder(folder.ID).Status != dep {
		t.Errorf("%+v", d.folder(folder.ID))
	}
	var set uuid.UUID
	for _, x := range d.touching(old.ID) {
		if x.Type == document.HasMember && x.Membership == document.Original {
			set = x.ID
		}
	}
	want("a set's membership", change(set, a, dep), "XDSMetadataUpdateError")
	// With a new version: first it is approved, then its status changes (NIST 20004).
	fresh := d.document()
	_, err := d.send(d.update(fresh).status("Document01", dep, a))
	want("a new version is approved", err, "XDSMetadataUpdateError")
	d.must(d.update(fresh).status("Document01", a, dep))
	if all := d.versions(fresh.ID); all[0].Status != dep || all[1].Status != dep {
		t.Errorf("%+v", all)
	}
	// The set of a change refers to what it changed.
	if n := d.count(`submission s where kind = 'S' and not exists (select 1 from tenant.association m where m.source_id = s.id and m.kind = 'M')`); n != 0 {
		t.Errorf("%d sets without members", n)
	}
}

// TestSubmittedAssociations: SubmitAssociation brings relations and memberships; a replacing one deprecates.
func TestSubmittedAssociations(t *testing.T) {
	t.Parallel()
	d := open(t)
	one, two, three := newEntry(), newEntry(), newEntry()
	folder := newFolder()
	d.register([]document.Entry{one, two, three}, []document.Folder{folder})
	d.must(d.message(ida).submit(document.Append, one.ID.String(), two.ID.String()).submit(document.HasMember, folder.ID.String(), one.ID.String()))
	if d.has(document.Append, one.ID, two.ID) != 1 || d.has(document.HasMember, folder.ID, one.ID) != 1 || !d.folder(folder.ID).Time.At.After(folder.Updated) {
		t.Errorf("%+v", d.touching(one.ID))
	}
	if _, err := d.send(d.message(ida).submit(document.Append, one.ID.String(), two.ID.String())); !slices.Contains(codes(err), "XDSMetadataUpdateError") {
		t.Errorf("twice: %s", places(err))
	}
	d.must(d.message(ida).submit(document.Replace, three.ID.String(), two.ID.String()))
	if d.entry(two.ID).Status != document.Deprecated || d.entry(one.ID).Status != document.Deprecated {
		t.Error("what is replaced, and what was appended to it, is not deprecated")
	}
	// Of a new version, when nothing is carried along (NIST 20006).
	r := d.must(d.update(three).alone().submit(document.Append, "Document01", d.document().ID.String()))
	if len(d.touching(r.Documents[0].Entry)) != 2 {
		t.Errorf("%+v", d.touching(r.Documents[0].Entry))
	}
}
