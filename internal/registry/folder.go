package registry

import (
	"context"
	"encoding/json"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/samber/lo"
)

func queueFolder(b *postgres.Batch, f document.Folder) error {
	rest := setRest{Title: f.Title, Comments: f.Comments, Displays: map[string]string{}}
	for _, c := range f.Codes {
		if c.Display != "" {
			rest.Displays[c.Token()] = c.Display
		}
	}
	text, err := json.Marshal(rest)
	if err != nil {
		return err
	}
	var logical any
	if f.LogicalID != uuid.Nil && f.LogicalID != f.ID {
		logical = f.LogicalID
	}
	b.Queue(nil, `insert into tenant.submission (id, unique_id, patient_id, source_id, content_type, submission_time, registered_at, rest, kind, status, codes, logical_id, version)
	  values ($1, $2, $3, '', '', $4, $5, $6, 'F', $7, $8, $9, $10)`,
		f.ID, f.UniqueID, f.Patient.CX(), f.Updated, f.Registered, string(text), string(rune(f.Status)), tokens(f.Codes), logical, max(f.Version, 1))
	return nil
}

// queueGrowth moves a folder's lastUpdateTime, never back: clocks of replicas differ.
func queueGrowth(b *postgres.Batch, folder uuid.UUID, at time.Time) {
	b.Queue(func(rows int64) error {
		if rows != 1 {
			return fault.New(fault.DuplicateInRegistry, "The folder was removed at the same moment. Nothing of this message was stored.")
		}
		return nil
	}, `update tenant.submission set submission_time = greatest(submission_time, $2) where id = $1 and kind = 'F'`, folder, at)
}

// ListsNamed finds submission sets and folders by id or by unique identifier, each version of a folder. No lock is taken: whoever adds a registered document to a folder
// has locked the document (Existing), so none is added twice.
func ListsNamed(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID, uniqueIDs []string) ([]document.List, error) {
	if len(ids)+len(uniqueIDs) == 0 {
		return nil, nil
	}
	return lists(ctx, tx, selectList+`where s.id = any($1::text[]::uuid[]) or s.unique_id = any($2)`, postgres.Texts(ids), uniqueIDs)
}

// FoldersOf finds the approved folders that hold each of the entries. Whoever has locked an entry gets all: none takes it in meanwhile.
func FoldersOf(ctx context.Context, tx *postgres.Tx, entries []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `select a.target_id, a.source_id from tenant.association a join tenant.submission f on f.id = a.source_id
	  join tenant.document_entry e on e.id = a.target_id
	  where a.target_id = any($1::text[]::uuid[]) and a.kind = 'M' and a.status = 'A' and f.kind = 'F' and f.status = 'A' and e.registered_at <= a.registered_at
	  order by a.source_id`, postgres.Texts(entries))
	if err != nil {
		return nil, err
	}
	type pair struct{ entry, folder uuid.UUID }
	found, err := pgx.CollectRows(rows, func(r pgx.CollectableRow) (p pair, err error) { return p, r.Scan(&p.entry, &p.folder) })
	out := map[uuid.UUID][]uuid.UUID{}
	for _, p := range lo.Uniq(found) {
		out[p.entry] = append(out[p.entry], p.folder)
	}
	return out, err
}
