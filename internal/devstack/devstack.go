// Package devstack starts the real parts that dokumentlager stands on, for `dokumentlager dev` and for tests: a private
// PostgreSQL cluster, an S3 server (versitygw) and clamd with a small local signature set (DESIGN, "The house").
//
// It promises that the parts live in one folder and on loopback only, that a second start with the same folder keeps all data,
// also after kill -9 of everything, that no part outlives the process that started it, and that a part that cannot start says
// why in words a developer can act on. It needs no network and works as root and as an ordinary user. It is not for
// production: versitygw never calls fsync (spec/go.md §3), and clamd knows two signatures.
package devstack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

// Part names one child process; it is also the `component` in logs and the name of the log file.
type Part string

// The parts.
const (
	Postgres Part = "postgres"
	S3       Part = "s3"
	Clamd    Part = "clamd"
)

// Options says where the stack lives.
type Options struct {
	// Dir holds data, secrets, ports and logs; it is made when missing. One stack at a time may use it.
	Dir string
	// BinDir is looked in first for versitygw; may be empty.
	BinDir string
	// Scratch is a folder named "scratch" for sockets and clamd's files, made anew at each start; others must be able to pass to it. Empty
	// means a new one under /tmp.
	Scratch string
	// Log receives starts, stops and deaths of parts; nil discards them.
	Log *slog.Logger
	// StartTimeout bounds the wait for all parts to answer; zero means 60 s, which a loaded machine may need for a first start.
	StartTimeout time.Duration
	// Volatile is for tests whose parts end with their process: PostgreSQL does not wait for the disk. What was committed outlives a killed
	// server all the same, but not a machine without power.
	Volatile bool
}

// S3Access is how to reach the object store. Addressing is by path.
type S3Access struct {
	Endpoint, Bucket, AccessKey, SecretKey, Region string
}

// Parts is a running stack. Its methods are safe for concurrent use; its fields never change.
type Parts struct {
	// OwnerURL and AppURL are connection URLs over loopback TCP: the superuser dokumentlager_owner, for migrations, and dl_app
	// (LOGIN NOINHERIT), for the service.
	OwnerURL, AppURL string
	// SocketDir is the folder of PostgreSQL's unix socket.
	SocketDir string
	// S3 is the object store, its bucket made.
	S3 S3Access
	// Clamd is host:port.
	Clamd string

	dir      string
	volatile bool
	log      *slog.Logger
	lock     *os.File
	state    *state
	spawner  *spawner
	specs    map[Part]spec

	mu       sync.Mutex
	children map[Part]*child
	stopping bool
}

// spec is how one part is started, proved ready and stopped.
type spec struct {
	// prepare makes folders and configuration; it runs before every start.
	prepare func(ctx context.Context) error
	command func() command
	// ready really asks the part, in a way that another stack's part on the same port cannot answer.
	ready func(ctx context.Context) error
	// stopSignal ends it in order.
	stopSignal syscall.Signal
}

// StartParts starts the three parts and returns when each has answered. The context bounds the start only; the parts live
// until Stop or until this process ends, however it ends.
func StartParts(ctx context.Context, opt Options) (*Parts, error) {
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	if opt.StartTimeout <= 0 {
		opt.StartTimeout = 60 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, opt.StartTimeout)
	defer cancel()
	p, err := open(opt)
	if err != nil {
		return nil, err
	}
	if err := p.startAll(ctx); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	p.publish()
	return p, nil
}

// open takes the folder and finds the programs, and starts nothing.
func open(opt Options) (*Parts, error) {
	dir, err := filepath.Abs(opt.Dir)
	if err != nil || opt.Dir == "" {
		return nil, fmt.Errorf("devstack: no usable folder %q: %w", opt.Dir, err)
	}
	// Others may pass through, because PostgreSQL runs as another user than root, but not list; what is secret is 0600 below.
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return nil, fmt.Errorf("devstack: %w", err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	p := &Parts{dir: dir, volatile: opt.Volatile, log: opt.Log, lock: lock, children: map[Part]*child{}}
	if err := p.furnish(opt); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	p.spawner = newSpawner()
	return p, nil
}

// furnish reads or makes the folder's state and works out how each part is run.
func (p *Parts) furnish(opt Options) error {
	var err error
	if err = os.MkdirAll(filepath.Join(p.dir, "log"), 0o700); err != nil {
		return fmt.Errorf("devstack: %w", err)
	}
	if p.state, err = loadState(p.dir); err != nil {
		return err
	}
	if err = p.state.newScratch(opt.Scratch); err != nil {
		return err
	}
	programs, err := findPrograms(opt.BinDir, filepath.Join(p.dir, "postgres"))
	if err != nil {
		return err
	}
	cluster := newCluster(p, programs)
	p.SocketDir = cluster.socketDir
	store := &objectStore{parts: p, program: programs.versitygw}
	scanner := &scanner{parts: p, program: programs.clamd}
	p.specs = map[Part]spec{Postgres: cluster.spec(), S3: store.spec(), Clamd: scanner.spec()}
	return nil
}

func (p *Parts) startAll(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for part := range p.specs {
		group.Go(func() error { return p.start(ctx, part) })
	}
	return group.Wait()
}

// publish fills the exported fields, which need the final ports.
func (p *Parts) publish() {
	p.OwnerURL = p.databaseURL(ownerRole, p.state.OwnerPassword, database)
	p.AppURL = p.databaseURL(appRole, p.state.AppPassword, database)
	p.S3 = p.s3Access()
	p.Clamd = p.address(Clamd)
}

// PID is the process id of a running part, 0 when it does not run.
func (p *Parts) PID(part Part) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.children[part]; c != nil && c.alive() {
		return c.pid()
	}
	return 0
}

func (p *Parts) address(part Part) string {
	return fmt.Sprintf("127.0.0.1:%d", p.state.port(part))
}
