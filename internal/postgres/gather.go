package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Question is a query in one tenant's schema, written with "tenant." as in InTenant. Scan reads its rows; they are closed behind it.
type Question struct {
	Schema Schema
	SQL    string
	Args   []any
	Scan   func(pgx.Rows) error
}

// togetherAsked is how many tenants' questions travel together.
const togetherAsked = 100

// Gather asks many tenants in few round trips, each as its own role (T2) on a connection of the pool that is its own anyway, and one
// pool at a time: whoever waits for a connection there waits for a few questions at most. The answers need not be of the same
// moment; nothing can be changed. The first error ends it.
func (db *DB) Gather(ctx context.Context, asked []Question) error {
	of := make([][]Question, len(db.tenants))
	for _, q := range asked {
		pool := int(q.Schema.ID) % len(db.tenants)
		of[pool] = append(of[pool], q)
	}
	for pool, questions := range of {
		for len(questions) > 0 {
			n := min(len(questions), togetherAsked)
			if err := db.gather(ctx, pool, questions[:n]); err != nil {
				return Unavailable(err)
			}
			questions = questions[n:]
		}
	}
	return nil
}

func (db *DB) gather(ctx context.Context, pool int, questions []Question) error {
	conn, err := db.acquired(ctx, db.tenants[pool])
	if err != nil {
		return err
	}
	defer conn.Release()
	b := &pgx.Batch{}
	b.Queue("begin transaction read only")
	for _, q := range questions {
		name := pgx.Identifier{q.Schema.Name}.Sanitize()
		b.Queue("set local role " + name)
		b.Queue(strings.ReplaceAll(q.SQL, "tenant.", name+"."), q.Args...).Query(q.Scan)
	}
	b.Queue("commit")
	defer ended(conn.Conn())
	return conn.SendBatch(ctx, b).Close()
}

// ended is end with a deadline of its own.
func ended(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackDeadline)
	defer cancel()
	end(ctx, conn)
}

// Snapshot sees one moment of a tenant's schema and of the control schema, each with the role that may.
type Snapshot struct {
	schema Schema
	conn   *pgx.Conn
	role   string
}

// Snapshot runs fn in a transaction that can change nothing and sees one moment, however long it takes: for those who compare what several
// tables say. Its zero Schema sees the control schema alone. The connection is the tenant's pool's until fn ends.
func (db *DB) Snapshot(ctx context.Context, s Schema, fn func(*Snapshot) error) error {
	conn, err := db.acquired(ctx, db.tenants[int(s.ID)%len(db.tenants)])
	if err != nil {
		return err
	}
	defer conn.Release()
	defer ended(conn.Conn())
	if _, err := conn.Exec(ctx, "begin transaction isolation level repeatable read read only"); err != nil {
		return Unavailable(err)
	}
	return Unavailable(fn(&Snapshot{schema: s, conn: conn.Conn()}))
}

// Tenant asks in the tenant's schema, as its role.
func (s *Snapshot) Tenant(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	name := pgx.Identifier{s.schema.Name}.Sanitize()
	return s.query(ctx, name, strings.ReplaceAll(sql, "tenant.", name+"."), args)
}

// Control asks in the control schema, as the application's role.
func (s *Snapshot) Control(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return s.query(ctx, "none", sql, args)
}

func (s *Snapshot) query(ctx context.Context, role, sql string, args []any) (pgx.Rows, error) {
	if s.role != role {
		if _, err := s.conn.Exec(ctx, "set local role "+role); err != nil {
			return nil, err
		}
		s.role = role
	}
	return s.conn.Query(ctx, sql, args...)
}

// AsRole runs fn in a transaction of the control schema under a role that the application's may take, and no other statement has.
// Statements wait for a lock no longer than patience.
func (db *DB) AsRole(ctx context.Context, role string, patience time.Duration, fn func(pgx.Tx) error) error {
	conn, err := db.acquired(ctx, db.control)
	if err != nil {
		return err
	}
	defer conn.Release()
	return Unavailable(pgx.BeginFunc(ctx, conn.Conn(), func(tx pgx.Tx) error {
		begin := fmt.Sprintf("set local role %s; set local lock_timeout = %d", pgx.Identifier{role}.Sanitize(), max(1, patience.Milliseconds()))
		if _, err := tx.Exec(ctx, begin); err != nil {
			return err
		}
		return fn(tx)
	}))
}

// Refused is the server's own refusal of a statement, for a reason that is not over in a while; nil when err is something else.
func Refused(err error) *pgconn.PgError {
	var answered *pgconn.PgError
	if errors.As(err, &answered) && !transient(err) {
		return answered
	}
	return nil
}
