package submission

import (
	"context"
	"log/slog"
	"maps"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// Address is how a record system names one of its registered documents: by entryUUID, or by either unique identifier, and the
// home community where it knows it.
type Address struct {
	Entry         uuid.UUID
	UniqueID      string
	HomeCommunity string
}

// unknown is the answer for what is not there and for what is somebody else's alike (T2).
func unknown() *fault.Problem {
	return fault.New(fault.UnknownDocument, "No document with this id is registered in an instance that the token's organisation may write to.")
}

// locate finds the instance an address points into, among those the organisation may write to (T2, T3).
func (s *Service) locate(ctx context.Context, actor audit.Actor, a Address) (found tenant.Tenant, log tenant.Tenant, err error) {
	mine, err := s.Tenants.OfOrganisation(ctx, actor.Organisation)
	if err != nil {
		return found, log, err
	}
	if len(mine) == 1 {
		log = mine[0]
	}
	if len(mine) == 0 {
		return found, log, fault.New(fault.OrganisationDenied, "The token's organisation may not write to any instance here.").By("T2")
	}
	if a.HomeCommunity != "" {
		i := slices.IndexFunc(mine, func(t tenant.Tenant) bool { return t.HomeCommunity == a.HomeCommunity })
		if i < 0 {
			return found, log, foreign().At("homeCommunityId")
		}
		return mine[i], mine[i], nil
	}
	if len(mine) == 1 {
		return mine[0], log, nil
	}
	holding, err := s.Tenants.OfEntry(ctx, a.Entry)
	if err != nil {
		return found, log, err
	}
	holding = slices.DeleteFunc(holding, func(t tenant.Tenant) bool { return !t.Admits(actor.Organisation) })
	switch len(holding) {
	case 0:
		return found, log, unknown()
	case 1:
		return holding[0], holding[0], nil
	default:
		return found, log, fault.New(fault.MissingHomeCommunity, "Several of the organisation's instances hold a document with this id. "+
			"Say which with the homeCommunityId parameter.").At("homeCommunityId").By("T4")
	}
}

// operating runs one operation in the instance an address points into: done and audited in one transaction; refused and audited
// otherwise.
func (s *Service) operating(ctx context.Context, a Address, event audit.Event,
	operation func(*postgres.Tx, *postgres.Batch, *audit.Event) error) (tenant.Tenant, error) {
	t, log, err := s.locate(ctx, event.Actor, a)
	event.Detail.HomeCommunity = a.HomeCommunity
	event.Entry = a.Entry
	if err == nil {
		event.Detail.HomeCommunity = t.HomeCommunity
		obs.Note(ctx, slog.String("tenant", t.Name))
		err = s.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) error {
			b := tx.Batch()
			if err := operation(tx, b, &event); err != nil {
				return err
			}
			if err := audit.Append(tx, b, event); err != nil {
				return err
			}
			if err := b.Send(ctx); err != nil {
				return err
			}
			return s.Fail.Reach(ctx, failpoint.ChangeSent)
		})
	}
	if err == nil {
		err = postgres.Unconfirmed(s.Fail.Reach(ctx, failpoint.ChangeCommitLost))
	}
	if err == nil {
		return t, s.Fail.Reach(ctx, failpoint.ChangeCommitted)
	}
	problems := fault.Of(err)
	if err := s.record(ctx, &verdict{log: log}, event.Refused(problems)); err != nil {
		problems.Add(fault.Of(err)...)
	}
	return t, problems
}

// changing is operating on one entry, found and locked.
func (s *Service) changing(ctx context.Context, a Address, event audit.Event,
	change func(*postgres.Tx, *postgres.Batch, document.Entry, *audit.Event) error) (tenant.Tenant, error) {
	return s.operating(ctx, a, event, func(tx *postgres.Tx, b *postgres.Batch, event *audit.Event) error {
		e, err := s.entry(ctx, tx, a)
		if err != nil {
			return err
		}
		event.Patient, event.Entry, event.Detail.Documents = e.Patient.CX(), e.ID, []audit.Document{audit.Of(e)}
		return change(tx, b, e, event)
	})
}

// entry finds and locks the entry of an address.
func (s *Service) entry(ctx context.Context, tx *postgres.Tx, a Address) (document.Entry, error) {
	e, err := registry.ForChange(ctx, tx, a.Entry)
	if fault.KindOf(err) == fault.NotFound && a.UniqueID != "" {
		if e, err = registry.ByUniqueID(ctx, tx, a.UniqueID); err == nil {
			e, err = registry.ForChange(ctx, tx, e.ID)
		}
	}
	if fault.KindOf(err) == fault.NotFound {
		return e, unknown()
	}
	return e, err
}

func gone() *fault.Problem {
	return fault.New(fault.ResourceGone, "The document was deleted.").By("W3")
}

// SetConfidentiality replaces an entry's confidentiality codes and keeps the change as an event (W5). It returns the entry as it is
// now. Whichever version of its metadata is addressed, the document's codes change: those of all versions.
func (s *Service) SetConfidentiality(ctx context.Context, actor audit.Actor, a Address, codes []document.Code) (document.Entry, tenant.Tenant, error) {
	event := audit.New(s.Now(), actor, audit.Update, "set-confidentiality")
	var changed document.Entry
	t, err := s.changing(ctx, a, event, func(tx *postgres.Tx, b *postgres.Batch, e document.Entry, event *audit.Event) error {
		if e.Status == document.Tombstone {
			return gone()
		}
		if err := s.Fail.Reach(ctx, failpoint.UpdateLocked); err != nil {
			return err
		}
		versions, err := versionsOf(ctx, tx, e)
		if err != nil {
			return err
		}
		if now := versions[0]; now.Patient != e.Patient { // an older version was addressed, and the document is another patient's since (ITI-57)
			event.Patient, event.Entry, event.Detail.Documents = now.Patient.CX(), now.ID, []audit.Document{audit.Of(now)}
		}
		event.Detail.Old, event.Detail.New = values(versions[0].Confidentiality), values(codes)
		if err := confidentialityProblems("confidentialityCode", codes).Err(); err != nil {
			return err
		}
		changed = e
		changed.Confidentiality, changed.Later = codes, nil
		for _, v := range versions[1:] {
			if err := registry.Recode(b, v, codes); err != nil {
				return err
			}
		}
		return registry.SetConfidentiality(b, versions[0], codes, registry.Change{At: s.Now().UTC(), Event: event.ID})
	})
	return changed, t, err
}

func values(codes []document.Code) []string {
	out := make([]string, len(codes))
	for i, c := range codes {
		out[i] = c.Value
	}
	return out
}

// Delete makes the entry a tombstone and queues the removal of its bytes, in one transaction (W3). A document replaced or appended
// to may be deleted like any other; what refers to it keeps its relation. Whichever version of its metadata is addressed, the document is deleted: all
// versions go. Single ones are removed by RemoveMetadata.
func (s *Service) Delete(ctx context.Context, actor audit.Actor, a Address) error {
	event := audit.New(s.Now(), actor, audit.Delete, "delete")
	_, err := s.changing(ctx, a, event, func(tx *postgres.Tx, b *postgres.Batch, e document.Entry, event *audit.Event) error {
		if e.Status == document.Tombstone {
			return gone()
		}
		if err := s.Fail.Reach(ctx, failpoint.DeleteLocked); err != nil {
			return err
		}
		versions, err := versionsOf(ctx, tx, e)
		if err != nil {
			return err
		}
		event.Detail.Documents = nil
		others := map[string][]document.Entry{}
		for _, v := range versions {
			if v.Patient == e.Patient { // of one that was moved to this patient, an older version is another's
				event.Detail.Documents = append(event.Detail.Documents, audit.Of(v))
			} else {
				others[v.Patient.CX()] = append(others[v.Patient.CX()], v)
			}
			registry.Bury(b, v)
		}
		if err := tellOthers(tx, b, *event, others); err != nil {
			return err
		}
		return s.erase(ctx, tx, b, versions, versions, event.ID)
	})
	return err
}

// tellOthers tells the logs of the other patients whose versions of the document go with it.
func tellOthers(tx *postgres.Tx, b *postgres.Batch, event audit.Event, others map[string][]document.Entry) error {
	for _, patient := range slices.Sorted(maps.Keys(others)) {
		gone := others[patient]
		event.ID, event.Patient, event.Entry, event.Detail.Documents = uuid.Must(uuid.NewV7()), patient, gone[0].ID, nil
		for _, v := range gone {
			event.Detail.Documents = append(event.Detail.Documents, audit.Of(v))
		}
		if err := audit.Append(tx, b, event); err != nil {
			return err
		}
	}
	return nil
}

// Read gives a record system its own entry back, whatever its confidentiality: it wrote it (T2). Deleted ones are fault.ResourceGone.
func (s *Service) Read(ctx context.Context, actor audit.Actor, a Address) (document.Entry, tenant.Tenant, error) {
	var found document.Entry
	t, err := s.changing(ctx, a, audit.New(s.Now(), actor, audit.Read, "read-entry"),
		func(_ *postgres.Tx, _ *postgres.Batch, e document.Entry, _ *audit.Event) error {
			if e.Status == document.Tombstone {
				return gone()
			}
			found = e
			return nil
		})
	return found, t, err
}

// ReadSet gives a record system a submission set or folder that its organisation sent, whatever the confidentiality of what it holds.
func (s *Service) ReadSet(ctx context.Context, actor audit.Actor, a Address) (document.List, error) {
	var found document.List
	event := audit.New(s.Now(), actor, audit.Read, "read-set")
	mine, err := s.Tenants.OfOrganisation(ctx, actor.Organisation)
	if err != nil {
		return found, err
	}
	for _, t := range mine {
		if a.HomeCommunity != "" && t.HomeCommunity != a.HomeCommunity {
			continue
		}
		err := s.DB.InTenant(ctx, t.Schema(), func(tx *postgres.Tx) error {
			var err error
			if found, err = registry.ListByID(ctx, tx, a.Entry); err != nil {
				return err
			}
			event.Patient, event.Detail.HomeCommunity = found.Patient.CX(), t.HomeCommunity
			event.Detail.Name(found)
			return audit.AppendLast(tx, event)
		})
		if fault.KindOf(err) != fault.NotFound {
			return found, err
		}
	}
	refused := fault.Problems{fault.New(fault.ResourceNotFound, "No submission set or folder with this id is registered in an instance that the token's organisation may write to.")}
	var log tenant.Tenant
	if len(mine) == 1 {
		log = mine[0]
	}
	if err := s.record(ctx, &verdict{log: log}, event.Refused(refused)); err != nil {
		refused.Add(fault.Of(err)...)
	}
	return document.List{}, refused
}
