package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/idempotency"
	"dokumentlager/internal/job"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/person"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"
)

// parts are all that doors and jobs stand on, made from one configuration.
type parts struct {
	cfg     Config
	log     *slog.Logger
	metrics *obs.Metrics
	now     func() time.Time
	// These three are zero but in tests.
	fail      *failpoint.Set
	lease     time.Duration
	quickTest func(context.Context) error

	db       *postgres.DB
	proofs   postgres.Proofs
	tenants  tenant.Directory
	audit    audit.Log
	locator  registry.Locator
	keys     idempotency.Keys
	blobs    *blob.S3
	scanner  *scan.Scanner
	selfTest *SelfTest
	// signatures is the scanner's second gate.
	signatures *SignatureGate
	objects    *repository.Repository
	verifier   *helseid.Verifier
	queue      *job.Queue
	// person is nil when nobody is to be asked about patients.
	person *person.Client
	// proofWindow is how long a used proof must be remembered.
	proofWindow time.Duration
}

// newParts connects to the database and makes the rest, which connects when it is used.
func newParts(ctx context.Context, cfg Config, log *slog.Logger, metrics *obs.Metrics, options ...Option) (_ *parts, err error) {
	p := &parts{cfg: cfg, log: log, metrics: metrics, now: time.Now}
	for _, change := range options {
		change(p)
	}
	if p.db, err = openDatabase(ctx, cfg); err != nil {
		return nil, err
	}
	p.proofs, p.tenants, p.audit, p.keys = postgres.Proofs{DB: p.db}, tenant.Directory{DB: p.db}, audit.Log{DB: p.db}, idempotency.Keys{DB: p.db, Lease: p.lease, Fail: p.fail}
	if err := errors.Join(p.makeStore(), p.makeIdentity(), p.makePerson(ctx), p.makeQueue()); err != nil {
		p.db.Close()
		return nil, err
	}
	return p, nil
}

func openDatabase(ctx context.Context, cfg Config) (*postgres.DB, error) {
	db, err := postgres.Open(ctx, cfg.postgres())
	if err != nil {
		return nil, err
	}
	if err := db.CheckVersion(ctx, migrations.FS); err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

func (c Config) postgres() postgres.Config {
	d := c.Database
	return postgres.Config{URL: d.URL, Pools: d.Pools, ConnsPerPool: d.ConnsPerPool, ControlConns: d.ControlConns,
		AcquireTimeout: d.AcquireTimeout, StatementTimeout: d.StatementTimeout}
}

// makeStore makes what keeps bytes: object store, scanner behind its gate, repository.
func (p *parts) makeStore() (err error) {
	c := p.cfg
	p.blobs, err = blob.NewS3(blob.Config{Endpoint: c.S3.Endpoint, Region: c.S3.Region, Bucket: c.S3.Bucket, AccessKey: c.S3.AccessKey,
		SecretKey: c.S3.SecretKey, PathStyle: c.S3.PathStyle, Timeout: c.S3.Timeout})
	if err != nil {
		return err
	}
	p.scanner = scan.New(scan.Config{Network: "tcp", Address: c.Clamd.Address, Deadline: c.Clamd.Deadline})
	p.selfTest = &SelfTest{Test: p.scannerTest(), Log: p.log, Retry: 5 * time.Second, Again: time.Hour}
	p.signatures = &SignatureGate{Ask: p.scanner.Signatures, MaxAge: c.Clamd.SignatureAge, Undated: c.Clamd.Undated, Every: time.Minute, Retry: 5 * time.Second,
		Now: p.now, Log: p.log}
	p.objects = repository.New(repository.Config{Blobs: p.blobs, SpoolDir: c.SpoolDir, MaxDocument: int64(DocumentLimit), ScanSlots: c.Clamd.Slots,
		ScanWait: c.Clamd.Deadline, Scanner: p.gated(p.metrics.Scan), Fail: p.fail})
	return nil
}

// gated is the scanner behind its gates: nothing passes for scanned that a scanner with wrong settings or old signatures has seen.
func (p *parts) gated(count func(outcome string)) repository.Scanner {
	return gatedScanner{repository.Clamd(p.scanner), func(ctx context.Context) error {
		return errors.Join(p.selfTest.Passed(ctx), p.signatures.Passed(ctx))
	}, count}
}

// scannerTest is the scanner's self-test, unless a test has a shorter one.
func (p *parts) scannerTest() func(context.Context) error {
	if p.quickTest != nil {
		return p.quickTest
	}
	return p.scanner.SelfTest
}

// makeIdentity makes what knows callers and patients.
func (p *parts) makeIdentity() (err error) {
	if p.locator, err = registry.NewLocator(p.cfg.Secrets.LocatorKey[:]); err != nil {
		return err
	}
	c := p.cfg.helseid()
	c.Replay, c.Now = p.proofs, p.now
	p.proofWindow = c.ReplayWindow()
	p.verifier, err = helseid.New(c)
	return err
}

func (p *parts) makeQueue() (err error) {
	p.queue, err = job.NewQueue(p.db, p.log.With("component", "jobs"))
	return err
}

// helseid lays the configuration over the defaults; aliases are added to those NHN has used (W1).
func (c Config) helseid() helseid.Config {
	h := helseid.Defaults()
	h.Issuer, h.JWKSURL, h.PublicBaseURL = c.HelseID.Issuer, c.HelseID.JWKSURL, c.PublicBaseURL
	h.ProofLife, h.ProofSkew, h.Leeway = c.HelseID.ProofLife, c.HelseID.ProofSkew, c.HelseID.Leeway
	if len(c.HelseID.WriteAudiences) > 0 {
		h.Audiences[access.AudienceWrite] = c.HelseID.WriteAudiences
	}
	if len(c.HelseID.ReadAudiences) > 0 {
		h.Audiences[access.AudienceRead] = c.HelseID.ReadAudiences
	}
	for from, to := range c.HelseID.ScopeAliases {
		h.ScopeAliases[from] = to
	}
	return h
}

// checks are what /readyz asks.
func (p *parts) checks() []Check {
	return []Check{
		{Name: "database", Ask: p.db.Ping},
		{Name: "object store", Ask: p.blobs.Ready},
		{Name: "scanner", Ask: p.scanner.Ping},
		{Name: "scanner self-test", Ask: p.selfTest.Passed},
		{Name: "scanner signatures", Ask: p.signatures.Passed},
		{Name: "helseid", Ask: p.verifier.Ready},
		{Name: "persontjenesten", Ask: p.personReady, Aside: true},
	}
}
