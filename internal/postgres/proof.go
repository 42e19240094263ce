package postgres

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// Proofs remembers used DPoP proofs (W1, RFC 9449 §11.1). One insert-or-fail statement decides, so of any number of replicas
// that see the same proof at once exactly one accepts it, and a restart or crash forgets nothing (spec/postgres.md §4).
type Proofs struct{ DB *DB }

// Use reports whether the proof is new, and remembers it.
func (p Proofs) Use(ctx context.Context, proof [16]byte, iat time.Time) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	tag, err := p.DB.control.Exec(ctx, `insert into control.dpop_proof (proof, iat) values ($1, $2) on conflict do nothing`, uuid.UUID(proof), iat)
	return tag.RowsAffected() == 1, Unavailable(err)
}

// Sweep forgets proofs issued before the given time; their age alone refuses them then. It returns how many went.
func (p Proofs) Sweep(ctx context.Context, before time.Time) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	tag, err := p.DB.control.Exec(ctx, `delete from control.dpop_proof where iat < $1`, before)
	return tag.RowsAffected(), err
}
