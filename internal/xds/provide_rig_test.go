package xds_test

import (
	"crypto/sha1"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"
	"dokumentlager/internal/xds"

	"github.com/google/uuid"
)

const (
	provideAction  = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
	registerAction = "urn:ihe:iti:2007:RegisterDocumentSet-b"
	onDemandAction = "urn:ihe:iti:2010:RegisterOnDemandDocumentEntry"
	line, otto     = "13116900216", "12119000465"
	hl7            = "2.16.840.1.113883.5.25"
)

// source is a record system that sends to an instance of its own, which takes all transactions.
type source struct {
	*servicetest.Service
	of tenant.Tenant
}

func newSource(t testing.TB, options ...func(*administration.Draft)) *source {
	t.Helper()
	s := servicetest.Start(t)
	options = append([]func(*administration.Draft){func(d *administration.Draft) { d.Transactions = tenant.Transactions }}, options...)
	return &source{s, s.Tenant(t, options...)}
}

// message is a submission in the making. Its objects go by symbolic ids.
type message struct {
	ebxml.Objects
	bytes map[string][]byte
}

func patientOf(number string) document.PatientID {
	return document.PatientID{Value: number, Authority: document.AuthorityFNR}
}

func fresh() string { return document.OIDOf(uuid.New()) }

// newMessage is a submission set, with documents as Original members.
func newMessage(documents ...string) *message {
	s := ebxml.Set{Ref: "set"}
	s.Patient, s.UniqueID, s.SourceID = patientOf(line), fresh(), "2.16.578.1.12.4.5.480.1.2"
	s.ContentType = document.Code{Value: "A03-2", System: "2.16.578.1.12.4.1.1.9602"}
	s.Time = document.Time{At: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Precision: document.Second}
	m := &message{bytes: map[string][]byte{}}
	m.Sets = append(m.Sets, s)
	for _, d := range documents {
		m.add(d)
		m.link("set", document.HasMember, d).Membership = document.Original
	}
	return m
}

// add is a document that another repository keeps, in which the message says all that XDS wants.
func (m *message) add(ref string) *ebxml.Entry {
	code := func(value, system string) document.Code { return document.Code{Value: value, System: system} }
	e := ebxml.Entry{Ref: ref, SizeStated: true}
	e.UniqueID, e.Patient, e.MimeType, e.Language, e.Title = fresh(), patientOf(line), "text/plain", "nb-NO", "Epikrise"
	e.Class, e.Type = code("A00-1", "2.16.578.1.12.4.1.1.9602"), code("A03-2", "2.16.578.1.12.4.1.1.9602")
	e.Format, e.Facility = code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "1.3.6.1.4.1.19376.1.2.3"), code("86.909", "2.16.578.1.12.4.1.1.1303")
	e.Practice, e.Confidentiality = code("6", "2.16.578.1.12.4.1.1.8653"), []document.Code{code("N", hl7)}
	e.SourcePatient.ID = document.PatientID{Value: "4711", Authority: "2.16.578.1.12.4.5.480"}
	e.Creation = document.Time{At: time.Date(2026, 10, 31, 10, 15, 30, 0, time.UTC), Precision: document.Second}
	e.Repository = "1.2.3.4.5"
	sum := sha1.Sum([]byte(e.UniqueID))
	e.SHA1, e.Size = sum[:], 1234
	m.Entries = append(m.Entries, e)
	return &m.Entries[len(m.Entries)-1]
}

func (m *message) entry(ref string) *ebxml.Entry {
	return &m.Entries[slices.IndexFunc(m.Entries, func(e ebxml.Entry) bool { return e.Ref == ref })]
}

// onDemand makes a document one that is made when it is asked for.
func (m *message) onDemand(ref string) *message {
	e := m.entry(ref)
	e.OnDemand, e.Creation, e.SHA1, e.Size, e.SizeStated = true, document.Time{}, nil, 0, false
	return m
}

func (m *message) folder(ref string) *ebxml.Folder {
	f := ebxml.Folder{Ref: ref}
	f.UniqueID, f.Patient, f.Title, f.Codes = fresh(), patientOf(line), "Mappe", []document.Code{{Value: "A03-2", System: "2.16.578.1.12.4.1.1.9602"}}
	m.Folders = append(m.Folders, f)
	m.link("set", document.HasMember, ref)
	return &m.Folders[len(m.Folders)-1]
}

// link leads from one object to another, by symbolic ids or UUIDs.
func (m *message) link(from string, kind document.AssociationType, to string) *ebxml.Association {
	a := ebxml.Association{Ref: "link" + string(rune('a'+len(m.Associations))), SourceRef: from, TargetRef: to}
	a.Type, a.Source, a.Target = kind, parsed(from), parsed(to)
	m.Associations = append(m.Associations, a)
	return &m.Associations[len(m.Associations)-1]
}

func parsed(ref string) uuid.UUID {
	id, _ := uuid.Parse(ref)
	return id
}

// put makes a document a member of a folder, and that a member of the set.
func (m *message) put(folder, entry string) *message {
	m.link("set", document.HasMember, m.link(folder, document.HasMember, entry).Ref)
	return m
}

// with gives a document its bytes.
func (m *message) with(ref, text string) *message {
	e := m.entry(ref)
	e.Repository, e.SHA1, e.Size, e.SizeStated = "", nil, 0, false
	m.bytes[ref] = []byte(text)
	return m
}

// payload is the message of ITI-41 with its parts when it has bytes, else of ITI-42 and 61.
func (m *message) payload() (payload []byte, parts []servicetest.Part) {
	if len(m.bytes) == 0 {
		return ebxml.AppendSubmission(nil, &m.Objects), nil
	}
	var documents []ebxml.Document
	for _, e := range m.Entries {
		if text, has := m.bytes[e.Ref]; has {
			documents = append(documents, ebxml.Document{Ref: e.Ref, Href: "cid:" + e.Ref})
			parts = append(parts, servicetest.Part{ContentID: e.Ref, MediaType: e.MimeType, Bytes: text})
		}
	}
	return ebxml.AppendProvide(nil, &m.Objects, documents), parts
}

// send sends the message by the transaction that fits what it holds, and reads the answer.
func (s *source) send(t testing.TB, m *message) *ebxml.Answer {
	t.Helper()
	action, path := registerAction, xds.Registry
	switch {
	case len(m.bytes) > 0:
		action, path = provideAction, xds.Repository
	case slices.ContainsFunc(m.Entries, func(e ebxml.Entry) bool { return e.OnDemand }):
		action = onDemandAction
	}
	return s.sendAs(t, m, path, action)
}

func (s *source) sendAs(t testing.TB, m *message, path, action string) *ebxml.Answer {
	t.Helper()
	payload, parts := m.payload()
	return answered(t, s.Post(t, path, action, payload, s.RecordSystem(t, s.of.Organisations[0], line), parts...))
}

func answered(t testing.TB, a servicetest.SOAPAnswer) *ebxml.Answer {
	t.Helper()
	if a.Message == nil || a.Fault != nil {
		t.Fatalf("%d %v %s: %s", a.Status, a.Fault, a.FaultText, a.Body)
	}
	read, err := ebxml.ReadAnswer(a.Message.Body)
	if err != nil {
		t.Fatalf("%v: %s", err, a.Message.Body)
	}
	return read
}

// sent fails the test unless the message is registered without a word, and tells the entries' ids by unique identifier.
func (s *source) sent(t testing.TB, m *message) map[string]string {
	t.Helper()
	if a := s.send(t, m); a.Status != ebxml.Success || len(a.Errors) > 0 {
		t.Fatalf("%s: %v", a.Status, a.Errors)
	}
	ids := map[string]string{}
	for _, e := range m.Entries {
		ids[e.Ref] = s.registered(t, e.UniqueID).ID.String()
	}
	for _, f := range m.Folders {
		ids[f.Ref] = s.list(t, f.UniqueID).ID.String()
	}
	ids["set"] = s.list(t, m.Sets[0].UniqueID).ID.String()
	return ids
}

func (s *source) in(t testing.TB, fn func(*postgres.Tx) error) {
	t.Helper()
	if err := s.DB.InTenant(t.Context(), s.of.Schema(), fn); err != nil {
		t.Fatal(err)
	}
}

func (s *source) registered(t testing.TB, uniqueID string) (e document.Entry) {
	t.Helper()
	s.in(t, func(tx *postgres.Tx) (err error) { e, err = registry.ByUniqueID(t.Context(), tx, uniqueID); return err })
	return e
}

func (s *source) list(t testing.TB, uniqueID string) document.List {
	t.Helper()
	var found []document.List
	s.in(t, func(tx *postgres.Tx) (err error) {
		found, err = registry.ListsNamed(t.Context(), tx, nil, []string{uniqueID})
		return err
	})
	if len(found) != 1 {
		t.Fatalf("%d lists have the uniqueId", len(found))
	}
	return found[0]
}

// links are the kinds of association that lead from one object to another.
func (s *source) links(t testing.TB, from, to string) string {
	t.Helper()
	var kinds []string
	s.in(t, func(tx *postgres.Tx) error {
		return tx.QueryRow(t.Context(), `select coalesce(array_agg(kind::text || coalesce(membership::text, '') order by kind), '{}') from tenant.association
			where source_id = $1::text::uuid and target_id = $2::text::uuid`, from, to).Scan(&kinds)
	})
	return strings.Join(kinds, " ")
}

// sizes are the numbers of rows of what a refusal must leave alone.
func (s *source) sizes(t testing.TB) (n [4]int) {
	for i, table := range []string{"document_entry", "submission", "association", "stored_object where state <> 'Q'"} {
		n[i] = s.Rows(t, s.of, table)
	}
	return n
}

// sealOf is a registered association of line's: her folder's membership.
func (w *world) sealOf(t testing.TB) (id string) {
	t.Helper()
	w.in(t, func(tx *postgres.Tx) error {
		return tx.QueryRow(t.Context(), `select id::text from tenant.association where source_id = $1::text::uuid`, w.folder).Scan(&id)
	})
	return id
}

func newNeighbour(m *message) {
	m.add("y")
	m.link("set", document.HasMember, "y").Membership = document.Original
}

// rename gives an object of a message another id, wherever it is named.
func rename(m *message, ref, id string) {
	if m.Sets[0].Ref == ref {
		m.Sets[0].Ref, m.Sets[0].ID = id, parsed(id)
	}
	for i := range m.Entries {
		if m.Entries[i].Ref == ref {
			m.Entries[i].Ref, m.Entries[i].ID = id, parsed(id)
		}
	}
	for i := range m.Associations {
		a := &m.Associations[i]
		if a.SourceRef == ref {
			a.SourceRef, a.Source = id, parsed(id)
		}
		if a.TargetRef == ref {
			a.TargetRef, a.Target = id, parsed(id)
		}
	}
}

func long(n int) string { return strings.Repeat("x", n) }

func replaceOnce(t testing.TB, text, old, changed string) string {
	t.Helper()
	out := strings.Replace(text, old, changed, 1)
	if out == text {
		t.Fatal("nothing to replace")
	}
	return out
}
