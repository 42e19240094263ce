package lifecycle

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/job"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// ErrRescanning means that another process scans stored documents again now.
var ErrRescanning = errors.New("another process scans stored documents again now")

// rescanLock is the advisory lock of whoever does.
const rescanLock = 0x646c_7265_7363_61

// Rescan scans what is stored again, since signatures of today find what those of the upload's day did not (design/trust.md test 21). What
// is infected now can be opened no more from the moment its transaction commits, and nothing is lost: the bytes are held in quarantine, and
// the entry stays. It needs all but Told and Progress.
type Rescan struct {
	DB      *postgres.DB
	Tenants tenant.Directory
	// Objects has a scanner, with one slot: uploads go first.
	Objects *repository.Repository
	Queue   *job.Queue
	// Signatures tells what the scanner knows, and refuses when it is not worth a scan.
	Signatures func(context.Context) (scan.Signatures, error)
	// Actor is who the audit log says scanned.
	Actor audit.Actor
	// Rate is in bytes per second, above zero.
	Rate int64
	Now  func() time.Time
	Log  *slog.Logger
	// Told hears of each document that is not simply clean, Progress from time to time how far the scan is.
	Told     func(Rescanned)
	Progress func(Progress)
}

// Outcome is what became of a document that is not simply clean.
type Outcome string

// Infected ones are in quarantine now. Accepted ones were released by the desk with the same finding, and stay. The others could not be
// scanned: they run into the scanner's limits or break it, or their bytes are damaged (fsck).
const (
	NowInfected Outcome = "infected"
	Accepted    Outcome = "accepted"
	NotScanned  Outcome = "not-scanned"
	Unreadable  Outcome = "damaged"
)

// Rescanned is one such document. It names no patient.
type Rescanned struct {
	Tenant  string  `json:"tenant"`
	Outcome Outcome `json:"outcome"`
	// Object is the key it had among the documents; Quarantined the key that it has at the quarantine desk.
	Object      string `json:"object"`
	Quarantined string `json:"quarantined,omitempty"`
	Entry       string `json:"entry,omitempty"`
	Finding     string `json:"finding,omitempty"`
	Detail      string `json:"detail,omitempty"`
}

// RescanReport sums a scan up; of one that was resumed, all its parts.
type RescanReport struct {
	// Signatures is the version that it began with.
	Signatures string
	// Scanned and Bytes count what has a verdict; the others what has none, or another one than clean.
	Scanned, Infected, Accepted, Unscanned int
	Bytes                                  int64
}

// Run scans one tenant's documents by its short name, or all. A scan of all that was cut off goes on where it was. ErrRescanning when
// another process scans; other errors tell why it ended early.
func (r *Rescan) Run(ctx context.Context, only string) (report RescanReport, err error) {
	signatures, err := r.Signatures(ctx)
	if err != nil {
		return report, err
	}
	tenants, err := chosen(ctx, r.Tenants, only)
	if err != nil {
		return report, err
	}
	err = r.DB.Exclusive(ctx, rescanLock, ErrRescanning, func(held postgres.Holder) error {
		run := &rescanning{Rescan: r, report: RescanReport{Signatures: signatures.String()}, tenants: len(tenants)}
		defer func() { report = run.report }()
		if only != "" {
			return run.all(ctx, tenants, place0)
		}
		if err := run.resume(ctx, held); err != nil {
			return err
		}
		err := run.all(ctx, tenants, run.at)
		if err == nil {
			return run.done(ctx)
		}
		// Only a process that is killed loses the last second.
		return errors.Join(err, run.save(context.WithoutCancel(ctx), run.at))
	})
	return report, err
}

// reached is how far a scan is: all documents of tenants before this one, and this one's up to the key.
type reached struct {
	tenant int32
	key    uuid.UUID
}

var place0 = reached{}

// rescanning is one run of a Rescan.
type rescanning struct {
	*Rescan
	report  RescanReport
	tenants int
	// keep is nil for a scan whose progress is not kept.
	keep  *progress
	saved time.Time
	// at is how far it is.
	at reached
	// next is when the rate allows the next document.
	next time.Time
	seen int
}

func (r *rescanning) all(ctx context.Context, tenants []tenant.Tenant, from reached) error {
	for i, t := range byID(tenants) {
		after := uuid.Nil
		switch {
		case t.ID < from.tenant:
			continue
		case t.ID == from.tenant:
			after = from.key
		}
		if err := r.tenant(ctx, t, i, after); err != nil {
			return fmt.Errorf("tenant %q could not be scanned to the end: %w", t.Name, err)
		}
	}
	return nil
}

// tenant scans a tenant's documents in the order of their keys.
func (r *rescanning) tenant(ctx context.Context, t tenant.Tenant, nth int, after uuid.UUID) error {
	for {
		page, err := storedPage(ctx, r.DB, t.Schema(), after)
		if err != nil {
			return err
		}
		for _, o := range page {
			if err := r.object(ctx, t, o); err != nil {
				return err
			}
			after = o.Key
			if err := r.note(ctx, t, nth, after); err != nil {
				return err
			}
		}
		if len(page) < rescanPage {
			r.at = reached{t.ID, uuid.Max}
			return r.save(ctx, r.at)
		}
	}
}

// note tells progress, and keeps it once a second.
func (r *rescanning) note(ctx context.Context, t tenant.Tenant, nth int, key uuid.UUID) error {
	r.seen++
	r.at = reached{t.ID, key}
	if r.Progress != nil {
		share := (float64(nth) + float64(binary.BigEndian.Uint16(key[:2]))/(1<<16)) / float64(r.tenants)
		r.Progress(Progress{Share: share, Objects: r.seen, Findings: r.report.Infected})
	}
	if time.Since(r.saved) < time.Second {
		return nil
	}
	return r.save(ctx, r.at)
}

// object scans one document and acts on the verdict.
func (r *rescanning) object(ctx context.Context, t tenant.Tenant, o stored) (err error) {
	if err := r.pace(ctx, o.Size); err != nil {
		return err
	}
	ctx, ended := obs.Span(ctx, "rescan document")
	defer func() { ended(err) }()
	facts, err := r.examine(ctx, t, o)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return r.unscanned(ctx, t, o, err)
	}
	r.report.Scanned++
	r.report.Bytes += o.Size
	switch {
	case !facts.Infected:
		return nil
	case facts.Finding == o.finding:
		r.report.Accepted++
		r.tell(Rescanned{Tenant: t.Name, Outcome: Accepted, Object: o.Key.String(), Finding: facts.Finding})
		return nil
	}
	return r.isolate(ctx, t, o, facts.Finding)
}

// tries is how often a document is given to the scanner that says nothing of it.
const tries = 3

// examine scans; a scanner that is busy or restarts gets another chance.
func (r *rescanning) examine(ctx context.Context, t tenant.Tenant, o stored) (facts repository.Facts, err error) {
	for try := range tries {
		facts, err = r.Objects.Examine(ctx, t.Schema(), repository.Documents, o.Object)
		if lead := fault.Of(err).Leading(); err == nil || lead.Code != fault.NotScanned || lead.RetryAfter == 0 || errors.Is(err, scan.ErrLimits) {
			return facts, err
		}
		if try < tries-1 {
			if err := sleep(ctx, time.Duration(try+1)*time.Second); err != nil {
				return facts, err
			}
		}
	}
	return facts, err
}

// unscanned goes on when the trouble is the document's, and ends the scan when it is the scanner's or the store's: a scan that finds
// nothing because nobody answers must not pass for done.
func (r *rescanning) unscanned(ctx context.Context, t tenant.Tenant, o stored, err error) error {
	outcome := NotScanned
	switch fault.Of(err).Leading().Code {
	case fault.StoredBytesDamaged:
		still, err := isStored(ctx, r.DB, t.Schema(), o.Key)
		if err != nil || !still {
			return err // deleted since the page was read
		}
		outcome = Unreadable
	case fault.NotScanned:
		if _, alive := r.Signatures(ctx); alive != nil {
			return errors.Join(err, alive)
		}
	default:
		return err
	}
	r.report.Unscanned++
	r.tell(Rescanned{Tenant: t.Name, Outcome: outcome, Object: o.Key.String(), Detail: fault.Of(err).Leading().Safe})
	return nil
}

func (r *rescanning) tell(one Rescanned) {
	if r.Told != nil {
		r.Told(one)
	}
}

// pace waits until the rate allows so many bytes more.
func (r *rescanning) pace(ctx context.Context, size int64) error {
	now := time.Now()
	if r.next.After(now) {
		if err := sleep(ctx, r.next.Sub(now)); err != nil {
			return err
		}
	} else {
		r.next = now
	}
	r.next = r.next.Add(time.Duration(float64(size) / float64(r.Rate) * float64(time.Second)))
	return ctx.Err()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
