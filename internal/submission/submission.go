// Package submission is innlevering: it provides, replaces, changes and deletes documents on behalf of record systems (W1-W6).
//
// It promises that a submission is judged whole before anything of it is kept, that all its problems are told at once, that what
// is kept (metadata, bytes' row, audit event) is committed in one transaction whose commit is the only acknowledgement, and that
// a refusal leaves its audit event and nothing else, the quarantined bytes of an infected document excepted (F4). Doors decode
// into Request and encode Receipt; the rules are here, for all of them.
package submission

import (
	"context"
	"errors"
	"time"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/idempotency"
	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// Service needs all its fields but Register and Fail.
type Service struct {
	DB      *postgres.DB
	Tenants tenant.Directory
	Objects *repository.Repository
	Log     audit.Log
	Locator registry.Locator
	Queue   *job.Queue
	Keys    idempotency.Keys
	// Synthetic allows synthetic national identity numbers: test environments only (P2).
	Synthetic bool
	// Register is asked whether patients with a national number exist (P2); nil means that nobody is. Unverified takes a message while
	// it cannot be asked, with a warning; otherwise it is refused until then.
	Register   Register
	Unverified bool
	Now        func() time.Time
	// Fail is nil but in tests.
	Fail *failpoint.Set
}

// Request is one message as its door understood it.
type Request struct {
	// Form is whose words it is in.
	Form      Form
	Set       document.SubmissionSet
	Documents []Document
	Folders   []Folder
	// Links are the associations of an XDS message, its memberships among them; a bundle has none.
	Links []Link
	// HomeCommunity is what the submission set says, without urn:oid:; in a bundle it counts for one without documents (T4).
	HomeCommunity string
	// Supersedes names documents that the message deprecates without saying which of its own replaces them (MHD's PATCH form);
	// each must be the target of a replacing relation too.
	Supersedes []Target
	// Claim is how much metadata the message says it has.
	Claim Claim
	// Problems are what the door found wrong; they are reported together with the rules'.
	Problems fault.Problems
	// Once is nil for a message without an Idempotency-Key.
	Once *Once
}

// Claim is the metadata level a message names (MHD's meta.profile); only profile ihe takes Minimal.
type Claim uint8

// Unclaimed is no word on it, Unrecognised a word we do not know.
const (
	Unclaimed Claim = iota
	Comprehensive
	Minimal
	Unrecognised
)

// Document is one document of a message. Locations of problems are written documents[i].field; the door turns them into its own.
type Document struct {
	Entry document.Entry
	// LogicalID is the lid that an XDS message states: it must not be that of something registered, which would be updated so.
	LogicalID uuid.UUID
	// Identifiers are the candidates that the profile chooses from (docs/profiles.md).
	Identifiers Identifiers
	// HomeCommunity is as the message had it, without urn:oid:; empty when missing (T4).
	HomeCommunity string
	// Bytes is nil when the message has no document for the entry.
	Bytes *repository.Reception
	// DeclaredSize is negative when not declared; DeclaredHash is a raw SHA-1 or SHA-256, or empty.
	DeclaredSize int64
	DeclaredHash []byte
	// OtherMimeType is a second declaration of the type beside the entry's (Binary.contentType); empty when there is none.
	OtherMimeType string
	Relations     []Relation
}

// Identifiers are what a message calls a document, without urn: prefixes; empty when absent.
type Identifiers struct{ Resource, EntryUUID, Binary, Master string }

// Relation is one relatesTo.
type Relation struct {
	Type   document.AssociationType
	Target Target
	// Documentation is the code of a transformation; MHD has none.
	Documentation document.Code
}

// Target names a registered document by entryUUID or by a unique identifier.
type Target struct {
	Entry    uuid.UUID
	UniqueID string
}

// Provide judges the message and registers it (ITI-65, ITI-41). The error, when there is one, is fault.Problems with everything
// that is wrong; it has been audited. Receptions are read, not discarded: that is the door's, whatever happens.
func (s *Service) Provide(ctx context.Context, actor audit.Actor, r Request) (Receipt, error) {
	event := audit.New(s.Now(), actor, audit.Create, "provide")
	v := s.judge(ctx, actor, r, stage)
	v.note(&event)
	if v.problems.Refuses() {
		s.lookAtRegistry(ctx, v)
		return Receipt{}, s.refuse(ctx, v, event)
	}
	err := s.Fail.Reach(ctx, failpoint.Judged)
	if err == nil {
		err = s.store(ctx, v, event)
	}
	if v.first != nil {
		v.unstage(ctx)
		return *v.first, nil
	}
	if err != nil {
		v.problems = append(fault.Of(err), v.problems...)
		return Receipt{}, s.refuse(ctx, v, event)
	}
	return v.receipt(event), s.Fail.Reach(ctx, failpoint.Committed)
}

// store keeps the bytes and registers them. The registry is asked in the registering transaction alone: it has the last word, and most
// messages are new. When the message turns out to be one that was registered before, be it a moment ago by a request running beside this
// one, nothing is stored and v.first is the answer it got then.
func (s *Service) store(ctx context.Context, v *verdict, event audit.Event) error {
	objects, err := s.keep(ctx, v)
	if err != nil {
		return err
	}
	if err = s.register(ctx, v, objects, event); err == nil {
		return nil
	}
	s.undo(ctx, v, objects, err)
	if fault.KindOf(err) == fault.Conflict {
		return errors.Join(s.meet(ctx, v), err)
	}
	return err
}

// meet judges the message against the registry in a transaction of its own, which keeps the answer of a message that is recognised under
// its key.
func (s *Service) meet(ctx context.Context, v *verdict) error {
	return s.DB.InTenant(ctx, v.tenant.Schema(), func(tx *postgres.Tx) error {
		problems, err := v.meetRegistry(ctx, tx)
		if err != nil {
			return err
		}
		if v.first != nil {
			v.request.Once.settle(tx, *v.first)
		}
		return problems.Err()
	})
}

// Validate judges the message as Provide does and stores nothing (W2). The problems are the answer; the error is for what kept us
// from judging.
func (s *Service) Validate(ctx context.Context, actor audit.Actor, r Request) (fault.Problems, error) {
	event := audit.New(s.Now(), actor, audit.Execute, "validate")
	v := s.judge(ctx, actor, r, nil)
	v.note(&event)
	s.lookAtRegistry(ctx, v)
	if v.problems.Refuses() {
		event = event.Refused(v.problems)
	}
	if err := s.record(ctx, v, event); err != nil {
		return nil, err
	}
	return v.problems, nil
}

// lookAtRegistry adds what only the registry can say, so that a refusal tells everything at once; trouble with the database is
// not one of the message's problems and is left out.
func (s *Service) lookAtRegistry(ctx context.Context, v *verdict) {
	if v.tenant.ID == 0 {
		return
	}
	_ = s.DB.InTenant(ctx, v.tenant.Schema(), func(tx *postgres.Tx) error {
		problems, err := v.meetRegistry(ctx, tx)
		v.problems.Add(problems...)
		return err
	})
}

// keep puts the bytes into the store; on failure nothing of them stays.
func (s *Service) keep(ctx context.Context, v *verdict) ([]repository.Object, error) {
	var kept []repository.Object
	if !v.request.Form.bytes() {
		return nil, nil
	}
	for i := range v.entries {
		o, err := s.Objects.Keep(ctx, v.tenant.Schema(), v.request.Documents[i].Bytes)
		if err != nil {
			s.forget(ctx, v, kept)
			return nil, err
		}
		v.entries[i].ObjectKey = o.Key
		kept = append(kept, o)
		if err := s.Fail.Reach(ctx, failpoint.Kept); err != nil {
			s.forget(ctx, v, kept)
			return nil, err
		}
	}
	return kept, nil
}

// register is the one transaction; its commit is the only acknowledgement.
func (s *Service) register(ctx context.Context, v *verdict, objects []repository.Object, event audit.Event) error {
	err := s.DB.InTenant(ctx, v.tenant.Schema(), func(tx *postgres.Tx) error {
		problems, err := v.meetRegistry(ctx, tx)
		if err != nil {
			return err
		}
		if problems.Refuses() {
			return problems
		}
		if v.first != nil {
			return errSame
		}
		v.noticed = problems
		if err := s.Fail.Reach(ctx, failpoint.RowsBegin); err != nil {
			return err
		}
		b := tx.Batch()
		r := v.receipt(event)
		receipt, err := r.encode()
		if err != nil {
			return err
		}
		if err := registry.Register(tx, b, s.Locator, registry.Submission{Set: v.set, Entries: v.entries, Folders: v.newFolders(), Grown: v.grown,
			Associations: v.associations, Receipt: receipt}); err != nil {
			return err
		}
		for i, o := range objects {
			s.Objects.Record(b, o, repository.Row{State: repository.Stored, MimeType: v.entries[i].MimeType, Event: event.ID}, s.Now())
		}
		if err := audit.Append(tx, b, event); err != nil {
			return err
		}
		v.request.Once.settle(tx, r)
		if err := duplicate(b.Send(ctx)); err != nil {
			return err
		}
		return s.Fail.Reach(ctx, failpoint.RowsSent)
	})
	if err == nil {
		err = postgres.Unconfirmed(s.Fail.Reach(ctx, failpoint.CommitLost))
	}
	return err
}

// errSame ends a transaction that has nothing to do: the same message was registered since the last look.
var errSame = fault.New(fault.DuplicateInRegistry, "The same message was registered at the same moment.")

// duplicate says in the field's words that two messages registered the same identifier at once.
func duplicate(err error) error {
	if constraint, yes := postgres.IsDuplicate(err); yes {
		return fault.New(fault.DuplicateInRegistry, "An object with the same identifier was registered at the same moment. Nothing of this message was stored.").
			Because(errors.New(constraint))
	}
	return err
}

// undo removes the bytes of a transaction that certainly failed. When the connection broke during the commit, that may have happened:
// then the bytes stay, and the sweeper removes them if no row names them (DESIGN, step 5).
func (s *Service) undo(ctx context.Context, v *verdict, objects []repository.Object, err error) {
	if !errors.Is(err, postgres.ErrUnconfirmed) {
		s.forget(ctx, v, objects)
	}
}

func (s *Service) forget(ctx context.Context, v *verdict, objects []repository.Object) {
	keys := make([]uuid.UUID, len(objects))
	for i, o := range objects {
		keys[i] = o.Key
	}
	s.Objects.Forget(ctx, v.tenant.Schema(), keys...)
}

// refuse takes back what is staged, writes the audit event, with the quarantine rows of infected documents (F4) in the same
// transaction, and returns the problems.
func (s *Service) refuse(ctx context.Context, v *verdict, event audit.Event) error {
	v.unstage(ctx)
	event = event.Refused(v.problems)
	err := s.quarantine(ctx, v, event)
	if err != nil || len(v.infected) == 0 || v.tenant.ID == 0 {
		err = errors.Join(err, s.record(ctx, v, event))
	}
	if err != nil {
		v.problems.Add(fault.Of(err)...)
	}
	return v.problems
}

// record writes an event that no transaction of ours carries: in the tenant's log where one is known, in the control log otherwise.
func (s *Service) record(ctx context.Context, v *verdict, event audit.Event) error {
	event.ID = uuid.Must(uuid.NewV7()) // not the operation's, which may be committed: a commit whose answer is lost comes here too
	err := s.Fail.Reach(ctx, failpoint.RefusalBegin)
	switch {
	case err != nil:
		return err
	case v.log.ID != 0:
		err = s.Log.Record(ctx, v.log.Schema(), event)
	default:
		err = s.Log.RecordControl(ctx, event)
	}
	return errors.Join(err, s.Fail.Reach(ctx, failpoint.RefusalEnd))
}
