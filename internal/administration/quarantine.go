package administration

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// Desk is the quarantine desk (F4): administrators list, show and scan again what was found infected, release it, two of them, or destroy
// it. Every step is one Execute event in the transaction of the step, a refused step too, and no step hands out bytes. List and Show
// need DB, Objects, Operator and Now; Rescan the scanner; Release Publisher and Queue; Destroy Queue.
type Desk struct {
	DB      *postgres.DB
	Objects Objects
	Log     audit.Log
	Queue   *job.Queue
	// Publisher registers what is released.
	Publisher Publisher
	// Signatures tells what the scanner knows today, and refuses when that is too old to be worth a scan.
	Signatures func(context.Context) (scan.Signatures, error)
	// Operator is the account that gives the command. Two administrators are two accounts.
	Operator string
	Now      func() time.Time
}

// Objects is what the desk needs of the repository.
type Objects interface {
	Quarantined(ctx context.Context, tx *postgres.Tx) ([]repository.QuarantineRow, error)
	Carry(ctx context.Context, s postgres.Schema, from repository.Area, o repository.Object) (repository.Object, error)
	Examine(ctx context.Context, s postgres.Schema, a repository.Area, o repository.Object) (repository.Facts, error)
	Forget(ctx context.Context, s postgres.Schema, keys ...uuid.UUID) error
	MarkRemoval(b *postgres.Batch, key, eventID uuid.UUID, now time.Time)
}

// Publisher queues the registration of a released document, whose bytes are kept among the documents as kept. It refuses, with
// fault.AdministrationRefused, what cannot be published today.
type Publisher interface {
	Publish(ctx context.Context, tx *postgres.Tx, b *postgres.Batch, t tenant.Tenant, held repository.QuarantineRow, kept repository.Object, event *audit.Event) error
}

// ApprovalLife is how long a first administrator's word stands: long enough for a colleague of the next shift, and no open door.
const ApprovalLife = 24 * time.Hour

// Infected is one document in quarantine, as `dokumentlager quarantine list --json` prints it. It names no patient.
type Infected struct {
	Key      string    `json:"key"`
	Finding  string    `json:"finding"`
	MimeType string    `json:"mime_type"`
	Size     int64     `json:"size"`
	SHA256   string    `json:"sha256"`
	Event    string    `json:"event_id"`
	StoredAt time.Time `json:"stored_at"`
	// Entry and UniqueIDs are what the sender calls it.
	Entry     string   `json:"entry_id,omitempty"`
	UniqueIDs []string `json:"unique_ids,omitempty"`
	// Organisation and Client sent it.
	Organisation string `json:"organisation,omitempty"`
	Client       string `json:"client_id,omitempty"`
	// Published tells that its entry stands in lists: it was found infected after it had been published.
	Published bool `json:"published,omitempty"`
	// Obstacles are what else was wrong with it: such a document cannot be released.
	Obstacles []string             `json:"obstacles,omitempty"`
	Approval  *repository.Approval `json:"approval,omitempty"`
	// Lapses is when the approval does.
	Lapses time.Time           `json:"approval_lapses_at,omitzero"`
	Scans  []repository.Rescan `json:"scans,omitempty"`
}

func infected(r repository.QuarantineRow) Infected {
	c := r.Custody
	i := Infected{Key: r.Key.String(), Finding: r.Finding, MimeType: r.MimeType, Size: r.Size, SHA256: hex.EncodeToString(r.SHA256), Event: r.EventID.String(),
		StoredAt: r.StoredAt.UTC(), UniqueIDs: c.UniqueIDs, Organisation: c.Organisation, Client: c.Client, Published: c.Late, Obstacles: c.Obstacles,
		Approval: c.Approval, Scans: c.Scans}
	if c.Entry != uuid.Nil {
		i.Entry = c.Entry.String()
	}
	if c.Approval != nil {
		i.Lapses = c.Approval.At.Add(ApprovalLife)
	}
	return i
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
			found = append(found, infected(r))
		}
		hits := len(found)
		e := d.event(t, "quarantine-list")
		e.Detail.Hits = &hits
		b := tx.Batch()
		if err := audit.Append(tx, b, e); err != nil {
			return err
		}
		return b.Send(ctx)
	})
	return found, err
}

// Show gives one document in quarantine.
func (d *Desk) Show(ctx context.Context, t tenant.Tenant, key uuid.UUID) (Infected, error) {
	var found Infected
	err := d.step(ctx, t, key, d.event(t, "quarantine-show"), func(_ *postgres.Tx, _ *postgres.Batch, row repository.QuarantineRow, _ *audit.Event) error {
		found = infected(row)
		return nil
	})
	return found, err
}

func (d *Desk) event(t tenant.Tenant, operation string) audit.Event {
	e := audit.New(d.Now(), audit.Operator(d.Operator), audit.Execute, operation)
	e.Detail.HomeCommunity = t.HomeCommunity
	return e
}

// refusal is a no of the desk's own.
func refusal(text string, args ...any) *fault.Problem {
	return fault.New(fault.AdministrationRefused, text, args...)
}

// step does one thing with one document: found, locked, done and audited in one transaction; refused and audited otherwise.
func (d *Desk) step(ctx context.Context, t tenant.Tenant, key uuid.UUID, event audit.Event,
	do func(*postgres.Tx, *postgres.Batch, repository.QuarantineRow, *audit.Event) error) error {
	err := d.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) error {
		row, err := d.held(ctx, tx, key)
		if err != nil {
			return err
		}
		about(&event, row)
		b := tx.Batch()
		if err := do(tx, b, row, &event); err != nil {
			return err
		}
		if err := audit.Append(tx, b, event); err != nil {
			return err
		}
		return b.Send(ctx)
	})
	return d.told(ctx, t, event, err)
}

// told audits a refusal or failure and gives it back; nil stays nil.
func (d *Desk) told(ctx context.Context, t tenant.Tenant, event audit.Event, err error) error {
	if err == nil {
		return nil
	}
	problems := fault.Of(simultaneous(err))
	if lead := problems.Leading(); lead != nil {
		event.Detail.Rule = lead.Rule // with a rule it is denied, without one it failed
	}
	if failed := d.Log.Record(ctx, t.Schema(), event.Refused(problems)); failed != nil {
		problems.Add(fault.Of(failed)...)
	}
	return problems
}

// simultaneous says in words what the database or the registry refuses when two registrations meet.
func simultaneous(err error) error {
	if _, yes := postgres.IsDuplicate(err); yes || fault.KindOf(err) == fault.Conflict {
		return refusal("Something with the document's identifiers was registered or changed at the same moment. Look again.").Because(err)
	}
	return err
}

// held finds and locks a document in quarantine.
func (d *Desk) held(ctx context.Context, tx *postgres.Tx, key uuid.UUID) (repository.QuarantineRow, error) {
	row, err := repository.HeldForChange(ctx, tx, key)
	if errors.Is(err, repository.ErrNoObject) {
		return row, refusal("No document with this key is in the instance's quarantine: it may have been released or destroyed.").At("key")
	}
	return row, err
}

// about puts into the event what it is about.
func about(event *audit.Event, row repository.QuarantineRow) {
	c := row.Custody
	event.Entry, event.Patient, event.Detail.Finding = c.Entry, c.Patient, row.Finding
	doc := audit.Document{Size: row.Size}
	if c.Entry != uuid.Nil {
		doc.Entry = c.Entry.String()
	}
	if len(c.UniqueIDs) > 0 {
		doc.UniqueID = c.UniqueIDs[0]
	}
	event.Detail.Documents = []audit.Document{doc}
}
