package endpoint_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/admission"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/ebxml"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/repository"
	"dokumentlager/internal/saml"
	"dokumentlager/internal/scan"
	"dokumentlager/internal/soap"

	"github.com/google/uuid"
)

// rig is a front with two transactions, whose callers say who they are.
type rig struct {
	*httptest.Server
	front *endpoint.Front
	log   *log
	// scanned counts documents whose judging began; began is told of each.
	scans *scanner
	mu    sync.Mutex
	// handle is what both transactions do.
	handle func(context.Context, *endpoint.Request) (*endpoint.Answer, error)
	asked  []*endpoint.Request
	notes  []string
	event  string
}

const (
	queryAction   = "urn:ihe:iti:2007:RegistryStoredQuery"
	provideAction = "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"
	gatewayAction = "urn:ihe:iti:2007:CrossGatewayQuery"

	queryPayload   = `<q:AdhocQueryRequest xmlns:q="urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0"/>`
	provideInline  = `<x:ProvideAndRegisterDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007"><x:Document id="d">QmzDpWLDpnI=</x:Document></x:ProvideAndRegisterDocumentSetRequest>`
	provideByCID   = `<x:ProvideAndRegisterDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007"><x:Document id="d"><i:Include xmlns:i="http://www.w3.org/2004/08/xop/include" href="cid:a@b"/></x:Document></x:ProvideAndRegisterDocumentSetRequest>`
	providePayload = `<x:ProvideAndRegisterDocumentSetRequest xmlns:x="urn:ihe:iti:xds-b:2007"/>`
)

// verifier believes a header block that says "good" and tells the organisation that follows.
type verifier struct{}

// Verify implements endpoint.Verifier.
func (verifier) Verify(header []byte) (saml.Assertion, error) {
	refused := func(cause error) error {
		return fault.New(fault.AssertionRefused, "The assertion is refused.").By("X2").Because(cause)
	}
	text := string(header)
	for word, cause := range map[string]error{"missing": saml.ErrMissing, "shape": saml.ErrShape, "signature": saml.ErrSignature, "conditions": saml.ErrConditions,
		"expired": saml.ErrExpired, "content": saml.ErrContent} {
		if strings.Contains(text, ">"+word+"<") {
			return saml.Assertion{}, refused(cause)
		}
	}
	_, rest, believed := strings.Cut(text, ">good ")
	if !believed {
		return saml.Assertion{}, refused(saml.ErrShape)
	}
	organisation, _, _ := strings.Cut(rest, "<")
	return saml.Assertion{Issuer: "issuer", Caller: access.Caller{Kind: access.Personnel, Organisation: organisation, ClientID: "client-" + organisation}}, nil
}

// log remembers.
type log struct {
	mu        sync.Mutex
	refused   []string
	strangers []string
	fail      error
}

// Refused implements endpoint.Log.
func (l *log) Refused(_ context.Context, actor audit.Actor, action audit.Action, operation string, why error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused = append(l.refused, string(action)+" "+operation+" "+actor.Transaction+" "+actor.Organisation+" "+string(fault.Of(why).Leading().Code))
	return l.fail
}

// Stranger implements endpoint.Log.
func (l *log) Stranger(_ context.Context, actor audit.Actor, _ audit.Action, operation string, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.strangers = append(l.strangers, operation+" "+actor.Transaction+" "+actor.Organisation+string(fault.Of(why).Leading().Code))
}

func (l *log) all() (refused, strangers []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.refused...), append([]string{}, l.strangers...)
}

// scanner finds everything clean, and counts for which organisations it was asked.
type scanner struct {
	mu    sync.Mutex
	asked []string
}

// Open implements repository.Scanner.
func (s *scanner) Open(ctx context.Context) (repository.ScanStream, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, admission.Organisation(ctx))
	return clean{io.Discard}, nil
}

func (s *scanner) organisations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.asked...)
}

type clean struct{ io.Writer }

// Verdict implements repository.ScanStream.
func (clean) Verdict() (scan.Verdict, error) { return scan.Verdict{State: scan.Clean}, nil }

// Abort implements repository.ScanStream.
func (clean) Abort() {}

// newRig makes one; change edits its configuration.
func newRig(t testing.TB, change ...func(*endpoint.Config)) *rig {
	t.Helper()
	r := &rig{log: &log{}, scans: &scanner{}}
	r.handle = func(context.Context, *endpoint.Request) (*endpoint.Answer, error) { return registryAnswer(), nil }
	gate := admission.New(admission.Capacity{Requests: 100, Work: 4, Bytes: 1 << 30, Unsized: 1 << 20}, time.Now, admission.Jitter(rand.Float64), nil)
	c := endpoint.Config{Verifier: verifier{}, Admission: gate, Log: r.log, NewID: uuid.NewString,
		Objects: repository.New(repository.Config{Scanner: r.scans, MaxDocument: 1 << 20, SpoolDir: t.TempDir()}), Limits: soap.Limits{Total: 8 << 20, Early: 1 << 20}}
	for _, change := range change {
		change(&c)
	}
	r.front = endpoint.New(c)
	transaction := func(id, action string, payload xml.Name, shape endpoint.Shape, operation string, crude audit.Action) endpoint.Transaction {
		return endpoint.Transaction{ID: id, Action: action, Answer: action + "Response", Payloads: []xml.Name{payload}, Shape: shape, Operation: operation, Crude: crude,
			Documents: id == "ITI-41", Async: id == "ITI-38", Handle: r.do}
	}
	address := r.front.Address(transaction("ITI-18", queryAction, ebxml.AdhocQueryRequest, endpoint.Query, "search", audit.Read),
		transaction("ITI-38", gatewayAction, ebxml.AdhocQueryRequest, endpoint.Query, "search", audit.Read),
		transaction("ITI-41", provideAction, ebxml.ProvideAndRegister, endpoint.Registry, "provide", audit.Create))
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		ctx := obs.WithRequest(req.Context(), "request")
		address(w, req.WithContext(ctx))
		r.mu.Lock()
		defer r.mu.Unlock()
		r.notes, r.event = append(r.notes, obs.Noted(ctx, "code")), obs.Noted(ctx, "nhn_event_id")
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *rig) do(ctx context.Context, q *endpoint.Request) (*endpoint.Answer, error) {
	r.mu.Lock()
	r.asked = append(r.asked, q)
	handle := r.handle
	r.mu.Unlock()
	return handle(ctx, q)
}

// handles says what the transactions do from now on.
func (r *rig) handles(h func(context.Context, *endpoint.Request) (*endpoint.Answer, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handle = h
}

// last is the last request that ran, and logged are the codes of all.
func (r *rig) last() *endpoint.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[len(r.asked)-1]
}

func (r *rig) eventNoted() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.event
}

func (r *rig) noted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.notes)
}

func (r *rig) logged() []string {
	r.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notes
}

func (r *rig) ran() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.asked)
}

func registryAnswer() *endpoint.Answer {
	return &endpoint.Answer{Body: func(b []byte) []byte { return ebxml.AppendRegistryResponse(b, ebxml.Success, nil) }}
}

// message is an envelope in its parts, each of which a test may change.
type message struct {
	action, security, payload, more string
}

func security(content string) string {
	return `<w:Security xmlns:w="` + soap.Security.Space + `" s:mustUnderstand="true"><t>` + content + `</t></w:Security>`
}

func good() message {
	return message{action: queryAction, security: security("good 981275721"), payload: queryPayload}
}

func (m message) String() string {
	action := `<a:Action s:mustUnderstand="1">` + m.action + `</a:Action>`
	if m.action == "" {
		action = ""
	}
	return `<s:Envelope xmlns:s="` + soap.Namespace + `" xmlns:a="` + soap.Addressing + `"><s:Header>` + action +
		`<a:MessageID>not a URI &lt;1&gt;</a:MessageID><a:To>https://gateway.example/elsewhere</a:To>` + m.more + m.security + `</s:Header><s:Body>` + m.payload + `</s:Body></s:Envelope>`
}

// answered is what came back.
type answered struct {
	status    int
	header    http.Header
	body      []byte
	message   *soap.Message
	codes     []string
	err       error
	documents []*bytes.Buffer
}

func (r *rig) post(t *testing.T, contentType, body string) answered {
	t.Helper()
	return r.send(t, contentType, strings.NewReader(body))
}

func (r *rig) send(t *testing.T, contentType string, body io.Reader) answered {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return answered{err: err} // a connection that was broken, as some tests want
	}
	defer func() { _ = res.Body.Close() }()
	a := answered{status: res.StatusCode, header: res.Header}
	a.body, a.err = io.ReadAll(res.Body)
	a.message, err = soap.Read(res.Header.Get("Content-Type"), bytes.NewReader(a.body), soap.Options{Open: func(soap.Incoming) (io.WriteCloser, error) {
		a.documents = append(a.documents, &bytes.Buffer{})
		return sink{a.documents[len(a.documents)-1]}, nil
	}})
	if err == nil {
		a.codes, _ = soap.FaultIn(a.message)
	} else if len(a.body) > 0 && a.err == nil && !strings.Contains(string(a.body), "http://schemas.xmlsoap.org/soap/envelope/") {
		t.Errorf("the answer is no SOAP message: %v: %s", err, a.body)
	}
	return a
}

type sink struct{ *bytes.Buffer }

// Close implements io.Closer.
func (sink) Close() error { return nil }

// errors are the codes of the registry's errors in an answer.
func (a answered) errors(t *testing.T) (codes []string) {
	t.Helper()
	read, err := ebxml.ReadAnswer(a.message.Body)
	if err != nil {
		t.Fatalf("%v: %s", err, a.body)
	}
	for _, e := range read.Errors {
		codes = append(codes, e.Code)
	}
	return codes
}

var errBroken = errors.New("broken")
