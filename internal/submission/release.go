package submission

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// Publish registers a document that the quarantine desk lets go (F4), under the metadata it came with: same entryUUID, same identifiers,
// same patient, relations as they were meant; registered now. kept is the copy of its bytes among the documents. All of it is queued on b,
// with what happened in the event; nothing stands unless the transaction commits. It is judged against the registry of today, and refused
// with fault.AdministrationRefused, in words for the desk, when something else has taken its place meanwhile.
//
// A document that was published before and found infected later has its entry still: it gets its bytes back.
func (s *Service) Publish(ctx context.Context, tx *postgres.Tx, b *postgres.Batch, t tenant.Tenant, held repository.QuarantineRow, kept repository.Object, event *audit.Event) error {
	if held.Custody.Late {
		// A version that is being made (ITI-57) has the old key, and only a statement that begins after its commit sees it: the lock waits for that.
		if _, err := registry.ForChange(ctx, tx, held.Custody.Entry); err != nil && fault.KindOf(err) != fault.NotFound {
			return err
		}
		registry.Relink(b, held.Custody.Entry, held.Key, kept.Key)
		s.recordReleased(b, held, kept, event)
		return nil
	}
	v, err := s.revive(ctx, tx, t, held, kept)
	if err != nil {
		return err
	}
	if err := v.meetToday(ctx, tx); err != nil {
		return err
	}
	event.Detail.Set, event.Detail.Documents = v.set.ID.String(), []audit.Document{audit.Of(v.entries[0])}
	receipt, err := v.receipt(*event).encode()
	if err != nil {
		return err
	}
	if err := registry.Register(tx, b, s.Locator, registry.Submission{Set: v.set, Entries: v.entries, Grown: v.grown, Associations: v.associations, Receipt: receipt}); err != nil {
		return err
	}
	s.recordReleased(b, held, kept, event)
	return nil
}

// recordReleased keeps the finding with the stored row: a re-scan that finds the same again finds what two administrators have seen.
func (s *Service) recordReleased(b *postgres.Batch, held repository.QuarantineRow, kept repository.Object, event *audit.Event) {
	s.Objects.Record(b, kept, repository.Row{State: repository.Stored, MimeType: held.MimeType, Finding: held.Finding, Event: event.ID}, event.At)
}

// cannot is a refusal for the desk.
func cannot(text string, args ...any) *fault.Problem {
	return fault.New(fault.AdministrationRefused, "The document cannot be released: "+text, args...).By("F4")
}

// revive makes a verdict of what was kept: the message as it would be if it had come today with this one document.
func (s *Service) revive(ctx context.Context, tx *postgres.Tx, t tenant.Tenant, held repository.QuarantineRow, kept repository.Object) (*verdict, error) {
	c := held.Custody
	switch {
	case len(c.Message) == 0:
		return nil, cannot("it was put into quarantine by a version that kept no metadata. Ask the sender to send it again.")
	case len(c.Obstacles) > 0:
		return nil, cannot("it would have been refused without malware too (%s). Ask the sender to send it again.", strings.Join(c.Obstacles, "; "))
	case !t.Admits(c.Organisation):
		return nil, cannot("the instance is not active, or organisation %q that sent it may not write to it any more.", c.Organisation)
	}
	var m heldMessage
	if err := json.Unmarshal(c.Message, &m); err != nil {
		return nil, fmt.Errorf("submission: a quarantined document's message cannot be read: %w", err)
	}
	v := &verdict{tenant: t, set: m.Set, request: Request{Documents: []Document{{}}}}
	for _, r := range m.Relations {
		if len(r.Type) != 1 {
			return nil, fmt.Errorf("submission: a quarantined document's relation has type %q", r.Type)
		}
		v.request.Documents[0].Relations = append(v.request.Documents[0].Relations, Relation{document.AssociationType(r.Type[0]), Target{r.Entry, r.UniqueID}, r.Documentation})
	}
	return v, s.renew(ctx, tx, v, m, kept)
}

// renew gives set and entry what they get at registration. The set gets a new id, since two documents of one message may be released one
// after the other; so does its uniqueId where it was ours (profile nhn) or another set has taken it meanwhile.
func (s *Service) renew(ctx context.Context, tx *postgres.Tx, v *verdict, m heldMessage, kept repository.Object) error {
	now := s.Now().UTC().Truncate(1000)
	ours := m.Set.UniqueID == document.OIDOf(m.Set.ID)
	v.set.ID, v.set.Registered = uuid.Must(uuid.NewV7()), now
	taken := false
	if !ours {
		var err error
		if taken, err = registry.SetTaken(ctx, tx, v.set.UniqueID); err != nil {
			return err
		}
	}
	if ours || taken {
		v.set.UniqueID = document.OIDOf(v.set.ID)
	}
	e := m.Entry
	e.ObjectKey, e.SubmissionID, e.Registered = kept.Key, v.set.ID, now
	v.entries = []document.Entry{e}
	v.assembleLinks()
	return nil
}

// meetToday judges the revived message against the registry.
func (v *verdict) meetToday(ctx context.Context, tx *postgres.Tx) error {
	e := v.entries[0]
	known, err := registry.Existing(ctx, tx, []uuid.UUID{e.ID}, []string{e.UniqueID})
	if err != nil {
		return err
	}
	for _, k := range known {
		// A tombstone stands in no sender's way, but here it is a wish: what was deleted must not come back by another door.
		if k.Status == document.Tombstone {
			return cannot("a document with its identifiers was registered and deleted. If it is wanted, the sender sends it again.")
		}
	}
	problems, err := v.meetRegistry(ctx, tx)
	switch {
	case err != nil:
		return err
	case v.first != nil:
		return cannot("the same document is registered already.")
	}
	if lead := problems.Leading(); lead != nil {
		return forDesk(lead)
	}
	return nil
}

// forDesk says a refusal of the registry's to the desk.
func forDesk(p *fault.Problem) error {
	switch p.Code {
	case fault.DuplicateInRegistry, fault.NonIdenticalHash, fault.NonIdenticalSize:
		return cannot("a document with its identifiers was registered since; the sender seems to have sent a clean one. Destroy this one.").Because(p)
	case fault.TargetDeprecated:
		return cannot("the document that it was to replace is not current any more: another one has replaced it.").Because(p)
	case fault.UnresolvedReference:
		return cannot("a document that it relates to is not registered any more.").Because(p)
	default:
		return cannot("%s", p.Safe).Because(p)
	}
}
