package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/server"
)

// scanner is what commands that scan stand on: one slot, and the gate that keeps old signatures out, as in the serving process.
type scanner struct {
	cfg   server.Config
	clamd *scan.Scanner
	gate  *server.SignatureGate
}

// scanner reads where the scanner is; it does not connect.
func (w where) scanner(s *surroundings) (*scanner, error) {
	cfg, err := w.storing(s)
	if err != nil {
		return nil, err
	}
	if cfg.Clamd.Address == "" {
		return nil, fault.New(fault.ConfigurationRefused, "A value is missing; the command needs the scanner.").At("clamd.address")
	}
	clamd := scan.New(scan.Config{Network: "tcp", Address: cfg.Clamd.Address, Deadline: cfg.Clamd.Deadline})
	return &scanner{cfg, clamd, &server.SignatureGate{Ask: clamd.Signatures, MaxAge: cfg.Clamd.SignatureAge, Undated: cfg.Clamd.Undated, Now: time.Now,
		Log: slog.New(slog.DiscardHandler)}}, nil
}

// signatures asks what the scanner knows, and refuses when that is too old.
func (c *scanner) signatures(ctx context.Context) (scan.Signatures, error) { return c.gate.Check(ctx) }

// prove asks for the signatures and lets the scanner show that it finds what it must: one with wrong settings calls everything clean.
func (c *scanner) prove(ctx context.Context) error {
	if _, err := c.gate.Check(ctx); err != nil {
		return err
	}
	if err := c.clamd.SelfTest(ctx); err != nil {
		return errors.Join(errors.New("the scanner's self-test failed, so nothing is scanned"), err)
	}
	return nil
}

// repository scans with one slot.
func (c *scanner) repository(of *stores) *repository.Repository {
	return repository.New(repository.Config{Blobs: of.blobs, SpoolDir: c.cfg.SpoolDir, MaxDocument: int64(server.DocumentLimit), ScanSlots: 1,
		ScanWait: c.cfg.Clamd.Deadline, Scanner: repository.Clamd(c.clamd)})
}
