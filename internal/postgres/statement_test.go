package postgres_test

import (
	"context"
	"errors"
	"testing"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// TestFirstStatement: what comes with the beginning of the transaction comes back as what comes later.
func TestFirstStatement(t *testing.T) {
	t.Parallel()
	db, s := single(t, nil), schemaOf(t)
	for round := range 2 { // the first statement, and one after another
		for name, c := range map[string]struct {
			ask   func(*postgres.Tx) error
			state string
			is    error
		}{
			"row":        {func(tx *postgres.Tx) error { return one(t, tx.QueryRow(t.Context(), `select 7`), 7) }, "", nil},
			"no row":     {func(tx *postgres.Tx) error { return tx.QueryRow(t.Context(), `select 7 where false`).Scan(new(int)) }, "", pgx.ErrNoRows},
			"wrong row":  {func(tx *postgres.Tx) error { return tx.QueryRow(t.Context(), `select 1/0`).Scan(new(int)) }, "22012", nil},
			"rows":       {func(tx *postgres.Tx) error { return seven(t, tx, `select generate_series(1, 7)`) }, "", nil},
			"wrong rows": {func(tx *postgres.Tx) error { return seven(t, tx, `select 1 / (n - 5) from generate_series(1, 7) n`) }, "22012", nil},
			"no SQL":     {func(tx *postgres.Tx) error { return seven(t, tx, `selekt`) }, "42601", nil},
			"exec": {func(tx *postgres.Tx) error {
				n, err := tx.Exec(t.Context(), `select generate_series(1, 3)`)
				if n != 3 {
					t.Errorf("%d rows", n)
				}
				return err
			}, "", nil},
		} {
			err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
				if round == 1 {
					if err := one(t, tx.QueryRow(t.Context(), `select 1`), 1); err != nil {
						return err
					}
				}
				err := c.ask(tx)
				if err == nil {
					err = put(t, tx, uuid.New()) // the connection is free for the next
				}
				return err
			})
			if state(err) != c.state || (err == nil) != (c.state == "" && c.is == nil) || c.is != nil && !errors.Is(err, c.is) {
				t.Errorf("round %d, %s: %v", round, name, err)
			}
		}
	}
}

// TestSwallowedFirst: a first statement that never left, and whose error nobody minded, must not let the rest run without a transaction.
func TestSwallowedFirst(t *testing.T) {
	t.Parallel()
	db, s := single(t, nil), schemaOf(t)
	for name, next := range map[string]func(*postgres.Tx, uuid.UUID){
		"control": func(tx *postgres.Tx, id uuid.UUID) { tx.Control(locate, id, s.ID) },
		"one":     func(tx *postgres.Tx, id uuid.UUID) { tx.ControlOne(errChanged, locate, id, s.ID) },
		"nothing": func(*postgres.Tx, uuid.UUID) {},
	} {
		id := uuid.New()
		err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
			if _, err := tx.Exec(t.Context(), `select $1::int`, make(chan int)); err == nil {
				t.Error("a channel is no parameter")
			}
			next(tx, id)
			return nil
		})
		if n := count(t, `select count(*) from control.entry_locator where entry_id = $1`, id); err == nil || n != 0 {
			t.Errorf("%s: %v, %d rows", name, err, n)
		}
	}
}

func one(t *testing.T, row pgx.Row, want int) error {
	t.Helper()
	var n int
	err := row.Scan(&n)
	if err == nil && n != want {
		t.Errorf("%d, want %d", n, want)
	}
	return err
}

// seven reads seven rows without closing them: their end does.
func seven(t *testing.T, tx *postgres.Tx, sql string) error {
	t.Helper()
	rows, err := tx.Query(t.Context(), sql)
	if err != nil {
		return err
	}
	n := 0
	for rows.Next() {
		n++
	}
	if rows.Err() == nil && n != 7 {
		t.Errorf("%d rows", n)
	}
	return rows.Err()
}

// TestReading: each statement runs as the tenant (T2) and alone; nothing can be changed.
func TestReading(t *testing.T) {
	t.Parallel()
	db, mine, other := single(t, nil), schemaOf(t), schemaOf(t)
	id := uuid.New()
	read := func(fn func(*postgres.Tx) error) error { return db.Reading(t.Context(), mine, fn) }
	err := read(func(tx *postgres.Tx) error {
		var user, first, second string
		const moment = `select current_user::text, pg_current_snapshot()::text || statement_timestamp()`
		return errors.Join(tx.QueryRow(t.Context(), moment).Scan(&user, &first), tx.QueryRow(t.Context(), moment).Scan(&user, &second),
			seven(t, tx, `select generate_series(1, 7)`), func() error {
				if user != mine.Name || first == second {
					t.Errorf("%q, %q, then %q", user, first, second)
				}
				return nil
			}())
	})
	if err != nil {
		t.Error(err)
	}
	for name, c := range map[string]struct {
		fn    func(*postgres.Tx) error
		state string
	}{
		"a change": {func(tx *postgres.Tx) error { return put(t, tx, id) }, "25006"},
		"another's": {func(tx *postgres.Tx) error {
			return seven(t, tx, `select 1 from `+pgx.Identifier{other.Name, "association"}.Sanitize())
		}, denied},
		"control's":        {func(tx *postgres.Tx) error { return seven(t, tx, `select 1 from control.tenant`) }, denied},
		"a last":           {func(tx *postgres.Tx) error { tx.Last(putSQL, id); return nil }, ""},
		"a control":        {func(tx *postgres.Tx) error { tx.Control(locate, id, mine.ID); return nil }, ""},
		"as control":       {func(tx *postgres.Tx) error { return tx.AsControl(t.Context(), func(pgx.Tx) error { return nil }) }, ""},
		"a batch":          {func(tx *postgres.Tx) error { b := tx.Batch(); b.Queue(nil, putSQL, id); return b.Send(t.Context()) }, "25006"},
		"an error of ours": {func(tx *postgres.Tx) error { return errChanged }, ""},
		"no more": {func(tx *postgres.Tx) error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, err := tx.Exec(ctx, `select 1`)
			return err
		}, ""},
		"rows left open": {func(tx *postgres.Tx) error {
			_, err := tx.Query(t.Context(), `select generate_series(1, 100000)`)
			return errors.Join(err, errChanged)
		}, ""},
		"panic midway": {func(tx *postgres.Tx) error {
			_, _ = tx.Query(t.Context(), `select generate_series(1, 100000)`)
			panic("a mistake of ours")
		}, ""},
	} {
		var kept *postgres.Tx
		err := caught(func() error { return read(func(tx *postgres.Tx) error { kept = tx; return c.fn(tx) }) })
		// Read-only comes as what it comes as when a standby took over, and so asks to come back.
		if err == nil || c.state != "" && state(err) != c.state || errors.Is(err, postgres.ErrUnconfirmed) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := kept.Exec(t.Context(), `select 1`); !errors.Is(err, pgx.ErrTxClosed) {
			t.Errorf("%s: what was kept speaks: %v", name, err)
		}
		if got := look(t, db, mine); got.user != "dl_app" || got.open != "I" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if n := rowsOf(t, mine, id); n != 0 {
		t.Errorf("%d rows", n)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	wantUnavailable(t, stacktest.Migrated(t).DB.Reading(stopped, mine, func(*postgres.Tx) error { return nil }), unchanged)
}
