package sealing_test

import (
	"fmt"
	"testing"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/jackc/pgx/v5"
)

// tenantsEnv is how many dirty tenants TestManyDirtyLogs makes; making them takes some 30 ms each.
const tenantsEnv = "DOKUMENTLAGER_TEST_TENANTS"

// TestManyDirtyLogs: what is written in all of them at once is sealed in one round; it tells how long that takes (docs/audit-seal.md).
func TestManyDirtyLogs(t *testing.T) {
	t.Parallel()
	n := fromEnv(t, tenantsEnv, 3)
	r := newRig(t)
	var schemas []postgres.Schema
	for range n {
		schemas = append(schemas, r.Tenant(t).Schema())
	}
	for round, each := range []int{1, 1, 20} {
		for _, s := range schemas {
			err := pgx.BeginFunc(t.Context(), r.Owner.Pool(), func(tx pgx.Tx) error {
				table := pgx.Identifier{s.Name, "audit_event"}.Sanitize()
				_, err := tx.Exec(t.Context(), fmt.Sprintf(`with e as (insert into %s select gen_random_uuid(), now(), 'R', 'S', 'search', 'x', null,
				  '{"kind": "machine", "client_id": "x", "organisation": "910000001"}', '{"query": "status=current"}' from generate_series(1, %d) returning id)
				  insert into control.audit_pending select %d, id from e`, table, each, s.ID))
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		begin := time.Now()
		r.seal(t)
		took := time.Since(begin)
		t.Logf("%d tenants with %d events each: %v, %v per event", n, each, took.Round(time.Millisecond), (took / time.Duration(int(n)*each)).Round(time.Microsecond))
		if left := r.pending(t); len(left) != 0 {
			t.Errorf("round %d left %d", round, len(left))
		}
	}
	begin := time.Now()
	if found := r.verify(t); len(found) != 0 {
		t.Errorf("found: %+v", found[:min(len(found), 5)])
	}
	t.Logf("verified in %v", time.Since(begin).Round(time.Millisecond))
	if got := r.State().Sealed; got != uint64(n)*22 {
		t.Errorf("%d events were sealed", got)
	}
}
