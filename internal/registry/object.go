package registry

import (
	"context"
	"errors"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// SetTaken reports whether a submission set or folder with this uniqueId is registered.
func SetTaken(ctx context.Context, tx *postgres.Tx, uniqueID string) (taken bool, err error) {
	return taken, tx.QueryRow(ctx, `select exists (select 1 from tenant.submission where unique_id = $1)`, uniqueID).Scan(&taken)
}

// Relink queues that an entry's bytes, which all its versions share, stand under another key now. The batch fails with fault.Conflict when no version
// names the old key any more, or all that do are deleted.
func Relink(b *postgres.Batch, entry, from, to uuid.UUID) {
	b.Queue(func(rows int64) error {
		if rows == 0 {
			return fault.New(fault.DuplicateInRegistry, "The document was changed or deleted at the same moment.")
		}
		return nil
	}, `update tenant.document_entry set object_key = $3 where logical_id = (select e.logical_id from tenant.document_entry e where e.id = $1)
	  and object_key = $2 and status <> 'T'`, entry, from, to)
}

// OfObject finds the entry, of several versions the newest, whose bytes stand under a key, with its patient as CX, and locks it until the transaction ends; uuid.Nil when
// there is none but perhaps a tombstone. No index leads from a key to its entry: the event that stored the object knows it, and only when
// it does not, all entries are looked through.
func OfObject(ctx context.Context, tx *postgres.Tx, key uuid.UUID) (entry uuid.UUID, patient string, err error) {
	const find = `select id, patient_id from tenant.document_entry where object_key = $1 and status <> 'T'`
	for _, among := range []string{` and logical_id in (select n.logical_id from tenant.stored_object o join tenant.audit_event a on a.id = o.event_id
	  cross join jsonb_array_elements(coalesce(a.detail->'documents', '[]')) d join tenant.document_entry n on n.id = (d->>'entry_id')::uuid where o.key = $1)`, ``} {
		err = tx.QueryRow(ctx, find+among+` order by version desc limit 1 for update`, key).Scan(&entry, &patient)
		if !errors.Is(err, pgx.ErrNoRows) {
			return entry, patient, err
		}
	}
	return uuid.Nil, "", nil
}
