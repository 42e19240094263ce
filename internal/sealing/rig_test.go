package sealing_test

import (
	"crypto/rand"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/sealing"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"
)

// rig is a database of a test's own and what seals it.
type rig struct {
	*stacktest.Database
	appURL string
	log    audit.Log
	key    *ledger.Key
	secret string
	out    *lines
	*sealing.Sealer

	mu  sync.Mutex
	now time.Time
}

type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (r *rig) clock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}

func (r *rig) pass(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func newRig(t testing.TB) *rig {
	t.Helper()
	ownerURL, appURL := stacktest.EmptyDatabase(t)
	owner, err := postgres.OpenOwner(t.Context(), ownerURL, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	if err := owner.Migrate(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	db, err := postgres.Open(t.Context(), postgres.Config{URL: appURL, Pools: 2, ConnsPerPool: 3, ControlConns: 6})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	r := &rig{Database: &stacktest.Database{Owner: owner, DB: db}, appURL: appURL, log: audit.Log{DB: db}, out: &lines{},
		now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	if r.secret, _, err = ledger.NewKey(rand.Reader, "sealing.test"); err != nil {
		t.Fatal(err)
	}
	r.Sealer = r.sealer(t, r.secret)
	r.key = r.Config.Key
	return r
}

// sealer is another replica's.
func (r *rig) sealer(t testing.TB, secret string, former ...string) *sealing.Sealer {
	t.Helper()
	key, err := ledger.ParseKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sealing.New(sealing.Config{DB: r.DB, Key: key, Former: former, Now: r.clock, Out: slog.New(slog.NewTextHandler(io.MultiWriter(r.out, t.Output()), nil)),
		Every: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (r *rig) seal(t testing.TB) {
	t.Helper()
	if err := r.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// write keeps n events in a log.
func (r *rig) write(t testing.TB, of tenant.Tenant, n int) (events []audit.Event) {
	t.Helper()
	for i := range n {
		e := audit.New(r.clock(), audit.Operator("sealing's test"), audit.Execute, "validate")
		e.Patient = "13116900216^^^&2.16.578.1.12.4.1.4.1&ISO"
		e.Detail.Reason = strings.Repeat("x", i) + uuid.NewString() // of two events with the same columns nobody could tell which is which
		if err := r.log.Record(t.Context(), of.Schema(), e); err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func (r *rig) control(t testing.TB, n int) {
	t.Helper()
	for range n {
		e := audit.New(r.clock(), audit.Operator("sealing's test"), audit.Read, "search")
		e.Detail.Reason = uuid.NewString()
		if err := r.log.RecordControl(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
}

// exec is direct SQL as the owner.
func (r *rig) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := r.Owner.Pool().Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}
