package submission

import (
	"bytes"
	"context"
	"slices"
	"strconv"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// meet judges the update against what is registered, which it locks, and decides what is to be written. It may run twice.
func (u *update) meet(ctx context.Context, tx *postgres.Tx) (fault.Problems, error) {
	u.rows = rows{}
	if err := u.lock(ctx, tx); err != nil {
		return nil, err
	}
	var ps fault.Problems
	for i := range u.documents {
		ps.Add(u.meetEntry(i)...)
	}
	for i := range u.cases {
		ps.Add(u.meetFolder(i)...)
	}
	taken, err := u.taken(ctx, tx)
	if ps.Add(taken...); err != nil {
		return ps, err
	}
	carried, err := u.carry(ctx, tx)
	if ps.Add(carried...); err != nil {
		return ps, err
	}
	links, err := u.meetLinks(ctx, tx)
	if ps.Add(links...); err != nil {
		return ps, err
	}
	changes, err := u.meetChanges(ctx, tx)
	ps.Add(changes...)
	return ps, err
}

// lock finds all versions of everything that is updated, and of the entries and folders that associations and changes of status name.
func (u *update) lock(ctx context.Context, tx *postgres.Tx) error {
	logical := lo.Map(u.documents, func(r revised, _ int) uuid.UUID { return r.logical })
	folders := lo.Map(u.cases, func(r revised, _ int) uuid.UUID { return r.logical })
	unique := lo.Map(u.folders, func(f document.Folder, _ int) string { return f.UniqueID })
	named := u.named()
	known, err := registry.LogicalIDs(ctx, tx, named, nil)
	if err != nil {
		return err
	}
	lists, err := registry.ListsByID(ctx, tx, named)
	if err != nil {
		return err
	}
	for _, l := range lists {
		if l.Kind == document.FolderKind {
			folders = append(folders, l.LogicalID)
		}
	}
	entries, err := registry.Versions(ctx, tx, lo.Uniq(append(logical, known...)))
	if err != nil {
		return err
	}
	u.entriesOf = lo.GroupBy(entries, func(e document.Entry) uuid.UUID { return e.LogicalID })
	found, err := registry.FolderVersions(ctx, tx, lo.Uniq(folders), lo.Compact(unique))
	u.foldersOf = lo.GroupBy(found, func(l document.List) uuid.UUID { return l.LogicalID })
	u.noteKnown()
	return err
}

// named are the registered objects that changes of status and submitted associations name.
func (u *update) named() (ids []uuid.UUID) {
	for _, c := range u.changes {
		ids = append(ids, c.target)
	}
	for _, l := range u.joins {
		ids = append(ids, l.association.Source, l.association.Target)
	}
	return lo.Without(lo.Uniq(ids), append(lo.Values(u.ids), uuid.Nil)...)
}

// newest is the newest version of an entry that is not deleted.
func newest(versions []document.Entry) *document.Entry {
	if i := slices.IndexFunc(versions, func(e document.Entry) bool { return e.Status != document.Tombstone }); i >= 0 {
		return &versions[i]
	}
	return nil
}

// meetEntry is one new version of an entry: what it updates is there, is the version it says, and has the same identity and bytes.
func (u *update) meetEntry(i int) (ps fault.Problems) {
	r, e := u.documents[i], u.entries[i]
	if r.at == "" || r.logical == uuid.Nil {
		return nil // told already
	}
	versions := u.entriesOf[r.logical]
	old := newest(versions)
	if old == nil || r.previous != strconv.Itoa(old.Version) {
		return fault.Problems{outdated(r)}
	}
	if !u.message.Restricted && old.Status != document.Approved {
		ps.Add(fault.New(fault.UpdateRefused, "The document's current version is deprecated. Make it Approved first, or send ITI-92.").At(r.at))
	}
	ps.Add(u.sameIdentity(r, e, *old)...)
	u.rows.entries, u.rows.oldEntries = append(u.rows.entries, u.next(i, *old, versions[0].Version)), append(u.rows.oldEntries, *old)
	u.rows.members = append(u.rows.members, document.Association{ID: r.membership, Type: document.HasMember, Source: u.set.ID, Target: e.ID,
		Membership: document.Original, PreviousVersion: old.Version})
	if old.Patient != e.Patient {
		u.rows.withdrawn = append(u.rows.withdrawn, lo.Filter(versions, func(v document.Entry, _ int) bool {
			return v.Status != document.Tombstone && v.Patient != e.Patient && !v.Offline
		})...)
	}
	return ps
}

func outdated(r revised) *fault.Problem {
	return fault.New(fault.VersionMismatch, "PreviousVersion is not the current version of what is registered under this lid, or nothing is. Fetch the current version and update that.").At(r.at)
}

// next is the new version as it is registered: what the message says, and what no message changes. last is the highest number that a version had.
func (u *update) next(i int, old document.Entry, last int) document.Entry {
	e := u.entries[i]
	e.LogicalID, e.Version, e.AliasID, e.OnDemand, e.Repository = old.LogicalID, last+1, old.AliasID, old.OnDemand, u.message.Message.Entries[i].Repository
	e.ObjectKey = old.ObjectKey
	if e.Status = document.Approved; u.message.Restricted {
		e.Status = old.Status
	}
	if ours(old) {
		e.Repository, e.MimeType, e.Size, e.SHA1, e.SHA256, e.Offline = "", old.MimeType, old.Size, old.SHA1, old.SHA256, old.Offline
	}
	u.entries[i].LogicalID, u.entries[i].Version, u.entries[i].Size, u.entries[i].SHA256 = e.LogicalID, e.Version, e.Size, e.SHA256
	return e
}

// ours tells an entry whose document we keep, or kept.
func ours(e document.Entry) bool { return !e.OnDemand && e.Repository == "" }

// sameIdentity: a new version is of the same document (spec/ihe.md 1.6). Under ITI-92 it is so to the letter of what no registry lets differ.
func (u *update) sameIdentity(r revised, e, old document.Entry) (ps fault.Problems) {
	refuse := func(differs bool, field string, code fault.Code, text string) {
		if differs {
			ps.Add(fault.New(code, "%s", text).At(r.at + "." + field))
		}
	}
	code := func(restricted fault.Code) fault.Code {
		if u.message.Restricted {
			return restricted
		}
		return fault.UpdateRefused
	}
	refuse(e.UniqueID != old.UniqueID, "uniqueId", code(fault.IdentifierMismatch), "The uniqueId is not that of the registered document.")
	refuse(e.OnDemand != old.OnDemand, "objectType", code(fault.Unmodifiable), "The objectType is not that of the registered document.")
	if ours(old) {
		refuse(e.Repository != u.tenant.Repository, "repositoryUniqueId", code(fault.Unmodifiable), "The document is kept in this instance's own repository. Send its repositoryUniqueId.")
		refuse(e.Size != old.Size, "size", code(fault.Unmodifiable), "The size is not that of the registered document, whose bytes stay as they are.")
		refuse(!bytes.Equal(e.SHA1, old.SHA1), "hash", code(fault.Unmodifiable), "The hash is not that of the registered document, whose bytes stay as they are.")
		refuse(!sameMedia(e.MimeType, old.MimeType), "mimeType", code(fault.Unmodifiable), "The mimeType is not that under which the document's bytes were examined (F2).")
		refuse(e.Offline && !old.Offline, "documentAvailability", code(fault.Unmodifiable), "The document is online here. Remove it with ITI-86.")
	} else {
		refuse(e.Repository == u.tenant.Repository, "repositoryUniqueId", code(fault.Unmodifiable), "This instance's own repository does not keep the document.")
	}
	if !u.message.Restricted {
		return ps
	}
	stated := u.message.Message.Entries[slices.IndexFunc(u.entries, func(x document.Entry) bool { return x.ID == e.ID })].Status
	refuse(e.Patient != old.Patient, "patient", fault.PatientReconciliation, "The patient is not that of the registered document.")
	refuse(e.SourcePatient.ID != old.SourcePatient.ID, "sourcePatient", fault.Unmodifiable, "The sourcePatientId is not that of the registered document; ITI-92 does not change it.")
	refuse(stated != 0 && stated != old.Status, "availabilityStatus", fault.Unmodifiable, "The availabilityStatus is not that of the registered document; ITI-92 does not change it.")
	refuse(!ours(old) && e.Repository != old.Repository, "repositoryUniqueId", fault.Unmodifiable, "The repositoryUniqueId is not that of the registered document; ITI-92 does not change it.")
	return ps
}

// meetFolder is one new version of a folder.
func (u *update) meetFolder(i int) (ps fault.Problems) {
	r, f := u.cases[i], u.folders[i]
	if r.at == "" || r.logical == uuid.Nil {
		return nil // told already
	}
	versions := u.foldersOf[r.logical]
	if len(versions) == 0 || r.previous != strconv.Itoa(versions[0].Version) {
		return fault.Problems{outdated(r)}
	}
	old := versions[0]
	if old.Status != document.Approved {
		ps.Add(fault.New(fault.UpdateRefused, "The folder's current version is deprecated. Make it Approved first.").At(r.at))
	}
	if f.UniqueID != old.UniqueID {
		ps.Add(fault.New(fault.UpdateRefused, "The uniqueId is not that of the registered folder.").At(r.at + ".uniqueId"))
	}
	f.LogicalID, f.Version = old.LogicalID, old.Version+1
	u.rows.folders, u.rows.oldFolders = append(u.rows.folders, f), append(u.rows.oldFolders, old)
	u.rows.members = append(u.rows.members, document.Association{ID: r.membership, Type: document.HasMember, Source: u.set.ID, Target: f.ID,
		Membership: document.Original, PreviousVersion: old.Version})
	return ps
}
