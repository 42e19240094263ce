package repository_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/migrations"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func store(t testing.TB) *blob.S3 {
	t.Helper()
	a := stacktest.Parts(t).S3
	s, err := blob.NewS3(blob.Config{Endpoint: a.Endpoint, Region: a.Region, Bucket: a.Bucket, AccessKey: a.AccessKey, SecretKey: a.SecretKey, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func clamd(t testing.TB) repository.Scanner {
	t.Helper()
	return repository.Clamd(scan.New(scan.Config{Address: stacktest.Parts(t).Clamd}))
}

// open makes a repository over the real parts, changed by change.
func open(t testing.TB, change func(*repository.Config)) *repository.Repository {
	t.Helper()
	c := repository.Config{Blobs: store(t), Scanner: clamd(t), SpoolDir: t.TempDir()}
	if change != nil {
		change(&c)
	}
	return repository.New(c)
}

var (
	migrate     sync.Once
	schemaCount int32
	schemaMu    sync.Mutex
)

// tenant makes a schema of the test's own and opens the database.
func tenant(t *testing.T) (*postgres.DB, postgres.Schema) {
	t.Helper()
	parts := stacktest.Parts(t)
	owner, err := postgres.OpenOwner(t.Context(), parts.OwnerURL, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close()
	migrate.Do(func() { err = owner.Migrate(t.Context(), func(int, int) {}) })
	if err != nil {
		t.Fatalf("migrating: %v", err)
	}
	s := someSchema()
	err = pgx.BeginFunc(t.Context(), owner.Pool(), func(tx pgx.Tx) error { return owner.CreateTenantSchema(t.Context(), tx, s.Name) })
	if err != nil {
		t.Fatalf("making a tenant: %v", err)
	}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: parts.AppURL, Pools: 1, ConnsPerPool: 2, ControlConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db, s
}

// someSchema is a name that no other test has, for tests without a database.
func someSchema() postgres.Schema {
	schemaMu.Lock()
	defer schemaMu.Unlock()
	schemaCount++
	return postgres.Schema{ID: schemaCount, Name: fmt.Sprintf("t_%d_%s", schemaCount, strings.ReplaceAll(uuid.NewString(), "-", "")[:12])}
}

// receive writes all bytes in pieces of 32 KiB and closes.
func receive(ctx context.Context, t testing.TB, r *repository.Repository, from io.Reader) *repository.Reception {
	t.Helper()
	in := r.Receive(ctx)
	t.Cleanup(in.Discard)
	if _, err := io.CopyBuffer(struct{ io.Writer }{in}, struct{ io.Reader }{from}, make([]byte, 32<<10)); err != nil {
		t.Fatalf("writing: %v", err)
	}
	if err := in.Close(); err != nil {
		t.Fatalf("closing: %v", err)
	}
	return in
}

// keep receives and keeps what must be clean.
func keep(t testing.TB, r *repository.Repository, s postgres.Schema, content []byte) repository.Object {
	t.Helper()
	o, err := r.Keep(t.Context(), s, receive(t.Context(), t, r, bytes.NewReader(content)))
	if err != nil {
		t.Fatalf("keeping: %v", err)
	}
	return o
}

// codeOf is the code of an error that is one problem, and empty for none.
func codeOf(err error) fault.Code {
	if lead := fault.Of(err).Leading(); lead != nil {
		return lead.Code
	}
	return ""
}

func random(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.Read(p)
	return p
}

func digest(p []byte) []byte {
	d := sha256.Sum256(p)
	return d[:]
}

// lines is n bytes of harmless text.
func lines(n int64) io.Reader { return io.LimitReader(&liner{}, n) }

type liner struct{ n int }

func (l *liner) Read(p []byte) (int, error) {
	const line = "Pasienten er oppdiktet og staar her bare for lengdens skyld.\n"
	for i := range p {
		p[i] = line[l.n%len(line)]
		l.n++
	}
	return len(p), nil
}

func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fakeClamd is a server that does with each connection what handle says, until the test ends.
func fakeClamd(t *testing.T, deadline time.Duration, handle func(net.Conn)) repository.Scanner {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { defer conn.Close(); handle(conn) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return repository.Clamd(scan.New(scan.Config{Address: l.Addr().String(), Deadline: deadline}))
}

// usage is what a leak would make grow.
func usage(t *testing.T) (goroutines, descriptors int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("descriptors cannot be counted here")
	}
	return runtime.NumGoroutine(), len(entries)
}

// expectUsage waits until no more is in use than before.
func expectUsage(t *testing.T, goroutines, descriptors int) {
	t.Helper()
	for range 100 {
		g, d := usage(t)
		if g <= goroutines && d <= descriptors {
			return
		}
		time.Sleep(30 * time.Millisecond)
	}
	g, d := usage(t)
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines were %d, %d descriptors were %d\n%s", g, goroutines, d, descriptors, stacks[:runtime.Stack(stacks, true)])
}
