// Package job is the queue of work that follows a change or a request: what was promised and is not done at once.
//
// It promises that a job inserted in a tenant's transaction exists exactly when that transaction commits (promise 1), and that it
// is tried until it succeeds, or, if it is an answer to be sent, until its worker gives it up: then it is kept as dead for a while. It is a store:
// what jobs do stands in packages lifecycle and delivery. The tables are River's, in the schema postgres.JobSchema, which every replica shares.
package job

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// RemoveObject asks for the bytes of a deleted document to be removed (W3). It names no patient, and no key does.
type RemoveObject struct {
	TenantID int32     `json:"tenant_id"`
	Schema   string    `json:"schema"`
	Key      uuid.UUID `json:"key"`
}

// Kind is the job's name in the queue.
func (RemoveObject) Kind() string { return "remove_object" }

// Tenant is the schema the object's row stands in.
func (r RemoveObject) Tenant() postgres.Schema {
	return postgres.Schema{ID: r.TenantID, Name: r.Schema}
}

const (
	// attempts and longestPause keep an unreachable object store from making us forget a removal: more than a year of trying.
	attempts     = 10000
	longestPause = time.Hour
	// timeout bounds one attempt.
	timeout = time.Minute
	// rescueAfter is when a job whose process died in the middle is tried again. River's own hour would keep a deleted document's bytes as
	// long. A worker that lives was cancelled long before, and if not, its row's lock keeps the second one out.
	rescueAfter = 2 * timeout

	week = 7 * 24 * time.Hour
)

// Queue inserts jobs. It is safe for concurrent use.
type Queue struct {
	client *river.Client[pgx.Tx]
	db     *postgres.DB
}

// NewQueue makes a queue that inserts only; it starts nothing and asks the database nothing.
func NewQueue(db *postgres.DB, log *slog.Logger) (*Queue, error) {
	client, err := river.NewClient(riverpgxv5.New(db.Control()), &river.Config{Schema: postgres.JobSchema, Logger: log, MaxAttempts: attempts})
	if err != nil {
		return nil, fmt.Errorf("the job queue: %w", err)
	}
	return &Queue{client, db}, nil
}

// InsertRemove queues the removal of an object of tx's tenant; it exists when tx commits, and not before.
func (q *Queue) InsertRemove(ctx context.Context, tx *postgres.Tx, key uuid.UUID) error {
	return tx.AsControl(ctx, func(control pgx.Tx) error {
		_, err := q.client.InsertTx(ctx, control, RemoveObject{TenantID: tx.Schema.ID, Schema: tx.Schema.Name, Key: key}, nil)
		return err
	})
}

// Runner works jobs off.
type Runner struct{ client *river.Client[pgx.Tx] }

// Lines are how much of what one process does at once, and for how long what became of an answer is kept.
type Lines struct {
	// Parallel is for everything but answers; Lanes are those of the answers' consumers, by Lane.
	Parallel int
	Lanes    map[string]int
	// KeepDead is for how long an answer that could not be sent is kept; zero is a week.
	KeepDead time.Duration
}

// NewRunner makes a runner with the given workers.
func NewRunner(db *postgres.DB, workers *river.Workers, lines Lines, log *slog.Logger) (*Runner, error) {
	queues := map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: lines.Parallel}}
	for lane, parallel := range lines.Lanes {
		queues[lane] = river.QueueConfig{MaxWorkers: parallel}
	}
	keep := cmp.Or(lines.KeepDead, week)
	client, err := river.NewClient(riverpgxv5.New(db.Control()), &river.Config{
		Schema: postgres.JobSchema, Logger: log, Workers: workers, MaxAttempts: attempts, JobTimeout: timeout,
		Queues: queues, CancelledJobRetentionPeriod: keep, DiscardedJobRetentionPeriod: keep,
		RetryPolicy: retry{time.Now}, RescueStuckJobsAfter: rescueAfter,
		// Rebuilding indexes takes their owner; our role owns nothing.
		ReindexerSchedule: river.NeverSchedule(),
	})
	if err != nil {
		return nil, fmt.Errorf("the job runner: %w", err)
	}
	return &Runner{client}, nil
}

// Start begins to work jobs off, until Stop.
func (r *Runner) Start(ctx context.Context) error { return r.client.Start(ctx) }

// Stop lets running jobs finish until ctx ends, and cancels them then; they are tried again by whoever runs next.
func (r *Runner) Stop(ctx context.Context) error {
	if err := r.client.Stop(ctx); err == nil {
		return nil
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	return r.client.StopAndCancel(last)
}

// retry waits 1 s, 16 s, 81 s …, at most an hour.
type retry struct{ now func() time.Time }

// NextRetry implements River's policy.
func (r retry) NextRetry(row *rivertype.JobRow) time.Time {
	n := float64(len(row.Errors) + 1)
	// Bounded before it becomes a Duration, which n^4 seconds would overflow after 300 attempts.
	return r.now().Add(time.Duration(min(longestPause.Seconds(), n*n*n*n)) * time.Second)
}
