package server

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"

	"github.com/go-chi/chi/v5"
)

// Door is one protocol's routes, such as mhd.Door.
type Door interface{ Routes(r chi.Router) }

// Surroundings is what the router needs besides doors.
type Surroundings struct {
	Doors []Door
	// Docs answers /docs, /openapi.yaml and /docs/soap/{name}; nil leaves them out.
	Docs http.Handler
	// Heads answers /audit/…, which takes no token; nil leaves it out.
	Heads   Door
	Health  *Health
	Metrics *obs.Metrics
	Log     *slog.Logger
	Limits  Limits
	Version string
	// Refused is told of a request that a limit refused before its door saw it, for the audit log (A1).
	Refused func(context.Context, *http.Request, *fault.Problem)
	// Tracing may be nil: no traces.
	Tracing *obs.Tracing
	// FloodWindow is the time in which FloodLines may be written; zero means 10 s.
	FloodWindow time.Duration
	Now         func() time.Time
	NewID       func() string
}

// NewRouter puts the doors into their surroundings.
func NewRouter(s Surroundings) http.Handler {
	r := chi.NewRouter()
	r.Use(s.identify, newObserver(s).observe, s.survive, secure)
	r.NotFound(notFound)
	r.MethodNotAllowed(methodNotAllowed)
	get(r, "/ping", s.ping)
	get(r, "/healthz", s.Health.alive)
	get(r, "/readyz", s.Health.ready)
	get(r, "/metrics", s.Metrics.Handler().ServeHTTP)
	if s.Docs != nil {
		get(r, "/docs", s.Docs.ServeHTTP)
		get(r, "/openapi.yaml", s.Docs.ServeHTTP)
		get(r, "/docs/soap/{name}", s.Docs.ServeHTTP)
	}
	if s.Heads != nil {
		s.Heads.Routes(r)
	}
	r.Group(func(r chi.Router) {
		r.Use(lockDown, s.admit(), s.bound)
		for _, door := range s.Doors {
			door.Routes(r)
		}
	})
	expect(s.Metrics, r)
	return r
}

// get answers HEAD too, which load balancers like to send.
func get(r chi.Router, path string, h http.HandlerFunc) {
	r.Get(path, h)
	r.Head(path, h)
}

// ping is R4: open to everybody, says only that somebody is there.
func (s Surroundings) ping(w http.ResponseWriter, _ *http.Request) {
	answerJSON(w, http.StatusOK, map[string]string{"status": "ok", "service": "dokumentlager", "version": s.Version})
}

// notFound speaks FHIR at every address: where there is no SOAP door, there is none of its words either.
func notFound(w http.ResponseWriter, r *http.Request) {
	answerFHIR(w, r, fault.New(fault.ResourceNotFound, "Nothing is at this address. The addresses are listed at /docs."))
}

// methodNotAllowed names the methods that would have been taken (RFC 9110 §15.5.6).
func methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := allowedMethods(r)
	w.Header().Set("Allow", strings.Join(allowed, ", "))
	Answer(w, r, fault.New(fault.MethodNotAllowed, "This address does not take the method; it takes %s.", strings.Join(allowed, ", ")))
}

func allowedMethods(r *http.Request) []string {
	routes := chi.RouteContext(r.Context())
	if routes == nil || routes.Routes == nil {
		return nil
	}
	path := r.URL.RawPath
	if path == "" {
		path = r.URL.Path
	}
	var allowed []string
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		if routes.Routes.Match(chi.NewRouteContext(), method, path) {
			allowed = append(allowed, method)
		}
	}
	return allowed
}
