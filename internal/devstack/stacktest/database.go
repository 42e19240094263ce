package stacktest

import (
	"context"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Database is the parts' PostgreSQL, migrated: as the owning role and as the service sees it. Tests share it and never close it.
type Database struct {
	Owner *postgres.Owner
	DB    *postgres.DB
}

var (
	migrated = sync.OnceValues(migrate)
	// organisations counts up, so that no two tenants of a test process share an organisation unless a test wants it.
	organisations atomic.Int64
)

// Migrated returns the test process's database, migrated once.
func Migrated(t testing.TB) *Database {
	t.Helper()
	Parts(t)
	db, err := migrated()
	if err != nil {
		t.Fatalf("the database could not be migrated: %v", err)
	}
	return db
}

func migrate() (*Database, error) {
	parts, err := started()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	owner, err := postgres.OpenOwner(ctx, parts.OwnerURL, migrations.FS)
	if err != nil {
		return nil, err
	}
	if err := owner.Migrate(ctx, func(int, int) {}); err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: parts.AppURL})
	return &Database{owner, db}, err
}

// Tenant makes a tenant of the test's own in the shared database: active, profile nhn, shared with everybody, with one
// organisation that no other tenant has. change may alter it before it is made.
func Tenant(t testing.TB, change ...func(*tenant.Tenant)) tenant.Tenant {
	t.Helper()
	return Migrated(t).Tenant(t, change...)
}

// Tenant is Tenant for a database of the test's own.
func (d *Database) Tenant(t testing.TB, change ...func(*tenant.Tenant)) tenant.Tenant {
	t.Helper()
	made := draft()
	for _, f := range change {
		f(&made)
	}
	err := pgx.BeginFunc(t.Context(), d.Owner.Pool(), func(tx pgx.Tx) error {
		if err := insert(t.Context(), tx, &made); err != nil {
			return err
		}
		return d.Owner.CreateTenantSchema(t.Context(), tx, made.SchemaName)
	})
	if err != nil {
		t.Fatalf("a tenant could not be made: %v", err)
	}
	return made
}

func draft() tenant.Tenant {
	id := uuid.New()
	name := "t-" + strings.ReplaceAll(id.String(), "-", "")
	return tenant.Tenant{
		Name: name, SchemaName: strings.ReplaceAll(name, "-", "_"), HomeCommunity: oid(id), Repository: oid(uuid.New()),
		Organisations: []string{Organisation()}, Sharing: access.Sharing{Personnel: true, Citizen: true}, Profile: tenant.NHN, State: tenant.Active, Transactions: slices.Clone(tenant.DefaultTransactions),
	}
}

// oid is the OID that ITU-T X.667 gives every UUID.
func oid(id uuid.UUID) string { return "2.25." + new(big.Int).SetBytes(id[:]).String() }

// Organisation returns an organisation number with a valid check digit that this process has not had before.
func Organisation() string {
	for {
		digits := fmt.Sprintf("%08d", 91_000_000+organisations.Add(1))
		sum := 0
		for i, weight := range []int{3, 2, 7, 6, 5, 4, 3, 2} {
			sum += weight * int(digits[i]-'0')
		}
		if check := (11 - sum%11) % 11; check < 10 {
			return digits + fmt.Sprint(check)
		}
	}
}

// insert writes the directory's rows and gives t its id.
func insert(ctx context.Context, tx pgx.Tx, t *tenant.Tenant) error {
	err := tx.QueryRow(ctx, `insert into control.tenant (name, home_community_id, repository_unique_id, schema_name, profile, state,
		share_personnel, share_citizen, own_organisation_only, transactions) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) returning id, created_at`,
		t.Name, t.HomeCommunity, t.Repository, t.SchemaName, t.Profile, t.State, t.Sharing.Personnel, t.Sharing.Citizen,
		t.Sharing.OwnOrganisationOnly, t.Transactions).Scan(&t.ID, &t.Created)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `insert into control.tenant_organisation (tenant_id, organisation) select $1, unnest($2::text[])`, t.ID, t.Organisations)
	return err
}

// EmptyDatabase makes a database of the test's own in the shared cluster, not migrated, and returns its addresses. Roles are
// the cluster's: a tenant made in it still needs a name of its own.
func EmptyDatabase(t testing.TB) (ownerURL, appURL string) {
	t.Helper()
	parts := Parts(t)
	conn, err := pgx.Connect(t.Context(), parts.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	// template0: template1 cannot be copied by two tests at once.
	if _, err := conn.Exec(t.Context(), "create database "+name+" template template0"); err != nil {
		t.Fatal(err)
	}
	return within(t, parts.OwnerURL, name), within(t, parts.AppURL, name)
}

func within(t testing.TB, address, database string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}
