package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/rest"
)

// identify gives the request our id, and its answer the caller's own, whatever becomes of it (R3); a caller's own X-Request-Id is not taken over, so that ids in our log are ours and unique.
func (s Surroundings) identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := s.NewID()
		w.Header().Set("X-Request-Id", id)
		ctx := obs.WithRequest(r.Context(), id)
		if event, usable := rest.EventID(r.Header); usable && event != "" {
			w.Header().Set(rest.HeaderEventID, event)
		}
		if event := r.Header.Get(rest.HeaderEventID); isEventID(event) {
			obs.Note(ctx, slog.String("nhn_event_id", event))
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// isEventID keeps texts out of the log that are no ids. A bare national number has only digits: those are no ids either, nor is what a
// valid one stands in.
func isEventID(s string) bool {
	if holdsNationalNumber(s) {
		return false
	}
	letters := false
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			letters = true
		case c >= '0' && c <= '9', c == '-', c == '_', c == '.', c == ':':
		default:
			return false
		}
	}
	return letters && len(s) <= 64
}

// holdsNationalNumber finds eleven digits that are a fødselsnummer or D-nummer, synthetic or not. One UUID in some thousands has such.
func holdsNationalNumber(s string) bool {
	const digits = 11
	for i := 0; i+digits <= len(s); i++ {
		for _, authority := range []string{document.AuthorityFNR, document.AuthorityDNR} {
			if document.CheckNorwegian(document.PatientID{Value: s[i : i+digits], Authority: authority}, true) == nil {
				return true
			}
		}
	}
	return false
}

// survive turns a panic into a 500 as long as nothing was answered, and breaks the connection after that: half an answer must
// not look whole. http.ErrAbortHandler is how a door breaks a connection on purpose (promise 3) and passes.
func (s Surroundings) survive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			value := recover()
			if value == nil {
				return
			}
			if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(http.ErrAbortHandler)
			}
			// The value may quote a request; its type and place are enough to find the mistake.
			cause := fmt.Errorf("panic: %T", value)
			if err, ok := value.(runtime.Error); ok {
				cause = fmt.Errorf("panic: %w", err)
			}
			problem := fault.New(fault.InternalError, "Something went wrong on our side. Give the request id to support.").Because(cause)
			obs.Failed(r.Context(), problem)
			obs.Note(r.Context(), slog.String("stack", ourStack()))
			if rec, ok := w.(*recorder); ok && rec.wrote != 0 {
				panic(http.ErrAbortHandler)
			}
			Answer(w, r, problem)
		}()
		next.ServeHTTP(w, r)
	})
}

// ourStack names the functions and lines of this program between the panic and the middleware.
func ourStack() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var out []string
	for {
		frame, more := frames.Next()
		if strings.HasPrefix(frame.Function, "dokumentlager/") {
			out = append(out, fmt.Sprintf("%s:%d", strings.TrimPrefix(frame.Function, "dokumentlager/"), frame.Line))
		}
		if !more || len(out) == 8 {
			return strings.Join(out, " < ")
		}
	}
}

// secure sets what every answer has unless its handler says otherwise. There is no CORS: browsers are no clients of this API.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		next.ServeHTTP(w, r)
	})
}

// lockDown: a stored document that a browser is made to show must not run anything.
func lockDown(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
		next.ServeHTTP(w, r)
	})
}
