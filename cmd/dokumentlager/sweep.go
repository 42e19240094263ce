package main

import (
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/tenant"
)

type sweepCommand struct {
	where  `embed:""`
	output `embed:""`

	Tenant string        `help:"Short name of the one tenant to sweep; all when not given."`
	DryRun bool          `help:"Only list what would be removed."`
	Grace  time.Duration `default:"24h" help:"Age from which an object without a row is removed; below 1h uploads on their way fail."`
}

// Validate is asked by kong.
func (c sweepCommand) Validate() error { return notNegative(c.Grace) }

// Run sweeps.
func (c sweepCommand) Run(s *surroundings) error {
	if c.Grace < lifecycle.SafeGrace && !c.DryRun {
		fmt.Fprintf(s.stderr, "Warning: with --grace %s, uploads that are on their way now may fail and have to be sent again.\n", c.Grace)
	}
	stores, err := c.stores(s, 1)
	if err != nil {
		return unchecked(err)
	}
	defer stores.db.Close()
	bar := newBar(s.stderr, "to sweep")
	sweep := &lifecycle.Sweep{DB: stores.db, Tenants: tenant.Directory{DB: stores.db}, Objects: stores.objects, Queue: stores.queue,
		Actor: audit.Operator(s.operator), Grace: c.Grace, DryRun: c.DryRun, Now: time.Now, Progress: bar.show,
		Told: func(o lifecycle.Swept) { bar.clear(); printLine(s, c.JSON, o, sweptLine(o)) }}
	report, err := sweep.Run(s.ctx, c.Tenant)
	bar.clear()
	would := ""
	if c.DryRun {
		would = "would be "
	}
	fmt.Fprintf(s.stderr, "%d tenants; %sremoved: %d objects of %d bytes; %squeued again: %d; ignored: %d\n",
		report.Tenants, would, report.Removed, report.Bytes, would, report.Queued, report.Ignored)
	switch {
	case err != nil:
		return unchecked(err)
	case c.DryRun && report.Removed+report.Queued > 0:
		return errors.New("there is something to sweep")
	}
	return nil
}

// sweptLine is one object for people.
func sweptLine(o lifecycle.Swept) string {
	action := string(o.Action)
	if o.DryRun && o.Action != lifecycle.Ignored {
		action = "would be " + action
	}
	if o.Detail != "" {
		return fmt.Sprintf("%-22s  %s", action, oneLine(o.Detail))
	}
	line := fmt.Sprintf("%-22s  %-12s  %s", action, oneLine(o.Tenant), o.Object)
	if !o.Put.IsZero() {
		line += fmt.Sprintf("  %d bytes, put %s", o.Size, o.Put.UTC().Format(time.RFC3339))
	}
	return line
}
