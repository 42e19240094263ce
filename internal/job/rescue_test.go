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
	"github.com/riverqueue/river"
)

// TestKilledJobIsTriedAgainSoon: a job whose process was killed stands as running. Nobody shall wait an hour for it.
func TestKilledJobIsTriedAgainSoon(t *testing.T) {
	t.Parallel()
	// A database of its own: a runner of another test could take the job.
	ownerURL, appURL := stacktest.EmptyDatabase(t)
	db, schema := databaseAt(t, ownerURL, appURL)
	queue, err := job.NewQueue(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	key := uuid.New()
	if err := db.InTenant(t.Context(), schema, func(tx *postgres.Tx) error { return queue.InsertRemove(t.Context(), tx, key) }); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), ownerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tag, err := conn.Exec(t.Context(), `update `+postgres.JobSchema+`.river_job set state = 'running', attempt = 1, attempted_at = now() - interval '150 seconds',
		attempted_by = array['a process that was killed'] where args->>'key' = $1`, key.String())
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%d jobs, %v", tag.RowsAffected(), err)
	}
	w := &worker{schema: schema.Name, did: make(chan job.RemoveObject, 1)}
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	runner, err := job.NewRunner(db, workers, job.Lines{Parallel: 1}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = runner.Stop(context.Background()) }()
	select {
	case done := <-w.did:
		if done.Key != key {
			t.Errorf("%s was removed", done.Key)
		}
	case <-time.After(2 * time.Minute):
		t.Fatal("not tried again")
	}
}
