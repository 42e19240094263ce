package lifecycle

import (
	"context"

	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// locators compares entries with the locator rows of the control schema, without which a reader in another instance does not find them.
// Rows and locator rows commit together, and the locator is asked last: what it lacks then is missing.
func (c *tenantCheck) locators(ctx context.Context) error {
	return c.windows(ctx, "document_entry", "id", pageSize, func(tx *postgres.Tx, after, until uuid.UUID) error {
		entries, patients, err := c.located(ctx, tx, after, until)
		if err != nil || len(entries) == 0 {
			return err
		}
		return tx.AsControl(ctx, func(control pgx.Tx) error {
			if err := c.notLocated(ctx, control, `select entry_id from control.entry_locator where tenant_id = $1 and entry_id = any($2::text[]::uuid[])`,
				entries, "the entry locator does not know the entry"); err != nil {
				return err
			}
			return c.notLocated(ctx, control, `select patient_key from control.patient_locator where tenant_id = $1 and patient_key = any($2::text[]::uuid[])`,
				patients, "the patient locator does not know this entry's patient")
		})
	})
}

// located are the keys that a window's entries must be found under, each with the entry it is of; of one patient's entries, one.
func (c *tenantCheck) located(ctx context.Context, tx *postgres.Tx, after, until uuid.UUID) (entries, patients map[uuid.UUID]uuid.UUID, err error) {
	rows, err := tx.Query(ctx, `select id, patient_id from tenant.document_entry where id > $1 and id <= $2 and status <> 'T' order by id`, after, until)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	entries, patients = map[uuid.UUID]uuid.UUID{}, map[uuid.UUID]uuid.UUID{}
	for rows.Next() {
		var id uuid.UUID
		var cx string
		if err := rows.Scan(&id, &cx); err != nil {
			return nil, nil, err
		}
		entries[id] = id
		patient, err := document.ParseCX(cx)
		if err != nil {
			c.found(EntryUnreadable, ids{entry: id}, "the entry's patient is no identifier in CX form")
			continue
		}
		if key := c.Locator.Key(patient); patients[key] == uuid.Nil {
			patients[key] = id
		}
	}
	return entries, patients, rows.Err()
}

func (c *tenantCheck) notLocated(ctx context.Context, control pgx.Tx, sql string, keys map[uuid.UUID]uuid.UUID, detail string) error {
	wanted := make([]uuid.UUID, 0, len(keys))
	for key := range keys {
		wanted = append(wanted, key)
	}
	rows, err := control.Query(ctx, sql, c.t.ID, postgres.Texts(wanted))
	if err != nil {
		return err
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
	if err != nil {
		return err
	}
	for _, key := range there {
		delete(keys, key)
	}
	for _, entry := range keys {
		c.found(LocatorMissing, ids{entry: entry}, detail)
	}
	return nil
}

// removals finds bytes whose removal was decided and that no job removes any more.
func (c *tenantCheck) removals(ctx context.Context) error {
	return eachLostRemoval(ctx, c.DB, c.Queue, c.t.Schema(), func(_ *postgres.Tx, key uuid.UUID) error {
		c.found(RemovalLost, ids{object: key}, "the bytes are to be removed and no job does it; a sweep queues one")
		return nil
	})
}
