package registry

import (
	"context"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// KindsOf tells what ids stand for: entries that are there, submission sets, folders and associations. What is deleted or unknown is left out.
func KindsOf(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) (map[uuid.UUID]Kind, error) {
	found := map[uuid.UUID]Kind{}
	if len(ids) == 0 {
		return found, nil
	}
	rows, err := tx.Query(ctx, `select id, 'E' from tenant.document_entry where id = any($1::text[]::uuid[]) and status <> 'T'
	  union all select id, kind::text from tenant.submission where id = any($1::text[]::uuid[])
	  union all select id, 'A' from tenant.association where id = any($1::text[]::uuid[])`, postgres.Texts(ids))
	if err != nil {
		return nil, err
	}
	var id uuid.UUID
	var kind string
	_, err = pgx.ForEachRow(rows, []any{&id, &kind}, func() error {
		found[id] = Kind(kind[0])
		return nil
	})
	return found, err
}

// LockLists locks submission sets and folders against change until the transaction ends.
func LockLists(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, `select from tenant.submission where id = any($1::text[]::uuid[]) order by id for update`, postgres.Texts(ids))
	return err
}

// Remove queues that submission sets, folders and associations go for good (ITI-62); entries are buried instead. Whoever removes has seen to it that
// nothing refers to them.
func Remove(tx *postgres.Tx, b *postgres.Batch, lists, associations []uuid.UUID) {
	if len(associations) > 0 {
		b.Queue(nil, `delete from tenant.association where id = any($1::text[]::uuid[])`, postgres.Texts(associations))
	}
	if len(lists) > 0 {
		b.Queue(nil, `delete from tenant.submission where id = any($1::text[]::uuid[])`, postgres.Texts(lists))
		tx.Control(`delete from control.entry_locator where tenant_id = $1 and entry_id = any($2::text[]::uuid[])`, tx.Schema.ID, postgres.Texts(lists))
	}
}
