package submission

import (
	"context"
	"log/slog"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// revising is the form of a message that updates: XDS's words, and none of the transactions that register.
const revising Form = 100

// plan reads a message into operations and runs every rule that needs no registry.
func (s *Service) plan(ctx context.Context, actor audit.Actor, r Revision) (*update, error) {
	o := r.Message
	u := &update{message: r, ids: map[string]uuid.UUID{}, verdict: &verdict{problems: slices.Clone(o.Problems),
		request: Request{Form: revising, Claim: Comprehensive, Once: r.Once, Links: make([]Link, len(o.Associations))}}}
	chosen, err := s.instance(ctx, actor, u.homes(), u.lids())
	u.tenant, u.log = chosen.tenant, chosen.log
	u.problems.Add(chosen.problem)
	if u.tenant.ID != 0 {
		obs.Note(ctx, slog.String("tenant", u.tenant.Name))
	}
	u.assemble(s)
	u.operations()
	u.checkSet(s.Synthetic)
	u.checkLength(u.set.UniqueID, "set.uniqueId")
	for i := range u.entries {
		u.checkComprehensive(i)
		u.checkCodes(i)
		u.checkVersion(i)
	}
	u.checkFolders(s.Synthetic)
	return u, err
}

func (u *update) homes() (homes []string) {
	for _, s := range u.message.Message.Sets {
		homes = append(homes, s.Home)
	}
	for _, e := range u.message.Message.Entries {
		homes = append(homes, e.Home)
	}
	for _, f := range u.message.Message.Folders {
		homes = append(homes, f.Home)
	}
	return lo.Uniq(lo.Compact(homes))
}

// lids are the ids of what the message is about, by which its instance can be found.
func (u *update) lids() (ids []uuid.UUID) {
	for _, e := range u.message.Message.Entries {
		ids = append(ids, e.LogicalID)
	}
	for _, f := range u.message.Message.Folders {
		ids = append(ids, asID(f.LogicalRef))
	}
	for _, a := range u.message.Message.Associations {
		ids = append(ids, a.Source, a.Target)
	}
	return lo.Without(lo.Uniq(ids), uuid.Nil)
}

// assemble makes the rows: ids and times of ours, and the message's entryUUIDs where it states any.
func (u *update) assemble(s *Service) {
	o, now := u.message.Message, s.Now().UTC().Truncate(1000)
	if len(o.Sets) > 0 {
		u.set = o.Sets[0].SubmissionSet
		u.ids[o.Sets[0].Ref] = kept(u.set.ID)
		u.set.ID = u.ids[o.Sets[0].Ref]
	} else {
		u.set.ID = kept(uuid.Nil)
	}
	if u.set.Registered = now; u.set.UniqueID == "" {
		u.set.UniqueID = document.OIDOf(u.set.ID)
	}
	if u.set.Time.IsZero() {
		u.set.Time = document.Time{At: now, Precision: document.Second}
	}
	for _, m := range o.Entries {
		e := m.Entry
		e.ID, e.SubmissionID, e.Registered, e.Status = kept(m.ID), u.set.ID, now, document.Approved
		u.ids[m.Ref], u.entries = e.ID, append(u.entries, e)
		u.request.Documents = append(u.request.Documents, Document{Entry: e, DeclaredSize: -1})
	}
	for _, m := range o.Folders {
		f := m.Folder
		f.ID, f.Updated, f.Registered, f.Status = kept(m.ID), now, now, document.Approved
		u.ids[m.Ref], u.folders = f.ID, append(u.folders, f)
		u.request.Folders = append(u.request.Folders, Folder{Folder: f})
	}
	for _, a := range o.Associations {
		u.ids[a.Ref] = kept(a.ID)
	}
	delete(u.ids, "")
}

func kept(stated uuid.UUID) uuid.UUID {
	if stated != uuid.Nil {
		return stated
	}
	return uuid.Must(uuid.NewV7())
}

// checkVersion: what an update must say of a document and its bytes, as it must say everything (spec/ihe.md 1.6).
func (u *update) checkVersion(i int) {
	e, m := u.entries[i], u.message.Message.Entries[i]
	if e.UniqueID == "" {
		u.problems.Add(missing(at(i, "uniqueId"), "The document's unique identifier"))
	}
	u.checkSize(e, at(i, "comments"), "document's")
	if !e.ServiceStart.IsZero() && !e.ServiceStop.IsZero() && e.ServiceStop.At.Before(e.ServiceStart.At) {
		u.problems.Add(fault.New(fault.MetadataError, "The service stops before it starts.").At(at(i, "servicePeriod")).By("W4"))
	}
	if e.Language == "" {
		u.problems.Add(missing(at(i, "languageCode"), "The document's language (languageCode)"))
	}
	if e.SourcePatient.ID.IsZero() {
		u.problems.Add(missing(at(i, "sourcePatient"), "The patient's identifier at the source (sourcePatientId)"))
	}
	if m.Repository == "" {
		u.problems.Add(missing(at(i, "repositoryUniqueId"), "The document's repository (repositoryUniqueId)"))
	}
	if !m.OnDemand && !m.SizeStated {
		u.problems.Add(missing(at(i, "size"), "The document's size"))
	}
	if !m.OnDemand && len(m.SHA1) == 0 {
		u.problems.Add(missing(at(i, "hash"), "The document's hash"))
	}
}
