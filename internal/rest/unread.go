package rest

import (
	"log/slog"
	"net/http"
	"time"

	"dokumentlager/internal/obs"
)

const (
	// unreadTime is how long a refused sender may go on sending to its end, after it was answered; unreadMost is how many may at once.
	unreadTime = 5 * time.Second
	unreadMost = 16
	// unreadKept is how much of a body is worth reading to keep its connection; it is what net/http reads itself.
	unreadKept = 256 << 10
)

// RefuseUnread answers at once, and then reads what the sender goes on sending, for a while: many clients look for an answer only when
// they have sent everything, and would see a broken connection instead of the time to come back. The log says which client it was.
func (f *Front) RefuseUnread(w http.ResponseWriter, r *http.Request, client string, err error) {
	obs.Note(r.Context(), slog.String("client_id", client))
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // else net/http reads before it answers
	if r.ContentLength < 0 || r.ContentLength > unreadKept {
		w.Header().Set("Connection", "close")
	}
	Refuse(w, r, err)
	if control.Flush() != nil || r.Header.Get("Expect") != "" {
		return // whoever asked first has sent nothing
	}
	select {
	case f.unread <- struct{}{}:
		defer func() { <-f.unread }()
	default:
		return
	}
	until := time.Now().Add(unreadTime)
	defer time.AfterFunc(unreadTime, func() { _ = control.SetReadDeadline(time.Now()) }).Stop()
	buffer := make([]byte, 32<<10)
	for err = nil; err == nil && time.Now().Before(until); {
		_, err = r.Body.Read(buffer)
	}
}
