package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	putSQL = `insert into tenant.association (id, kind, source_id, target_id, submission_id, registered_at) values ($1, 'M', $1, $1, $1, now())`
	locate = `insert into control.entry_locator (entry_id, tenant_id) values ($1, $2)`
)

// jointly is a Joint that puts one row in each tenant and one beside it in the control schema.
func jointly(id uuid.UUID, tenants ...postgres.Schema) *postgres.Joint {
	var j postgres.Joint
	for _, s := range tenants {
		j.Queue(s, putSQL, id)
		j.Control(locate, id, s.ID)
	}
	return &j
}

// wantEverywhere wants n rows of each tenant's and n of the control schema's for each.
func wantEverywhere(t *testing.T, id uuid.UUID, n int, tenants ...postgres.Schema) {
	t.Helper()
	for _, s := range tenants {
		located := count(t, `select count(*) from control.entry_locator where entry_id = $1 and tenant_id = $2`, id, s.ID)
		if rows := rowsOf(t, s, id); rows != n || located != n {
			t.Errorf("%d rows of %s and %d of the control's, want %d of each", rows, s.Name, located, n)
		}
	}
}

// wantClean wants the only joint connection to be nobody's, outside any transaction and without the patience of the last.
func wantClean(t *testing.T, db *postgres.DB) {
	t.Helper()
	conn, err := db.JointPool().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	status := string(conn.Conn().PgConn().TxStatus())
	var user, patience string
	err = conn.QueryRow(t.Context(), `select current_user::text, current_setting('lock_timeout')`).Scan(&user, &patience)
	if err != nil || user != "dl_app" || patience != "0" || status != "I" {
		t.Errorf("the connection is %q's, with a patience of %s, in state %s: %v", user, patience, status, err)
	}
}

// TestJointCommitsAllOrNone (promise 1), and the wall stands between the statements (T2).
func TestJointCommitsAllOrNone(t *testing.T) {
	t.Parallel()
	a, b, c := schemaOf(t), schemaOf(t), schemaOf(t)
	foreign := func(name string) string { return "select 1 from " + pgx.Identifier{name, "association"}.Sanitize() }
	for name, test := range map[string]struct {
		change func(*postgres.Joint, uuid.UUID)
		state  string
	}{
		"all well":                        {func(*postgres.Joint, uuid.UUID) {}, ""},
		"two statements of one":           {func(j *postgres.Joint, _ uuid.UUID) { j.Queue(c, putSQL, uuid.New()); j.Queue(c, putSQL, uuid.New()) }, ""},
		"a tenant's statement fails":      {func(j *postgres.Joint, id uuid.UUID) { j.Queue(b, putSQL, id) }, "23505"},
		"the control's statement fails":   {func(j *postgres.Joint, id uuid.UUID) { j.Control(locate, id, a.ID) }, "23505"},
		"a tenant names the one before":   {func(j *postgres.Joint, _ uuid.UUID) { j.Queue(b, foreign(a.Name)) }, denied},
		"a tenant names one not asked":    {func(j *postgres.Joint, _ uuid.UUID) { j.Queue(a, foreign(schemaOf(t).Name)) }, denied},
		"a tenant names the control's":    {func(j *postgres.Joint, _ uuid.UUID) { j.Queue(a, `select 1 from control.audit_pending`) }, denied},
		"the control names a tenant":      {func(j *postgres.Joint, _ uuid.UUID) { j.Control(foreign(a.Name)) }, denied},
		"a statement that is none":        {func(j *postgres.Joint, _ uuid.UUID) { j.Queue(a, `selekt`) }, "42601"},
		"nobody's role":                   {func(j *postgres.Joint, _ uuid.UUID) { j.Queue(postgres.Schema{Name: `x"; reset role; --`}, `select 1`) }, "22023"},
		"two statements where one stands": {func(j *postgres.Joint, _ uuid.UUID) { j.Queue(a, `select 1; select 2`) }, "42601"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db, id := single(t, nil), uuid.New()
			j := jointly(id, a, b)
			test.change(j, id)
			err := db.Commit(t.Context(), j, time.Minute)
			if (err == nil) != (test.state == "") || state(err) != test.state || errors.Is(err, postgres.ErrUnconfirmed) {
				t.Errorf("it ended with %v, want %q", err, test.state)
			}
			wantEverywhere(t, id, map[bool]int{true: 1, false: 0}[test.state == ""], a, b)
			wantClean(t, db)
		})
	}
}

// TestJointRoles: each statement runs as its own tenant and the control's as the service.
func TestJointRoles(t *testing.T) {
	t.Parallel()
	tenants := []postgres.Schema{schemaOf(t), schemaOf(t), schemaOf(t)}
	var j postgres.Joint
	for _, s := range append(tenants, tenants[0]) {
		j.Queue(s, fmt.Sprintf(`select 1 / (current_user = '%s')::int`, s.Name))
	}
	j.Control(`select 1 / (current_user = 'dl_app')::int`)
	if err := single(t, nil).Commit(t.Context(), &j, time.Minute); err != nil {
		t.Error(err)
	}
}

// TestJointDoesNotWaitForOne: a tenant whose table somebody has locked fails all within the patience.
func TestJointDoesNotWaitForOne(t *testing.T) {
	t.Parallel()
	a, b, db, id := schemaOf(t), schemaOf(t), single(t, nil), uuid.New()
	tx, err := stacktest.Migrated(t).Owner.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer rollback(tx)
	if _, err := tx.Exec(t.Context(), "lock table "+pgx.Identifier{b.Name, "association"}.Sanitize()+" in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err = db.Commit(t.Context(), jointly(id, a, b), 50*time.Millisecond)
	wantUnavailable(t, err, unchanged)
	if took := time.Since(began); took > 10*time.Second { // the statement's own deadline is 15 s
		t.Errorf("it waited %v", took)
	}
	rollback(tx)
	wantEverywhere(t, id, 0, a, b)
	wantClean(t, db)
}

func rollback(tx pgx.Tx) { _ = tx.Rollback(context.Background()) }

// TestJointEnds: a request that has gone before leaves nothing; one that goes midway is told that nobody knows, or that nothing
// was changed, as it is.
func TestJointEnds(t *testing.T) {
	t.Parallel()
	a, b := schemaOf(t), schemaOf(t)
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		id := uuid.New()
		err := single(t, nil).Commit(ctx, jointly(id, a, b), time.Minute)
		wantUnavailable(t, err, unchanged)
		wantEverywhere(t, id, 0, a, b)
	})
	t.Run("midway", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		db, id := single(t, nil), uuid.New()
		j := jointly(id, a, b)
		j.Queue(b, `select pg_sleep(30)`)
		go func() { eventuallyBusy(t, &postgres.Tx{Schema: b}); cancel() }()
		err := db.Commit(ctx, j, time.Minute)
		wantUnavailable(t, err, "not known whether")
		if !errors.Is(err, postgres.ErrUnconfirmed) {
			t.Error(err)
		}
		wantEverywhere(t, id, 0, a, b)
		wantClean(t, db)
	})
}

// TestJointCommitInDoubt: the commit is made, its answer never comes.
func TestJointCommitInDoubt(t *testing.T) {
	t.Parallel()
	a, b, id := schemaOf(t), schemaOf(t), uuid.New()
	db, r := relayed(t)
	r.armed.Store(true)
	err := db.Commit(t.Context(), jointly(id, a, b), time.Minute)
	r.armed.Store(false)
	wantUnavailable(t, err, "not known whether")
	if !errors.Is(err, postgres.ErrUnconfirmed) {
		t.Error(err)
	}
	// The server reads the batch at its own pace.
	eventually(t, func() bool { return rowsOf(t, a, id) == 1 })
	wantEverywhere(t, id, 1, a, b)
	if err := db.Commit(t.Context(), jointly(uuid.New(), a, b), time.Minute); err != nil {
		t.Errorf("the pool did not recover: %v", err)
	}
}

// TestJointRefused: what the server itself refuses is not in doubt, although the commit was sent with it.
func TestJointRefused(t *testing.T) {
	t.Parallel()
	a, id, db := schemaOf(t), uuid.New(), single(t, nil)
	j := jointly(id, a)
	j.Control(`select pg_terminate_backend(pg_backend_pid())`)
	err := db.Commit(t.Context(), j, time.Minute)
	wantUnavailable(t, err, unchanged)
	if errors.Is(err, postgres.ErrUnconfirmed) {
		t.Error(err)
	}
	wantEverywhere(t, id, 0, a)
	wantClean(t, db)
}

// relayed is a database with one connection, behind a relay that can swallow a commit's answer.
func relayed(t *testing.T) (*postgres.DB, *relay) {
	t.Helper()
	stacktest.Migrated(t)
	u, err := url.Parse(stacktest.Parts(t).AppURL)
	if err != nil {
		t.Fatal(err)
	}
	r := startRelay(t, u.Host)
	u.Host = r.address
	return opened(t, postgres.Config{URL: u.String(), Pools: 1, ConnsPerPool: 1}), r
}
