package endpoint

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"dokumentlager/internal/fault"
)

var errSlow = fault.New(fault.BadRequest, "The message took too long to say who sends it. Nothing was done; send it again.")

// hurry is a body that has so long to tell who sends it, as a request's own header has: nobody knows yet whose patience it is.
type hurry struct {
	io.Reader
	timer *time.Timer
	late  atomic.Bool
	over  bool
}

func newHurry(w http.ResponseWriter, body io.Reader, within time.Duration) *hurry {
	h := &hurry{Reader: body}
	if within > 0 {
		control := http.NewResponseController(w)
		h.timer = time.AfterFunc(within, func() {
			h.late.Store(true)
			_ = control.SetReadDeadline(time.Now())
		})
	}
	return h
}

// end tells that there is no hurry any more, and whether it was in time.
func (h *hurry) end() bool {
	if h.timer != nil && !h.over {
		h.over = true
		if !h.timer.Stop() {
			h.late.Store(true)
		}
	}
	return !h.late.Load()
}

// Read implements io.Reader.
func (h *hurry) Read(p []byte) (int, error) {
	if h.late.Load() {
		return 0, errSlow
	}
	n, err := h.Reader.Read(p)
	if err != nil && err != io.EOF && h.late.Load() {
		err = errSlow
	}
	return n, err
}
