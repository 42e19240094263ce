package registry_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	hl7  = "2.16.840.1.113883.5.25"
	norn = "2.16.578.1.12.4.1.1.9603"
)

var (
	patient = document.PatientID{Value: "13116900216", Authority: document.AuthorityFNR}
	stored  = time.Date(2026, 11, 21, 12, 0, 0, 123_456_000, time.UTC)
	noon    = time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
)

// same compares what went in with what came out: an empty list and none are one.
var same = cmpopts.EquateEmpty()

func schemaOf(t *testing.T) postgres.Schema {
	t.Helper()
	return stacktest.Tenant(t).Schema()
}

// in runs fn in the tenant's schema and fails the test when it fails.
func in(t *testing.T, s postgres.Schema, fn func(*postgres.Tx) error) {
	t.Helper()
	if err := stacktest.Migrated(t).DB.InTenant(t.Context(), s, fn); err != nil {
		t.Fatal(err)
	}
}

func locator(t *testing.T) registry.Locator {
	t.Helper()
	l, err := registry.NewLocator([]byte("a secret of the tests, 32 bytes.."))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// register registers in a transaction of its own.
func register(t *testing.T, s postgres.Schema, sub registry.Submission) error {
	t.Helper()
	return stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		if err := registry.Register(tx, b, locator(t), sub); err != nil {
			return err
		}
		return b.Send(t.Context())
	})
}

func mustRegister(t *testing.T, s postgres.Schema, sub registry.Submission) {
	t.Helper()
	if err := register(t, s, sub); err != nil {
		t.Fatal(err)
	}
}

// submission wraps entries into a set of their own, as members.
func submission(entries ...document.Entry) registry.Submission {
	set := document.SubmissionSet{ID: uuid.New(), UniqueID: "2.25." + fmt.Sprint(uuid.New().ID()), Patient: patient, SourceID: "1.2.3",
		ContentType: document.Code{Value: "X", System: "1.2"}, Time: document.Time{At: noon, Precision: document.Second}, Registered: stored}
	sub := registry.Submission{Set: set}
	for _, e := range entries {
		e.SubmissionID = set.ID
		sub.Entries = append(sub.Entries, e)
		sub.Associations = append(sub.Associations, document.Association{ID: uuid.Must(uuid.NewV7()), Type: document.HasMember, Source: set.ID, Target: e.ID})
	}
	return sub
}

// related is a submission of one entry that stands in a relation to an older one.
func related(e document.Entry, kind document.AssociationType, target uuid.UUID) registry.Submission {
	sub := submission(e)
	sub.Associations = append(sub.Associations, document.Association{ID: uuid.New(), Type: kind, Source: e.ID, Target: target})
	return sub
}

// plain is an entry with little in it.
func plain() document.Entry {
	id := uuid.New()
	sum, old := sha256.Sum256(id[:]), sha1.Sum(id[:])
	return document.Entry{ID: id, LogicalID: id, Version: 1, UniqueID: "u-" + id.String(), Patient: patient, Status: document.Approved,
		SubmissionID: uuid.New(), ObjectKey: uuid.New(), Class: document.Code{Value: "A00-1", System: "1.1"}, Type: document.Code{Value: "A01-2", System: "1.2"},
		Format: document.Code{Value: "f", System: "1.3"}, Facility: document.Code{Value: "86.101", System: "1.4"}, Practice: document.Code{Value: "K01", System: "1.5"},
		Confidentiality: []document.Code{{Value: "N", System: hl7}}, Creation: document.Time{At: noon, Precision: document.Second},
		MimeType: "application/pdf", Size: 7, SHA1: old[:], SHA256: sum[:], Registered: stored}
}

// full is an entry in which every field of every part has a value of its own.
func full(t *testing.T) document.Entry {
	t.Helper()
	e := plain()
	e.LogicalID, e.Version, e.AliasID = uuid.New(), 3, "alias-"+e.ID.String()
	for _, c := range []*document.Code{&e.Class, &e.Type, &e.Format, &e.Facility, &e.Practice} {
		c.Display = "Visning av " + c.Value
	}
	e.Events = []document.Code{{Value: "ABC", System: "1.6", Display: "Hendelse æøå"}, {Value: "ABC", System: "1.7", Display: "Another"}, {Value: "D", System: "http://example.org/e^x"}}
	e.Confidentiality = []document.Code{{Value: "N", System: hl7, Display: "normal"}, {Value: "NORS", System: norn, Display: "Sperret"}}
	e.References = []string{"ref1^^^&1.2.3&ISO^urn:ihe:iti:xds:2013:accession", "ref2^^^&1.2&ISO^x"}
	e.Title, e.Comments, e.Language = `Epikrise "æøå" \u0000 <&> `+"\U0001f600", "two\nlines", "nb-NO"
	e.Authors = []document.Author{
		{Person: document.Person{ID: document.Identifier{System: document.AuthorityHPR, Value: "9999999"}, Family: "Ås", Given: []string{"Kari", "M"}},
			Institutions: []document.Organisation{{ID: document.Identifier{System: document.AuthorityOrg, Value: "910000001"}, Name: "Avdeling",
				PartOf: &document.Organisation{ID: document.Identifier{System: "1.2", Value: "9"}, Name: "Sykehus", PartOf: &document.Organisation{Name: "HF"}}}},
			Roles:       []document.Code{{Value: "LE", System: "2.16.578.1.12.4.1.1.9060", Display: "Lege"}},
			Specialties: []document.Code{{Value: "1", System: "1.8", Display: "Indremedisin"}}},
		{Person: document.Person{Family: "Only a name"}},
	}
	e.SourcePatient = document.SourcePatient{ID: document.PatientID{Value: "mrn-1", Authority: "http://example.org/p"}, Family: "Hansen",
		Given: []string{"Per"}, Gender: "male", BirthDate: "1969-11-13"}
	e.Creation = document.Time{At: time.Date(2024, 2, 1, 0, 0, 0, 0, time.UTC), Precision: document.Month}
	e.ServiceStart = document.Time{At: time.Date(1899, 12, 31, 0, 0, 0, 0, time.UTC), Precision: document.Day}
	e.ServiceStop = document.Time{At: time.Date(2024, 2, 29, 12, 30, 1, 987_654_000, time.UTC), Precision: document.Milli}
	e.Repository, e.Offline = "1.2.3.4", true
	for _, part := range []any{e, e.Authors[0], e.Authors[0].Person, e.Authors[0].Institutions[0], e.SourcePatient, e.Class, e.Events[0], e.Creation} {
		wantFilled(t, part)
	}
	return e
}

// wantFilled keeps the round trip honest: a field added later is not forgotten here.
func wantFilled(t *testing.T, part any) {
	t.Helper()
	v := reflect.ValueOf(part)
	elsewhere := []string{"OnDemand", "Later"} // TestOnDemandComesBack; the second is of older versions
	for i := range v.NumField() {
		if v.Field(i).IsZero() && !slices.Contains(elsewhere, v.Type().Field(i).Name) {
			t.Errorf("%T.%s is not filled", part, v.Type().Field(i).Name)
		}
	}
}

func byID(t *testing.T, s postgres.Schema, id uuid.UUID) (e document.Entry, err error) {
	t.Helper()
	err = stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) (err error) {
		e, err = registry.ByID(t.Context(), tx, id)
		return err
	})
	return e, err
}

func statusOf(t *testing.T, s postgres.Schema, id uuid.UUID) document.Status {
	t.Helper()
	e, err := byID(t, s, id)
	if err != nil {
		t.Fatal(err)
	}
	return e.Status
}

func bury(t *testing.T, s postgres.Schema, e document.Entry) {
	t.Helper()
	in(t, s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		registry.Bury(b, e)
		return b.Send(t.Context())
	})
}

// rows counts as the owner; "tenant." stands for the schema's name.
func rows(t *testing.T, s postgres.Schema, table, where string, args ...any) (n int) {
	t.Helper()
	name := pgx.Identifier{s.Name, table}.Sanitize()
	if table == "entry_locator" || table == "patient_locator" {
		name = "control." + table
	}
	err := stacktest.Migrated(t).Owner.Pool().QueryRow(t.Context(), "select count(*) from "+name+" where "+where, args...).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func wantEntry(t *testing.T, want, got document.Entry, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
		return
	}
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Error(diff)
	}
}

var errChanged = errors.New("changed my mind")
