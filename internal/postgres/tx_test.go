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

// session is what a pooled connection is like between transactions.
type session struct {
	pid        int
	user, open string
}

func look(t *testing.T, db *postgres.DB, s postgres.Schema) (got session) {
	t.Helper()
	conn, err := db.TenantPool(s).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	got.open = string(conn.Conn().PgConn().TxStatus())
	if err := conn.QueryRow(t.Context(), `select pg_backend_pid(), current_user::text`).Scan(&got.pid, &got.user); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestRoleEndsWithTheTransaction: however it ends, the pool's only connection is nobody's afterwards, and the next tenant gets its
// own role on it. A connection that could not be cleaned is replaced.
func TestRoleEndsWithTheTransaction(t *testing.T) {
	t.Parallel()
	mine, other := schemaOf(t), schemaOf(t)
	ends := map[string]struct {
		end  func(context.Context, context.CancelFunc, *postgres.Tx) error
		same bool // the connection survives
		ok   bool // the row stays
	}{
		"commit": {func(context.Context, context.CancelFunc, *postgres.Tx) error { return nil }, true, true},
		"commit with control": {func(_ context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			tx.Control(`select 1`)
			return nil
		}, true, true},
		"commit with a last": {func(_ context.Context, _ context.CancelFunc, tx *postgres.Tx) error { tx.Last(`select 1`); return nil }, true, true},
		"control that is wrong": {func(_ context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			tx.Control(`select 1/0`)
			return nil
		}, true, false},
		"last that is wrong": {func(_ context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			tx.Last(`select 1/0`)
			tx.Control(`select 1`)
			return nil
		}, true, false},
		"swallowed error with control": {func(ctx context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			_, _ = tx.Exec(ctx, `select 1/0`)
			tx.Control(`select 1`)
			return nil
		}, true, false},
		"cancelled before control": {func(_ context.Context, cancel context.CancelFunc, tx *postgres.Tx) error {
			tx.Control(`select 1`)
			cancel()
			return nil
		}, true, false},
		"rows left open with control": {func(ctx context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			tx.Control(`select 1`)
			_, err := tx.Query(ctx, `select generate_series(1, 100000)`)
			return err
		}, false, false},
		"error of ours": {func(context.Context, context.CancelFunc, *postgres.Tx) error { return errChanged }, true, false},
		"error of the SQL": {func(ctx context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			_, err := tx.Exec(ctx, `select 1/0`)
			return err
		}, true, false},
		"swallowed error": {func(ctx context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			_, _ = tx.Exec(ctx, `select 1/0`)
			return nil
		}, true, false},
		"cancelled between statements": {func(_ context.Context, cancel context.CancelFunc, _ *postgres.Tx) error { cancel(); return nil }, true, false},
		"cancelled in a statement": {func(ctx context.Context, cancel context.CancelFunc, tx *postgres.Tx) error {
			go func() { eventuallyBusy(t, tx); cancel() }()
			_, err := tx.Exec(ctx, `select pg_sleep(30)`)
			return err
		}, false, false},
		"rows left open": {func(ctx context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			_, err := tx.Query(ctx, `select generate_series(1, 100000)`)
			return err
		}, false, false},
		"panic": {func(context.Context, context.CancelFunc, *postgres.Tx) error { panic("a mistake of ours") }, true, false},
		"panic midway": {func(ctx context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			_, _ = tx.Query(ctx, `select generate_series(1, 100000)`)
			panic("a mistake of ours")
		}, false, false},
		"panic as control": {func(ctx context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			return tx.AsControl(ctx, func(pgx.Tx) error { panic("a mistake of ours") })
		}, true, false},
		"error as control": {func(ctx context.Context, _ context.CancelFunc, tx *postgres.Tx) error {
			return tx.AsControl(ctx, func(pgx.Tx) error { return errChanged })
		}, true, false},
	}
	for name, c := range ends {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := single(t, nil)
			before, id := look(t, db, mine), uuid.New()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			err := caught(func() error {
				return db.InTenant(ctx, mine, func(tx *postgres.Tx) error {
					var user string
					if err := tx.QueryRow(ctx, `select current_user::text`).Scan(&user); err != nil || user != mine.Name {
						t.Errorf("inside we are %q: %v", user, err)
					}
					if err := put(t, tx, id); err != nil {
						t.Error(err)
					}
					return c.end(ctx, cancel, tx)
				})
			})
			if (err == nil) != c.ok {
				t.Errorf("it ended with %v", err)
			}
			after := look(t, db, mine)
			if after.user != "dl_app" || after.open != "I" || (after.pid == before.pid) != c.same {
				t.Errorf("the connection was %+v and is %+v", before, after)
			}
			if got := rowsOf(t, mine, id); (got == 1) != c.ok {
				t.Errorf("%d rows are left", got)
			}
			err = db.InTenant(t.Context(), other, func(tx *postgres.Tx) error {
				_, err := tx.Exec(t.Context(), `select 1 from tenant.submission`)
				return err
			})
			if err != nil {
				t.Errorf("the next tenant: %v", err)
			}
		})
	}
}

// caught turns a panic into an error: the server's recovery does the same.
func caught(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = errors.New("panicked")
		}
	}()
	return f()
}

// TestTxIsDeadAfterItsTransaction: what was kept of a transaction cannot speak on the connection's next one, however it was ended.
func TestTxIsDeadAfterItsTransaction(t *testing.T) {
	t.Parallel()
	db, mine, other := single(t, nil), schemaOf(t), schemaOf(t)
	for name, end := range map[string]func(*postgres.Tx) error{
		"committed":              func(*postgres.Tx) error { return nil },
		"committed with control": func(tx *postgres.Tx) error { tx.Control(`select 1`); return nil },
		"rolled back":            func(*postgres.Tx) error { return errChanged },
		"refused":                func(tx *postgres.Tx) error { tx.Last(`select 1/0`); return nil },
	} {
		var kept *postgres.Tx
		_ = db.InTenant(t.Context(), mine, func(tx *postgres.Tx) error { kept = tx; return end(tx) })
		for way, speak := range map[string]func() error{
			"Exec":      func() error { _, err := kept.Exec(t.Context(), `select 1`); return err },
			"Query":     func() error { _, err := kept.Query(t.Context(), `select 1`); return err },
			"QueryRow":  func() error { return kept.QueryRow(t.Context(), `select 1`).Scan(new(int)) },
			"AsControl": func() error { return kept.AsControl(t.Context(), func(pgx.Tx) error { return nil }) },
			"Batch":     func() error { b := kept.Batch(); b.Queue(nil, `select 1`); return b.Send(t.Context()) },
		} {
			err := db.InTenant(t.Context(), other, func(*postgres.Tx) error { return speak() })
			if !errors.Is(err, pgx.ErrTxClosed) {
				t.Errorf("%s, %s: %v", name, way, err)
			}
		}
	}
}

// TestUnknownSchema: where there is no role to take, no statement runs, by whatever way it is the first.
func TestUnknownSchema(t *testing.T) {
	t.Parallel()
	db, id := single(t, nil), uuid.New()
	for name, first := range map[string]func(*postgres.Tx) error{
		"Exec":  func(tx *postgres.Tx) error { _, err := tx.Exec(t.Context(), locate, id, 1); return err },
		"Query": func(tx *postgres.Tx) error { _, err := tx.Query(t.Context(), locate, id, 1); return err },
		"QueryRow": func(tx *postgres.Tx) error {
			return tx.QueryRow(t.Context(), locate+` returning 1`, id, 1).Scan(new(int))
		},
		"Batch":      func(tx *postgres.Tx) error { b := tx.Batch(); b.Queue(nil, locate, id, 1); return b.Send(t.Context()) },
		"Last":       func(tx *postgres.Tx) error { tx.Last(`select 1`); tx.Control(locate, id, 1); return nil },
		"ControlOne": func(tx *postgres.Tx) error { tx.ControlOne(errChanged, locate, id, 1); return nil },
		"AsControl": func(tx *postgres.Tx) error {
			return tx.AsControl(t.Context(), func(pgx.Tx) error { t.Error("the function ran without a role"); return nil })
		},
		"swallowed": func(tx *postgres.Tx) error {
			_, first := tx.Exec(t.Context(), `select 1`)
			if _, err := tx.Exec(t.Context(), locate, id, 1); err == nil {
				t.Error("a second statement ran without a role")
			}
			return first
		},
	} {
		err := db.InTenant(t.Context(), postgres.Schema{ID: 1, Name: `nobody"; reset role; --`}, first)
		if state(err) != "22023" { // invalid_parameter_value: role does not exist
			t.Errorf("%s: %v", name, err)
		}
		if got := look(t, db, postgres.Schema{}); got.user != "dl_app" || got.open != "I" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if n := count(t, `select count(*) from control.entry_locator where entry_id = $1`, id); n != 0 {
		t.Errorf("%d statements ran with another role", n)
	}
}

// TestControlCommitsWithTheTenant (promise 1): locators, notes for the sealer and jobs stand with the tenant's rows or not at all.
func TestControlCommitsWithTheTenant(t *testing.T) {
	t.Parallel()
	db, s := stacktest.Migrated(t).DB, schemaOf(t)
	const locate = `insert into control.entry_locator (entry_id, tenant_id) values ($1, $2)`
	for name, c := range map[string]struct {
		after func(*postgres.Tx, uuid.UUID) error
		rows  int
	}{
		"all well":                {func(*postgres.Tx, uuid.UUID) error { return nil }, 1},
		"we change our mind":      {func(*postgres.Tx, uuid.UUID) error { return errChanged }, 0},
		"the tenant's SQL fails":  {func(tx *postgres.Tx, _ uuid.UUID) error { _, err := tx.Exec(t.Context(), `select 1/0`); return err }, 0},
		"the control's SQL fails": {func(tx *postgres.Tx, id uuid.UUID) error { tx.Control(locate, id, s.ID); return nil }, 0}, // twice: 23505
		"a later one fails":       {func(tx *postgres.Tx, _ uuid.UUID) error { tx.Control(`select 1/0`); tx.Control(`select 1`); return nil }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := uuid.New()
			err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
				tx.Control(locate, id, s.ID)
				if err := put(t, tx, id); err != nil {
					return err
				}
				return c.after(tx, id)
			})
			if (err == nil) != (c.rows == 1) {
				t.Error(err)
			}
			located := count(t, `select count(*) from control.entry_locator where entry_id = $1`, id)
			if rows := rowsOf(t, s, id); rows != c.rows || located != c.rows {
				t.Errorf("%d of the tenant's rows and %d of the control's, want %d of each", rows, located, c.rows)
			}
		})
	}
}

// TestAsControl: inside it is the service's role, afterwards the tenant's again, and its rows commit with the tenant's.
func TestAsControl(t *testing.T) {
	t.Parallel()
	db, s := stacktest.Migrated(t).DB, schemaOf(t)
	for _, end := range []error{nil, errChanged} {
		id := uuid.New()
		err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
			var before, inside, after string
			const who = `select current_user::text`
			err := errors.Join(
				tx.QueryRow(t.Context(), who).Scan(&before),
				tx.AsControl(t.Context(), func(control pgx.Tx) error {
					_, err := control.Exec(t.Context(), `insert into control.entry_locator (entry_id, tenant_id) values ($1, $2)`, id, s.ID)
					return errors.Join(err, control.QueryRow(t.Context(), who).Scan(&inside))
				}),
				tx.QueryRow(t.Context(), who).Scan(&after))
			if err != nil || before != s.Name || inside != "dl_app" || after != s.Name {
				t.Errorf("%s, %s, %s: %v", before, inside, after, err)
			}
			return end
		})
		if err != end {
			t.Fatal(err)
		}
		want := map[bool]int{true: 1, false: 0}[end == nil]
		if n := count(t, `select count(*) from control.entry_locator where entry_id = $1`, id); n != want {
			t.Errorf("ended with %v: %d rows", end, n)
		}
	}
}

// TestLentIsDeadAfterItsTransaction: so is what AsControl gave away.
func TestLentIsDeadAfterItsTransaction(t *testing.T) {
	t.Parallel()
	var kept pgx.Tx
	db := single(t, nil)
	err := db.InTenant(t.Context(), schemaOf(t), func(tx *postgres.Tx) error {
		tx.Control(`select 1`)
		return tx.AsControl(t.Context(), func(control pgx.Tx) error { kept = control; return nil })
	})
	if _, late := kept.Exec(t.Context(), `select 1`); err != nil || !errors.Is(late, pgx.ErrTxClosed) {
		t.Errorf("%v, then %v", err, late)
	}
}

// TestBatch: all statements travel, the first error counts, a check's no undoes everything.
func TestBatch(t *testing.T) {
	t.Parallel()
	db, s := stacktest.Migrated(t).DB, schemaOf(t)
	const add = `insert into tenant.association (id, kind, source_id, target_id, submission_id, registered_at) values ($1, 'M', $1, $1, $1, now())`
	for name, c := range map[string]struct {
		second string
		check  func(int64) error
		want   string
		rows   int
	}{
		"fine": {`delete from tenant.association where id <> $1 and false`, func(n int64) error { return nil }, "", 1},
		"check refuses": {`delete from tenant.association where id <> $1 and false`, func(n int64) error {
			if n != 0 {
				t.Errorf("told of %d rows", n)
			}
			return errChanged
		}, errChanged.Error(), 0},
		"SQL fails": {`insert into tenant.association select * from tenant.association where id = $1`, nil, "23505", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			id := uuid.New()
			err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
				b := tx.Batch()
				b.Queue(func(n int64) error {
					if n != 1 {
						t.Errorf("the insert touched %d rows", n)
					}
					return nil
				}, add, id)
				b.Queue(c.check, c.second, id)
				return b.Send(t.Context())
			})
			if got := rowsOf(t, s, id); got != c.rows || (err == nil) != (c.want == "") {
				t.Errorf("%v, %d rows", err, got)
			}
			if c.want == "23505" {
				if constraint, yes := postgres.IsDuplicate(err); !yes || constraint != "association_pkey" {
					t.Errorf("%q, %t", constraint, yes)
				}
			}
		})
	}
	if err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error { return tx.Batch().Send(t.Context()) }); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
	if _, yes := postgres.IsDuplicate(errChanged); yes {
		t.Error("any error is a duplicate")
	}
}
