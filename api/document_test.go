package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"dokumentlager/api"
	"dokumentlager/internal/atna"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/helsenorge"
	"dokumentlager/internal/mhd"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
)

// load reads the document as any tool would.
func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// TestDocumentIsOpenAPI validates structure, references and every example against its schema.
func TestDocumentIsOpenAPI(t *testing.T) {
	t.Parallel()
	if err := load(t).Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Fatal(err)
	}
}

// router is the service's own, with doors that have nothing behind them: routes need the methods only.
func router(t *testing.T) http.Handler {
	t.Helper()
	door, err := mhd.New(mhd.Config{CursorKey: make([]byte, 32), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	looks, err := helsenorge.New(helsenorge.Config{CursorKey: make([]byte, 32), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	events, err := atna.New(atna.Config{CursorKey: make([]byte, 32), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	return server.NewRouter(server.Surroundings{
		Doors: []server.Door{door, looks, events}, Docs: api.Handler(), Heads: &atna.Heads{}, Health: &server.Health{Log: log}, Metrics: obs.NewMetrics("test"), Log: log,
		Limits: server.Limits{Request: 1 << 20, StallTimeout: time.Second, MinRate: 1, InFlight: 1},
		Now:    time.Now, NewID: func() string { return "id" },
	})
}

// TestDocumentHasEveryRoute holds document and routes together, both ways. HEAD is described with GET.
func TestDocumentHasEveryRoute(t *testing.T) {
	t.Parallel()
	routes, ok := router(t).(chi.Routes)
	if !ok {
		t.Fatal("the router cannot be walked")
	}
	var served, headed []string
	walk := func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if method == http.MethodHead {
			headed = append(headed, "GET "+route)
			return nil
		}
		served = append(served, method+" "+route)
		return nil
	}
	if err := chi.Walk(routes, walk); err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, item := range load(t).Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(described)
	if diff := cmp.Diff(served, described); diff != "" {
		t.Errorf("routes (-) and openapi.yaml (+) differ:\n%s", diff)
	}
	for _, h := range headed {
		if !slices.Contains(served, h) {
			t.Errorf("HEAD without %s", h)
		}
	}
}

// operations gives every operation with its name for messages.
func operations(t *testing.T) map[string]*openapi3.Operation {
	all := map[string]*openapi3.Operation{}
	for path, item := range load(t).Paths.Map() {
		for method, o := range item.Operations() {
			all[method+" "+path] = o
		}
	}
	return all
}

// overSOAP are the codes that only the SOAP addresses answer with, which WSDL describes: as RegistryErrors, or in the log beside a fault.
var overSOAP = []fault.Code{fault.DuplicateInRepository, fault.NonIdenticalSize, fault.UpdateOperation, fault.UpdateRefused, fault.VersionMismatch,
	fault.PatientReconciliation, fault.IdentifierMismatch, fault.ReferencesExist, fault.Unreferenced, fault.ModelBroken, fault.UnknownStoredQuery, fault.SeveralPatients,
	fault.TooManyResults, fault.AssertionRefused, fault.TransactionOff}

// TestStatusesFitTheErrorTable: a code stands under its own status, every refusal names its codes, and no code of the table is
// left out but those that no address answers with.
func TestStatusesFitTheErrorTable(t *testing.T) {
	t.Parallel()
	used := map[fault.Code]bool{}
	for name, o := range operations(t) {
		for status, response := range o.Responses.Map() {
			codes := codesOf(t, response.Value, "x-error-codes")
			if status >= "400" && len(codes) == 0 && name != "GET /readyz" {
				t.Errorf("%s: %s names no error code", name, status)
			}
			for _, c := range codes {
				used[c] = true
				if got := strconv.Itoa(c.Info().Status); got != status {
					t.Errorf("%s: %s stands under %s and is answered with %s", name, c, status, got)
				}
			}
			for _, c := range codesOf(t, response.Value, "x-warnings") {
				used[c] = true
			}
		}
	}
	// Persontjenesten is not asked yet; the last two are said on the command line.
	silent := []fault.Code{fault.UnknownPatient, fault.ConfigurationRefused, fault.AdministrationRefused}
	silent = append(silent, overSOAP...)
	for c := range fault.Codes() {
		if used[c] == slices.Contains(silent, c) {
			t.Errorf("%s: in an operation %t, want %t", c, used[c], !used[c])
		}
	}
}

func codesOf(t *testing.T, r *openapi3.Response, key string) (codes []fault.Code) {
	t.Helper()
	list, _ := r.Extensions[key].([]any)
	for _, v := range list {
		code := fault.Code(v.(string))
		if _, known := fault.Codes()[code]; !known {
			t.Errorf("%s is no error code", code)
		}
		codes = append(codes, code)
	}
	return codes
}

// TestGuardedOperationsSayHow: whoever needs a token is told the scope and what a bad one is answered with; whoever needs none is not.
func TestGuardedOperationsSayHow(t *testing.T) {
	t.Parallel()
	for name, o := range operations(t) {
		open := o.Security != nil && len(*o.Security) == 0
		_, scoped := o.Extensions["x-scopes"]
		if refuses := o.Responses.Value("401") != nil; refuses == open || scoped == open {
			t.Errorf("%s: open %t, 401 described %t, scopes named %t", name, open, refuses, scoped)
		}
		if o.OperationID == "" || o.Summary == "" || o.Description == "" || len(o.Tags) != 1 {
			t.Errorf("%s: needs operationId, summary, description and one tag", name)
		}
	}
}
