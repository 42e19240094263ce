package job

import (
	"context"
	"time"

	"dokumentlager/internal/postgres"
)

// Backlog is the work that is still to be done.
type Backlog struct {
	// Waiting jobs have never been tried or are in line again, Retrying ones failed and rest, Running ones are tried now, by any replica.
	Waiting, Retrying, Running int
	// Oldest is how long ago the oldest of them was promised; zero when there are none.
	Oldest time.Duration
}

// Backlog asks the database, once; finished jobs, which the queue keeps for a while, are not looked at, and neither are answers: Lanes has them.
func (q *Queue) Backlog(ctx context.Context) (b Backlog, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var seconds float64
	err = q.db.Control().QueryRow(ctx, `select count(*) filter (where state in ('available', 'scheduled', 'pending')), count(*) filter (where state = 'retryable'),
			count(*) filter (where state = 'running'), coalesce(extract(epoch from now() - min(created_at)), 0)
		from `+postgres.JobSchema+`.river_job where state in ('available', 'scheduled', 'pending', 'retryable', 'running') and kind <> $1`, SendAnswer{}.Kind()).
		Scan(&b.Waiting, &b.Retrying, &b.Running, &seconds)
	b.Oldest = time.Duration(max(0, seconds) * float64(time.Second))
	return b, postgres.Unavailable(err)
}
