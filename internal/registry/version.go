package registry

import (
	"context"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Versions finds all versions of entries by their logical ids (ITI-57), tombstones among them, the newest of each first, and locks them until the
// transaction ends. A logical id's first row is the lock of all its versions: whoever changes, adds or deletes one takes it. A version that is
// registered while the lock is waited for is among those that are found: they are read afterwards (read committed).
func Versions(ctx context.Context, tx *postgres.Tx, logical []uuid.UUID) ([]document.Entry, error) {
	if len(logical) == 0 {
		return nil, nil
	}
	ids := postgres.Texts(logical)
	// In the order of Existing, so that two transactions do not wait for each other.
	if _, err := tx.Exec(ctx, `select from tenant.document_entry where logical_id = any($1::text[]::uuid[]) order by registered_at desc, id desc for update`, ids); err != nil {
		return nil, err
	}
	return entries(ctx, tx, `where logical_id = any($1::text[]::uuid[]) order by logical_id, version desc`, ids)
}

// LogicalIDs are those of the entries with these ids or unique identifiers. Nothing is locked: Versions does that, in its order.
func LogicalIDs(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID, uniqueIDs []string) ([]uuid.UUID, error) {
	if len(ids)+len(uniqueIDs) == 0 {
		return nil, nil
	}
	rows, err := tx.Query(ctx, `select distinct logical_id from tenant.document_entry
	  where id = any($1::text[]::uuid[]) or unique_id = any($2::text[]) or alias_id = any($2::text[])`, postgres.Texts(ids), uniqueIDs)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[uuid.UUID])
}

// FolderVersions is Versions of folders, which are found by their uniqueId too: versions share it, and the first version may be removed.
func FolderVersions(ctx context.Context, tx *postgres.Tx, logical []uuid.UUID, uniqueIDs []string) ([]document.List, error) {
	if len(logical)+len(uniqueIDs) == 0 {
		return nil, nil
	}
	const named = `kind = 'F' and unique_id in (select unnest($2::text[]) union select v.unique_id from tenant.submission v where v.id = any($1::text[]::uuid[]))`
	ids := postgres.Texts(logical)
	if _, err := tx.Exec(ctx, `select from tenant.submission where `+named+` order by id for update`, ids, uniqueIDs); err != nil {
		return nil, err
	}
	return lists(ctx, tx, selectList+`where s.`+named+` order by s.unique_id, s.version desc`, ids, uniqueIDs)
}

// Supersede queues that an entry has a newer version. What was appended to it stays as it is: the document is the same.
func Supersede(b *postgres.Batch, entry uuid.UUID) {
	b.Queue(exactlyOne, `update tenant.document_entry set status = 'D' where id = $1 and status <> 'T'`, entry)
}

// SupersedeFolder is Supersede of a folder.
func SupersedeFolder(b *postgres.Batch, folder uuid.UUID) {
	b.Queue(exactlyOne, `update tenant.submission set status = 'D' where id = $1 and kind = 'F'`, folder)
}

// Withdraw queues that an entry's document is not to be had: its bytes are removed (ITI-86), or another patient's document has taken it over.
func Withdraw(b *postgres.Batch, e document.Entry) error {
	e.Offline = true
	rest, err := encodeEntry(e)
	if err != nil {
		return err
	}
	b.Queue(exactlyOne, `update tenant.document_entry set rest = $2 where id = $1 and status <> 'T'`, e.ID, rest)
	return nil
}

// exactlyOne fails a batch whose statement met another row than the one that was locked.
func exactlyOne(rows int64) error {
	if rows != 1 {
		return fault.New(fault.VersionMismatch, "What is registered was changed at the same moment. Fetch the current version and update that.")
	}
	return nil
}

// Kind is what an id stands for.
type Kind byte

// The kinds of what is registered.
const (
	EntryKind       Kind = 'E'
	SetKind         Kind = 'S'
	FolderKind      Kind = 'F'
	AssociationKind Kind = 'A'
)

// SetStatus queues a change of availabilityStatus; the batch fails when the object has another status than from.
func SetStatus(b *postgres.Batch, kind Kind, id uuid.UUID, from, to document.Status) {
	table := map[Kind]string{EntryKind: "document_entry", FolderKind: "submission", AssociationKind: "association"}[kind]
	b.Queue(exactlyOne, `update tenant.`+table+` set status = $3 where id = $1 and status = $2::text::"char"`, id, string(rune(from)), string(rune(to)))
}

// Carried finds the approved associations that a new version takes over from these entries and folders: all that touch them but their
// memberships in submission sets, and those with what is deleted, be it that another took over its id.
func Carried(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) ([]document.Association, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return associations(ctx, tx, `where (source_id = any($1::text[]::uuid[]) or target_id = any($1::text[]::uuid[])) and status = 'A'
	  and not (kind = 'M' and exists (select 1 from tenant.submission s where s.id = association.source_id and s.kind = 'S'))
	  and not exists (select 1 from tenant.document_entry t where t.id in (association.source_id, association.target_id)
	    and (t.status = 'T' or t.registered_at > association.registered_at)) order by id`, postgres.Texts(ids))
}

// Touching finds all associations that begin or end at one of these, deprecated ones too.
func Touching(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID) ([]document.Association, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return associations(ctx, tx, `where source_id = any($1::text[]::uuid[]) or target_id = any($1::text[]::uuid[]) order by id`, postgres.Texts(ids))
}

// KeepChange queues a change of a document's confidentiality as an event of its own (W5), unless the codes are the same.
func KeepChange(b *postgres.Batch, logical uuid.UUID, previous, codes []document.Code, change Change) error {
	text := joined(codes)
	if len(text) > maxCodes {
		return fault.New(fault.MetadataError, "More confidentiality codes than can be kept. Send each once, and only those that apply.").By("W5")
	}
	b.Queue(nil, `insert into tenant.confidentiality_change (logical_id, changed_at, codes, previous, event_id) values ($1, $2, $3, $4, $5)`,
		logical, change.At, text, clipped(joined(previous)), change.Event)
	return nil
}

// Recode queues an entry's codes, without an event of their own: that is KeepChange, once for all versions.
func Recode(b *postgres.Batch, e document.Entry, codes []document.Code) error {
	e.Confidentiality = codes
	rest, err := encodeEntry(e)
	if err != nil {
		return err
	}
	b.Queue(nil, `update tenant.document_entry set confidentiality = $2, rest = $3 where id = $1`, e.ID, tokens(codes), rest)
	return nil
}

func entries(ctx context.Context, tx *postgres.Tx, where string, args ...any) ([]document.Entry, error) {
	rows, err := tx.Query(ctx, selectEntry+where, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEntry)
}
