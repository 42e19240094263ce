package repository_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestCustody: a quarantined document is found under each of its names and under no other, keeps what the desk notes, and is forgotten
// when its removal is decided.
func TestCustody(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	db, s := tenant(t)
	entry, other := uuid.New(), uuid.New()
	held := repository.Custody{Entry: entry, UniqueIDs: []string{"1.2.3", `a"b\c`, "nul\x00l"}, Message: json.RawMessage(`{"title":"a\u0000b\\u0000"}`)}
	hold := func(c repository.Custody, at time.Time) uuid.UUID {
		t.Helper()
		text, err := c.Text()
		if err != nil {
			t.Fatal(err)
		}
		o := repository.Object{Key: uuid.New(), Size: 5, SHA256: random(32), Received: at.Add(-2 * time.Second), Scanned: at.Add(-time.Second)}
		inTenant(t, db, s, func(tx *postgres.Tx) error {
			b := tx.Batch()
			r.Record(b, o, repository.Row{State: repository.Quarantined, MimeType: "text/plain", Finding: "Eicar", Event: uuid.New(), Held: text}, at)
			return b.Send(t.Context())
		})
		return o.Key
	}
	find := func(entry uuid.UUID, unique string) (found *repository.QuarantineRow) {
		t.Helper()
		inTenant(t, db, s, func(tx *postgres.Tx) (err error) {
			found, err = repository.HeldByID(t.Context(), tx, entry, unique)
			return err
		})
		return found
	}
	hold(held, now)
	key := hold(held, now.Add(time.Hour))
	hold(repository.Custody{Entry: other}, now.Add(2*time.Hour))
	for _, c := range []struct {
		entry  uuid.UUID
		unique string
		found  bool
	}{
		{entry, "", true}, {uuid.Nil, "1.2.3", true}, {uuid.Nil, `a"b\c`, true}, {uuid.Nil, "nul\x00l", true}, {uuid.New(), "1.2.3", true},
		{uuid.Nil, "", false}, {uuid.New(), "1.2", false}, {uuid.Nil, "%", false},
	} {
		if got := find(c.entry, c.unique); (got != nil) != c.found || got != nil && got.Key != key {
			t.Errorf("%s %q: %+v", c.entry, c.unique, got)
		}
	}
	got := find(entry, "")
	if !got.Received.Equal(now.Add(time.Hour-2*time.Second)) || !got.Scanned.Equal(now.Add(time.Hour-time.Second)) || !got.StoredAt.Equal(now.Add(time.Hour)) {
		t.Errorf("times %s %s %s", got.Received, got.Scanned, got.StoredAt)
	}
	var message struct{ Title string }
	if err := json.Unmarshal(got.Custody.Message, &message); err != nil || message.Title != "a\ufffdb\\u0000" {
		t.Errorf("message %s, %v", got.Custody.Message, err)
	}
	noted := got.Custody
	noted.Approval = &repository.Approval{By: "kari", At: now, Why: "falsk alarm"}
	for i := range 25 {
		noted.Scans = append(noted.Scans, repository.Rescan{At: now.Add(time.Duration(i) * time.Second), By: "kari", Verdict: "clean"})
	}
	note := func(key uuid.UUID) error {
		return db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
			if _, err := repository.HeldForChange(t.Context(), tx, key); err != nil {
				return err
			}
			b := tx.Batch()
			if err := repository.SetCustody(b, key, noted, now); err != nil {
				return err
			}
			return b.Send(t.Context())
		})
	}
	if err := note(key); err != nil {
		t.Fatal(err)
	}
	noted.Scans = noted.Scans[5:]
	if diff := cmp.Diff(noted.Scans, find(entry, "").Custody.Scans); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(noted.Approval, find(entry, "").Custody.Approval); diff != "" {
		t.Error(diff)
	}
	inTenant(t, db, s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		r.MarkRemoval(b, key, uuid.New(), now)
		return b.Send(t.Context())
	})
	if err := note(key); !errors.Is(err, repository.ErrNoObject) {
		t.Errorf("a removed document is noted: %v", err)
	}
	if got := find(entry, ""); got == nil || got.Key == key {
		t.Errorf("%+v", got)
	}
}
