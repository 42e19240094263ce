package innsyn

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/person"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// looked is when the readings of these tests were.
var looked = time.Date(2026, 11, 21, 12, 0, 0, 123_456_000, time.UTC)

// rig is a use case over the real database, with a clock and a patient of the test's own.
type rig struct {
	*Service
	t       *testing.T
	db      *stacktest.Database
	patient document.PatientID
	clock   atomic.Pointer[time.Time]
	person  map[document.PatientID]person.Facts
	down    bool
}

func newRig(t *testing.T) *rig {
	t.Helper()
	db := stacktest.Migrated(t)
	locator, err := registry.NewLocator(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, db: db, patient: document.PatientID{Value: uuid.NewString(), Authority: "1.2.3.4"}, person: map[document.PatientID]person.Facts{}}
	r.at(looked.Add(time.Hour))
	r.Service = &Service{DB: db.DB, Tenants: tenant.Directory{DB: db.DB}, Log: audit.Log{DB: db.DB}, Locator: locator, Policy: access.DefaultPolicy(),
		Seals: seals{}, TenantDeadline: 20 * time.Second, Now: func() time.Time { return *r.clock.Load() }}
	return r
}

func (r *rig) at(now time.Time) { r.clock.Store(&now) }

// Facts is Register's.
func (r *rig) Facts(_ context.Context, p document.PatientID) (person.Answer, error) {
	if r.down {
		return person.Answer{}, errors.New("down")
	}
	return person.Answer{Facts: r.person[p]}, nil
}

// tenant is an instance whose log may know the patient.
func (r *rig) tenant(change ...func(*tenant.Tenant)) tenant.Tenant {
	r.t.Helper()
	of := stacktest.Tenant(r.t, change...)
	r.visit(of)
	return of
}

func (r *rig) visit(of tenant.Tenant) {
	r.t.Helper()
	if err := r.Tenants.Visited(r.t.Context(), r.Locator.Key(r.patient), of.ID); err != nil {
		r.t.Fatal(err)
	}
}

// doctor is GRØNN VITS (synthetic), from whose name these words must stand nowhere.
func doctor() audit.Actor {
	return audit.Actor{Caller: access.Caller{Kind: access.Personnel, ClientID: "les-client", Organisation: "981275721", OrganisationName: "Betanien",
		PointOfCare: "910000002", PointOfCareName: "Kirurgen", Name: "GRØNN VITS", HPR: "565501872", PersonID: "05898597468", Role: "LE",
		Purpose: "TREAT", PurposeDetails: "BEHANDLER"}, RequestID: uuid.NewString()}
}

// helsenorge is who asks.
func helsenorge() audit.Actor {
	return audit.Actor{Caller: access.Caller{Kind: access.Machine, ClientID: "helsenorge", Organisation: stacktest.Organisation(), Scopes: []string{access.ScopeLogHelsenorge}}}
}

// read is an event of the doctor's opening of a document.
func (r *rig) read(change ...func(*audit.Event)) audit.Event {
	e := audit.New(looked, doctor(), audit.Read, "open")
	e.Patient, e.Entry = r.patient.CX(), uuid.New()
	e.Detail.Documents = []audit.Document{{Entry: e.Entry.String(), UniqueID: "u", Title: "Epikrise etter fall", Type: "A03-2", Conf: []string{"N"}}}
	for _, c := range change {
		c(&e)
	}
	return e
}

// record writes events in a tenant's log; the zero tenant is the control log.
func (r *rig) record(of tenant.Tenant, events ...audit.Event) {
	r.t.Helper()
	for _, e := range events {
		write := r.Log.RecordControl
		if of.ID != 0 {
			write = func(ctx context.Context, e audit.Event) error { return r.Log.Record(ctx, of.Schema(), e) }
		}
		if err := write(r.t.Context(), e); err != nil {
			r.t.Fatal(err)
		}
	}
}

// looks are all pages of the patient's, of a few each.
func (r *rig) looks(limit int) (all []Look) {
	r.t.Helper()
	for q := (Query{Patient: r.patient, Before: uuid.Max, Limit: limit}); ; {
		page, err := r.Lookups(r.t.Context(), helsenorge(), q)
		if err != nil || len(page.Looks) > limit || page.Incomplete {
			r.t.Fatalf("%d looks, incomplete %t: %v", len(page.Looks), page.Incomplete, err)
		}
		all = append(all, page.Looks...)
		if page.Next == uuid.Nil {
			return all
		}
		q.Before = page.Next
	}
}

// one is the only look there is.
func (r *rig) one() Look {
	r.t.Helper()
	all := r.looks(10)
	if len(all) != 1 {
		r.t.Fatalf("%d looks: %+v", len(all), all)
	}
	return all[0]
}

// entry puts a document into the registry, as it is now.
func (r *rig) entry(of tenant.Tenant, id uuid.UUID, status string, patient document.PatientID, codes ...string) {
	r.t.Helper()
	var tokens []string
	for _, c := range restored(codes) {
		tokens = append(tokens, c.Token())
	}
	_, err := r.db.Owner.Pool().Exec(r.t.Context(), fmt.Sprintf(`insert into %s.document_entry (id, logical_id, version, unique_id, patient_id, status, submission_id, object_key,
		class_code, type_code, format_code, facility_code, practice_code, confidentiality, creation_time, mime_type, size, sha1, sha256, registered_at, rest)
		values ($1, $1, 1, 'u', $2, $3, $1, $1, 'c^1', 't^1', 'f^1', 'f^1', 'p^1', $4, now(), 'text/plain', 1, '', '', now(), '{}')`, of.SchemaName),
		id, patient.CX(), status, tokens)
	if err != nil {
		r.t.Fatal(err)
	}
}

// seals are the seals of a test, as the sealer would have made them.
type seals []audit.Seal

func (s seals) Sealed(_ context.Context, after int64, limit int) ([]audit.Seal, error) {
	from := min(max(int(after), 0), len(s))
	return s[from:min(from+limit, len(s))], nil
}
