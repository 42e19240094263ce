package job_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/migrations"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
)

// database migrates, and makes a tenant's schema of the test's own.
func database(t *testing.T) (*postgres.DB, postgres.Schema) {
	t.Helper()
	parts := stacktest.Parts(t)
	return databaseAt(t, parts.OwnerURL, parts.AppURL)
}

func databaseAt(t *testing.T, ownerURL, appURL string) (*postgres.DB, postgres.Schema) {
	t.Helper()
	owner, err := postgres.OpenOwner(t.Context(), ownerURL, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	if err := owner.Migrate(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	schema := postgres.Schema{ID: 7, Name: "job_" + uuid.NewString()[:8]}
	err = pgx.BeginFunc(t.Context(), owner.Pool(), func(tx pgx.Tx) error {
		return owner.CreateTenantSchema(t.Context(), tx, schema.Name)
	})
	if err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: appURL, Pools: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db, schema
}

type worker struct {
	river.WorkerDefaults[job.RemoveObject]
	schema string
	did    chan job.RemoveObject
}

func (w *worker) Work(_ context.Context, j *river.Job[job.RemoveObject]) error {
	if j.Args.Schema == w.schema {
		w.did <- j.Args
	}
	return nil
}

// TestJobCommitsWithItsTransaction: a job of a transaction that failed must never run; one that committed runs.
func TestJobCommitsWithItsTransaction(t *testing.T) {
	t.Parallel()
	db, schema := database(t)
	queue, err := job.NewQueue(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	lost, kept := uuid.New(), uuid.New()
	changed := errors.New("changed my mind")
	err = db.InTenant(t.Context(), schema, func(tx *postgres.Tx) error {
		return errors.Join(queue.InsertRemove(t.Context(), tx, lost), changed)
	})
	if !errors.Is(err, changed) {
		t.Fatal(err)
	}
	err = db.InTenant(t.Context(), schema, func(tx *postgres.Tx) error {
		if err := queue.InsertRemove(t.Context(), tx, kept); err != nil {
			return err
		}
		// The tenant's role is back: its own table can be read again.
		var n int
		return tx.QueryRow(t.Context(), `select count(*) from tenant.stored_object`).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	w := &worker{schema: schema.Name, did: make(chan job.RemoveObject, 2)}
	workers := river.NewWorkers()
	river.AddWorker(workers, w)
	runner, err := job.NewRunner(db, workers, job.Lines{Parallel: 2}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := runner.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := runner.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	select {
	case got := <-w.did:
		if want := (job.RemoveObject{TenantID: schema.ID, Schema: schema.Name, Key: kept}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the job did not run")
	}
	select {
	case got := <-w.did:
		t.Errorf("a job of a transaction that failed ran: %+v", got)
	case <-time.After(1500 * time.Millisecond):
	}
}
