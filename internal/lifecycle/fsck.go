package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"golang.org/x/sync/errgroup"
)

// Fsck compares what the rows say with each other, with the store and with the audit log. It changes nothing, and the service may
// run meanwhile: what looks wrong in passing is looked at again before it is told. It needs all its fields.
type Fsck struct {
	DB      *postgres.DB
	Tenants tenant.Directory
	Objects *repository.Repository
	Queue   *job.Queue
	Locator registry.Locator
	// Deep reads every object and compares its SHA-256; otherwise only sizes are compared.
	Deep bool
	// Grace is the age below which an object without a row is an upload on its way (DefaultGrace).
	Grace time.Duration
	// Parallel is how many tenants are checked at once, and how many objects are read at once.
	Parallel int
	Now      func() time.Time
	// Found hears of each finding, Progress from time to time how far the check is; one call at a time for both together.
	Found    func(Finding)
	Progress func(Progress)
}

// Progress is how far a check is.
type Progress struct {
	// Share is from 0 to 1.
	Share float64
	// Objects counts places looked at, Findings what was found.
	Objects, Findings int
}

// Report sums a check up.
type Report struct {
	Tenants, Objects, Findings int
}

// Run checks one tenant by its short name, or all. The error tells what could not be checked; what could be has been, and the report
// counts it.
func (f *Fsck) Run(ctx context.Context, only string) (Report, error) {
	schemas, err := f.Objects.Schemas(ctx) // before the tenants: one that is made meanwhile is not unknown
	if err != nil {
		return Report{}, err
	}
	tenants, err := chosen(ctx, f.Tenants, only)
	if err != nil {
		return Report{}, err
	}
	c := &check{Fsck: f, before: f.Now().Add(-f.Grace), share: make([]float64, len(tenants)), report: Report{Tenants: len(tenants)}}
	if only == "" {
		for _, name := range unknown(schemas, tenants) {
			c.tell(finding("", PrefixUnknown, ids{}, "the store holds objects under "+name+", which is no tenant's schema"))
		}
	}
	err = c.all(ctx, tenants)
	return c.report, err
}

// chosen is one tenant, or all, closed ones too: their documents are kept as well.
func chosen(ctx context.Context, d tenant.Directory, only string) ([]tenant.Tenant, error) {
	if only == "" {
		return d.All(ctx)
	}
	t, err := d.ByName(ctx, only)
	if err != nil {
		return nil, fmt.Errorf("tenant %q: %w", only, err)
	}
	return []tenant.Tenant{t}, nil
}

// A name that is to be repeated must look like a schema's, and hold no eleven digits, which could be a patient's number.
var (
	schemaForm = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)
	numberForm = regexp.MustCompile(`[0-9]{11}`)
)

// unknown are the names that are no tenant's schema.
func unknown(schemas []string, tenants []tenant.Tenant) (out []string) {
	known := map[string]bool{}
	for _, t := range tenants {
		known[t.SchemaName] = true
	}
	for _, name := range schemas {
		switch {
		case known[name]:
		case schemaForm.MatchString(name) && !numberForm.MatchString(name):
			out = append(out, fmt.Sprintf("%q", name))
		default:
			out = append(out, "a name that is not repeated here, since it could hold a patient's number")
		}
	}
	return out
}

// check is one run of a Fsck.
type check struct {
	*Fsck
	// before is when the youngest object without a row that is a finding was put.
	before time.Time

	mu     sync.Mutex
	report Report
	share  []float64
}

func (c *check) all(ctx context.Context, tenants []tenant.Tenant) error {
	var tenantsAtOnce errgroup.Group
	tenantsAtOnce.SetLimit(max(1, c.Parallel))
	reads := make(chan struct{}, max(1, c.Parallel))
	failures := make([]error, len(tenants))
	for i, t := range tenants {
		tenantsAtOnce.Go(func() error {
			if err := (&tenantCheck{check: c, t: t, nth: i, reads: reads}).run(ctx); err != nil {
				failures[i] = fmt.Errorf("tenant %q could not be checked to the end: %w", t.Name, err)
			}
			return nil // the others go on
		})
	}
	_ = tenantsAtOnce.Wait()
	return errors.Join(failures...)
}

func (c *check) tell(f Finding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Findings++
	c.Found(f)
}

// advance tells that a tenant is done to a share, with so many objects more.
func (c *check) advance(nth int, share float64, objects int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.share[nth] = share
	c.report.Objects += objects
	total := 0.0
	for _, s := range c.share {
		total += s
	}
	c.Progress(Progress{Share: total / float64(len(c.share)), Objects: c.report.Objects, Findings: c.report.Findings})
}

// tenantCheck is the check of one tenant.
type tenantCheck struct {
	*check
	t   tenant.Tenant
	nth int
	// pruned is the time before which retention may have taken events away (docs/audit-seal.md), with the hour that an upload may take.
	pruned time.Time
	// reads holds one element per object that is being read, over all tenants.
	reads chan struct{}
}

// objectShare is how much of the work the store is, as the progress bar tells it.
const objectShare = 0.8

func (c *tenantCheck) run(ctx context.Context) error {
	before, err := audit.Log{DB: c.DB}.PrunedBefore(ctx, c.t.ID)
	if err != nil {
		return err
	}
	c.pruned = before.Add(time.Hour)
	if err := c.objects(ctx); err != nil {
		return err
	}
	steps := []func(context.Context) error{c.rows, c.locators, c.removals}
	for i, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
		c.advance(c.nth, objectShare+(1-objectShare)*float64(i+1)/float64(len(steps)), 0)
	}
	return nil
}

func (c *tenantCheck) found(kind Kind, of ids, detail string) {
	c.tell(finding(c.t.Name, kind, of, detail))
}
