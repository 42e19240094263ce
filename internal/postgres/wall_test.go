package postgres_test

import (
	"strings"
	"testing"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/postgres"

	"github.com/jackc/pgx/v5"
)

const denied = "42501" // insufficient_privilege

// tables are all of a tenant's.
var tables = []string{"document_entry", "submission", "association", "stored_object", "confidentiality_change", "audit_event"}

// TestWallBetweenTenants (T2): under a tenant's role nothing of another tenant and nothing of the control schema can be reached.
func TestWallBetweenTenants(t *testing.T) {
	t.Parallel()
	mine, other := schemaOf(t), schemaOf(t)
	var forbidden []string
	for _, table := range tables {
		name := pgx.Identifier{other.Name, table}.Sanitize()
		forbidden = append(forbidden, "select 1 from "+name, "insert into "+name+" select * from tenant."+table, "delete from "+name)
	}
	for _, table := range []string{"tenant", "tenant_organisation", "patient_locator", "entry_locator", "dpop_proof", "audit_pending", "audit_event", "schema_version"} {
		forbidden = append(forbidden, "select 1 from control."+table)
	}
	forbidden = append(forbidden, "select 1 from jobs.river_job", "create table tenant.mine (n int)", "create schema mine", "create table public.mine (n int)",
		"drop table tenant.association", "alter table tenant.audit_event disable trigger all")
	for _, sql := range forbidden {
		wantDenied(t, mine, sql)
	}
}

// wantDenied runs one statement as the tenant and wants the database to refuse it, unchanged by Unavailable.
func wantDenied(t *testing.T, s postgres.Schema, sql string) {
	t.Helper()
	err := stacktest.Migrated(t).DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		_, err := tx.Exec(t.Context(), sql)
		return err
	})
	if state(err) != denied {
		t.Errorf("%s: %v, want it denied", sql, err)
	}
}

// TestHistoryCannotBeChanged (A1, W5): neither as the tenant nor as the service's own role.
func TestHistoryCannotBeChanged(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	app := stacktest.Migrated(t).DB.Control()
	for _, table := range []string{"audit_event", "confidentiality_change"} {
		column := map[string]string{"audit_event": "operation", "confidentiality_change": "codes"}[table]
		for _, sql := range []string{"update tenant." + table + " set " + column + " = 'x'", "delete from tenant." + table, "truncate tenant." + table} {
			wantDenied(t, s, sql)
			own := strings.ReplaceAll(sql, "tenant.", pgx.Identifier{s.Name}.Sanitize()+".")
			if _, err := app.Exec(t.Context(), own); state(err) != denied {
				t.Errorf("as dl_app: %s: %v", own, err)
			}
		}
	}
	for _, sql := range []string{"update control.audit_event set operation = 'x'", "delete from control.audit_event", "truncate control.audit_event",
		"delete from control.audit_pending", "update control.tenant set share_citizen = true", "delete from control.tenant_organisation",
		"update control.schema_version set version = 0", "create table control.mine (n int)"} {
		if _, err := app.Exec(t.Context(), sql); state(err) != denied {
			t.Errorf("as dl_app: %s: %v", sql, err)
		}
	}
}

// TestNoRoleNoTenant: a statement that forgets the tenant's role sees no tenant.
func TestNoRoleNoTenant(t *testing.T) {
	t.Parallel()
	d, s := stacktest.Migrated(t), schemaOf(t)
	for _, table := range tables {
		sql := "select 1 from " + pgx.Identifier{s.Name, table}.Sanitize()
		if _, err := d.DB.Control().Exec(t.Context(), sql); state(err) != denied {
			t.Errorf("control pool: %s: %v", sql, err)
		}
		if _, err := d.DB.TenantPool(s).Exec(t.Context(), sql); state(err) != denied {
			t.Errorf("tenant pool: %s: %v", sql, err)
		}
	}
	// The statements that Control queues and AsControl runs are such.
	err := d.DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		tx.Control("select 1 from " + pgx.Identifier{s.Name, "submission"}.Sanitize())
		return nil
	})
	if state(err) != denied {
		t.Errorf("Control: %v", err)
	}
	err = d.DB.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		return tx.AsControl(t.Context(), func(control pgx.Tx) error {
			_, err := control.Exec(t.Context(), "select 1 from "+pgx.Identifier{s.Name, "submission"}.Sanitize())
			return err
		})
	})
	if state(err) != denied {
		t.Errorf("AsControl: %v", err)
	}
}
