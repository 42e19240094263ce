package submission

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// Receipt is what was stored. It is kept with the submission set, so that a message that is sent again gets the same one, whatever
// became of its documents since.
type Receipt struct {
	Tenant tenant.Tenant
	// Set is the id of the submission set.
	Set uuid.UUID
	// Published is when it was registered: from then on it can be found and opened.
	Published time.Time
	// Documents are in the message's order.
	Documents []Kept
	// Folders are in the message's order.
	Folders []KeptFolder
	// Warnings did not refuse; their locations are as in Request.
	Warnings fault.Problems
	// Event is the id of the audit event; zero for what was registered before receipts were kept.
	Event uuid.UUID
	// asked is the message's digest of that name.
	asked string
}

// Kept is one document of a receipt.
type Kept struct {
	Entry    uuid.UUID
	UniqueID string
	// Size is in bytes.
	Size   int64
	SHA256 []byte
}

// receiptRow is a receipt as its column holds it; everything in it is ids, sizes, digests and texts of our own.
type receiptRow struct {
	Published time.Time    `json:"published"`
	Event     uuid.UUID    `json:"event"`
	Documents []keptRow    `json:"documents"`
	Warnings  []warningRow `json:"warnings,omitempty"`
	Folders   []KeptFolder `json:"folders,omitempty"`
	Asked     string       `json:"foldersAsked,omitempty"`
}

type keptRow struct {
	Entry    uuid.UUID `json:"entry"`
	UniqueID string    `json:"uniqueId"`
	Size     int64     `json:"size"`
	SHA256   string    `json:"sha256"`
}

type warningRow struct {
	Code     fault.Code `json:"code"`
	Location string     `json:"location,omitempty"`
	Rule     string     `json:"rule,omitempty"`
	Text     string     `json:"text"`
}

// receipt is what the verdict's rows amount to.
func (v *verdict) receipt(event audit.Event) Receipt {
	r := receiptOf(v.tenant, v.set, v.entries, slices.Concat(v.problems, v.noticed), event.ID)
	r.Folders, r.asked = v.keptFolders(), v.asked()
	return r
}

func receiptOf(t tenant.Tenant, set document.SubmissionSet, entries []document.Entry, warnings fault.Problems, event uuid.UUID) Receipt {
	r := Receipt{Tenant: t, Set: set.ID, Published: set.Registered, Warnings: warnings, Event: event}
	for _, e := range entries {
		r.Documents = append(r.Documents, Kept{Entry: e.ID, UniqueID: e.UniqueID, Size: e.Size, SHA256: e.SHA256})
	}
	return r
}

// encode is the receipt's column.
func (r Receipt) encode() (string, error) {
	row := receiptRow{Published: r.Published, Event: r.Event, Folders: r.Folders, Asked: r.asked}
	for _, d := range r.Documents {
		row.Documents = append(row.Documents, keptRow{d.Entry, d.UniqueID, d.Size, hex.EncodeToString(d.SHA256)})
	}
	for _, w := range r.Warnings {
		row.Warnings = append(row.Warnings, warningRow{w.Code, w.Location, w.Rule, w.Safe})
	}
	text, err := json.Marshal(row)
	return string(text), err
}

// firstReceipt reads the receipt of a submission set that is registered; of one from before receipts were kept it is made from what
// is registered.
func firstReceipt(ctx context.Context, tx *postgres.Tx, t tenant.Tenant, set uuid.UUID) (Receipt, error) {
	text, err := registry.Receipt(ctx, tx, set)
	if err != nil {
		return Receipt{}, err
	}
	if text == "" {
		return reconstructed(ctx, tx, t, set)
	}
	var row receiptRow
	if err := json.Unmarshal([]byte(text), &row); err != nil {
		return Receipt{}, fmt.Errorf("submission: a receipt that cannot be read: %w", err)
	}
	r := Receipt{Tenant: t, Set: set, Published: row.Published.UTC(), Event: row.Event, Folders: row.Folders, asked: row.Asked}
	for _, d := range row.Documents {
		sum, err := hex.DecodeString(d.SHA256)
		if err != nil {
			return Receipt{}, fmt.Errorf("submission: a receipt that cannot be read: %w", err)
		}
		r.Documents = append(r.Documents, Kept{d.Entry, d.UniqueID, d.Size, sum})
	}
	for _, w := range row.Warnings {
		r.Warnings.Add(fault.New(w.Code, "%s", w.Text).At(w.Location).By(w.Rule).AsWarning())
	}
	return r, nil
}

func reconstructed(ctx context.Context, tx *postgres.Tx, t tenant.Tenant, id uuid.UUID) (Receipt, error) {
	set, members, err := registry.Set(ctx, tx, id)
	if err != nil {
		return Receipt{}, err
	}
	known, err := registry.Existing(ctx, tx, members, nil)
	if err != nil {
		return Receipt{}, err
	}
	byID := map[uuid.UUID]document.Entry{}
	for _, e := range known {
		byID[e.ID] = e
	}
	var entries []document.Entry
	for _, m := range members {
		entries = append(entries, byID[m])
	}
	return receiptOf(t, set, entries, nil, uuid.Nil), nil
}
