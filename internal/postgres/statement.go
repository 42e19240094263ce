package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// role is the statement that puts up the wall.
func (t *Tx) role() string { return "set local role " + pgx.Identifier{t.Schema.Name}.Sanitize() }

// begun is a batch that begins a transaction, takes the tenant's role and only then does what b does: there is no moment with a
// transaction and no wall, since after a statement that fails the server reads nothing until the batch's end.
func (t *Tx) begun(b *pgx.Batch, begin string) *pgx.Batch {
	all := &pgx.Batch{}
	all.Queue(begin)
	all.Queue(t.role())
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
	return all
}

// send sends statements in the transaction; the first ones begin it. The results are those of b.
func (t *Tx) send(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	ctx = t.under(ctx)
	if t.reading {
		return t.sendAlone(ctx, b)
	}
	if t.tx != nil {
		return t.tx.SendBatch(ctx, b)
	}
	all := &pgx.Batch{}
	all.BeginTx(pgx.TxOptions{})
	all.Queue(t.role())
	all.QueuedQueries = append(all.QueuedQueries, b.QueuedQueries...)
	results := t.conn.SendBatch(ctx, all)
	t.tx = results.Tx()
	return past(results, 2)
}

// sendAlone sends statements that read, in a transaction of their own.
func (t *Tx) sendAlone(ctx context.Context, b *pgx.Batch) pgx.BatchResults {
	if t.tx != nil { // closed
		return t.tx.SendBatch(ctx, b)
	}
	all := t.begun(b, "begin transaction read only")
	all.Queue("commit")
	return past(t.conn.SendBatch(ctx, all), 2)
}

// past reads over the first results; an error of theirs is Close's and of all that follow.
func past(results pgx.BatchResults, n int) pgx.BatchResults {
	for range n {
		if _, err := results.Exec(); err != nil {
			break
		}
	}
	return results
}

// alone says whether a statement can go on its own: the transaction has begun.
func (t *Tx) alone() bool { return t.tx != nil && !t.reading }

func single(sql string, args []any) *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(sql, args...)
	return b
}

// Exec runs a statement and returns the number of rows it touched.
func (t *Tx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	if t.alone() {
		tag, err := t.tx.Exec(t.under(ctx), t.qualify(sql), args...)
		return tag.RowsAffected(), err
	}
	results := t.send(ctx, single(t.qualify(sql), args))
	tag, err := results.Exec()
	if ended := results.Close(); err == nil {
		err = ended
	}
	return tag.RowsAffected(), err
}

// Query runs a query; the caller closes the rows.
func (t *Tx) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if t.alone() {
		return t.tx.Query(t.under(ctx), t.qualify(sql), args...)
	}
	results := t.send(ctx, single(t.qualify(sql), args))
	rows, err := results.Query()
	if err != nil {
		_ = results.Close() // it says the same
		return nil, err
	}
	return &firstRows{Rows: rows, results: results}, nil
}

// QueryRow runs a query for one row.
func (t *Tx) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := t.Query(ctx, sql, args...)
	return oneRow{rows, err}
}

// firstRows are of a query that came with others: the connection is free when all their results are read.
type firstRows struct {
	pgx.Rows
	results pgx.BatchResults
	err     error
}

func (r *firstRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

func (r *firstRows) Close() {
	r.Rows.Close()
	r.err = r.results.Close()
}

func (r *firstRows) Err() error {
	if err := r.Rows.Err(); err != nil {
		return err
	}
	return r.err
}

type oneRow struct {
	rows pgx.Rows
	err  error
}

// Scan is pgx.Row's.
func (r oneRow) Scan(to ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(to...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}

// closed stands for a transaction that has ended, so that a Tx that was kept cannot speak on the connection's next one.
type closed struct{ pgx.Tx }

func (closed) Rollback(context.Context) error { return pgx.ErrTxClosed }

func (closed) Exec(context.Context, string, ...any) (pgconn.CommandTag, error) {
	return pgconn.CommandTag{}, pgx.ErrTxClosed
}

func (closed) Query(context.Context, string, ...any) (pgx.Rows, error) { return nil, pgx.ErrTxClosed }

func (closed) QueryRow(context.Context, string, ...any) pgx.Row { return closed{} }

func (closed) Scan(...any) error { return pgx.ErrTxClosed }

func (closed) SendBatch(_ context.Context, b *pgx.Batch) pgx.BatchResults {
	return pgx.FailedBatchResults(b, pgx.ErrTxClosed)
}
