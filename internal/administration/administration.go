// Package administration is what the people who run the instances do: make tenants, change who may write to them and with whom they
// share, and look after the quarantine (T1-T6, F4).
//
// It promises that a tenant is made whole or not at all, in one transaction with its schema and role; that every change is one
// Execute event in the tenant's own audit log, in the same transaction (A1); and that all that is wrong with a command is told at
// once (W6). It changes no document, and publishes one only when two administrators release it from quarantine.
package administration

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/jackc/pgx/v5"
)

// Service changes tenants, with the owner's rights.
type Service struct {
	Owner *postgres.Owner
	// Operator says in the audit log who gave the command, such as the account on the machine.
	Operator string
	Now      func() time.Time
}

// Draft is a tenant as it shall be.
type Draft struct {
	Name string
	// HomeCommunity and Repository are OIDs, with or without urn:oid:.
	HomeCommunity, Repository string
	// Organisations may write (T2, T3).
	Organisations []string
	Sharing       access.Sharing
	Profile       tenant.Profile
	State         tenant.State
	// Transactions are those of the SOAP doors that it answers; nil is tenant.DefaultTransactions, empty is none.
	Transactions []string
}

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// check tells everything that is wrong and gives the draft in canonical form.
func (d Draft) check() (Draft, fault.Problems) {
	var problems fault.Problems
	refuse := func(where, text string, args ...any) {
		problems.Add(fault.New(fault.AdministrationRefused, text, args...).At(where))
	}
	if !nameForm.MatchString(d.Name) {
		refuse("name", "A name has 1 to 40 small letters a-z, digits and hyphens and begins with a letter.")
	}
	for _, oid := range []struct {
		where string
		value *string
	}{{"home_community_id", &d.HomeCommunity}, {"repository_unique_id", &d.Repository}} {
		canonical, err := document.ParseOID(*oid.value)
		if err != nil {
			refuse(oid.where, "It must be an OID: digits and dots, first arc 0 to 2, at most 64 characters.")
		}
		*oid.value = canonical
	}
	d.Organisations = slices.Compact(slices.Sorted(slices.Values(d.Organisations)))
	if len(d.Organisations) == 0 {
		refuse("organisations", "At least one organisation must be allowed to write.")
	}
	for _, number := range d.Organisations {
		if !IsOrganisation(number) {
			refuse("organisations", "%q is no organisation number: nine digits, the last a check digit.", clip(number))
		}
	}
	if d.Profile != tenant.NHN && d.Profile != tenant.IHE {
		refuse("profile", "The profile must be nhn or ihe.")
	}
	if !slices.Contains([]tenant.State{tenant.Active, tenant.Suspended, tenant.Closed}, d.State) {
		refuse("state", "The state must be active, suspended or closed.")
	}
	d.Transactions = sorted(d.Transactions, tenant.DefaultTransactions)
	for _, transaction := range d.Transactions {
		if !slices.Contains(tenant.Transactions, transaction) {
			refuse("transactions", "%q is none that an instance can be told to answer; those are %s.", clip(transaction), strings.Join(tenant.Transactions, ", "))
		}
	}
	// C7: "own organisation only" means its personnel; with citizens it would contradict itself.
	if d.Sharing.OwnOrganisationOnly && d.Sharing.Citizen {
		problems.Add(fault.New(fault.AdministrationRefused, "Sharing inside the own organisation only excludes citizens.").At("sharing").By("C7"))
	}
	return d, problems
}

// sorted is each of the names once, in order; nil is the default.
func sorted(names, otherwise []string) []string {
	if names == nil {
		names = otherwise
	}
	return append([]string{}, slices.Compact(slices.Sorted(slices.Values(names)))...)
}

func clip(s string) string { return s[:min(len(s), 20)] }

// IsOrganisation reports whether a text is a Norwegian organisation number: nine digits with a modulus-11 check digit
// (Brønnøysundregistrene).
func IsOrganisation(s string) bool {
	if len(s) != 9 || strings.Trim(s, "0123456789") != "" {
		return false
	}
	sum := 0
	for i, weight := range []int{3, 2, 7, 6, 5, 4, 3, 2, 1} {
		sum += weight * int(s[i]-'0')
	}
	return sum%11 == 0
}

// Create makes a tenant with its schema and role, in one transaction.
func (s *Service) Create(ctx context.Context, d Draft) (tenant.Tenant, error) {
	d, problems := d.check()
	if err := problems.Err(); err != nil {
		return tenant.Tenant{}, err
	}
	t := tenant.Tenant{Name: d.Name, HomeCommunity: d.HomeCommunity, Repository: d.Repository, Organisations: d.Organisations,
		Sharing: d.Sharing, Profile: d.Profile, State: d.State, Transactions: d.Transactions}
	err := pgx.BeginFunc(ctx, s.Owner.Pool(), func(tx pgx.Tx) error {
		if err := insertTenant(ctx, tx, &t); err != nil {
			return err
		}
		if err := s.Owner.CreateTenantSchema(ctx, tx, t.SchemaName); err != nil {
			return err
		}
		return s.note(ctx, tx, t, "tenant-create", describe(t))
	})
	return t, explain(err)
}

// Change is what Set changes; nil fields stay as they are.
type Change struct {
	Organisations *[]string
	Personnel     *bool
	Citizen       *bool
	OwnOnly       *bool
	Profile       *tenant.Profile
	State         *tenant.State
	// Transactions are all that it answers from now on; On and Off are added to and taken from them, or from what it answers now.
	Transactions *[]string
	On, Off      []string
}

// Set changes a tenant's settings; the next request sees them (T5). Name and OIDs never change: documents refer to them.
func (s *Service) Set(ctx context.Context, name string, c Change) (tenant.Tenant, error) {
	var t tenant.Tenant
	err := pgx.BeginFunc(ctx, s.Owner.Pool(), func(tx pgx.Tx) (err error) {
		if t, err = lockTenant(ctx, tx, name); err != nil {
			return err
		}
		before := describe(t)
		d, problems := c.apply(t).check()
		problems = append(problems, c.switches()...)
		if err := problems.Err(); err != nil {
			return err
		}
		t.Organisations, t.Sharing, t.Profile, t.State, t.Transactions = d.Organisations, d.Sharing, d.Profile, d.State, d.Transactions
		if err := updateTenant(ctx, tx, t); err != nil {
			return err
		}
		return s.note(ctx, tx, t, "tenant-set", before+" -> "+describe(t))
	})
	return t, explain(err)
}

func (c Change) apply(t tenant.Tenant) Draft {
	d := Draft{Name: t.Name, HomeCommunity: t.HomeCommunity, Repository: t.Repository, Organisations: t.Organisations,
		Sharing: t.Sharing, Profile: t.Profile, State: t.State, Transactions: t.Transactions}
	set(&d.Organisations, c.Organisations)
	set(&d.Sharing.Personnel, c.Personnel)
	set(&d.Sharing.Citizen, c.Citizen)
	set(&d.Sharing.OwnOrganisationOnly, c.OwnOnly)
	set(&d.Profile, c.Profile)
	set(&d.State, c.State)
	set(&d.Transactions, c.Transactions)
	d.Transactions = slices.DeleteFunc(append(append([]string{}, d.Transactions...), c.On...), func(one string) bool { return slices.Contains(c.Off, one) })
	return d
}

// switches refuses what Draft.check cannot see any more: off that is no transaction, and one that is to be on and off.
func (c Change) switches() (problems fault.Problems) {
	for _, one := range c.Off {
		switch {
		case !slices.Contains(tenant.Transactions, one):
			problems.Add(fault.New(fault.AdministrationRefused, "%q is none that an instance can be told to answer; those are %s.", clip(one),
				strings.Join(tenant.Transactions, ", ")).At("transactions"))
		case slices.Contains(c.On, one):
			problems.Add(fault.New(fault.AdministrationRefused, "%s cannot be switched on and off at once.", one).At("transactions"))
		}
	}
	return problems
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// describe is what the audit event keeps of a tenant's settings. None of it is a secret or a person.
func describe(t tenant.Tenant) string {
	return fmt.Sprintf("organisations=%s personnel=%t citizen=%t own-only=%t profile=%s state=%s transactions=%s", strings.Join(t.Organisations, ","),
		t.Sharing.Personnel, t.Sharing.Citizen, t.Sharing.OwnOrganisationOnly, t.Profile, t.State, strings.Join(t.Transactions, ","))
}

// explain turns what the database refuses into words for an administrator.
func explain(err error) error {
	constraint, duplicate := postgres.IsDuplicate(err)
	switch {
	case duplicate:
		return fault.Problems{fault.New(fault.AdministrationRefused, "Another tenant has this value already.").At(columnOf(constraint)).Because(err)}
	case errors.Is(err, pgx.ErrNoRows):
		return fault.Problems{fault.New(fault.AdministrationRefused, "No tenant has this name.").At("name")}
	}
	return postgres.Unavailable(err)
}

// columnOf reads home_community_id out of tenant_home_community_id_key.
func columnOf(constraint string) string {
	return strings.TrimSuffix(strings.TrimPrefix(constraint, "tenant_"), "_key")
}
