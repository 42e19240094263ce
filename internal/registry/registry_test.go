package registry_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
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
		got, err := registry.Find(t.Context(), tx, registry.Query{Patient: patient, Limit: 5})
		for i, e := range got {
			if e.ID == rich.ID {
				wantEntry(t, sub.Entries[0], got[i], err)
				return nil
			}
		}
		t.Errorf("not among the %d found", len(got))
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
		want := map[uuid.UUID][]document.Association{added.ID: registered(first, first.Associations[1:]), signed.ID: registered(second, second.Associations[1:])}
		slices.SortFunc(want[signed.ID], func(x, y document.Association) int { return strings.Compare(x.ID.String(), y.ID.String()) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		return err
	})
}

// registered are associations with what the registry says of them.
func registered(sub registry.Submission, of []document.Association) (out []document.Association) {
	for _, a := range of {
		a.LogicalID, a.Version, a.Status, a.Submission, a.Registered = a.ID, 1, document.Approved, sub.Set.ID, sub.Set.Registered
		out = append(out, a)
	}
	return out
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
		"submission_unique_id_version_idx":      func(sub *registry.Submission) { sub.Set.UniqueID = there.Set.UniqueID },
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
