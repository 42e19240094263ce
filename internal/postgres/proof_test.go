package postgres_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/devstack"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/postgres"
	"dokumentlager/migrations"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func proof() (p [16]byte) {
	_, _ = rand.Read(p[:])
	return p
}

// race lets 50 goroutines on all pools use one proof at the same moment and counts the winners.
func race(t *testing.T, dbs []*postgres.DB, p [16]byte) int32 {
	t.Helper()
	var winners atomic.Int32
	var all sync.WaitGroup
	gate := make(chan struct{})
	for i := range 50 {
		all.Go(func() {
			<-gate
			fresh, err := postgres.Proofs{DB: dbs[i%len(dbs)]}.Use(t.Context(), p, time.Now())
			if err != nil {
				t.Error(err)
			}
			if fresh {
				winners.Add(1)
			}
		})
	}
	close(gate)
	all.Wait()
	return winners.Load()
}

// TestProofHasOneWinner (W1): of any number of replicas one accepts a proof, and none does later.
func TestProofHasOneWinner(t *testing.T) {
	t.Parallel()
	stacktest.Migrated(t)
	var replicas []*postgres.DB
	for range 4 {
		replicas = append(replicas, opened(t, postgres.Config{URL: stacktest.Parts(t).AppURL, Pools: 1}))
	}
	for range 10 {
		p := proof()
		if n := race(t, replicas, p); n != 1 {
			t.Errorf("%d replicas accepted one proof", n)
		}
		if n := race(t, replicas, p); n != 0 {
			t.Errorf("%d accepted it again", n)
		}
	}
}

func TestSweepForgetsOldProofsOnly(t *testing.T) {
	t.Parallel()
	url, appURL := stacktest.EmptyDatabase(t)
	migrate(t, owner(t, url, migrations.FS))
	proofs := postgres.Proofs{DB: opened(t, postgres.Config{URL: appURL, Pools: 1})}
	limit := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	use := func(p [16]byte, iat time.Time, want bool) {
		t.Helper()
		if got, err := proofs.Use(t.Context(), p, iat); err != nil || got != want {
			t.Errorf("issued %v: %t, %v; want %t", iat, got, err, want)
		}
	}
	old, edge, young := proof(), proof(), proof()
	use(old, limit.Add(-time.Second), true)
	use(edge, limit, true)
	use(young, limit.Add(time.Second), true)
	for _, want := range []int64{1, 0} {
		if n, err := proofs.Sweep(t.Context(), limit); err != nil || n != want {
			t.Errorf("%d went, want %d: %v", n, want, err)
		}
	}
	use(old, limit, true)
	use(edge, limit, false)
	use(young, limit, false)
}

// TestCrashesForgetNothing kills one backend, which makes PostgreSQL throw all others out and recover, and then the whole server.
// A proof that was used stays used, a tenant's committed row stays, and the pools recover without being told.
func TestCrashesForgetNothing(t *testing.T) {
	t.Parallel()
	parts, err := devstack.StartParts(t.Context(), devstack.Options{Dir: t.TempDir(), StartTimeout: 90 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parts.Stop() })
	o := owner(t, parts.OwnerURL, migrations.FS)
	migrate(t, o)
	s := (&stacktest.Database{Owner: o}).Tenant(t).Schema()
	var used [][16]byte
	for _, part := range []string{"backend", "server"} {
		// Pools of its own: a connection that died less than a second ago is handed out once before it is known to be dead.
		db, kept := opened(t, postgres.Config{URL: parts.AppURL, Pools: 1}), uuid.New()
		used = append(used, proof())
		if n := race(t, []*postgres.DB{db}, used[len(used)-1]); n != 1 {
			t.Fatalf("%d accepted one proof", n)
		}
		if err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error { return put(t, tx, kept) }); err != nil {
			t.Fatal(err)
		}
		if part == "backend" {
			killBackend(t, parts, db)
		} else {
			killServer(t, parts, db, s)
		}
		for _, p := range used {
			eventually(t, func() bool {
				fresh, err := postgres.Proofs{DB: db}.Use(t.Context(), p, time.Now())
				if fresh {
					t.Errorf("%s: a used proof was accepted again", part)
				}
				return err == nil
			})
		}
		eventually(t, func() bool {
			n := 0
			err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
				return tx.QueryRow(t.Context(), `select count(*) from tenant.association where id = $1`, kept).Scan(&n)
			})
			if err == nil && n != 1 {
				t.Errorf("%s: the committed row is there %d times", part, n)
			}
			return err == nil
		})
	}
}

// killServer ends PostgreSQL and starts it again; what is asked in between is refused as unavailable.
func killServer(t *testing.T, parts *devstack.Parts, db *postgres.DB, s postgres.Schema) {
	t.Helper()
	if err := parts.Kill(devstack.Postgres); err != nil {
		t.Fatal(err)
	}
	// A backend may answer once more before it sees that its server is gone.
	var using, writing error
	eventually(t, func() bool {
		_, using = postgres.Proofs{DB: db}.Use(t.Context(), proof(), time.Now())
		return using != nil
	})
	eventually(t, func() bool {
		writing = db.InTenant(t.Context(), s, func(tx *postgres.Tx) error { return put(t, tx, uuid.New()) })
		return writing != nil
	})
	wantUnavailable(t, postgres.Unavailable(using), "database")
	wantUnavailable(t, writing, "database")
	if err := parts.Restart(t.Context(), devstack.Postgres); err != nil {
		t.Fatal(err)
	}
}

// killBackend sends SIGKILL to a backend of the pool's: PostgreSQL takes that for a crash, ends all others and recovers.
func killBackend(t *testing.T, parts *devstack.Parts, db *postgres.DB) {
	t.Helper()
	witness, err := pgx.Connect(t.Context(), parts.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer witness.Close(context.Background())
	var pid int
	if err := db.Control().QueryRow(t.Context(), `select pg_backend_pid()`).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := kill(pid); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return witness.Ping(t.Context()) != nil })
}

// kill is kill -9 of a process that really is a PostgreSQL backend of ours.
func kill(pid int) error {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return err
	}
	if !strings.Contains(string(line), "dl_app") {
		return fmt.Errorf("process %d is %q, not a backend of ours", pid, line)
	}
	return syscall.Kill(pid, syscall.SIGKILL)
}
