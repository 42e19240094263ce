package lifecycle

import (
	"context"
	"fmt"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
)

// rowCheck is one comparison of rows with rows. Its SQL gives object, entry, record and detail of each finding whose driving row has a
// key above $1 and up to $2; of what lacks an event, one from $3 on. One statement sees one moment, so a transaction under way is seen whole or not at all.
type rowCheck struct {
	kind Kind
	sql  string
}

// drive is a table walked by a key, a window at a time, with the checks made in each window.
type drive struct {
	table, column string
	window        int
	checks        []rowCheck
}

// drives are all comparisons of rows. Anti-joins without an index take wider windows, each of which reads the other table once.
var drives = []drive{
	{"document_entry", "id", pageSize, []rowCheck{
		// What was found infected after it was published keeps its entry: it is listed and cannot be opened. On-Demand entries, and those whose bytes
		// another repository keeps, never have an object (ITI-42, 61); of an Offline one the bytes are removed (ITI-86), or are those of a newer version
		// that is another patient's (ITI-57).
		{EntryWithoutObject, `select e.object_key, e.id, null::uuid, case when o.key is null then 'the entry names an object that has no row'
		    when o.state = 'Q' then 'the entry''s object is in quarantine' else 'the entry is not deleted and its bytes are' end
		  from tenant.document_entry e left join tenant.stored_object o on o.key = e.object_key
		  where e.id > $1 and e.id <= $2 and e.object_type = 'S' and not e.rest ? 'repository' and (o.key is null and not (e.status = 'T' and e.object_key = '00000000-0000-0000-0000-000000000000')
		    or e.status <> 'T' and not e.rest ? 'offline' and o.state in ('Q', 'R', 'G')
		    and not (o.state = 'Q' and coalesce(o.held->>'late' = 'true' and exists (select 1 from tenant.document_entry v
		      where v.id = (o.held->>'entry_id')::uuid and v.logical_id = e.logical_id), false)))`},
		// Versions share an object: it stays while one of them needs it.
		{DeletedButKept, `select e.object_key, e.id, null::uuid, case e.status when 'T' then 'the entry is deleted and nobody has decided that its bytes go'
		    else 'the entry''s document is removed and nobody has decided that its bytes go' end
		  from tenant.document_entry e join tenant.stored_object o on o.key = e.object_key
		  where e.id > $1 and e.id <= $2 and (e.status = 'T' or e.rest ? 'offline') and o.state in ('S', 'Q')
		  and not exists (select 1 from tenant.document_entry v where v.logical_id = e.logical_id and v.object_key = e.object_key and v.status <> 'T' and not v.rest ? 'offline')`},
		{EntryDiffers, `select e.object_key, e.id, null::uuid, 'size or SHA-256 of the entry are not those of its object''s row'
		  from tenant.document_entry e join tenant.stored_object o on o.key = e.object_key
		  where e.id > $1 and e.id <= $2 and e.status <> 'T' and o.state = 'S' and (o.size <> e.size or o.sha256 <> e.sha256)`},
		{EntryOutsideSet, `select null::uuid, e.id, e.submission_id, 'the entry is no member of its submission set, which has others'
		  from tenant.document_entry e where e.id > $1 and e.id <= $2
		  and exists (select 1 from tenant.association m where m.source_id = e.submission_id and m.kind = 'M')
		  and not exists (select 1 from tenant.association m where m.source_id = e.submission_id and m.kind = 'M' and m.target_id = e.id)
		  and not (e.status = 'T' or exists (select 1 from tenant.association m join tenant.submission s on s.id = m.source_id and s.kind = 'S'
		    where m.target_id = e.id and m.kind = 'M'))`}, // a removal may leave a set its other members, and an entry another set (ITI-62)
		// The object's row knows the event of the upload until a deletion takes its place; then, or when it is not the one, the patient's
		// events are looked through. The hour keeps an earlier life of the same id from vouching. "case" keeps the order: the first look
		// is one index entry, the second may be many. What the quarantine desk released was created by that, a newer version by its update.
		{AuditMissing, `select e.object_key, e.id, null::uuid, 'no create event of the audit log names the entry'
		  from tenant.document_entry e left join tenant.stored_object o on o.key = e.object_key
		  where e.id > $1 and e.id <= $2 and e.registered_at >= $3 and not case
		  when exists (select 1 from tenant.audit_event a where a.id = o.event_id and (a.action = 'C' or a.operation in ('quarantine-release', 'update', 'restricted-update')) and a.outcome = 'S'
		    and a.detail->'documents' @> jsonb_build_array(jsonb_build_object('entry_id', e.id::text))) then true
		  else exists (select 1 from tenant.audit_event a where a.patient_id = e.patient_id and (a.action = 'C' or a.operation in ('quarantine-release', 'update', 'restricted-update')) and a.outcome = 'S'
		    and a.at >= e.registered_at - interval '1 hour'
		    and a.detail->'documents' @> jsonb_build_array(jsonb_build_object('entry_id', e.id::text))) end`},
	}},
	{"document_entry", "logical_id", pageSize, []rowCheck{
		{SeveralCurrent, `select null::uuid, (array_agg(e.id order by e.version desc))[1], e.logical_id,
		    count(*) || ' versions of one document are current'
		  from tenant.document_entry e where e.logical_id > $1 and e.logical_id <= $2 and e.status = 'A'
		  group by e.logical_id having count(*) > 1`},
	}},
	{"submission", "id", pageSize, []rowCheck{
		{SetWithoutMembers, `select null::uuid, null::uuid, s.id, 'the submission set has no members' from tenant.submission s
		  where s.id > $1 and s.id <= $2 and s.kind = 'S' and not exists (select 1 from tenant.association m where m.source_id = s.id and m.kind = 'M')`},
		{FolderUnbrought, `select null::uuid, null::uuid, f.id, 'no submission set has the folder as a member' from tenant.submission f
		  where f.id > $1 and f.id <= $2 and f.kind = 'F' and not exists (select 1 from tenant.association m
		    join tenant.submission s on s.id = m.source_id and s.kind = 'S' where m.target_id = f.id and m.kind = 'M')`},
	}},
	{"association", "id", pageSize, []rowCheck{
		// A set's member may be a document, a folder or an association; a folder's is a document.
		{AssociationBroken, `select null::uuid, e.id, a.id, case when s.id is null then 'its submission set is not there'
		    when a.kind <> 'M' and f.id is null then 'the entry it begins at is not there' else 'the entry it points to is not there' end
		  from tenant.association a left join tenant.submission s on s.id = case a.kind when 'M' then a.source_id else a.submission_id end
		  left join tenant.document_entry e on e.id = a.target_id left join tenant.document_entry f on f.id = a.source_id and a.kind <> 'M'
		  left join tenant.submission g on g.id = a.target_id and g.kind = 'F' and a.kind = 'M' and s.kind = 'S'
		  left join tenant.association h on h.id = a.target_id and a.kind = 'M' and s.kind = 'S'
		  where a.id > $1 and a.id <= $2 and (s.id is null or e.id is null and g.id is null and h.id is null or a.kind <> 'M' and f.id is null)`},
		// An entry registered after the association is another one that took over the id of a deleted one.
		{ReplacedButCurrent, `select null::uuid, e.id, a.id, 'the document was replaced and is still current'
		  from tenant.association a join tenant.document_entry e on e.id = a.target_id
		  where a.id > $1 and a.id <= $2 and a.kind in ('R', 'Y') and a.status = 'A' and e.status = 'A' and e.registered_at <= a.registered_at`},
	}},
	{"stored_object", "key", pageSize, []rowCheck{
		// Events of stored objects are looked for by their entries.
		{AuditMissing, `select o.key, null::uuid, o.event_id, case o.state when 'Q' then 'the quarantined upload has no audit event'
		    else 'the removal has no audit event' end
		  from tenant.stored_object o where o.key > $1 and o.key <= $2 and o.changed_at >= $3 and o.state in ('Q', 'R', 'G')
		  and not exists (select 1 from tenant.audit_event a where a.id = o.event_id)`},
		{MessageLeft, `select o.key, null::uuid, o.event_id, 'the message of a quarantined document is kept, and the document is not in quarantine'
		  from tenant.stored_object o where o.key > $1 and o.key <= $2 and o.state <> 'Q' and o.held is not null`},
		{MessageMissing, `select o.key, null::uuid, o.event_id, 'the document in quarantine has no message, so it cannot be released'
		  from tenant.stored_object o where o.key > $1 and o.key <= $2 and o.state = 'Q' and o.held is null`},
	}},
	{"stored_object", "key", 100 * pageSize, []rowCheck{
		{ObjectWithoutEntry, `select o.key, null::uuid, o.event_id, 'no entry names the stored object, so nobody can open it'
		  from tenant.stored_object o where o.key > $1 and o.key <= $2 and o.state = 'S'
		  and not exists (select 1 from tenant.document_entry e where e.object_key = o.key)`},
	}},
	{"confidentiality_change", "logical_id", pageSize, []rowCheck{
		{AuditMissing, `select null::uuid, c.logical_id, c.event_id, 'the change of confidentiality has no audit event'
		  from tenant.confidentiality_change c where c.logical_id > $1 and c.logical_id <= $2 and c.changed_at >= $3
		  and not exists (select 1 from tenant.audit_event a where a.id = c.event_id)`},
	}},
}

// rows runs all comparisons of rows.
func (c *tenantCheck) rows(ctx context.Context) error {
	for _, d := range drives {
		err := c.windows(ctx, d.table, d.column, d.window, func(tx *postgres.Tx, after, until uuid.UUID) error {
			for _, check := range d.checks {
				if err := c.compare(ctx, tx, check, after, until); err != nil {
					return fmt.Errorf("looking for %s: %w", check.kind, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// windows walks a table by a key, each window in a transaction of its own.
func (c *tenantCheck) windows(ctx context.Context, table, column string, size int, visit func(tx *postgres.Tx, after, until uuid.UUID) error) error {
	bound := fmt.Sprintf(`select coalesce((select %[1]s from tenant.%[2]s where %[1]s > $1 order by %[1]s offset $2 limit 1), $3::text::uuid)`, column, table)
	for after := uuid.Nil; after != uuid.Max; {
		var until uuid.UUID
		err := c.DB.InTenant(ctx, c.t.Schema(), func(tx *postgres.Tx) error {
			if err := tx.QueryRow(ctx, bound, after, size-1, uuid.Max.String()).Scan(&until); err != nil {
				return err
			}
			return visit(tx, after, until)
		})
		if err != nil {
			return err
		}
		after = until
	}
	return nil
}

func (c *tenantCheck) compare(ctx context.Context, tx *postgres.Tx, check rowCheck, after, until uuid.UUID) error {
	args := []any{after, until}
	if check.kind == AuditMissing {
		args = append(args, c.pruned)
	}
	rows, err := tx.Query(ctx, check.sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var object, entry, record uuid.NullUUID
		var detail string
		if err := rows.Scan(&object, &entry, &record, &detail); err != nil {
			return err
		}
		c.found(check.kind, ids{object.UUID, entry.UUID, record.UUID}, detail)
	}
	return rows.Err()
}
