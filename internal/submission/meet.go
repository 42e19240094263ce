package submission

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// meetRegistry judges the message against what is registered, and resolves relations into associations. It may run twice: once
// to tell all problems, once in the transaction that registers, where it locks what it found.
func (v *verdict) meetRegistry(ctx context.Context, tx *postgres.Tx) (fault.Problems, error) {
	var ids []uuid.UUID
	unique := []string{}
	for i, e := range v.entries {
		ids, unique = append(ids, e.ID), append(unique, e.UniqueID)
		for _, r := range v.request.Documents[i].Relations {
			ids, unique = append(ids, r.Target.Entry), append(unique, r.Target.UniqueID)
		}
	}
	for _, t := range slices.Concat(v.request.Supersedes, v.folderTargets()) {
		ids, unique = append(ids, t.Entry), append(unique, t.UniqueID)
	}
	for _, f := range v.folders {
		ids = append(ids, f.ID)
	}
	known, err := registry.Existing(ctx, tx, ids, unique)
	if err != nil {
		return nil, err
	}
	if err := v.recognise(ctx, tx, known); err != nil || v.first != nil {
		return nil, err
	}
	var ps fault.Problems
	v.associations = v.associations[:len(v.entries)] // the HasMember ones; a second run resolves anew
	for i, e := range v.entries {
		ps.Add(meetTwin(i, e, known))
		for n, r := range v.request.Documents[i].Relations {
			ps.Add(v.relate(i, n, r, known))
		}
	}
	ps.Add(v.checkSuperseded(known)...)
	folders, err := v.meetFolders(ctx, tx, known)
	ps.Add(folders...)
	return ps, err
}

// recognise finds out whether this very message was registered before: each of its documents with the same bytes, all by one
// submission that had no others, and with the same word on folders. A record system that lost our answer sends the message again, and gets that answer again
// (DESIGN, step 5); its audit event is the first one's.
func (v *verdict) recognise(ctx context.Context, tx *postgres.Tx, known []document.Entry) error {
	twins := make([]document.Entry, 0, len(v.entries))
	for _, e := range v.entries {
		i := slices.IndexFunc(known, func(k document.Entry) bool { return v.same(e, k) })
		if i < 0 || (len(twins) > 0 && known[i].SubmissionID != twins[0].SubmissionID) {
			return nil
		}
		twins = append(twins, known[i])
	}
	var id uuid.UUID
	var err error
	if len(twins) > 0 {
		id = twins[0].SubmissionID
	} else if id, err = v.firstSet(ctx, tx); err != nil || id == uuid.Nil {
		return err
	}
	set, members, err := registry.Set(ctx, tx, id)
	if err != nil || len(members) != len(twins) || (v.tenant.Profile == tenant.IHE && set.UniqueID != v.set.UniqueID) {
		return err
	}
	first, err := firstReceipt(ctx, tx, v.tenant, set.ID)
	if err != nil {
		return err
	}
	if first.asked == v.foldersAsked() {
		v.first = &first
	}
	return nil
}

// same reports whether a registered document is the message's: by the identifier its profile goes by, by its bytes, and by all its
// metadata: a message that says something else, such as another confidentiality, must not be answered as if that were done.
func (v *verdict) same(e, k document.Entry) bool {
	named := k.ID == e.ID || (v.tenant.Profile == tenant.IHE && k.UniqueID == e.UniqueID)
	return named && k.Status != document.Tombstone && len(e.SHA256) > 0 && bytes.Equal(said(k), said(e))
}

// said is what an entry says of its document, in one comparable form, without what the registry gave it.
func said(e document.Entry) []byte {
	e.ID, e.LogicalID, e.SubmissionID, e.ObjectKey, e.Version, e.Status, e.Registered = uuid.Nil, uuid.Nil, uuid.Nil, uuid.Nil, 0, 0, time.Time{}
	if len(e.Events) == 0 {
		e.Events = nil
	}
	if len(e.References) == 0 {
		e.References = nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		return nil
	}
	return text
}

// meetTwin: an entryUUID is registered once; the same document uniqueId may come again with the same bytes only
// (spec/ihe.md 1.5). A tombstone stands in nobody's way.
func meetTwin(i int, e document.Entry, known []document.Entry) *fault.Problem {
	for _, k := range known {
		switch {
		case k.Status == document.Tombstone:
		case k.ID == e.ID && bytes.Equal(k.SHA256, e.SHA256):
			return fault.New(fault.DuplicateInRegistry, "This document is registered already, with the same bytes, in another message or with other "+
				"metadata. Nothing was stored. Change what is registered with PATCH, or send a new id.").At(at(i, "entryUUID"))
		case k.ID == e.ID:
			return fault.New(fault.DuplicateInRegistry, "Another document is registered with this id. Send a new id, with relatesTo=replaces if it is a new version.").
				At(at(i, "entryUUID"))
		case k.UniqueID == e.UniqueID && len(e.SHA256) > 0 && !bytes.Equal(k.SHA256, e.SHA256):
			return fault.New(fault.NonIdenticalHash, "A document with this unique identifier and other bytes is registered. A new version needs a new identifier.").
				At(at(i, "uniqueId"))
		}
	}
	return nil
}

// relate resolves one relation: its target must be registered, of the same patient, and current if it is to be replaced.
func (v *verdict) relate(i, n int, r Relation, known []document.Entry) *fault.Problem {
	here := at(i, fmt.Sprintf("relations[%d]", n))
	target := r.Target.in(known)
	switch {
	case target == nil:
		return fault.New(fault.UnresolvedReference, "The related document is not registered in this home community.").At(here)
	case target.Patient != v.entries[i].Patient:
		return fault.New(fault.PatientMismatch, "The related document is of another patient.").At(here)
	case r.Type.Deprecates() && target.Status != document.Approved:
		return fault.New(fault.TargetDeprecated, "The document to be replaced is not current any more. Fetch the current one and replace that.").At(here)
	}
	v.associations = append(v.associations, document.Association{ID: uuid.Must(uuid.NewV7()), Type: r.Type, Source: v.entries[i].ID, Target: target.ID})
	return nil
}

// in finds the target among known entries; a deleted document is not there any more.
func (t Target) in(known []document.Entry) *document.Entry {
	for i, k := range known {
		if k.Status == document.Tombstone {
			continue
		}
		if (t.Entry != uuid.Nil && k.ID == t.Entry) || (t.UniqueID != "" && (k.UniqueID == t.UniqueID || k.AliasID == t.UniqueID)) {
			return &known[i]
		}
	}
	return nil
}

// checkSuperseded: MHD's PATCH entry and relatesTo must say the same (spec/ihe.md 1.10: accept both).
func (v *verdict) checkSuperseded(known []document.Entry) (ps fault.Problems) {
	for _, t := range v.request.Supersedes {
		target, replaced := t.in(known), false
		for _, a := range v.associations {
			replaced = replaced || (target != nil && a.Target == target.ID && a.Type.Deprecates())
		}
		if !replaced {
			ps.Add(fault.New(fault.UnresolvedReference, "The message marks a document as superseded that none of its own documents replaces. "+
				"Add relatesTo with code replaces.").At("supersedes"))
		}
	}
	return ps
}
