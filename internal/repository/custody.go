package repository

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"dokumentlager/internal/postgres"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Custody is what stored_object.held keeps of a quarantined document: under which names it is asked for, the message as it was judged,
// and what the quarantine desk has noted. Only rows in state Quarantined have one; release and destruction clear it.
type Custody struct {
	// Entry and UniqueIDs are what the document is called: entryUUID, uniqueId and the second identifier.
	Entry     uuid.UUID `json:"entry_id"`
	UniqueIDs []string  `json:"unique_ids,omitempty"`
	// Patient is for audit events only: the identifier in CX form.
	Patient string `json:"patient,omitempty"`
	// Organisation and Client sent it.
	Organisation string `json:"organisation,omitempty"`
	Client       string `json:"client_id,omitempty"`
	// Obstacles are what else was wrong with the message, as codes with their places: such a document cannot be published at all.
	Obstacles []string `json:"obstacles,omitempty"`
	// Late tells of a document that was published and found infected afterwards: its entry stands in the registry and names this object.
	Late bool `json:"late,omitempty"`
	// Message is the use case's: what it needs to publish the document, and of which this package knows nothing. Empty when Late.
	Message json.RawMessage `json:"message,omitempty"`
	// Approval is the first administrator's word for a release; nil when nobody has given one.
	Approval *Approval `json:"approval,omitempty"`
	// Scans are the last scans made at the desk, the oldest first.
	Scans []Rescan `json:"scans,omitempty"`
}

// Approval is one administrator's word that a document may be released.
type Approval struct {
	By  string    `json:"by"`
	At  time.Time `json:"at"`
	Why string    `json:"why"`
}

// Rescan is one scan of a document in quarantine.
type Rescan struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
	// Verdict is scan.State in words, Finding the signature's name when infected.
	Verdict string `json:"verdict"`
	Finding string `json:"finding,omitempty"`
	// Signatures is the version of the scanner's signatures.
	Signatures string `json:"signatures,omitempty"`
}

// maxScans bounds what a row keeps.
const maxScans = 20

// Text is the custody as the column holds it, without the one character that the column cannot. A message with it can never be published,
// and its use case knows (submission).
func (c Custody) Text() (string, error) {
	c.Scans = c.Scans[max(0, len(c.Scans)-maxScans):]
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("repository: a quarantined document's message: %w", err)
	}
	return postgres.WithoutNUL(text), nil
}

const selectQuarantined = `select key, size, sha256, received_at, scanned_at, coalesce(finding, ''), mime_type,
	event_id, stored_at, coalesce(held::text, '{}') from tenant.stored_object where state = 'Q' `

func scanQuarantined(r pgx.CollectableRow) (q QuarantineRow, err error) {
	var held string
	var received, scanned *time.Time
	err = r.Scan(&q.Key, &q.Size, &q.SHA256, &received, &scanned, &q.Finding, &q.MimeType, &q.EventID, &q.StoredAt, &held)
	if err != nil {
		return q, err
	}
	q.Received, q.Scanned = timeOrZero(received), timeOrZero(scanned)
	return q, json.Unmarshal([]byte(held), &q.Custody)
}

func timeOrZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// HeldByID finds the quarantined document that is called so, by its entryUUID or by either unique identifier; nil when there is none.
// Of several, each sent and refused, it is the one that came last. Its times: Received and Scanned (zero when
// nobody noted them), and StoredAt for the quarantine.
func HeldByID(ctx context.Context, tx *postgres.Tx, entry uuid.UUID, uniqueID string) (*QuarantineRow, error) {
	// The index on what is not in state S makes this a look at the quarantine alone.
	rows, err := tx.Query(ctx, selectQuarantined+`and (held->>'entry_id' = $1 and $1 <> $3 or held->'unique_ids' @> jsonb_build_array($2::text) and $2 <> '')
		order by stored_at desc, key limit 1`, entry.String(), strings.ReplaceAll(uniqueID, "\x00", "\ufffd"), uuid.Nil.String())
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, scanQuarantined)
	if err != nil || len(found) == 0 {
		return nil, err
	}
	return &found[0], nil
}

// HeldForChange finds one quarantined document by its key and locks it until the transaction ends; ErrNoObject when there is none.
func HeldForChange(ctx context.Context, tx *postgres.Tx, key uuid.UUID) (QuarantineRow, error) {
	rows, err := tx.Query(ctx, selectQuarantined+`and key = $1 for update`, key)
	if err != nil {
		return QuarantineRow{}, err
	}
	found, err := pgx.CollectRows(rows, scanQuarantined)
	if err == nil && len(found) == 0 {
		err = ErrNoObject
	}
	if err != nil {
		return QuarantineRow{}, err
	}
	return found[0], nil
}

// SetCustody queues a change of what is noted of a quarantined document; the batch fails with ErrNoObject when it is none.
func SetCustody(b *postgres.Batch, key uuid.UUID, c Custody, now time.Time) error {
	text, err := c.Text()
	if err != nil {
		return err
	}
	b.Queue(one, `update tenant.stored_object set held = $2, changed_at = $3 where key = $1 and state = 'Q'`, key, text, now)
	return nil
}
