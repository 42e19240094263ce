package mhd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
)

// retrieve is ITI-68 in the national service's form (R2): the document itself, with its own content type.
func (d *Door) retrieve(w http.ResponseWriter, r *http.Request, actor audit.Actor) error {
	wanted, err := parseRetrieve(r)
	reader, err := d.opener(r, actor, err)
	if err != nil {
		return d.Disclosures.Refuse(r.Context(), actor, "open", err)
	}
	opened, err := d.Disclosures.Open(r.Context(), reader, wanted)
	if err != nil {
		var outside unsatisfiable
		if errors.As(err, &outside) {
			w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", outside.size))
		}
		return err
	}
	defer opened.Bytes.Close()
	d.send(w, r, opened)
	return nil
}

// parseRetrieve reads the three parameters and the patient header; all that are missing are told at once.
func parseRetrieve(r *http.Request) (disclosure.Wanted, error) {
	q := r.URL.Query()
	var problems fault.Problems
	need := func(name, value string) string {
		if value == "" {
			problems.Add(fault.New(fault.BadRequest, "%s is missing.", name).At(name).By("R2"))
		}
		return value
	}
	w := disclosure.Wanted{
		UniqueID:      document.StripURN(need("documentUniqueId", q.Get("documentUniqueId"))),
		HomeCommunity: document.StripURN(need("homeCommunityId", q.Get("homeCommunityId"))),
		Repository:    document.StripURN(need("repositoryUniqueId", q.Get("repositoryUniqueId"))),
		Patient:       need(headerPatient, strings.TrimSpace(r.Header.Get(headerPatient))),
	}
	w.Range = func(e document.Entry) (int64, int64, error) { return rangeOf(r, e) }
	return w, problems.Err()
}

// unsatisfiable is a Range outside the document (RFC 9110 §15.5.17).
type unsatisfiable struct{ size int64 }

func (unsatisfiable) Error() string { return "range outside the document" }

// rangeOf reads one byte range; several, or ones it cannot read, mean the whole document, as RFC 9110 §14.2 allows. If-Range with
// another version's ETag means the whole too.
func rangeOf(r *http.Request, e document.Entry) (offset, length int64, err error) {
	spec, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes=")
	if condition := r.Header.Get("If-Range"); condition != "" && condition != etag(e.SHA256) {
		ok = false
	}
	first, last, dash := strings.Cut(strings.TrimSpace(spec), "-")
	if !ok || !dash || strings.Contains(spec, ",") {
		return 0, e.Size, nil
	}
	from, errFrom := strconv.ParseInt(first, 10, 64)
	to, errTo := strconv.ParseInt(last, 10, 64)
	switch {
	case first == "" && errTo == nil && to >= 0: // the last n bytes
		from, to = max(e.Size-to, 0), e.Size-1
	case errFrom == nil && last == "":
		to = e.Size - 1
	case errFrom != nil || errTo != nil || from > to:
		return 0, e.Size, nil
	}
	to = min(to, e.Size-1)
	if from > to || from < 0 {
		return 0, 0, fault.New(fault.RangeNotSatisfiable, "The document has %d bytes; the Range lies outside.", e.Size).Because(unsatisfiable{e.Size})
	}
	return from, to - from + 1, nil
}

// send streams the bytes. When reading fails in the middle the connection is broken rather than finished: a short or altered
// document must not look like a whole one (promise 3).
func (d *Door) send(w http.ResponseWriter, r *http.Request, o *disclosure.Opened) {
	h := w.Header()
	h.Set("Content-Type", contentType(o.Entry.MimeType))
	h.Set("Content-Length", strconv.FormatInt(o.Length, 10))
	h.Set("Accept-Ranges", "bytes")
	h.Set("ETag", etag(o.Entry.SHA256))
	h.Set("Cache-Control", "no-store")
	// Documents are shown to people in browsers of ours and others: nothing in them may run.
	h.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	status := http.StatusOK
	switch {
	case matches(r.Header.Get("If-None-Match"), etag(o.Entry.SHA256)):
		h.Del("Content-Length")
		w.WriteHeader(http.StatusNotModified)
		return
	case o.Length != o.Entry.Size:
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", o.Offset, o.Offset+o.Length-1, o.Entry.Size))
		status = http.StatusPartialContent
	}
	w.WriteHeader(status)
	if _, err := io.Copy(w, o.Bytes); err != nil {
		brokenOff(r.Context(), err)
		panic(http.ErrAbortHandler)
	}
}

// brokenOff notes why an answer ends in its middle: bytes that cannot be had are our failure, a caller who went away is not.
func brokenOff(ctx context.Context, err error) {
	if problem := (*fault.Problem)(nil); errors.As(err, &problem) {
		obs.Failed(ctx, err)
		return
	}
	obs.Note(ctx, slog.String("error", "the caller went away before the end"))
}

func matches(header, tag string) bool {
	for _, candidate := range strings.Split(header, ",") {
		if c := strings.TrimPrefix(strings.TrimSpace(candidate), "W/"); c == tag || c == "*" {
			return true
		}
	}
	return false
}

// contentType passes a stored type on only in a form that cannot smuggle anything into a header.
func contentType(stored string) string {
	media, params, err := mime.ParseMediaType(stored)
	if errors.Is(err, mime.ErrInvalidMediaParameter) { // "text/plain; charset=": the upload was taken for its media type, and that is kept
		params, err = nil, nil
	}
	if sent := mime.FormatMediaType(media, params); err == nil && sent != "" {
		return sent
	}
	return "application/octet-stream"
}
