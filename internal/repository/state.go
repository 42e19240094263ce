package repository

import (
	"context"
	"errors"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// StateOf is where an object is in its life; an object without a row is Gone.
func StateOf(ctx context.Context, tx *postgres.Tx, key uuid.UUID) (State, error) {
	var state string
	err := tx.QueryRow(ctx, `select state::text from tenant.stored_object where key = $1`, key).Scan(&state)
	if errors.Is(err, pgx.ErrNoRows) {
		return Gone, nil
	}
	return State(state), err
}
