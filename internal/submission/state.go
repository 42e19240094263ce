package submission

import (
	"context"

	"github.com/google/uuid"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"
)

// State is what the service knows of a document (GET /api/rest/document-status).
type State struct {
	// Entry is what is registered of it; of a document that was found infected when it came, Registered is zero and only the names are set.
	Entry  document.Entry
	Tenant tenant.Tenant
	// Life is that of the document's bytes.
	Life repository.Life
}

// Status tells what became of a document: registered and kept, deleted, or refused and in quarantine (F4).
func (s *Service) Status(ctx context.Context, actor audit.Actor, a Address) (State, error) {
	var state State
	event := audit.New(s.Now(), actor, audit.Read, "document-status")
	t, err := s.operating(ctx, a, event, func(tx *postgres.Tx, _ *postgres.Batch, event *audit.Event) (err error) {
		e, err := s.entry(ctx, tx, a)
		if fault.KindOf(err) == fault.NotFound {
			state, err = quarantined(ctx, tx, a, err)
			event.Entry = state.Entry.ID
			return err
		}
		if err != nil {
			return err
		}
		event.Patient, event.Entry, event.Detail.Documents = e.Patient.CX(), e.ID, []audit.Document{audit.Of(e)}
		life, err := lifeOf(ctx, tx, e)
		state = State{Entry: e, Life: life}
		return err
	})
	state.Tenant = t
	return state, err
}

// lifeOf is that of the document's bytes. Of those that another repository keeps, or that are made on demand, nothing is known: the zero Life.
func lifeOf(ctx context.Context, tx *postgres.Tx, e document.Entry) (repository.Life, error) {
	if e.ObjectKey == uuid.Nil {
		return repository.Life{}, nil
	}
	return repository.LifeOf(ctx, tx, e.ObjectKey)
}

// quarantined finds the document among those that were never registered; notFound is the answer when it is not there either.
func quarantined(ctx context.Context, tx *postgres.Tx, a Address, notFound error) (State, error) {
	held, err := repository.HeldByID(ctx, tx, a.Entry, a.UniqueID)
	if err != nil {
		return State{}, err
	}
	if held == nil {
		return State{}, notFound
	}
	state := State{Entry: document.Entry{ID: held.Custody.Entry, Size: held.Size}, Life: repository.Life{State: repository.Quarantined,
		Received: held.Received, Scanned: held.Scanned, Stored: held.StoredAt}}
	if len(held.Custody.UniqueIDs) > 0 {
		state.Entry.UniqueID = held.Custody.UniqueIDs[0]
	}
	return state, nil
}
