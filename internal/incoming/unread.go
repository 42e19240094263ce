package incoming

import (
	"net/http"
	"time"
)

const (
	// unreadTime is how long a refused sender may go on sending to its end, after it was answered; unreadMost is how many may at once.
	unreadTime = 5 * time.Second
	unreadMost = 16
	// unreadKept is how much of a body is worth reading to keep its connection; it is what net/http reads itself.
	unreadKept = 256 << 10
)

// Unread refuses senders that are still sending. Make it with NewUnread, one for a front.
type Unread struct {
	// room has an element for each refused body that is still read.
	room chan struct{}
}

// NewUnread makes one.
func NewUnread() *Unread { return &Unread{make(chan struct{}, unreadMost)} }

// Refuse lets answer write the refusal at once, and then reads what the sender goes on sending, for a while: many clients look for an answer only when
// they have sent everything, and would see a broken connection instead of the time to come back.
func (u *Unread) Refuse(w http.ResponseWriter, r *http.Request, answer func()) {
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // else net/http reads before it answers
	if r.ContentLength < 0 || r.ContentLength > unreadKept {
		w.Header().Set("Connection", "close")
	}
	answer()
	if control.Flush() != nil || r.Header.Get("Expect") != "" {
		return // whoever asked first has sent nothing
	}
	select {
	case u.room <- struct{}{}:
		defer func() { <-u.room }()
	default:
		return
	}
	until := time.Now().Add(unreadTime)
	defer time.AfterFunc(unreadTime, func() { _ = control.SetReadDeadline(time.Now()) }).Stop()
	buffer := make([]byte, 32<<10)
	for err := error(nil); err == nil && time.Now().Before(until); {
		_, err = r.Body.Read(buffer)
	}
}
