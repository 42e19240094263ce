package registry

import (
	"cmp"
	"context"
	"slices"

	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// What the stored queries of ITI-18 read by identifiers. None of it knows what a reader may see (package disclosure).

// Keys name registry objects by any of their identifiers. What is no UUID is none of ours.
type Keys struct {
	IDs        []uuid.UUID
	UniqueIDs  []string
	LogicalIDs []uuid.UUID
}

// Empty reports whether nothing is named.
func (k Keys) Empty() bool { return len(k.IDs)+len(k.UniqueIDs)+len(k.LogicalIDs) == 0 }

// Entries finds entries, older versions and deprecated ones too, by entryUUID, uniqueId or lid, the newest first. Tombstones are never found, nor
// is an entry by its second identifier, which an answer would not show.
func Entries(ctx context.Context, tx *postgres.Tx, k Keys) ([]document.Entry, error) {
	if k.Empty() {
		return nil, nil
	}
	rows, err := tx.Query(ctx, selectEntry+`where (id = any($1::text[]::uuid[]) or unique_id = any($2::text[]) or logical_id = any($3::text[]::uuid[]))
	  and status <> 'T' order by creation_time desc, id desc`, postgres.Texts(k.IDs), k.UniqueIDs, postgres.Texts(k.LogicalIDs))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEntry)
}

// Lists finds submission sets or folders of one kind, older versions of folders too, in the usual order.
func Lists(ctx context.Context, tx *postgres.Tx, kind document.ListKind, k Keys) ([]document.List, error) {
	if k.Empty() {
		return nil, nil
	}
	// No index leads from lid to a folder: its versions share their uniqueId, and the first of them has lid as its id.
	return lists(ctx, tx, selectList+`where s.kind = $4::text::"char" and (s.id = any($1::text[]::uuid[]) or s.unique_id = any($2::text[])
	  or s.unique_id = any(array(select f.unique_id from tenant.submission f where f.id = any($3::text[]::uuid[]) and f.kind = 'F')))
	  order by s.submission_time desc, s.id desc`, postgres.Texts(k.IDs), k.UniqueIDs, postgres.Texts(k.LogicalIDs), string(rune(kind)))
}

// Linked finds the associations, deprecated ones too, that have one of the objects at either end, in the order of their ids.
func Linked(ctx context.Context, tx *postgres.Tx, ends []uuid.UUID) ([]document.Association, error) {
	if len(ends) == 0 {
		return nil, nil
	}
	return associations(ctx, tx, `where source_id = any($1::text[]::uuid[]) or target_id = any($1::text[]::uuid[]) order by id`, postgres.Texts(ends))
}

// Links finds associations by their own ids, deprecated ones too, and locks none of them.
func Links(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) ([]document.Association, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return associations(ctx, tx, `where id = any($1::text[]::uuid[]) order by id`, postgres.Texts(ids))
}

// Named finds for each uniqueId the entry that a retrieval means, as ByUniqueIDOf does, or as ByUniqueID where it says no patient. What is not there is
// not in the map.
func Named(ctx context.Context, tx *postgres.Tx, uniqueIDs []string, of document.PatientID) (map[string]document.Entry, error) {
	rows, err := tx.Query(ctx, selectEntry+`where unique_id = any($1::text[]) or alias_id = any($1::text[]) order by `+meant, uniqueIDs)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, scanEntry)
	asked, named := make(map[string]bool, len(uniqueIDs)), map[string]document.Entry{}
	for _, id := range uniqueIDs {
		asked[id] = true
	}
	slices.SortStableFunc(all, func(a, b document.Entry) int { return cmp.Compare(anothers(a, of), anothers(b, of)) })
	for _, e := range all {
		for _, id := range []string{e.UniqueID, e.AliasID} {
			if _, found := named[id]; asked[id] && !found {
				named[id] = e
			}
		}
	}
	return named, err
}

// anothers is 1 for an entry of another patient than the one that is said, and 0 for his, and for all where none is.
func anothers(e document.Entry, of document.PatientID) int {
	if of.IsZero() || e.Patient == of {
		return 0
	}
	return 1
}

// Spoken finds for each of the lists the entries at the ends of the associations that it has as members: what a submission set that brought no
// documents is about.
func Spoken(ctx context.Context, tx *postgres.Tx, lists []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	if len(lists) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `select m.source_id, e.id from tenant.association m join tenant.association a on a.id = m.target_id
	  join tenant.document_entry e on e.id = any(array[a.source_id, a.target_id]) where m.source_id = any($1::text[]::uuid[]) and m.kind = 'M'`, postgres.Texts(lists))
	if err != nil {
		return nil, err
	}
	out := map[uuid.UUID][]uuid.UUID{}
	var list, entry uuid.UUID
	_, err = pgx.ForEachRow(rows, []any{&list, &entry}, func() error {
		out[list] = append(out[list], entry)
		return nil
	})
	return out, err
}
