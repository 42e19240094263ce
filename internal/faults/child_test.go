package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"testing"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/server"
	"dokumentlager/internal/tenant"
)

// asChild turns this test binary into a serving process that can be armed. Its listener is descriptor 3, its orders come on standard
// input, and it ends when that does.
const asChild = "FAULTS_TEST_CHILD"

// longestHang is the deadline of everything that hangs, and short, because the walk waits for it.
const longestHang = 600 * time.Millisecond

// lease is how long a killed upload holds its Idempotency-Key here; it is renewed three times as often.
const lease = 300 * time.Millisecond

func TestMain(m *testing.M) {
	if os.Getenv(asChild) == "" {
		os.Exit(m.Run())
	}
	if err := runChild(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "the serving process:", err)
		os.Exit(1)
	}
}

// order is what a parent asks of its child; the zero value only asks for the counts.
type order struct {
	Arm  failpoint.Name `json:",omitempty"`
	Mode failpoint.Mode `json:",omitempty"`
	Skip int            `json:",omitempty"`
	// Disarm comes before Arm, Sweep after it: it names a tenant.
	Disarm bool   `json:",omitempty"`
	Sweep  string `json:",omitempty"`
}

// report answers an order.
type report struct {
	failpoint.Counts
	Hanging int
	// Error is the sweep's, or what kept the child from starting.
	Error string
}

func runChild(ctx context.Context) error {
	cfg, err := server.LoadConfig("", os.Environ(), server.Serving)
	if err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(3, "listener"))
	if err != nil {
		return err
	}
	set := failpoint.New(longestHang)
	service, err := server.Build(ctx, cfg, "faults", obs.NewLogger(os.Stderr, slog.LevelError+4, nil), server.WithFailpoints(set), server.WithLease(lease),
		server.WithSelfTest(func(context.Context) error { return nil }))
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	go func() { failed <- service.Serve(ctx, listener) }()
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := service.AwaitReady(ready); err != nil {
		return err
	}
	sweep, err := sweeper(ctx, cfg, set)
	if err != nil {
		return err
	}
	go obey(ctx, set, sweep)
	return <-failed
}

// obey answers orders until there are no more, and then ends the process.
func obey(ctx context.Context, set *failpoint.Set, sweep func(context.Context, string) error) {
	answers, orders := json.NewEncoder(os.Stdout), bufio.NewScanner(os.Stdin)
	for _ = answers.Encode(report{}); orders.Scan(); {
		var o order
		var r report
		err := json.Unmarshal(orders.Bytes(), &o)
		if o.Disarm {
			set.Disarm()
		}
		if o.Arm != "" {
			set.Arm(o.Arm, o.Mode, o.Skip)
		}
		if o.Sweep != "" {
			err = errors.Join(err, sweep(ctx, o.Sweep))
		}
		if err != nil {
			r.Error = err.Error()
		}
		r.Counts, r.Hanging = set.Counts()
		_ = answers.Encode(r)
	}
	os.Exit(0)
}

// sweeper is `dokumentlager sweep --grace 0` with failpoints.
func sweeper(ctx context.Context, cfg server.Config, set *failpoint.Set) (func(context.Context, string) error, error) {
	db, err := postgres.Open(ctx, postgres.Config{URL: cfg.Database.URL, Pools: 1, ConnsPerPool: 1, ControlConns: 2})
	if err != nil {
		return nil, err
	}
	queue, err := job.NewQueue(db, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	store, err := blob.NewS3(blob.Config{Endpoint: cfg.S3.Endpoint, Region: cfg.S3.Region, Bucket: cfg.S3.Bucket, AccessKey: cfg.S3.AccessKey,
		SecretKey: cfg.S3.SecretKey, PathStyle: true})
	if err != nil {
		return nil, err
	}
	s := &lifecycle.Sweep{DB: db, Tenants: tenant.Directory{DB: db}, Objects: repository.New(repository.Config{Blobs: store, Fail: set}), Queue: queue,
		Actor: audit.Operator("faults"), Now: later, Fail: set}
	return func(ctx context.Context, of string) error {
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		_, err := s.Run(ctx, of)
		return err
	}, nil
}

// later is a clock for which everything in the store is old, so that the grace period hides nothing.
func later() time.Time { return time.Now().Add(48 * time.Hour) }
