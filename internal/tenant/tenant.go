// Package tenant is the directory of instances: which exist, who may write to them, with whom they share (T1-T6).
//
// It promises answers as of now: every lookup asks the control schema, so a sharing setting that was turned off is off for the
// next request (T5). It changes nothing; package administration does.
package tenant

import (
	"context"
	"errors"
	"slices"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Profile decides the points where the national service and IHE differ (docs/profiles.md).
type Profile string

// NHN is the default; IHE accepts Minimal metadata and takes uniqueId from masterIdentifier.
const (
	NHN Profile = "nhn"
	IHE Profile = "ihe"
)

// State is where an instance is in its life (T6).
type State string

// Only an active instance takes documents; a suspended one answers nobody.
const (
	Active    State = "active"
	Suspended State = "suspended"
	Closed    State = "closed"
)

// Tenant is one actor's instance.
type Tenant struct {
	ID   int32  `json:"id"`
	Name string `json:"name"`
	// HomeCommunity and Repository are OIDs without urn:oid:.
	HomeCommunity string `json:"home_community_id"`
	Repository    string `json:"repository_unique_id"`
	// Organisations may write (T2, T3) and are the owning organisations in the sense of C7.
	Organisations []string       `json:"organisations"`
	Sharing       access.Sharing `json:"sharing"`
	Profile       Profile        `json:"profile"`
	State         State          `json:"state"`
	// Transactions are those of the SOAP doors that it answers: "ITI-18". The REST doors have no such switch.
	Transactions []string  `json:"transactions"`
	SchemaName   string    `json:"schema"`
	Created      time.Time `json:"created_at"`
}

// Schema is how the database knows the tenant.
func (t Tenant) Schema() postgres.Schema { return postgres.Schema{ID: t.ID, Name: t.SchemaName} }

// Admits reports whether the organisation may write to this instance now (T2, T3).
func (t Tenant) Admits(organisation string) bool {
	return t.State == Active && organisation != "" && slices.Contains(t.Organisations, organisation)
}

// Serves reports whether the instance answers a transaction now; the empty one, which is none of the SOAP doors', always.
func (t Tenant) Serves(transaction string) bool {
	return transaction == "" || slices.Contains(t.Transactions, transaction)
}

// The transactions that an instance can be told to answer, and those that a new one answers: registration from outside, whose documents never
// passed our intake, only where it is asked for.
var (
	Transactions        = []string{"ITI-18", "ITI-38", "ITI-39", "ITI-41", "ITI-42", "ITI-43", "ITI-51", "ITI-57", "ITI-61", "ITI-62", "ITI-86", "ITI-92"}
	DefaultTransactions = []string{"ITI-18", "ITI-38", "ITI-39", "ITI-41", "ITI-43", "ITI-51", "ITI-57", "ITI-62", "ITI-86", "ITI-92"}
)

// Directory answers lookups.
type Directory struct{ DB *postgres.DB }

// ErrUnknown says that no instance fits.
var ErrUnknown = errors.New("no such instance")

const columns = `select t.id, t.name, t.home_community_id, t.repository_unique_id, t.schema_name, t.profile, t.state,
  t.share_personnel, t.share_citizen, t.own_organisation_only, t.created_at, t.transactions,
  array(select o.organisation from control.tenant_organisation o where o.tenant_id = t.id order by 1)
  from control.tenant t `

// lookupDeadline bounds every question to the directory.
const lookupDeadline = 5 * time.Second

// ByHome finds the instance of a home community, given without urn:oid:.
func (d Directory) ByHome(ctx context.Context, oid string) (Tenant, error) {
	return d.one(ctx, columns+`where t.home_community_id = $1`, oid)
}

// ByName finds an instance by its short name, as administrators use it.
func (d Directory) ByName(ctx context.Context, name string) (Tenant, error) {
	return d.one(ctx, columns+`where t.name = $1`, name)
}

// All lists every instance by name, closed ones too.
func (d Directory) All(ctx context.Context) ([]Tenant, error) {
	return d.many(ctx, columns+`order by t.name`)
}

// OfOrganisation lists the active instances the organisation may write to (T2, T3).
func (d Directory) OfOrganisation(ctx context.Context, organisation string) ([]Tenant, error) {
	return d.many(ctx, columns+`where t.state = 'active' and exists (select 1 from control.tenant_organisation o
	  where o.tenant_id = t.id and o.organisation = $1) order by t.id`, organisation)
}

// OfPatient lists the active instances that hold something on the patient, by the locator's key.
func (d Directory) OfPatient(ctx context.Context, key uuid.UUID) ([]Tenant, error) {
	return d.many(ctx, columns+`join control.patient_locator l on l.tenant_id = t.id where l.patient_key = $1 and t.state = 'active' order by t.id`,
		key)
}

// OfEntry lists the active instances that hold an entry with this entryUUID.
func (d Directory) OfEntry(ctx context.Context, entry uuid.UUID) ([]Tenant, error) {
	return d.many(ctx, columns+`join control.entry_locator l on l.tenant_id = t.id where l.entry_id = $1 and t.state = 'active' order by t.id`,
		entry)
}

func (d Directory) one(ctx context.Context, sql string, args ...any) (Tenant, error) {
	found, err := d.many(ctx, sql, args...)
	if err != nil {
		return Tenant{}, err
	}
	if len(found) == 0 {
		return Tenant{}, ErrUnknown
	}
	return found[0], nil
}

func (d Directory) many(ctx context.Context, sql string, args ...any) ([]Tenant, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupDeadline)
	defer cancel()
	rows, err := d.DB.Control().Query(ctx, sql, args...)
	if err != nil {
		return nil, postgres.Unavailable(err)
	}
	found, err := pgx.CollectRows(rows, scan)
	return found, postgres.Unavailable(err)
}

// scan reads one row of the directory's columns.
func scan(row pgx.CollectableRow) (Tenant, error) {
	var t Tenant
	err := row.Scan(&t.ID, &t.Name, &t.HomeCommunity, &t.Repository, &t.SchemaName, &t.Profile, &t.State,
		&t.Sharing.Personnel, &t.Sharing.Citizen, &t.Sharing.OwnOrganisationOnly, &t.Created, &t.Transactions, &t.Organisations)
	return t, err
}
