// Package registry keeps document metadata in a tenant's schema: submission sets, document entries and their associations.
//
// It promises that a submission is registered whole or not at all, that exactly one version of a replaced document stays current,
// and that a query says nothing of another tenant: every statement runs in a postgres.Tx. It knows no access rules; package
// disclosure asks those before anything leaves. Semantics: ITI TF-2 §3.42, spec/ihe.md 1.5.
package registry

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/samber/lo"
)

// Submission is what one message registers together.
type Submission struct {
	Set     document.SubmissionSet
	Entries []document.Entry
	// Folders are new ones; Grown are registered ones that get members by the associations.
	Folders      []document.Folder
	Grown        []uuid.UUID
	Associations []document.Association
	// Receipt is what the submission's sender is told, as JSON, to be told again.
	Receipt string
}

// Locator turns a patient into the key of the patient locator: a keyed hash, so that the control schema holds no identifier and
// cannot be searched for one without the key.
type Locator struct{ secret []byte }

// NewLocator takes the service's locator secret, at least 32 bytes.
func NewLocator(secret []byte) (Locator, error) {
	if len(secret) < 32 {
		return Locator{}, fmt.Errorf("the locator key has %d bytes: at least 32 are needed", len(secret))
	}
	return Locator{secret}, nil
}

// Key is the first 128 bits of HMAC-SHA-256 over the canonical CX.
func (l Locator) Key(p document.PatientID) uuid.UUID {
	mac := hmac.New(sha256.New, l.secret)
	mac.Write([]byte(p.CX()))
	return uuid.UUID(mac.Sum(nil)[:16])
}

// Register queues all rows of a submission on b, and the locator rows to follow in the control schema. Targets of replacing
// relations become deprecated together with what was appended to or transformed from them; a target that is not approved any
// more makes b.Send fail with TargetDeprecated, so two racing replacements have one winner. A deleted entry's id may be used
// again: its tombstone gives way, unless another version of the same document is there.
func Register(tx *postgres.Tx, b *postgres.Batch, l Locator, s Submission) error {
	if err := storable(s); err != nil {
		return err
	}
	ids := lo.Map(s.Entries, func(e document.Entry, _ int) string { return e.ID.String() })
	b.Queue(nil, `delete from tenant.document_entry d where id = any($1::text[]::uuid[]) and status = 'T'
	  and not exists (select from tenant.document_entry v where v.logical_id = d.logical_id and v.status <> 'T')`, ids)
	if err := queueSet(b, s.Set, s.Receipt); err != nil {
		return err
	}
	for _, e := range s.Entries {
		if err := queueEntry(b, e); err != nil {
			return err
		}
		locate(tx, e.ID)
	}
	if err := queueLists(tx, b, s); err != nil {
		return err
	}
	for _, a := range s.Associations {
		queueAssociation(b, s.Set, a)
	}
	tx.Control(`insert into control.patient_locator (patient_key, tenant_id) values ($1, $2) on conflict do nothing`, l.Key(s.Set.Patient), tx.Schema.ID)
	return nil
}

// locate lets a read by id alone find the tenant (docs/decisions/0003).
func locate(tx *postgres.Tx, id uuid.UUID) {
	tx.Control(`insert into control.entry_locator (entry_id, tenant_id) values ($1, $2) on conflict do nothing`, id, tx.Schema.ID)
}

// queueLists queues the submission's folders. Set and folders are found by id like entries.
func queueLists(tx *postgres.Tx, b *postgres.Batch, s Submission) error {
	locate(tx, s.Set.ID)
	for _, f := range s.Folders {
		if err := queueFolder(b, f); err != nil {
			return err
		}
		locate(tx, f.ID)
	}
	for _, id := range s.Grown {
		queueGrowth(b, id, s.Set.Registered)
	}
	return nil
}

// storable refuses the one character that the database cannot hold and that no XDS text may: its refusal would look like a fault of ours.
func storable(s Submission) error {
	text, err := json.Marshal(s)
	if err == nil && postgres.HoldsNUL(text) {
		return fault.New(fault.MetadataError, "The metadata hold a NUL character (U+0000), which no text of XDS may. Send them without it.").By("W4")
	}
	return err
}

func queueSet(b *postgres.Batch, s document.SubmissionSet, receipt string) error {
	rest, err := encodeSet(s)
	if err != nil {
		return err
	}
	b.Queue(nil, `insert into tenant.submission (id, unique_id, patient_id, source_id, content_type, submission_time, registered_at, rest, receipt)
	  values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		s.ID, s.UniqueID, s.Patient.CX(), s.SourceID, s.ContentType.Token(), s.Time.At, s.Registered, rest, nullText(receipt))
	return nil
}

func queueEntry(b *postgres.Batch, e document.Entry) error {
	rest, err := encodeEntry(e)
	if err != nil {
		return err
	}
	b.Queue(nil, `insert into tenant.document_entry (id, logical_id, version, unique_id, alias_id, patient_id, status, submission_id, object_key,
	  class_code, type_code, format_code, facility_code, practice_code, event_codes, confidentiality, reference_ids,
	  creation_time, service_start, service_stop, mime_type, size, sha1, sha256, registered_at, rest, object_type)
	  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27)`,
		e.ID, e.LogicalID, e.Version, e.UniqueID, nullText(e.AliasID), e.Patient.CX(), string(e.Status), e.SubmissionID, e.ObjectKey,
		e.Class.Token(), e.Type.Token(), e.Format.Token(), e.Facility.Token(), e.Practice.Token(), tokens(e.Events), tokens(e.Confidentiality), e.References,
		listedAt(e), nullTime(e.ServiceStart), nullTime(e.ServiceStop), e.MimeType, e.Size, digest(e.SHA1), digest(e.SHA256), e.Registered, rest, objectType(e))
	return nil
}

// digest is never null: what is not known of an On-Demand entry, or of one that another repository keeps, is empty.
func digest(sum []byte) []byte {
	if sum == nil {
		return []byte{}
	}
	return sum
}

func queueAssociation(b *postgres.Batch, s document.SubmissionSet, a document.Association) {
	QueueAssociation(b, s, a)
	if !a.Type.Deprecates() {
		return
	}
	b.Queue(func(rows int64) error {
		if rows != 1 {
			return fault.New(fault.TargetDeprecated, "The document to be replaced is not current any more: another document has replaced it. "+
				"Fetch the current one and replace that.").By("W4")
		}
		return nil
	}, `update tenant.document_entry set status = 'D' where id = $1 and status = 'A'`, a.Target)
	// What was appended to or transformed from a replaced document goes with it (ITI TF-3 §4.2.2.2.3); not what took over an id later, nor what is
	// parted from it (ITI-57).
	b.Queue(nil, `update tenant.document_entry e set status = 'D' from tenant.association a join tenant.document_entry t on t.id = a.target_id
	  where a.target_id = $1 and a.kind in ('P', 'X') and a.status = 'A' and e.id = a.source_id and e.status = 'A'
	  and e.registered_at <= a.registered_at and t.registered_at <= a.registered_at`, a.Target)
}

// Existing finds entries, tombstones among them, by entryUUID or by either unique identifier, and locks them against change
// until the transaction ends.
func Existing(ctx context.Context, tx *postgres.Tx, ids []uuid.UUID, uniqueIDs []string) ([]document.Entry, error) {
	texts := lo.Map(ids, func(id uuid.UUID, _ int) string { return id.String() })
	rows, err := tx.Query(ctx, selectEntry+`where id = any($1::text[]::uuid[]) or unique_id = any($2) or alias_id = any($2)
	  order by registered_at desc, id desc for update`, texts, uniqueIDs)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanEntry)
}

// ByID finds one entry, a tombstone too; fault.UnknownDocument when there is none.
func ByID(ctx context.Context, tx *postgres.Tx, id uuid.UUID) (document.Entry, error) {
	rows, err := tx.Query(ctx, selectEntry+`where id = $1`, id)
	return first(rows, err)
}

// ForChange is ByID that locks the entry, with all its versions, until the transaction ends: the newest first, as Existing and Versions do.
func ForChange(ctx context.Context, tx *postgres.Tx, id uuid.UUID) (document.Entry, error) {
	all, err := entries(ctx, tx, `where logical_id = (select e.logical_id from tenant.document_entry e where e.id = $1) order by version desc for update`, id)
	if e, found := lo.Find(all, func(e document.Entry) bool { return e.ID == id }); found || err != nil {
		return e, err
	}
	return document.Entry{}, unknownEntry()
}

// meant orders entries that have the same unique identifier: the first is the one that is meant. Tombstones come last, and what has no bytes here
// (ITI-42, 61, 86) behind what has; then the current one before deprecated ones, the newest of several.
const meant = `status = 'T', object_key = '00000000-0000-0000-0000-000000000000' or rest ? 'offline',
	  case status when 'A' then 0 when 'D' then 1 else 2 end, registered_at desc, id desc`

// ByUniqueID finds the entry under either of its unique identifiers that is meant by it.
func ByUniqueID(ctx context.Context, tx *postgres.Tx, uniqueID string) (document.Entry, error) {
	rows, err := tx.Query(ctx, selectEntry+`where unique_id = $1 or alias_id = $1 order by `+meant+` limit 1`, uniqueID)
	return first(rows, err)
}

// ByUniqueIDOf is ByUniqueID for one patient, named by number or as CX: the same document may be registered for several, and then his is meant. It finds
// another's where he has none.
func ByUniqueIDOf(ctx context.Context, tx *postgres.Tx, uniqueID, patient string) (document.Entry, error) {
	rows, err := tx.Query(ctx, selectEntry+`where unique_id = $1 or alias_id = $1 order by patient_id <> $2 and split_part(patient_id, '^', 1) <> $2, `+meant+` limit 1`, uniqueID, patient)
	return first(rows, err)
}

func first(rows pgx.Rows, err error) (document.Entry, error) {
	if err != nil {
		return document.Entry{}, err
	}
	found, err := pgx.CollectRows(rows, scanEntry)
	if err != nil {
		return document.Entry{}, err
	}
	if len(found) == 0 {
		return document.Entry{}, unknownEntry()
	}
	return found[0], nil
}

func unknownEntry() error {
	return fault.New(fault.UnknownDocument, "No document with this identifier is registered in this home community.")
}

// SetConfidentiality changes an entry's codes and keeps the change as an event of its own (W5).
func SetConfidentiality(b *postgres.Batch, e document.Entry, codes []document.Code, change Change) error {
	if err := Recode(b, e, codes); err != nil {
		return err
	}
	return KeepChange(b, e.LogicalID, e.Confidentiality, codes, change)
}

// Bury makes an entry a tombstone: what is left says that it existed, of whom, and nothing of its content (W3).
func Bury(b *postgres.Batch, e document.Entry) {
	b.Queue(nil, `update tenant.document_entry set status = 'T', event_codes = null, reference_ids = null,
	  rest = case when rest ? 'repository' then jsonb_build_object('repository', rest->'repository') else '{}' end,
	  service_start = null, service_stop = null where id = $1`, e.ID)
	// A submission set whose last document goes loses its own words too, be it that it brought it or that it refers to it: titles of real sets hold the
	// patient's number. Its documents are found as its members: no index leads from a set to its entries.
	b.Queue(nil, `update tenant.submission s set rest = '{}' where s.kind = 'S' and s.id in (select a.source_id from tenant.association a where a.target_id = $1 and a.kind = 'M')
	  and not exists (select 1 from tenant.association m join tenant.document_entry e on e.id = m.target_id
	    where m.source_id = s.id and m.kind = 'M' and e.id <> $1 and e.status <> 'T' and e.registered_at <= m.registered_at)`, e.ID)
}

// Set finds a submission set and the entries it brought, deleted ones among them, and not those that it only refers to; fault.ResourceNotFound when
// there is none.
func Set(ctx context.Context, tx *postgres.Tx, id uuid.UUID) (document.SubmissionSet, []uuid.UUID, error) {
	rows, err := tx.Query(ctx, `select id, unique_id, patient_id, source_id, content_type, submission_time, registered_at, rest,
	  array(select a.target_id::text from tenant.association a join tenant.document_entry e on e.id = a.target_id
	    where a.source_id = s.id and a.kind = 'M' and a.membership is distinct from 'R' order by a.id)
	  from tenant.submission s where id = $1 and kind = 'S'`, id)
	if err != nil {
		return document.SubmissionSet{}, nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return document.SubmissionSet{}, nil, err
		}
		return document.SubmissionSet{}, nil, fault.New(fault.ResourceNotFound, "No submission set with this id is registered here.")
	}
	return scanSet(rows)
}

// Receipt is the receipt that was kept with a submission set; empty for one from before receipts were kept, fault.ResourceNotFound
// when there is no such set.
func Receipt(ctx context.Context, tx *postgres.Tx, set uuid.UUID) (string, error) {
	var text string
	err := tx.QueryRow(ctx, `select coalesce(receipt::text, '') from tenant.submission where id = $1 and kind = 'S'`, set).Scan(&text)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", fault.New(fault.ResourceNotFound, "No submission set with this id is registered here.")
	}
	return text, err
}

// Relations finds what the given entries replace, transform, append to or sign.
func Relations(ctx context.Context, tx *postgres.Tx, entries []uuid.UUID) (map[uuid.UUID][]document.Association, error) {
	found, err := associations(ctx, tx, `where source_id = any($1::text[]::uuid[]) and kind <> 'M' and status = 'A' order by id`, postgres.Texts(entries))
	return lo.GroupBy(found, func(a document.Association) uuid.UUID { return a.Source }), err
}
