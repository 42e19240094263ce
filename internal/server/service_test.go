package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/administration"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/devstack/sts"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/server"
	"dokumentlager/internal/tenant"
	"dokumentlager/migrations"

	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// running is the whole service over real parts, listening.
type running struct {
	base   string
	cfg    server.Config
	log    *lines
	issuer *sts.Server
	stop   context.CancelFunc
	ended  chan error
	ready  error
	// routes are what it answers to.
	routes chi.Routes
}

// start builds and serves with the test's own HelseID; change may spoil the environment.
func start(t *testing.T, change map[string]string) *running {
	t.Helper()
	parts := stacktest.Parts(t)
	migrate(t, parts.OwnerURL)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &running{base: "http://" + listener.Addr().String(), log: &lines{}, ended: make(chan error, 1)}
	if r.issuer, err = sts.Start(t.Context(), sts.Options{Dir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"PUBLIC_BASE_URL": r.base, "DATABASE_URL": parts.AppURL, "S3_ENDPOINT": parts.S3.Endpoint, "S3_BUCKET": parts.S3.Bucket,
		"S3_ACCESS_KEY": parts.S3.AccessKey, "S3_SECRET_KEY": parts.S3.SecretKey, "CLAMD_ADDRESS": parts.Clamd,
		"CLAMD_UNDATED_SIGNATURES": "true",
		"HELSEID_ISSUER":           r.issuer.Issuer(), "SECRETS_LOCATOR_KEY": hexKey, "SECRETS_CURSOR_KEY": hexKey, "AUDIT_SIGNING_KEY": signerKey,
		"SAML_ISSUERS": r.issuer.SAMLSetting(), "DATABASE_POOLS": "1", "LIMITS_SHUTDOWN_GRACE": "2s", "LIMITS_REQUEST": "1MiB",
	}
	for name, value := range change {
		values[name] = value
	}
	if r.cfg, err = server.LoadConfig("", environ(values), server.Serving); err != nil {
		t.Fatal(err)
	}
	log := obs.NewLogger(r.log, slog.LevelInfo, nil)
	service, err := server.Build(t.Context(), r.cfg, "test", log)
	if err != nil {
		t.Fatal(err)
	}
	r.routes = service.Handler().(chi.Routes)
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	go func() { r.ended <- service.Serve(ctx, listener); service.Close() }()
	t.Cleanup(cancel)
	wait, done := context.WithTimeout(t.Context(), 30*time.Second)
	defer done()
	if change == nil {
		r.ready = service.AwaitReady(wait)
	}
	return r
}

func migrate(t *testing.T, url string) *postgres.Owner {
	t.Helper()
	owner, err := postgres.OpenOwner(t.Context(), url, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(owner.Close)
	if err := owner.Migrate(t.Context(), func(int, int) {}); err != nil {
		t.Fatal(err)
	}
	return owner
}

// awaitEnd demands an orderly end.
func (r *running) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Errorf("%v; %s", err, r.log)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the service does not end")
	}
}

// ask sends one request; the stream of body may be nil.
func (r *running) ask(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func (r *running) get(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", r.base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r.ask(t, req)
}

func TestServiceServesDocsHealthAndMetrics(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	if r.ready != nil {
		t.Fatal(r.ready)
	}
	for path, want := range map[string]string{"/readyz": `"scanner self-test":"ok"`, "/metrics": "dokumentlager_build_info", "/docs": "<html", "/openapi.yaml": "openapi:"} {
		if status, body := r.get(t, path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d, no %s", path, status, want)
		}
	}
	if status, _ := r.get(t, "/test/token"); status != 404 {
		t.Errorf("the service must not know the test token endpoint: %d", status)
	}
	r.stop()
	r.awaitEnd(t)
	if strings.Contains(r.log.String(), r.cfg.S3.SecretKey) {
		t.Error("a secret in the log")
	}
}

// TestUnreachableScannerIsNotReady: fail-closed, and the answer names the part and not its address (F3).
func TestUnreachableScannerIsNotReady(t *testing.T) {
	t.Parallel()
	r := start(t, map[string]string{"CLAMD_ADDRESS": "127.0.0.1:1"})
	status, body := r.get(t, "/readyz")
	for _, want := range []string{`"scanner":"fails"`, `"scanner self-test":"fails"`, `"database":"ok"`, `"object store":"ok"`} {
		if status != 503 || !strings.Contains(body, want) {
			t.Errorf("%d, no %s in %s", status, want, body)
		}
	}
	if strings.Contains(body, "127.0.0.1") {
		t.Errorf("an address in %s", body)
	}
	r.stop()
	r.awaitEnd(t)
}

// TestShutdownLetsOpenRequestsEnd: a body that is half there when the signal comes is read to its end and answered.
func TestShutdownLetsOpenRequestsEnd(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	client, token := r.client(t, organisationNumber())
	half, rest := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), "POST", r.base+"/R4/fhir/Bundle", half)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/fhir+json")
	if err := client.Authorize(req, token); err != nil {
		t.Fatal(err)
	}
	go func() {
		fmt.Fprint(rest, `{"resourceType":`)
		time.Sleep(300 * time.Millisecond)
		r.stop()
		time.Sleep(300 * time.Millisecond)
		if _, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://")); err == nil {
			t.Error("it still accepts connections")
		}
		fmt.Fprint(rest, `"Patient"}`)
		_ = rest.Close()
	}()
	if status, body := r.ask(t, req); status != 400 || !strings.Contains(body, "OperationOutcome") {
		t.Errorf("got %d %s", status, body)
	}
	r.awaitEnd(t)
}

// TestTooLargeIsAuditedForTheCallerOnly: a verified caller's refusal is one event, a stranger's none (A1).
func TestTooLargeIsAuditedForTheCallerOnly(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	organisation := organisationNumber()
	made := newTenant(t, organisation)
	db, err := postgres.Open(t.Context(), postgres.Config{URL: r.cfg.Database.URL, Pools: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	send := func(prepare func(*http.Request)) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), "POST", r.base+"/R4/fhir/Bundle", strings.NewReader(strings.Repeat(" ", 2<<20)))
		if err != nil {
			t.Fatal(err)
		}
		prepare(req)
		return r.ask(t, req)
	}
	if status, _ := send(func(*http.Request) {}); status != 413 {
		t.Errorf("a stranger got %d", status)
	}
	client, token := r.client(t, organisation)
	status, body := send(func(req *http.Request) {
		req.Header.Set("nhn-event-id", "too-large-1")
		req.Header.Set("nhn-source-system", "EPJ 3")
		req.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
		if err := client.Authorize(req, token); err != nil {
			t.Fatal(err)
		}
	})
	if status != 413 || !strings.Contains(body, "DLRequestTooLarge") {
		t.Errorf("got %d %s", status, body)
	}
	events, err := audit.Log{DB: db}.List(t.Context(), made.Schema(), uuid.Nil, 10)
	if err != nil || len(events) != 2 {
		t.Fatalf("%d events besides the tenant's making, %v", len(events)-1, err)
	}
	if e := events[1]; e.Code != "DLRequestTooLarge" || e.Action != "C" || e.Outcome != "failed" || e.Organisation != organisation || e.RequestID == "" || e.EventID != "too-large-1" ||
		e.Caller.SourceSystem != "EPJ 3" || e.Caller.TraceID != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("the event is %+v", e)
	}
}

func newTenant(t *testing.T, organisation string) tenant.Tenant {
	t.Helper()
	admin := &administration.Service{Owner: migrate(t, stacktest.Parts(t).OwnerURL), Operator: "test", Now: time.Now}
	n := rand.Uint32()
	made, err := admin.Create(t.Context(), administration.Draft{Name: fmt.Sprintf("server-%d", n), HomeCommunity: fmt.Sprintf("2.16.578.9.%d", n),
		Repository: fmt.Sprintf("2.16.578.9.%d.1", n), Organisations: []string{organisation}, Profile: tenant.NHN, State: tenant.Active,
		Sharing: access.Sharing{Personnel: true}})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// organisationNumber draws one nobody else uses in this database.
func organisationNumber() string {
	for {
		if n := fmt.Sprint(200000000 + rand.IntN(99999999)); administration.IsOrganisation(n) {
			return n
		}
	}
}

// client is a HelseID client of its own key, and a token for it.
func (r *running) client(t *testing.T, organisation string) (*helseid.Client, string) {
	t.Helper()
	dev := r.issuer.Clients()[0]
	key, err := jwk.ParseKey(dev.PrivateJWK)
	if err != nil {
		t.Fatal(err)
	}
	proofs, err := helseid.NewProofKey()
	if err != nil {
		t.Fatal(err)
	}
	c := &helseid.Client{ClientID: dev.ClientID, Key: key, Issuer: r.issuer.Issuer(), Proofs: proofs, HTTPClient: http.DefaultClient, Now: time.Now}
	token, err := r.issuer.TestToken(sts.TestTokenRequest{JKT: proofs.Thumbprint(), Claims: claims(map[string]string{
		"aud": access.AudienceWrite, "scope": access.ScopeCreate, "client_id": "test", "helseid://claims/client/claims/orgnr_parent": organisation})})
	if err != nil {
		t.Fatal(err)
	}
	return c, token
}

func claims(values map[string]string) map[string]json.RawMessage {
	out := map[string]json.RawMessage{}
	for name, value := range values {
		out[name], _ = json.Marshal(value)
	}
	return out
}
