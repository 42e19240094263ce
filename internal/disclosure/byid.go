package disclosure

import (
	"context"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// single is how one kind of thing is read by its id alone.
type single[T any] struct {
	// patient is whose it is; fault.NotFound when it is not there.
	patient func(context.Context, *postgres.Tx, uuid.UUID) (document.PatientID, error)
	// read reads it, decides, and notes in the event what it is. A NotFound hides it.
	read func(context.Context, *postgres.Tx, view, tenant.Tenant, uuid.UUID, *audit.Event) (T, error)
}

// byID gives one thing as the reader may see it, by entryUUID; home may be empty.
func byID[T any](ctx context.Context, s *Service, r Reader, id uuid.UUID, home string, event audit.Event, one single[T]) (T, error) {
	var nothing T
	event.Detail.HomeCommunity, event.Detail.Basis = home, r.Basis.AccessBasis
	if err := s.admit(r); err != nil {
		return nothing, s.refuse(ctx, tenant.Tenant{}, event, err)
	}
	candidates, err := s.holding(ctx, id, home)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return nothing, s.refuse(ctx, tenant.Tenant{}, event, err)
	}
	return among(ctx, s, r, candidates, id, event, one)
}

// among is the thing in the first instance that shows it. Where none does, the answer is the same whatever the reason.
func among[T any](ctx context.Context, s *Service, r Reader, candidates []tenant.Tenant, id uuid.UUID, event audit.Event, one single[T]) (T, error) {
	var nothing T
	var at tenant.Tenant
	tried, missing := event, s.stillUnknown
	for _, at = range candidates {
		tried = event
		item, asked, err := one.in(ctx, s, r, at, id, &tried)
		if fault.KindOf(err) != fault.NotFound {
			return item, err
		}
		if asked {
			missing = func(context.Context, string) error { return err }
		}
	}
	if len(candidates) != 1 {
		at, tried = tenant.Tenant{}, event
	}
	return nothing, s.refuse(ctx, at, tried, missing(ctx, id.String()))
}

func (s *Service) holding(ctx context.Context, id uuid.UUID, home string) ([]tenant.Tenant, error) {
	if home == "" {
		return s.Tenants.OfEntry(ctx, id)
	}
	t, err := s.community(ctx, home)
	if err != nil {
		return nil, err
	}
	return []tenant.Tenant{t}, nil
}

// in is the thing in one instance, its patient's facts asked for between two transactions: no database connection waits for the
// register. NotFound means that nothing was audited yet; asked, that the register was.
func (one single[T]) in(ctx context.Context, s *Service, r Reader, t tenant.Tenant, id uuid.UUID, event *audit.Event) (item T, asked bool, err error) {
	v := view{Reader: r, patient: unasked}
	if s.Register != nil {
		patient, err := one.patientIn(ctx, s, t, id)
		if err != nil {
			return item, false, err
		}
		event.Patient = patient.CX()
		if v, err = s.look(ctx, r, patient, event); err != nil {
			return item, true, s.refuse(ctx, t, *event, err)
		}
	}
	item, err = one.audited(ctx, s, v, t, id, event)
	if v.stale && fault.KindOf(err) == fault.NotFound {
		return item, true, s.refuse(ctx, t, *event, outdated())
	}
	return item, v.asked, err
}

func (one single[T]) patientIn(ctx context.Context, s *Service, t tenant.Tenant, id uuid.UUID) (patient document.PatientID, err error) {
	err = s.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) (err error) {
		patient, err = one.patient(ctx, tx, id)
		return err
	})
	return patient, err
}

// audited reads, decides and audits in one transaction; NotFound means that nothing was audited yet.
func (one single[T]) audited(ctx context.Context, s *Service, v view, t tenant.Tenant, id uuid.UUID, event *audit.Event) (item T, err error) {
	err = s.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) (err error) {
		if item, err = one.read(ctx, tx, v, t, id, event); err != nil {
			return err
		}
		return audit.AppendLast(tx, *event)
	})
	return item, err
}
