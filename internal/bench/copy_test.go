//go:build bench

package bench

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// copier fills tenants with copies of one entry that was uploaded, where uploads would take hours: what a row looks like is still the
// service's own business. Copies have no bytes and no submission set; a search asks for neither.
type copier struct {
	*rig
	t       *testing.T
	locator registry.Locator
	// source is the schema of the entry that is copied, of its tenant: no two copiers have the same.
	source string
	of     int32
	// made counts tenants.
	made int
}

func (r *rig) copier(t *testing.T) *copier {
	t.Helper()
	source := r.service.Tenant(t)
	d := servicetest.NewDoc()
	b := servicetest.BundleFor(source, d)
	if a := r.service.Writer(t, source.Organisations[0]).Upload(t, b.JSON(t)); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return &copier{rig: r, t: t, locator: r.service.Locator(t), source: pgx.Identifier{source.SchemaName}.Sanitize(), of: source.ID}
}

// tenants makes so many instances, several at a time.
func (c *copier) tenants(n int) []tenant.Tenant {
	c.t.Helper()
	admin := administration.Service{Owner: c.service.Owner, Operator: "bench", Now: time.Now}
	made := make([]tenant.Tenant, n)
	group, ctx := errgroup.WithContext(c.t.Context())
	group.SetLimit(4)
	for i := range made {
		c.made++
		name := fmt.Sprintf("copy%dx%d", c.of, c.made)
		home := fmt.Sprintf("2.16.578.1.12.4.5.998.%d.%d", c.of, c.made)
		draft := administration.Draft{Name: name, HomeCommunity: home, Repository: home + ".2", Organisations: []string{servicetest.Organisation()},
			Sharing: access.Sharing{Personnel: true, Citizen: true}, Profile: tenant.NHN, State: tenant.Active}
		group.Go(func() (err error) { made[i], err = admin.Create(ctx, draft); return err })
	}
	if err := group.Wait(); err != nil {
		c.t.Fatal(err)
	}
	return made
}

// fill gives each of the patients so many entries in each of the tenants, several tenants at a time, and tells the database's planner of them.
// Each tenant's creation times are its own and lie between the others', so that a list over all tenants has some of each on every page.
func (c *copier) fill(tenants []tenant.Tenant, patients func(of int) []document.PatientID, each int) {
	c.t.Helper()
	group, ctx := errgroup.WithContext(c.t.Context())
	group.SetLimit(4)
	for i, of := range tenants {
		group.Go(func() error { return c.copy(ctx, of, i, patients(i), each) })
	}
	if err := group.Wait(); err != nil {
		c.t.Fatal(err)
	}
}

func (c *copier) copy(ctx context.Context, of tenant.Tenant, offset int, patients []document.PatientID, each int) error {
	var cx, keys []string
	for _, p := range patients {
		cx, keys = append(cx, p.CX()), append(keys, c.locator.Key(p).String())
	}
	s := pgx.Identifier{of.SchemaName}.Sanitize()
	for _, step := range []struct {
		sql  string
		args []any
	}{
		// An entry of a patient each minute and some seconds of the tenant's own, the oldest one first, as they would have come.
		{`insert into ` + s + `.document_entry select copied.* from ` + c.source + `.document_entry e, generate_series(1, $2::int) n, unnest($1::text[]) patient,
		  lateral (select gen_random_uuid() id, timestamptz '2026-01-01' + n * interval '1 minute' + $3::int * interval '50 milliseconds' made
		    where patient is not null) own, -- which makes it be asked for each patient
		  lateral jsonb_populate_record(e, jsonb_build_object('id', own.id, 'logical_id', own.id, 'submission_id', gen_random_uuid(),
		    'object_key', gen_random_uuid(), 'unique_id', 'urn:uuid:' || own.id, 'alias_id', null, 'patient_id', patient,
		    'creation_time', own.made, 'registered_at', own.made)) copied`, []any{cx, each, offset}},
		{`insert into ` + s + `.association (id, kind, source_id, target_id, submission_id, registered_at)
		  select gen_random_uuid(), 'M', submission_id, id, submission_id, registered_at from ` + s + `.document_entry`, nil},
		{`insert into control.patient_locator (patient_key, tenant_id) select unnest($1::text[]::uuid[]), $2`, []any{keys, of.ID}},
		// As autovacuum would at some moment of the measurement.
		{`vacuum (analyze) ` + s + `.document_entry, ` + s + `.association`, nil},
	} {
		if _, err := c.service.Owner.Pool().Exec(ctx, step.sql, step.args...); err != nil {
			return fmt.Errorf("filling %s: %w", of.Name, err)
		}
	}
	return nil
}

// syntheticPatients are so many different people who do not exist: numbers of the years 1920 to 1999 with 80 added to the month.
func syntheticPatients(n int) (all []document.PatientID) {
	for individual := range 500 { // those of people born before 2000
		for date := range 28 * 12 * 80 {
			number := fmt.Sprintf("%02d%02d%02d%03d", date%28+1, date/28%12+81, date/28/12+20, individual)
			if number, fits := withCheckDigits(number); fits {
				all = append(all, document.PatientID{Value: number, Authority: document.AuthorityFNR})
			}
			if len(all) == n {
				return all
			}
		}
	}
	return all
}

// withCheckDigits adds the two of modulus 11 (package document checks them); a tenth of all numbers has none.
func withCheckDigits(number string) (string, bool) {
	for _, weights := range [][]int{{3, 7, 6, 1, 8, 9, 4, 5, 2}, {5, 4, 3, 2, 7, 6, 5, 4, 3, 2}} {
		sum := 0
		for i, w := range weights {
			sum += w * int(number[i]-'0')
		}
		digit := (11 - sum%11) % 11
		if digit == 10 {
			return "", false
		}
		number += fmt.Sprint(digit)
	}
	return number, true
}
