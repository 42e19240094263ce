package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// TestEntryComesBack: every field, by every way of reading an entry; a bare one too.
func TestEntryComesBack(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	rich, bare := full(t), plain()
	odd := plain() // a precision that nobody gave reads as seconds
	odd.Creation, odd.ServiceStart = document.Time{At: noon}, document.Time{At: noon, Precision: document.Year}
	sub := submission(rich, bare, odd)
	mustRegister(t, s, sub)
	sub.Entries[2].Creation.Precision = document.Second
	for _, want := range sub.Entries {
		got, err := byID(t, s, want.ID)
		wantEntry(t, want, got, err)
		in(t, s, func(tx *postgres.Tx) error {
			got, err := registry.ForChange(t.Context(), tx, want.ID)
			wantEntry(t, want, got, err)
			got, err = registry.ByUniqueID(t.Context(), tx, want.UniqueID)
			wantEntry(t, want, got, err)
			if want.AliasID != "" {
				got, err = registry.ByUniqueID(t.Context(), tx, want.AliasID)
				wantEntry(t, want, got, err)
			}
			some, err := registry.Existing(t.Context(), tx, []uuid.UUID{want.ID}, nil)
			if len(some) != 1 {
				t.Fatalf("Existing: %d", len(some))
			}
			wantEntry(t, want, some[0], err)
			return nil
		})
	}
	in(t, s, func(tx *postgres.Tx) error {
		got, err := registry.Find(t.Context(), tx, registry.Query{Patient: patient, Identifiers: []string{rich.ID.String()}, Limit: 5})
		if len(got) != 1 {
			t.Fatalf("found %d", len(got))
		}
		wantEntry(t, sub.Entries[0], got[0], err)
		return nil
	})
	for _, e := range sub.Entries {
		if rows(t, s, "entry_locator", "entry_id = $1 and tenant_id = $2", e.ID, s.ID) != 1 {
			t.Error("the entry's locator is not there")
		}
	}
	if rows(t, s, "patient_locator", "patient_key = $1 and tenant_id = $2", locator(t).Key(patient), s.ID) != 1 {
		t.Error("the patient's locator is not there")
	}
}

func TestSetComesBack(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	a, b := plain(), plain()
	sub := submission(a, b)
	rich := full(t)
	sub.Set.ContentType.Display, sub.Set.Title, sub.Set.Comments = "Visning", "Tittel", "Kommentar"
	sub.Set.Authors, sub.Set.SourcePatient, sub.Set.Time.Precision = rich.Authors, rich.SourcePatient, document.Day
	wantFilled(t, sub.Set)
	mustRegister(t, s, sub)
	in(t, s, func(tx *postgres.Tx) error {
		set, members, err := registry.Set(t.Context(), tx, sub.Set.ID)
		if err != nil {
			return err
		}
		if diff := cmp.Diff(sub.Set, set, same); diff != "" {
			t.Error(diff)
		}
		if len(members) != 2 || !slices.Contains(members, a.ID) || !slices.Contains(members, b.ID) {
			t.Errorf("members %v", members)
		}
		if _, _, err := registry.Set(t.Context(), tx, uuid.New()); fault.KindOf(err) != fault.NotFound {
			t.Errorf("an unknown set: %v", err)
		}
		return nil
	})
}

func TestRelations(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	old, added, signed, alone := plain(), plain(), plain(), plain()
	mustRegister(t, s, submission(old, alone))
	first, second := related(added, document.Append, old.ID), related(signed, document.Signs, added.ID)
	more := document.Association{ID: uuid.New(), Type: document.Transform, Source: signed.ID, Target: old.ID}
	second.Associations = append(second.Associations, more)
	mustRegister(t, s, first)
	mustRegister(t, s, second)
	in(t, s, func(tx *postgres.Tx) error {
		got, err := registry.Relations(t.Context(), tx, []uuid.UUID{added.ID, signed.ID, alone.ID, uuid.New()})
		want := map[uuid.UUID][]document.Association{added.ID: first.Associations[1:], signed.ID: second.Associations[1:]}
		slices.SortFunc(want[signed.ID], func(x, y document.Association) int { return strings.Compare(x.ID.String(), y.ID.String()) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		return err
	})
}

// TestNothingIsRegisteredTwice: of a submission with one id too many nothing stays.
func TestNothingIsRegisteredTwice(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	there := submission(plain())
	mustRegister(t, s, there)
	for name, change := range map[string]func(*registry.Submission){
		"document_entry_pkey":                   func(sub *registry.Submission) { sub.Entries[1].ID = there.Entries[0].ID },
		"document_entry_logical_id_version_idx": func(sub *registry.Submission) { sub.Entries[1].LogicalID = there.Entries[0].LogicalID },
		"submission_pkey":                       func(sub *registry.Submission) { sub.Set.ID = there.Set.ID },
		"submission_unique_id_idx":              func(sub *registry.Submission) { sub.Set.UniqueID = there.Set.UniqueID },
		"association_pkey":                      func(sub *registry.Submission) { sub.Associations[1].ID = there.Associations[0].ID },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sub := submission(plain(), plain())
			change(&sub)
			err := register(t, s, sub)
			if constraint, yes := postgres.IsDuplicate(err); !yes || constraint != name {
				t.Errorf("%v: %q", err, constraint)
			}
			wantNothingOf(t, s, sub.Entries[0].ID, sub.Associations[0].ID)
		})
	}
	// The same unique identifier may be registered again: versions and copies share it.
	again := plain()
	again.UniqueID = there.Entries[0].UniqueID
	mustRegister(t, s, submission(again))
}

func wantNothingOf(t *testing.T, s postgres.Schema, entry, association uuid.UUID) {
	t.Helper()
	if rows(t, s, "document_entry", "id = $1", entry)+rows(t, s, "entry_locator", "entry_id = $1", entry)+
		rows(t, s, "association", "id = $1 or source_id = $2 or target_id = $2", association, entry) != 0 {
		t.Error("something of a refused submission stays")
	}
}

// TestDeletedIdMayReturn: a tombstone gives way to a new entry with its id, and to nothing else.
func TestDeletedIdMayReturn(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	e, neighbour := full(t), plain()
	mustRegister(t, s, submission(e, neighbour))
	bury(t, s, neighbour)
	if _, yes := postgres.IsDuplicate(register(t, s, submission(e))); !yes {
		t.Fatal("an entry that was not deleted gave way")
	}
	bury(t, s, e)
	sub := submission(e)
	mustRegister(t, s, sub)
	got, err := byID(t, s, e.ID)
	wantEntry(t, sub.Entries[0], got, err)
	if statusOf(t, s, neighbour.ID) != document.Tombstone {
		t.Error("another tombstone is gone")
	}
}

// TestReplace (ITI TF-3 §4.2.2.2.3): the target is deprecated together with what was appended to or transformed from it, and
// nothing else is.
func TestReplace(t *testing.T) {
	t.Parallel()
	for _, kind := range []document.AssociationType{document.Replace, document.TransformReplace} {
		t.Run(string(rune(kind)), func(t *testing.T) {
			t.Parallel()
			s := schemaOf(t)
			target, appended, transformed, signature, other, newer := plain(), plain(), plain(), plain(), plain(), plain()
			mustRegister(t, s, submission(target, other))
			mustRegister(t, s, related(appended, document.Append, target.ID))
			mustRegister(t, s, related(transformed, document.Transform, target.ID))
			mustRegister(t, s, related(signature, document.Signs, target.ID))
			if got := statusOf(t, s, target.ID); got != document.Approved {
				t.Fatalf("children made the target %c", got)
			}
			mustRegister(t, s, related(newer, kind, target.ID))
			for id, want := range map[uuid.UUID]document.Status{target.ID: document.Deprecated, appended.ID: document.Deprecated,
				transformed.ID: document.Deprecated, signature.ID: document.Approved, other.ID: document.Approved, newer.ID: document.Approved} {
				if got := statusOf(t, s, id); got != want {
					t.Errorf("%c, want %c", got, want)
				}
			}
			late := related(plain(), kind, target.ID)
			wantDeprecated(t, register(t, s, late))
			wantNothingOf(t, s, late.Entries[0].ID, late.Associations[0].ID)
		})
	}
}

func wantDeprecated(t *testing.T, err error) {
	t.Helper()
	var p *fault.Problem
	if !errors.As(err, &p) || p.Code != fault.TargetDeprecated || p.Rule != "W4" {
		t.Errorf("%v, want TargetDeprecated", err)
	}
}

// TestReplaceNothing: neither an unknown target nor a deleted one can be replaced.
func TestReplaceNothing(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	gone := plain()
	mustRegister(t, s, submission(gone))
	bury(t, s, gone)
	for _, target := range []uuid.UUID{gone.ID, uuid.New()} {
		wantDeprecated(t, register(t, s, related(plain(), document.Replace, target)))
	}
	if statusOf(t, s, gone.ID) != document.Tombstone {
		t.Error("a deleted document came back as deprecated")
	}
}

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
	for _, table := range []string{"patient_locator", "entry_locator"} {
		if rows(t, s, table, "tenant_id = $1", s.ID) != 1 || rows(t, s, table, table+"::text like '%' || $1 || '%'", patient.Value) != 0 {
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
