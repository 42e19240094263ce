package devstack

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	ownerRole = "dokumentlager_owner"
	appRole   = "dl_app"
	database  = "dokumentlager"
)

// cluster is the private PostgreSQL.
type cluster struct {
	parts     *Parts
	bin       string
	dataDir   string
	socketDir string
	as        identity
	asErr     error
}

func newCluster(p *Parts, found programs) *cluster {
	c := &cluster{parts: p, bin: found.postgresBin, dataDir: filepath.Join(p.dir, "postgres"), socketDir: filepath.Join(p.dir, "run")}
	if len(c.socketDir)+len("/.s.PGSQL.65535.lock") > 100 {
		c.socketDir = filepath.Join(p.state.Scratch, "run")
	}
	owner, known := ownerOf(c.dataDir)
	if !known {
		owner, c.asErr = lesserUser("postgres", "nobody")
	}
	c.as = owner.reaching(c.dataDir)
	return c
}

func (c *cluster) spec() spec {
	return spec{prepare: c.prepare, command: c.command, ready: c.ready, stopSignal: syscall.SIGINT}
}

// prepare makes the cluster on the first start, and waits for processes that a killed stack left in it.
func (c *cluster) prepare(ctx context.Context) error {
	if c.asErr != nil {
		return c.asErr
	}
	if err := c.as.mkdir(c.socketDir); err != nil {
		return err
	}
	if _, err := os.Stat(c.dataDir); errors.Is(err, os.ErrNotExist) {
		return c.initialise(ctx)
	}
	return c.clearStale(ctx)
}

// initialise runs initdb beside and renames, so that a start killed midway leaves no half cluster.
func (c *cluster) initialise(ctx context.Context) error {
	fresh, pwFile := c.dataDir+".new", filepath.Join(c.socketDir, "initdb.pw")
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := errors.Join(c.as.mkdir(fresh), c.as.writeFile(pwFile, []byte(c.parts.state.OwnerPassword+"\n"))); err != nil {
		return err
	}
	defer os.Remove(pwFile)
	args := []string{"--pgdata=" + fresh, "--username=" + ownerRole, "--pwfile=" + pwFile, "--auth=scram-sha-256",
		"--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8", "--lc-messages=C"}
	if c.parts.volatile {
		args = append(args, "--no-sync")
	}
	initdb, err := c.parts.spawner.start(c.process("initdb", syscall.SIGKILL, args...))
	if err != nil {
		return err
	}
	select {
	case <-initdb.done:
	case <-ctx.Done():
		initdb.kill()
		<-initdb.done
		return ctx.Err()
	}
	if !initdb.cmd.ProcessState.Success() {
		return fmt.Errorf("initdb failed (%s):\n%s", initdb.cmd.ProcessState, initdb.lastWords())
	}
	return os.Rename(fresh, c.dataDir)
}

// clearStale removes the pid file of a server that is gone. PostgreSQL would do so itself, except where the old pid now belongs
// to another process. Nothing of ours may still work in the folder: two servers on one data folder destroy it.
func (c *cluster) clearStale(ctx context.Context) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		left := processesIn(c.dataDir)
		if len(left) == 0 {
			break
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("processes %v of an earlier stack still work in %s", left, c.dataDir)
		}
		time.Sleep(50 * time.Millisecond)
	}
	err := os.Remove(filepath.Join(c.dataDir, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// processesIn lists processes whose working directory is dir, as that of every PostgreSQL process is its data folder.
func processesIn(dir string) []int {
	var pids []int
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && target == dir {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(link)))
			pids = append(pids, pid)
		}
	}
	return pids
}

func (c *cluster) command() command {
	settings := []string{
		"listen_addresses=127.0.0.1",
		"port=" + strconv.Itoa(c.parts.state.port(Postgres)),
		"unix_socket_directories=" + `"` + c.socketDir + `"`,
		"unix_socket_permissions=0700",
		"max_connections=200",
		"shared_buffers=128MB",
		"fsync=" + map[bool]string{false: "on", true: "off"}[c.parts.volatile],
		// After kill -9 the default would fsync every file of the cluster, which takes minutes with thousands of tenants.
		"recovery_init_sync_method=syncfs",
		"password_encryption=scram-sha-256",
		"timezone=UTC",
		// Statements and DETAIL lines can hold patient identifiers, and no log may (DESIGN, House style).
		"log_min_error_statement=panic",
		"log_error_verbosity=terse",
	}
	args := []string{"-D", c.dataDir}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	// SIGINT is PostgreSQL's fast shutdown: when we are killed it still writes its checkpoint and leaves a clean cluster.
	return c.process("postgres", syscall.SIGINT, args...)
}

func (c *cluster) process(program string, orphaned syscall.Signal, args ...string) command {
	return command{
		path: filepath.Join(c.bin, program), args: args, as: c.as, orphaned: orphaned,
		env:     []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC"},
		logPath: filepath.Join(c.parts.dir, "log", string(Postgres)+".log"),
	}
}

// ready sees to roles and database. It asks over the unix socket in our own folder: whoever else may listen on the port
// cannot be there.
func (c *cluster) ready(ctx context.Context) error {
	conn, err := c.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	if err := c.ensureRole(ctx, conn); err != nil {
		return err
	}
	return ensureDatabase(ctx, conn)
}

func (c *cluster) connect(ctx context.Context, db string) (*pgx.Conn, error) {
	cfg, err := pgx.ParseConfig(c.parts.databaseURL(ownerRole, c.parts.state.OwnerPassword, db))
	if err != nil {
		return nil, err
	}
	cfg.Host = c.socketDir
	return pgx.ConnectConfig(ctx, cfg)
}

// ensureRole makes the service's login. NOINHERIT: it has a tenant's rights only inside SET LOCAL ROLE (spec/postgres.md).
func (c *cluster) ensureRole(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	err := conn.QueryRow(ctx, `select exists (select from pg_roles where rolname = $1)`, appRole).Scan(&exists)
	if err != nil || exists {
		return err
	}
	// Utility statements take no parameters; the password is our own letters and digits (crypto/rand.Text).
	_, err = conn.Exec(ctx, fmt.Sprintf(`create role %s login noinherit password '%s'`, appRole, c.parts.state.AppPassword))
	return err
}

func ensureDatabase(ctx context.Context, conn *pgx.Conn) error {
	var exists bool
	err := conn.QueryRow(ctx, `select exists (select from pg_database where datname = $1)`, database).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = conn.Exec(ctx, "create database "+database)
	return err
}

func (p *Parts) databaseURL(role, password, db string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, password), Host: p.address(Postgres), Path: "/" + db}
	u.RawQuery = "sslmode=disable"
	return u.String()
}
