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

// Joint is one transaction over several tenants, for statements of which none asks for another's answer: an audit event in each tenant
// that a search asked. All travel together and there is one commit, where a transaction for each would wait for the disk as often as
// there are tenants.
//
// The wall stands as in InTenant (T2): a tenant's statements run as that tenant's role and reach no other's schema, though another's
// statement may be next to them. All are committed or none.
type Joint struct {
	batch pgx.Batch
	// role is the one that the last statement queued runs with; empty is the application's own.
	role string
	last []*pgx.QueuedQuery
}

// Queue adds a statement for one tenant, written with "tenant." as in InTenant. Statements that follow each other for the same tenant
// share one change of role.
func (j *Joint) Queue(s Schema, sql string, args ...any) {
	name := pgx.Identifier{s.Name}.Sanitize()
	if j.role != name {
		j.batch.Queue("set local role " + name)
		j.role = name
	}
	j.batch.Queue(strings.ReplaceAll(sql, "tenant.", name+"."), args...)
}

// Control queues a statement on the control schema, to run last and with the application's role.
func (j *Joint) Control(sql string, args ...any) {
	j.last = append(j.last, &pgx.QueuedQuery{SQL: sql, Arguments: args})
}

// Commit runs the statements in one transaction and one round trip. A statement that waits for a lock longer than patience ends all:
// one tenant that is blocked must not hold the others' events. Errors are InTenant's: with ErrUnconfirmed nobody knows whether
// the transaction is there, with any other it is not.
func (db *DB) Commit(ctx context.Context, j *Joint, patience time.Duration) (err error) {
	ctx, ended := spanned(ctx, "postgres Commit")
	defer func() { ended(err) }()
	conn, err := db.acquired(ctx, db.joint)
	if err != nil {
		return err
	}
	defer conn.Release()
	all := &pgx.Batch{}
	all.Queue("begin")
	all.Queue(fmt.Sprintf("set local lock_timeout = %d", max(1, patience.Milliseconds())))
	all.QueuedQueries = append(all.QueuedQueries, j.batch.QueuedQueries...)
	if len(j.last) > 0 {
		all.Queue("set local role none")
		all.QueuedQueries = append(all.QueuedQueries, j.last...)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), rollbackDeadline)
		defer cancel()
		end(ctx, conn.Conn())
	}()
	return Unavailable(committed(ctx, conn.Conn(), all))
}

// committed sends a batch with the commit behind it: after a statement that fails, the server reads nothing until the batch's end, so
// the commit is never run without all before it. What it tells apart is told at Tx.commit; here a commit whose answer was read is made,
// whatever became of the connection afterwards.
func committed(ctx context.Context, conn *pgx.Conn, b *pgx.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	made, open := false, !conn.IsClosed()
	b.Queue("commit").Exec(func(tag pgconn.CommandTag) error {
		if made = tag.String() == "COMMIT"; !made {
			return pgx.ErrTxCommitRollback
		}
		return nil
	})
	err := conn.SendBatch(ctx, b).Close()
	if made {
		return nil
	}
	return doubtful(err, open)
}

// doubtful is the error of a commit that was sent on a connection that was open: unconfirmed, unless the server itself said no.
func doubtful(err error, open bool) error {
	var answered *pgconn.PgError
	if err == nil || !open || errors.As(err, &answered) || !transient(err) {
		return err
	}
	return Unconfirmed(err)
}

// end frees what a failed transaction still holds; where it cannot, the pool throws the connection away.
func end(ctx context.Context, conn *pgx.Conn) {
	if !conn.IsClosed() && conn.PgConn().TxStatus() != 'I' {
		_, _ = conn.Exec(ctx, "rollback")
	}
}
