package job_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// TestBacklog: what waits, rests or runs is counted with its age, and what is done is not.
func TestBacklog(t *testing.T) {
	t.Parallel()
	// A database of its own: jobs of one database are everybody's.
	ownerURL, appURL := stacktest.EmptyDatabase(t)
	db, schema := databaseAt(t, ownerURL, appURL)
	queue, err := job.NewQueue(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if b, err := queue.Backlog(t.Context()); err != nil || b != (job.Backlog{}) {
		t.Errorf("of nothing: %+v, %v", b, err)
	}
	for range 4 {
		if err := db.InTenant(t.Context(), schema, func(tx *postgres.Tx) error { return queue.InsertRemove(t.Context(), tx, uuid.New()) }); err != nil {
			t.Fatal(err)
		}
	}
	conn, err := pgx.Connect(t.Context(), ownerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for id, state := range map[int]string{1: "retryable", 2: "running", 3: "completed"} {
		if _, err := conn.Exec(t.Context(), `update `+postgres.JobSchema+`.river_job set state = $2::text::jobs.river_job_state, finalized_at = case when $2::text = 'completed' then now() end,
			created_at = now() - interval '3 hours' * $1::int where id = (select id from `+postgres.JobSchema+`.river_job order by id offset $1::int limit 1)`, id, state); err != nil {
			t.Fatal(err)
		}
	}
	b, err := queue.Backlog(t.Context())
	if oldest := b.Oldest; err != nil || b.Waiting != 1 || b.Retrying != 1 || b.Running != 1 || oldest < 6*time.Hour || oldest > 7*time.Hour {
		t.Errorf("%+v, %v", b, err)
	}
}
