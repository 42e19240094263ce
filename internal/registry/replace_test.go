package registry_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// TestRacingReplacements: of replacements of one target that all have begun exactly one wins; the others leave nothing.
func TestRacingReplacements(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	const rounds, racers = 10, 4
	for range rounds {
		target := plain()
		mustRegister(t, s, submission(target))
		subs, errs := make([]registry.Submission, racers), make([]error, racers)
		var all, begun sync.WaitGroup
		begun.Add(racers)
		for i := range racers {
			subs[i] = related(plain(), document.Replace, target.ID)
			all.Go(func() {
				errs[i] = stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
					// Each sees the target as current before any of them changes it.
					e, err := registry.ByID(t.Context(), tx, target.ID)
					begun.Done()
					begun.Wait()
					b := tx.Batch()
					if err := errors.Join(err, registry.Register(tx, b, locator(t), subs[i])); err != nil || e.Status != document.Approved {
						return fmt.Errorf("%c: %w", e.Status, err)
					}
					return b.Send(t.Context())
				})
			})
		}
		all.Wait()
		winners := 0
		for i, err := range errs {
			if err == nil {
				winners++
				continue
			}
			wantDeprecated(t, err)
			wantNothingOf(t, s, subs[i].Entries[0].ID, subs[i].Associations[0].ID)
			if rows(t, s, "submission", "id = $1", subs[i].Set.ID) != 0 {
				t.Error("a loser's submission set stays")
			}
		}
		if winners != 1 || statusOf(t, s, target.ID) != document.Deprecated {
			t.Errorf("%d winners", winners)
		}
	}
}

// TestExisting finds by any identifier, the newest first, and keeps others from changing what it found.
func TestExisting(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	byEntry, byUnique, byAlias, gone, other := plain(), plain(), plain(), plain(), plain()
	byAlias.AliasID = "alias-" + byAlias.ID.String()
	for i, e := range []*document.Entry{&byEntry, &byUnique, &byAlias, &gone, &other} {
		e.Registered = stored.Add(time.Duration(i) * time.Second)
	}
	mustRegister(t, s, submission(byEntry, byUnique, byAlias, gone, other))
	bury(t, s, gone)
	in(t, s, func(tx *postgres.Tx) error {
		got, err := registry.Existing(t.Context(), tx, []uuid.UUID{byEntry.ID, gone.ID, uuid.New()}, []string{byUnique.UniqueID, byAlias.AliasID, "x"})
		if diff := cmp.Diff([]uuid.UUID{gone.ID, byAlias.ID, byUnique.ID, byEntry.ID}, idsOf(got)); diff != "" || err != nil {
			t.Error(diff, err)
		}
		wantLocked(t, s, byUnique.ID)
		if none, err := registry.Existing(t.Context(), tx, nil, nil); err != nil || len(none) != 0 {
			t.Errorf("%v, %v", none, err)
		}
		return nil
	})
	in(t, s, func(tx *postgres.Tx) error {
		_, err := registry.ForChange(t.Context(), tx, other.ID)
		wantLocked(t, s, other.ID)
		return err
	})
}

// wantLocked: another transaction cannot get the row now.
func wantLocked(t *testing.T, s postgres.Schema, id uuid.UUID) {
	t.Helper()
	_, err := stacktest.Migrated(t).Owner.Pool().Exec(t.Context(),
		"select 1 from "+pgx.Identifier{s.Name, "document_entry"}.Sanitize()+" where id = $1 for update nowait", id)
	if fault.KindOf(postgres.Unavailable(err)) != fault.Unavailable {
		t.Errorf("it is not locked: %v", err)
	}
}

func idsOf(entries []document.Entry) (ids []uuid.UUID) {
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

// TestByUniqueID: the current document before deprecated ones before deleted ones, the newest of several.
func TestByUniqueID(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	gone, replaced, current, newest := plain(), plain(), plain(), plain()
	for i, e := range []*document.Entry{&current, &newest, &replaced, &gone} {
		e.UniqueID, e.Registered = "shared", stored.Add(time.Duration(i)*time.Hour)
	}
	newest.UniqueID, newest.AliasID = "own", "shared"
	mustRegister(t, s, submission(gone, replaced, current, newest))
	mustRegister(t, s, related(plain(), document.Replace, replaced.ID))
	bury(t, s, gone)
	for _, want := range []document.Entry{newest, current, replaced, gone} {
		in(t, s, func(tx *postgres.Tx) error {
			got, err := registry.ByUniqueID(t.Context(), tx, "shared")
			if got.ID != want.ID {
				t.Errorf("found one of %v (%c), want one of %v", got.Registered, got.Status, want.Registered)
			}
			return err
		})
		if _, err := stacktest.Migrated(t).Owner.Pool().Exec(t.Context(),
			"delete from "+pgx.Identifier{s.Name, "document_entry"}.Sanitize()+" where id = $1", want.ID); err != nil {
			t.Fatal(err)
		}
	}
	in(t, s, func(tx *postgres.Tx) error {
		for name, find := range map[string]func() (document.Entry, error){
			"ByUniqueID": func() (document.Entry, error) { return registry.ByUniqueID(t.Context(), tx, "shared") },
			"ByID":       func() (document.Entry, error) { return registry.ByID(t.Context(), tx, uuid.New()) },
			"ForChange":  func() (document.Entry, error) { return registry.ForChange(t.Context(), tx, uuid.New()) },
		} {
			var p *fault.Problem
			if _, err := find(); !errors.As(err, &p) || p.Code != fault.UnknownDocument {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
}

// TestUnstorableText: a NUL is the sender's mistake and not ours; a text that only looks like one is kept.
func TestUnstorableText(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	for name, change := range map[string]func(*registry.Submission){
		"title":     func(sub *registry.Submission) { sub.Entries[0].Title = "a\x00b" },
		"unique id": func(sub *registry.Submission) { sub.Entries[0].UniqueID = "\x00" },
		"reference": func(sub *registry.Submission) { sub.Entries[0].References = []string{"a\x00"} },
		"set":       func(sub *registry.Submission) { sub.Set.Comments = "\\\x00" },
		"author": func(sub *registry.Submission) {
			sub.Set.Authors = []document.Author{{Person: document.Person{Family: "\x00"}}}
		},
	} {
		sub := submission(plain())
		change(&sub)
		var p *fault.Problem
		if err := register(t, s, sub); !errors.As(err, &p) || p.Code != fault.MetadataError {
			t.Errorf("%s: %v", name, err)
		}
		wantNothingOf(t, s, sub.Entries[0].ID, sub.Associations[0].ID)
	}
	fine := submission(plain())
	fine.Entries[0].Title, fine.Set.Comments = `\u0000 \\u0000`, `\u0000`
	mustRegister(t, s, fine)
	got, err := byID(t, s, fine.Entries[0].ID)
	wantEntry(t, fine.Entries[0], got, err)
}

// TestRegisterIsOneTransaction: locators do not stay behind when the transaction fails after them.
func TestRegisterIsOneTransaction(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	sub := submission(plain())
	err := stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		return errors.Join(registry.Register(tx, b, locator(t), sub), b.Send(t.Context()), errChanged)
	})
	if !errors.Is(err, errChanged) {
		t.Fatal(err)
	}
	wantNothingOf(t, s, sub.Entries[0].ID, sub.Associations[0].ID)
	if rows(t, s, "patient_locator", "tenant_id = $1", s.ID) != 0 {
		t.Error("the patient's locator stays")
	}
}

func TestLocator(t *testing.T) {
	t.Parallel()
	if _, err := registry.NewLocator(make([]byte, 31)); err == nil {
		t.Error("31 bytes are enough")
	}
	other, err := registry.NewLocator([]byte("another secret of the tests, 32 bytes"))
	if err != nil {
		t.Fatal(err)
	}
	mine, dnr := locator(t), document.PatientID{Value: patient.Value, Authority: document.AuthorityDNR}
	keys := map[uuid.UUID]bool{mine.Key(patient): true, other.Key(patient): true, mine.Key(dnr): true}
	if len(keys) != 3 {
		t.Errorf("keys are shared between secrets or authorities: %v", keys)
	}
	if again := locator(t); !keys[again.Key(patient)] {
		t.Error("the key is not stable")
	}
	for key := range keys {
		text, digits := key.String(), strings.ReplaceAll(key.String(), "-", "")
		if strings.Contains(text, patient.Value) || strings.Contains(digits, patient.Value) || strings.Contains(string(key[:]), patient.Value) {
			t.Errorf("the number is in %s", text)
		}
	}
	// Nothing of the control schema shows the number.
	s := schemaOf(t)
	mustRegister(t, s, submission(plain()))
	for table, n := range map[string]int{"patient_locator": 1, "entry_locator": 2} { // the entry and its set
		if rows(t, s, table, "tenant_id = $1", s.ID) != n || rows(t, s, table, table+"::text like '%' || $1 || '%'", patient.Value) != 0 {
			t.Errorf("%s", table)
		}
	}
}

// TestCancelled: a request that ends midway leaves nothing.
func TestCancelled(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	sub := submission(plain())
	ctx, cancel := context.WithCancel(t.Context())
	err := stacktest.Migrated(t).DB.InTenant(ctx, s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		err := errors.Join(registry.Register(tx, b, locator(t), sub), b.Send(ctx))
		cancel()
		return err
	})
	if fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
	wantNothingOf(t, s, sub.Entries[0].ID, sub.Associations[0].ID)
}
