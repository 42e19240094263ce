package lifecycle

import (
	"context"
	"errors"
	"fmt"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// errMoved ends a transaction on a document that is not what it was when it was scanned.
var errMoved = errors.New("lifecycle: the document was deleted meanwhile")

// isolate takes a document out of reach (F4). Its bytes are copied to the quarantine under a new key; one transaction records them there,
// lets the entry name that key, under which nothing among the documents stands, and decides that the old bytes go. The entry stays in
// lists: who treats the patient must know that the document exists.
func (r *rescanning) isolate(ctx context.Context, t tenant.Tenant, o stored, finding string) error {
	held, err := r.Objects.Carry(ctx, t.Schema(), repository.Documents, o.Object)
	if err != nil {
		return r.unscanned(ctx, t, o, err)
	}
	held.Received, held.Scanned = o.Received, r.Now().UTC()
	var entry uuid.UUID
	err = r.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) (err error) {
		entry, err = r.hold(ctx, tx, t, o, held, finding)
		return err
	})
	r.undo(ctx, t, held, err)
	switch {
	case errors.Is(err, errMoved):
		return nil
	case err != nil:
		return err
	}
	r.report.Infected++
	r.Log.WarnContext(ctx, "a stored document was found infected and put into quarantine", "operation", "rescan", "component", string(fault.Self), "tenant", t.Name, "version", r.report.Signatures)
	r.tell(Rescanned{Tenant: t.Name, Outcome: NowInfected, Object: o.Key.String(), Quarantined: held.Key.String(), Entry: entry.String(), Finding: finding})
	return nil
}

// hold is isolate's transaction.
func (r *rescanning) hold(ctx context.Context, tx *postgres.Tx, t tenant.Tenant, o stored, held repository.Object, finding string) (uuid.UUID, error) {
	mime, err := lockStored(ctx, tx, o.Key)
	if errors.Is(err, pgx.ErrNoRows) {
		return uuid.Nil, errMoved
	}
	if err != nil {
		return uuid.Nil, err
	}
	entry, _, err := registry.OfObject(ctx, tx, o.Key)
	if err == nil && entry == uuid.Nil {
		err = fmt.Errorf("the infected object %s has no entry: run fsck", o.Key)
	}
	if err != nil {
		return uuid.Nil, err
	}
	e, err := registry.ByID(ctx, tx, entry)
	if err != nil {
		return uuid.Nil, err
	}
	event := audit.New(r.Now(), r.Actor, audit.Execute, "rescan-quarantine")
	event.Patient, event.Entry = e.Patient.CX(), e.ID
	event.Detail = audit.Detail{HomeCommunity: t.HomeCommunity, Finding: finding, Documents: []audit.Document{audit.Of(e)},
		Reason: "infected by signatures " + r.report.Signatures}
	text, err := repository.Custody{Entry: e.ID, UniqueIDs: names(e.UniqueID, e.AliasID), Patient: e.Patient.CX(), Late: true}.Text()
	if err != nil {
		return uuid.Nil, err
	}
	b := tx.Batch()
	r.Objects.Record(b, held, repository.Row{State: repository.Quarantined, MimeType: mime, Finding: finding, Event: event.ID, Held: text}, event.At)
	registry.Relink(b, e.ID, o.Key, held.Key)
	r.Objects.MarkRemoval(b, o.Key, event.ID, event.At)
	if err := r.Queue.InsertRemove(ctx, tx, o.Key); err != nil {
		return uuid.Nil, err
	}
	if err := audit.Append(tx, b, event); err != nil {
		return uuid.Nil, err
	}
	return e.ID, b.Send(ctx)
}

func names(all ...string) (out []string) {
	for _, name := range all {
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

// undo removes the copy of a transaction that certainly failed; of one whose commit nobody answered, the sweeper decides.
func (r *rescanning) undo(ctx context.Context, t tenant.Tenant, held repository.Object, err error) {
	if err != nil && !errors.Is(err, postgres.ErrUnconfirmed) {
		_ = r.Objects.Forget(ctx, t.Schema(), held.Key) // what stays for want of a store, the sweeper removes
	}
}
