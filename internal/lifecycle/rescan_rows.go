package lifecycle

import (
	"context"
	"errors"
	"slices"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// stored is a document that can be opened. finding is what the desk released it with, or empty.
type stored struct {
	repository.Object
	finding string
}

// rescanPage is how many documents are read at once; scanning them may take minutes.
const rescanPage = 100

func storedPage(ctx context.Context, db *postgres.DB, s postgres.Schema, after uuid.UUID) (page []stored, err error) {
	err = db.InTenant(ctx, s, func(tx *postgres.Tx) error {
		rows, err := tx.Query(ctx, `select key, size, sha256, coalesce(received_at, stored_at), coalesce(finding, '') from tenant.stored_object
			where key > $1 and state = 'S' order by key limit $2`, after, rescanPage)
		if err != nil {
			return err
		}
		page, err = pgx.CollectRows(rows, func(r pgx.CollectableRow) (o stored, err error) {
			return o, r.Scan(&o.Key, &o.Size, &o.SHA256, &o.Received, &o.finding)
		})
		return err
	})
	return page, err
}

// lockStored locks the row of a document that can be opened and gives its declared type; pgx.ErrNoRows when there is none.
func lockStored(ctx context.Context, tx *postgres.Tx, key uuid.UUID) (mime string, err error) {
	return mime, tx.QueryRow(ctx, `select mime_type from tenant.stored_object where key = $1 and state = 'S' for update`, key).Scan(&mime)
}

func isStored(ctx context.Context, db *postgres.DB, s postgres.Schema, key uuid.UUID) (yes bool, err error) {
	err = db.InTenant(ctx, s, func(tx *postgres.Tx) error {
		_, err := lockStored(ctx, tx, key)
		yes = err == nil
		if errors.Is(err, pgx.ErrNoRows) {
			return nil
		}
		return err
	})
	return yes, err
}

// byID is the order in which a scan goes through tenants: one made meanwhile comes last.
func byID(tenants []tenant.Tenant) []tenant.Tenant {
	return slices.SortedFunc(slices.Values(tenants), func(a, b tenant.Tenant) int { return int(a.ID) - int(b.ID) })
}

// progress keeps how far a scan of all tenants is. Its statements run on the connection that holds the lock: when that is lost, so is the
// right to go on.
type progress struct {
	held  postgres.Holder
	begun time.Time
}

// resume begins a scan, or takes up the one that was cut off: that keeps the signatures it began with, so that another one follows when
// they have changed since.
func (r *rescanning) resume(ctx context.Context, held postgres.Holder) error {
	r.keep = &progress{held: held, begun: r.Now().UTC()}
	var done *time.Time
	var last RescanReport
	err := held.QueryRow(ctx, `select signatures, begun_at, done_at, tenant_id, object_key, scanned, bytes, infected, accepted, unscanned from control.rescan`).
		Scan(&last.Signatures, &r.keep.begun, &done, &r.at.tenant, &r.at.key, &last.Scanned, &last.Bytes, &last.Infected, &last.Accepted, &last.Unscanned)
	switch {
	case err == nil && done == nil:
		r.report = last
		return nil
	case err != nil && !errors.Is(err, pgx.ErrNoRows):
		return postgres.Unavailable(err)
	}
	r.keep.begun, r.at = r.Now().UTC(), place0
	return r.write(ctx, place0, nil)
}

// save keeps how far the scan is; nothing for a scan of one tenant.
func (r *rescanning) save(ctx context.Context, at reached) error {
	r.saved = time.Now()
	return r.write(ctx, at, nil)
}

func (r *rescanning) done(ctx context.Context) error {
	now := r.Now().UTC()
	return r.write(ctx, place0, &now)
}

func (r *rescanning) write(ctx context.Context, at reached, done *time.Time) error {
	if r.keep == nil {
		return nil
	}
	p := r.report
	_, err := r.keep.held.Exec(ctx, `insert into control.rescan (signatures, begun_at, done_at, tenant_id, object_key, scanned, bytes, infected, accepted, unscanned)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (only_row) do update set signatures = excluded.signatures, begun_at = excluded.begun_at,
		done_at = excluded.done_at, tenant_id = excluded.tenant_id, object_key = excluded.object_key, scanned = excluded.scanned, bytes = excluded.bytes,
		infected = excluded.infected, accepted = excluded.accepted, unscanned = excluded.unscanned`,
		p.Signatures, r.keep.begun, done, at.tenant, at.key, p.Scanned, p.Bytes, p.Infected, p.Accepted, p.Unscanned)
	return postgres.Unavailable(err)
}

// Due reports whether documents are stored that have not all been scanned with the scanner's signatures of today.
func (r *Rescan) Due(ctx context.Context) (bool, error) {
	now, err := r.Signatures(ctx)
	if err != nil {
		return false, err
	}
	var due bool
	err = r.DB.Control().QueryRow(ctx, `select not exists (select 1 from control.rescan where signatures = $1 and done_at is not null)`, now.String()).Scan(&due)
	return due, postgres.Unavailable(err)
}

// Repeat scans all tenants whenever the scanner's signatures have changed, until ctx ends; it looks for the first time after the pause
// first and then every so often. Of several replicas one at a time scans.
func (r *Rescan) Repeat(ctx context.Context, first, every time.Duration) {
	for pause := first; sleep(ctx, pause) == nil; pause = every {
		due, err := r.Due(ctx)
		if err != nil {
			r.Log.WarnContext(ctx, "it is not known whether stored documents are to be scanned again", "operation", "rescan", "component", string(fault.PartOf(err)), "error", err)
		}
		if due {
			r.repeat(ctx)
		}
	}
}

func (r *Rescan) repeat(ctx context.Context) {
	begin := r.Now()
	report, err := r.Run(ctx, "")
	log := r.Log.With("operation", "rescan", "component", string(fault.PartOf(err)), "version", report.Signatures, "count", report.Scanned, "bytes", report.Bytes, "duration_ms", r.Now().Sub(begin).Milliseconds())
	switch {
	case ctx.Err() != nil || errors.Is(err, ErrRescanning):
	case err != nil:
		log.WarnContext(ctx, "stored documents could not be scanned again to the end; the next attempt goes on there", "error", err)
	case report.Infected+report.Unscanned > 0:
		log.WarnContext(ctx, "stored documents were scanned again, and not all are clean: see the quarantine desk")
	default:
		log.InfoContext(ctx, "stored documents were scanned again, and all are clean")
	}
}
