package server

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"time"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/incoming"
)

// lobby is how many requests at SOAP addresses may be read up to where they say who sends them, for each that is answered at once. Who sends is told by a
// header of REST, which has come before anything here begins; where the body tells it, slow strangers must not hold the places of the others.
const lobby = 4

// admit is the wall against floods: it lets so many requests through at once and tells the others when to come back, before anything is
// read of them and before anybody knows who asks. What a known caller may begin is admission's to say.
func (s Surroundings) admit() func(http.Handler) http.Handler {
	slots, waiting := make(chan struct{}, s.Limits.InFlight), make(chan struct{}, lobby*s.Limits.InFlight)
	spread := admission.Jitter(rand.Float64)
	take := func(of chan struct{}) (leave func(), err error) {
		select {
		case of <- struct{}{}:
			return func() { <-of }, nil
		default:
			s.Metrics.Refused("requests")
			return nil, fault.New(fault.TooBusy, "The service has as much to do as it can take. Nothing was done; try again.").RetryIn(spread(2 * time.Second))
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			places := slots
			if isSOAP(r) {
				places = waiting
				r = r.WithContext(incoming.WithEntry(r.Context(), func() (func(), error) { return take(slots) }))
			}
			leave, err := take(places)
			if err != nil {
				w.Header().Set("Connection", "close")
				Answer(w, r, err)
				return
			}
			defer leave()
			next.ServeHTTP(w, r)
		})
	}
}

// bound refuses a body that is declared too large before a byte of it is read, and cuts off one that turns out so, or that comes
// too slowly. The document's own limit (F5) is judged later, by its decoded size.
func (s Surroundings) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > int64(s.Limits.Request) {
			p := s.tooLarge()
			if s.Refused != nil {
				s.Refused(r.Context(), r, p)
			}
			w.Header().Set("Connection", "close")
			Answer(w, r, p)
			return
		}
		if r.Body != nil && r.Body != http.NoBody {
			control := http.NewResponseController(w)
			body := &boundedBody{ReadCloser: r.Body, control: control, limits: s.Limits, left: int64(s.Limits.Request), tooLarge: s.tooLarge}
			defer body.leave()
			r.Body = body
		}
		next.ServeHTTP(w, r)
	})
}

func (s Surroundings) tooLarge() *fault.Problem {
	return fault.New(fault.RequestTooLarge, "The request is larger than %s, which is the limit for a request as a whole; send its documents in several requests.",
		s.Limits.Request)
}

// boundedBody reads at most left bytes. Only the time spent waiting in Read counts as the sender's: a busy scanner makes us read
// slowly, and the sender must not pay for that.
type boundedBody struct {
	io.ReadCloser
	control  *http.ResponseController
	limits   Limits
	left     int64
	got      int64
	waited   time.Duration
	tooLarge func() *fault.Problem
	err      error
}

// Read is io.Reader's; its errors are faults a door can answer with, apart from those of a connection that broke.
func (b *boundedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1] // one byte more tells "too large" from "exactly full"
	}
	began := time.Now()
	_ = b.control.SetReadDeadline(began.Add(b.patience()))
	n, err := b.ReadCloser.Read(p)
	b.waited += time.Since(began)
	b.got, b.left = b.got+int64(n), b.left-int64(n)
	switch {
	case b.left < 0:
		n, err = n+int(b.left), b.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		err = fault.New(fault.BadRequest, "The body came too slowly and was not waited for. Nothing was done; send the same request again.").Because(err)
	case errors.Is(err, io.EOF):
		// The body is whole: its deadline must not outlive it on the connection.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	b.err = err
	return n, err
}

// leave bounds how long the server may throw away what the handler did not read; after that it sets deadlines of its own.
func (b *boundedBody) leave() {
	if b.err == nil {
		_ = b.control.SetReadDeadline(time.Now().Add(b.limits.StallTimeout))
	}
}

// patience is the longest this Read may take: no pause above StallTimeout, no average below MinRate after the first StallTimeout.
func (b *boundedBody) patience() time.Duration {
	allowed := b.limits.StallTimeout + time.Duration(float64(b.got)/float64(b.limits.MinRate)*float64(time.Second))
	return max(0, min(b.limits.StallTimeout, allowed-b.waited))
}
