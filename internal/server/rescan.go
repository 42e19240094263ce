package server

import (
	"context"
	"errors"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
)

// rescanEvery is how soon a change of signatures is noticed, and how long an interrupted re-scan rests.
const rescanEvery = 10 * time.Minute

// rescan scans stored documents again when signatures have changed. It has one scan slot of its own, so that uploads never wait for it.
func (p *parts) rescan() *lifecycle.Rescan {
	c := p.cfg
	objects := repository.New(repository.Config{Blobs: p.store, SpoolDir: c.SpoolDir, MaxDocument: int64(DocumentLimit), ScanSlots: 1,
		ScanWait: c.Clamd.Deadline, Scanner: p.gated(p.metrics.Scan)})
	return &lifecycle.Rescan{DB: p.db, Tenants: p.tenants, Objects: objects, Queue: p.queue, Signatures: p.trusted,
		Actor: audit.Operator("dokumentlager serve"), Rate: int64(c.RescanRate), Now: p.now, Log: p.log}
}

// trusted asks the scanner for its signatures, and refuses when a gate is closed.
func (p *parts) trusted(ctx context.Context) (scan.Signatures, error) {
	if err := errors.Join(p.selfTest.Passed(ctx), p.signatures.Passed(ctx)); err != nil {
		return scan.Signatures{}, err
	}
	return p.scanner.Signatures(ctx)
}
