package tenant_test

import (
	"errors"
	"slices"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func directory(t *testing.T) tenant.Directory {
	t.Helper()
	return tenant.Directory{DB: stacktest.Migrated(t).DB}
}

// inState makes a tenant that shares one organisation with its siblings and is in the given state.
func inState(t *testing.T, organisation string, state tenant.State) tenant.Tenant {
	t.Helper()
	return stacktest.Tenant(t, func(made *tenant.Tenant) { made.Organisations, made.State = []string{organisation}, state })
}

func exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	tag, err := stacktest.Migrated(t).Owner.Pool().Exec(t.Context(), sql, args...)
	if err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%s: %v, %v", sql, tag, err)
	}
}

// wantTenants wants exactly these, in order of their ids.
func wantTenants(t *testing.T, got []tenant.Tenant, err error, want ...tenant.Tenant) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, equateEmpty); diff != "" {
		t.Error(diff)
	}
}

var equateEmpty = cmp.FilterValues(func(a, b []tenant.Tenant) bool { return len(a)+len(b) == 0 }, cmp.Ignore())

// TestEveryFieldComesBack, with each setting apart from its neighbours, and by each of the two names.
func TestEveryFieldComesBack(t *testing.T) {
	t.Parallel()
	d := directory(t)
	for _, change := range []func(*tenant.Tenant){
		func(made *tenant.Tenant) {
			made.Sharing, made.Profile = access.Sharing{Personnel: true}, tenant.IHE
			made.Organisations = []string{"910000002", "910000001", "999999999"}
		},
		func(made *tenant.Tenant) { made.Sharing, made.State = access.Sharing{Citizen: true}, tenant.Suspended },
		func(made *tenant.Tenant) {
			made.Sharing, made.State = access.Sharing{OwnOrganisationOnly: true}, tenant.Closed
			made.Organisations = nil
		},
	} {
		want := stacktest.Tenant(t, change)
		slices.Sort(want.Organisations)
		for name, find := range map[string]func() (tenant.Tenant, error){
			"ByHome": func() (tenant.Tenant, error) { return d.ByHome(t.Context(), want.HomeCommunity) },
			"ByName": func() (tenant.Tenant, error) { return d.ByName(t.Context(), want.Name) },
		} {
			got, err := find()
			if err != nil {
				t.Fatal(err)
			}
			if len(want.Organisations) == 0 && len(got.Organisations) == 0 {
				got.Organisations = want.Organisations
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if s := want.Schema(); s != (postgres.Schema{ID: want.ID, Name: want.SchemaName}) {
			t.Errorf("%+v", s)
		}
	}
	for name, err := range map[string]error{
		"home": second(d.ByHome(t.Context(), "1.2.3")), "home with prefix": second(d.ByHome(t.Context(), "urn:oid:1.2.3")),
		"name": second(d.ByName(t.Context(), "nobody")), "empty": second(d.ByHome(t.Context(), "")),
	} {
		if !errors.Is(err, tenant.ErrUnknown) {
			t.Errorf("unknown %s: %v", name, err)
		}
	}
}

func second(_ tenant.Tenant, err error) error { return err }

// TestOnlyActiveInstancesAreFound (T2, T3, T6): by organisation, by patient and by entry.
func TestOnlyActiveInstancesAreFound(t *testing.T) {
	t.Parallel()
	d, organisation := directory(t), stacktest.Organisation()
	first := inState(t, organisation, tenant.Active)
	suspended := inState(t, organisation, tenant.Suspended)
	closed := inState(t, organisation, tenant.Closed)
	last := inState(t, organisation, tenant.Active)
	stranger := stacktest.Tenant(t)
	patient, entry := uuid.New(), uuid.New()
	for _, each := range []tenant.Tenant{last, closed, suspended, first} {
		exec(t, `insert into control.patient_locator (patient_key, tenant_id) values ($1, $2)`, patient, each.ID)
		exec(t, `insert into control.entry_locator (entry_id, tenant_id) values ($1, $2)`, entry, each.ID)
	}
	exec(t, `insert into control.patient_locator (patient_key, tenant_id) values ($1, $2)`, uuid.New(), stranger.ID)
	lookups := map[string]func() ([]tenant.Tenant, error){
		"organisation": func() ([]tenant.Tenant, error) { return d.OfOrganisation(t.Context(), organisation) },
		"patient":      func() ([]tenant.Tenant, error) { return d.OfPatient(t.Context(), patient) },
		"entry":        func() ([]tenant.Tenant, error) { return d.OfEntry(t.Context(), entry) },
	}
	for name, find := range lookups {
		got, err := find()
		t.Log(name)
		wantTenants(t, got, err, first, last)
	}
	// The next question sees a change (T5, T6).
	exec(t, `update control.tenant set state = 'closed' where id = $1`, first.ID)
	exec(t, `update control.tenant set state = 'active', share_citizen = false where id = $1`, suspended.ID)
	suspended.State, suspended.Sharing.Citizen = tenant.Active, false
	for name, find := range lookups {
		got, err := find()
		t.Log(name)
		wantTenants(t, got, err, suspended, last)
	}
	exec(t, `delete from control.tenant_organisation where tenant_id = $1`, last.ID)
	got, err := d.OfOrganisation(t.Context(), organisation)
	wantTenants(t, got, err, suspended)
	for _, unknown := range []func() ([]tenant.Tenant, error){
		func() ([]tenant.Tenant, error) { return d.OfOrganisation(t.Context(), "") },
		func() ([]tenant.Tenant, error) { return d.OfPatient(t.Context(), uuid.New()) },
		func() ([]tenant.Tenant, error) { return d.OfEntry(t.Context(), uuid.New()) },
	} {
		got, err := unknown()
		wantTenants(t, got, err)
	}
}

func TestAll(t *testing.T) {
	t.Parallel()
	a, b, c := stacktest.Tenant(t), inState(t, stacktest.Organisation(), tenant.Closed), stacktest.Tenant(t)
	all, err := directory(t).All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, each := range all {
		names[each.Name]++
	}
	if names[a.Name] != 1 || names[b.Name] != 1 || names[c.Name] != 1 {
		t.Errorf("%v", names)
	}
	if !slices.IsSortedFunc(all, func(x, y tenant.Tenant) int { return len(x.Name) - len(y.Name) }) ||
		!slices.IsSortedFunc(all, func(x, y tenant.Tenant) int { return cmpText(x.Name, y.Name) }) {
		t.Error("not in order of names")
	}
}

func cmpText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func TestAdmits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		state        tenant.State
		organisation string
		want         bool
	}{
		{tenant.Active, "910000001", true}, {tenant.Active, "910000002", true}, {tenant.Active, "910000003", false},
		{tenant.Active, "", false}, {tenant.Suspended, "910000001", false}, {tenant.Closed, "910000001", false}, {"", "910000001", false},
	} {
		one := tenant.Tenant{State: c.state, Organisations: []string{"910000001", "910000002", ""}}
		if got := one.Admits(c.organisation); got != c.want {
			t.Errorf("%s %q: %t", c.state, c.organisation, got)
		}
	}
}

// TestDirectoryUnavailable: a database that is gone is told as such, not as "unknown".
func TestDirectoryUnavailable(t *testing.T) {
	t.Parallel()
	one := stacktest.Tenant(t)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: stacktest.Parts(t).AppURL, Pools: 1, ControlConns: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	conn, err := db.Control().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	// The only connection is taken; the lookup's own deadline ends the wait.
	_, err = tenant.Directory{DB: db}.ByHome(t.Context(), one.HomeCommunity)
	if fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
}
