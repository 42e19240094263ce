package postgres_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
)

const unchanged = "Nothing was changed"

func eventually(t *testing.T, f func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("it did not come to be in 20 seconds")
			return
		}
	}
}

// eventuallyBusy waits until the database works on the tenant's pg_sleep.
func eventuallyBusy(t *testing.T, tx *postgres.Tx) {
	t.Helper()
	eventually(t, func() bool {
		return count(t, `select count(*) from pg_stat_activity a join pg_locks l on l.pid = a.pid join pg_class c on c.oid = l.relation
			join pg_namespace n on n.oid = c.relnamespace where a.query like 'select pg_sleep%' and a.wait_event = 'PgSleep' and n.nspname = $1`, tx.Schema.Name) > 0
	})
}

func TestTimeoutsAskToComeBack(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	t.Run("statement", func(t *testing.T) {
		t.Parallel()
		db := single(t, func(c *postgres.Config) { c.StatementTimeout = 100 * time.Millisecond })
		err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
			_, err := tx.Exec(t.Context(), `select pg_sleep(30)`)
			return err
		})
		wantUnavailable(t, err, unchanged)
		_, err = db.Control().Exec(t.Context(), `select pg_sleep(30)`)
		wantUnavailable(t, postgres.Unavailable(err), unchanged)
	})
	t.Run("waiting for a lock", func(t *testing.T) {
		t.Parallel()
		db := single(t, func(c *postgres.Config) { c.StatementTimeout, c.ConnsPerPool = time.Second, 2 })
		id := uuid.New()
		err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
			if err := put(t, tx, id); err != nil {
				return err
			}
			err := db.InTenant(t.Context(), s, func(second *postgres.Tx) error { return put(t, second, id) })
			wantUnavailable(t, err, unchanged)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("connection", func(t *testing.T) {
		t.Parallel()
		db := single(t, func(c *postgres.Config) { c.AcquireTimeout = time.Second })
		err := db.InTenant(t.Context(), s, func(*postgres.Tx) error {
			began := time.Now()
			err := db.InTenant(t.Context(), s, func(*postgres.Tx) error { t.Error("there is only one connection"); return nil })
			wantUnavailable(t, err, unchanged)
			if waited := time.Since(began); waited < time.Second || waited > 10*time.Second {
				t.Errorf("waited %v", waited)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
	t.Run("request", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := single(t, nil).InTenant(ctx, s, func(tx *postgres.Tx) error {
			_, err := tx.Exec(ctx, `select pg_sleep(30)`)
			return err
		})
		wantUnavailable(t, err, unchanged)
	})
	t.Run("idle in a transaction", func(t *testing.T) {
		t.Parallel()
		err := single(t, nil).InTenant(t.Context(), s, func(tx *postgres.Tx) error {
			if _, err := tx.Exec(t.Context(), `set local idle_in_transaction_session_timeout = 50`); err != nil {
				return err
			}
			time.Sleep(300 * time.Millisecond)
			return put(t, tx, uuid.New())
		})
		wantUnavailable(t, err, unchanged)
	})
}

// TestKilledBackend: whenever the server ends the session, nothing of the transaction is left, the caller is asked to come back,
// and the pool is well again at once.
func TestKilledBackend(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	for name, next := range map[string]func(*postgres.Tx) error{
		"before a statement":     func(tx *postgres.Tx) error { return put(t, tx, uuid.New()) },
		"before the commit":      func(*postgres.Tx) error { return nil },
		"before control's batch": func(tx *postgres.Tx) error { tx.Control(`select 1`); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, id := single(t, nil), uuid.New()
			err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
				if err := put(t, tx, id); err != nil {
					return err
				}
				var pid int
				if err := tx.QueryRow(t.Context(), `select pg_backend_pid()`).Scan(&pid); err != nil {
					return err
				}
				count(t, `select pg_terminate_backend($1, 5000)::int`, pid)
				return next(tx)
			})
			wantUnavailable(t, err, "end the same request again")
			if n := rowsOf(t, s, id); n != 0 {
				t.Errorf("%d rows are left", n)
			}
			if err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error { return put(t, tx, id) }); err != nil {
				t.Errorf("the pool did not recover: %v", err)
			}
		})
	}
}

// relay stands before the database and, when told to, passes the next commit on and swallows the answer.
type relay struct {
	address string
	armed   atomic.Bool
	// trips counts what the client sent and waits for an answer to: the protocol's Query and Sync.
	trips atomic.Int64
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	r := &relay{address: listener.Addr().String()}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go r.serve(client, to)
		}
	}()
	return r
}

// count knows the protocol's messages by type and length; each of ours comes in one piece, and the first, which has no type, counts nothing.
func (r *relay) count(sent []byte) {
	for len(sent) >= 5 {
		if sent[0] == 'Q' || sent[0] == 'S' {
			r.trips.Add(1)
		}
		sent = sent[min(len(sent), 1+int(binary.BigEndian.Uint32(sent[1:]))):]
	}
}

func (r *relay) serve(client net.Conn, to string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	var cut atomic.Bool
	go func() {
		buf := make([]byte, 64<<10)
		for {
			n, err := client.Read(buf)
			r.count(buf[:n])
			if bytes.Contains(buf[:n], []byte("commit\x00")) && r.armed.Load() {
				cut.Store(true)
			}
			if _, werr := server.Write(buf[:n]); err != nil || werr != nil {
				_ = server.Close()
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		// The answer to the commit has come: the change is made, and nobody will hear of it.
		if err != nil || cut.Load() {
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// TestCommitInDoubt: when the connection breaks after the commit was sent, alone or behind other statements, the answer must not say
// that nothing was changed.
func TestCommitInDoubt(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	for name, more := range map[string]func(*postgres.Tx){
		"alone":      func(*postgres.Tx) {},
		"behind":     func(tx *postgres.Tx) { tx.Control(`select 1`) },
		"with a one": func(tx *postgres.Tx) { tx.ControlOne(errChanged, `select 1`) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, r := relayed(t)
			id := uuid.New()
			err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error { more(tx); r.armed.Store(true); return put(t, tx, id) })
			r.armed.Store(false)
			wantUnavailable(t, err, "not known whether")
			if !errors.Is(err, postgres.ErrUnconfirmed) {
				t.Error(err)
			}
			// The server reads what was passed on at its own pace.
			eventually(t, func() bool { return rowsOf(t, s, id) == 1 })
			if err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error { return put(t, tx, uuid.New()) }); err != nil {
				t.Errorf("the pool did not recover: %v", err)
			}
		})
	}
}

// TestCommitAfterAll: a check of ControlOne stands before the commit, not beside it.
func TestCommitAfterAll(t *testing.T) {
	t.Parallel()
	db, s, id := single(t, nil), schemaOf(t), uuid.New()
	err := db.InTenant(t.Context(), s, func(tx *postgres.Tx) error {
		tx.Last(putSQL, id)
		tx.ControlOne(errChanged, `select 1 where false`)
		return nil
	})
	if !errors.Is(err, errChanged) || rowsOf(t, s, id) != 0 {
		t.Errorf("%v, %d rows", err, rowsOf(t, s, id))
	}
}

// TestRoundTrips: what a transaction waits for is as often as is said, no more.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	a, b := schemaOf(t), schemaOf(t)
	for name, c := range map[string]struct {
		run   func(*postgres.DB) error
		trips int64
	}{
		"nothing": {func(db *postgres.DB) error {
			return db.InTenant(t.Context(), a, func(*postgres.Tx) error { return nil })
		}, 0},
		"statement": {func(db *postgres.DB) error {
			return db.InTenant(t.Context(), a, func(tx *postgres.Tx) error { return put(t, tx, uuid.New()) })
		}, 2},
		"what stands at end": {func(db *postgres.DB) error {
			return db.InTenant(t.Context(), a, func(tx *postgres.Tx) error { tx.Last(putSQL, uuid.New()); tx.Control(`select 1`); return nil })
		}, 1},
		"with a check": {func(db *postgres.DB) error {
			return db.InTenant(t.Context(), a, func(tx *postgres.Tx) error { tx.ControlOne(errChanged, `select 1`); return nil })
		}, 2},
		"two readings": {func(db *postgres.DB) error {
			return db.Reading(t.Context(), a, func(tx *postgres.Tx) error {
				return errors.Join(seven(t, tx, `select generate_series(1, 7)`), one(t, tx.QueryRow(t.Context(), `select 1`), 1))
			})
		}, 2},
		"joint": {func(db *postgres.DB) error { return db.Commit(t.Context(), jointly(uuid.New(), a, b), time.Minute) }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, r := relayed(t)
			if err := c.run(db); err != nil { // the connection is made
				t.Fatal(err)
			}
			before := r.trips.Load()
			if err := c.run(db); err != nil {
				t.Fatal(err)
			}
			if n := r.trips.Load() - before; n != c.trips {
				t.Errorf("%d round trips, want %d", n, c.trips)
			}
		})
	}
}

func TestUnavailable(t *testing.T) {
	t.Parallel()
	own := fault.New(fault.TargetDeprecated, "x")
	for name, c := range map[string]struct {
		err  error
		want fault.Code
	}{
		"connection exception": {&pgconn.PgError{Code: "08006"}, fault.PartUnavailable},
		"shutdown":             {&pgconn.PgError{Code: "57P01"}, fault.PartUnavailable},
		"too many connections": {&pgconn.PgError{Code: "53300"}, fault.PartUnavailable},
		"disk full":            {&pgconn.PgError{Code: "53100"}, fault.PartUnavailable},
		"deadlock":             {fmt.Errorf("x: %w", &pgconn.PgError{Code: "40P01"}), fault.PartUnavailable},
		"lock":                 {&pgconn.PgError{Code: "55P03"}, fault.PartUnavailable},
		"idle too long":        {&pgconn.PgError{Code: "25P03"}, fault.PartUnavailable},
		"read-only standby":    {&pgconn.PgError{Code: "25006"}, fault.PartUnavailable},
		"aborted transaction":  {&pgconn.PgError{Code: "25P02"}, ""},
		"denied":               {&pgconn.PgError{Code: denied}, ""},
		"duplicate":            {&pgconn.PgError{Code: "23505"}, ""},
		"end":                  {fmt.Errorf("x: %w", io.ErrUnexpectedEOF), fault.PartUnavailable},
		"network":              {&net.OpError{Op: "read", Err: errors.New("reset")}, fault.PartUnavailable},
		"deadline":             {context.DeadlineExceeded, fault.PartUnavailable},
		"a mistake":            {errors.New("x"), ""},
		"a fault":              {own.Because(context.Canceled), fault.TargetDeprecated},
	} {
		got := postgres.Unavailable(c.err)
		var p *fault.Problem
		if c.want == "" && !errors.Is(got, c.err) || errors.As(got, &p) != (c.want != "") || p != nil && p.Code != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if postgres.Unavailable(nil) != nil {
		t.Error("nil became an error")
	}
}

// TestOpenFails: a wrong address is known at once, and no text of it, which holds a password, is repeated.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"postgres://x:secret@127.0.0.1:1/x?sslmode=disable", "postgres://x:secret@[::1/x", "x:secret port=secret"} {
		for name, open := range map[string]func() error{
			"Open":      func() error { _, err := postgres.Open(t.Context(), postgres.Config{URL: address}); return err },
			"OpenOwner": func() error { _, err := postgres.OpenOwner(t.Context(), address, nil); return err },
		} {
			if err := open(); err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
