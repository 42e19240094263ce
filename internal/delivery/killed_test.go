package delivery_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"

	"dokumentlager/internal/delivery"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/migrations"

	"github.com/riverqueue/river"
)

// The environment of a process that is to be killed: where its database is, and which consumer it serves at which address.
const (
	childDatabase = "DELIVERY_CHILD_DATABASE"
	childConsumer = "DELIVERY_CHILD_CONSUMER"
	childAddress  = "DELIVERY_CHILD_ADDRESS"
)

// TestChild is the process that TestKilledInTheMiddle kills; by itself it does nothing.
func TestChild(t *testing.T) {
	database := os.Getenv(childDatabase)
	if database == "" {
		t.Skip("only in a process of its own")
	}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: database, Pools: 1, ConnsPerPool: 1, ControlConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := job.NewQueue(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	c := delivery.Consumer{Name: os.Getenv(childConsumer), Clients: []string{os.Getenv(childConsumer)}, Addresses: []string{os.Getenv(childAddress)}, Waiting: 1, Parallel: 1}
	s, err := delivery.New(delivery.Config{Queue: queue, Consumers: []delivery.Consumer{c}, Secret: secret, Deadline: time.Minute, RetryFor: time.Hour,
		Log: slog.New(slog.DiscardHandler), Done: func(string) {}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.Answer = func(_ context.Context, q delivery.Question) (delivery.Reply, error) {
		return endless{"half of the answer"}, nil
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, s)
	runner, err := job.NewRunner(db, workers, job.Lines{Parallel: 1, Lanes: s.Lanes()}, slog.New(slog.DiscardHandler))
	if err == nil {
		err = runner.Start(context.Background())
	}
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Minute) // the parent ends this process long before
}

// endless is a reply that never comes to its end.
type endless struct{ text }

func (endless) Length() int64 { return 1 << 20 }
func (e endless) Write(ctx context.Context, w io.Writer) error {
	if err := e.text.Write(ctx, w); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// TestKilledInTheMiddle: the process that sends an answer is killed while it does; another one, with the same secret, sends it (promise 1).
func TestKilledInTheMiddle(t *testing.T) {
	t.Parallel()
	// A database of its own: its leader, who finds jobs of the dead, is to be this test's.
	_, appURL := database(t)
	began := make(chan bool, 10)
	at := consumeStream(t, began)
	c := named(at)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: appURL, Pools: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	queue, err := job.NewQueue(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, c)
	r.db, r.queue, r.Queue = db, queue, queue
	if err := r.Accept(t.Context(), question(c, at)); err != nil {
		t.Fatal(err)
	}
	child := exec.Command(os.Args[0], "-test.run=^TestChild$")
	child.Env = append(os.Environ(), childDatabase+"="+appURL, childConsumer+"="+c.Name, childAddress+"="+at)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill() })
	select {
	case <-began:
	case <-time.After(time.Minute):
		t.Fatal("the first process sent nothing")
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if row := r.settled("running"); row.State != "running" {
		t.Fatalf("%+v", row)
	}
	// Minutes go by: the dead process' turn as leader ends, and its job's time is over.
	for _, sql := range []string{`update ` + postgres.JobSchema + `.river_job set attempted_at = now() - interval '10 minutes'`, `delete from ` + postgres.JobSchema + `.river_leader`} {
		if _, err := db.Control().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	r.run()
	r.wait(delivery.Sent)
	r.settled("completed")
}

// database is a migrated database of the test's own.
func database(t *testing.T) (ownerURL, appURL string) {
	t.Helper()
	ownerURL, appURL = stacktest.EmptyDatabase(t)
	owner, err := postgres.OpenOwner(t.Context(), ownerURL, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	if err := owner.Migrate(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	return ownerURL, appURL
}

// consumeStream is a consumer that tells when an answer begins to come.
func consumeStream(t *testing.T, began chan<- bool) (address string) {
	t.Helper()
	c := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		first := make([]byte, 1)
		_, _ = io.ReadFull(req.Body, first)
		began <- true
		_, _ = io.Copy(io.Discard, req.Body)
	}))
	t.Cleanup(c.Close)
	return c.URL + "/"
}
