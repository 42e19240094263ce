package rest

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/obs"
)

// Answer writes a FHIR resource in the form that the request wants. Whether there is one was asked before the operation began
// (FormOf): here it would be too late to leave it undone.
func Answer(w http.ResponseWriter, r *http.Request, status int, resource any) error {
	form, err := FormOf(r)
	if err != nil {
		return err
	}
	return write(w, form, status, resource)
}

func write(w http.ResponseWriter, form Form, status int, resource any) error {
	body, err := form.Marshal(resource)
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

// Refuse writes all problems as an OperationOutcome, in JSON when the caller takes no form of ours; only the log gets the causes.
func Refuse(w http.ResponseWriter, r *http.Request, err error) {
	problems := fault.Of(err)
	obs.Failed(r.Context(), problems)
	if after := retryAfter(problems); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(after.Round(time.Second)/time.Second)))
	}
	form, _ := FormOf(r)
	_ = write(w, form, problems.Leading().Code.Info().Status, fhir.Outcome(problems))
}

func retryAfter(problems fault.Problems) time.Duration {
	var longest time.Duration
	for _, p := range problems {
		longest = max(longest, p.RetryAfter)
	}
	return longest
}

// OutcomeEntry tells a search's warnings. Every entry of a searchset has a fullUrl (bdl-7, MHD's FindDocumentReferencesResponseMessage);
// this one is a name made of what is told, as there is no address to read it at.
func OutcomeEntry(warnings fault.Problems) fhir.BundleEntry {
	var told strings.Builder
	for _, w := range warnings {
		told.WriteString(string(w.Code) + "\x00" + w.Location + "\x00" + w.Safe + "\x00")
	}
	name := uuid.NewSHA1(uuid.NameSpaceURL, []byte(fhir.FaultErrorSystem+"\x00"+told.String()))
	return fhir.BundleEntry{FullURL: "urn:uuid:" + name.String(), Resource: fhir.Hold(fhir.Outcome(warnings)), Search: &fhir.BundleSearch{Mode: "outcome"}}
}
