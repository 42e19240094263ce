package mhd

import (
	"crypto/sha256"
	"errors"
	"io"
	"net/http"

	"dokumentlager/internal/admission"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/incoming"
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
		if caller, known := d.seen.Sender(tokenOf(r)); known {
			var err error
			if admitted, err = d.Admission.Upload(caller.Organisation, r.ContentLength); err != nil {
				d.Front.RefuseUnread(w, r, caller.Client, err)
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
		d.seen.Remember(tokenOf(r), incoming.Sender{Organisation: rest.OrganisationOf(actor), Client: actor.ClientID})
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
		counted := incoming.NewBody(r.Context(), body, r.ContentLength)
		if err := counted.Admit(admitted); err != nil {
			return err
		}
		r.Body = admittedBody{counted, body}
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

// admittedBody reads through an upload's body and closes the request's.
type admittedBody struct {
	*incoming.Body
	io.Closer
}

func tokenOf(r *http.Request) [sha256.Size]byte {
	return sha256.Sum256([]byte(r.Header.Get("Authorization")))
}
