// Package delivery sends answers to another address than their questions came from (ITI-38 and 39 asynchronously, ITI TF-2 appendix V.5;
// spec/soap.md 5).
//
// It promises that a question which was accepted is answered although the process that took it dies at once (promise 1): accepting is the commit of
// one job, and whoever works jobs off runs the transaction, by the rules of that moment, and sends what came of it. It promises that nothing is sent
// but to an address that the configuration has for that very sender, compared whole, over a connection to an IP address that was looked at when it
// was dialled, through no proxy and after no redirect (promise 2). What is asked stands sealed in the queue, so that a copy of the database tells
// of no patient. An answer may arrive twice, when the process dies between the consumer's 2xx and the commit: RelatesTo is the same.
package delivery

import (
	"context"
	"crypto/tls"
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/job"
	"dokumentlager/internal/saml"
	"dokumentlager/internal/soap"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// Question is a request that is answered later, with all that its transaction needs of it. Its sender was verified when it was accepted.
type Question struct {
	Actor     audit.Actor    `json:"actor"`
	Assertion saml.Assertion `json:"assertion"`
	Action    string         `json:"action"`
	MessageID string         `json:"message_id"`
	ReplyTo   string         `json:"reply_to"`
	Payload   xml.Name       `json:"payload"`
	Body      []byte         `json:"body"`
	MTOM      bool           `json:"mtom"`
	Digest    []byte         `json:"digest"`
}

// Reply is an answer that is ready to be sent; Write writes exactly Length bytes or fails.
type Reply interface {
	ContentType() string
	Length() int64
	Write(ctx context.Context, w io.Writer) error
}

// Queue keeps the jobs (job.Queue).
type Queue interface {
	InsertAnswer(ctx context.Context, a job.SendAnswer, most int) error
	FinishAnswer(ctx context.Context, j *river.Job[job.SendAnswer]) error
}

// Config is what a Service is made of.
type Config struct {
	Queue     Queue
	Consumers []Consumer
	// Secret is at least 32 bytes that every replica has and that never change; the key of what stands in the queue comes from it.
	Secret []byte
	// Deadline is for one attempt, from the connection to the consumer's status.
	Deadline time.Duration
	// RetryFor is for how long after its acceptance an answer is tried again.
	RetryFor time.Duration
	Log      *slog.Logger
	// TLS is how consumers are spoken with; nil is TLS 1.2 and the system's roots.
	TLS *tls.Config
	// Done is told how each attempt ended, one of Outcomes.
	Done func(outcome string)
	Now  func() time.Time
}

// The outcomes of an attempt: the consumer has the answer, it is tried again, or it is given up.
const (
	Sent    = "sent"
	Retried = "retried"
	Dead    = "dead"
)

// Outcomes are all of them.
var Outcomes = []string{Sent, Retried, Dead}

// Service accepts questions, and is the worker that answers them.
type Service struct {
	Config
	river.WorkerDefaults[job.SendAnswer]
	// Answer runs a question's transaction. Its error is that of a part that does not work now: the attempt is made again. It must be set before
	// the first job is worked off.
	Answer func(context.Context, Question) (Reply, error)

	seal seal
}

// New checks the consumers, and makes a service.
func New(c Config) (*Service, error) {
	if err := Check(c.Consumers); err != nil {
		return nil, err
	}
	s, err := newSeal(c.Secret)
	return &Service{Config: c, seal: s, Answer: func(context.Context, Question) (Reply, error) { return nil, errNobody }}, err
}

var (
	errUnknown = errors.New("no consumer has this sender and this address")
	errNobody  = errors.New("there is nobody yet to ask for the answer")
	errLost    = errors.New("what was sealed cannot be read with this service's key")
)

// Accept takes a question whose answer is to go to its ReplyTo. When it returns nil, the answer will be sent. Who may not have answers there is
// refused with soap.BadReplyTo, and with fault.TooBusy for whom as many wait as may.
func (s *Service) Accept(ctx context.Context, q Question) error {
	i := slices.IndexFunc(s.Consumers, func(c Consumer) bool { return c.serves(q.Actor) && c.allows(q.ReplyTo) })
	if i < 0 {
		return soap.NewFault(soap.BadReplyTo, errUnknown)
	}
	consumer := s.Consumers[i]
	a := job.SendAnswer{ID: uuid.New(), Consumer: consumer.Name, Transaction: q.Actor.Transaction, Accepted: s.Now().UTC()}
	var err error
	if a.Sealed, err = s.seal.close(a, q); err != nil {
		return err
	}
	err = s.Queue.InsertAnswer(ctx, a, consumer.Waiting)
	if errors.Is(err, job.ErrFull) {
		return fault.New(fault.TooBusy, "As many answers wait for this sender as may. Nothing was done; send the same request again later.").
			RetryIn(time.Minute).Because(err)
	}
	return err
}

// consumer finds a consumer by name, as jobs know it.
func (s *Service) consumer(name string) (Consumer, bool) {
	i := slices.IndexFunc(s.Consumers, func(c Consumer) bool { return c.Name == name })
	if i < 0 {
		return Consumer{}, false
	}
	return s.Consumers[i], true
}

// Lanes are the consumers' queues with how many answers one process sends to each at once.
func (s *Service) Lanes() map[string]int {
	lanes := map[string]int{}
	for _, c := range s.Consumers {
		lanes[job.Lane(c.Name)] = c.Parallel
	}
	return lanes
}
