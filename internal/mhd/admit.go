package mhd

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"sync"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/rest"
)

// Admission says whether an upload of an organisation may begin (admission.Gate). Its refusals are answered at once, before a byte of the body
// is read; they leave a log line and no audit event: nothing was attempted of what the caller wants, and a flood must not become one in the
// database.
type Admission interface {
	Upload(organisation string, declared int64) (*admission.Upload, error)
}

// upload is guarded for what brings documents. Whoever has been verified before, by the same token, is let in or told to come back before
// signatures and proof are checked: in a flood that work would take the time of those who are let in. A token that is not its sender's own
// is thereby told that its organisation is busy, and nothing else.
func (d *Door) upload(h rest.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var admitted *admission.Upload
		if caller, known := d.seen.caller(r); known {
			var err error
			if admitted, err = d.Admission.Upload(caller.organisation, r.ContentLength); err != nil {
				d.Front.RefuseUnread(w, r, caller.client, err)
				return
			}
			defer admitted.Done()
		}
		d.Front.Guarded(d.uploading(h, admitted))(w, r)
	}
}

// uploading lets an upload in that is not yet, and makes it wait for its turn when its body is whole: until then it costs little, and a slow
// sender keeps nobody else from being worked on.
func (d *Door) uploading(h rest.Handler, admitted *admission.Upload) rest.Handler {
	return func(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
		d.seen.remember(r, seenCaller{rest.OrganisationOf(actor), actor.ClientID})
		if admitted == nil {
			upload, err := d.Admission.Upload(rest.OrganisationOf(actor), r.ContentLength)
			if err != nil {
				d.Front.RefuseUnread(w, r, actor.ClientID, err)
				return nil
			}
			defer upload.Done()
			admitted = upload
		}
		body := r.Body
		r.Body = &admittedBody{ReadCloser: body, ctx: r.Context(), left: r.ContentLength, upload: admitted}
		err := h(w, r, actor)
		var sending stillSending
		if errors.As(err, &sending) {
			r.Body = body // whose last byte waits for no place
			admitted.Done()
			d.Front.RefuseUnread(w, r, actor.ClientID, sending.error)
			return nil
		}
		return err
	}
}

// stillSending is a refusal of an upload whose body may not be whole yet.
type stillSending struct{ error }

// Unwrap gives the refusal.
func (s stillSending) Unwrap() error { return s.error }

// admittedBody gives the last of a body away when there is a place to work on it.
type admittedBody struct {
	io.ReadCloser
	ctx context.Context
	// left is how much is to come, negative when nobody said.
	left   int64
	upload *admission.Upload
}

// Read is io.Reader's; it waits as long as the caller does.
func (b *admittedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.upload.Read(n)
	b.left -= int64(n)
	if err == io.EOF || b.left == 0 {
		if waited := b.upload.Whole(b.ctx); waited != nil {
			return 0, waited
		}
	}
	return n, err
}

// seenMost bounds how many tokens are remembered, in two generations of at most half each.
const seenMost = 8192

// seenCallers knows whose tokens have been verified. Only a verified token comes in, so a stranger's text is never taken for somebody.
type seenCallers struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]seenCaller
}

// seenCaller is whose share a request is taken from, and what the log calls the sender.
type seenCaller struct{ organisation, client string }

// caller is known when the request's token was seen before.
func (s *seenCallers) caller(r *http.Request) (c seenCaller, known bool) {
	token := tokenOf(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, known = s.young[token]; !known {
		c, known = s.old[token]
	}
	return c, known
}

// remember is called with a verified request.
func (s *seenCallers) remember(r *http.Request, c seenCaller) {
	token := tokenOf(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.young[token]; known {
		return
	}
	if s.young == nil || len(s.young) >= seenMost/2 {
		s.young, s.old = make(map[[sha256.Size]byte]seenCaller), s.young
	}
	s.young[token] = c
}

func tokenOf(r *http.Request) [sha256.Size]byte {
	return sha256.Sum256([]byte(r.Header.Get("Authorization")))
}
