package repository_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func objects(t *testing.T, prefix string) (keys []string) {
	t.Helper()
	if err := store(t).List(t.Context(), prefix, func(i blob.Info) error { keys = append(keys, i.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	return keys
}

// TestKeep: what goes in comes out, from memory and from file, under a key that says nothing.
func TestKeep(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	for _, size := range []int64{0, 1, 65_535, 65_536, 65_537, 1 << 20, 3_000_000} {
		content, _ := io.ReadAll(lines(size))
		o := keep(t, r, s, content)
		if o.Size != size || !bytes.Equal(o.SHA256, digest(content)) || o.Key.Version() != 4 {
			t.Errorf("%d bytes: %+v", size, o)
		}
		if got := objects(t, "d/"+s.Name+"/"+o.Key.String()); len(got) != 1 {
			t.Errorf("%d bytes: stored as %v", size, got)
		}
		if got := readAll(t, r, s, o, 0, -1); !bytes.Equal(got, content) {
			t.Errorf("%d bytes came out as %d other ones", size, len(got))
		}
	}
}

// TestWallBetweenTenants: another schema's object is not there, whatever its key.
func TestWallBetweenTenants(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	mine, other := someSchema(), someSchema()
	o := keep(t, r, mine, []byte("Hei"))
	if body, err := r.Open(t.Context(), other, o, 0, -1); err == nil {
		t.Errorf("opened: %v", body)
	}
	if err := r.Remove(t.Context(), other, o.Key); err != nil {
		t.Error(err)
	}
	if got := readAll(t, r, mine, o, 0, -1); string(got) != "Hei" {
		t.Errorf("%q", got)
	}
}

// TestQuarantine: infected bytes stand apart, are not opened, and clean ones do not get there (F4).
func TestQuarantine(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	in := receive(t.Context(), t, r, strings.NewReader(scan.EICAR()))
	if o, err := r.Keep(t.Context(), s, in); err == nil {
		t.Errorf("kept: %+v", o)
	}
	o, err := r.Quarantine(t.Context(), s, in)
	if err != nil {
		t.Fatal(err)
	}
	if got := objects(t, "q/"+s.Name+"/"); !slices.Equal(got, []string{"q/" + s.Name + "/" + o.Key.String()}) {
		t.Errorf("in quarantine: %v", got)
	}
	if _, err := r.Open(t.Context(), s, o, 0, -1); codeOf(err) != fault.StoredBytesDamaged {
		t.Errorf("an infected document opens: %v", err)
	}
	if _, err := r.Quarantine(t.Context(), s, receive(t.Context(), t, r, strings.NewReader("Hei"))); err == nil {
		t.Error("a clean document went to quarantine")
	}
	if err := r.Remove(t.Context(), s, o.Key); err != nil || objects(t, "q/"+s.Name+"/") != nil {
		t.Errorf("after removal: %v, %v", objects(t, "q/"+s.Name+"/"), err)
	}
}

// TestForget: a rolled-back upload leaves nothing, also when its client is gone; twice is no error.
func TestForget(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	one, two, kept := keep(t, r, s, []byte("en")), keep(t, r, s, []byte("to")), keep(t, r, s, []byte("tre"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		if err := r.Forget(ctx, s, one.Key, two.Key); err != nil {
			t.Fatal(err)
		}
	}
	if got := objects(t, "d/"+s.Name+"/"); !slices.Equal(got, []string{"d/" + s.Name + "/" + kept.Key.String()}) {
		t.Errorf("left: %v", got)
	}
}

// faulty is a store whose calls can be made to fail.
type faulty struct {
	blob.Store
	put, open error
	removed   []string
}

func (f *faulty) Put(ctx context.Context, key string, body io.ReadSeeker, size int64, sha256 []byte) error {
	return errors.Join(f.Store.Put(ctx, key, body, size, sha256), f.put)
}

func (f *faulty) Open(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	if f.open != nil {
		return nil, f.open
	}
	return f.Store.Open(ctx, key, offset, length)
}

func (f *faulty) Remove(ctx context.Context, key string) error {
	f.removed = append(f.removed, key)
	return f.Store.Remove(ctx, key)
}

// TestLostAnswer: the store has the object and its answer is lost: the upload is refused and the object removed.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	f := &faulty{Store: store(t), put: errors.New("connection reset"), open: errors.New("connection refused")}
	r, s := open(t, func(c *repository.Config) { c.Blobs = f }), someSchema()
	_, err := r.Keep(t.Context(), s, receive(t.Context(), t, r, strings.NewReader("Hei")))
	if lead := fault.Of(err).Leading(); lead == nil || lead.Code != fault.PartUnavailable || lead.RetryAfter == 0 {
		t.Errorf("%v", err)
	}
	if got := objects(t, "d/"+s.Name+"/"); got != nil || len(f.removed) == 0 {
		t.Errorf("left: %v", got)
	}
	if _, err := r.Open(t.Context(), s, repository.Object{Key: uuid.New(), Size: 1}, 0, -1); codeOf(err) != fault.PartUnavailable {
		t.Errorf("a store that does not answer: %v", err)
	}
}

// TestKeepAfterDiscard must not store an empty or half document.
func TestKeepAfterDiscard(t *testing.T) {
	t.Parallel()
	r, s := open(t, nil), someSchema()
	for _, size := range []int64{1000, 2_000_000} {
		in := receive(t.Context(), t, r, lines(size))
		if _, err := in.Facts(t.Context()); err != nil {
			t.Fatal(err)
		}
		in.Discard()
		if o, err := r.Keep(t.Context(), s, in); err == nil {
			t.Errorf("kept %+v", o)
		}
	}
	if got := objects(t, "d/"+s.Name+"/"); got != nil {
		t.Errorf("left: %v", got)
	}
}

// TestRows follows one clean and three infected objects through their states.
func TestRows(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	db, s := tenant(t)
	event := uuid.New()
	clean := repository.Object{Key: uuid.New(), Size: 5, SHA256: digest([]byte("clean"))}
	var want []repository.QuarantineRow
	for i := range 3 {
		o := repository.Object{Key: uuid.New(), Size: int64(i), SHA256: random(32)}
		want = append(want, repository.QuarantineRow{Object: o, Finding: "Eicar", MimeType: "text/plain", EventID: event, StoredAt: now.Add(time.Duration(i) * time.Second)})
	}
	inTenant(t, db, s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		r.Record(b, clean, repository.Row{State: repository.Stored, MimeType: "application/pdf", Event: event}, now)
		for _, q := range want {
			r.Record(b, q.Object, repository.Row{State: repository.Quarantined, MimeType: q.MimeType, Finding: q.Finding, Event: q.EventID}, q.StoredAt)
		}
		return b.Send(t.Context())
	})
	slices.Reverse(want)
	checkQuarantine(t, r, db, s, want)
	if diff := cmp.Diff(row{"S", 5, "", "application/pdf", event, now, now}, readRow(t, db, s, clean.Key)); diff != "" {
		t.Error(diff)
	}
	removal, later := uuid.New(), now.Add(time.Hour)
	for range 2 { // deciding twice is no error
		inTenant(t, db, s, func(tx *postgres.Tx) error {
			b := tx.Batch()
			r.MarkRemoval(b, clean.Key, removal, later)
			r.MarkRemoval(b, want[0].Key, removal, later)
			return b.Send(t.Context())
		})
	}
	checkQuarantine(t, r, db, s, want[1:])
	for i := range 2 { // a job that runs twice keeps the first time
		inTenant(t, db, s, func(tx *postgres.Tx) error {
			return r.MarkGone(t.Context(), tx, clean.Key, later.Add(time.Duration(i+1)*time.Minute))
		})
	}
	if diff := cmp.Diff(row{"G", 5, "", "application/pdf", removal, now, later.Add(time.Minute)}, readRow(t, db, s, clean.Key)); diff != "" {
		t.Error(diff)
	}
}

// TestRowsRefuse: nothing is removed that was not decided, and what is not there is an error.
func TestRowsRefuse(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	db, s := tenant(t)
	stored := repository.Object{Key: uuid.New(), Size: 5, SHA256: random(32)}
	inTenant(t, db, s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		r.Record(b, stored, repository.Row{State: repository.Stored, MimeType: "text/plain", Event: uuid.New()}, now)
		return b.Send(t.Context())
	})
	for name, f := range map[string]func(*postgres.Tx) error{
		"gone without a decision": func(tx *postgres.Tx) error { return r.MarkGone(t.Context(), tx, stored.Key, now) },
		"gone and never there":    func(tx *postgres.Tx) error { return r.MarkGone(t.Context(), tx, uuid.New(), now) },
		"removed and never there": func(tx *postgres.Tx) error {
			b := tx.Batch()
			r.MarkRemoval(b, uuid.New(), uuid.New(), now)
			return b.Send(t.Context())
		},
	} {
		if err := db.InTenant(t.Context(), s, f); !errors.Is(err, repository.ErrNoObject) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if got := readRow(t, db, s, stored.Key); got.State != "S" {
		t.Errorf("now %+v", got)
	}
}

// TestLongTexts: a quarantined document may declare anything; its row is written all the same.
func TestLongTexts(t *testing.T) {
	t.Parallel()
	r := open(t, nil)
	db, s := tenant(t)
	o := repository.Object{Key: uuid.New(), Size: 5, SHA256: random(32)}
	inTenant(t, db, s, func(tx *postgres.Tx) error {
		b := tx.Batch()
		r.Record(b, o, repository.Row{State: repository.Quarantined, MimeType: strings.Repeat("å", 100), Finding: "\x00\xff" + strings.Repeat("ø", 300), Event: uuid.New()}, now)
		return b.Send(t.Context())
	})
	if got := readRow(t, db, s, o.Key); got.Mime != strings.Repeat("å", 60) || got.Finding != "??"+strings.Repeat("ø", 98) {
		t.Errorf("%+v", got)
	}
}

func inTenant(t *testing.T, db *postgres.DB, s postgres.Schema, f func(*postgres.Tx) error) {
	t.Helper()
	if err := db.InTenant(t.Context(), s, f); err != nil {
		t.Fatal(err)
	}
}

func checkQuarantine(t *testing.T, r *repository.Repository, db *postgres.DB, s postgres.Schema, want []repository.QuarantineRow) {
	t.Helper()
	inTenant(t, db, s, func(tx *postgres.Tx) error {
		got, err := r.Quarantined(t.Context(), tx)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		return err
	})
}

type row struct {
	State           string
	Size            int64
	Finding, Mime   string
	Event           uuid.UUID
	Stored, Changed time.Time
}

func TestLifeOf(t *testing.T) {
	t.Parallel()
	db, s := tenant(t)
	o := repository.Object{Key: uuid.New(), Size: 5, SHA256: random(32), Received: now.Add(-2 * time.Second), Scanned: now.Add(-time.Second)}
	inTenant(t, db, s, func(tx *postgres.Tx) error {
		if life, err := repository.LifeOf(t.Context(), tx, o.Key); err != nil || life != (repository.Life{State: repository.Gone}) {
			t.Errorf("without a row: %+v, %v", life, err)
		}
		b := tx.Batch()
		open(t, nil).Record(b, o, repository.Row{State: repository.Quarantined, MimeType: "text/plain", Finding: "Eicar", Event: uuid.New()}, now)
		if err := b.Send(t.Context()); err != nil {
			return err
		}
		life, err := repository.LifeOf(t.Context(), tx, o.Key)
		want := repository.Life{State: repository.Quarantined, Received: now.Add(-2 * time.Second), Scanned: now.Add(-time.Second), Stored: now}
		if life.Received, life.Scanned, life.Stored = life.Received.UTC(), life.Scanned.UTC(), life.Stored.UTC(); life != want {
			t.Errorf("with a row: %+v", life)
		}
		return err
	})
}

func readRow(t *testing.T, db *postgres.DB, s postgres.Schema, key uuid.UUID) (got row) {
	t.Helper()
	inTenant(t, db, s, func(tx *postgres.Tx) error {
		return tx.QueryRow(t.Context(), `select state::text, size, coalesce(finding, ''), mime_type, event_id, stored_at, changed_at
			from tenant.stored_object where key = $1`, key).Scan(&got.State, &got.Size, &got.Finding, &got.Mime, &got.Event, &got.Stored, &got.Changed)
	})
	return got
}
