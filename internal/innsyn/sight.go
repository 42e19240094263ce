package innsyn

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/person"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"
	"dokumentlager/internal/terminology"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
)

// facts are what is known of a patient, and whether that could be found out.
type facts struct {
	access.Patient
	unavailable bool
}

// The bounds of asking about the patients of one answer: for one patient, for a pull, and how many are asked about at the same time.
const (
	factsDeadline     = 5 * time.Second
	feedFactsDeadline = 20 * time.Second
	factsAtOnce       = 16
)

// factsOf asks about each patient. About whom nobody answers, nothing may be told (C5).
func (s *Service) factsOf(ctx context.Context, patients map[document.PatientID]facts, deadline time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	var mu sync.Mutex
	var group errgroup.Group
	group.SetLimit(factsAtOnce)
	for _, p := range slices.Collect(maps.Keys(patients)) {
		group.Go(func() error {
			f := s.about(ctx, p)
			mu.Lock()
			defer mu.Unlock()
			patients[p] = f
			return nil
		})
	}
	_ = group.Wait() // each has its facts, or that they are not to be had
}

// about is what disclosure would know of the patient. The register's birth date comes first; the one in the number stands in for it, because a
// citizen without a known one would see everything (C5).
func (s *Service) about(ctx context.Context, p document.PatientID) facts {
	f := facts{Patient: access.Patient{Known: true}}
	if s.Register != nil && person.National(p) {
		answer, err := s.Register.Facts(ctx, p)
		if err != nil {
			return facts{unavailable: true}
		}
		f.BirthDate, f.DeadSince = answer.BirthDate, answer.DeadSince
	}
	if f.BirthDate.IsZero() {
		f.BirthDate, _ = document.BirthDate(p)
	}
	return f
}

// found is a lookup with where it stands and what the registry says now of the document it was about.
type found struct {
	audit.Lookup
	// tenant is nil for the control log.
	tenant *tenant.Tenant
	entry  *document.Entry
}

// withEntries joins lookups with the registry's present state of their documents, in one tenant.
func withEntries(ctx context.Context, tx *postgres.Tx, t *tenant.Tenant, lookups []audit.Lookup) ([]found, error) {
	var ids []uuid.UUID
	for _, l := range lookups {
		if l.Entry != uuid.Nil {
			ids = append(ids, l.Entry)
		}
	}
	entries, err := registry.Members(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	now := make(map[uuid.UUID]*document.Entry, len(entries))
	for i := range entries {
		now[entries[i].ID] = &entries[i]
	}
	all := make([]found, len(lookups))
	for i, l := range lookups {
		all[i] = found{l, t, now[l.Entry]}
	}
	return all, nil
}

// decide asks access whether the patient himself sees the document now, or, of a list, anything of the instance. The codes are those that the
// document had when it was read together with those it has now: the strictest wins (C2). Of one that is gone the event knows.
func (s *Service) decide(f found, of facts, kind Kind) access.Decision {
	entry := access.Entry{Confidentiality: []document.Code{{Value: "N", System: terminology.ConfidentialityHL7}}}
	if kind != List {
		entry.Confidentiality = restored(f.Document.Conf)
		if f.entry != nil {
			entry.Confidentiality = append(entry.Confidentiality, f.entry.Confidentiality...)
		}
	}
	entry.OwnerOrganisations = f.tenant.Organisations
	sharing := f.tenant.Sharing
	if f.tenant.State != tenant.Active {
		sharing = access.Sharing{} // an instance that answers nobody shows nothing (T6)
	}
	return s.Policy.Decide(access.Caller{Kind: access.Citizen}, access.Basis{}, of.Patient, entry, sharing, s.Now())
}

// look tells of one reading what may be told now. Anything that is not certain is left out.
func (s *Service) look(f found, of facts, now time.Time) Look {
	kind, text := what(f.Lookup)
	l := Look{ID: f.ID, At: f.At.UTC(), Request: f.RequestID, Kind: kind, What: text, Role: role(f.Role), Why: why(f.Lookup),
		Outcome: outcome(f.Lookup), NameDue: f.NameDue().UTC()}
	l.Patient, _ = document.ParseCX(f.Patient) // what we wrote ourselves
	name, due := f.Name(now)
	l.Name = name
	l.Organisation = place(f, f.Organisation, f.OrganisationName, due)
	l.PointOfCare = place(f, f.PointOfCare, f.PointOfCareName, due)
	if f.tenant == nil {
		l.Withheld = withheld(kind, ByRules)
		return l
	}
	d := s.decide(f, of, kind)
	if d.List != access.Omit {
		l.Instance = &Instance{f.tenant.HomeCommunity, f.tenant.Name}
	}
	switch {
	case of.unavailable:
		l.Withheld = withheld(kind, Unavailable)
	case d.List != access.Show || f.another():
		l.Withheld = withheld(kind, ByRules)
	case kind != List:
		l.Type, l.Title = typeOf(f.Document.Type), f.Document.Title
	}
	return l
}

// another says that the entry is not any more what was looked at: another patient's, or after a deletion another document with its id (W3). With which
// codes the one that was looked at ended, nobody can tell then.
func (f found) another() bool {
	return f.entry != nil && (f.entry.Patient.CX() != f.Patient || f.Document.UniqueID != "" && f.Document.UniqueID != f.entry.UniqueID)
}

func withheld(kind Kind, why Withheld) Withheld {
	if kind == List {
		return ""
	}
	return why
}

// place leaves out a name that would tell the health worker's before its time: practices bear their doctors' names.
func place(f found, number, name string, due bool) Place {
	if !due && f.Tells(name) {
		name = ""
	}
	return Place{number, name}
}
