package lifecycle_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/migrations"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// stubborn is the real repository's rows over a store that can be made to fail.
type stubborn struct {
	*repository.Repository
	fail    error
	removed []uuid.UUID
}

func (s *stubborn) Remove(_ context.Context, _ postgres.Schema, key uuid.UUID) error {
	if s.fail == nil {
		s.removed = append(s.removed, key)
	}
	return s.fail
}

func tenantDB(t *testing.T) (*postgres.DB, postgres.Schema) {
	t.Helper()
	parts := stacktest.Parts(t)
	owner, err := postgres.OpenOwner(t.Context(), parts.OwnerURL, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	if err := owner.Migrate(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	schema := postgres.Schema{ID: 3, Name: "life_" + uuid.NewString()[:8]}
	if err := pgx.BeginFunc(t.Context(), owner.Pool(), func(tx pgx.Tx) error {
		return owner.CreateTenantSchema(t.Context(), tx, schema.Name)
	}); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: parts.AppURL, Pools: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db, schema
}

func TestRemovalIsDecidedDoneAndRecorded(t *testing.T) {
	t.Parallel()
	db, schema := tenantDB(t)
	repo := repository.New(repository.Config{})
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		state     string
		fail      error
		wantState string
		removes   bool
		cancels   bool
	}{
		"decided":                   {state: "R", wantState: "G", removes: true},
		"store down":                {state: "R", fail: errors.New("down"), wantState: "R"},
		"done before":               {state: "G", wantState: "G", removes: true},
		"a document nobody deleted": {state: "S", wantState: "S", cancels: true},
		"quarantined":               {state: "Q", wantState: "Q", cancels: true},
		"no row":                    {cancels: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := uuid.New()
			if c.state != "" {
				insert(t, db, schema, key, c.state)
			}
			objects := &stubborn{Repository: repo, fail: c.fail}
			var told error
			w := &lifecycle.Worker{DB: db, Objects: objects, Log: slog.New(slog.DiscardHandler), Done: func(err error) { told = err },
				Now: func() time.Time { return now }}
			err := w.Work(t.Context(), &river.Job[job.RemoveObject]{Args: job.RemoveObject{TenantID: schema.ID, Schema: schema.Name, Key: key}})
			var cancel *river.JobCancelError
			if (err == nil) != c.removes || errors.As(err, &cancel) != c.cancels || (told == nil) != c.removes {
				t.Errorf("err %v, told %v", err, told)
			}
			if (len(objects.removed) == 1) != c.removes {
				t.Errorf("removed %v", objects.removed)
			}
			if got := state(t, db, schema, key); got != c.wantState {
				t.Errorf("the row says %q, want %q", got, c.wantState)
			}
		})
	}
}

func insert(t *testing.T, db *postgres.DB, s postgres.Schema, key uuid.UUID, state string) {
	t.Helper()
	if err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		_, err := tx.Exec(t.Context(), `insert into tenant.stored_object (key, state, size, sha256, mime_type, event_id, stored_at, changed_at)
			values ($1, $2, 1, $3, 'text/plain', $1, now(), now())`, key, state, make([]byte, 32))
		return err
	}); err != nil {
		t.Fatal(err)
	}
}

func state(t *testing.T, db *postgres.DB, s postgres.Schema, key uuid.UUID) string {
	t.Helper()
	var got string
	err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		return tx.QueryRow(t.Context(), `select state::text from tenant.stored_object where key = $1`, key).Scan(&got)
	})
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		t.Fatal(err)
	}
	return got
}
