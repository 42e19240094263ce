package job

import (
	"context"
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"
)

// SendAnswer asks for a request to be answered at another address than it came from. Who asked what stands in Sealed alone, which nobody can read
// without the service's key.
type SendAnswer struct {
	// ID is what was sealed together with it; Consumer is the name of its settings, Transaction is IHE's.
	ID          uuid.UUID `json:"id"`
	Consumer    string    `json:"consumer"`
	Transaction string    `json:"transaction"`
	Accepted    time.Time `json:"accepted"`
	Sealed      []byte    `json:"sealed,omitempty"`
}

// Kind is the job's name in the queue.
func (SendAnswer) Kind() string { return "send_answer" }

// Lane is the consumer's own queue, so that a slow one holds nobody else's answers.
func Lane(consumer string) string { return "answers-" + consumer }

// ErrFull says that as many answers wait for the consumer as may.
var ErrFull = errors.New("as many answers wait for this consumer as may")

const (
	// unfinished are the states of a job that is still to be done, dead those of one that nobody does any more.
	unfinished = `('available', 'scheduled', 'pending', 'retryable', 'running')`
	dead       = `('cancelled', 'discarded')`
	// answerDeadline bounds every question of this file.
	answerDeadline = 10 * time.Second
)

// InsertAnswer queues an answer, in a transaction of its own: when it returns nil, the answer will be sent. It returns ErrFull when most are
// waiting for the consumer already; two callers at once cannot both take the last place.
func (q *Queue) InsertAnswer(ctx context.Context, a SendAnswer, most int) error {
	ctx, cancel := context.WithTimeout(ctx, answerDeadline)
	defer cancel()
	lane := Lane(a.Consumer)
	err := pgx.BeginFunc(ctx, q.db.Control(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `select pg_advisory_xact_lock(hashtextextended($1, 0))`, lane); err != nil {
			return err
		}
		var waiting int
		err := tx.QueryRow(ctx, `select count(*) from `+postgres.JobSchema+`.river_job where queue = $1 and state in `+unfinished, lane).Scan(&waiting)
		if err == nil && waiting >= most {
			err = ErrFull
		}
		if err == nil {
			_, err = q.client.InsertTx(ctx, tx, a, &river.InsertOpts{Queue: lane})
		}
		return err
	})
	return postgres.Unavailable(err)
}

// FinishAnswer marks the job as done and takes what was sealed out of its row, in one transaction. It works inside a worker alone.
func (q *Queue) FinishAnswer(ctx context.Context, j *river.Job[SendAnswer]) error {
	err := pgx.BeginFunc(ctx, q.db.Control(), func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `update `+postgres.JobSchema+`.river_job set args = args - 'sealed' where id = $1`, j.ID); err != nil {
			return err
		}
		_, err := river.JobCompleteTx[*riverpgxv5.Driver](ctx, tx, j)
		return err
	})
	return postgres.Unavailable(err)
}

// Answer is a queued answer as operators see it: nothing of it is of a patient.
type Answer struct {
	ID          int64     `json:"id"`
	Consumer    string    `json:"consumer"`
	Transaction string    `json:"transaction"`
	Accepted    time.Time `json:"accepted"`
	Attempts    int       `json:"attempts"`
	// State is waiting, sending, retrying or dead.
	State string `json:"state"`
	// LastError is ours; a consumer's words never stand in it.
	LastError string `json:"last_error,omitempty"`
	// Next is when it is tried, zero for one that is dead or being sent.
	Next time.Time `json:"next,omitzero"`
}

// The states of an Answer.
const (
	Waiting  = "waiting"
	Sending  = "sending"
	Retrying = "retrying"
	Dead     = "dead"
)

var answerStates = map[rivertype.JobState]string{rivertype.JobStateAvailable: Waiting, rivertype.JobStateScheduled: Waiting, rivertype.JobStatePending: Waiting,
	rivertype.JobStateRunning: Sending, rivertype.JobStateRetryable: Retrying, rivertype.JobStateCancelled: Dead, rivertype.JobStateDiscarded: Dead}

// Answers lists what is not sent yet, from the oldest on; only the dead ones when asked for. At most limit.
func (q *Queue) Answers(ctx context.Context, onlyDead bool, limit int) ([]Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerDeadline)
	defer cancel()
	rows, err := q.db.Control().Query(ctx, `select id, args->>'consumer', args->>'transaction', (args->>'accepted')::timestamptz, attempt::int, state::text,
			coalesce(errors[cardinality(errors)]->>'error', ''), scheduled_at
		from `+postgres.JobSchema+`.river_job where kind = $1 and state <> 'completed' and (not $2 or state in `+dead+`) order by id limit $3`,
		SendAnswer{}.Kind(), onlyDead, limit)
	if err != nil {
		return nil, postgres.Unavailable(err)
	}
	found, err := pgx.CollectRows(rows, scanAnswer)
	return found, postgres.Unavailable(err)
}

func scanAnswer(row pgx.CollectableRow) (a Answer, err error) {
	var state rivertype.JobState
	err = row.Scan(&a.ID, &a.Consumer, &a.Transaction, &a.Accepted, &a.Attempts, &state, &a.LastError, &a.Next)
	a.State, a.Accepted, a.Next = answerStates[state], a.Accepted.UTC(), a.Next.UTC()
	if a.State == Dead || a.State == Sending {
		a.Next = time.Time{}
	}
	return a, err
}

// RetryAnswers puts answers in line again, at once: those of ids, or all dead ones when ids is nil. What note does in the same transaction tells of
// it; it is not asked when there was nothing to do. Those that are gone, sent or being sent are left out.
func (q *Queue) RetryAnswers(ctx context.Context, ids []int64, note func(context.Context, pgx.Tx, []int64) error) (retried []int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerDeadline)
	defer cancel()
	err = pgx.BeginFunc(ctx, q.db.Control(), func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `select id from `+postgres.JobSchema+`.river_job where kind = $1 and args ? 'sealed'
			and case when $2 then state in `+dead+` else id = any($3) and state <> 'running' end order by id for update`, SendAnswer{}.Kind(), ids == nil, ids)
		if err != nil {
			return err
		}
		if retried, err = pgx.CollectRows(rows, pgx.RowTo[int64]); err != nil || len(retried) == 0 {
			return err
		}
		for _, id := range retried {
			if _, err := q.client.JobRetryTx(ctx, tx, id); err != nil {
				return fmt.Errorf("answer %d: %w", id, err)
			}
		}
		return note(ctx, tx, retried)
	})
	return retried, postgres.Unavailable(err)
}

// Lanes is how many answers of each consumer wait or are dead.
type Lanes map[string]LaneUse

// LaneUse counts one consumer's answers.
type LaneUse struct{ Waiting, Dead int }

// Lanes asks the database, once.
func (q *Queue) Lanes(ctx context.Context) (Lanes, error) {
	ctx, cancel := context.WithTimeout(ctx, answerDeadline)
	defer cancel()
	rows, err := q.db.Control().Query(ctx, `select args->>'consumer', count(*) filter (where state in `+unfinished+`)::int, count(*) filter (where state in `+dead+`)::int
		from `+postgres.JobSchema+`.river_job where kind = $1 and state <> 'completed' group by 1`, SendAnswer{}.Kind())
	if err != nil {
		return nil, postgres.Unavailable(err)
	}
	all := Lanes{}
	var consumer string
	var use LaneUse
	_, err = pgx.ForEachRow(rows, []any{&consumer, &use.Waiting, &use.Dead}, func() error { all[consumer] = use; return nil })
	return all, postgres.Unavailable(err)
}

// BuryAnswers gives up answers that were accepted before a time and have not been tried since: their consumer has no worker any more.
func (q *Queue) BuryAnswers(ctx context.Context, before time.Time) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, answerDeadline)
	defer cancel()
	tag, err := q.db.Control().Exec(ctx, `update `+postgres.JobSchema+`.river_job set state = 'cancelled', finalized_at = now()
		where kind = $1 and state in ('available', 'scheduled', 'retryable') and scheduled_at < $2 and (args->>'accepted')::timestamptz < $2`, SendAnswer{}.Kind(), before)
	return tag.RowsAffected(), postgres.Unavailable(err)
}
