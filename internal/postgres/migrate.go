package postgres

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"golang.org/x/sync/errgroup"
)

// migrationLock is the advisory lock that keeps two migrators apart; the number is arbitrary and ours.
const migrationLock = 7203001

// JobSchema is the schema of the job queue's own tables.
const JobSchema = "jobs"

// Owner migrates and makes tenant schemas. It logs in as the role that owns everything, which the serving process never does.
type Owner struct {
	pool  *pgxpool.Pool
	files fs.FS
}

// OpenOwner connects as the owning role; files holds control/ and tenant/ as package migrations does.
func OpenOwner(ctx context.Context, url string, files fs.FS) (*Owner, error) {
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the owner's database address cannot be read")
	}
	c.MaxConns = 6
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("the database does not answer: %w", err)
	}
	return &Owner{pool: pool, files: files}, nil
}

// Close ends the connections.
func (o *Owner) Close() { o.pool.Close() }

// Pool is for administration's own statements on the control schema.
func (o *Owner) Pool() *pgxpool.Pool { return o.pool }

type migration struct {
	version int
	sql     string
}

// load reads the files of one folder in order of their numbers.
func (o *Owner) load(dir string) ([]migration, error) {
	names, err := fs.Glob(o.files, dir+"/*.sql") // sorted by fs.Glob's contract of ReadDir
	if err != nil {
		return nil, err
	}
	var out []migration
	for _, name := range names {
		number, _, _ := strings.Cut(path.Base(name), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("migration %s: its name must begin with a number", name)
		}
		text, err := fs.ReadFile(o.files, name)
		if err != nil {
			return nil, err
		}
		out = append(out, migration{version, string(text)})
	}
	return out, nil
}

// Migrate brings the control schema, the job queue and then every tenant's schema to the newest version. It is resumable: each
// step commits with its version row, and a second run does nothing. Tenants are migrated in parallel; progress hears of each that is
// done, one call at a time.
func (o *Owner) Migrate(ctx context.Context, progress func(done, total int)) error {
	conn, err := o.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "select pg_advisory_lock($1)", migrationLock); err != nil {
		return err
	}
	defer conn.Exec(context.WithoutCancel(ctx), "select pg_advisory_unlock($1)", migrationLock)
	if err := o.migrateControl(ctx, conn.Conn()); err != nil {
		return fmt.Errorf("control schema: %w", err)
	}
	if err := o.migrateJobs(ctx); err != nil {
		return fmt.Errorf("job queue: %w", err)
	}
	return o.migrateTenants(ctx, progress)
}

func (o *Owner) migrateControl(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, `create schema if not exists control;
		create table if not exists control.schema_version (schema_name text primary key, version int not null, at timestamptz not null default now())`)
	if err != nil {
		return err
	}
	steps, err := o.load("control")
	if err != nil {
		return err
	}
	return o.apply(ctx, "control", steps, func(sql string) string { return sql })
}

// apply runs the missing steps of one schema, each in a transaction of its own with its version row.
func (o *Owner) apply(ctx context.Context, schema string, steps []migration, write func(string) string) error {
	for _, m := range steps {
		err := pgx.BeginFunc(ctx, o.pool, func(tx pgx.Tx) error {
			var have int
			err := tx.QueryRow(ctx, `select coalesce(max(version), 0) from control.schema_version where schema_name = $1`, schema).Scan(&have)
			if err != nil || have >= m.version {
				return err
			}
			if _, err := tx.Exec(ctx, write(m.sql)); err != nil {
				return fmt.Errorf("version %d of %s: %w", m.version, schema, err)
			}
			return setVersion(ctx, tx, schema, m.version)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func setVersion(ctx context.Context, tx pgx.Tx, schema string, version int) error {
	_, err := tx.Exec(ctx, `insert into control.schema_version (schema_name, version) values ($1, $2)
		on conflict (schema_name) do update set version = excluded.version, at = now()`, schema, version)
	return err
}

// migrateJobs lets the job queue's own library make its tables.
func (o *Owner) migrateJobs(ctx context.Context) error {
	if _, err := o.pool.Exec(ctx, `create schema if not exists `+JobSchema); err != nil {
		return err
	}
	m, err := rivermigrate.New(riverpgxv5.New(o.pool), &rivermigrate.Config{Schema: JobSchema})
	if err != nil {
		return err
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return err
	}
	_, err = o.pool.Exec(ctx, `grant usage on schema jobs to dl_app;
		grant select, insert, update, delete on all tables in schema jobs to dl_app;
		grant usage on all sequences in schema jobs to dl_app; grant execute on all functions in schema jobs to dl_app`)
	return err
}

// tenantSQL writes a tenant migration for one schema.
func tenantSQL(schema string) func(string) string {
	name := pgx.Identifier{schema}.Sanitize()
	return func(sql string) string {
		return strings.NewReplacer("tenant_role", name, "tenant.", name+".").Replace(sql)
	}
}

func (o *Owner) migrateTenants(ctx context.Context, progress func(done, total int)) error {
	steps, err := o.load("tenant")
	if err != nil || len(steps) == 0 {
		return err
	}
	rows, err := o.pool.Query(ctx, `select t.schema_name from control.tenant t left join control.schema_version v using (schema_name)
		where coalesce(v.version, 0) < $1 order by t.id`, steps[len(steps)-1].version)
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	var mu sync.Mutex
	done := 0
	for _, name := range names {
		group.Go(func() error {
			if err := o.apply(ctx, name, steps, tenantSQL(name)); err != nil {
				return err
			}
			// Told one at a time and in order, and only of tenants that are done.
			mu.Lock()
			defer mu.Unlock()
			done++
			progress(done, len(names))
			return nil
		})
	}
	return group.Wait()
}

// CreateTenantSchema makes role, schema and tables of a new tenant inside the caller's transaction (DESIGN: a new tenant is
// created in one transaction), so that a failure anywhere leaves nothing.
func (o *Owner) CreateTenantSchema(ctx context.Context, tx pgx.Tx, schema string) error {
	steps, err := o.load("tenant")
	if err != nil {
		return err
	}
	name := pgx.Identifier{schema}.Sanitize()
	if _, err := tx.Exec(ctx, "create schema "+name+"; create role "+name+" nologin; grant "+name+" to dl_app; grant usage on schema "+name+" to "+name); err != nil {
		return err
	}
	for _, m := range steps {
		if _, err := tx.Exec(ctx, tenantSQL(schema)(m.sql)); err != nil {
			return fmt.Errorf("version %d: %w", m.version, err)
		}
		if err := setVersion(ctx, tx, schema, m.version); err != nil {
			return err
		}
	}
	return nil
}

// CheckVersion says in plain words when the database is older than this program; newer is fine (H4).
func (db *DB) CheckVersion(ctx context.Context, files fs.FS) error {
	steps, err := (&Owner{files: files}).load("control")
	if err != nil {
		return err
	}
	var have int
	err = db.control.QueryRow(ctx, `select version from control.schema_version where schema_name = 'control'`).Scan(&have)
	if want := steps[len(steps)-1].version; err != nil || have < want {
		return fmt.Errorf("the database is at version %d and this program needs %d: run `dokumentlager migrate` first (%w)", have, want, errOr(err))
	}
	return nil
}

func errOr(err error) error {
	if err == nil {
		return fmt.Errorf("too old")
	}
	return err
}
