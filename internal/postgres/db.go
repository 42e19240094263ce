// Package postgres is the one way to the database: pools, tenant transactions, migrations and the store of used DPoP proofs.
//
// It promises that a statement for a tenant runs as that tenant's role, which can reach only that tenant's schema (T2), that
// InTenant, Reading, Commit, Gather and Snapshot are the only ways to such a statement, and that everything a function writes in InTenant, or a Joint
// holds, is committed together or not at all (promise 1). Why exec mode, roles and several small pools: spec/postgres.md §2 and §6.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"dokumentlager/internal/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Config says where the database is and how many connections to hold.
type Config struct {
	// URL logs in as the application's role, which owns nothing and inherits nothing.
	URL string
	// Pools is the number of small pools that tenants are hashed over; ConnsPerPool and ControlConns bound each. One pool more, of
	// ConnsPerPool, is Commit's.
	Pools, ConnsPerPool, ControlConns int
	// AcquireTimeout bounds waiting for a connection; StatementTimeout bounds each statement on the server.
	AcquireTimeout, StatementTimeout time.Duration
	// Tracer hears of every statement; nil: nobody does. Tests look at plans with it. What it hears holds patient identifiers.
	Tracer pgx.QueryTracer
}

// Defaults are right for one replica beside a database of its own.
func (c Config) Defaults() Config {
	c.Pools = orInt(c.Pools, 4)
	c.ConnsPerPool = orInt(c.ConnsPerPool, 5)
	c.ControlConns = orInt(c.ControlConns, 8)
	if c.AcquireTimeout == 0 {
		c.AcquireTimeout = 10 * time.Second
	}
	if c.StatementTimeout == 0 {
		c.StatementTimeout = 15 * time.Second
	}
	return c
}

func orInt(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// DB holds the pools of one database.
type DB struct {
	control *pgxpool.Pool
	tenants []*pgxpool.Pool
	// joint is of connections that meet all tenants (Commit), so that those of tenants still meet only their own.
	joint   *pgxpool.Pool
	acquire time.Duration
}

// Open makes the pools and asks the database once, so that a wrong address is known before the service listens.
func Open(ctx context.Context, c Config) (*DB, error) {
	c = c.Defaults()
	db := &DB{acquire: c.AcquireTimeout}
	var err error
	if db.control, err = pool(ctx, c, c.ControlConns, pgx.QueryExecModeCacheStatement); err != nil {
		return nil, err
	}
	// Cached modes prepare before SET ROLE has run and fail under roles: exec (spec/postgres.md §2).
	if db.joint, err = pool(ctx, c, c.ConnsPerPool, pgx.QueryExecModeExec); err != nil {
		db.Close()
		return nil, err
	}
	for range c.Pools {
		p, err := pool(ctx, c, c.ConnsPerPool, pgx.QueryExecModeExec)
		if err != nil {
			db.Close()
			return nil, err
		}
		db.tenants = append(db.tenants, p)
	}
	if err := db.Ping(ctx); err != nil {
		db.Close()
		return nil, fmt.Errorf("the database does not answer: %w", err)
	}
	return db, nil
}

func pool(ctx context.Context, c Config, conns int, mode pgx.QueryExecMode) (*pgxpool.Pool, error) {
	pc, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, errors.New("the database address cannot be read (its text is not repeated: it holds a password)")
	}
	pc.MaxConns = int32(conns)
	// A backend's catalogue cache grows with each tenant it touches: connections are renewed before it hurts.
	pc.MaxConnLifetime, pc.MaxConnLifetimeJitter = 12*time.Minute, 3*time.Minute
	pc.ConnConfig.DefaultQueryExecMode, pc.ConnConfig.Tracer = mode, c.Tracer
	pc.ConnConfig.ConnectTimeout = 5 * time.Second
	pc.ConnConfig.RuntimeParams["application_name"] = "dokumentlager"
	pc.ConnConfig.RuntimeParams["statement_timeout"] = fmt.Sprint(c.StatementTimeout.Milliseconds())
	pc.ConnConfig.RuntimeParams["idle_in_transaction_session_timeout"] = "60000"
	pc.ConnConfig.RuntimeParams["timezone"] = "UTC"
	return pgxpool.NewWithConfig(ctx, pc)
}

// Ping asks the database for an answer within three seconds.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	return db.control.Ping(ctx)
}

// Close ends all connections.
func (db *DB) Close() {
	for _, p := range []*pgxpool.Pool{db.control, db.joint} {
		if p != nil {
			p.Close()
		}
	}
	for _, p := range db.tenants {
		p.Close()
	}
}

// Control is the pool for statements on the control schema alone.
func (db *DB) Control() *pgxpool.Pool { return db.control }

// Unavailable turns trouble with the database's connection or capacity into a refusal that asks the caller to come back; faults,
// nil and mistakes of ours pass unchanged, but for the name of the part. Only the log gets the cause.
func Unavailable(err error) error {
	var p *fault.Problem
	var answered *pgconn.PgError
	switch {
	case err == nil || errors.As(err, &p):
		return err
	case transient(err):
		return fault.New(fault.PartUnavailable, "The registry's database does not answer now. Nothing was changed; send the same request again.").
			From(fault.Postgres).RetryIn(retryIn).Because(err)
	case errors.As(err, &answered):
		return fault.FromPart(fault.Postgres, err) // a statement that it refuses is our mistake, and it is where to look
	}
	return err
}

// retryIn is when a caller should come back: a restart of the database takes about that long.
const retryIn = 5 * time.Second

// transient: connection trouble, deadlines, shutdown, lack of resources, serialization and deadlock (PostgreSQL appendix A); of
// class 25 a transaction that idled too long and a server that is read-only because it just became a standby.
func transient(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return slices.Contains([]string{"08", "53", "57", "58", "40", "55"}, pg.Code[:2]) || pg.Code == "25P03" || pg.Code == "25006"
	}
	var network net.Error
	return pgconn.Timeout(err) || pgconn.SafeToRetry(err) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)
}
