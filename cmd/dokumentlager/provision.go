package main

import (
	"context"
	"errors"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/administration"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"
)

// devTenants are the instances every dev stack has: two of one organisation each, and a shared one (T3).
func devTenants() []administration.Draft {
	draft := func(name, oid string, organisations ...string) administration.Draft {
		return administration.Draft{Name: name, HomeCommunity: oid, Repository: oid + ".1", Organisations: organisations,
			Sharing: access.Sharing{Personnel: true, Citizen: true}, Profile: tenant.NHN, State: tenant.Active}
	}
	return []administration.Draft{
		draft("betanien", "2.16.578.1.12.4.5.100.1.1", "981275721"),
		draft("oslo", "2.16.578.1.12.4.5.100.3.19", "958935420"),
		draft("felles", "2.16.578.1.12.4.5.100.4", "960510542", "994598759"),
	}
}

// provision migrates and makes the tenants that are missing; those that are there stay as somebody may have set them.
func provision(ctx context.Context, ownerURL string) ([]tenant.Tenant, error) {
	owner, err := postgres.OpenOwner(ctx, ownerURL, migrations.FS)
	if err != nil {
		return nil, err
	}
	defer owner.Close()
	if err := owner.Migrate(ctx, func(int, int) {}); err != nil {
		return nil, err
	}
	db, err := postgres.Open(ctx, postgres.Config{URL: ownerURL, Pools: 1, ConnsPerPool: 1, ControlConns: 1})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	admin := &administration.Service{Owner: owner, Operator: "dev", Now: time.Now}
	directory := tenant.Directory{DB: db}
	var out []tenant.Tenant
	for _, draft := range devTenants() {
		t, err := directory.ByName(ctx, draft.Name)
		if errors.Is(err, tenant.ErrUnknown) {
			t, err = admin.Create(ctx, draft)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}
