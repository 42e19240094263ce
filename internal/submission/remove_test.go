package submission_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/submission"

	"github.com/google/uuid"
)

func (d *desk) delete(entry uuid.UUID) {
	d.t.Helper()
	if err := d.service.Delete(d.t.Context(), d.actor, submission.Address{Entry: entry}); err != nil {
		d.t.Fatalf("%s", places(err))
	}
}

// control counts rows of the control schema.
func (d *desk) control(from string, args ...any) (n int) {
	d.t.Helper()
	if err := stacktest.Migrated(d.t).Owner.Pool().QueryRow(d.t.Context(), "select count(*) from control."+from, args...).Scan(&n); err != nil {
		d.t.Fatal(err)
	}
	return n
}

// remove sends ITI-62.
func (d *desk) remove(ids ...uuid.UUID) error {
	d.t.Helper()
	var refs []ebxml.ObjectRef
	for _, id := range ids {
		refs = append(refs, ebxml.ObjectRef{Ref: id.String()})
	}
	read, err := ebxml.ReadRemoval(ebxml.AppendRemoval(nil, refs))
	if err != nil {
		d.t.Fatal(err)
	}
	return d.service.RemoveMetadata(d.t.Context(), as(d, "ITI-62"), read, nil)
}

// membership is the association by which a set has an object.
func (d *desk) membership(set, object uuid.UUID) uuid.UUID {
	d.t.Helper()
	for _, a := range d.touching(object) {
		if a.Source == set && a.Target == object {
			return a.ID
		}
	}
	d.t.Fatal("no membership")
	return uuid.Nil
}

func (d *desk) associationOf(id uuid.UUID) document.Association {
	d.t.Helper()
	var found []document.Association
	d.in(func(tx *postgres.Tx) (err error) {
		found, err = registry.AssociationsByID(d.t.Context(), tx, []uuid.UUID{id})
		return err
	})
	if len(found) != 1 {
		d.t.Fatalf("%d associations", len(found))
	}
	return found[0]
}

func (d *desk) wants(what string, err error, want ...string) {
	d.t.Helper()
	if got := codes(err); !slices.Equal(got, want) {
		d.t.Errorf("%s: %v, want %v\n%s", what, got, want, places(err))
	}
}

// TestRemoveMetadata (ITI-62): exactly what is named goes, and only when what stays is whole (NIST 30000-30006).
func TestRemoveMetadata(t *testing.T) {
	t.Parallel()
	d := open(t)
	doc, other := newEntry(), newEntry()
	folder := newFolder()
	filed := link(document.HasMember, folder.ID, doc.ID)
	set := d.register([]document.Entry{doc, other}, []document.Folder{folder}, filed)
	ofDoc, ofOther, ofFolder, ofFiled := d.membership(set.ID, doc.ID), d.membership(set.ID, other.ID), d.membership(set.ID, folder.ID), d.membership(set.ID, filed.ID)
	addendum := newEntry()
	appends := link(document.Append, addendum.ID, doc.ID)
	second := d.register([]document.Entry{addendum}, nil, appends)
	ofAddendum := d.membership(second.ID, addendum.ID)
	const references, orphan, unknown, model = "ReferencesExistException", "XDSUnreferencedObjectException", "UnresolvedReferenceException", "XDSMetadataModelException"
	before := d.count("association")
	for what, c := range map[string]struct {
		ids  []uuid.UUID
		want string
	}{
		"nothing known":                 {[]uuid.UUID{uuid.New()}, unknown},
		"something unknown":             {[]uuid.UUID{second.ID, ofAddendum, addendum.ID, appends.ID, uuid.New()}, unknown},
		"a set alone":                   {[]uuid.UUID{second.ID}, references},
		"a document alone":              {[]uuid.UUID{doc.ID}, references},
		"what is appended to":           {[]uuid.UUID{doc.ID, ofDoc, filed.ID, ofFiled}, references},
		"a folder's membership":         {[]uuid.UUID{filed.ID}, references},
		"a document and its set's":      {[]uuid.UUID{addendum.ID, appends.ID, ofAddendum}, orphan},
		"a membership alone":            {[]uuid.UUID{ofFolder}, orphan},
		"an association from its set":   {[]uuid.UUID{ofFiled}, model},
		"all but the set":               {[]uuid.UUID{doc.ID, ofDoc, other.ID, ofOther, folder.ID, ofFolder, filed.ID, ofFiled, appends.ID}, orphan},
		"a set but not what it brought": {[]uuid.UUID{set.ID, doc.ID, ofDoc, other.ID, ofOther, folder.ID, ofFolder, filed.ID, ofFiled}, references},
	} {
		d.wants(what, d.remove(c.ids...), c.want)
		if n := d.count("association"); n != before {
			t.Fatalf("%s: %d associations, %d before", what, n, before)
		}
	}
	d.wants("no id", d.service.RemoveMetadata(t.Context(), as(d, "ITI-62"), []ebxml.ObjectRef{{Ref: "Document01"}}, nil), unknown)
	d.wants("none", d.service.RemoveMetadata(t.Context(), as(d, "ITI-62"), nil, nil), "XDSRegistryError")

	// What a set brought keeps the set, although its member has another set too.
	d.must(d.message(ida).status(addendum.ID.String(), document.Approved, document.Deprecated))
	d.wants("a set but not its relation", d.remove(second.ID, ofAddendum), references)
	reference := uuid.Nil
	for _, a := range d.touching(addendum.ID) {
		if a.Membership == document.Reference {
			reference = a.ID
		}
	}
	third := d.associationOf(reference).Source
	d.wants("a reference and its set", d.remove(reference, third))
	d.wants("a folder's document", d.remove(filed.ID, ofFiled))
	d.wants("the addendum", d.remove(addendum.ID, appends.ID, ofAddendum, second.ID))
	if e := d.entry(addendum.ID); e.Status != document.Tombstone || e.Title != "" {
		t.Errorf("%+v", e)
	}
	if state, jobs := d.object(addendum.ObjectKey); state != "R" || jobs != 1 {
		t.Errorf("%s, %d jobs", state, jobs)
	}
	d.wants("again", d.remove(addendum.ID), unknown)
	d.wants("the rest", d.remove(set.ID, doc.ID, ofDoc, other.ID, ofOther, folder.ID, ofFolder, ofDoc))
	if n := d.count("association") + d.count("submission"); n != 0 {
		t.Errorf("%d rows are left", n)
	}
	if n := d.control("entry_locator where tenant_id = $1 and entry_id = any($2)", d.of.ID, []uuid.UUID{set.ID, folder.ID, second.ID}); n != 0 {
		t.Errorf("%d locators", n)
	}
	events := d.events("remove-metadata")
	last := events[len(events)-1]
	if last.outcome != "S" || last.action != "D" || last.patient != ida.CX() {
		t.Errorf("%+v", last)
	}
	for _, id := range []uuid.UUID{set.ID, doc.ID, ofDoc, other.ID, folder.ID} {
		if !strings.Contains(last.detail, id.String()) {
			t.Errorf("the event does not name %s: %s", id, last.detail)
		}
	}
}

// TestBytesStayWhileAVersionNeedsThem (W3): versions share their bytes.
func TestBytesStayWhileAVersionNeedsThem(t *testing.T) {
	t.Parallel()
	d := open(t)
	gone := func(e document.Entry) bool { state, jobs := d.object(e.ObjectKey); return state == "R" && jobs == 1 }
	kept := func(e document.Entry) bool { state, jobs := d.object(e.ObjectKey); return state == "S" && jobs == 0 }
	// One version after the other, the old one first.
	old := newEntry()
	set := d.register([]document.Entry{old}, nil)
	r := d.must(d.update(old, func(e *ebxml.Entry) { e.Title = "to" }))
	next := r.Documents[0].Entry
	d.wants("the old version", d.remove(set.ID, old.ID, d.membership(set.ID, old.ID)))
	if !kept(old) || d.entry(next).Status != document.Approved {
		t.Error("the bytes went with an old version")
	}
	d.wants("the new version", d.remove(r.Set, next, d.membership(r.Set, next)))
	if !gone(old) {
		t.Error("the bytes stay without a version")
	}
	// The new one first: the old stays what it was, and a third is numbered after the second.
	old = newEntry()
	set = d.register([]document.Entry{old}, nil)
	r = d.must(d.update(old, func(e *ebxml.Entry) { e.Confidentiality = []document.Code{{Value: "V", System: hl7}} }))
	next = r.Documents[0].Entry
	d.wants("the new version", d.remove(r.Set, next, d.membership(r.Set, next)))
	if !kept(old) || d.entry(old.ID).Status != document.Deprecated {
		t.Error("removing the new version changed the old one")
	}
	if e := d.entry(old.ID); e.Confidentiality[0].Value != "V" {
		t.Errorf("removing the version that barred the document opened it: %v", e.Confidentiality)
	}
	if err := d.sendRestricted(d.update(old)); err != nil {
		t.Fatalf("%s", places(err))
	}
	if all := d.versions(old.ID); all[0].Version != 3 {
		t.Errorf("%+v", all)
	}
	// DELETE, of whichever version, is of the document.
	d.delete(old.ID)
	for _, v := range d.versions(old.ID) {
		if v.Status != document.Tombstone {
			t.Errorf("version %d is there", v.Version)
		}
	}
	if !gone(old) {
		t.Error("the bytes stay")
	}
	if err := d.service.Delete(t.Context(), d.actor, submission.Address{Entry: next}); !slices.Contains(codes(err), "XDSDocumentUniqueIdError") {
		t.Errorf("%s", places(err))
	}
}

// again: the very same message is acknowledged again when what it removed is gone, and removes what has come since: some senders give all messages the
// same MessageID.
func (d *desk) again(ask func(string) ebxml.DocumentRequest) {
	d.t.Helper()
	first := d.document()
	same := func() error {
		once, err := d.service.Begin(d.t.Context(), d.actor, "remove "+first.UniqueID)
		if err != nil {
			d.t.Fatal(err)
		}
		defer once.End(d.t.Context())
		once.Body = make([]byte, 32)
		return d.service.RemoveDocuments(d.t.Context(), as(d, "ITI-86"), []ebxml.DocumentRequest{ask(first.UniqueID)}, nil, once)
	}
	d.wants("first", same())
	events := len(d.events("remove-documents"))
	d.wants("the same again", same())
	if n := len(d.events("remove-documents")); n != events {
		d.t.Errorf("%d events of what is done already", n-events)
	}
	second := d.document(func(e *document.Entry) { e.UniqueID, e.SHA1, e.SHA256 = first.UniqueID, first.SHA1, first.SHA256 })
	d.wants("the same of a document that came again", same())
	if state, jobs := d.object(second.ObjectKey); state != "R" || jobs != 1 {
		d.t.Errorf("acknowledged, and the bytes are %s, %d jobs", state, jobs)
	}
}

// TestRacingRemovals: whoever removes the last of two versions removes the bytes, also when both go at the same moment.
func TestRacingRemovals(t *testing.T) {
	t.Parallel()
	d := open(t)
	for range 4 {
		old := newEntry()
		set := d.register([]document.Entry{old}, nil)
		r := d.must(d.update(old))
		next := r.Documents[0].Entry
		results, start := make([]error, 2), make(chan struct{})
		var both sync.WaitGroup
		for i, ids := range [][]uuid.UUID{{set.ID, old.ID, d.membership(set.ID, old.ID)}, {r.Set, next, d.membership(r.Set, next)}} {
			both.Go(func() {
				<-start
				results[i] = d.remove(ids...)
			})
		}
		close(start)
		both.Wait()
		d.wants("the old version", results[0])
		d.wants("the new version", results[1])
		if state, jobs := d.object(old.ObjectKey); state != "R" || jobs != 1 {
			t.Errorf("the bytes are %s, %d jobs", state, jobs)
		}
	}
}

// TestRemoveDocuments (ITI-86): the bytes go, what is registered stays and says that they are away.
func TestRemoveDocuments(t *testing.T) {
	t.Parallel()
	d := open(t)
	doc, other, foreign := newEntry(), newEntry(), newEntry(elsewhere)
	d.register([]document.Entry{doc, other, foreign}, nil)
	r := d.must(d.update(doc, func(e *ebxml.Entry) { e.Title = "to" }))
	send := func(requests ...ebxml.DocumentRequest) error {
		read, problems, err := ebxml.ReadDocumentRequests(ebxml.AppendDocumentRequests(nil, ebxml.RemoveDocuments, requests), ebxml.RemoveDocuments)
		if err != nil {
			t.Fatal(err)
		}
		return d.service.RemoveDocuments(t.Context(), as(d, "ITI-86"), read, problems, nil)
	}
	ask := func(unique string) ebxml.DocumentRequest {
		return ebxml.DocumentRequest{Repository: "urn:oid:" + d.of.Repository, Document: unique}
	}
	d.wants("another repository", send(ebxml.DocumentRequest{Repository: "1.2.1.1.1", Document: doc.UniqueID}), "XDSUnknownRepositoryId")
	d.wants("another home", send(ebxml.DocumentRequest{Home: "urn:oid:1.2.3", Repository: d.of.Repository, Document: doc.UniqueID}), "XDSUnknownCommunity")
	d.wants("an unknown document", send(ask(doc.UniqueID), ask("1.2.3.4.5")), "XDSDocumentUniqueIdError")
	d.wants("what another repository keeps", send(ask(foreign.UniqueID)), "XDSDocumentUniqueIdError")
	if state, jobs := d.object(doc.ObjectKey); state != "S" || jobs != 0 {
		t.Fatalf("refused, and the bytes are %s", state)
	}
	d.wants("two", send(ask(doc.UniqueID), ask(other.UniqueID), ask(doc.UniqueID)))
	for _, e := range []document.Entry{d.entry(doc.ID), d.entry(other.ID), d.entry(r.Documents[0].Entry)} {
		if state, jobs := d.object(e.ObjectKey); state != "R" || jobs != 1 || !e.Offline || e.Status == document.Tombstone || e.Title == "" {
			t.Errorf("%s, %d jobs, %+v", state, jobs, e)
		}
	}
	d.wants("again", send(ask(doc.UniqueID)), "XDSDocumentUniqueIdError")
	d.again(ask)
	// The metadata live on, and go by ITI-62 or DELETE without a second removal of the bytes.
	d.must(d.update(d.entry(r.Documents[0].Entry), func(e *ebxml.Entry) { e.Title = "tre"; e.Offline = false }))
	if all := d.versions(doc.ID); !all[0].Offline || all[0].Version != 3 {
		t.Errorf("%+v", all[0])
	}
	d.delete(doc.ID)
	if _, jobs := d.object(doc.ObjectKey); jobs != 1 {
		t.Errorf("%d jobs", jobs)
	}
	events := d.events("remove-documents")
	if last := events[len(events)-3]; last.outcome != "F" { // before the two of d.again
		t.Errorf("%+v", last)
	}
	if done := events[len(events)-4]; done.outcome != "S" || done.action != "D" || done.patient != ida.CX() || !strings.Contains(done.detail, doc.ID.String()) || !strings.Contains(done.detail, other.UniqueID) {
		t.Errorf("%+v", done)
	}
}
