// Package servicetest gives tests the whole service over its real parts: one per test process, started on first use, listening on
// loopback, with a development HelseID that issues its tokens.
//
// It promises each test a tenant of its own with organisations of its own, so that tests run in parallel and look at their audit log
// and their schema alone.
package servicetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/administration"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/server"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"

	"github.com/google/uuid"
)

// Service is the running service and what tests need to look behind it.
type Service struct {
	// URL is the public base address.
	URL   string
	STS   *sts.Server
	Parts *devstack.Parts
	DB    *postgres.DB
	Owner *postgres.Owner
	// LocatorKey is the service's secret for the patient locator, in hex.
	LocatorKey string
	// Log holds everything the service has logged, for the canary test; empty when a test runs the process itself.
	Log *Log

	// AuditKey signs the heads of its audit log.
	AuditKey string

	appURL, cursorKey string
}

// Log is a writer that remembers.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write keeps a line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String is everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

var (
	once    sync.Once
	running *Service
	failed  error
	counter atomic.Int64
)

// Start returns the process's service; it waits until /readyz says yes.
func Start(t testing.TB) *Service {
	t.Helper()
	parts := stacktest.Parts(t)
	once.Do(func() { running, failed = start(parts) })
	if failed != nil {
		t.Fatalf("the service could not be started: %v", failed)
	}
	return running
}

func start(parts *devstack.Parts) (*Service, error) {
	ctx := context.Background()
	// Beside the parts' sockets: that folder goes when the test process ends.
	dir, err := os.MkdirTemp(filepath.Dir(parts.SocketDir), "sts-")
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s, err := Prepare(ctx, Place{Parts: parts, OwnerURL: parts.OwnerURL, AppURL: parts.AppURL, Dir: dir, URL: "http://" + listener.Addr().String()})
	if err != nil {
		return nil, err
	}
	return s, s.serve(ctx, listener)
}

// Place is where a service of a test's own is: for tests that run its process themselves.
type Place struct {
	Parts *devstack.Parts
	// OwnerURL and AppURL are its database's, which need not be the parts' own: background jobs of one database are everybody's.
	OwnerURL, AppURL string
	// Dir is where its HelseID keeps its keys. URL is the public base address that it will answer at: proofs name it.
	Dir, URL string
}

// Prepare makes all that a service needs but the service: a HelseID, a migrated database, secrets. Environment has the rest.
func Prepare(ctx context.Context, p Place) (s *Service, err error) {
	s = &Service{URL: p.URL, Parts: p.Parts, LocatorKey: secret(), Log: &Log{}, appURL: p.AppURL, cursorKey: secret()}
	if s.AuditKey, _, err = ledger.NewKey(rand.Reader, "dokumentlager.test"); err != nil {
		return nil, err
	}
	if s.STS, err = sts.Start(ctx, sts.Options{Dir: p.Dir}); err != nil {
		return nil, err
	}
	if s.Owner, err = postgres.OpenOwner(ctx, p.OwnerURL, migrations.FS); err != nil {
		return nil, err
	}
	if err = s.Owner.Migrate(ctx, func(int, int) {}); err != nil {
		return nil, err
	}
	// Whoever sweeps or scans again keeps a control connection; with as few as two, look-ups of tenants would wait for both.
	s.DB, err = postgres.Open(ctx, postgres.Config{URL: p.AppURL, Pools: 2, ConnsPerPool: 2, ControlConns: 6})
	return s, err
}

func (s *Service) serve(ctx context.Context, listener net.Listener) error {
	cfg, err := server.LoadConfig("", s.Environment(), server.Serving)
	if err != nil {
		return err
	}
	built, err := server.Build(ctx, cfg, "test", obs.NewLogger(s.Log, slog.LevelInfo, nil))
	if err != nil {
		return err
	}
	go func() { _ = built.Serve(ctx, listener) }() // until the process ends
	ready, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return built.AwaitReady(ready)
}

// Environment is the service's whole configuration.
func (s *Service) Environment() []string {
	p, env := s.Parts, []string{}
	for key, value := range map[string]string{
		"PUBLIC_BASE_URL": s.URL, "DATABASE_URL": s.appURL, "S3_ENDPOINT": p.S3.Endpoint, "S3_BUCKET": p.S3.Bucket, "S3_ACCESS_KEY": p.S3.AccessKey,
		"S3_SECRET_KEY": p.S3.SecretKey, "S3_REGION": p.S3.Region, "CLAMD_ADDRESS": p.Clamd, "CLAMD_UNDATED_SIGNATURES": "true", "HELSEID_ISSUER": s.STS.Issuer(),
		"SECRETS_LOCATOR_KEY": s.LocatorKey, "SECRETS_CURSOR_KEY": s.cursorKey, "SYNTHETIC_IDENTITIES": "true", "AUDIT_SIGNING_KEY": s.AuditKey,
		"SAML_ISSUERS": s.STS.SAMLSetting(),
	} {
		env = append(env, "DOKUMENTLAGER_"+key+"="+value)
	}
	return env
}

func secret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return hex.EncodeToString(key)
}

// Tenant makes an instance of its own for a test, shared with everybody unless the options say otherwise.
func (s *Service) Tenant(t testing.TB, options ...func(*administration.Draft)) tenant.Tenant {
	t.Helper()
	n := counter.Add(1)
	home := fmt.Sprintf("2.16.578.1.12.4.5.999.%d", n)
	draft := administration.Draft{Name: fmt.Sprintf("t%d", n), HomeCommunity: home, Repository: home + ".2", Organisations: []string{Organisation()},
		Sharing: access.Sharing{Personnel: true, Citizen: true}, Profile: tenant.NHN, State: tenant.Active}
	for _, option := range options {
		option(&draft)
	}
	admin := administration.Service{Owner: s.Owner, Operator: "test", Now: time.Now}
	made, err := admin.Create(t.Context(), draft)
	if err != nil {
		t.Fatalf("making a tenant: %v", err)
	}
	return made
}

var organisations atomic.Int64

// Organisation is an organisation number nobody else in this process has, with a valid check digit.
func Organisation() string {
	for {
		number := fmt.Sprintf("%08d", 90000000+organisations.Add(1))
		for digit := '0'; digit <= '9'; digit++ {
			if candidate := number + string(digit); administration.IsOrganisation(candidate) {
				return candidate
			}
		}
	}
}

// Events are the tenant's audit events from the oldest on, without those of its making.
func (s *Service) Events(t testing.TB, of tenant.Tenant) []audit.Line {
	t.Helper()
	lines, err := audit.Log{DB: s.DB}.List(t.Context(), of.Schema(), uuid.Nil, 10000)
	if err != nil {
		t.Fatalf("reading the audit log: %v", err)
	}
	return without(lines, "tenant-create")
}

// ControlEvents are the events of the control log that the given organisation caused.
func (s *Service) ControlEvents(t testing.TB, organisation string) []audit.Line {
	t.Helper()
	all, err := audit.Log{DB: s.DB}.ListControl(t.Context(), uuid.Nil, 100000)
	if err != nil {
		t.Fatalf("reading the control log: %v", err)
	}
	var own []audit.Line
	for _, line := range all {
		if line.Organisation == organisation {
			own = append(own, line)
		}
	}
	return own
}

func without(lines []audit.Line, operation string) (kept []audit.Line) {
	for _, line := range lines {
		if line.Operation != operation {
			kept = append(kept, line)
		}
	}
	return kept
}

// Rows counts the rows of one of the tenant's tables.
func (s *Service) Rows(t testing.TB, of tenant.Tenant, table string) (n int) {
	t.Helper()
	err := s.DB.InTenant(t.Context(), of.Schema(), func(tx *postgres.Tx) error {
		return tx.QueryRow(t.Context(), "select count(*) from tenant."+table).Scan(&n)
	})
	if err != nil {
		t.Fatalf("counting %s: %v", table, err)
	}
	return n
}
