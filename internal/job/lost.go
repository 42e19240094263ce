package job

import (
	"context"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Waiting tells for which of the objects of tx's tenant a removal is still to be done: queued, running or to be tried again.
func (q *Queue) Waiting(ctx context.Context, tx *postgres.Tx, keys []uuid.UUID) (map[uuid.UUID]bool, error) {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = key.String()
	}
	waiting := map[uuid.UUID]bool{}
	err := tx.AsControl(ctx, func(control pgx.Tx) error {
		rows, err := control.Query(ctx, `select (args->>'key')::uuid from `+postgres.JobSchema+`.river_job
			where kind = $1 and state not in ('completed', 'cancelled', 'discarded') and args->>'schema' = $2 and args->>'key' = any($3)`,
			RemoveObject{}.Kind(), tx.Schema.Name, texts)
		if err != nil {
			return err
		}
		found, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
		for _, key := range found {
			waiting[key] = true
		}
		return err
	})
	return waiting, err
}
