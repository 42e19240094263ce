package faults

import (
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"
)

// awaitRemovals waits until the bytes of every deleted document of a tenant are gone.
func awaitRemovals(t testing.TB, s *servicetest.Service, of tenant.Tenant) {
	t.Helper()
	await(t, "all removed", time.Minute, func() bool {
		var left int
		err := s.DB.InTenant(t.Context(), of.Schema(), func(tx *postgres.Tx) error {
			return tx.QueryRow(t.Context(), `select count(*) from tenant.stored_object where state = 'R'`).Scan(&left)
		})
		return err == nil && left == 0
	})
}

// rescue does at once what the queue does some minutes after its process died: jobs that it had in hand are free again. To be called when
// nothing serves the database.
func rescue(t testing.TB, s *servicetest.Service) {
	t.Helper()
	_, err := s.Owner.Pool().Exec(t.Context(), `update `+postgres.JobSchema+`.river_job set state = 'available' where state = 'running'`)
	if err != nil {
		t.Fatal(err)
	}
}
