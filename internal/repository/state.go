package repository

import (
	"context"
	"errors"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Life is where an object is in its life and when it got there; times that nobody noted are zero.
type Life struct {
	State State
	// Received, Scanned and Stored are the steps of its upload, Deleted when its removal was decided.
	Received, Scanned, Stored, Deleted time.Time
}

// LifeOf tells of one object; one without a row is Gone.
func LifeOf(ctx context.Context, tx *postgres.Tx, key uuid.UUID) (Life, error) {
	var state string
	var received, scanned, deleted *time.Time
	var l Life
	err := tx.QueryRow(ctx, `select state::text, received_at, scanned_at, stored_at, deleted_at from tenant.stored_object where key = $1`, key).
		Scan(&state, &received, &scanned, &l.Stored, &deleted)
	if errors.Is(err, pgx.ErrNoRows) {
		return Life{State: Gone}, nil
	}
	l.State, l.Received, l.Scanned, l.Deleted = State(state), timeOrZero(received), timeOrZero(scanned), timeOrZero(deleted)
	return l, err
}
