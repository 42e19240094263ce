package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"dokumentlager/internal/delivery"
	"dokumentlager/internal/job"
	"dokumentlager/internal/obs"

	"github.com/riverqueue/river"
)

// AsyncConfig says who may have answers sent to which addresses, and how long that is tried (X2).
type AsyncConfig struct {
	Consumers Consumers
	// Deadline is for one attempt; RetryFor is how long after its acceptance an answer is tried, Keep how long one that is given up is kept.
	Deadline, RetryFor, Keep time.Duration
}

// Consumers are who may have answers sent to addresses of their own, written as a list of objects.
type Consumers []delivery.Consumer

// consumer is one as it is written.
type consumer struct {
	Name          string   `json:"name"`
	Clients       []string `json:"clients"`
	Organisations []string `json:"organisations"`
	Addresses     []string `json:"addresses"`
	Networks      []string `json:"networks"`
	Waiting       int      `json:"waiting"`
	Parallel      int      `json:"parallel"`
}

// What a consumer has that says nothing of it.
const (
	answersWaiting  = 1000
	answersParallel = 2
)

func (all *Consumers) parse(text string) error {
	var written []consumer
	if err := readObjects(text, &written); err != nil {
		return err
	}
	*all = nil
	for n, w := range written {
		c := delivery.Consumer{Name: w.Name, Clients: w.Clients, Organisations: w.Organisations, Addresses: w.Addresses,
			Waiting: cmp.Or(w.Waiting, answersWaiting), Parallel: cmp.Or(w.Parallel, answersParallel)}
		for _, network := range w.Networks {
			prefix, err := netip.ParsePrefix(network)
			if err != nil {
				return fmt.Errorf("of consumer %d: networks must be such as 10.2.0.0/16", n+1)
			}
			c.Networks = append(c.Networks, prefix.Masked())
		}
		*all = append(*all, c)
	}
	return delivery.Check(*all)
}

// show is for the log: who has answers sent where.
func (all *Consumers) show() string {
	shown := make([]string, len(*all))
	for n, c := range *all {
		shown[n] = c.Name + " (" + strings.Join(c.Addresses, " ") + ")"
	}
	return strings.Join(shown, ",")
}

// makeDelivery makes what sends answers; without consumers it accepts nothing.
func (p *parts) makeDelivery() (err error) {
	c := p.cfg.Async
	p.delivery, err = delivery.New(delivery.Config{Queue: p.queue, Consumers: c.Consumers, Secret: p.cfg.Secrets.LocatorKey[:], Deadline: c.Deadline, RetryFor: c.RetryFor,
		Log: p.log, Done: p.metrics.Answer, Now: p.now})
	return err
}

// sender is the answers' worker, whose jobs are traced.
type sender struct {
	*delivery.Service
	parts *parts
}

// Work implements river.Worker.
func (s sender) Work(ctx context.Context, j *river.Job[job.SendAnswer]) error {
	ctx, end := obs.Span(s.parts.tracing.Background(ctx), "job "+job.SendAnswer{}.Kind())
	err := s.Service.Work(ctx, j)
	end(err)
	return err
}

// buryMargin is how much longer than async.retry_for an answer may be there whose consumer no process works for any more.
const buryMargin = time.Hour

// lookAtAnswers counts what waits, and gives up what nobody tries: answers for consumers that the configuration has no more.
func (p *parts) lookAtAnswers(ctx context.Context) {
	buried, err := p.queue.BuryAnswers(ctx, p.now().Add(-p.cfg.Async.RetryFor-buryMargin))
	for range buried {
		p.metrics.Answer(delivery.Dead)
	}
	lanes, seen := p.queue.Lanes(ctx)
	if seen == nil {
		p.looked.lanes.Store(&lanes)
	}
	if err = errors.Join(err, seen); err != nil && ctx.Err() == nil {
		p.failed(ctx, "answers that wait could not be looked at", "send-answer", err)
	}
}

func (p *parts) measureAnswers() {
	gauge := func(state string, value func(job.LaneUse) int) {
		p.metrics.Gauge("dokumentlager_answers", "Answers to be sent to other addresses (asynchronous ITI-38 and 39), of all replicas; dead ones were given up.",
			map[string]string{"state": state}, func() float64 {
				sum := 0
				if lanes := p.looked.lanes.Load(); lanes != nil {
					for _, use := range *lanes {
						sum += value(use)
					}
				}
				return float64(sum)
			})
	}
	gauge("waiting", func(u job.LaneUse) int { return u.Waiting })
	gauge("dead", func(u job.LaneUse) int { return u.Dead })
}
