package submission_test

import (
	"bytes"
	"slices"
	"strings"
	"sync"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/submission"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
)

// TestNewVersion: same document, next number, old one deprecated, bytes and what is registered of them as they were (spec/ihe.md 1.6).
func TestNewVersion(t *testing.T) {
	t.Parallel()
	d := open(t)
	old := d.document()
	stated := uuid.New()
	r := d.must(d.update(old, func(e *ebxml.Entry) { e.ID, e.Title, e.Comments = stated, "Ny tittel", "rettet" }))
	all := d.versions(old.LogicalID)
	if len(all) != 2 || all[0].ID != stated || all[0].Version != 2 || all[0].Status != document.Approved || all[1].Status != document.Deprecated || all[1].Title != "Epikrise" {
		t.Fatalf("%+v", all)
	}
	want := old
	want.ID, want.Version, want.Title, want.Comments, want.SubmissionID, want.Registered = stated, 2, "Ny tittel", "rettet", r.Set, all[0].Registered
	if diff := cmp.Diff(want, all[0], cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	members := d.touching(stated)
	if len(members) != 1 || members[0].Source != r.Set || members[0].Membership != document.Original || members[0].PreviousVersion != 1 {
		t.Errorf("%+v", members)
	}
	// And once more, of the second.
	d.must(d.update(all[0], func(e *ebxml.Entry) { e.Title = "Tredje" }))
	if all = d.versions(old.LogicalID); len(all) != 3 || all[0].Version != 3 || all[1].Status != document.Deprecated || all[2].Status != document.Deprecated {
		t.Errorf("%+v", all)
	}
	made := d.document(elsewhere, func(e *document.Entry) { e.OnDemand, e.Creation, e.Size, e.SHA1 = true, document.Time{}, 0, nil })
	d.must(d.update(made, func(e *ebxml.Entry) { e.SizeStated, e.Title = false, "På bestilling" }))
	if all = d.versions(made.ID); len(all) != 2 || !all[0].OnDemand || all[0].Title != "På bestilling" || all[0].ObjectKey != uuid.Nil {
		t.Errorf("%+v", all)
	}
	if events := d.events("update"); len(events) != 3 || events[0].action != "U" || events[0].outcome != "S" || events[0].patient != ida.CX() || !strings.Contains(events[0].detail, stated.String()) {
		t.Errorf("%+v", events)
	}
	if state, jobs := d.object(old.ObjectKey); state != "S" || jobs != 0 {
		t.Errorf("the bytes are %s, %d jobs", state, jobs)
	}
}

// TestUpdatesRefused: each way in which a message can be wrong has its code, and changes nothing.
func TestUpdatesRefused(t *testing.T) {
	t.Parallel()
	d := open(t, func(of *tenant.Tenant) {})
	old := d.document()
	foreign := d.document(elsewhere)
	deprecated := d.document(func(e *document.Entry) { e.Status = document.Deprecated })
	deleted := d.document()
	if err := d.service.Delete(t.Context(), d.actor, submission.Address{Entry: deleted.ID}); err != nil {
		t.Fatal(err)
	}
	newer := d.document()
	d.must(d.update(newer, func(e *ebxml.Entry) { e.Title = "to" }))
	folder := newFolder()
	d.register(nil, []document.Folder{folder})
	other := d.document(func(e *document.Entry) { e.Patient = ivar })
	entry := func(of document.Entry, change func(*ebxml.Entry)) *message { return d.update(of, change) }
	assoc := func(change func(*ebxml.Association)) *message {
		m := d.update(old)
		change(&m.Associations[0])
		return m
	}
	update, operation, version, metadata, reconcile := "XDSMetadataUpdateError", "XDSMetadataUpdateOperationError", "XDSMetadataVersionError", "XDSRegistryMetadataError", "XDSPatientIDReconciliationError"
	for name, c := range map[string]struct {
		message *message
		want    string
	}{
		"no lid":                    {entry(old, func(e *ebxml.Entry) { e.LogicalID, e.LogicalRef = uuid.Nil, "" }), update},
		"lid is the own id":         {entry(old, func(e *ebxml.Entry) { e.ID = old.ID }), update},
		"lid unknown":               {entry(old, func(e *ebxml.Entry) { e.LogicalID = uuid.New(); e.LogicalRef = e.LogicalID.String() }), version},
		"lid no uuid":               {entry(old, func(e *ebxml.Entry) { e.LogicalID, e.LogicalRef = uuid.Nil, "lid" }), version},
		"lid of a deleted":          {d.update(deleted), version},
		"no PreviousVersion":        {assoc(func(a *ebxml.Association) { a.Previous = "" }), version},
		"wrong version":             {assoc(func(a *ebxml.Association) { a.Previous = "2" }), version},
		"version no number":         {assoc(func(a *ebxml.Association) { a.Previous = "no" }), version},
		"an older version":          {d.update(newer), version},
		"no membership status":      {assoc(func(a *ebxml.Association) { a.Membership = "" }), operation},
		"by reference":              {assoc(func(a *ebxml.Association) { a.Membership = document.Reference }), operation},
		"foreign slot":              {assoc(func(a *ebxml.Association) { a.From = document.Approved }), operation},
		"of a registered id":        {assoc(func(a *ebxml.Association) { a.TargetRef, a.Target = old.ID.String(), old.ID }), operation},
		"nothing":                   {d.message(ida), operation},
		"other uniqueId":            {entry(old, func(e *ebxml.Entry) { e.UniqueID = "1.2.3.99" }), update},
		"other objectType":          {entry(old, func(e *ebxml.Entry) { e.OnDemand = true }), update},
		"other hash":                {entry(old, func(e *ebxml.Entry) { e.SHA1 = bytes.Repeat([]byte{1}, 20) }), update},
		"other size":                {entry(old, func(e *ebxml.Entry) { e.Size = 8 }), update},
		"other type":                {entry(old, func(e *ebxml.Entry) { e.MimeType = "text/plain" }), update},
		"other repository":          {entry(old, func(e *ebxml.Entry) { e.Repository = "1.2.3.4" }), update},
		"offline":                   {entry(old, func(e *ebxml.Entry) { e.Offline = true }), update},
		"into our repository":       {entry(foreign, func(e *ebxml.Entry) { e.Repository = d.of.Repository }), update},
		"of a deprecated one":       {d.update(deprecated), update},
		"no repository":             {entry(old, func(e *ebxml.Entry) { e.Repository = "" }), metadata},
		"no size":                   {entry(old, func(e *ebxml.Entry) { e.SizeStated, e.Size, e.SHA1 = false, 0, nil }), metadata},
		"no class":                  {entry(old, func(e *ebxml.Entry) { e.Class = document.Code{} }), metadata},
		"no confidentiality":        {entry(old, func(e *ebxml.Entry) { e.Confidentiality = nil }), metadata},
		"no language":               {entry(old, func(e *ebxml.Entry) { e.Language = "" }), metadata},
		"set of another":            {func() *message { m := d.update(old); m.Sets[0].Patient = ivar; return m }(), "XDSPatientIdDoesNotMatch"},
		"taken id":                  {entry(old, func(e *ebxml.Entry) { e.ID = other.ID }), "XDSDuplicateUniqueIdInRegistry"},
		"foreign home":              {entry(old, func(e *ebxml.Entry) { e.Home = "1.2.3.4.5" }), "XDSUnknownCommunity"},
		"folder no lid":             {d.folderUpdate(folder, func(f *ebxml.Folder) { f.LogicalRef = "" }), update},
		"folder other id":           {d.folderUpdate(folder, func(f *ebxml.Folder) { f.UniqueID = "1.2.9" }), update},
		"folder no codes":           {d.folderUpdate(folder, func(f *ebxml.Folder) { f.Codes = nil }), metadata},
		"folder wrong version":      {func() *message { m := d.folderUpdate(folder); m.Associations[0].Previous = "7"; return m }(), version},
		"status not so":             {d.message(ida).status(old.ID.String(), document.Deprecated, document.Approved), update},
		"status to the same":        {d.message(ida).status(old.ID.String(), document.Approved, document.Approved), operation},
		"status unknown":            {d.message(ida).status(uuid.NewString(), document.Approved, document.Deprecated), "UnresolvedReferenceException"},
		"status of a deleted":       {d.message(ida).status(deleted.ID.String(), document.Approved, document.Deprecated), "UnresolvedReferenceException"},
		"status of an older":        {d.message(ida).status(newer.ID.String(), document.Deprecated, document.Approved), version},
		"status of another's":       {d.message(ida).status(other.ID.String(), document.Approved, document.Deprecated), reconcile},
		"status twice":              {d.message(ida).status(old.ID.String(), document.Approved, document.Deprecated).status(old.ID.String(), document.Approved, document.Deprecated), operation},
		"status of what it updates": {d.update(old).status(old.ID.String(), document.Approved, document.Deprecated), operation},
		"status with a version": {func() *message {
			m := d.message(ida).status(old.ID.String(), document.Approved, document.Deprecated)
			m.Associations[0].Previous = "1"
			return m
		}(), operation},
		"link between patients":   {d.message(ida).submit(document.Append, old.ID.String(), other.ID.String()), reconcile},
		"link from another's":     {d.message(ida).submit(document.Append, other.ID.String(), old.ID.String()), reconcile},
		"link to nothing":         {d.message(ida).submit(document.Append, old.ID.String(), uuid.NewString()), "UnresolvedReferenceException"},
		"link to a deprecated":    {d.message(ida).submit(document.Append, old.ID.String(), deprecated.ID.String()), update},
		"link from a folder":      {d.message(ida).submit(document.Append, folder.ID.String(), old.ID.String()), update},
		"membership of documents": {d.message(ida).submit(document.HasMember, old.ID.String(), foreign.ID.String()), update},
		"link to an older":        {d.message(ida).submit(document.Append, old.ID.String(), newer.ID.String()), update},
		"link of what takes over": {d.update(old).submit(document.Append, "Document01", foreign.ID.String()), operation},
		"unsubmitted link": {func() *message {
			m := d.update(old)
			m.Associations = append(m.Associations, ebxml.Association{SourceRef: "Document01", TargetRef: foreign.ID.String(),
				Association: document.Association{Type: document.Append, Target: foreign.ID}})
			return m
		}(), operation},
		"endless uniqueId": {func() *message {
			m := d.update(old)
			for range 100 { // random, so that no index takes it
				m.Sets[0].UniqueID += "." + document.OIDOf(uuid.New())
			}
			return m
		}(), metadata},
		"two of one lid": {func() *message { m := d.update(old); d.version(m, "Document02", old); return m }(), operation},
	} {
		before := d.count("document_entry") + d.count("submission") + d.count("association")
		_, err := d.send(c.message)
		if !slices.Contains(codes(err), c.want) {
			t.Errorf("%s: %v, want %s\n%s", name, codes(err), c.want, places(err))
		}
		if after := d.count("document_entry") + d.count("submission") + d.count("association"); after != before {
			t.Errorf("%s: refused and %d rows more", name, after-before)
		}
	}
	if e := d.entry(old.ID); e.Status != document.Approved || e.Version != 1 {
		t.Errorf("%+v", e)
	}
	for _, e := range d.events("update") {
		if e.outcome == "S" && strings.Contains(e.detail, old.ID.String()) {
			t.Errorf("%+v", e)
		}
	}
}

// TestRestricted (ITI-92): what no registry lets differ.
func TestRestricted(t *testing.T) {
	t.Parallel()
	d := open(t)
	old, foreign := d.document(), d.document(elsewhere)
	folder := newFolder()
	d.register(nil, []document.Folder{folder})
	for name, c := range map[string]struct {
		message *message
		want    string
	}{
		"uniqueId":      {d.update(old, func(e *ebxml.Entry) { e.UniqueID = "1.2.3.98" }), "XDSMetadataIdentifierError"},
		"hash":          {d.update(old, func(e *ebxml.Entry) { e.SHA1 = bytes.Repeat([]byte{1}, 20) }), "UnmodifiableMetadataError"},
		"objectType":    {d.update(old, func(e *ebxml.Entry) { e.OnDemand = true }), "UnmodifiableMetadataError"},
		"sourcePatient": {d.update(old, func(e *ebxml.Entry) { e.SourcePatient.ID.Value = "x" }), "UnmodifiableMetadataError"},
		"repository":    {d.update(foreign, func(e *ebxml.Entry) { e.Repository = "1.2.3.5" }), "UnmodifiableMetadataError"},
		"status":        {d.update(old, func(e *ebxml.Entry) { e.Status = document.Deprecated }), "UnmodifiableMetadataError"},
		"patient": {func() *message {
			m := d.update(old, func(e *ebxml.Entry) { e.Patient = ivar })
			m.Sets[0].Patient = ivar
			return m
		}(), "XDSPatientIDReconciliationError"},
		"folder": {d.folderUpdate(folder), "UnmodifiableMetadataError"},
		"change": {d.message(ida).status(old.ID.String(), document.Approved, document.Deprecated), "UnmodifiableMetadataError"},
		"link":   {d.message(ida).submit(document.Append, old.ID.String(), foreign.ID.String()), "UnmodifiableMetadataError"},
	} {
		if err := d.sendRestricted(c.message); !slices.Contains(codes(err), c.want) {
			t.Errorf("%s: %v\n%s", name, codes(err), places(err))
		}
	}
	// Everything else may differ, also of a document that is deprecated, which it stays.
	d.must(d.message(ida).status(old.ID.String(), document.Approved, document.Deprecated))
	err := d.sendRestricted(d.update(old, func(e *ebxml.Entry) { e.Title, e.Confidentiality[0].Value = "Annen", "V" }))
	all := d.versions(old.LogicalID)
	if err != nil || len(all) != 2 || all[0].Status != document.Deprecated || all[0].Title != "Annen" || all[0].Version != 2 {
		t.Errorf("%v, %+v", err, all)
	}
	// Of what another repository keeps, size and hash are its word.
	if err := d.sendRestricted(d.update(foreign, func(e *ebxml.Entry) { e.Size, e.SHA1 = 9, bytes.Repeat([]byte{2}, 20) })); err != nil {
		t.Errorf("%s", places(err))
	}
	if all := d.versions(foreign.LogicalID); all[0].Size != 9 || all[0].Repository != foreign.Repository {
		t.Errorf("%+v", all[0])
	}
}

// TestConfidentialityIsKept (W5): through this door as through the other, and an older version is barred by the newest's codes.
func TestConfidentialityIsKept(t *testing.T) {
	t.Parallel()
	d := open(t)
	old := d.document()
	d.must(d.update(old, func(e *ebxml.Entry) { e.Confidentiality = []document.Code{{Value: "V", System: hl7}} }))
	if n := d.count(`confidentiality_change c join tenant.audit_event a on a.id = c.event_id where c.logical_id = $1 and c.previous = $2 and c.codes = $3 and a.operation = 'update'
	  and a.detail->'old_confidentiality' = '["N"]' and a.detail->'new_confidentiality' = '["V"]'`, old.LogicalID, "N^"+hl7, "V^"+hl7); n != 1 {
		t.Errorf("%d changes", n)
	}
	if e := d.entry(old.ID); len(e.Later) != 1 || e.Later[0].Value != "V" || e.Confidentiality[0].Value != "N" {
		t.Errorf("%+v", e)
	}
	// A change by PATCH is of the document, whichever version it addresses.
	changed, _, err := d.service.SetConfidentiality(t.Context(), d.actor, submission.Address{Entry: old.ID}, []document.Code{{Value: "R", System: hl7}})
	if err != nil || changed.ID != old.ID {
		t.Fatalf("%v, %+v", err, changed)
	}
	for _, v := range d.versions(old.LogicalID) {
		if v.Confidentiality[0].Value != "R" {
			t.Errorf("version %d is %v", v.Version, v.Confidentiality)
		}
	}
	if n := d.count("confidentiality_change where logical_id = $1", old.LogicalID); n != 2 {
		t.Errorf("%d changes", n)
	}
	// Of several documents in one message, each has its own.
	one, two, three := d.document(), d.document(), d.document()
	m := d.update(one, func(e *ebxml.Entry) { e.Confidentiality = []document.Code{{Value: "R", System: hl7}} })
	d.version(m, "Document02", two, func(e *ebxml.Entry) { e.Confidentiality = []document.Code{{Value: "V", System: hl7}} })
	d.version(m, "Document03", three)
	d.must(m)
	for id, code := range map[uuid.UUID]string{one.ID: "R", two.ID: "V"} {
		if n := d.count(`confidentiality_change c join tenant.audit_event a on a.id = c.event_id where c.logical_id = $1 and a.detail->'new_confidentiality' = jsonb_build_array($2::text)
		  and jsonb_array_length(a.detail->'documents') = 1`, id, code); n != 1 {
			t.Errorf("%s: %d changes with their event", code, n)
		}
	}
	if events := d.events("update"); len(events) != 4 || d.count("confidentiality_change where logical_id = $1", three.ID) != 0 {
		t.Errorf("%+v", events)
	}
	// What does not change leaves none.
	d.must(d.update(d.versions(old.LogicalID)[0], func(e *ebxml.Entry) { e.Title = "x" }))
	if n := d.count("confidentiality_change where logical_id = $1", old.LogicalID); n != 2 {
		t.Errorf("%d changes", n)
	}
}

// TestOneOfManyUpdatesWins: of updates of one version at the same moment one is done, and the others are told that theirs is an old version.
func TestOneOfManyUpdatesWins(t *testing.T) {
	t.Parallel()
	d := open(t)
	old := d.document()
	const racers = 6
	results := make([]error, racers)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range racers {
		m := d.update(old, func(e *ebxml.Entry) { e.Title = strings.Repeat("x", i+1) }).read(t)
		all.Go(func() {
			<-start
			_, results[i] = d.service.Update(t.Context(), d.actor, submission.Revision{Message: m})
		})
	}
	close(start)
	all.Wait()
	won := 0
	for i, err := range results {
		switch {
		case err == nil:
			won++
		case !slices.Equal(codes(err), []string{"XDSMetadataVersionError"}):
			t.Errorf("%d: %s", i, places(err))
		}
	}
	if versions := d.versions(old.LogicalID); won != 1 || len(versions) != 2 || versions[0].Status != document.Approved || versions[1].Status != document.Deprecated {
		t.Errorf("%d won, %+v", won, versions)
	}
	// Update and deletion: either both happen, and then everything is gone, or the deletion was first.
	racing := d.document()
	m := d.update(racing, func(e *ebxml.Entry) { e.Title = "y" }).read(t)
	var updated, removed error
	again := make(chan struct{})
	all.Go(func() {
		<-again
		_, updated = d.service.Update(t.Context(), d.actor, submission.Revision{Message: m})
	})
	all.Go(func() {
		<-again
		removed = d.service.Delete(t.Context(), d.actor, submission.Address{Entry: racing.ID})
	})
	close(again)
	all.Wait()
	if updated != nil && !slices.Equal(codes(updated), []string{"XDSMetadataVersionError"}) || removed != nil {
		t.Errorf("%s\n%v", places(updated), removed)
	}
	for _, v := range d.versions(racing.LogicalID) {
		if v.Status != document.Tombstone {
			t.Errorf("version %d is %c", v.Version, v.Status)
		}
	}
	if state, jobs := d.object(racing.ObjectKey); state != "R" || jobs != 1 {
		t.Errorf("the bytes are %s, %d jobs", state, jobs)
	}
}

// TestSameMessageGetsItsAnswerAgain: by the key that the door makes of it.
func TestSameMessageGetsItsAnswerAgain(t *testing.T) {
	t.Parallel()
	d := open(t)
	old := d.document()
	m := d.update(old, func(e *ebxml.Entry) { e.Title = "en gang" })
	first := d.once("key", func(once *submission.Once) (submission.Receipt, error) {
		return d.service.Update(t.Context(), d.actor, submission.Revision{Message: m.read(t), Once: once})
	})
	again := d.once("key", nil)
	if diff := cmp.Diff(first.Documents, again.Documents); diff != "" || first.Set != again.Set {
		t.Error(diff, again.Set)
	}
	if n := d.count("document_entry where logical_id = $1", old.LogicalID); n != 2 {
		t.Errorf("%d versions", n)
	}
	next := first.Documents[0].Entry
	d.wants("what it made", d.remove(next, first.Set, d.membership(first.Set, next)))
	once, err := d.service.Begin(t.Context(), d.actor, "key")
	if err != nil || !once.Answered() {
		t.Fatal(err)
	}
	once.Body = bytes.Repeat([]byte{7}, 32)
	if _, err := d.service.Repeat(t.Context(), d.actor, once); !slices.Contains(codes(err), "XDSDocumentUniqueIdError") {
		t.Errorf("the answer to what is removed: %v", err)
	}
}

// once does something under a key, or gives the first answer when do is nil.
func (d *desk) once(key string, do func(*submission.Once) (submission.Receipt, error)) submission.Receipt {
	d.t.Helper()
	once, err := d.service.Begin(d.t.Context(), d.actor, key)
	if err != nil {
		d.t.Fatal(err)
	}
	defer once.End(d.t.Context())
	once.Body = bytes.Repeat([]byte{7}, 32)
	if once.Answered() != (do == nil) {
		d.t.Fatalf("answered: %v", once.Answered())
	}
	if do == nil {
		do = func(once *submission.Once) (submission.Receipt, error) {
			return d.service.Repeat(d.t.Context(), d.actor, once)
		}
	}
	r, err := do(once)
	if err != nil {
		d.t.Fatalf("%s", places(err))
	}
	return r
}

// TestOnlyOwnInstances (T2-T4): nobody updates or removes what is another's, nor where the instance does not take it.
func TestOnlyOwnInstances(t *testing.T) {
	t.Parallel()
	d, stranger := open(t), open(t)
	off := open(t, func(of *tenant.Tenant) { of.Transactions = []string{"ITI-41"} })
	old, offs := d.document(), off.document()
	if _, err := stranger.send(d.update(old)); !slices.Contains(codes(err), "XDSMetadataVersionError") {
		t.Errorf("%s", places(err))
	}
	if _, err := off.send(off.update(offs)); len(codes(err)) != 1 || len(off.events("update")) != 1 {
		t.Errorf("%s %+v", places(err), off.events("update"))
	}
	nobody := *d
	nobody.actor.Organisation = "999999999"
	if _, err := nobody.send(d.update(old)); len(codes(err)) == 0 {
		t.Error("an organisation without an instance updates")
	}
	refs := []ebxml.ObjectRef{{Ref: old.ID.String()}}
	if err := stranger.service.RemoveMetadata(t.Context(), as(stranger, "ITI-62"), refs, nil); !slices.Contains(codes(err), "UnresolvedReferenceException") {
		t.Errorf("%s", places(err))
	}
	request := []ebxml.DocumentRequest{{Repository: d.of.Repository, Document: old.UniqueID}}
	if err := stranger.service.RemoveDocuments(t.Context(), as(stranger, "ITI-86"), request, nil, nil); !slices.Contains(codes(err), "XDSUnknownRepositoryId") {
		t.Errorf("%s", places(err))
	}
	if err := off.service.RemoveDocuments(t.Context(), as(off, "ITI-86"), []ebxml.DocumentRequest{{Repository: off.of.Repository, Document: offs.UniqueID}}, nil, nil); len(codes(err)) != 1 {
		t.Errorf("%s", places(err))
	}
	// With several instances, the one that holds it is found; the home says it too.
	second := stacktestTenant(t, d.of.Organisations[0])
	if _, err := d.send(d.update(old, func(e *ebxml.Entry) { e.Title = "funnet" })); err != nil {
		t.Errorf("%s", places(err))
	}
	if _, err := d.send(d.update(d.versions(old.LogicalID)[0], func(e *ebxml.Entry) { e.Home = second.HomeCommunity })); !slices.Contains(codes(err), "XDSMetadataVersionError") {
		t.Errorf("%s", places(err))
	}
}
