package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/administration"
	"dokumentlager/internal/tenant"

	"github.com/alecthomas/kong"
)

type tenantCommands struct {
	Create tenantCreate `cmd:"" help:"Make a tenant with its schema and role."`
	List   tenantList   `cmd:"" help:"List all tenants."`
	Show   tenantShow   `cmd:"" help:"Show one tenant."`
	Set    tenantSet    `cmd:"" help:"Change who may write to a tenant, whom it shares with, which transactions it answers, its profile or its state."`
}

// output is how a command prints.
type output struct {
	JSON bool `help:"One JSON object per line." name:"json"`
}

type tenantCreate struct {
	where  `embed:""`
	output `embed:""`

	Name          string   `arg:"" help:"Short name: small letters, digits, hyphens."`
	HomeCommunity string   `required:"" help:"homeCommunityId, an OID." placeholder:"OID"`
	Repository    string   `required:"" help:"repositoryUniqueId, an OID." placeholder:"OID"`
	Organisation  []string `required:"" help:"Organisation number that may write; several by comma." placeholder:"NUMBER"`
	Profile       string   `default:"nhn" enum:"nhn,ihe" help:"nhn or ihe (docs/profiles.md)."`
	Personnel     bool     `default:"true" negatable:"" help:"Share with health personnel (T5)."`
	Citizen       bool     `default:"true" negatable:"" help:"Share with citizens (T5)."`
	OwnOnly       bool     `help:"Share with personnel of the own organisation only; needs --no-citizen (T5, C7)."`
	Transactions  []string `help:"Transactions of the SOAP doors that it answers, such as ITI-18,ITI-43; all but ITI-42 and ITI-61 when not given." placeholder:"ITI-N"`
}

// Run makes the tenant and prints it.
func (c tenantCreate) Run(s *surroundings) error {
	admin, err := c.administration(s)
	if err != nil {
		return err
	}
	defer admin.Owner.Close()
	t, err := admin.Create(s.ctx, administration.Draft{Name: c.Name, HomeCommunity: c.HomeCommunity, Repository: c.Repository,
		Organisations: c.Organisation, Profile: tenant.Profile(c.Profile), State: tenant.Active, Transactions: c.Transactions,
		Sharing: access.Sharing{Personnel: c.Personnel, Citizen: c.Citizen, OwnOrganisationOnly: c.OwnOnly}})
	if err != nil {
		return err
	}
	return printTenants(s, c.JSON, []tenant.Tenant{t})
}

type tenantList struct {
	where  `embed:""`
	output `embed:""`
}

// Run lists.
func (c tenantList) Run(s *surroundings) error {
	db, err := c.database(s)
	if err != nil {
		return err
	}
	defer db.Close()
	all, err := tenant.Directory{DB: db}.All(s.ctx)
	if err != nil {
		return err
	}
	return printTenants(s, c.JSON, all)
}

type tenantShow struct {
	where  `embed:""`
	output `embed:""`
	Name   string `arg:"" help:"Short name."`
}

// Run shows one.
func (c tenantShow) Run(s *surroundings) error {
	db, err := c.database(s)
	if err != nil {
		return err
	}
	defer db.Close()
	t, err := tenant.Directory{DB: db}.ByName(s.ctx, c.Name)
	if err != nil {
		return fmt.Errorf("tenant %q: %w", c.Name, err)
	}
	return printTenants(s, c.JSON, []tenant.Tenant{t})
}

type tenantSet struct {
	where  `embed:""`
	output `embed:""`

	Name         string    `arg:"" help:"Short name."`
	Organisation *[]string `help:"All organisations that may write from now on; several by comma." placeholder:"NUMBER"`
	Personnel    *bool     `negatable:"" help:"Share with health personnel or not."`
	Citizen      *bool     `negatable:"" help:"Share with citizens or not."`
	OwnOnly      *bool     `negatable:"" help:"Share with personnel of the own organisation only or not."`
	Profile      *string   `enum:"nhn,ihe" help:"nhn or ihe."`
	State        *string   `enum:"active,suspended,closed" help:"active, suspended or closed (T6)."`
	Transactions *[]string `help:"All transactions of the SOAP doors that it answers from now on; none when empty." placeholder:"ITI-N"`
	On           []string  `help:"Transactions to switch on besides; several by comma." placeholder:"ITI-N"`
	Off          []string  `help:"Transactions to switch off; several by comma." placeholder:"ITI-N"`
}

// Validate is asked by kong: a command that changes nothing is a mistake.
func (c tenantSet) Validate(*kong.Context) error {
	if c.Organisation == nil && c.Personnel == nil && c.Citizen == nil && c.OwnOnly == nil && c.Profile == nil && c.State == nil &&
		c.Transactions == nil && len(c.On)+len(c.Off) == 0 {
		return fmt.Errorf("nothing to change is named")
	}
	return nil
}

// Run changes the tenant and prints it.
func (c tenantSet) Run(s *surroundings) error {
	admin, err := c.administration(s)
	if err != nil {
		return err
	}
	defer admin.Owner.Close()
	t, err := admin.Set(s.ctx, c.Name, administration.Change{Organisations: c.Organisation, Personnel: c.Personnel, Citizen: c.Citizen,
		OwnOnly: c.OwnOnly, Profile: (*tenant.Profile)(c.Profile), State: (*tenant.State)(c.State),
		Transactions: c.Transactions, On: c.On, Off: c.Off})
	if err != nil {
		return err
	}
	return printTenants(s, c.JSON, []tenant.Tenant{t})
}

// tenantLine is a tenant as --json prints it: the directory's fields, with sharing spelt as all other keys are.
type tenantLine struct {
	tenant.Tenant
	Sharing sharingLine `json:"sharing"`
}

type sharingLine struct {
	Personnel           bool `json:"personnel"`
	Citizen             bool `json:"citizen"`
	OwnOrganisationOnly bool `json:"own_organisation_only"`
}

func printTenants(s *surroundings, asJSON bool, all []tenant.Tenant) error {
	lines := make([]tenantLine, len(all))
	for i, t := range all {
		lines[i] = tenantLine{t, sharingLine(t.Sharing)}
	}
	return printer[tenantLine]{s.stdout, asJSON,
		[]string{"NAME", "STATE", "PROFILE", "HOME COMMUNITY", "REPOSITORY", "ORGANISATIONS", "SHARED WITH", "TRANSACTIONS", "SCHEMA", "MADE"},
		func(t tenantLine) []string {
			return []string{t.Name, string(t.State), string(t.Profile), t.HomeCommunity, t.Repository, csv(t.Organisations),
				sharedWith(t.Tenant.Sharing), answered(t.Transactions), t.SchemaName, t.Created.Format(time.DateOnly)}
		}}.print(lines)
}

// answered says shortly which transactions are on: the numbers alone, or how they differ from the default.
func answered(on []string) string {
	switch {
	case len(on) == 0:
		return "none"
	case slices.Equal(on, tenant.DefaultTransactions):
		return "default"
	case slices.Equal(on, tenant.Transactions):
		return "all"
	}
	return strings.ReplaceAll(csv(on), "ITI-", "")
}

// sharedWith says T5's setting in words.
func sharedWith(s access.Sharing) string {
	var out []string
	switch {
	case s.Personnel && s.OwnOrganisationOnly:
		out = append(out, "own personnel")
	case s.Personnel:
		out = append(out, "personnel")
	}
	if s.Citizen {
		out = append(out, "citizens")
	}
	if len(out) == 0 {
		return "nobody"
	}
	return csv(out)
}
