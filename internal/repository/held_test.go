package repository_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestListAndLook: what is kept is listed in order with size and time, strange names are counted, and other tenants' are not seen.
func TestListAndLook(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	var want []uuid.UUID
	for _, content := range []string{"a", "bb", "ccc"} {
		want = append(want, keep(t, r, s, []byte(content)).Key)
	}
	slices.SortFunc(want, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	keep(t, r, someSchema(), []byte("another tenant's"))
	for _, name := range []string{"strange", "deep/er", strings.ReplaceAll(want[0].String(), "-", "")} {
		if err := store(t).Put(t.Context(), "d/"+s.Name+"/"+name, bytes.NewReader([]byte("x")), 1, digest([]byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	var got []uuid.UUID
	strangers, err := r.List(t.Context(), s, repository.Documents, func(h repository.Held) error {
		if h.Size < 1 || h.Size > 3 || time.Since(h.Put) > time.Hour {
			t.Errorf("%+v", h)
		}
		got = append(got, h.Key)
		return nil
	})
	if diff := cmp.Diff(want, got); diff != "" || strangers != 3 || err != nil {
		t.Errorf("%d strangers, %v\n%s", strangers, err, diff)
	}
	held, err := r.Look(t.Context(), s, repository.Documents, want[0])
	if err != nil || held == nil || held.Key != want[0] {
		t.Errorf("%+v, %v", held, err)
	}
	if held, err := r.Look(t.Context(), s, repository.Quarantine, want[0]); err != nil || held != nil {
		t.Errorf("in quarantine: %+v, %v", held, err)
	}
	if names, err := r.Schemas(t.Context()); err != nil || !slices.Contains(names, s.Name) || !slices.IsSorted(names) {
		t.Errorf("%v, %v", names, err)
	}
}

// TestVerify finds every kind of damage and takes an outage for what it is.
func TestVerify(t *testing.T) {
	t.Parallel()
	content := slices.Repeat([]byte("Pasienten er oppdiktet.\n"), 10_000)
	r, s := open(t, nil), someSchema()
	o := keep(t, r, s, content)
	verify := func() error { return r.Verify(t.Context(), s, repository.Documents, o) }
	if err := verify(); err != nil {
		t.Fatal(err)
	}
	flipped := slices.Clone(content)
	flipped[len(flipped)-1] ^= 1
	for name, damaged := range map[string][]byte{"flipped": flipped, "short": content[1:], "long": append(slices.Clone(content), 0), "empty": nil} {
		overwrite(t, s, o, damaged)
		if err := verify(); !errors.Is(err, repository.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := r.Remove(t.Context(), s, o.Key); err != nil {
		t.Fatal(err)
	}
	if err := verify(); !errors.Is(err, repository.ErrDamaged) {
		t.Errorf("removed: %v", err)
	}
	down := open(t, func(c *repository.Config) { c.Blobs = &faulty{Store: store(t), open: errors.New("down")} })
	if err := down.Verify(t.Context(), s, repository.Documents, o); err == nil || errors.Is(err, repository.ErrDamaged) {
		t.Errorf("an outage: %v", err)
	}
}

// TestClaim takes what no row keeps: keys without a row and keys whose row says Gone, each of which says Gone afterwards.
func TestClaim(t *testing.T) {
	t.Parallel()
	db, s := tenant(t)
	r := open(t, nil)
	keys := map[repository.State]uuid.UUID{}
	err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		for _, state := range []repository.State{repository.Stored, repository.Quarantined, repository.Removing, repository.Gone} {
			keys[state] = uuid.New()
			r.Record(b, repository.Object{Key: keys[state], Size: 1, SHA256: make([]byte, 32)}, repository.Row{State: state, MimeType: "text/plain", Event: uuid.New()}, now)
		}
		return b.Send(t.Context())
	})
	if err != nil {
		t.Fatal(err)
	}
	unknown := uuid.New()
	orphans := []repository.Held{{Key: unknown, Size: 7, Put: now}}
	for _, key := range keys {
		orphans = append(orphans, repository.Held{Key: key, Size: 1, Put: now})
	}
	for range 2 { // claiming again is no error
		err = db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
			claimed, err := r.Claim(t.Context(), tx, orphans, uuid.New(), now)
			if len(claimed) != 2 || !slices.Contains(claimed, unknown) || !slices.Contains(claimed, keys[repository.Gone]) {
				t.Errorf("claimed %v of %v and %v", claimed, keys, unknown)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	keys[repository.Gone] = unknown
	_ = db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		for want, key := range keys {
			if got, err := repository.LifeOf(t.Context(), tx, key); got.State != want || err != nil {
				t.Errorf("%s became %s, %v", want, got, err)
			}
		}
		return nil
	})
}
