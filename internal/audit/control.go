package audit

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// AppendControl writes an event that belongs to no tenant in a transaction of the control schema, with what it tells of.
func AppendControl(ctx context.Context, tx pgx.Tx, e Event) error {
	args, err := e.args()
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, recordControl, args...)
	return err
}
