package administration

import (
	"context"
	"encoding/hex"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"
)

// Desk is the quarantine desk: what was found infected, without its bytes (F4).
type Desk struct {
	DB       *postgres.DB
	Objects  *repository.Repository
	Operator string
	Now      func() time.Time
}

// Infected is one document in quarantine, as `dokumentlager quarantine list --json` prints it.
type Infected struct {
	Key      string    `json:"key"`
	Finding  string    `json:"finding"`
	MimeType string    `json:"mime_type"`
	Size     int64     `json:"size"`
	SHA256   string    `json:"sha256"`
	Event    string    `json:"event_id"`
	StoredAt time.Time `json:"stored_at"`
}

// List gives what is in a tenant's quarantine, the newest first, at most a thousand. It is an operation, so it is one event (A1):
// Execute, as all administration is, and not Read, which A2 would show to a citizen as a look-up of a document.
func (d *Desk) List(ctx context.Context, t tenant.Tenant) ([]Infected, error) {
	var found []Infected
	err := d.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) error {
		rows, err := d.Objects.Quarantined(ctx, tx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			found = append(found, Infected{r.Key.String(), r.Finding, r.MimeType, r.Size, hex.EncodeToString(r.SHA256), r.EventID.String(), r.StoredAt.UTC()})
		}
		hits := len(found)
		e := audit.New(d.Now(), audit.Operator(d.Operator), audit.Execute, "quarantine-list")
		e.Detail = audit.Detail{HomeCommunity: t.HomeCommunity, Hits: &hits}
		b := tx.Batch()
		if err := audit.Append(tx, b, e); err != nil {
			return err
		}
		return b.Send(ctx)
	})
	return found, err
}
