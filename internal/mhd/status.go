package mhd

import (
	"encoding/json"
	"net/http"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/submission"

	"github.com/google/uuid"
	"github.com/samber/lo"
)

// documentStatus is the answer of /api/rest/document-status: whether registry and repository hold a document.
type documentStatus struct {
	Entry         string `json:"documentReferenceId"`
	UniqueID      string `json:"documentUniqueId"`
	HomeCommunity string `json:"homeCommunityId"`
	Repository    string `json:"repositoryUniqueId"`
	SavedIn       string `json:"savedIn"`
	InRegistry    bool   `json:"registry"`
	InRepository  bool   `json:"repository"`
	// Status is published, deleted or quarantined; the times say when it came to be so. Those that have not happened are left out.
	Status      string    `json:"status"`
	Size        int64     `json:"size"`
	Registered  time.Time `json:"registered,omitzero"`
	Received    time.Time `json:"received,omitzero"`
	Scanned     time.Time `json:"scanned,omitzero"`
	Published   time.Time `json:"published,omitzero"`
	Quarantined time.Time `json:"quarantined,omitzero"`
	Deleted     time.Time `json:"deleted,omitzero"`
}

// status tells a record system what became of a document it sent (H3).
func (d *Door) status(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	const operation = "document-status"
	if err := d.mayWrite(r, actor, access.ScopeCreate, audit.Read, operation); err != nil {
		return err
	}
	a, err := statusAddress(r)
	if err != nil {
		return d.Submissions.RefuseUnread(r.Context(), actor, audit.Read, operation, err)
	}
	s, err := d.Submissions.Status(r.Context(), actor, a)
	if err != nil {
		return err
	}
	body, err := json.Marshal(statusOf(s))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = w.Write(append(body, '\n'))
	return nil
}

// statusAddress takes the document's uniqueId, or its entryUUID as id.
func statusAddress(r *http.Request) (submission.Address, error) {
	q := r.URL.Query()
	id := document.StripURN(lo.CoalesceOrEmpty(q.Get("documentUniqueId"), q.Get("id")))
	if id == "" {
		return submission.Address{}, fault.New(fault.BadRequest, "Say which document with documentUniqueId (or id, the DocumentReference's).").At("documentUniqueId")
	}
	entry, _ := uuid.Parse(id)
	a := submission.Address{Entry: entry, UniqueID: id}
	if home := q.Get("homeCommunityId"); home != "" {
		oid, err := document.ParseOID(home)
		if err != nil {
			return a, fault.New(fault.BadRequest, "The home community is an OID, with or without urn:oid:.").At("homeCommunityId").By("T4")
		}
		a.HomeCommunity = oid
	}
	return a, nil
}

func statusOf(s submission.State) documentStatus {
	out := documentStatus{
		Entry: s.Entry.ID.String(), UniqueID: s.Entry.UniqueID, HomeCommunity: s.Tenant.HomeCommunity, Repository: lo.CoalesceOrEmpty(s.Entry.Repository, s.Tenant.Repository),
		InRegistry: s.Entry.Status != 0 && s.Entry.Status != document.Tombstone, InRepository: s.Life.State == repository.Stored,
		Size: s.Entry.Size, Registered: s.Entry.Registered.UTC(), Published: s.Entry.Registered.UTC(), Status: "published",
		Received: s.Life.Received.UTC(), Scanned: s.Life.Scanned.UTC(), Deleted: s.Life.Deleted.UTC(),
	}
	switch {
	case s.Life.State == repository.Quarantined:
		out.Status, out.Quarantined = "quarantined", s.Life.Stored.UTC()
	case !out.InRegistry:
		out.Status = "deleted"
	}
	out.SavedIn = savedIn(out.InRegistry, out.InRepository)
	return out
}

// savedIn is the national service's word for where a document is.
func savedIn(registry, repository bool) string {
	switch {
	case registry && repository:
		return "both"
	case registry:
		return "registry"
	case repository:
		return "repository"
	}
	return "none"
}
