// Package disclosure is utlevering: it lists documents and opens them for those who may see them (C1-C8, R1, R2, X1-X3).
//
// It promises that nothing leaves before package access has decided on it and the audit event is committed, that what is masked
// leaves without its content, that what is omitted cannot be told from what does not exist, and that whose assertion names a patient is told of
// that one alone. Every door asks here.
package disclosure

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// Service needs all its fields but Register.
type Service struct {
	DB      *postgres.DB
	Tenants tenant.Directory
	Objects *repository.Repository
	Log     audit.Log
	Locator registry.Locator
	// Register is asked for each patient's facts (L4, L5); nil means that nobody is.
	Register Register
	// Policy says which roles are never admitted (C3).
	Policy access.Policy
	// TenantDeadline bounds how long a list waits for one tenant.
	TenantDeadline time.Duration
	Now            func() time.Time

	suspects suspects
}

// Reader is who reads, and on what legal basis.
type Reader struct {
	audit.Actor
	Basis access.Basis
	// About is the patient whom the caller's assertion names (XUA): nothing of another one is told, and to citizens nothing without.
	About document.PatientID
}

// Item is one entry as the reader may see it: masked ones have lost their content already.
type Item struct {
	Entry  document.Entry
	Tenant tenant.Tenant
	Masked bool
	// BreakGlass says that it would be masked but for an emergency (C2).
	BreakGlass bool
	Relations  []document.Association
}

// decide asks access about one entry. An older version is barred by the newest one's codes too, and another patient's entry than the one that is
// read about is not there, whatever the rules would say of it; nor is an older version of what is another's now.
func (s *Service) decide(v view, t tenant.Tenant, e document.Entry) access.Decision {
	if !v.concerns(e.Patient) || e.Moved() {
		return access.Decision{Rules: []string{"X2"}}
	}
	return s.Policy.Decide(v.Caller, v.Basis, s.about(v, e.Patient), access.Entry{
		Confidentiality: slices.Concat(e.Confidentiality, e.Later), Class: e.Class, Creation: e.Creation.At, OwnerOrganisations: t.Organisations,
	}, t.Sharing, s.Now())
}

// Papers is everything that a caller's token lacks for reading (C3), for a door that refuses the request for something else and tells all at
// once (W6).
func (s *Service) Papers(c access.Caller) fault.Problems { return s.Policy.CheckPersonnel(c) }

// unknown is the answer for what is not there and for what is not for this reader alike: the same to the letter. Which rule it was
// stands in the audit event alone.
func unknown() *fault.Problem {
	return fault.New(fault.UnknownDocument, "No such document, or not for this patient, home community or caller.")
}

// community finds the active instance of a home community; an unknown one and one that is closed to everybody are the same.
func (s *Service) community(ctx context.Context, home string) (tenant.Tenant, error) {
	t, err := s.Tenants.ByHome(ctx, home)
	if errors.Is(err, tenant.ErrUnknown) || (err == nil && t.State != tenant.Active) {
		return tenant.Tenant{}, unknown()
	}
	if err == nil {
		obs.Note(ctx, slog.String("tenant", t.Name))
	}
	return t, err
}

// refuse audits a refusal where it belongs and returns it.
func (s *Service) refuse(ctx context.Context, t tenant.Tenant, event audit.Event, err error) error {
	problems := fault.Of(err)
	event = event.Refused(problems)
	var failed error
	if t.ID != 0 {
		failed = s.Log.Record(ctx, t.Schema(), event)
	} else {
		failed = s.Log.RecordControl(ctx, event)
	}
	if failed != nil {
		problems.Add(fault.Of(failed)...)
	}
	return problems
}

// Refuse audits a request that got no further than its door, and returns the refusal: nothing of it belongs to a tenant.
func (s *Service) Refuse(ctx context.Context, actor audit.Actor, operation string, cause error) error {
	return s.refuse(ctx, tenant.Tenant{}, audit.New(s.Now(), actor, audit.Read, operation), cause)
}

// Entry gives one entry as the reader may see it, by entryUUID; home may be empty.
func (s *Service) Entry(ctx context.Context, r Reader, id uuid.UUID, home string) (Item, error) {
	event := audit.New(s.Now(), r.Actor, audit.Read, "read-entry")
	event.Entry = id
	return byID(ctx, s, r, id, home, event, single[Item]{patient: entryPatient, read: s.readEntry})
}

func entryPatient(ctx context.Context, tx *postgres.Tx, id uuid.UUID) (document.PatientID, error) {
	e, err := registry.ByID(ctx, tx, id)
	return e.Patient, err
}

// readEntry decides and notes in the event what it is.
func (s *Service) readEntry(ctx context.Context, tx *postgres.Tx, v view, t tenant.Tenant, id uuid.UUID, event *audit.Event) (Item, error) {
	e, err := registry.ByID(ctx, tx, id)
	if err != nil {
		return Item{}, err
	}
	event.Patient, event.Detail.HomeCommunity, event.Detail.Documents = e.Patient.CX(), t.HomeCommunity, []audit.Document{audit.Of(e)}
	decision := s.decide(v, t, e)
	if decision.List == access.Omit {
		event.Detail.Rule = first(decision.Rules)
		return Item{}, unknown()
	}
	if e.Status == document.Tombstone {
		return Item{}, unknown()
	}
	relations, err := s.relations(ctx, tx, v, t, e.Patient, []uuid.UUID{id})
	if err != nil {
		return Item{}, err
	}
	var item Item
	item, event.Detail.BreakGlass = s.item(t, e, decision, relations[id]), lifted(decision)
	if item.Masked {
		event.Detail.Masked, event.Detail.Rule = 1, first(decision.Rules)
	}
	return item, nil
}

// item is the entry as it may leave.
func (s *Service) item(t tenant.Tenant, e document.Entry, d access.Decision, relations []document.Association) Item {
	if d.List == access.Mask {
		return Item{Entry: mask(e), Tenant: t, Masked: true}
	}
	return Item{Entry: e, Tenant: t, BreakGlass: d.BreakGlass, Relations: relations}
}

// lifted counts a decision that only an emergency made (C2).
func lifted(d access.Decision) int {
	if d.BreakGlass {
		return 1
	}
	return 0
}

func first(rules []string) string {
	if len(rules) == 0 {
		return ""
	}
	return rules[0]
}
