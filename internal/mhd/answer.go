package mhd

import (
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
)

// answer writes a FHIR resource in the form that the request wants. Whether there is one was asked before the operation began
// (reading, writing): here it would be too late to leave it undone.
func (d *Door) answer(w http.ResponseWriter, r *http.Request, status int, resource any) error {
	form, err := formOf(r)
	if err != nil {
		return err
	}
	return write(w, form, status, resource)
}

func write(w http.ResponseWriter, form form, status int, resource any) error {
	body, err := form.marshal(resource)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", form.contentType())
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Vary", "Accept")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone; everything is committed already
	return nil
}

// refuse writes all problems as an OperationOutcome, in JSON when the caller takes no form of ours; only the log gets the causes.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, err error) {
	problems := fault.Of(err)
	lead := problems.Leading()
	info := lead.Code.Info()
	level := slog.LevelInfo
	if info.Status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []any{"component", "mhd", "code", string(lead.Code), "status", info.Status}
	if cause := cause(problems); cause != "" {
		attrs = append(attrs, "error", cause)
	}
	d.Log.Log(r.Context(), level, "refused", attrs...)
	if after := retryAfter(problems); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(after.Round(time.Second)/time.Second)))
	}
	form, _ := formOf(r)
	_ = write(w, form, info.Status, fhir.Outcome(problems))
}

// cause is what only the log may know; texts for callers stand in the audit event.
func cause(problems fault.Problems) string {
	for _, p := range problems {
		if p.Err != nil {
			return p.Err.Error()
		}
	}
	return ""
}

func retryAfter(problems fault.Problems) time.Duration {
	var longest time.Duration
	for _, p := range problems {
		longest = max(longest, p.RetryAfter)
	}
	return longest
}

// wantMedia refuses a body of another type than the address takes, and one that is packed (RFC 9110 §15.5.16): what unpacks to a thousand
// times its size is never unpacked here.
func wantMedia(r *http.Request, allowed ...string) error {
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return fault.New(fault.WrongMediaType, "The body must be sent as it is, without Content-Encoding.").At("http.Content-Encoding")
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch f, known := formNamed(media); {
	case err == nil && slices.Contains(allowed, media) && ofR4(params):
		return nil
	case known && f == inXML:
		return fault.New(fault.WrongMediaType, "Bodies are taken in JSON only, though answers can be had in XML: send it with Content-Type %s.", allowed[0]).At("http.Content-Type")
	case !ofR4(params):
		return fault.New(fault.WrongMediaType, "The body must be of FHIR version 4.0.").At("http.Content-Type")
	}
	return fault.New(fault.WrongMediaType, "The body must be sent with Content-Type %s.", allowed[0]).At("http.Content-Type")
}
