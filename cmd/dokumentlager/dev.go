package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"dokumentlager/internal/devstack"
	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"
	"dokumentlager/internal/tenant"
)

type devCommand struct {
	Dir    string `required:"" type:"path" help:"Folder of the stack; made when missing, and all data is kept there."`
	Listen string `default:"127.0.0.1:0" help:"Loopback address to listen on; port 0 takes the last start's, or any." placeholder:"HOST:PORT"`
}

const (
	// stopWithin is the time after a signal in which everything must have ended; whatever hangs then ends with this process.
	stopWithin = 9 * time.Second
	// readyWithin bounds the wait until every part answers, the scanner's self-test included.
	readyWithin = 90 * time.Second
)

// devStack is a running stack.
type devStack struct {
	dir      string
	log      *slog.Logger
	logFile  *os.File
	listener net.Listener
	parts    *devstack.Parts
	sts      *sts.Server
	tenants  []tenant.Tenant
	service  *server.Service
	baseURL  string
}

// Run starts the stack, tells how to use it, and stops it at a signal.
func (c devCommand) Run(s *surroundings) error {
	ended := make(chan struct{})
	defer close(ended)
	defer context.AfterFunc(s.ctx, func() { forceEnd(ended) })()
	fmt.Fprintf(s.stdout, "Starting PostgreSQL, an S3 server, clamd and a HelseID in %s ...\n", c.Dir)
	d, err := c.start(s.ctx)
	if err == nil {
		err = d.serve(s)
	}
	if d != nil {
		err = errors.Join(err, d.stop())
	}
	if s.ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil // asked to stop while starting
	}
	return err
}

// forceEnd ends this process when stopping hangs; its children go with it.
func forceEnd(ended <-chan struct{}) {
	select {
	case <-ended:
	case <-time.After(stopWithin):
		os.Exit(exitFailed)
	}
}

// start brings everything up to the point where the service can listen. What it returns must be stopped, also beside an error.
func (c devCommand) start(ctx context.Context) (*devStack, error) {
	if err := loopbackOnly(c.Listen); err != nil {
		return nil, err
	}
	d := &devStack{dir: c.Dir}
	// PostgreSQL runs as another user than root and must get through the folder, but not into its files.
	err := errors.Join(os.MkdirAll(c.Dir, 0o711), os.MkdirAll(filepath.Join(c.Dir, "log"), 0o700), removeStale(c.Dir))
	if err != nil {
		return nil, err
	}
	if d.logFile, err = os.OpenFile(filepath.Join(c.Dir, "log", "dokumentlager.log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, err
	}
	d.log = obs.NewLogger(d.logFile, slog.LevelInfo, nil)
	// The folder's lock comes with the parts: whoever has it may touch the folder's other files.
	if d.parts, err = devstack.StartParts(ctx, devstack.Options{Dir: c.Dir, Log: d.log}); err != nil {
		return d, err
	}
	if d.listener, err = listen(c.Dir, c.Listen); err != nil {
		return d, err
	}
	d.baseURL = "http://" + d.listener.Addr().String()
	if d.sts, err = sts.Start(context.WithoutCancel(ctx), sts.Options{Dir: filepath.Join(c.Dir, "helseid"), Log: d.log.With("component", "helseid")}); err != nil {
		return d, err
	}
	if d.tenants, err = provision(ctx, d.parts.OwnerURL); err != nil {
		return d, err
	}
	cfg, err := d.config()
	if err != nil {
		return d, err
	}
	d.log.InfoContext(ctx, "configuration", cfg.Log(), "version", version)
	d.service, err = server.Build(ctx, cfg, version, d.log)
	return d, err
}

// loopbackOnly: this stack hands out tokens to everybody who asks.
func loopbackOnly(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("--listen %s: a dev stack listens on loopback only, such as 127.0.0.1:0", address)
	}
	return nil
}

// listen takes the port of the last start when any will do and it is free: tokens and links name it.
func listen(dir, address string) (net.Listener, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	last, err := os.ReadFile(portPath(dir))
	if port == "0" && err == nil {
		if l, err := net.Listen("tcp", net.JoinHostPort(host, strings.TrimSpace(string(last)))); err == nil {
			return l, nil
		}
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return l, writeAtomically(portPath(dir), []byte(port+"\n"))
}

// portPath keeps the port for the next start; dev.json itself goes when the stack does.
func portPath(dir string) string { return filepath.Join(dir, "port") }

// devConsumers are the default assertions' clients, who may have answers sent to a port that anybody can listen on here.
const devConsumers = `[{"name":"dev","clients":["urn:oid:2.16.578.1.12.4.1.7.1.1.1","ea1b0c25-154d-483c-abeb-cdf2e09d0a45"],"addresses":["http://127.0.0.1:9099/answers"]}]`

func (d *devStack) config() (server.Config, error) {
	keys, err := loadKeys(d.dir, func() string {
		var key [32]byte
		_, _ = rand.Read(key[:]) // never fails (crypto/rand)
		return hex.EncodeToString(key[:])
	})
	if err != nil {
		return server.Config{}, err
	}
	return server.LoadConfig("", env(map[string]string{
		"listen": d.listener.Addr().String(), "public_base_url": d.baseURL, "database.url": d.parts.AppURL,
		"s3.endpoint": d.parts.S3.Endpoint, "s3.region": d.parts.S3.Region, "s3.bucket": d.parts.S3.Bucket,
		"s3.access_key": d.parts.S3.AccessKey, "s3.secret_key": d.parts.S3.SecretKey, "s3.path_style": "true",
		"clamd.address": d.parts.Clamd, "clamd.undated_signatures": "true", "helseid.issuer": d.sts.Issuer(),
		"persontjenesten.url": d.sts.PersonURL(), "persontjenesten.client_id": d.sts.PersonClient().ClientID,
		"persontjenesten.private_key": string(d.sts.PersonClient().PrivateJWK), "persontjenesten.fresh": "2s", "persontjenesten.known": "2s",
		"secrets.locator_key": keys.Locator, "secrets.cursor_key": keys.Cursor, "audit.signing_key": keys.Audit,
		"saml.issuers": d.sts.SAMLSetting(), "async.consumers": devConsumers, "synthetic_identities": "true", "limits.shutdown_grace": "2s",
	}), server.Serving)
}

// serve answers until a signal; dev.json is there from when everything answers until the signal.
func (d *devStack) serve(s *surroundings) error {
	failed := make(chan error, 1)
	var serving sync.WaitGroup
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	serving.Go(func() { failed <- d.service.Serve(ctx, d.listener); cancel() })
	ready, done := context.WithTimeout(ctx, readyWithin)
	err := d.service.AwaitReady(ready)
	done()
	if err == nil {
		err = writeJSON(devPath(d.dir), d.describe())
	}
	if err == nil {
		d.summary(s)
		<-ctx.Done()
		fmt.Fprintln(s.stdout, "Stopping ...")
		err = os.Remove(devPath(d.dir))
	}
	cancel()
	serving.Wait()
	return errors.Join(err, <-failed)
}

// stop ends what start began, in the order that lets each end what it has in hand.
func (d *devStack) stop() error {
	var errs []error
	if d.service != nil {
		d.service.Close()
	}
	if d.listener != nil {
		_ = d.listener.Close() // the server has closed it if it ever served
	}
	if d.sts != nil {
		errs = append(errs, d.sts.Close())
	}
	if d.parts != nil {
		errs = append(errs, d.parts.Stop())
	}
	return errors.Join(append(errs, d.logFile.Close())...)
}

func (d *devStack) describe() devFile {
	f := devFile{BaseURL: d.baseURL, Issuer: d.sts.Issuer(), TokenEndpoint: d.sts.TokenEndpoint(), TestTokenEndpoint: d.sts.TestTokenEndpoint(),
		TestSAMLEndpoint: d.sts.TestSAMLEndpoint(), TestPersonEndpoint: d.sts.TestPersonEndpoint(), DatabaseURL: d.parts.OwnerURL, Clamd: d.parts.Clamd, PID: os.Getpid(), Parts: map[string]devPart{},
		S3: devS3{d.parts.S3.Endpoint, d.parts.S3.Bucket, d.parts.S3.AccessKey, d.parts.S3.SecretKey}}
	for _, part := range []devstack.Part{devstack.Postgres, devstack.S3, devstack.Clamd} {
		f.Parts[string(part)] = devPart{d.parts.PID(part)}
	}
	for _, t := range d.tenants {
		f.Tenants = append(f.Tenants, devTenant{t.Name, t.HomeCommunity, t.Repository, t.Organisations, t.SchemaName})
	}
	for _, c := range d.sts.Clients() {
		f.Clients = append(f.Clients, devClient{c.ClientID, c.PrivateJWK, c.Organisations[0], c.Scopes})
	}
	return f
}

func (d *devStack) summary(s *surroundings) {
	fmt.Fprintf(s.stdout, `
dokumentlager %s is ready.

  service    %s          (try: curl %s/ping)
  readiness  %s/readyz
  HelseID    %s
  log        %s
  addresses, tenants, clients and their keys: %s

  tenants    `, version, d.baseURL, d.baseURL, d.baseURL, d.sts.Issuer(), d.logFile.Name(), devPath(d.dir))
	for i, t := range d.tenants {
		if i > 0 {
			fmt.Fprint(s.stdout, "             ")
		}
		fmt.Fprintf(s.stdout, "%-9s %s  %s\n", t.Name, t.HomeCommunity, csv(t.Organisations))
	}
	fmt.Fprint(s.stdout, "\nCtrl-C stops everything; the data stays.\n")
}
