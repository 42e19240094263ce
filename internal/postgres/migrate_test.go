package postgres_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// files are the real migrations and some more.
func files(t *testing.T, more map[string]string) fs.FS {
	t.Helper()
	all := fstest.MapFS{}
	err := fs.WalkDir(migrations.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(migrations.FS, path)
		all[path] = &fstest.MapFile{Data: data}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, sql := range more {
		all[path] = &fstest.MapFile{Data: []byte(sql)}
	}
	return all
}

func owner(t *testing.T, url string, files fs.FS) *postgres.Owner {
	t.Helper()
	o, err := postgres.OpenOwner(t.Context(), url, files)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.Close)
	return o
}

func migrate(t *testing.T, o *postgres.Owner) {
	t.Helper()
	if err := o.Migrate(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
}

// picture is everything a migration could change: the relations with their file nodes, the columns, rights and versions.
func picture(t *testing.T, o *postgres.Owner) []string {
	t.Helper()
	rows, err := o.Pool().Query(t.Context(), `
		select format('relation %s.%s %s %s %s', n.nspname, c.relname, c.oid, c.relfilenode, c.relacl) from pg_class c join pg_namespace n on n.oid = relnamespace
		  where nspname not in ('pg_catalog', 'information_schema')
		union all select format('column %s %s %s', attrelid, attname, atttypid) from pg_attribute where attrelid >= 16384
		union all select format('schema %s %s', nspname, nspacl) from pg_namespace
		union all select format('version %s %s %s', schema_name, version, at) from control.schema_version order by 1`)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func TestMigratingAgainDoesNothing(t *testing.T) {
	t.Parallel()
	url, _ := stacktest.EmptyDatabase(t)
	o := owner(t, url, migrations.FS)
	migrate(t, o)
	(&stacktest.Database{Owner: o}).Tenant(t)
	before := picture(t, o)
	err := o.Migrate(t.Context(), func(int, int) { t.Error("progress tells of a tenant that had nothing to do") })
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, picture(t, o)); diff != "" {
		t.Error(diff)
	}
}

func version(t *testing.T, o *postgres.Owner, schema string) (v int) {
	t.Helper()
	if err := o.Pool().QueryRow(t.Context(), `select version from control.schema_version where schema_name = $1`, schema).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func exists(t *testing.T, o *postgres.Owner, schema, table string) (yes bool) {
	t.Helper()
	if err := o.Pool().QueryRow(t.Context(), `select to_regclass($1) is not null`, schema+"."+table).Scan(&yes); err != nil {
		t.Fatal(err)
	}
	return yes
}

// TestMigrationResumes: the last version fails in one of three tenants; that one stays whole at the one before, and a second run, when the
// obstacle is gone, finishes exactly what is left.
func TestMigrationResumes(t *testing.T) {
	t.Parallel()
	url, _ := stacktest.EmptyDatabase(t)
	old := owner(t, url, migrations.FS)
	migrate(t, old)
	d := &stacktest.Database{Owner: old}
	all := []tenant.Tenant{d.Tenant(t), d.Tenant(t), d.Tenant(t)}
	bad := all[1].SchemaName
	if _, err := old.Pool().Exec(t.Context(), "create table "+bad+".last (n int)"); err != nil {
		t.Fatal(err)
	}
	o := owner(t, url, files(t, map[string]string{
		"tenant/9001_more.sql": "create table tenant.more (n int); grant select on tenant.more to tenant_role",
		"tenant/9002_last.sql": "create table tenant.first (n int); create table tenant.last (n int)",
	}))
	err := o.Migrate(t.Context(), func(int, int) {})
	if err == nil || !strings.Contains(err.Error(), "version 9002 of "+bad) {
		t.Fatalf("%v, want it to name the version and the schema", err)
	}
	if v := version(t, o, bad); v > 9001 || exists(t, o, bad, "first") || exists(t, o, bad, "more") != (v == 9001) {
		t.Fatalf("the tenant stands at version %d with half a migration", v)
	}
	if _, err := o.Pool().Exec(t.Context(), "drop table "+bad+".last"); err != nil {
		t.Fatal(err)
	}
	left := 0
	for _, each := range all {
		if version(t, o, each.SchemaName) < 9002 {
			left++
		}
	}
	var told []string
	if err := o.Migrate(t.Context(), func(done, total int) { told = append(told, fmt.Sprint(done, "/", total)) }); err != nil {
		t.Fatal(err)
	}
	for _, each := range all {
		if version(t, o, each.SchemaName) != 9002 || !exists(t, o, each.SchemaName, "last") || !exists(t, o, each.SchemaName, "more") {
			t.Errorf("%s is not finished", each.SchemaName)
		}
	}
	var want []string
	for i := range left {
		want = append(want, fmt.Sprint(i+1, "/", left))
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

// TestControlMigrationThatFailsLeavesNothing: neither its tables nor its version.
func TestControlMigrationThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	url, _ := stacktest.EmptyDatabase(t)
	o := owner(t, url, files(t, map[string]string{"control/9001_bad.sql": "create table control.half (n int); select 1/0"}))
	if err := o.Migrate(t.Context(), func(int, int) {}); state(err) != "22012" {
		t.Fatal(err)
	}
	if v := version(t, o, "control"); v >= 9001 || exists(t, o, "control", "half") {
		t.Errorf("version %d, half a migration is there: %t", v, exists(t, o, "control", "half"))
	}
}

// TestMigratorsAtOnce: replicas that start together migrate an empty database and old tenants together; none fails and no step,
// which could not run twice, runs twice.
func TestMigratorsAtOnce(t *testing.T) {
	t.Parallel()
	url, _ := stacktest.EmptyDatabase(t)
	together := func(files fs.FS) {
		t.Helper()
		var all sync.WaitGroup
		for range 4 {
			o := owner(t, url, files)
			all.Go(func() {
				if err := o.Migrate(t.Context(), func(int, int) {}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	together(migrations.FS)
	o := owner(t, url, migrations.FS)
	d := &stacktest.Database{Owner: o}
	d.Tenant(t)
	d.Tenant(t)
	together(files(t, map[string]string{
		"control/9001_step.sql": "create table control.ran (n int)",
		"tenant/9001_step.sql":  "create table tenant.once (n int); insert into control.ran values (1)",
	}))
	var ran int
	if err := o.Pool().QueryRow(t.Context(), `select count(*) from control.ran`).Scan(&ran); err != nil || ran != 2 {
		t.Errorf("the step ran %d times for 2 tenants: %v", ran, err)
	}
}

// TestAbandonedMigratorGivesTheLockFree: a cancelled migration must not keep the next one waiting.
func TestAbandonedMigratorGivesTheLockFree(t *testing.T) {
	t.Parallel()
	url, _ := stacktest.EmptyDatabase(t)
	ctx, cancel := context.WithCancel(t.Context())
	stuck := owner(t, url, files(t, map[string]string{"control/9001_slow.sql": "select pg_sleep(60)"}))
	ended := make(chan error, 1)
	go func() { ended <- stuck.Migrate(ctx, func(int, int) {}) }()
	o := owner(t, url, migrations.FS)
	eventually(t, func() bool {
		var n int
		err := o.Pool().QueryRow(t.Context(), `select count(*) from pg_stat_activity where datname = current_database() and query like 'select pg_sleep%'`).Scan(&n)
		return err == nil && n == 1
	})
	cancel()
	if err := <-ended; err == nil {
		t.Error("a cancelled migration says it is done")
	}
	migrate(t, o)
}

func TestMigrationNeedsANumber(t *testing.T) {
	t.Parallel()
	url, _ := stacktest.EmptyDatabase(t)
	o := owner(t, url, files(t, map[string]string{"control/first.sql": "select 1"}))
	if err := o.Migrate(t.Context(), func(int, int) {}); err == nil || !strings.Contains(err.Error(), "begin with a number") {
		t.Error(err)
	}
}

// TestTenantRolledBack: a tenant is made in one transaction (T6); one that fails later leaves no schema, role, right or row.
func TestTenantRolledBack(t *testing.T) {
	t.Parallel()
	d, name := stacktest.Migrated(t), "rolled_"+uuid.NewString()[:8]
	err := pgx.BeginFunc(t.Context(), d.Owner.Pool(), func(tx pgx.Tx) error {
		if err := d.Owner.CreateTenantSchema(t.Context(), tx, name); err != nil {
			t.Error(err)
		}
		return errChanged
	})
	if err != errChanged {
		t.Fatal(err)
	}
	for _, sql := range []string{`select count(*) from pg_namespace where nspname = $1`, `select count(*) from pg_roles where rolname = $1`,
		`select count(*) from control.schema_version where schema_name = $1`} {
		if n := count(t, sql, name); n != 0 {
			t.Errorf("%s: %d", sql, n)
		}
	}
}

// TestTenantIsSmall: relations per tenant are what limits the number of tenants (spec/postgres.md §1); TOAST and indexes count.
func TestTenantIsSmall(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	n := count(t, `with own as (select c.oid, c.reltoastrelid from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $1)
		select (select count(*) from own) + (select count(*) from own where reltoastrelid <> 0)
		+ (select count(*) from pg_index where indrelid in (select reltoastrelid from own))`, s.Name)
	if n > 30 || n < 20 {
		t.Errorf("%d relations, want at most 30 (and a test that finds them)", n)
	}
}

// TestTenantMigratedOrMadeIsTheSame: a new tenant is at the version of old ones.
func TestTenantMigratedOrMadeIsTheSame(t *testing.T) {
	t.Parallel()
	url, appURL := stacktest.EmptyDatabase(t)
	more := files(t, map[string]string{"tenant/9001_more.sql": "alter table tenant.submission add column more int", "control/9001_x.sql": "select 1"})
	o := owner(t, url, more)
	db := opened(t, postgres.Config{URL: appURL, Pools: 1})
	if err := db.CheckVersion(t.Context(), migrations.FS); err == nil || !strings.Contains(err.Error(), "dokumentlager migrate") {
		t.Errorf("an empty database: %v", err)
	}
	migrate(t, owner(t, url, migrations.FS))
	if err := db.CheckVersion(t.Context(), migrations.FS); err != nil {
		t.Error(err)
	}
	if err := db.CheckVersion(t.Context(), more); err == nil || !strings.Contains(err.Error(), "and this program needs 9001") {
		t.Errorf("an old database: %v", err)
	}
	migrate(t, o)
	if err := db.CheckVersion(t.Context(), migrations.FS); err != nil {
		t.Errorf("a newer database must do (H4): %v", err)
	}
	made := (&stacktest.Database{Owner: o}).Tenant(t)
	if v := version(t, o, made.SchemaName); v != 9001 {
		t.Errorf("made at version %d", v)
	}
	err := db.InTenant(t.Context(), made.Schema(), func(tx *postgres.Tx) error {
		_, err := tx.Exec(t.Context(), `select more from tenant.submission`)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
