package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"dokumentlager/internal/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Schema is a tenant as the database knows it.
type Schema struct {
	ID int32
	// Name is the schema's and the role's name; the directory gives it, nothing of a request reaches it.
	Name string
}

// Tx is one transaction in one tenant's schema, under that tenant's role.
type Tx struct {
	Schema Schema
	tx     pgx.Tx
	last   pgx.Batch
}

// InTenant runs fn in one transaction in the tenant's schema and commits when fn returns nil. Statements queued with Control run
// after fn, with the application's own role, in the same transaction: "set local role" binds what stands between. SQL is written
// with "tenant." where the schema's name goes, and no search_path is relied on. Errors of the database come back as
// fault.PartUnavailable when trying again can help.
func (db *DB) InTenant(ctx context.Context, s Schema, fn func(*Tx) error) error {
	pool := db.tenants[int(s.ID)%len(db.tenants)]
	wait, cancel := context.WithTimeout(ctx, db.acquire)
	conn, err := pool.Acquire(wait)
	cancel()
	if err != nil {
		return Unavailable(fmt.Errorf("waiting for a connection: %w", err))
	}
	defer conn.Release()
	// One round trip begins the transaction and takes the role: there is no moment with a transaction and no wall.
	ptx, err := conn.BeginTx(ctx, pgx.TxOptions{BeginQuery: "begin; set local role " + pgx.Identifier{s.Name}.Sanitize()})
	if err != nil {
		return Unavailable(err)
	}
	// Deferred, so that a panic in fn ends the transaction and frees its locks too; after a commit it does nothing.
	defer rollback(ptx)
	return Unavailable((&Tx{Schema: s, tx: ptx}).run(ctx, fn))
}

// rollback uses its own deadline: the request's context may be what ended.
func rollback(tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = tx.Rollback(ctx)
}

func (t *Tx) run(ctx context.Context, fn func(*Tx) error) error {
	if err := fn(t); err != nil {
		return err
	}
	if t.last.Len() > 0 {
		all := &pgx.Batch{}
		all.Queue("set local role none")
		all.QueuedQueries = append(all.QueuedQueries, t.last.QueuedQueries...)
		if err := t.tx.SendBatch(ctx, all).Close(); err != nil {
			return err
		}
	}
	return t.commit(ctx)
}

// commit tells apart a transaction that certainly is not there and one of which nobody knows: the commit was sent and the
// connection broke. The caller of that one must not hear that nothing changed. pgconn.SafeToRetry cannot tell: pgx 5.12 says
// "conn closed", safe, also when the connection ended while it waited for the commit's answer.
func (t *Tx) commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	open := !t.tx.Conn().IsClosed()
	err := t.tx.Commit(ctx)
	var answered *pgconn.PgError
	if err == nil || !open || errors.As(err, &answered) || !transient(err) {
		return err
	}
	return Unconfirmed(err)
}

// Unconfirmed is a commit that was sent and of which nobody knows whether it happened; nil for nil.
func Unconfirmed(cause error) error {
	if cause == nil {
		return nil
	}
	return fault.New(fault.PartUnavailable, "The registry's database did not confirm in time, so it is not known whether anything was "+
		"changed. Send the same request again.").RetryIn(retryIn).Because(fmt.Errorf("%w: %w", ErrUnconfirmed, cause))
}

// ErrUnconfirmed is in the error of every transaction of which nobody knows whether it was committed. All others that failed are not there.
var ErrUnconfirmed = errors.New("postgres: the commit was sent and not confirmed")

// Control queues a statement on the control schema, to run last and with the application's role.
func (t *Tx) Control(sql string, args ...any) { t.last.Queue(sql, args...) }

// ControlOne is Control for a statement that must touch exactly one row; otherwise the transaction ends with the given error.
func (t *Tx) ControlOne(otherwise error, sql string, args ...any) {
	t.last.Queue(sql, args...).Exec(func(tag pgconn.CommandTag) error {
		if tag.RowsAffected() != 1 {
			return otherwise
		}
		return nil
	})
}

// AsControl runs fn at once with the application's role and takes the tenant's role again: for libraries that bring their own
// statements, such as the job queue.
func (t *Tx) AsControl(ctx context.Context, fn func(pgx.Tx) error) error {
	if _, err := t.tx.Exec(ctx, "set local role none"); err != nil {
		return err
	}
	if err := fn(t.tx); err != nil {
		return err
	}
	_, err := t.tx.Exec(ctx, "set local role "+pgx.Identifier{t.Schema.Name}.Sanitize())
	return err
}

// Exec runs a statement and returns the number of rows it touched.
func (t *Tx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	tag, err := t.tx.Exec(ctx, t.qualify(sql), args...)
	return tag.RowsAffected(), err
}

// Query runs a query; the caller closes the rows.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	return t.tx.Query(ctx, t.qualify(sql), args...)
}

// QueryRow runs a query for one row.
func (t *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return t.tx.QueryRow(ctx, t.qualify(sql), args...)
}

// Batch is several statements that travel together.
type Batch struct {
	tx    *Tx
	batch pgx.Batch
}

// Batch begins a batch for this tenant.
func (t *Tx) Batch() *Batch { return &Batch{tx: t} }

// Queue adds a statement; check, when not nil, judges the number of rows it touched.
func (b *Batch) Queue(check func(rows int64) error, sql string, args ...any) {
	q := b.batch.Queue(b.tx.qualify(sql), args...)
	if check != nil {
		q.Exec(func(tag pgconn.CommandTag) error { return check(tag.RowsAffected()) })
	}
}

// Send runs all queued statements in one round trip and returns the first error, of the database or of a check.
func (b *Batch) Send(ctx context.Context) error {
	if b.batch.Len() == 0 {
		return nil
	}
	return b.tx.tx.SendBatch(ctx, &b.batch).Close()
}

// qualify writes the schema's name where SQL says "tenant.".
func (t *Tx) qualify(sql string) string {
	return strings.ReplaceAll(sql, "tenant.", pgx.Identifier{t.Schema.Name}.Sanitize()+".")
}

// IsDuplicate reports whether err is a violated unique index; constraint names which one.
func IsDuplicate(err error) (constraint string, yes bool) {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "23505" {
		return pg.ConstraintName, true
	}
	return "", false
}
