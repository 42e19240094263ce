package delivery_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/delivery"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/saml"

	"github.com/google/uuid"
	"github.com/riverqueue/river"
)

// canary is a national number of nobody, which must not be readable in the database.
const canary = "13116900216"

// secret is every service's of these tests, as every replica has the same.
var secret = bytes.Repeat([]byte{7}, 32)

// rig is a service with a consumer of its own, and a lane that no other test works off.
type rig struct {
	*delivery.Service
	t     *testing.T
	db    *postgres.DB
	queue *job.Queue
	// calls counts transactions that were run, ended is told how each attempt ended.
	calls atomic.Int64
	ended chan string
}

func newRig(t *testing.T, consumers ...delivery.Consumer) *rig {
	t.Helper()
	r := &rig{t: t, db: stacktest.Migrated(t).DB, ended: make(chan string, 100)}
	var err error
	if r.queue, err = job.NewQueue(r.db, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	r.Service, err = delivery.New(delivery.Config{Queue: r.queue, Consumers: consumers, Secret: secret, Deadline: 30 * time.Second, RetryFor: time.Hour,
		Log: slog.New(slog.DiscardHandler), Done: func(outcome string) { r.ended <- outcome }, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	r.Answer = func(_ context.Context, q delivery.Question) (delivery.Reply, error) {
		r.calls.Add(1)
		return text("answer to " + q.MessageID), nil
	}
	return r
}

// named is a consumer with a lane of its own, whose client is its name.
func named(addresses ...string) delivery.Consumer {
	name := "c" + strings.ReplaceAll(uuid.NewString(), "-", "")[:16]
	return delivery.Consumer{Name: name, Clients: []string{name}, Addresses: addresses, Waiting: 100, Parallel: 2}
}

// question is what a consumer asks, with a patient in every corner.
func question(c delivery.Consumer, replyTo string) delivery.Question {
	return delivery.Question{Actor: audit.Actor{Caller: access.Caller{Kind: access.Personnel, ClientID: c.Name, PersonID: canary}, Transaction: "ITI-38", RequestID: uuid.NewString()},
		Assertion: saml.Assertion{Subject: canary, Patient: document.PatientID{Value: canary, Authority: document.AuthorityFNR}},
		MessageID: "urn:uuid:" + uuid.NewString(), ReplyTo: replyTo, Payload: xml.Name{Local: "q"}, Body: []byte("<q>" + canary + "</q>")}
}

// run works the rig's lanes off until the test ends.
func (r *rig) run() {
	r.t.Helper()
	workers := river.NewWorkers()
	river.AddWorker(workers, r.Service)
	runner, err := job.NewRunner(r.db, workers, job.Lines{Parallel: 1, Lanes: r.Lanes()}, slog.New(slog.DiscardHandler))
	if err == nil {
		err = runner.Start(context.Background())
	}
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = runner.Stop(context.Background()) })
}

// wait is how the next attempt ended.
func (r *rig) wait(want string) {
	r.t.Helper()
	select {
	case got := <-r.ended:
		if got != want {
			r.t.Fatalf("an attempt ended as %s, want %s: %+v", got, want, r.rows())
		}
	case <-time.After(time.Minute):
		r.t.Fatalf("nothing ended, want %s: %+v", want, r.rows())
	}
}

// row is a job as the database has it.
type row struct{ State, Args, Error string }

// rows are the jobs of the rig's consumers, from the oldest on.
func (r *rig) rows() (all []row) {
	r.t.Helper()
	var lanes []string
	for lane := range r.Lanes() {
		lanes = append(lanes, lane)
	}
	found, err := r.db.Control().Query(r.t.Context(), `select state::text, args::text, coalesce(errors[cardinality(errors)]->>'error', '') from `+postgres.JobSchema+`.river_job
		where queue = any($1) order by id`, lanes)
	if err != nil {
		r.t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		var one row
		if err := found.Scan(&one.State, &one.Args, &one.Error); err != nil {
			r.t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

// settled waits until the oldest job has a state: the row follows the attempt's end.
func (r *rig) settled(state string) row {
	r.t.Helper()
	for range 600 {
		if all := r.rows(); len(all) > 0 && all[0].State == state {
			return all[0]
		}
		time.Sleep(50 * time.Millisecond)
	}
	r.t.Fatalf("never %s: %+v", state, r.rows())
	return row{}
}

// text is a reply of a few bytes.
type text string

func (text) ContentType() string { return "application/soap+xml" }
func (s text) Length() int64     { return int64(len(s)) }
func (s text) Write(_ context.Context, w io.Writer) error {
	_, err := io.WriteString(w, string(s))
	return err
}

// post is what a consumer was sent.
type post struct {
	Path, Type, Body string
	Length           int64
	// Err is how reading the body ended.
	Err error
}

// consumer is a web server that takes answers.
type consumer struct {
	*httptest.Server
	mu    sync.Mutex
	posts []post
}

func (c *consumer) seen() []post {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.posts
}

// consume starts a consumer; each answer, read to its end, is given to answer.
func consume(t *testing.T, answer http.HandlerFunc) *consumer {
	t.Helper()
	c := &consumer{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		c.mu.Lock()
		c.posts = append(c.posts, post{req.URL.Path, req.Header.Get("Content-Type"), string(body), req.ContentLength, err})
		c.mu.Unlock()
		if answer != nil {
			answer(w, req)
		}
	}))
	t.Cleanup(c.Close)
	return c
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
