package submission

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// folders judges the folders against the registry and resolves their members into associations.
func (m *meeting) folders() {
	for i, f := range m.v.folders {
		r := m.v.request.Folders[i]
		var ps fault.Problems
		if r.Updates == uuid.Nil {
			ps.Add(m.newFolder(i, f))
		} else {
			ps = m.oldFolder(i)
		}
		m.problems.Add(ps...)
		if m.refused[i] = ps.Refuses(); m.refused[i] || m.v.request.Form.xds() {
			continue
		}
		m.resolve(func(l linked) bool { return l.folder == i })
		m.content(i, f.ID)
	}
}

// content is about a folder as a whole.
func (m *meeting) content(i int, id uuid.UUID) {
	if n := len(m.held[id]); n > maxMembers {
		m.problems.Add(fault.New(fault.MetadataError, "The folder would hold %d documents; at most %d. Begin another.", n, maxMembers).At(inFolder(i, "items")).By("W4"))
	}
	stays := 0
	for _, member := range m.byID[id].Members {
		if !m.added[i][member] {
			stays++
		}
	}
	if stays > 0 {
		m.problems.Add(fault.New(fault.PartialFolder, "%d documents of the folder are not among the entries sent; they stay in it. A folder only grows.", stays).
			AsWarning().At(inFolder(i, "items")))
	}
}

// newFolder: its identifiers must be new.
func (m *meeting) newFolder(i int, f document.Folder) *fault.Problem {
	named := slices.ContainsFunc(m.lists, func(l document.List) bool { return l.UniqueID == f.UniqueID })
	if !named && !m.taken(f.ID) {
		return nil
	}
	return fault.New(fault.DuplicateInRegistry, "Something with the folder's identifier is registered already. Send a new identifier, or PUT to the folder's address "+
		"to add documents to it.").At(inFolder(i, "uniqueId"))
}

// oldFolder: it must be there, of the same patient, and what the message says of it must be what is registered.
func (m *meeting) oldFolder(i int) (ps fault.Problems) {
	v := m.v
	f := v.request.Folders[i].Folder
	l, found := m.byID[v.folders[i].ID]
	if !found || l.Kind != document.FolderKind {
		return fault.Problems{fault.New(fault.UnresolvedReference, "No folder with this id is registered in this home community.").At(inFolder(i, "target"))}
	}
	if l.Status != document.Approved {
		return fault.Problems{fault.New(fault.TargetDeprecated, "The folder is not current any more. Fetch the current one and add to that.").At(inFolder(i, "target"))}
	}
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

// asked is a digest of what the message says of folders and associations, empty when it says nothing: by it a message that comes again is told
// from another one about the same documents. It is kept with receipts: what a bundle gives must stay the same over upgrades.
func (v *verdict) asked() string {
	if len(v.request.Folders)+len(v.request.Links) == 0 {
		return ""
	}
	of := any(v.request.Folders)
	if v.request.Form.xds() {
		of = []any{v.request.Form, v.request.Folders, v.request.Links}
	}
	text, err := json.Marshal(of)
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
