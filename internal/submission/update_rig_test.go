package submission_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"log/slog"
	"slices"
	"strconv"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/idempotency"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/submission"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// desk is a tenant, and the use cases that a Document Administrator reaches in it. No bytes are stored: rows tell what would become of them.
type desk struct {
	t       testing.TB
	of      tenant.Tenant
	service *submission.Service
	actor   audit.Actor
}

var (
	ida  = document.PatientID{Value: "ida-1", Authority: "1.2.3.4"}
	ivar = document.PatientID{Value: "ivar-2", Authority: "1.2.3.4"}
)

const hl7 = "2.16.840.1.113883.5.25"

func open(t testing.TB, change ...func(*tenant.Tenant)) *desk {
	t.Helper()
	db := stacktest.Migrated(t).DB
	locator, err := registry.NewLocator([]byte("a secret of the tests, 32 bytes.."))
	if err != nil {
		t.Fatal(err)
	}
	queue, err := job.NewQueue(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	of := stacktest.Tenant(t, change...)
	service := &submission.Service{DB: db, Tenants: tenant.Directory{DB: db}, Objects: repository.New(repository.Config{}), Log: audit.Log{DB: db}, Locator: locator,
		Queue: queue, Keys: idempotency.Keys{DB: db}, Now: time.Now}
	return &desk{t, of, service, audit.Actor{Caller: access.Caller{Kind: access.Machine, ClientID: "epj", Organisation: of.Organisations[0]}, Transaction: "ITI-57"}}
}

func (d *desk) in(fn func(*postgres.Tx) error) {
	d.t.Helper()
	if err := d.service.DB.InTenant(d.t.Context(), d.of.Schema(), fn); err != nil {
		d.t.Fatal(err)
	}
}

// count counts rows; "tenant." stands for the schema's name.
func (d *desk) count(from string, args ...any) (n int) {
	d.t.Helper()
	d.in(func(tx *postgres.Tx) error {
		return tx.QueryRow(d.t.Context(), "select count(*) from tenant."+from, args...).Scan(&n)
	})
	return n
}

func newEntry(change ...func(*document.Entry)) document.Entry {
	id := uuid.New()
	sum, old := sha256.Sum256(id[:]), sha1.Sum(id[:])
	now := time.Now().UTC().Truncate(time.Microsecond)
	e := document.Entry{ID: id, LogicalID: id, Version: 1, UniqueID: document.OIDOf(id), Patient: ida, Status: document.Approved, ObjectKey: uuid.New(),
		Class: document.Code{Value: "A00-1", System: "2.16.578.1.12.4.1.1.9602"}, Type: document.Code{Value: "A01-2", System: "2.16.578.1.12.4.1.1.9602"},
		Format: document.Code{Value: "f", System: "1.3.6.1"}, Facility: document.Code{Value: "86.101", System: "1.4.5"}, Practice: document.Code{Value: "K01", System: "1.5.6"},
		Confidentiality: []document.Code{{Value: "N", System: hl7}}, Language: "nb-NO", Title: "Epikrise",
		SourcePatient: document.SourcePatient{ID: document.PatientID{Value: "local", Authority: "1.2.3"}},
		Creation:      document.Time{At: time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC), Precision: document.Second}, MimeType: "application/pdf", Size: 7,
		SHA1: old[:], SHA256: sum[:], Registered: now}
	for _, c := range change {
		c(&e)
	}
	return e
}

// elsewhere makes an entry one whose document another repository keeps (ITI-42).
func elsewhere(e *document.Entry) {
	e.Repository, e.ObjectKey, e.SHA256 = "1.19.6.24.109.42.1", uuid.Nil, nil
}

// register registers entries, folders and what connects them, as one set.
func (d *desk) register(entries []document.Entry, folders []document.Folder, links ...document.Association) document.SubmissionSet {
	d.t.Helper()
	set := document.SubmissionSet{ID: uuid.Must(uuid.NewV7()), SourceID: "1.2.3", Patient: ida, ContentType: document.Code{Value: "X", System: "1.2"},
		Time: document.Time{At: time.Now(), Precision: document.Second}, Registered: time.Now().UTC().Truncate(time.Microsecond)}
	set.UniqueID = document.OIDOf(set.ID)
	var members []document.Association
	member := func(id uuid.UUID) {
		members = append(members, document.Association{ID: uuid.Must(uuid.NewV7()), Type: document.HasMember, Source: set.ID, Target: id, Membership: document.Original})
	}
	event := audit.New(time.Now(), d.actor, audit.Create, "provide")
	event.Patient = ida.CX()
	d.in(func(tx *postgres.Tx) error {
		b := tx.Batch()
		for i := range entries {
			entries[i].SubmissionID = set.ID
			member(entries[i].ID)
			event.Detail.Documents = append(event.Detail.Documents, audit.Of(entries[i]))
			if key := entries[i].ObjectKey; key != uuid.Nil {
				d.service.Objects.Record(b, repository.Object{Key: key, Size: entries[i].Size, SHA256: entries[i].SHA256},
					repository.Row{State: repository.Stored, MimeType: entries[i].MimeType, Event: event.ID}, time.Now())
			}
		}
		for _, f := range folders {
			member(f.ID)
		}
		for _, l := range links {
			if l.Type == document.HasMember {
				member(l.ID)
			}
		}
		if err := registry.Register(tx, b, d.service.Locator, registry.Submission{Set: set, Entries: entries, Folders: folders, Associations: append(members, links...)}); err != nil {
			return err
		}
		if err := audit.Append(tx, b, event); err != nil {
			return err
		}
		return b.Send(d.t.Context())
	})
	return set
}

// document registers one document and gives its entry.
func (d *desk) document(change ...func(*document.Entry)) document.Entry {
	d.t.Helper()
	all := []document.Entry{newEntry(change...)}
	d.register(all, nil)
	return all[0]
}

func newFolder() document.Folder {
	id := uuid.New()
	now := time.Now().UTC().Truncate(time.Microsecond)
	return document.Folder{ID: id, LogicalID: id, Version: 1, UniqueID: document.OIDOf(id), Patient: ida, Status: document.Approved, Title: "Mappe",
		Codes: []document.Code{{Value: "K", System: "1.2.3"}}, Updated: now, Registered: now}
}

func link(kind document.AssociationType, from, to uuid.UUID) document.Association {
	return document.Association{ID: uuid.Must(uuid.NewV7()), Type: kind, Source: from, Target: to}
}

// versions are those of an entry, the newest first.
func (d *desk) versions(logical uuid.UUID) (all []document.Entry) {
	d.t.Helper()
	d.in(func(tx *postgres.Tx) (err error) {
		all, err = registry.Versions(d.t.Context(), tx, []uuid.UUID{logical})
		return err
	})
	return all
}

func (d *desk) entry(id uuid.UUID) (e document.Entry) {
	d.t.Helper()
	d.in(func(tx *postgres.Tx) (err error) {
		e, err = registry.ByID(d.t.Context(), tx, id)
		return err
	})
	return e
}

func (d *desk) folder(id uuid.UUID) (l document.List) {
	d.t.Helper()
	d.in(func(tx *postgres.Tx) (err error) {
		l, err = registry.ListByID(d.t.Context(), tx, id)
		return err
	})
	return l
}

// touching are the associations of an object.
func (d *desk) touching(id uuid.UUID) (all []document.Association) {
	d.t.Helper()
	d.in(func(tx *postgres.Tx) (err error) {
		all, err = registry.Touching(d.t.Context(), tx, []uuid.UUID{id})
		return err
	})
	return all
}

// object is the state of an entry's bytes, and how many jobs are to remove them.
func (d *desk) object(key uuid.UUID) (state repository.State, jobs int) {
	d.t.Helper()
	d.in(func(tx *postgres.Tx) error {
		life, err := repository.LifeOf(d.t.Context(), tx, key)
		state = life.State
		return err
	})
	err := stacktest.Migrated(d.t).Owner.Pool().QueryRow(d.t.Context(), `select count(*) from `+postgres.JobSchema+`.river_job where args->>'key' = $1`, key.String()).Scan(&jobs)
	if err != nil {
		d.t.Fatal(err)
	}
	return state, jobs
}

// message is an update as a client writes it, to be changed before it is sent.
type message struct{ ebxml.Objects }

func (d *desk) message(patient document.PatientID) *message {
	var m message
	id := uuid.New()
	m.Sets = []ebxml.Set{{Ref: "SubmissionSet01", SubmissionSet: document.SubmissionSet{UniqueID: document.OIDOf(id), Patient: patient, SourceID: "1.2.3",
		ContentType: document.Code{Value: "X", System: "1.2.3"}, Time: document.Time{At: time.Now(), Precision: document.Second}}}}
	return &m
}

// update is a message with a new version of an entry, which change makes different.
func (d *desk) update(old document.Entry, change ...func(*ebxml.Entry)) *message {
	m := d.message(old.Patient)
	d.version(m, "Document01", old, change...)
	return m
}

func (d *desk) version(m *message, ref string, old document.Entry, change ...func(*ebxml.Entry)) {
	e := ebxml.Entry{Ref: ref, LogicalRef: old.LogicalID.String(), Entry: old, SizeStated: true}
	e.ID, e.LogicalID, e.Status, e.Version = uuid.Nil, old.LogicalID, 0, 0
	if e.Repository == "" {
		e.Repository = d.of.Repository
	}
	for _, c := range change {
		c(&e)
	}
	if e.ID != uuid.Nil {
		e.Ref = e.ID.String()
	}
	m.Entries = append(m.Entries, e)
	m.Associations = append(m.Associations, ebxml.Association{Ref: "HasMember-" + ref, SourceRef: "SubmissionSet01", TargetRef: e.Ref, Previous: strconv.Itoa(old.Version),
		Association: document.Association{Type: document.HasMember, Membership: document.Original}})
}

// folderUpdate is a message with a new version of a folder.
func (d *desk) folderUpdate(old document.Folder, change ...func(*ebxml.Folder)) *message {
	m := d.message(old.Patient)
	f := ebxml.Folder{Ref: "Folder01", LogicalRef: old.LogicalID.String(), Folder: old}
	f.ID, f.LogicalID, f.Status, f.Version = uuid.Nil, uuid.Nil, 0, 0
	f.Title = "Ny tittel"
	for _, c := range change {
		c(&f)
	}
	m.Folders = append(m.Folders, f)
	m.Associations = append(m.Associations, ebxml.Association{SourceRef: "SubmissionSet01", TargetRef: "Folder01", Previous: strconv.Itoa(old.Version),
		Association: document.Association{Type: document.HasMember, Membership: document.Original}})
	return m
}

// status adds an UpdateAvailabilityStatus.
func (m *message) status(target string, from, to document.Status) *message {
	m.Associations = append(m.Associations, ebxml.Association{SourceRef: "SubmissionSet01", TargetRef: target, From: from, To: to,
		Association: document.Association{Type: document.UpdateStatus, Target: asID(target)}})
	return m
}

// submit adds an association and its SubmitAssociation.
func (m *message) submit(kind document.AssociationType, from, to string) *message {
	ref := "Association" + strconv.Itoa(len(m.Associations))
	m.Associations = append(m.Associations,
		ebxml.Association{SourceRef: "SubmissionSet01", TargetRef: ref, Association: document.Association{Type: document.SubmitAssociation}},
		ebxml.Association{Ref: ref, SourceRef: from, TargetRef: to, Association: document.Association{Type: kind, Source: asID(from), Target: asID(to)}})
	return m
}

func asID(text string) uuid.UUID {
	id, _ := uuid.Parse(text)
	return id
}

// read is what the door reads of the message: it goes through the codec.
func (m *message) read(t testing.TB) *ebxml.Submission {
	t.Helper()
	s, err := ebxml.ReadSubmission(ebxml.AppendSubmission(nil, &m.Objects))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (d *desk) send(m *message) (submission.Receipt, error) {
	d.t.Helper()
	return d.service.Update(d.t.Context(), d.actor, submission.Revision{Message: m.read(d.t)})
}

func (d *desk) sendRestricted(m *message) error {
	d.t.Helper()
	actor := d.actor
	actor.Transaction = "ITI-92"
	_, err := d.service.Update(d.t.Context(), actor, submission.Revision{Message: m.read(d.t), Restricted: true})
	return err
}

// must sends and wants success.
func (d *desk) must(m *message) submission.Receipt {
	d.t.Helper()
	r, err := d.send(m)
	if err != nil {
		d.t.Fatalf("%v\n%s", err, places(err))
	}
	return r
}

// codes are the XDS codes of what refused, each once.
func codes(err error) (out []string) {
	if err == nil {
		return nil
	}
	for _, p := range fault.Of(err) {
		if code := p.Code.Info().XDS; p.Severity == fault.Error && !slices.Contains(out, code) {
			out = append(out, code)
		}
	}
	return out
}

func places(err error) (text string) {
	for _, p := range fault.Of(err) {
		text += string(p.Code) + " " + p.Location + ": " + p.Safe + "\n"
		if p.Err != nil {
			text += "  because " + p.Err.Error() + "\n"
		}
	}
	return text
}

// events are those of an operation, the oldest first.
func (d *desk) events(operation string) (all []event) {
	d.t.Helper()
	d.in(func(tx *postgres.Tx) error {
		rows, err := tx.Query(d.t.Context(), `select outcome::text, coalesce(patient_id, ''), detail::text, action::text from tenant.audit_event where operation = $1 order by id`, operation)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e event
			if err := rows.Scan(&e.outcome, &e.patient, &e.detail, &e.action); err != nil {
				return err
			}
			all = append(all, e)
		}
		return rows.Err()
	})
	return all
}

type event struct{ outcome, patient, detail, action string }

func as(d *desk, transaction string) audit.Actor {
	actor := d.actor
	actor.Transaction = transaction
	return actor
}

func stacktestTenant(t testing.TB, organisation string) tenant.Tenant {
	t.Helper()
	return stacktest.Tenant(t, func(of *tenant.Tenant) { of.Organisations = []string{organisation} })
}
