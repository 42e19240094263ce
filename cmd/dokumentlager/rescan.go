package main

import (
	"errors"
	"fmt"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/tenant"
)

type rescanCommand struct {
	where  `embed:""`
	output `embed:""`

	Tenant string `help:"Short name of the one tenant whose documents are scanned; all when not given, going on where a scan was cut off."`
	Rate   int    `help:"MiB per second; rescan.rate when not given." placeholder:"MIB"`
}

// Validate is asked by kong.
func (c rescanCommand) Validate() error {
	if c.Rate < 0 || c.Rate > 10000 {
		return errors.New("--rate is from 1 to 10000")
	}
	return nil
}

// Run scans.
func (c rescanCommand) Run(s *surroundings) error {
	scanner, err := c.scanner(s)
	if err != nil {
		return unchecked(err)
	}
	stores, err := c.stores(s, 1)
	if err != nil {
		return unchecked(err)
	}
	defer stores.db.Close()
	if err := scanner.prove(s.ctx); err != nil {
		return unchecked(err)
	}
	bar := newBar(s.stderr, "infected")
	rescan := &lifecycle.Rescan{DB: stores.db, Tenants: tenant.Directory{DB: stores.db}, Objects: scanner.repository(stores), Queue: stores.queue,
		Signatures: scanner.signatures, Actor: audit.Operator(s.operator), Rate: c.rate(scanner), Now: time.Now, Progress: bar.show,
		Log: obs.NewLogger(s.stderr, scanner.cfg.LogLevel, nil), Told: func(o lifecycle.Rescanned) { bar.clear(); printLine(s, c.JSON, o, rescannedLine(o)) }}
	report, err := rescan.Run(s.ctx, c.Tenant)
	bar.clear()
	fmt.Fprintf(s.stderr, "signatures %s; scanned: %d documents of %d bytes; infected: %d; released with the same finding: %d; not scanned: %d\n",
		report.Signatures, report.Scanned, report.Bytes, report.Infected, report.Accepted, report.Unscanned)
	switch {
	case err != nil:
		return unchecked(err)
	case report.Infected+report.Unscanned > 0:
		return errors.New("not all documents are clean; docs/operations.md says what to do at the quarantine desk")
	}
	return nil
}

// defaultRate is for a configuration that turns the service's own re-scan off.
const defaultRate = 4 << 20

func (c rescanCommand) rate(of *scanner) int64 {
	switch {
	case c.Rate > 0:
		return int64(c.Rate) << 20
	case of.cfg.RescanRate > 0:
		return int64(of.cfg.RescanRate)
	}
	return defaultRate
}

// rescannedLine is one document for people.
func rescannedLine(o lifecycle.Rescanned) string {
	line := fmt.Sprintf("%-11s  %-12s  object=%s", o.Outcome, oneLine(o.Tenant), o.Object)
	for _, part := range [][2]string{{"quarantined", o.Quarantined}, {"entry", o.Entry}, {"finding", o.Finding}} {
		if part[1] != "" {
			line += "  " + part[0] + "=" + oneLine(part[1])
		}
	}
	if o.Detail != "" {
		line += "  " + oneLine(o.Detail)
	}
	return line
}
