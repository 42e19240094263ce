//go:build bench

package bench

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/stacktest"

	"github.com/jackc/pgx/v5"
)

// large is the largest document that F5 allows, in bytes.
const large = 60 << 20

// rig is what the measurements share.
type rig struct {
	*sheet
	root    string
	service *servicetest.Service
	floor   *floor
	press   *press
	client  *http.Client
}

// TestBench measures and writes build/bench.json; one thing at a time, and nothing is written when anything failed or was left out
// (-run TestBench/open): the file is of one whole run.
func TestBench(t *testing.T) {
	r := newRig(t)
	steps := []struct {
		name string
		run  func(*rig, *testing.T)
	}{
		{"upload", (*rig).upload}, {"small", (*rig).small}, {"tokens", (*rig).tokens}, {"open", (*rig).open}, {"list", (*rig).list}, {"fifty", (*rig).fifty},
		{"memory", (*rig).memory}, {"overload", (*rig).overload}, {"neighbour", (*rig).neighbour},
		{"sealer", (*rig).sealer},
		{"query", (*rig).crossQuery}, {"retrieve", (*rig).crossRetrieve}, {"provide", (*rig).provideSOAP}, {"assertions", (*rig).assertions},
		// Last: the tenants that it makes stay, and would be everybody's company.
		{"million", (*rig).million},
	}
	done := 0
	for _, step := range steps {
		if !t.Run(step.name, func(t *testing.T) { step.run(r, t); done++ }) {
			t.Fatal("nothing is written: a measurement failed")
		}
	}
	if err := r.table(t.Output()); err != nil {
		t.Fatal(err)
	}
	if done < len(steps) {
		t.Log("nothing is written: measurements were left out")
		return
	}
	if err := r.save(r.root); err != nil {
		t.Fatal(err)
	}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	var seed [32]byte
	_, _ = rand.Read(seed[:])        // never fails
	t.Setenv(stacktest.Durable, "1") // the parts start with the first service
	service := servicetest.Start(t)
	return &rig{
		sheet: &sheet{commit: commit(root), machine: machine(), at: time.Now().UTC().Truncate(time.Second)},
		root:  root, service: service, floor: newFloor(t, service), press: newPress(t, seed), client: &http.Client{Timeout: 3 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}},
	}
}

// timed sends a request that is ready to go and reads the answer to its end into w; another status than 200 fails the run.
func (r *rig) timed(t *testing.T, req *http.Request, w io.Writer) time.Duration {
	t.Helper()
	took, err := timed(r.client, req, w)
	if err != nil {
		t.Fatal(err)
	}
	return took
}

func timed(client *http.Client, req *http.Request, w io.Writer) (time.Duration, error) {
	began := time.Now()
	res, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10)) // what there is of it
		return 0, fmt.Errorf("%s %s: %s: %s", req.Method, req.URL.Path, res.Status, text)
	}
	err = drain(w, res.Body)
	return time.Since(began), err
}

// drain copies in pieces of a size that costs our side of the connection little; io.Discard's own are of 8 KiB.
func drain(w io.Writer, from io.Reader) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{from}, make([]byte, 256<<10))
	return err
}

// counter counts bytes and keeps none.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

// bare opens a connection of the owning role, in the mode of the service's tenant connections (spec/postgres.md §2).
func bare(t *testing.T, address string) *pgx.Conn {
	t.Helper()
	cfg, err := pgx.ParseConfig(address)
	if err != nil {
		t.Fatal(err)
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	conn, err := pgx.ConnectConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}
