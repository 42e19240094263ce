package submission

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// folderTargets are the registered documents that folders name, to be looked up with the others.
func (v *verdict) folderTargets() (targets []Target) {
	for _, f := range v.request.Folders {
		for _, item := range f.Items {
			if item.Document < 0 {
				targets = append(targets, item.Target)
			}
		}
	}
	return targets
}

// meetFolders judges the folders against the registry and resolves members into associations. A document that replaces another is put
// into the folders that hold that one (spec/ihe.md 1.5).
func (v *verdict) meetFolders(ctx context.Context, tx *postgres.Tx, known []document.Entry) (ps fault.Problems, err error) {
	v.grown = nil
	replaced := lo.FilterMap(v.associations, func(a document.Association, _ int) (uuid.UUID, bool) { return a.Target, a.Type.Deprecates() })
	if len(v.folders)+len(replaced) == 0 {
		return nil, nil
	}
	holders, err := registry.FoldersOf(ctx, tx, replaced)
	if err != nil {
		return nil, err
	}
	ids := slices.Concat(lo.Map(v.folders, func(f document.Folder, _ int) uuid.UUID { return f.ID }), slices.Concat(lo.Values(holders)...))
	found, err := registry.FoldersNamed(ctx, tx, ids, lo.Map(v.folders, func(f document.Folder, _ int) string { return f.UniqueID }))
	if err != nil {
		return nil, err
	}
	held := map[uuid.UUID]map[uuid.UUID]bool{}
	for _, f := range found {
		held[f.ID] = lo.SliceToMap(f.Members, func(m uuid.UUID) (uuid.UUID, bool) { return m, true })
	}
	names := named(known)
	for i := range v.folders {
		ps.Add(v.meetFolder(i, found, held, names)...)
	}
	v.inherit(holders, held)
	return ps, nil
}

// named finds documents that are there by each of their identifiers, as Target.in does: a folder may name thousands.
func named(known []document.Entry) map[string]document.Entry {
	out := map[string]document.Entry{}
	for _, k := range slices.Backward(known) { // the first of several wins
		if k.Status == document.Tombstone {
			continue
		}
		out[k.UniqueID], out[k.AliasID], out[k.ID.String()] = k, k, k
	}
	delete(out, "")
	return out
}

// meetFolder is one folder of the message.
func (v *verdict) meetFolder(i int, found []document.List, held map[uuid.UUID]map[uuid.UUID]bool, names map[string]document.Entry) (ps fault.Problems) {
	r, f := v.request.Folders[i], v.folders[i]
	if r.Updates == uuid.Nil {
		if p := newFolder(i, f, found, names); p != nil {
			return fault.Problems{p}
		}
	} else if ps = v.oldFolder(i, found); ps.Refuses() {
		return ps
	}
	v.member(v.set.ID, f.ID)
	if held[f.ID] == nil {
		held[f.ID] = map[uuid.UUID]bool{}
	}
	stays := lo.Assign(held[f.ID])
	for n, item := range r.Items {
		id, problem := v.memberOf(i, n, item, names)
		if ps.Add(problem); problem == nil {
			delete(stays, id)
			v.put(f.ID, id, held)
		}
	}
	if len(held[f.ID]) > maxMembers {
		ps.Add(fault.New(fault.MetadataError, "The folder would hold %d documents; at most %d. Begin another.", len(held[f.ID]), maxMembers).At(inFolder(i, "items")).By("W4"))
	}
	if r.Updates != uuid.Nil && len(stays) > 0 {
		ps.Add(fault.New(fault.PartialFolder, "%d documents of the folder are not among the entries sent; they stay in it. A folder only grows.", len(stays)).
			AsWarning().At(inFolder(i, "items")))
	}
	return ps
}

// newFolder: its identifiers must be new.
func newFolder(i int, f document.Folder, found []document.List, names map[string]document.Entry) *fault.Problem {
	taken := slices.ContainsFunc(found, func(l document.List) bool { return l.ID == f.ID || l.UniqueID == f.UniqueID })
	if !taken && names[f.ID.String()].ID != f.ID {
		return nil
	}
	return fault.New(fault.DuplicateInRegistry, "Something with the folder's identifier is registered already. Send a new identifier, or PUT to the folder's address "+
		"to add documents to it.").At(inFolder(i, "uniqueId"))
}

// oldFolder: it must be there, of the same patient, and what the message says of it must be what is registered.
func (v *verdict) oldFolder(i int, found []document.List) (ps fault.Problems) {
	f := v.request.Folders[i].Folder
	n := slices.IndexFunc(found, func(l document.List) bool { return l.ID == v.folders[i].ID && l.Kind == document.FolderKind })
	if n < 0 {
		return fault.Problems{fault.New(fault.UnresolvedReference, "No folder with this id is registered in this home community.").At(inFolder(i, "target"))}
	}
	l := found[n]
	if l.Patient != v.folders[i].Patient && !v.folders[i].Patient.IsZero() {
		return fault.Problems{fault.New(fault.PatientMismatch, "The registered folder is of another patient.").At(inFolder(i, "patient"))}
	}
	for field, differs := range map[string]bool{
		"uniqueId": f.UniqueID != "" && f.UniqueID != l.UniqueID,
		"title":    f.Title != "" && f.Title != l.Title,
		"comments": f.Comments != "" && f.Comments != l.Comments,
		"codes":    len(f.Codes) > 0 && !sameCodes(f.Codes, l.Codes),
	} {
		if differs {
			ps.Add(fault.New(fault.Unmodifiable, "Documents can be added to a registered folder, and nothing else of it be changed. Leave this out, or send what is registered.").
				At(inFolder(i, field)).By("W4"))
		}
	}
	slices.SortFunc(ps, func(a, b *fault.Problem) int { return strings.Compare(a.Location, b.Location) })
	return ps
}

func sameCodes(a, b []document.Code) bool {
	x, y := lo.Map(a, token), lo.Map(b, token)
	slices.Sort(x)
	slices.Sort(y)
	return slices.Equal(slices.Compact(x), slices.Compact(y))
}

func token(c document.Code, _ int) string { return c.Token() }

// memberOf resolves one member: the message's own document, or a registered one of the same patient.
func (v *verdict) memberOf(i, n int, item FolderItem, names map[string]document.Entry) (uuid.UUID, *fault.Problem) {
	here := inFolder(i, fmt.Sprintf("items[%d]", n))
	if item.Document >= 0 && item.Document < len(v.entries) {
		return v.entries[item.Document].ID, nil // its patient is compared with the set's, as the folder's is
	}
	target, found := names[item.Target.Entry.String()]
	if !found {
		target, found = names[item.Target.UniqueID]
	}
	switch {
	case !found:
		return uuid.Nil, fault.New(fault.UnresolvedReference, "The folder names a document that is neither in the message nor registered in this home community.").At(here)
	case target.Patient != v.folders[i].Patient:
		return uuid.Nil, fault.New(fault.PatientMismatch, "The document is of another patient than the folder.").At(here)
	}
	return target.ID, nil
}

// put makes an entry a member of a folder, once.
func (v *verdict) put(folder, entry uuid.UUID, held map[uuid.UUID]map[uuid.UUID]bool) {
	if held[folder][entry] {
		return
	}
	if held[folder] == nil {
		held[folder] = map[uuid.UUID]bool{}
	}
	held[folder][entry] = true
	v.member(folder, entry)
	isNew := slices.ContainsFunc(v.newFolders(), func(f document.Folder) bool { return f.ID == folder })
	if !isNew && !slices.Contains(v.grown, folder) {
		v.grown = append(v.grown, folder)
	}
}

func (v *verdict) member(of, id uuid.UUID) {
	v.associations = append(v.associations, document.Association{ID: uuid.Must(uuid.NewV7()), Type: document.HasMember, Source: of, Target: id})
}

// inherit puts what replaces a document into that one's folders.
func (v *verdict) inherit(holders map[uuid.UUID][]uuid.UUID, held map[uuid.UUID]map[uuid.UUID]bool) {
	for _, a := range slices.Clone(v.associations) {
		if !a.Type.Deprecates() {
			continue
		}
		for _, folder := range holders[a.Target] {
			v.put(folder, a.Source, held)
		}
	}
	slices.SortFunc(v.grown, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
}

// newFolders are those that the message brings.
func (v *verdict) newFolders() []document.Folder {
	return lo.Filter(v.folders, func(_ document.Folder, i int) bool { return v.request.Folders[i].Updates == uuid.Nil })
}

func (v *verdict) keptFolders() (out []KeptFolder) {
	for i, f := range v.folders {
		out = append(out, KeptFolder{f.ID, v.request.Folders[i].Updates == uuid.Nil})
	}
	return out
}

// foldersAsked is a digest of what the message says of folders, empty when it says nothing: by it a message that comes again is told from
// another one about the same documents.
func (v *verdict) foldersAsked() string {
	if len(v.request.Folders) == 0 {
		return ""
	}
	text, err := json.Marshal(v.request.Folders)
	if err != nil {
		return err.Error() // no message's digest
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// firstSet finds the submission set under which a message without documents may have been registered before: by its own identifier where
// that is kept, else by that of a folder it brings.
func (v *verdict) firstSet(ctx context.Context, tx *postgres.Tx) (uuid.UUID, error) {
	unique := []string{v.set.UniqueID}
	for _, f := range v.request.Folders {
		if f.Updates == uuid.Nil && f.Folder.UniqueID != "" {
			unique = append(unique, f.Folder.UniqueID)
		}
	}
	for _, id := range unique {
		set, err := registry.BroughtBy(ctx, tx, id)
		if err != nil || set != uuid.Nil {
			return set, err
		}
	}
	return uuid.Nil, nil
}
