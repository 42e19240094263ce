package main

import (
	"context"
	"fmt"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

type auditCommands struct {
	List   auditList   `cmd:"" help:"List events from the oldest to the newest."`
	Export auditExport `cmd:"" help:"Write a part of the log to a file: AuditEvents of FHIR, JSON lines or CSV."`
	Verify auditVerify `cmd:"" help:"Find events that were changed by other means than the service. Exit code 0 clean, 1 findings, 3 could not verify."`
	Prune  auditPrune  `cmd:"" help:"Remove events that are older than audit.retention_years. Exit code 0 done, 3 not all could be pruned."`
	Key    auditKey    `cmd:"" help:"Make a key that signs the log's heads."`
}

type auditList struct {
	where  `embed:""`
	output `embed:""`

	Tenant  string `help:"Short name of the tenant." xor:"log" required:""`
	Control bool   `help:"Events that belong to no tenant." xor:"log" required:""`
	Follow  bool   `short:"f" help:"Go on with new events until interrupted."`
}

// page is how many events are read at once.
const page = 500

// Run lists. Listing is not itself an event of the log it lists: the list would never end, and under --follow grow by itself.
func (c auditList) Run(s *surroundings) error {
	db, err := c.database(s)
	if err != nil {
		return err
	}
	defer db.Close()
	log := audit.Log{DB: db}
	read := log.ListControl
	if !c.Control {
		t, err := tenant.Directory{DB: db}.ByName(s.ctx, c.Tenant)
		if err != nil {
			return fmt.Errorf("tenant %q: %w", c.Tenant, err)
		}
		read = func(ctx context.Context, after uuid.UUID, limit int) ([]audit.Line, error) {
			return log.List(ctx, t.Schema(), after, limit)
		}
	}
	return c.list(s, read)
}

func (c auditList) list(s *surroundings, read func(context.Context, uuid.UUID, int) ([]audit.Line, error)) error {
	var after uuid.UUID
	for first := true; ; first = false {
		lines, err := read(s.ctx, after, page)
		if err != nil {
			if c.Follow && s.ctx.Err() != nil {
				return nil
			}
			return err
		}
		if first || len(lines) > 0 {
			if err := c.print(s, lines); err != nil {
				return err
			}
		}
		if len(lines) > 0 {
			after = lines[len(lines)-1].ID
		}
		if len(lines) == page {
			continue
		}
		if !c.Follow || !pause(s.ctx, time.Second) {
			return nil
		}
	}
}

// pause is false when the command is to end.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

func (c auditList) print(s *surroundings, lines []audit.Line) error {
	return printer[audit.Line]{s.stdout, c.JSON,
		[]string{"TIME", "ACTION", "OUTCOME", "OPERATION", "ORGANISATION", "CALLER", "PATIENT", "DOCUMENT", "RULE", "CODE", "REQUEST"},
		func(l audit.Line) []string {
			who := l.Caller.Name
			if who == "" {
				who = l.Caller.ClientID
			}
			outcome := l.Outcome
			if l.Detail.BreakGlass > 0 {
				outcome += ",break-glass"
			}
			return []string{l.Time.Format(time.RFC3339), l.Action, outcome, l.Operation, l.Organisation, who, l.Patient, l.Document, l.Rule, l.Code, l.RequestID}
		}}.print(lines)
}
