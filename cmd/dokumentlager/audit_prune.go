package main

import (
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/sealing"
	"dokumentlager/internal/server"
	"dokumentlager/migrations"
)

type auditPrune struct {
	where  `embed:""`
	output `embed:""`
	logs   `embed:""`

	DryRun bool `help:"Only tell what would be removed."`
}

// Run removes events older than audit.retention_years.
func (c auditPrune) Run(s *surroundings) error {
	signing, err := c.signing(s, server.Reading|server.Owning, nil)
	if err != nil {
		return unchecked(err)
	}
	years := signing.cfg.Audit.RetentionYears
	if years == 0 {
		fmt.Fprintln(s.stderr, "audit.retention_years is 0: events are kept for ever, and nothing was removed.")
		return nil
	}
	if signing.secret == "" {
		return unchecked(errors.New("audit.signing_key is missing: the note of what is removed must be signed"))
	}
	key, err := ledger.ParseKey(signing.secret)
	if err != nil {
		return unchecked(err)
	}
	db, err := signing.open(s)
	if err != nil {
		return unchecked(err)
	}
	defer db.Close()
	owner, err := postgres.OpenOwner(s.ctx, signing.cfg.Database.OwnerURL, migrations.FS)
	if err != nil {
		return unchecked(err)
	}
	defer owner.Close()
	now, err := c.now(s, owner)
	if err != nil {
		return unchecked(err)
	}
	prune := &sealing.Prune{DB: db, Owner: owner, Key: key, Trust: signing.trust, Before: now.UTC().AddDate(-years, 0, 0).Truncate(time.Second),
		Actor: audit.Operator(s.operator), DryRun: c.DryRun, Now: time.Now,
		Told: func(p sealing.Pruned) { printLine(s, c.JSON, p, prunedLine(p)) }}
	if err := prune.Run(s.ctx, c.selection()); err != nil {
		return unchecked(err)
	}
	return nil
}

// now is the time by this machine's clock, when the database's agrees: what a clock that is years ahead takes for old is gone for good.
func (c auditPrune) now(s *surroundings, owner *postgres.Owner) (time.Time, error) {
	database, err := audit.Pruning{Owner: owner}.Now(s.ctx)
	if err != nil {
		return time.Time{}, err
	}
	return agreed(time.Now(), database)
}

// maxClocks is how far the two clocks may be apart.
const maxClocks = time.Hour

func agreed(here, database time.Time) (time.Time, error) {
	if d := here.Sub(database).Abs(); d > maxClocks {
		return time.Time{}, fmt.Errorf("this machine's clock says %s and the database's %s: nothing was removed. Set the one that is wrong",
			here.UTC().Format(time.RFC3339), database.UTC().Format(time.RFC3339))
	}
	return here, nil
}

// prunedLine is one log for people.
func prunedLine(p sealing.Pruned) string {
	would := ""
	if p.DryRun {
		would = "would be "
	}
	return fmt.Sprintf("%-12s  %sremoved: %d events before %s, up to position %d", oneLine(p.Log), would, p.Events, p.Before.Format(time.DateOnly), p.UpTo)
}
