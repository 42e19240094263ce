package delivery

import (
	"context"
	"errors"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/job"
	"dokumentlager/internal/obs"

	"github.com/riverqueue/river"
)

const (
	// longestPause is the longest between two attempts.
	longestPause = 15 * time.Minute
	// finishWithin is for the commit after the consumer's status.
	finishWithin = 10 * time.Second
)

// Timeout implements river.Worker.
func (s *Service) Timeout(*river.Job[job.SendAnswer]) time.Duration { return s.Deadline + finishWithin }

// NextRetry implements river.Worker: after 1 s, 16 s, 81 s …, at most 15 minutes.
func (s *Service) NextRetry(j *river.Job[job.SendAnswer]) time.Time {
	n := float64(len(j.Errors) + 1)
	return s.Now().Add(time.Duration(min(longestPause.Seconds(), n*n*n*n)) * time.Second)
}

// Work makes one attempt. An answer that arrived is done although its commit may fail: then it arrives again.
func (s *Service) Work(ctx context.Context, j *river.Job[job.SendAnswer]) error {
	err := s.attempt(ctx, j.Args)
	if err == nil {
		if err = s.finish(ctx, j); err == nil {
			s.Done(Sent)
			return nil
		}
	}
	var f *failure
	if !errors.As(err, &f) {
		f = &failure{text: "a part of the service failed", cause: err}
	}
	given := f.final || !s.Now().Before(j.Args.Accepted.Add(s.RetryFor))
	s.tell(ctx, j, f, given)
	if given {
		return river.JobCancel(errors.New(f.text))
	}
	return errors.New(f.text)
}

func (s *Service) finish(ctx context.Context, j *river.Job[job.SendAnswer]) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishWithin)
	defer cancel()
	if err := s.Queue.FinishAnswer(ctx, j); err != nil {
		return &failure{text: "the answer was sent, and that could not be written down", cause: err}
	}
	return nil
}

func (s *Service) tell(ctx context.Context, j *river.Job[job.SendAnswer], f *failure, given bool) {
	line, outcome := "an answer was not sent; it is tried again", Retried
	if given {
		line, outcome = "an answer was given up; `dokumentlager async` lists it", Dead
	}
	s.Done(outcome)
	var cause error = f
	if f.cause != nil {
		cause = errors.Join(f, f.cause)
	}
	s.Log.WarnContext(ctx, line, "operation", "send-answer", "component", string(fault.PartOf(f.cause)), "transaction", j.Args.Transaction,
		"job_id", j.ID, "attempt", j.Attempt, "error", cause)
}

// attempt opens the connection, runs the transaction, and sends what came of it.
func (s *Service) attempt(ctx context.Context, a job.SendAnswer) error {
	ctx, cancel := context.WithTimeout(ctx, s.Deadline)
	defer cancel()
	q, err := s.seal.open(a)
	if err != nil {
		return &failure{text: errLost.Error(), final: true, cause: err}
	}
	ctx = obs.WithRequest(ctx, q.Actor.RequestID)
	consumer, known := s.consumer(a.Consumer)
	to, err := parseAddress(q.ReplyTo)
	if !known || err != nil || !consumer.serves(q.Actor) || !consumer.allows(q.ReplyTo) {
		return &failure{text: "the configuration does not allow the address any more", final: true}
	}
	conn, err := consumer.connect(ctx, to, s.TLS)
	switch {
	case errors.Is(err, errForbidden):
		return &failure{text: errForbidden.Error(), cause: err}
	case err != nil:
		return &failure{text: "the consumer cannot be reached", cause: err}
	}
	defer conn.Close()
	reply, err := s.Answer(ctx, q)
	if err != nil {
		return &failure{text: "the transaction could not be run", cause: err}
	}
	return post(ctx, conn, to, reply)
}

var _ river.Worker[job.SendAnswer] = (*Service)(nil)
