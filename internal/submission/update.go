package submission

import (
	"context"
	"errors"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
)

// Revision is a message that updates metadata (ITI-57), as its door read it.
type Revision struct {
	Message *ebxml.Submission
	// Restricted is a message of ITI-92: new versions of entries only, with what no registry may let differ as it is.
	Restricted bool
	// Once is nil for a message that cannot be told from one that is sent again.
	Once *Once
}

func (r Revision) operation() string {
	if r.Restricted {
		return "restricted-update"
	}
	return "update"
}

// update is what becomes of a Revision: the verdict has the set, and the new versions as entries and folders.
type update struct {
	*verdict
	message Revision
	// ids are those of the message's objects, by what the message calls them.
	ids map[string]uuid.UUID
	// documents and cases are the new versions of entries and folders, in the order of the verdict's.
	documents, cases []revised
	changes          []change
	joins            []submitted
	// asked says that the register of persons was asked about the set's patient.
	asked bool
	// What is registered, when it was looked at: the versions by logical id, the newest first, deleted ones among them.
	entriesOf map[uuid.UUID][]document.Entry
	foldersOf map[uuid.UUID][]document.List
	known     map[uuid.UUID]endpoint
	// rows are what a meeting with the registry decided to write; it may run twice.
	rows rows
}

// revised is one new version.
type revised struct {
	at      string
	logical uuid.UUID
	// previous is PreviousVersion as written, membership the set's association with the new version.
	previous   string
	membership uuid.UUID
	// alone takes none of the old version's associations over.
	alone bool
}

// change is one UpdateAvailabilityStatus.
type change struct {
	at       string
	target   uuid.UUID
	from, to document.Status
}

// submitted is one association that a SubmitAssociation brings.
type submitted struct {
	at          string
	association document.Association
	membership  uuid.UUID
}

// rows are what an update writes.
type rows struct {
	entries []document.Entry
	folders []document.Folder
	// old are the versions that the new ones take the place of, in their order.
	oldEntries []document.Entry
	oldFolders []document.List
	// members are the set's, carried what new versions take over, new what was submitted.
	members, carried, new []document.Association
	grown                 []uuid.UUID
	statuses              []statusRow
	// withdrawn are older versions of documents that are another patient's now.
	withdrawn []document.Entry
}

type statusRow struct {
	kind     registry.Kind
	id       uuid.UUID
	from, to document.Status
}

// Update makes new versions of metadata and changes what the message asks for, all of it or nothing (ITI-57, ITI-92; spec/ihe.md 1.6). The bytes of a
// document and what is registered of them stay as they are. The error, when there is one, is fault.Problems with everything that is wrong; it has
// been audited.
func (s *Service) Update(ctx context.Context, actor audit.Actor, r Revision) (Receipt, error) {
	event := audit.New(s.Now(), actor, audit.Update, r.operation())
	u, err := s.plan(ctx, actor, r)
	if err != nil {
		u.problems.Add(fault.Of(err)...)
	}
	u.note(&event)
	if u.tenant.ID == 0 || u.problems.Refuses() {
		s.lookForMore(ctx, u)
		return Receipt{}, s.refuse(ctx, u.verdict, event)
	}
	if err := s.revise(ctx, u, &event); err != nil {
		u.problems = append(fault.Of(err), u.problems...)
		return Receipt{}, s.refuse(ctx, u.verdict, event)
	}
	return u.receipt(event), s.Fail.Reach(ctx, failpoint.ChangeCommitted)
}

// lookForMore adds what only the registry can say, so that a refusal tells everything at once.
func (s *Service) lookForMore(ctx context.Context, u *update) {
	if u.tenant.ID == 0 {
		return
	}
	_ = s.DB.InTenant(ctx, u.tenant.Schema(), func(tx *postgres.Tx) error {
		problems, err := u.meet(ctx, tx)
		u.problems.Add(problems...)
		return err
	})
}

// revise is the one transaction. Only a document that moves to another patient needs the register of persons (P2), which is asked while no connection
// waits for it.
func (s *Service) revise(ctx context.Context, u *update, event *audit.Event) error {
	err := s.reviseIn(ctx, u, event)
	if errors.Is(err, errMoves) {
		s.lookUp(ctx, u.verdict)()
		if u.asked = true; u.problems.Refuses() {
			told := u.problems
			u.problems = nil // Update adds them again, as the reason
			return told
		}
		err = s.reviseIn(ctx, u, event)
	}
	if err == nil {
		err = postgres.Unconfirmed(s.Fail.Reach(ctx, failpoint.ChangeCommitLost))
	}
	return outrun(err)
}

// errMoves ends a transaction that would move a document to a patient of whom nobody has asked yet.
var errMoves = errors.New("submission: the update moves something to another patient")

func (s *Service) reviseIn(ctx context.Context, u *update, event *audit.Event) error {
	return s.DB.InTenant(ctx, u.tenant.Schema(), func(tx *postgres.Tx) error {
		problems, err := u.meet(ctx, tx)
		if err != nil {
			return err
		}
		if problems.Refuses() {
			return problems
		}
		if u.moves() && !u.asked {
			return errMoves
		}
		u.noticed = problems
		if err := s.Fail.Reach(ctx, failpoint.UpdateLocked); err != nil {
			return err
		}
		b := tx.Batch()
		if err := u.queue(tx, b, s, event); err != nil {
			return err
		}
		if err := b.Send(ctx); err != nil {
			return err
		}
		return s.Fail.Reach(ctx, failpoint.ChangeSent)
	})
}

// outrun says in the field's words that another message did the same at once.
func outrun(err error) error {
	if constraint, yes := postgres.IsDuplicate(err); yes {
		return fault.New(fault.VersionMismatch, "Another message updated or registered the same at the same moment. Nothing of this one was done; fetch the current "+
			"version and update that.").Because(errors.New(constraint))
	}
	return err
}
