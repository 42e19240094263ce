package xds_test

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/tenant"
	"dokumentlager/internal/xds"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestProvide: documents come in with a folder and relations in one message (ITI-41). The registry gives what it gives, and keeps the ids that are
// UUIDs; one event tells of it; the bytes that went in come out over REST; and the instance is in order.
func TestProvide(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	m := newMessage("text", "signature", "translation").with("text", "første").with("signature", "andre").with("translation", "tredje")
	stated, link := uuid.NewString(), uuid.New()
	m.folder("f")
	rename(m, "text", stated)
	m.bytes[stated] = m.bytes["text"]
	delete(m.bytes, "text")
	m.put("f", stated)
	m.link("signature", document.Signs, stated)
	transform := m.link("translation", document.Transform, stated)
	transform.Ref, transform.ID = link.String(), link
	transform.Documentation = document.Code{Value: "T", System: "1.2.3", Display: "Oversatt"}
	m.entry("signature").Status, m.entry("signature").Version, m.entry("signature").Repository = document.Deprecated, 7, "1.2.3" // which are ours to say
	m.entry("signature").Offline = true
	ids := s.sent(t, m)

	for _, e := range m.Entries {
		got, text := s.registered(t, e.UniqueID), m.bytes[e.Ref]
		sum := sha1.Sum(text)
		if got.Status != document.Approved || got.Version != 1 || got.LogicalID != got.ID || got.Size != int64(len(text)) || !bytes.Equal(got.SHA1, sum[:]) || got.Repository != "" {
			t.Errorf("registered as %+v", got)
		}
		if a := s.fetch(t, e.UniqueID); a.Status != 200 || !bytes.Equal(a.Body, text) {
			t.Errorf("fetched: %d %s", a.Status, a.Body)
		}
	}
	if ids[stated] != stated {
		t.Error("the entryUUID was not kept")
	}
	for pair, want := range map[[2]string]string{
		{ids["set"], stated}: "MO", {ids["set"], ids["f"]}: "M", {ids["f"], stated}: "M", {ids["signature"], stated}: "S", {ids["translation"], stated}: "X",
		{stated, ids["f"]}: "", {ids["set"], s.link(t, ids["f"], stated)}: "M",
	} {
		if got := s.links(t, pair[0], pair[1]); got != want {
			t.Errorf("%v: %q, want %q", pair, got, want)
		}
	}
	s.in(t, func(tx *postgres.Tx) error {
		found, err := registry.AssociationsByID(t.Context(), tx, []uuid.UUID{link})
		if len(found) != 1 || found[0].Documentation != transform.Documentation || found[0].Status != document.Approved {
			t.Errorf("the association: %+v", found)
		}
		return err
	})
	s.wantEvent(t, s.Events(t, s.of)[0], "ITI-41", 3)
	s.inOrder(t)
}

// wantEvent: one event of the operation, with its documents.
func (s *source) wantEvent(t *testing.T, e audit.Line, transaction string, documents int) {
	t.Helper()
	if e.Operation != "provide" || e.Caller.Transaction != transaction || e.Outcome != "success" || len(e.Detail.Documents) != documents || e.Patient != patientOf(line).CX() {
		t.Errorf("the event: %+v", e)
	}
}

// fetch opens a document over REST, as a doctor of the organisation.
func (s *source) fetch(t *testing.T, uniqueID string) servicetest.Answer {
	t.Helper()
	address := url.Values{"documentUniqueId": {uniqueID}, "homeCommunityId": {s.of.HomeCommunity}, "repositoryUniqueId": {s.of.Repository}}
	return s.Doctor(t, s.of.Organisations[0]).Get(t, "/mhd/document?"+address.Encode(), "nhn-patient-nin", line)
}

// link is the id of the association between two objects.
func (s *source) link(t *testing.T, from, to string) (id string) {
	t.Helper()
	s.in(t, func(tx *postgres.Tx) error {
		return tx.QueryRow(t.Context(), `select id::text from tenant.association where source_id = $1::text::uuid and target_id = $2::text::uuid`, from, to).Scan(&id)
	})
	return id
}

// inOrder: fsck has nothing to say of the instance.
func (s *source) inOrder(t *testing.T) {
	t.Helper()
	store := s.Store(t)
	queue, err := job.NewQueue(s.DB, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	locator := s.Locator(t)
	check := &lifecycle.Fsck{DB: s.DB, Tenants: tenant.Directory{DB: s.DB}, Objects: repository.New(repository.Config{Blobs: store}), Queue: queue, Locator: locator,
		Deep: true, Grace: time.Hour, Parallel: 1, Now: time.Now, Found: func(f lifecycle.Finding) { t.Errorf("fsck: %+v", f) }, Progress: func(lifecycle.Progress) {}}
	if _, err := check.Run(t.Context(), s.of.Name); err != nil {
		t.Fatal(err)
	}
}

// TestReplace: a replaced document takes along what was appended to and transformed from it, and what replaces it is put into its folders, by the
// message's set (spec/ihe.md 1.5).
func TestReplace(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	m := newMessage("old", "appended", "transformed", "signature")
	m.link("appended", document.Append, "old")
	m.link("transformed", document.Transform, "old")
	m.link("signature", document.Signs, "old")
	m.folder("f")
	old := s.sent(t, m.put("f", "old"))
	next := newMessage("new")
	next.link("new", document.Replace, old["old"])
	ids := s.sent(t, next)
	for ref, want := range map[string]document.Status{"old": document.Deprecated, "appended": document.Deprecated, "transformed": document.Deprecated, "signature": document.Approved} {
		if got := s.registered(t, m.entry(ref).UniqueID).Status; got != want {
			t.Errorf("%s is %c", ref, got)
		}
	}
	if got := s.list(t, m.Folders[0].UniqueID).Members; len(got) != 2 || got[1].String() != ids["new"] {
		t.Errorf("the folder holds %v", got)
	}
	if got := s.links(t, ids["set"], s.link(t, old["f"], ids["new"])); got != "M" {
		t.Errorf("the membership is %q of the set", got)
	}
	both := newMessage("third")
	both.link("third", document.TransformReplace, ids["new"])
	both.put(old["f"], "third") // said by the message: not once more
	s.sent(t, both)
	if got := s.list(t, m.Folders[0].UniqueID).Members; len(got) != 3 {
		t.Errorf("the folder holds %v", got)
	}
	s.inOrder(t)
}

// TestReferences: a set refers to what is registered, to another patient's document too; folders that are there get documents, new and old.
func TestReferences(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := newMessage("x")
	m.link("set", document.HasMember, w.other).Membership = document.Reference
	m.link("set", document.HasMember, w.first)
	m.link("set", document.HasMember, w.folder)
	m.link("set", document.HasMember, w.sealOf(t))
	m.put(w.folder, "x").put(w.folder, w.old)
	m.link("x", document.SnapshotOf, w.demand)
	ids := w.sent(t, m)
	for to, want := range map[string]string{w.other: "MR", w.first: "MR", w.folder: "M", ids["x"]: "MO"} {
		if got := w.links(t, ids["set"], to); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := w.list(t, w.folderUnique); len(got.Members) != 3 || got.Time.At.Before(got.Registered) {
		t.Errorf("the folder: %+v", got)
	}
	alone := newMessage() // refers, and brings nothing
	alone.link("set", document.HasMember, w.first).Membership = document.Reference
	w.sent(t, alone)
	w.sent(t, alone) // the same message is recognised
	w.inOrder(t)
}

// TestElsewhere: entries whose bytes are not ours are listed over REST without promising a document, cannot be opened, and are deleted like others.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	m, onDemand := newMessage("x"), newMessage("d").onDemand("d")
	for transaction, m := range map[string]*message{"ITI-42": m, "ITI-61": onDemand} {
		id, writer := s.sent(t, m)[m.Entries[0].Ref], s.Writer(t, s.of.Organisations[0])
		unique := m.Entries[0].UniqueID
		events := s.Events(t, s.of)
		s.wantEvent(t, events[len(events)-1], transaction, 1)
		if a := writer.Get(t, "/R4/fhir/DocumentReference/"+id); a.Status != 200 || strings.Contains(string(a.Body), "/mhd/document") ||
			!strings.Contains(string(a.Body), "urn:oid:1.2.3.4.5") {
			t.Errorf("listed: %d %s", a.Status, a.Body)
		}
		found := s.Doctor(t, s.of.Organisations[0]).Search(t, url.Values{"patient.identifier": {servicetest.PatientSystem + "|" + line}, "status": {"current"}})
		if text := string(found.Body); found.Status != 200 || !strings.Contains(text, id) || strings.Contains(text, "documentUniqueId="+unique) {
			t.Errorf("found: %d %s", found.Status, text)
		}
		if a := s.fetch(t, unique); a.Status != 404 {
			t.Errorf("opened: %d %s", a.Status, a.Body)
		}
		if a := writer.Get(t, "/api/rest/document-status?documentUniqueId="+unique); a.Status != 200 || !strings.Contains(string(a.Body), `"savedIn":"registry"`) {
			t.Errorf("status: %d %s", a.Status, a.Body)
		}
		s.inOrder(t)
		if a := writer.Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+id, nil)); a.Status != 200 {
			t.Errorf("deleted: %d %s", a.Status, a.Body)
		}
	}
	s.inOrder(t)
}

// TestBytes: what a message says of its documents against what came (ITI-41), and that nothing of a refusal stays in the store.
func TestBytes(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	first := newMessage("x").with("x", "samme")
	registered := s.sent(t, first)["x"]
	sum := sha1.Sum([]byte("samme"))
	for name, c := range map[string]struct {
		change   func(m *message)
		code, at string
	}{
		"hash":        {func(m *message) { m.entry("x").SHA1, m.entry("x").Size, m.entry("x").SizeStated = sum[:], 6, true }, "XDSRepositoryMetadataError", "documents[0].hash"},
		"size":        {func(m *message) { m.entry("x").SHA1, m.entry("x").Size, m.entry("x").SizeStated = sum[:], 7, true }, "XDSRepositoryMetadataError", "documents[0].size"},
		"no document": {func(m *message) { newNeighbour(m) }, "XDSMissingDocument", "documents[1].document"},
		"no entry": {func(m *message) {
			m.Entries, m.Associations = m.Entries[:1], m.Associations[:1]
			m.bytes["z"] = []byte("z")
		}, "XDSMissingDocumentMetadata", "bodies[1]"},
		"two of one":      {func(m *message) { newNeighbour(m); m.with("y", "y").entry("y").UniqueID = m.entry("x").UniqueID }, "XDSRepositoryDuplicateUniqueIdInMessage", "documents[1].uniqueId"},
		"other bytes":     {func(m *message) { m.entry("x").UniqueID = first.Entries[0].UniqueID }, "XDSNonIdenticalHash", "documents[0].uniqueId"},
		"other size":      {func(m *message) { m.entry("x").UniqueID = first.Entries[0].UniqueID }, "XDSNonIdenticalSize", "documents[0].uniqueId"},
		"format":          {func(m *message) { m.entry("x").MimeType = "application/pdf" }, "InvalidDocumentContent", "documents[0].mimeType"},
		"malware":         {func(m *message) { m.bytes["x"] = []byte(scan.EICAR()); m.link("x", document.Append, registered) }, "XDSRepositoryError", "documents[0].document"},
		"on demand by 41": {func(m *message) { m.onDemand("x") }, "XDSRegistryMetadataError", "documents[0].objectType"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMessage("x").with("x", "annet!")
			c.change(m)
			before := s.sizes(t)
			payload, parts := m.payload()
			if name == "no entry" {
				payload = []byte(replaceOnce(t, string(payload), "</xds:ProvideAndRegisterDocumentSetRequest>", `<xds:Document id="z"/></xds:ProvideAndRegisterDocumentSetRequest>`))
			}
			wantRefused(t, answered(t, s.Post(t, xds.Repository, provideAction, payload, s.RecordSystem(t, s.of.Organisations[0], line), parts...)), c.code, c.at)
			if diff := cmp.Diff(before, s.sizes(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
	if s.Rows(t, s.of, `stored_object where state = 'Q' and held->'message'->'relations'->0->>'entry' = '`+registered+`'`) != 1 {
		t.Error("the malware is not in quarantine with what it was meant to be")
	}
	shared := newMessage("x", "y").with("x", "delt").with("y", "delt") // one part for two documents, and one for none
	payload, parts := shared.payload()
	one := []byte(replaceOnce(t, string(payload), "cid:y", "cid:x"))
	told := answered(t, s.Post(t, xds.Repository, provideAction, one, s.RecordSystem(t, s.of.Organisations[0], line), parts...))
	wantRefused(t, told, "XDSMissingDocument", "documents[1].document")
	wantRefused(t, told, "XDSMissingDocumentMetadata", "bodies")
	empty := newMessage("x")
	payload = ebxml.AppendProvide(nil, &empty.Objects, []ebxml.Document{{Ref: "x"}})
	wantRefused(t, answered(t, s.Post(t, xds.Repository, provideAction, payload, s.RecordSystem(t, s.of.Organisations[0], line))), "XDSMissingDocument", "documents[0].document")
	again := newMessage("x").with("x", "samme") // the same document once more is another entry
	again.entry("x").UniqueID = first.Entries[0].UniqueID
	again.entry("x").SHA1, again.entry("x").Size, again.entry("x").SizeStated = sum[:], 5, true
	if a := s.send(t, again); a.Status != ebxml.Success || s.Rows(t, s.of, "document_entry") != 2 {
		t.Error(a)
	}
	s.inOrder(t)
}

// TestSentAgain: a message that comes again is answered as the first time, and nothing is registered twice; one that says something else is refused.
func TestSentAgain(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	m := newMessage("x").with("x", "tekst")
	m.folder("f")
	m.put("f", "x")
	payload, parts := m.payload()
	envelope := servicetest.Envelope(xds.Repository, provideAction, payload, s.RecordSystem(t, s.of.Organisations[0], line))
	contentType, body := servicetest.Package(t, envelope, parts)
	toTheByte := func() {
		a := servicetest.ReadSOAP(t, servicetest.Send(t, s.Request(t, http.MethodPost, xds.Repository, bytes.NewReader(body), "Content-Type", contentType)))
		if got := answered(t, a); got.Status != ebxml.Success {
			t.Fatal(got)
		}
	}
	toTheByte()
	rows := s.sizes(t)
	if a := s.send(t, m); a.Status != ebxml.Success { // with another MessageID and another boundary
		t.Error(a)
	}
	if diff := cmp.Diff(rows, s.sizes(t)); diff != "" || s.Rows(t, s.of, "audit_event where operation = 'provide'") != 1 {
		t.Error(diff, s.Events(t, s.of))
	}
	m.Folders[0].Title = "En annen mappe"
	wantRefused(t, s.send(t, m), "XDSDuplicateUniqueIdInRegistry", "set.uniqueId")
	m.Folders[0].Title = "Mappe"
	m.entry("x").Confidentiality[0].Value = "R"
	wantRefused(t, s.send(t, m), "XDSDuplicateUniqueIdInRegistry", "set.uniqueId")
	if diff := cmp.Diff(rows, s.sizes(t)); diff != "" {
		t.Error(diff)
	}
	id := s.registered(t, m.Entries[0].UniqueID).ID.String()
	if a := s.Writer(t, s.of.Organisations[0]).Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+id, nil)); a.Status != 200 {
		t.Fatal(a)
	}
	toTheByte() // whatever became of the document
	if diff := cmp.Diff(rows, s.sizes(t)); diff != "" {
		t.Error(diff)
	}
}

// TestWhichInstance: by home, by repositoryUniqueId, by the organisation (T2-T4); registration from outside where the instance takes it.
func TestWhichInstance(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	second := s.Tenant(t, func(d *administration.Draft) { d.Organisations, d.Profile = s.of.Organisations, tenant.IHE })
	sent := func(change func(m *message)) *ebxml.Answer {
		m := newMessage("x").with("x", "tekst")
		change(m)
		return s.send(t, m)
	}
	wantRefused(t, sent(func(*message) {}), "XDSRegistryMetadataError", "set.homeCommunityId")
	for _, change := range []func(m *message){func(m *message) { m.Sets[0].Home = second.HomeCommunity }, func(m *message) { m.entry("x").Home = second.HomeCommunity },
		func(m *message) { m.entry("x").Repository = second.Repository }} {
		if a := sent(change); a.Status != ebxml.Success {
			t.Error(a)
		}
	}
	if n := s.Rows(t, second, "document_entry"); n != 3 {
		t.Errorf("%d entries are in the instance named", n)
	}
	m := newMessage("x")
	m.Sets[0].Home = second.HomeCommunity
	wantRefused(t, s.send(t, m), "XDSRegistryError", "set.homeCommunityId")
	stranger := &source{s.Service, s.Tenant(t)}
	m = newMessage("x").with("x", "tekst")
	m.Sets[0].Home = second.HomeCommunity
	wantRefused(t, stranger.send(t, m), "XDSRegistryMetadataError", "set.homeCommunityId")
	reader := s.Post(t, xds.Registry, registerAction, ebxml.AppendSubmission(nil, &newMessage("x").Objects), s.Personnel(t, s.of.Organisations[0], line))
	if a := answered(t, reader); a.Status != ebxml.Failure || s.Rows(t, s.of, "document_entry") != 0 {
		t.Errorf("who may only read: %v", a)
	}
}

// TestRacingReplacements: of two messages that replace one document, one is registered and the other says why not.
func TestRacingReplacements(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	old := s.sent(t, newMessage("old"))["old"]
	answers := make([]*ebxml.Answer, 4)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			m := newMessage("new")
			m.link("new", document.Replace, old)
			answers[i] = s.send(t, m)
		})
	}
	wg.Wait()
	won := slices.DeleteFunc(slices.Clone(answers), func(a *ebxml.Answer) bool { return a.Status != ebxml.Success })
	if len(won) != 1 || s.Rows(t, s.of, "document_entry") != 2 {
		t.Fatalf("%d of them were registered", len(won))
	}
	for _, a := range answers {
		if a.Status != ebxml.Success {
			wantRefused(t, a, "XDSRegistryDeprecatedDocumentError", "associations[1]")
		}
	}
	s.inOrder(t)
}

// TestProblemsAreBounded: of very many problems the first are told, and what refuses is among them whatever stands before it.
func TestProblemsAreBounded(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	m := newMessage()
	for i := range 120 { // each with five warnings
		e := m.add(fmt.Sprint("x", i))
		for _, c := range []*document.Code{&e.Class, &e.Type, &e.Format, &e.Facility, &e.Practice} {
			c.System = "1.2.3.4"
		}
		m.link("set", document.HasMember, e.Ref).Ref = fmt.Sprint("link", i)
	}
	m.link("x0", document.Append, uuid.NewString()).Ref = "last"
	a := s.send(t, m)
	wantRefused(t, a, "UnresolvedReferenceException", "associations[120]")
	if n := len(a.Errors); n > 1000 {
		t.Errorf("%d problems are told", n)
	}
	m.Associations = m.Associations[:120]
	if a = s.send(t, m); a.Status != ebxml.Success || len(a.Errors) != 500 || s.Rows(t, s.of, "document_entry") != 120 {
		t.Errorf("%s with %d warnings", a.Status, len(a.Errors))
	}
}

// TestManyProblems: a message with many faults is told all of them (W6), each once.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	m := newMessage("x", "y")
	m.Sets[0].SourceID, m.entry("x").Language, m.entry("y").SHA1, m.entry("y").Class.Value = "", "", nil, "Q99"
	m.link("x", document.Append, uuid.NewString())
	a := s.send(t, m)
	var got []string
	for _, e := range a.Errors {
		got = append(got, fmt.Sprint(e.Code, " ", e.Location))
	}
	slices.Sort(got)
	want := []string{"UnresolvedReferenceException associations[2]", "XDSRegistryMetadataError documents[0].languageCode", "XDSRegistryMetadataError documents[1].classCode",
		"XDSRegistryMetadataError documents[1].hash", "XDSRegistryMetadataError set.sourceId"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff, a.Errors)
	}
}
