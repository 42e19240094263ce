package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/submission"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

type quarantineCommand struct {
	List    quarantineList    `cmd:"" help:"List a tenant's infected documents."`
	Show    quarantineShow    `cmd:"" help:"Show one, with what the desk has noted."`
	Rescan  quarantineRescan  `cmd:"" help:"Scan one again with the signatures of today. It stays in quarantine whatever the verdict."`
	Approve quarantineApprove `cmd:"" help:"Say as the first administrator that one may be released; the word stands for a day."`
	Release quarantineRelease `cmd:"" help:"Publish one that another administrator approved."`
	Destroy quarantineDestroy `cmd:"" help:"Remove one for good."`
}

// desk is what every command of the desk is about.
type desk struct {
	where  `embed:""`
	output `embed:""`
	Tenant string `required:"" help:"Short name of the tenant."`
}

// one is a command about one document.
type one struct {
	desk `embed:""`
	Key  string `arg:"" help:"Its key, as the list has it."`
}

// Validate is asked by kong.
func (o one) Validate() error {
	if _, err := uuid.Parse(o.Key); err != nil {
		return errors.New("the key is a UUID, as `quarantine list` prints it")
	}
	return nil
}

func (o one) key() uuid.UUID { return uuid.MustParse(o.Key) }

// opened is a desk with its tenant; close it.
type opened struct {
	*administration.Desk
	tenant tenant.Tenant
	close  func()
}

// reading opens a desk that reads and notes; it needs the database alone.
func (d desk) reading(s *surroundings) (*opened, error) {
	db, err := d.database(s)
	if err != nil {
		return nil, err
	}
	return d.open(s, &stores{db: db, objects: repository.New(repository.Config{})})
}

// writing opens a desk that moves bytes.
func (d desk) writing(s *surroundings) (*opened, error) {
	stores, err := d.stores(s, 1)
	if err != nil {
		return nil, err
	}
	return d.open(s, stores)
}

func (d desk) open(s *surroundings, of *stores) (*opened, error) {
	directory, log := tenant.Directory{DB: of.db}, audit.Log{DB: of.db}
	t, err := directory.ByName(s.ctx, d.Tenant)
	if err != nil {
		of.db.Close()
		return nil, fmt.Errorf("tenant %q: %w", d.Tenant, err)
	}
	publisher := &submission.Service{DB: of.db, Tenants: directory, Objects: of.objects, Log: log, Locator: of.locator, Queue: of.queue, Now: time.Now}
	return &opened{&administration.Desk{DB: of.db, Objects: of.objects, Log: log, Queue: of.queue, Publisher: publisher, Operator: s.operator, Now: time.Now},
		t, of.db.Close}, nil
}

// print writes one document.
func (d desk) print(s *surroundings, i administration.Infected) error {
	if d.JSON {
		printLine(s, true, i, "")
		return nil
	}
	fmt.Fprint(s.stdout, details(i))
	return nil
}

type quarantineList struct {
	desk `embed:""`
}

// Run lists what is in quarantine.
func (c quarantineList) Run(s *surroundings) error {
	d, err := c.reading(s)
	if err != nil {
		return err
	}
	defer d.close()
	found, err := d.List(s.ctx, d.tenant)
	if err != nil {
		return err
	}
	return printer[administration.Infected]{s.stdout, c.JSON, []string{"STORED", "FINDING", "TYPE", "BYTES", "ORGANISATION", "APPROVED BY", "KEY", "EVENT"},
		func(i administration.Infected) []string {
			return []string{i.StoredAt.Format(time.RFC3339), i.Finding, i.MimeType, fmt.Sprint(i.Size), i.Organisation, approver(i), i.Key, i.Event}
		}}.print(found)
}

func approver(i administration.Infected) string {
	if i.Approval == nil {
		return ""
	}
	return i.Approval.By
}

type quarantineShow struct {
	one `embed:""`
}

// Run shows one document.
func (c quarantineShow) Run(s *surroundings) error {
	d, err := c.reading(s)
	if err != nil {
		return err
	}
	defer d.close()
	found, err := d.Show(s.ctx, d.tenant, c.key())
	if err != nil {
		return err
	}
	return c.print(s, found)
}

type quarantineRescan struct {
	one `embed:""`
}

// Run scans one document again.
func (c quarantineRescan) Run(s *surroundings) error {
	scanner, err := c.scanner(s)
	if err != nil {
		return err
	}
	stores, err := c.stores(s, 1)
	if err != nil {
		return err
	}
	stores.objects = scanner.repository(stores)
	d, err := c.open(s, stores)
	if err != nil {
		return err
	}
	defer d.close()
	if err := scanner.prove(s.ctx); err != nil {
		return err
	}
	d.Signatures = scanner.signatures
	after, err := d.Rescan(s.ctx, d.tenant, c.key())
	if err != nil {
		return err
	}
	return c.print(s, after)
}

type quarantineApprove struct {
	one    `embed:""`
	Reason string `required:"" help:"Why it may be released; stands in the audit log."`
}

// Run approves a release.
func (c quarantineApprove) Run(s *surroundings) error {
	d, err := c.reading(s)
	if err != nil {
		return err
	}
	defer d.close()
	after, err := d.Approve(s.ctx, d.tenant, c.key(), c.Reason)
	if err != nil {
		return err
	}
	return c.print(s, after)
}

type quarantineRelease struct {
	one `embed:""`
}

// Run publishes a document.
func (c quarantineRelease) Run(s *surroundings) error {
	d, err := c.writing(s)
	if err != nil {
		return err
	}
	defer d.close()
	return d.Release(s.ctx, d.tenant, c.key())
}

type quarantineDestroy struct {
	one    `embed:""`
	Reason string `required:"" help:"Why it is removed; stands in the audit log."`
}

// Run removes a document.
func (c quarantineDestroy) Run(s *surroundings) error {
	d, err := c.writing(s)
	if err != nil {
		return err
	}
	defer d.close()
	return d.Destroy(s.ctx, d.tenant, c.key(), c.Reason)
}

// details are one document's fields, one in a line.
func details(i administration.Infected) string {
	lines := [][2]string{{"key", i.Key}, {"finding", i.Finding}, {"type", i.MimeType}, {"bytes", fmt.Sprint(i.Size)}, {"sha256", i.SHA256},
		{"stored", i.StoredAt.Format(time.RFC3339)}, {"event", i.Event}, {"entry", i.Entry}, {"unique ids", csv(i.UniqueIDs)},
		{"organisation", i.Organisation}, {"client", i.Client}}
	if i.Published {
		lines = append(lines, [2]string{"published", "yes: found infected afterwards, its entry is still listed"})
	}
	for _, o := range i.Obstacles {
		lines = append(lines, [2]string{"obstacle", o})
	}
	if a := i.Approval; a != nil {
		lines = append(lines, [2]string{"approved", fmt.Sprintf("by %s at %s, stands until %s: %s", a.By, a.At.Format(time.RFC3339), i.Lapses.Format(time.RFC3339), a.Why)})
	}
	for _, r := range i.Scans {
		lines = append(lines, [2]string{"scanned again", fmt.Sprintf("%s by %s with %s: %s %s", r.At.Format(time.RFC3339), r.By, r.Signatures, r.Verdict, r.Finding)})
	}
	var out strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&out, "%-14s %s\n", l[0], oneLine(l[1]))
	}
	return out.String()
}
