package innsyn

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// sealed writes events of looks and of others to several logs, seals them in batches, and gives the looks' ids in the order of sealing. The
// last days' are too young for their names.
func (r *rig) sealed(seed uint64) (order []string, old int) {
	random := rand.New(rand.NewPCG(seed, seed))
	logs := []tenant.Tenant{r.tenant(), r.tenant(), {}}
	var made seals
	for no := range int64(9) {
		of := logs[random.IntN(len(logs))]
		seal := audit.Seal{No: no + 1, TenantID: of.ID}
		for range random.IntN(6) {
			e := r.read()
			e.At = looked.Add(time.Duration(no) * 24 * time.Hour)
			if random.IntN(3) == 0 {
				e.Actor.Kind = 1 // a machine
			} else {
				order = append(order, e.ID.String())
			}
			r.record(of, e)
			seal.IDs = append(seal.IDs, e.ID)
		}
		if no == 2 {
			seal.IDs = append(seal.IDs, uuid.New()) // pruned since
		}
		made = append(made, seal)
		if no == 4 {
			old = len(order)
		}
	}
	made = append(made, audit.Seal{No: 10, TenantID: -5, IDs: []uuid.UUID{uuid.New()}}) // a tenant that is no more
	r.Seals = made
	r.at(looked.Add((7 + 4) * 24 * time.Hour))
	return order, old
}

// TestFeed: from every cursor ever given, and with any size of pulls, each look comes in the order of sealing and each name after its look when
// its time has come; nothing is lost, and nothing comes twice but what is asked for twice.
func TestFeed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	order, old := r.sealed(7)
	for _, limit := range []int{1, 2, 3, 1000} {
		given := []Cursor{{}}
		looks, names := r.drain(Cursor{}, limit, func(c Cursor) { given = append(given, c) })
		if diff := cmp.Diff(order, looks); diff != "" {
			t.Fatalf("pulls of %d: looks: %s", limit, diff)
		}
		if diff := cmp.Diff(order[:old], names); diff != "" {
			t.Fatalf("pulls of %d: names: %s", limit, diff)
		}
		if limit > 1 {
			continue
		}
		for _, from := range given {
			again, namesAgain := r.drain(from, 1000, func(Cursor) {})
			if !slices.Equal(again, order[len(order)-len(again):]) || !slices.Equal(namesAgain, order[old-len(namesAgain):old]) {
				t.Errorf("from %+v: looks %v, names %v", from, again, namesAgain)
			}
		}
	}
	at := Cursor{}
	r.drain(at, 5, func(c Cursor) { at = c })
	r.at(looked.Add(30 * 24 * time.Hour))
	if looks, names := r.drain(at, 5, func(Cursor) {}); len(looks) != 0 || !slices.Equal(names, order[old:]) {
		t.Errorf("two weeks later: looks %v, names %v, want %v", looks, names, order[old:])
	}
}

// drain pulls to the end and holds each item to what may be told.
func (r *rig) drain(from Cursor, limit int, given func(Cursor)) (looks, names []string) {
	r.t.Helper()
	for {
		pull, err := r.Feed(r.t.Context(), helsenorge(), from, limit)
		if err != nil || len(pull.Items) > limit || !pull.Next.Valid() {
			r.t.Fatalf("%d items, %+v: %v", len(pull.Items), pull.Next, err)
		}
		for _, i := range pull.Items {
			switch {
			case i.IsName && i.Name != "GRØNN VITS", !i.IsName && i.Name != "", i.Patient != r.patient:
				r.t.Errorf("%+v", i)
			case i.IsName:
				names = append(names, i.ID.String())
			default:
				looks = append(looks, i.ID.String())
			}
		}
		if pull.More && pull.Next == from {
			r.t.Fatalf("stands still at %+v", from)
		}
		from = pull.Next
		if given(from); !pull.More {
			return looks, names
		}
	}
}

// TestNamesFollowTheirLooks: however many names wait, none is told before its look.
func TestNamesFollowTheirLooks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	order, _ := r.sealed(7)
	r.at(looked.AddDate(1, 0, 0))
	for looks := range 5 {
		w := &walk{service: r.Service, now: r.Now(), tenants: map[int32]*tenant.Tenant{}}
		if err := errors.Join(w.takeLooks(t.Context(), looks), w.takeNames(t.Context(), len(order))); err != nil || len(w.names) != looks || w.next.Lookups.before(w.next.Names) {
			t.Errorf("after %d looks %d names: %+v %v", looks, len(w.names), w.next, err)
		}
	}
}

// TestNameInFeed: the name is an item of its own from exactly seven days on, and until then nothing of it is anywhere.
func TestNameInFeed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	of := r.tenant()
	e := r.read(func(e *audit.Event) { e.Actor.OrganisationName = "Dr. Vits" })
	r.record(of, e)
	r.Seals = seals{{No: 1, TenantID: of.ID, IDs: []uuid.UUID{e.ID}}}
	for after, want := range map[time.Duration]int{0: 1, 168*time.Hour - time.Second: 1, 168*time.Hour - time.Microsecond: 1, 168 * time.Hour: 2, 168*time.Hour + time.Second: 2} {
		r.at(looked.Add(after))
		pull, err := r.Feed(t.Context(), helsenorge(), Cursor{}, 10)
		if err != nil || len(pull.Items) != want {
			t.Fatalf("%s: %d items, %v", after, len(pull.Items), err)
		}
		if look := pull.Items[0]; look.Name != "" || look.Organisation.Name != "" || look.Title == "" {
			t.Errorf("%s: %+v", after, look)
		}
		if want == 2 && (pull.Items[1].Name != "GRØNN VITS" || pull.Items[1].Organisation.Name != "Dr. Vits") {
			t.Errorf("%s: %+v", after, pull.Items[1])
		}
	}
}

// TestFeedStopsAtWhatCannotBeRead: what cannot be read now is not passed over, and what comes before is told.
func TestFeedStopsAtWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	quick, slow := r.tenant(), r.tenant()
	first, second := r.read(), r.read()
	r.record(quick, first)
	r.record(slow, second)
	r.Seals = seals{{No: 1, TenantID: quick.ID, IDs: []uuid.UUID{first.ID}}, {No: 2, TenantID: slow.ID, IDs: []uuid.UUID{second.ID}}}
	tx, err := r.db.Owner.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	if _, err := tx.Exec(t.Context(), "lock table "+slow.SchemaName+".audit_event"); err != nil {
		t.Fatal(err)
	}
	r.TenantDeadline = time.Second
	pull, err := r.Feed(t.Context(), helsenorge(), Cursor{}, 10)
	if err != nil || len(pull.Items) != 1 || !pull.More {
		t.Fatalf("%+v %v", pull, err)
	}
	if _, err := r.Feed(t.Context(), helsenorge(), pull.Next, 10); fault.KindOf(err) != fault.Unavailable {
		t.Fatal(err)
	}
	_ = tx.Rollback(t.Context())
	if pull, err = r.Feed(t.Context(), helsenorge(), pull.Next, 10); err != nil || len(pull.Items) != 1 || pull.Items[0].ID != second.ID {
		t.Errorf("%+v %v", pull, err)
	}
}

// TestForeignCursors: a cursor of another log, such as one that was put back, is refused rather than followed past what it never saw.
func TestForeignCursors(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.sealed(3)
	for _, c := range []Cursor{{Lookups: Position{11, 0}}, {Lookups: Position{10, 2}}, {Lookups: Position{1 << 40, 0}}} {
		if pull, err := r.Feed(t.Context(), helsenorge(), c, 10); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "cursor") {
			t.Errorf("%+v: %d items, %v", c, len(pull.Items), err)
		}
	}
}

// old is a log that was cut at its old end.
type old []audit.Seal

func (s old) Sealed(context.Context, int64, int) ([]audit.Seal, error) { return s, nil }

// TestCutLog: names that were left in seals that are gone are passed over, not looked for until time is up.
func TestCutLog(t *testing.T) {
	t.Parallel()
	s := &Service{Seals: old{{No: 9, IDs: []uuid.UUID{uuid.New()}}}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	at, left, err := (&walk{service: s}).on(ctx, Position{3, 2}, &Position{5, 3}, func(found) verdict { return done })
	if at != (Position{5, 3}) || left || err != nil {
		t.Errorf("%+v, left %t: %v", at, left, err)
	}
}
