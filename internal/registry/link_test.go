package registry_test

import (
	"strings"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestOnDemandComesBack: an entry that has neither bytes nor a time of creation stands in lists by the time of its registration, and is a
// tombstone of its own repository when it is deleted.
func TestOnDemandComesBack(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	e := plain()
	e.OnDemand, e.Repository, e.Creation, e.Size, e.SHA1, e.SHA256, e.ObjectKey = true, "1.2.9", document.Time{}, 0, nil, nil, uuid.Nil
	older := plain()
	sub := submission(older, e)
	mustRegister(t, s, sub)
	in(t, s, func(tx *postgres.Tx) error {
		q := registry.Query{Patient: patient, Limit: 1}
		first, err := registry.Find(t.Context(), tx, q)
		if err != nil {
			return err
		}
		wantEntry(t, sub.Entries[1], first[0], nil)
		position := registry.Order{}.Of(first[0])
		q.After = &position
		second, err := registry.Find(t.Context(), tx, q)
		if err != nil || len(second) != 1 || second[0].ID != older.ID {
			t.Errorf("after it come %d entries, %v", len(second), err)
		}
		members, err := registry.Members(t.Context(), tx, []uuid.UUID{e.ID})
		if err != nil || !members[0].OnDemand || !members[0].Creation.IsZero() {
			t.Errorf("as a member: %v, %v", members, err)
		}
		return nil
	})
	bury(t, s, e)
	if got, err := byID(t, s, e.ID); err != nil || got.Repository != e.Repository || !got.OnDemand || got.Title != "" {
		t.Errorf("deleted: %v, %v", got, err)
	}
}

// TestAssociationsComeBack: what XDS says of associations is kept; a deprecated one is no relation and makes no member any more.
func TestAssociationsComeBack(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	old, e := plain(), plain()
	mustRegister(t, s, submission(old))
	sub := related(e, document.Transform, old.ID)
	f := folderOf(&sub, e.ID, old.ID)
	n := len(sub.Associations)
	sub.Associations[0].Membership, sub.Associations[1].Documentation = document.Original, document.Code{Value: "T^", System: "1.2", Display: "Translated ^ æ"}
	sub.Associations[1].Documentation.Value = "T"
	sub.Associations[n-1].Status, sub.Associations[n-1].Version, sub.Associations[n-1].LogicalID = document.Deprecated, 2, uuid.New()
	seal := document.Association{ID: uuid.New(), Type: document.HasMember, Source: sub.Set.ID, Target: sub.Associations[n-2].ID}
	refer := document.Association{ID: uuid.New(), Type: document.HasMember, Source: sub.Set.ID, Target: old.ID, Membership: document.Reference, PreviousVersion: 4}
	sub.Associations = append(sub.Associations, seal, refer)
	mustRegister(t, s, sub)
	want := map[uuid.UUID]document.Association{}
	for i, a := range registered(sub, sub.Associations) {
		a.LogicalID, a.Version, a.Status = cmpOr(sub.Associations[i].LogicalID, a.ID), max(sub.Associations[i].Version, 1), max(sub.Associations[i].Status, document.Approved)
		want[a.ID] = a
	}
	in(t, s, func(tx *postgres.Tx) error {
		var ids []uuid.UUID
		for id := range want {
			ids = append(ids, id)
		}
		found, err := registry.AssociationsByID(t.Context(), tx, append(ids, uuid.New()))
		got := map[uuid.UUID]document.Association{}
		for _, a := range found {
			got[a.ID] = a
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		patients, err2 := registry.AssociationPatients(t.Context(), tx, []uuid.UUID{seal.ID, refer.ID, e.ID})
		if diff := cmp.Diff(map[uuid.UUID]document.PatientID{seal.ID: patient, refer.ID: patient}, patients); diff != "" || err2 != nil {
			t.Error(diff, err2)
		}
		_, brought, err3 := registry.Set(t.Context(), tx, sub.Set.ID)
		if diff := cmp.Diff([]uuid.UUID{e.ID}, brought); diff != "" || err3 != nil {
			t.Errorf("brought: %s %v", diff, err3)
		}
		return err
	})
	if got := listed(t, s, f.ID).Members; len(got) != 1 || got[0] != e.ID {
		t.Errorf("the folder holds %v", got)
	}
}

func cmpOr(a, b uuid.UUID) uuid.UUID {
	if a == uuid.Nil {
		return b
	}
	return a
}

// TestLongDocumentation: what the column cannot hold is refused in words, not by the database.
func TestLongDocumentation(t *testing.T) {
	t.Parallel()
	c := document.Code{Value: "1", System: "2", Display: strings.Repeat("å", 236)}
	if err := registry.CheckDocumentation(c); err != nil {
		t.Error(err)
	}
	c.Display += "å"
	if err := registry.CheckDocumentation(c); fault.KindOf(err) != fault.Invalid {
		t.Error(err)
	}
}

// TestCodesWithASeparator: such a code would be read back as another one, of another system.
func TestCodesWithASeparator(t *testing.T) {
	t.Parallel()
	for _, c := range []document.Code{{Value: "T^1", System: "1.2"}, {Value: "T", System: "1^2"}} {
		if registry.CheckDocumentation(c) == nil {
			t.Errorf("%+v is taken as documentation", c)
		}
	}
	if err := registry.CheckDocumentation(document.Code{Value: "T", System: "1.2", Display: "a^b"}); err != nil {
		t.Error(err)
	}
}

// TestGrowthOfNothing: a folder that is removed while something is put into it makes that fail.
func TestGrowthOfNothing(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	sub := submission(plain())
	sub.Grown = []uuid.UUID{uuid.New()}
	if err := register(t, s, sub); fault.KindOf(err) != fault.Conflict {
		t.Error(err)
	}
	wantNothingOf(t, s, sub.Entries[0].ID, sub.Associations[0].ID)
}
