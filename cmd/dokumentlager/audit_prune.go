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
	prune := &sealing.Prune{DB: db, Owner: owner, Key: key, Trust: signing.trust, Before: time.Now().UTC().AddDate(-years, 0, 0).Truncate(time.Second),
		Actor: audit.Operator(s.operator), DryRun: c.DryRun, Now: time.Now,
		Told: func(p sealing.Pruned) { printLine(s, c.JSON, p, prunedLine(p)) }}
	if err := prune.Run(s.ctx, c.selection()); err != nil {
		return unchecked(err)
	}
	return nil
}

// prunedLine is one log for people.
func prunedLine(p sealing.Pruned) string {
	would := ""
	if p.DryRun {
		would = "would be "
	}
	return fmt.Sprintf("%-12s  %sremoved: %d events before %s, up to position %d", oneLine(p.Log), would, p.Events, p.Before.Format(time.DateOnly), p.UpTo)
}
