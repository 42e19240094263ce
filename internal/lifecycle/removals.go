package lifecycle

import (
	"context"

	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// eachLostRemoval visits the objects whose removal was decided (W3) and for which no job is left: a queue restored from another
// moment than the rows, say. Rows are read before the queue and again after it: a worker records what it removed before its job
// is done, so a row that still says "to be removed" without a job really has none.
func eachLostRemoval(ctx context.Context, db *postgres.DB, queue *job.Queue, s postgres.Schema, visit func(*postgres.Tx, uuid.UUID) error) error {
	for after, more := uuid.Nil, true; more; {
		err := db.InTenant(ctx, s, func(tx *postgres.Tx) error {
			keys, err := removing(ctx, tx, `key > $1 order by key limit $2`, after, pageSize)
			if err != nil {
				return err
			}
			if more = len(keys) == pageSize; len(keys) > 0 {
				after = keys[len(keys)-1]
			}
			lost, err := withoutJob(ctx, tx, queue, keys)
			if err != nil || len(lost) == 0 {
				return err
			}
			if lost, err = removing(ctx, tx, `key = any($1::text[]::uuid[]) order by key`, postgres.Texts(lost)); err != nil {
				return err
			}
			for _, key := range lost {
				if err := visit(tx, key); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func removing(ctx context.Context, tx *postgres.Tx, where string, args ...any) ([]uuid.UUID, error) {
	rows, err := tx.Query(ctx, `select key from tenant.stored_object where state = 'R' and `+where, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

func withoutJob(ctx context.Context, tx *postgres.Tx, queue *job.Queue, keys []uuid.UUID) (lost []uuid.UUID, err error) {
	if len(keys) == 0 {
		return nil, nil
	}
	waiting, err := queue.Waiting(ctx, tx, keys)
	for _, key := range keys {
		if !waiting[key] {
			lost = append(lost, key)
		}
	}
	return lost, err
}
