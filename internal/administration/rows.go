package administration

import (
	"context"
	"fmt"
	"strings"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/tenant"

	"github.com/jackc/pgx/v5"
)

// insertTenant writes the directory's rows and gives t its id and schema name. The number in the schema's name keeps it unique
// whatever becomes of the tenant's name, and "t" keeps it from looking like a number.
func insertTenant(ctx context.Context, tx pgx.Tx, t *tenant.Tenant) error {
	err := tx.QueryRow(ctx, `insert into control.tenant (name, home_community_id, repository_unique_id, schema_name, profile, state,
		share_personnel, share_citizen, own_organisation_only, transactions) values ($1, $2, $3, 'new-' || $1, $4, $5, $6, $7, $8, $9) returning id, created_at`,
		t.Name, t.HomeCommunity, t.Repository, t.Profile, t.State, t.Sharing.Personnel, t.Sharing.Citizen, t.Sharing.OwnOrganisationOnly, t.Transactions).
		Scan(&t.ID, &t.Created)
	if err != nil {
		return err
	}
	t.SchemaName = fmt.Sprintf("t%05d_%s", t.ID, strings.ReplaceAll(t.Name, "-", "_"))
	if _, err := tx.Exec(ctx, `update control.tenant set schema_name = $2 where id = $1`, t.ID, t.SchemaName); err != nil {
		return err
	}
	return writeOrganisations(ctx, tx, *t)
}

func writeOrganisations(ctx context.Context, tx pgx.Tx, t tenant.Tenant) error {
	if _, err := tx.Exec(ctx, `delete from control.tenant_organisation where tenant_id = $1 and not organisation = any($2)`, t.ID, t.Organisations); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `insert into control.tenant_organisation (tenant_id, organisation) select $1, unnest($2::text[]) on conflict do nothing`,
		t.ID, t.Organisations)
	return err
}

// lockTenant reads a tenant and keeps other commands off it until the transaction ends.
func lockTenant(ctx context.Context, tx pgx.Tx, name string) (tenant.Tenant, error) {
	t := tenant.Tenant{Name: name}
	err := tx.QueryRow(ctx, `select id, home_community_id, repository_unique_id, schema_name, profile, state, share_personnel, share_citizen,
		own_organisation_only, transactions, created_at from control.tenant where name = $1 for update`, name).
		Scan(&t.ID, &t.HomeCommunity, &t.Repository, &t.SchemaName, &t.Profile, &t.State, &t.Sharing.Personnel, &t.Sharing.Citizen,
			&t.Sharing.OwnOrganisationOnly, &t.Transactions, &t.Created)
	if err != nil {
		return t, err
	}
	rows, err := tx.Query(ctx, `select organisation from control.tenant_organisation where tenant_id = $1 order by 1`, t.ID)
	if err != nil {
		return t, err
	}
	t.Organisations, err = pgx.CollectRows(rows, pgx.RowTo[string])
	return t, err
}

func updateTenant(ctx context.Context, tx pgx.Tx, t tenant.Tenant) error {
	_, err := tx.Exec(ctx, `update control.tenant set profile = $2, state = $3, share_personnel = $4, share_citizen = $5,
		own_organisation_only = $6, transactions = $7, updated_at = now() where id = $1`,
		t.ID, t.Profile, t.State, t.Sharing.Personnel, t.Sharing.Citizen, t.Sharing.OwnOrganisationOnly, t.Transactions)
	if err != nil {
		return err
	}
	return writeOrganisations(ctx, tx, t)
}

// note writes the command's event in the tenant's log, in the command's transaction.
func (s *Service) note(ctx context.Context, tx pgx.Tx, t tenant.Tenant, operation, what string) error {
	e := audit.New(s.Now(), audit.Operator(s.Operator), audit.Execute, operation)
	e.Detail = audit.Detail{HomeCommunity: t.HomeCommunity, Reason: what}
	return audit.AppendAsOwner(ctx, tx, t.Schema(), e)
}
