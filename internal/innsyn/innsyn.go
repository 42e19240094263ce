// Package innsyn tells citizens who looked at their documents (A2): Helsenorge asks for one citizen, or pulls everything as a feed.
//
// It promises that the health worker's name is told from exactly seven times 24 hours after the reading on and never before, in no field, order,
// cursor or error; that HPR number, identity number and client are never told; that a document's type and title are told only where the
// citizen may see them himself by package access; and that the feed loses nothing, whatever cursor it goes on from. Who looked means health
// personnel: machines and operators are nobody who looked, and what failed showed nothing. Each question is an audit event of its own.
package innsyn

import (
	"context"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/person"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// Register knows patients' birth and death: Persontjenesten.
type Register interface {
	// Facts of a national patient; an error means that nothing may be told.
	Facts(context.Context, document.PatientID) (person.Answer, error)
}

// Service needs all its fields but Register.
type Service struct {
	DB      *postgres.DB
	Tenants tenant.Directory
	Log     audit.Log
	Locator registry.Locator
	// Register is asked for patients' facts (C5, L4); nil means that nobody is, and that birth dates are those of the identity numbers.
	Register Register
	Policy   access.Policy
	// Seals is the order in which events became part of the log, for the feed.
	Seals Seals
	// TenantDeadline bounds how long an answer waits for one tenant.
	TenantDeadline time.Duration
	Now            func() time.Time
}

// Place is an organisation: its number and, where the health worker's attest gave it, its name.
type Place struct{ Number, Name string }

// Instance is where what was looked at is kept.
type Instance struct{ HomeCommunity, Name string }

// Withheld says why a document's type and title are missing.
type Withheld string

// Nothing is withheld from lists, which have neither.
const (
	// ByRules: the citizen may not see them (C2, C5, C7, L4).
	ByRules Withheld = "rules"
	// Unavailable: nobody could tell, because Persontjenesten did not answer.
	Unavailable Withheld = "unavailable"
)

// Look is one reading as a citizen may be told of it now.
type Look struct {
	ID uuid.UUID
	At time.Time
	// Request is our id of the request; a search over several instances is one look in each, with the same request.
	Request string
	Patient document.PatientID
	Kind    Kind
	What    Phrase
	// Type and Title are the document's; nil and empty for lists and where they are withheld.
	Type     *Coded
	Title    string
	Withheld Withheld
	// Organisation is who looked, PointOfCare its unit. A name in which a word of the health worker's stands waits with it.
	Organisation, PointOfCare Place
	// Instance is nil where the citizen gets nothing at all of the instance, or none was found.
	Instance *Instance
	Role     *Coded
	Why      Why
	Outcome  Outcome
	// NameDue is the first moment at which Name is told; before, and where the token had none, it is empty.
	NameDue time.Time
	Name    string
}

// Refuse audits a request that got no further than its door, and returns the refusal.
func (s *Service) Refuse(ctx context.Context, actor audit.Actor, operation string, cause error) error {
	return s.refuse(ctx, audit.New(s.Now(), actor, audit.Read, operation), cause)
}

func (s *Service) refuse(ctx context.Context, event audit.Event, cause error) error {
	problems := fault.Of(cause)
	if err := s.Log.RecordControl(ctx, event.Refused(problems)); err != nil {
		problems.Add(fault.Of(err)...)
	}
	return problems
}

// admit lets Helsenorge's own machine in and nobody else (A2).
func admit(c access.Caller) error {
	var problems fault.Problems
	if c.Kind != access.Machine {
		problems.Add(fault.New(fault.AccessDenied, "Only Helsenorge's own system asks here: send a machine token, not a %s token.", c.Kind).By("A2"))
	}
	if !c.Has(access.ScopeLogHelsenorge) {
		problems.Add(fault.New(fault.ScopeMissing, "The token lacks the scope %s.", access.ScopeLogHelsenorge).By("A2"))
	}
	return problems.Err()
}

// Admit is what a door asks before it reads a body.
func (s *Service) Admit(c access.Caller) error { return admit(c) }
