package server

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/obs"

	"log/slog"
)

// Answer refuses in the words of the address: a SOAP fault, or an OperationOutcome.
func Answer(w http.ResponseWriter, r *http.Request, err error) {
	if isSOAP(r) {
		endpoint.Refuse(w, r, err)
		return
	}
	answerFHIR(w, r, err)
}

// answerFHIR writes the problems of err as an OperationOutcome with the status of the leading one, and notes its code and cause for
// the log. Causes stay here (DESIGN, Errors).
func answerFHIR(w http.ResponseWriter, r *http.Request, err error) {
	problems := fault.Of(err)
	lead := problems.Leading()
	if lead == nil {
		lead = fault.New(fault.InternalError, "Something went wrong on our side.").Because(err)
		problems = fault.Problems{lead}
	}
	obs.Failed(r.Context(), problems)
	body, marshalErr := fhir.Marshal(fhir.Outcome(problems))
	if marshalErr != nil {
		obs.Note(r.Context(), slog.String("error", marshalErr.Error()))
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	if lead.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((lead.RetryAfter+time.Second-1)/time.Second)))
	}
	w.Header().Set("Content-Type", fhir.MediaType+"; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(lead.Code.Info().Status)
	_, _ = w.Write(body)
}

// answerJSON is for what is not FHIR: ping and health.
func answerJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}
