package server

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/delivery"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/idempotency"
	"dokumentlager/internal/job"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/person"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/saml"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/sealing"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"
)

// parts are all that doors and jobs stand on, made from one configuration.
type parts struct {
	cfg     Config
	log     *slog.Logger
	metrics *obs.Metrics
	tracing *obs.Tracing
	looked  looked
	now     func() time.Time
	// These three are zero but in tests.
	fail      *failpoint.Set
	lease     time.Duration
	quickTest func(context.Context) error

	db      *postgres.DB
	proofs  postgres.Proofs
	tenants tenant.Directory
	audit   audit.Log
	locator registry.Locator
	keys    idempotency.Keys
	blobs   *blob.S3
	// store is blobs, observed.
	store    blob.Store
	scanner  *scan.Scanner
	selfTest *SelfTest
	// signatures is the scanner's second gate.
	signatures *SignatureGate
	objects    *repository.Repository
	verifier   *helseid.Verifier
	// assertions verifies those of the SOAP doors' callers; nil when no issuer is configured.
	assertions *saml.Verifier
	queue      *job.Queue
	// delivery sends answers of the SOAP doors to other addresses.
	delivery *delivery.Service
	// sealer makes changes of the audit log show.
	sealer *sealing.Sealer
	// person is nil when nobody is to be asked about patients.
	person *person.Client
	// proofWindow is how long a used proof must be remembered.
	proofWindow time.Duration
}

// newParts connects to the database and makes the rest, which connects when it is used.
func newParts(ctx context.Context, cfg Config, version string, log *slog.Logger, metrics *obs.Metrics, options ...Option) (_ *parts, err error) {
	p := &parts{cfg: cfg, log: log, metrics: metrics, now: time.Now}
	for _, change := range options {
		change(p)
	}
	if err = p.newTracing(ctx, version); err != nil {
		return nil, err
	}
	if p.db, err = p.openDatabase(ctx); err != nil {
		return nil, err
	}
	p.proofs, p.tenants, p.audit, p.keys = postgres.Proofs{DB: p.db}, tenant.Directory{DB: p.db}, audit.Log{DB: p.db}, idempotency.Keys{DB: p.db, Lease: p.lease, Fail: p.fail}
	if err := errors.Join(p.makeStore(), p.makeIdentity(), p.makePerson(ctx), p.makeAssertions(ctx), p.makeQueue(), p.makeSealer()); err != nil {
		p.db.Close()
		return nil, err
	}
	return p, nil
}

func (p *parts) openDatabase(ctx context.Context) (*postgres.DB, error) {
	c := p.cfg.postgres()
	c.Tracer = p.statements()
	db, err := postgres.Open(ctx, c)
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
	p.store = observedStore{p.blobs, p.call}
	p.scanner = scan.New(scan.Config{Network: "tcp", Address: c.Clamd.Address, Deadline: c.Clamd.Deadline})
	p.selfTest = &SelfTest{Test: p.scannerTest(), Log: p.log, Retry: 5 * time.Second, Again: time.Hour}
	p.signatures = &SignatureGate{Ask: p.scanner.Signatures, MaxAge: c.Clamd.SignatureAge, Undated: c.Clamd.Undated, Every: time.Minute, Retry: 5 * time.Second,
		Now: p.now, Log: p.log}
	p.objects = repository.New(repository.Config{Blobs: p.store, SpoolDir: c.SpoolDir, MaxDocument: int64(DocumentLimit), ScanSlots: c.Clamd.Slots,
		ScanWait: c.Clamd.Deadline, Scanner: p.gated(p.metrics.Scan), Fail: p.fail})
	return nil
}

// gated is the scanner behind its gates: nothing passes for scanned that a scanner with wrong settings or old signatures has seen.
func (p *parts) gated(count func(outcome string)) repository.Scanner {
	return gatedScanner{repository.Clamd(p.scanner), func(ctx context.Context) error {
		return errors.Join(p.selfTest.Passed(ctx), p.signatures.Passed(ctx))
	}, count, p.call}
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
	c.Replay, c.Now, c.HTTPClient = p.proofs, p.now, p.client(fault.HelseID)
	p.proofWindow = c.ReplayWindow()
	p.verifier, err = helseid.New(c)
	return err
}

func (p *parts) makeQueue() (err error) {
	if p.queue, err = job.NewQueue(p.db, p.jobLog()); err != nil {
		return err
	}
	return p.makeDelivery()
}

// jobLog is for the queue's own lines.
func (p *parts) jobLog() *slog.Logger {
	return p.log.With("component", string(fault.Self), "operation", "job")
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
		{Name: "database", Part: fault.Postgres, Ask: p.db.Ping},
		{Name: "object store", Part: fault.ObjectStore, Ask: p.blobs.Ready},
		{Name: "scanner", Part: fault.Clamd, Ask: p.scanner.Ping},
		{Name: "scanner self-test", Part: fault.Clamd, Ask: p.selfTest.Passed},
		{Name: "scanner signatures", Part: fault.Clamd, Ask: p.signatures.Passed},
		{Name: "helseid", Part: fault.HelseID, Ask: p.verifier.Ready},
		{Name: "persontjenesten", Part: fault.Persontjenesten, Ask: p.personReady, Aside: true},
		{Name: "saml certificates", Ask: p.assertionsReady, Aside: true},
	}
}
