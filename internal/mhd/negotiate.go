package mhd

import (
	"net/http"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/rest"
)

// reading is for operations of disclosure, writing for those of submission: they begin only when the caller takes a form of ours, so
// that nothing was done or disclosed, and no audit event says so, when the answer could not be given. The refusal itself is audited.
func (d *Door) reading(operation string, h rest.Handler) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
		if _, err := rest.FormOf(r); err != nil {
			return d.Disclosures.Refuse(r.Context(), actor, operation, err)
		}
		return h(w, r, actor)
	}
}

func (d *Door) writing(action audit.Action, operation string, h rest.Handler) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
		if _, err := rest.FormOf(r); err != nil {
			return d.Submissions.RefuseUnread(r.Context(), actor, action, operation, err)
		}
		return h(w, r, actor)
	}
}
