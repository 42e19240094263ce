package rest

import (
	"log/slog"
	"net/http"

	"dokumentlager/internal/obs"
)

// RefuseUnread answers at once, and then reads what the sender goes on sending, for a while. The log says which client it was.
func (f *Front) RefuseUnread(w http.ResponseWriter, r *http.Request, client string, err error) {
	obs.Note(r.Context(), slog.String("client_id", client))
	f.unread.Refuse(w, r, func() { Refuse(w, r, err) })
}
