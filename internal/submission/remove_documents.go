package submission

import (
	"context"
	"fmt"
	"slices"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/failpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// RemoveDocuments removes the bytes of documents and leaves what is registered of them, all of them or none (ITI-86; spec/ihe.md 1.6). Every entry of
// such a document, whatever its version, is Offline from then on: listed, and not to be opened. problems are what the door found wrong.
func (s *Service) RemoveDocuments(ctx context.Context, actor audit.Actor, requests []ebxml.DocumentRequest, problems fault.Problems, once *Once) error {
	event := audit.New(s.Now(), actor, audit.Delete, "remove-documents")
	for _, q := range requests {
		event.Detail.Documents = append(event.Detail.Documents, audit.Document{UniqueID: document.StripURN(q.Document)})
	}
	r := &removal{verdict: &verdict{problems: problems}, once: once, asked: len(requests)}
	if err := s.repositoryOf(ctx, actor, r.verdict, requests); err != nil {
		r.problems.Add(fault.Of(err)...)
	}
	return s.remove(ctx, r, event, func(tx *postgres.Tx, b *postgres.Batch, event *audit.Event) error {
		return s.removeDocuments(ctx, tx, b, r, requests, event)
	})
}

// repositoryOf finds the one instance whose repository all requests name, among those that the organisation may write to (T2, T3).
func (s *Service) repositoryOf(ctx context.Context, actor audit.Actor, v *verdict, requests []ebxml.DocumentRequest) error {
	mine, err := s.Tenants.OfOrganisation(ctx, actor.Organisation)
	if err != nil {
		return err
	}
	if len(mine) == 1 {
		v.log = mine[0]
	}
	for i, q := range requests {
		n := slices.IndexFunc(mine, func(t tenant.Tenant) bool { return t.Repository == document.StripURN(q.Repository) })
		switch home := document.StripURN(q.Home); {
		case n < 0:
			v.problems.Add(fault.New(fault.UnknownRepository, "The assertion's organisation has no instance whose repository has this id.").At(at(i, "repositoryUniqueId")).By("T2"))
		case home != "" && home != mine[n].HomeCommunity:
			v.problems.Add(foreign().At(at(i, "homeCommunityId")))
		case v.tenant.ID != 0 && v.tenant.ID != mine[n].ID:
			v.problems.Add(fault.New(fault.BadRequest, "Documents of two repositories stand in one message. Send one message for each.").At(at(i, "repositoryUniqueId")))
		default:
			v.tenant, v.log = mine[n], mine[n]
		}
	}
	if v.tenant.ID != 0 && !v.tenant.Serves(actor.Transaction) {
		v.problems.Add(notServed(actor.Transaction))
	}
	return nil
}

func (s *Service) removeDocuments(ctx context.Context, tx *postgres.Tx, b *postgres.Batch, r *removal, requests []ebxml.DocumentRequest, event *audit.Event) error {
	versions, err := versionsNamed(ctx, tx, lo.Map(requests, func(q ebxml.DocumentRequest, _ int) string { return document.StripURN(q.Document) }))
	if err != nil {
		return err
	}
	for i, q := range requests {
		found := lo.Filter(versions, func(e document.Entry, _ int) bool { return keeps(e) && isCalled(e, document.StripURN(q.Document)) })
		if len(found) == 0 {
			r.problems.Add(fault.New(fault.UnknownDocument, "This repository has no document with this id.").At(fmt.Sprintf("documents[%d].uniqueId", i)))
		}
		r.documents = append(r.documents, found...)
	}
	r.documents = lo.UniqBy(r.documents, func(e document.Entry) uuid.UUID { return e.ID })
	if r.problems.Refuses() {
		problems := r.problems
		r.problems = nil
		return problems
	}
	if err := s.Fail.Reach(ctx, failpoint.DeleteLocked); err != nil {
		return err
	}
	for _, e := range r.documents {
		if err := registry.Withdraw(b, e); err != nil {
			return err
		}
	}
	event.Detail.Documents = nil
	return s.erase(ctx, tx, b, r.documents, r.documents, event.ID)
}

// versionsNamed finds and locks all versions of the documents that have these identifiers.
func versionsNamed(ctx context.Context, tx *postgres.Tx, uniqueIDs []string) ([]document.Entry, error) {
	logical, err := registry.LogicalIDs(ctx, tx, nil, uniqueIDs)
	if err != nil {
		return nil, err
	}
	return registry.Versions(ctx, tx, logical)
}

// keeps tells an entry whose bytes are here.
func keeps(e document.Entry) bool {
	return e.Status != document.Tombstone && e.ObjectKey != uuid.Nil && !e.Offline
}

func isCalled(e document.Entry, id string) bool { return e.UniqueID == id || e.AliasID == id }
