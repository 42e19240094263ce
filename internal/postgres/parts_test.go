package postgres_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// errChanged is what a function returns that changes its mind.
var errChanged = errors.New("changed my mind")

// single opens the shared database with one connection for tenants, so that transactions follow each other on it.
func single(t *testing.T, change func(*postgres.Config)) *postgres.DB {
	t.Helper()
	stacktest.Migrated(t)
	c := postgres.Config{URL: stacktest.Parts(t).AppURL, Pools: 1, ConnsPerPool: 1, ControlConns: 2}
	if change != nil {
		change(&c)
	}
	return opened(t, c)
}

func opened(t *testing.T, c postgres.Config) *postgres.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func schemaOf(t *testing.T) postgres.Schema {
	t.Helper()
	return stacktest.Tenant(t).Schema()
}

// put inserts a small row of the tenant's.
func put(t *testing.T, tx *postgres.Tx, id uuid.UUID) error {
	_, err := tx.Exec(t.Context(), `insert into tenant.association (id, kind, source_id, target_id, submission_id, registered_at)
		values ($1, 'M', $1, $1, $1, now())`, id)
	return err
}

// count asks as the owner, whom no wall hides anything from; sql gives one number.
func count(t *testing.T, sql string, args ...any) int {
	t.Helper()
	var n int
	if err := stacktest.Migrated(t).Owner.Pool().QueryRow(t.Context(), sql, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func rowsOf(t *testing.T, s postgres.Schema, id uuid.UUID) int {
	t.Helper()
	return count(t, `select count(*) from `+pgx.Identifier{s.Name, "association"}.Sanitize()+` where id = $1`, id)
}

// wantUnavailable wants a refusal that asks to come back and whose safe text holds nothing of the cause.
func wantUnavailable(t *testing.T, err error, text string) {
	t.Helper()
	var p *fault.Problem
	if !errors.As(err, &p) || p.Code != fault.PartUnavailable || p.RetryAfter < time.Second || p.Err == nil {
		t.Fatalf("%v (%T), want PartUnavailable with its cause and a time to come back", err, err)
	}
	if !strings.Contains(p.Safe, text) {
		t.Errorf("%q does not say %q", p.Safe, text)
	}
	if strings.Contains(p.Safe, "SQLSTATE") || strings.Contains(p.Safe, p.Err.Error()) {
		t.Errorf("%q tells the cause", p.Safe)
	}
}

func state(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
