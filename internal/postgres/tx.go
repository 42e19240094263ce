package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/fault"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"
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
	conn   *pgx.Conn
	// tx is nil until the first statement, with which the transaction begins.
	tx pgx.Tx
	// reading says that each statement is a transaction of its own.
	reading bool
	// own and last are what stands at the end: the tenant's statements, then the control schema's.
	own, last pgx.Batch
	// span is the transaction's, when it is traced.
	span trace.Span
	// lent is true once fn had the connection's own transaction in its hands (AsControl).
	lent bool
}

// InTenant runs fn in one transaction in the tenant's schema and commits when fn returns nil; it begins with the first statement. Statements queued with Control run
// after fn, with the application's own role, in the same transaction: "set local role" binds what stands between. SQL is written
// with "tenant." where the schema's name goes, and no search_path is relied on. Errors of the database come back as
// fault.PartUnavailable when trying again can help.
func (db *DB) InTenant(ctx context.Context, s Schema, fn func(*Tx) error) (err error) {
	ctx, ended := spanned(ctx, "postgres InTenant")
	defer func() { ended(err) }()
	conn, err := db.acquired(ctx, db.tenants[int(s.ID)%len(db.tenants)])
	if err != nil {
		return err
	}
	defer conn.Release()
	t := &Tx{Schema: s, conn: conn.Conn(), span: trace.SpanFromContext(ctx)}
	// Deferred, so that a panic in fn ends the transaction and frees its locks too; after a commit it does nothing.
	defer t.end()
	return Unavailable(t.run(ctx, fn))
}

// Reading is InTenant for functions that only read and whose statements need not see the same moment: each is a transaction of its own, with
// its role, in one round trip. What would write is refused, by the database too.
func (db *DB) Reading(ctx context.Context, s Schema, fn func(*Tx) error) (err error) {
	ctx, ended := spanned(ctx, "postgres Reading")
	defer func() { ended(err) }()
	conn, err := db.acquired(ctx, db.tenants[int(s.ID)%len(db.tenants)])
	if err != nil {
		return err
	}
	defer conn.Release()
	t := &Tx{Schema: s, conn: conn.Conn(), span: trace.SpanFromContext(ctx), reading: true}
	defer t.end()
	if err = fn(t); err == nil && t.own.Len()+t.last.Len() > 0 {
		err = errReading
	}
	return Unavailable(err)
}

// errReading is a mistake of ours.
var errReading = errors.New("postgres: a function that only reads queued a change")

// acquired waits for a connection, no longer than the configuration says.
func (db *DB) acquired(ctx context.Context, pool *pgxpool.Pool) (*pgxpool.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, db.acquire)
	defer cancel()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return nil, Unavailable(fmt.Errorf("waiting for a connection: %w", err))
	}
	return conn, nil
}

// rollbackDeadline is a rollback's own: the request's context may be what ended.
const rollbackDeadline = 3 * time.Second

func (t *Tx) end() {
	ctx, cancel := context.WithTimeout(context.Background(), rollbackDeadline)
	defer cancel()
	if t.tx == nil || errors.Is(t.tx.Rollback(ctx), pgx.ErrTxClosed) {
		end(ctx, t.conn)
	}
	t.tx = closed{} // what was kept of it cannot begin another
}

func (t *Tx) run(ctx context.Context, fn func(*Tx) error) error {
	if err := fn(t); err != nil {
		return err
	}
	all := &pgx.Batch{}
	all.QueuedQueries = append(all.QueuedQueries, t.own.QueuedQueries...)
	if t.last.Len() > 0 {
		all.Queue("set local role none")
		all.QueuedQueries = append(all.QueuedQueries, t.last.QueuedQueries...)
	}
	if all.Len() == 0 && t.tx == nil {
		return ctx.Err() // nothing was asked
	}
	if !t.lent && all.Len() > 0 && !slices.ContainsFunc(all.QueuedQueries, checked) {
		return t.finish(ctx, all)
	}
	if err := t.send(ctx, all).Close(); err != nil {
		return err
	}
	return t.commit(ctx)
}

// checked tells a statement whose answer decides whether the transaction may be committed.
func checked(q *pgx.QueuedQuery) bool { return q.Fn != nil }

// finish runs what stands at the end and the commit in one round trip; whatever comes of it, the Tx is dead.
func (t *Tx) finish(ctx context.Context, b *pgx.Batch) error {
	if t.tx == nil {
		b = t.begun(b, "begin")
	} else if t.conn.PgConn().TxStatus() == 'I' {
		return pgx.ErrTxClosed // its first statement did not even leave; outside a transaction the rest would be on its own
	}
	t.tx = closed{}
	return committed(ctx, t.conn, b)
}

// commit tells apart a transaction that certainly is not there and one of which nobody knows: the commit was sent and the
// connection broke. The caller of that one must not hear that nothing changed. pgconn.SafeToRetry cannot tell: pgx 5.12 says
// "conn closed", safe, also when the connection ended while it waited for the commit's answer.
func (t *Tx) commit(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	open := !t.tx.Conn().IsClosed()
	return doubtful(t.tx.Commit(ctx), open)
}

// Unconfirmed is a commit that was sent and of which nobody knows whether it happened; nil for nil.
func Unconfirmed(cause error) error {
	if cause == nil {
		return nil
	}
	return fault.New(fault.PartUnavailable, "The registry's database did not confirm in time, so it is not known whether anything was "+
		"changed. Send the same request again.").From(fault.Postgres).RetryIn(retryIn).Because(fmt.Errorf("%w: %w", ErrUnconfirmed, cause))
}

// ErrUnconfirmed is in the error of every transaction of which nobody knows whether it was committed. All others that failed are not there.
var ErrUnconfirmed = errors.New("postgres: the commit was sent and not confirmed")

// Last queues a tenant's statement to run after fn and before those of Control, with which it travels, and the commit too where no
// ControlOne is among them. Its error is InTenant's.
func (t *Tx) Last(sql string, args ...any) { t.own.Queue(t.qualify(sql), args...) }

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
	if t.reading {
		return errReading
	}
	t.lent = true
	ctx = t.under(ctx)
	if t.tx == nil {
		if err := t.send(ctx, &pgx.Batch{}).Close(); err != nil {
			return err
		}
	}
	if _, err := t.tx.Exec(ctx, "set local role none"); err != nil {
		return err
	}
	if err := fn(t.tx); err != nil {
		return err
	}
	_, err := t.tx.Exec(ctx, "set local role "+pgx.Identifier{t.Schema.Name}.Sanitize())
	return err
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
	return b.tx.send(ctx, &b.batch).Close()
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
