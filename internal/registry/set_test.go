package registry_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/criteria"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// folderOf makes a folder with these members part of a submission.
func folderOf(sub *registry.Submission, members ...uuid.UUID) document.Folder {
	f := document.Folder{ID: uuid.New(), LogicalID: uuid.New(), Version: 2, UniqueID: "2.25." + fmt.Sprint(uuid.New().ID()), Patient: patient, Status: document.Approved,
		Codes: []document.Code{{Value: "a", System: "1.2", Display: "En"}, {Value: "b", System: "http://x"}}, Title: "Mappe", Comments: "Notat",
		Updated: sub.Set.Registered, Registered: sub.Set.Registered}
	sub.Folders = append(sub.Folders, f)
	hold(sub, sub.Set.ID, f.ID)
	for _, m := range members {
		hold(sub, f.ID, m)
	}
	return f
}

func hold(sub *registry.Submission, of, member uuid.UUID) {
	sub.Associations = append(sub.Associations, document.Association{ID: uuid.Must(uuid.NewV7()), Type: document.HasMember, Source: of, Target: member})
}

func listed(t *testing.T, s postgres.Schema, id uuid.UUID) (l document.List) {
	t.Helper()
	in(t, s, func(tx *postgres.Tx) (err error) {
		l, err = registry.ListByID(t.Context(), tx, id)
		return err
	})
	return l
}

// TestListsComeBack: every field of a set and of a folder, found and read; a set with a folder is still a set of its documents.
func TestListsComeBack(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	sub := submission(plain(), plain())
	rich := full(t)
	sub.Set.Title, sub.Set.Comments, sub.Set.Authors, sub.Set.SourcePatient, sub.Set.ContentType.Display = "Tittel", "Kommentar", rich.Authors, rich.SourcePatient, "Visning"
	f := folderOf(&sub, sub.Entries[1].ID, sub.Entries[0].ID)
	mustRegister(t, s, sub)
	set := document.List{Kind: document.SubmissionSetKind, ID: sub.Set.ID, UniqueID: sub.Set.UniqueID, LogicalID: sub.Set.ID, Version: 1, Patient: patient, Status: document.Approved, SourceID: sub.Set.SourceID,
		Codes: []document.Code{sub.Set.ContentType}, Time: sub.Set.Time, Title: "Tittel", Comments: "Kommentar", Authors: rich.Authors, SourcePatient: rich.SourcePatient,
		Registered: stored, Members: []uuid.UUID{sub.Entries[0].ID, sub.Entries[1].ID}, Folders: []uuid.UUID{f.ID}}
	folder := document.List{Kind: document.FolderKind, ID: f.ID, UniqueID: f.UniqueID, LogicalID: f.LogicalID, Version: 2, Patient: patient, Status: document.Approved, Codes: f.Codes,
		Time: document.Time{At: stored, Precision: document.Milli}, Title: f.Title, Comments: f.Comments, Registered: stored,
		Members: []uuid.UUID{sub.Entries[1].ID, sub.Entries[0].ID}}
	wantFilled(t, f)
	for _, want := range []document.List{set, folder} {
		if diff := cmp.Diff(want, listed(t, s, want.ID), same); diff != "" {
			t.Errorf("read (-want +got):\n%s", diff)
		}
		in(t, s, func(tx *postgres.Tx) error {
			found, err := registry.FindLists(t.Context(), tx, registry.ListQuery{Patient: patient, Kinds: []document.ListKind{want.Kind}, Limit: 5})
			if diff := cmp.Diff([]document.List{want}, found, same); diff != "" {
				t.Errorf("found (-want +got):\n%s", diff)
			}
			return err
		})
		if rows(t, s, "entry_locator", "entry_id = $1 and tenant_id = $2", want.ID, s.ID) != 1 {
			t.Error("its locator is not there")
		}
	}
	in(t, s, func(tx *postgres.Tx) error {
		if _, members, err := registry.Set(t.Context(), tx, sub.Set.ID); err != nil || len(members) != 2 {
			t.Errorf("the set's documents: %v, %v", members, err)
		}
		if _, _, err := registry.Set(t.Context(), tx, f.ID); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a folder as a set: %v", err)
		}
		if _, err := registry.ListByID(t.Context(), tx, uuid.New()); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no list: %v", err)
		}
		for unique, want := range map[string]uuid.UUID{f.UniqueID: sub.Set.ID, sub.Set.UniqueID: sub.Set.ID, "x": uuid.Nil} {
			if got, err := registry.BroughtBy(t.Context(), tx, unique); err != nil || got != want {
				t.Errorf("brought by %v, %v", got, err)
			}
		}
		held, err := registry.FoldersOf(t.Context(), tx, []uuid.UUID{sub.Entries[0].ID, uuid.New()})
		if diff := cmp.Diff(map[uuid.UUID][]uuid.UUID{sub.Entries[0].ID: {f.ID}}, held); diff != "" {
			t.Error(diff)
		}
		return err
	})
}

// TestFolderGrowsAndKeepsItsTime: members are added, the time moves forward only; deleted members, and entries that took over a deleted one's id,
// are not there.
func TestFolderGrowsAndKeepsItsTime(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	sub := submission(plain())
	f := folderOf(&sub, sub.Entries[0].ID)
	mustRegister(t, s, sub)
	for n, at := range []time.Time{stored.Add(time.Hour), stored.Add(-time.Hour)} {
		more := submission(plain())
		more.Set.Registered, more.Entries[0].Registered = at, at
		more.Grown = []uuid.UUID{f.ID}
		hold(&more, f.ID, more.Entries[0].ID)
		mustRegister(t, s, more)
		if l := listed(t, s, f.ID); len(l.Members) != n+2 || !l.Time.At.Equal(stored.Add(time.Hour)) || !l.Registered.Equal(stored) {
			t.Errorf("%d members at %v, registered %v", len(l.Members), l.Time.At, l.Registered)
		}
	}
	bury(t, s, sub.Entries[0])
	if l := listed(t, s, f.ID); len(l.Members) != 2 || slices.Contains(l.Members, sub.Entries[0].ID) || l.Title == "" {
		t.Errorf("after the deletion: %+v", l)
	}
	heir := submission(plain())
	heir.Entries[0].ID, heir.Entries[0].Registered = sub.Entries[0].ID, stored.Add(2*time.Hour)
	heir.Set.Registered = stored.Add(2 * time.Hour)
	heir.Associations[0].Target = sub.Entries[0].ID
	mustRegister(t, s, heir)
	for id, want := range map[uuid.UUID]int{f.ID: 2, sub.Set.ID: 0, heir.Set.ID: 1} {
		if l := listed(t, s, id); len(l.Members) != want {
			t.Errorf("%d members, want %d: %+v", len(l.Members), want, l)
		}
	}
}

// TestMembersHasWhatDecides: the columns that access needs, and no other.
func TestMembersHasWhatDecides(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	e := full(t)
	mustRegister(t, s, submission(e))
	in(t, s, func(tx *postgres.Tx) error {
		got, err := registry.Members(t.Context(), tx, []uuid.UUID{e.ID, uuid.New()})
		want := document.Entry{ID: e.ID, UniqueID: e.UniqueID, Patient: e.Patient, Status: e.Status, Class: document.Code{Value: e.Class.Value, System: e.Class.System},
			Creation: document.Time{At: e.Creation.At}}
		for _, c := range e.Confidentiality {
			want.Confidentiality = append(want.Confidentiality, document.Code{Value: c.Value, System: c.System})
		}
		if diff := cmp.Diff([]document.Entry{want}, got); diff != "" {
			t.Error(diff)
		}
		return err
	})
}

// TestFindListsInOrder: newest first or oldest, bounded, continued behind a position, of one kind or both.
func TestFindListsInOrder(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	var ids []uuid.UUID
	for n := range 5 {
		sub := submission(plain())
		sub.Set.Time.At = noon.Add(time.Duration(n/2) * time.Hour) // two of a moment
		if n == 4 {
			f := folderOf(&sub, sub.Entries[0].ID)
			ids = append(ids, f.ID)
		}
		mustRegister(t, s, sub)
		ids = append(ids, sub.Set.ID)
	}
	find := func(q registry.ListQuery) (out []document.List) {
		q.Patient = patient
		if q.Limit == 0 {
			q.Limit = 10
		}
		in(t, s, func(tx *postgres.Tx) (err error) {
			out, err = registry.FindLists(t.Context(), tx, q)
			return err
		})
		return out
	}
	for _, order := range []registry.Order{{}, {Oldest: true}, {Registered: true}} {
		all := find(registry.ListQuery{Order: order})
		if len(all) != len(ids) || !slices.IsSortedFunc(all, func(a, b document.List) int { return order.Compare(order.OfList(a), order.OfList(b)) }) {
			t.Fatalf("%+v: %d lists, or out of order", order, len(all))
		}
		var paged []document.List
		for after := (*registry.Position)(nil); ; {
			page := find(registry.ListQuery{Order: order, After: after, Limit: 2})
			if len(page) == 0 {
				break
			}
			paged = append(paged, page...)
			at := order.OfList(page[len(page)-1])
			after = &at
		}
		if diff := cmp.Diff(all, paged); diff != "" {
			t.Errorf("%+v: pages differ:\n%s", order, diff)
		}
	}
	for name, c := range map[string]struct {
		q    registry.ListQuery
		want int
	}{
		"sets":        {registry.ListQuery{Kinds: []document.ListKind{document.SubmissionSetKind}}, 5},
		"folders":     {registry.ListQuery{Kinds: []document.ListKind{document.FolderKind}}, 1},
		"deprecated":  {registry.ListQuery{Statuses: []document.Status{document.Deprecated}}, 0},
		"from, until": {registry.ListQuery{Times: criteria.Span{From: noon.Add(time.Hour), To: noon.Add(2 * time.Hour)}}, 2},
		"before all":  {registry.ListQuery{Times: criteria.Span{To: noon}}, 0},
	} {
		if got := find(c.q); len(got) != c.want {
			t.Errorf("%s: %d, want %d", name, len(got), c.want)
		}
	}
}

// TestFindListsUsesItsIndex: among 5,000 sets and folders a patient's are found by patient and time, in order.
func TestFindListsUsesItsIndex(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	owner, table := stacktest.Migrated(t).Owner.Pool(), pgx.Identifier{s.Name, "submission"}.Sanitize()
	_, err := owner.Exec(t.Context(), `insert into `+table+` (id, unique_id, patient_id, source_id, content_type, submission_time, registered_at, rest, kind)
		select gen_random_uuid(), 'u' || n, case when n <= 500 then $1 else 'p' || n % 1000 || '^^^&1.2&ISO' end, '1.2', 'x^1',
		timestamptz '2023-01-01 00:00Z' + n % 900 * interval '1 hour', $2, '{}', (case when n % 10 = 0 then 'F' else 'S' end)::text::"char" from generate_series(1, 5000) n`, patient.CX(), stored)
	if err == nil {
		_, err = owner.Exec(t.Context(), "analyze "+table)
	}
	if err != nil {
		t.Fatal(err)
	}
	after := &registry.Position{At: time.Date(2023, 2, 1, 0, 0, 0, 0, time.UTC), ID: uuid.New()}
	for name, q := range map[string]registry.ListQuery{"all": {}, "next": {After: after}, "folders": {Kinds: []document.ListKind{document.FolderKind}}, "oldest": {Order: registry.Order{Oldest: true}}} {
		q.Patient, q.Limit = patient, 21
		in(t, s, func(tx *postgres.Tx) error {
			sql, args := q.SQL()
			var text []byte
			if err := tx.QueryRow(t.Context(), "explain (format json) "+sql, args...).Scan(&text); err != nil {
				return err
			}
			var answer []struct{ Plan plan }
			if err := json.Unmarshal(text, &answer); err != nil {
				return err
			}
			walked := false
			answer[0].Plan.each(func(p plan) {
				walked = walked || p.Index == "submission_patient_id_submission_time_id_idx" && strings.Contains(p.Cond, "patient_id")
			})
			if !walked {
				t.Errorf("%s does not walk the index:\n%s", name, text)
			}
			return nil
		})
	}
}
