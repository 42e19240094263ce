package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/job"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/server"
	"dokumentlager/internal/tenant"
)

// exitUnchecked is the exit code of a check or sweep that could not be done to the end; exitFailed is then that of one with findings.
const exitUnchecked = 3

// coded is an error with an exit code of its own.
type coded struct {
	error
	code int
}

// Unwrap lets explain find the problems inside.
func (c coded) Unwrap() error { return c.error }

func exitCode(err error) int {
	var c coded
	if errors.As(err, &c) {
		return c.code
	}
	return exitFailed
}

// unchecked gives an error the exit code of what could not be done; nil stays nil.
func unchecked(err error) error {
	if err == nil {
		return nil
	}
	return coded{err, exitUnchecked}
}

type fsckCommand struct {
	where  `embed:""`
	output `embed:""`

	Tenant   string        `help:"Short name of the one tenant to check; all when not given."`
	Deep     bool          `help:"Read every object and compare its SHA-256; otherwise only sizes are compared."`
	Grace    time.Duration `default:"24h" help:"Age below which an object without a row is an upload on its way."`
	Parallel int           `default:"4" help:"Tenants checked at once, and objects read at once."`
}

// Validate is asked by kong.
func (c fsckCommand) Validate() error {
	return errors.Join(aboveZero(c.Parallel), notNegative(c.Grace))
}

func aboveZero(n int) error {
	if n < 1 || n > 64 {
		return errors.New("--parallel is from 1 to 64")
	}
	return nil
}

func notNegative(grace time.Duration) error {
	if grace < 0 {
		return errors.New("--grace must not be negative")
	}
	return nil
}

// Run checks. Findings are written as they are found: there may be more than memory holds.
func (c fsckCommand) Run(s *surroundings) error {
	stores, err := c.stores(s, c.Parallel)
	if err != nil {
		return unchecked(err)
	}
	defer stores.db.Close()
	bar := newBar(s.stderr, "findings")
	check := &lifecycle.Fsck{DB: stores.db, Tenants: tenant.Directory{DB: stores.db}, Objects: stores.objects, Queue: stores.queue, Locator: stores.locator,
		Deep: c.Deep, Grace: c.Grace, Parallel: c.Parallel, Now: time.Now, Progress: bar.show,
		Found: func(f lifecycle.Finding) { bar.clear(); printLine(s, c.JSON, f, findingLine(f)) }}
	report, err := check.Run(s.ctx, c.Tenant)
	bar.clear()
	fmt.Fprintf(s.stderr, "%d tenants, %d objects, %d findings\n", report.Tenants, report.Objects, report.Findings)
	switch {
	case err != nil:
		return unchecked(err)
	case report.Findings > 0:
		return errors.New("what is stored is not as it should be; docs/operations.md says what each finding means")
	}
	return nil
}

// findingLine is a finding for people.
func findingLine(f lifecycle.Finding) string {
	line := fmt.Sprintf("%-7s  %-12s  %-20s", f.Severity, oneLine(f.Tenant), f.Kind)
	for _, id := range [][2]string{{"object", f.Object}, {"entry", f.Entry}, {"record", f.Record}} {
		if id[1] != "" {
			line += "  " + id[0] + "=" + id[1]
		}
	}
	return line + "  " + oneLine(f.Detail)
}

// printLine writes one thing as JSON, or as its line.
func printLine(s *surroundings, asJSON bool, thing any, line string) {
	if !asJSON {
		fmt.Fprintln(s.stdout, line)
		return
	}
	encoder := json.NewEncoder(s.stdout)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(thing) // a closed output ends the process by signal; the exit code tells of findings all the same
}

// stores are what checks and sweeps stand on.
type stores struct {
	db      *postgres.DB
	blobs   blob.Store
	objects *repository.Repository
	queue   *job.Queue
	locator registry.Locator
}

// stores connects to the database as the service's role and to the object store.
func (w where) stores(s *surroundings, parallel int) (*stores, error) {
	cfg, err := w.storing(s)
	if err != nil {
		return nil, err
	}
	blobs, err := blob.NewS3(blob.Config{Endpoint: cfg.S3.Endpoint, Region: cfg.S3.Region, Bucket: cfg.S3.Bucket, AccessKey: cfg.S3.AccessKey,
		SecretKey: cfg.S3.SecretKey, PathStyle: cfg.S3.PathStyle, Timeout: cfg.S3.Timeout})
	if err != nil {
		return nil, err
	}
	out := &stores{blobs: blobs, objects: repository.New(repository.Config{Blobs: blobs})}
	if out.locator, err = registry.NewLocator(cfg.Secrets.LocatorKey[:]); err != nil {
		return nil, err
	}
	// Each tenant at work and each object that proves damaged may want a connection at the same time.
	if out.db, err = postgres.Open(s.ctx, postgres.Config{URL: cfg.Database.URL, Pools: 1, ConnsPerPool: parallel + 2, ControlConns: 2,
		AcquireTimeout: time.Minute, StatementTimeout: 10 * time.Minute}); err != nil {
		return nil, err
	}
	if out.queue, err = job.NewQueue(out.db, obs.NewLogger(s.stderr, cfg.LogLevel, nil)); err != nil {
		out.db.Close()
		return nil, err
	}
	return out, nil
}

// storing is the configuration of an installation's stores.
func (w where) storing(s *surroundings) (server.Config, error) {
	environ := s.environ
	if w.Dir != "" {
		dev, err := readDevFile(w.Dir)
		if err != nil {
			return server.Config{}, fmt.Errorf("no dev stack runs in %s: %w", w.Dir, err)
		}
		keys, err := readKeys(w.Dir)
		if err != nil {
			return server.Config{}, fmt.Errorf("the dev stack's keys: %w", err)
		}
		environ = env(map[string]string{"database.url": dev.DatabaseURL, "s3.endpoint": dev.S3.Endpoint, "s3.bucket": dev.S3.Bucket,
			"s3.access_key": dev.S3.AccessKey, "s3.secret_key": dev.S3.SecretKey, "secrets.locator_key": keys.Locator,
			"clamd.address": dev.Clamd, "clamd.undated_signatures": "true"})
	}
	cfg, err := server.LoadConfig(w.Config, environ, server.Reading)
	if err != nil {
		return cfg, err
	}
	return cfg, storeProblems(cfg).Err()
}

// readKeys reads a dev stack's keys and, unlike loadKeys, makes none.
func readKeys(dir string) (keys devKeys, err error) {
	content, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	if err == nil {
		err = json.Unmarshal(content, &keys)
	}
	return keys, err
}

// storeProblems tells what a configuration that only lists may lack, and these commands need.
func storeProblems(cfg server.Config) (problems fault.Problems) {
	for _, need := range []struct{ key, value string }{
		{"s3.endpoint", cfg.S3.Endpoint}, {"s3.bucket", cfg.S3.Bucket}, {"s3.access_key", cfg.S3.AccessKey}, {"s3.secret_key", cfg.S3.SecretKey},
	} {
		if need.value == "" {
			problems.Add(fault.New(fault.ConfigurationRefused, "A value is missing; the check needs the object store.").At(need.key))
		}
	}
	if cfg.Secrets.LocatorKey == (server.Key{}) {
		problems.Add(fault.New(fault.ConfigurationRefused, "A value is missing; without it patients cannot be looked for in the locator.").At("secrets.locator_key"))
	}
	return problems
}
