package repository

import (
	"context"
	"errors"
	"strings"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// State is the letter of a stored_object row. S and Q become R when removal is decided, and R becomes G when the bytes are gone;
// the row stays as the proof of both.
type State string

// The states.
const (
	Stored      State = "S"
	Quarantined State = "Q"
	Removing    State = "R"
	Gone        State = "G"
)

// ErrNoObject means that no row of the wanted state has the key.
var ErrNoObject = errors.New("repository: no such object in a state that allows this")

// Row is what is recorded of a new object beside what its bytes are.
type Row struct {
	// State is Stored or Quarantined.
	State State
	// MimeType is what was declared, Finding the scanner's word, empty when clean. Both are cut to what their columns hold, since a
	// quarantined document may declare anything.
	MimeType, Finding string
	// Event is the audit event of the upload.
	Event uuid.UUID
	// Held is the message of a quarantined document as JSON, empty otherwise.
	Held string
}

// Record queues the row of a new object.
func (r *Repository) Record(b *postgres.Batch, o Object, row Row, now time.Time) {
	b.Queue(nil, `insert into tenant.stored_object (key, state, size, sha256, finding, mime_type, event_id, received_at, scanned_at, stored_at, changed_at, held)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)`, o.Key, string(row.State), o.Size, o.SHA256, orNull(clip(row.Finding, 100)),
		clip(row.MimeType, 60), row.Event, timeOrNull(o.Received), timeOrNull(o.Scanned), now, orNull(row.Held))
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func timeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// clip shortens to n characters that Postgres can hold.
func clip(s string, n int) string {
	runes := []rune(strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?"))
	return string(runes[:min(n, len(runes))])
}

// MarkRemoval queues the decision that the bytes go (W3); eventID is the audit event that holds it. Deciding twice is no error; the
// batch fails with ErrNoObject when there is no such object or it is gone already.
func (r *Repository) MarkRemoval(b *postgres.Batch, key, eventID uuid.UUID, now time.Time) {
	b.Queue(one, `update tenant.stored_object set state = 'R', event_id = $2, changed_at = $3,
		deleted_at = coalesce(deleted_at, $3), held = null where key = $1 and state in ('S', 'Q', 'R')`,
		key, eventID, now)
}

// MarkGone records that the bytes of an object marked for removal are removed. Once gone it stays so, with the first time.
func (r *Repository) MarkGone(ctx context.Context, tx *postgres.Tx, key uuid.UUID, now time.Time) error {
	n, err := tx.Exec(ctx, `update tenant.stored_object set state = 'G', changed_at = case when state = 'R' then $2 else changed_at end
		where key = $1 and state in ('R', 'G')`, key, now)
	if err != nil {
		return err
	}
	return one(n)
}

// one is the check that a statement touched its row.
func one(rows int64) error {
	if rows != 1 {
		return ErrNoObject
	}
	return nil
}

// QuarantineRow is one infected document, for the quarantine desk.
type QuarantineRow struct {
	Object
	// Finding is the scanner's name of the malware; MimeType is what was declared.
	Finding, MimeType string
	// EventID is the audit event of the upload, which knows who sent it.
	EventID  uuid.UUID
	StoredAt time.Time
	Custody  Custody
}

// Quarantined lists the newest thousand infected documents, newest first.
func (r *Repository) Quarantined(ctx context.Context, tx *postgres.Tx) ([]QuarantineRow, error) {
	rows, err := tx.Query(ctx, selectQuarantined+`order by stored_at desc, key limit 1000`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanQuarantined)
}
