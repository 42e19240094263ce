package mhd_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/otlptest"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"
)

// watched is a service of the test's own whose parts can be broken, which asks Persontjenesten and sends traces.
type watched struct {
	*fragile
	spans          *otlptest.Collector
	of             tenant.Tenant
	writer, doctor *servicetest.Caller
	doc            servicetest.Doc
}

const callersTrace = "4bf92f3577b34da6a3ce929d0e0e4736"

// TestObserved: one upload is one trace with all its parts in it and one line in the log; and whatever part fails, the one line of the request
// names operation, component, code and request, and so does the trace (A3).
func TestObserved(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.oneTrace(t)
	w.background(t)
	w.partsThatFail(t)
	for _, leak := range leaks(map[string]string{"the log": w.Log.String(), "the traces": w.spans.Text()}) {
		t.Error(leak)
	}
	everyFailureIsTold(t, w.Log.String())
}

func watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{spans: otlptest.Start(t)}
	w.fragile = newFragileWith(t, func(s *servicetest.Service) []string {
		return []string{"TRACING_ENDPOINT", w.spans.URL, "TRACING_SAMPLE_RATIO", "1", "CLAMD_DEADLINE", "8s", "S3_TIMEOUT", "2s", "DATABASE_STATEMENT_TIMEOUT", "3s",
			"PERSONTJENESTEN_URL", s.STS.PersonURL(), "PERSONTJENESTEN_CLIENT_ID", s.STS.PersonClient().ClientID, "PERSONTJENESTEN_PRIVATE_KEY", string(s.STS.PersonClient().PrivateJWK),
			"PERSONTJENESTEN_FRESH", "1ns", "PERSONTJENESTEN_STALE", "0", "PERSONTJENESTEN_KNOWN", "0", "PERSONTJENESTEN_UNVERIFIED_UPLOADS", "true"}
	})
	w.of = w.Tenant(t)
	w.writer, w.doctor, w.doc = w.Writer(t, w.of.Organisations[0]), w.Doctor(t, w.of.Organisations[0]), servicetest.NewDoc()
	return w
}

func (w *watched) post(t *testing.T, b servicetest.Bundle, headers ...string) servicetest.Answer {
	t.Helper()
	return w.writer.Do(t, w.Request(t, http.MethodPost, "/R4/fhir/Bundle", strings.NewReader(string(b.JSON(t))), append([]string{"Content-Type", "application/fhir+json"}, headers...)...))
}

// oneTrace: the caller's trace goes on through every part that an upload meets, and stands in line and audit event.
func (w *watched) oneTrace(t *testing.T) {
	t.Helper()
	w.doc.Title = "Epikrise for " + canaryName
	a := w.post(t, servicetest.BundleFor(w.of, w.doc), "traceparent", "00-"+callersTrace+"-00f067aa0ba902b7-00", "tracestate", "x="+canaryName)
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	spans := w.spans.Await(t, "the request", func(s otlptest.Span) bool { return s.Name == "POST /R4/fhir/Bundle" })
	names, byID := map[string]int{}, map[string]otlptest.Span{}
	for _, s := range spans {
		names[s.Name]++
		byID[s.ID] = s
	}
	for _, want := range []string{"POST /R4/fhir/Bundle", "postgres InTenant", "batch start", "s3 put", "clamd scan", "persontjenesten http"} {
		if names[want] == 0 {
			t.Errorf("no span %q in the trace: %v", want, names)
		}
	}
	for _, s := range spans {
		root := s
		for byID[root.Parent].ID != "" {
			root = byID[root.Parent]
		}
		if s.Trace != callersTrace || root.Name != "POST /R4/fhir/Bundle" || root.Parent != "00f067aa0ba902b7" {
			t.Errorf("%s hangs under %s, parent %s, of trace %s", s.Name, root.Name, root.Parent, s.Trace)
		}
	}
	if slices.ContainsFunc(spans, func(s otlptest.Span) bool {
		return s.Name == "batch start" && byID[s.Parent].Name != "postgres InTenant"
	}) {
		t.Errorf("a statement does not hang under its transaction: %+v", spans)
	}
	line := w.line(t, a)
	if line["trace_id"] != callersTrace || line["tenant"] != w.of.Name || line["operation"] != "provide" || line["component"] != "self" || line["client_id"] == nil || line["error"] != nil {
		t.Errorf("the line is %v", line)
	}
	events := w.Events(t, w.of)
	if got := events[len(events)-1].Caller.TraceID; got != callersTrace {
		t.Errorf("the event has trace %q", got)
	}
}

// background: what follows a deletion, and the sealing of the events so far, are traces of their own.
func (w *watched) background(t *testing.T) {
	t.Helper()
	doc := servicetest.NewDoc()
	if a := w.post(t, servicetest.BundleFor(w.of, doc)); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := w.writer.Do(t, w.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+doc.ID, nil)); a.Status >= 300 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	w.spans.Await(t, "the sealer", func(s otlptest.Span) bool { return s.Name == "audit-seal batch" && s.Parent == "" })
	spans := w.spans.Await(t, "the removal", func(s otlptest.Span) bool { return s.Name == "job remove_object" && s.Parent == "" })
	if !slices.ContainsFunc(spans, func(s otlptest.Span) bool { return s.Name == "s3 remove" }) {
		t.Errorf("the removal's trace is %+v", spans)
	}
}

// line is the one line of the request that was answered so.
func (w *watched) line(t *testing.T, a servicetest.Answer) map[string]any {
	t.Helper()
	id := a.Header.Get("X-Request-Id")
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		var found []map[string]any
		for text := range strings.Lines(w.Log.String()) {
			if strings.Contains(text, `"msg":"request"`) && strings.Contains(text, id) {
				var line map[string]any
				if err := json.Unmarshal([]byte(text), &line); err != nil {
					t.Fatal(err)
				}
				found = append(found, line)
			}
		}
		if len(found) > 1 || len(found) == 1 && id == "" {
			t.Fatalf("%d lines of one request: %v", len(found), found)
		}
		if len(found) == 1 {
			return found[0]
		}
	}
	t.Fatalf("request %s has no line", id)
	return nil
}

// partsThatFail breaks each in turn, for real.
func (w *watched) partsThatFail(t *testing.T) {
	t.Helper()
	here := documentPath(w.of.HomeCommunity, w.of.Repository, w.doc.BinaryID)
	upload := func() servicetest.Answer { return w.post(t, servicetest.BundleFor(w.of)) }
	search := func() servicetest.Answer { return w.doctor.Search(t, current(servicetest.Patient)) }
	read := func() servicetest.Answer { return w.doctor.Get(t, here, "nhn-patient-nin", servicetest.Patient) }
	scanner := func(do func(*relay)) func() func() {
		return func() func() { do(w.scanner); return func() { w.scanner.set(nil) } }
	}
	var told []failure
	for _, c := range []struct {
		name   string
		breaks func() (mend func())
		ask    func() servicetest.Answer
		failure
	}{
		{"the scanner is away", scanner(func(r *relay) { r.set(down) }), upload, failure{"provide", "clamd", "DLNotScanned", "clamd scan", ""}},
		{"the scanner says something else", scanner(func(r *relay) { r.set(r.scanning(saying("stream: odd ERROR\x00"))) }), upload, failure{"provide", "clamd", "DLNotScanned", "clamd scan", ""}},
		{"the store is away, for an upload", w.without(w.store), upload, failure{"provide", "s3", "DLUnavailable", "s3 put", ""}},
		{"the store is away, for an opening", w.without(w.store), read, failure{"open", "s3", "DLUnavailable", "s3 open", ""}},
		{"a table is locked", w.locked(t), upload, failure{"provide", "postgres", "DLUnavailable", "postgres InTenant", ""}},
		{"the database is away", w.without(w.database), upload, failure{"provide", "postgres", "DLUnavailable", "postgres insert|pool.acquire", ""}}, // the pool may have noticed before
		{"Persontjenesten is away", func() func() { _ = w.STS.Close(); return func() {} }, search, failure{"search", "persontjenesten", "DLUnavailable", "persontjenesten http", ""}},
		{"HelseID is away", func() func() { return func() {} }, w.unknownKey(t), failure{"pingauth", "helseid", "DLUnavailable", "helseid http", ""}},
	} {
		mend := c.breaks()
		a := c.ask()
		line := w.line(t, a)
		if a.Status != http.StatusServiceUnavailable || line["operation"] != c.operation || line["component"] != c.component || line["code"] != c.code ||
			line["level"] != "ERROR" || line["error"] == nil || line["status"] != 503.0 {
			t.Errorf("%s: %d, and the line is %v", c.name, a.Status, line)
		}
		c.request = a.Header.Get("X-Request-Id")
		told = append(told, c.failure)
		mend()
		w.awaitWell(t, c.component)
	}
	for _, f := range told {
		w.traced(t, f)
	}
}

// failure is what line and trace of a request must say of it. Span is the one that failed, or several of which one did.
type failure struct{ operation, component, code, span, request string }

func (w *watched) traced(t *testing.T, f failure) {
	t.Helper()
	spans := w.spans.Await(t, f.operation+" failing in "+f.component, func(s otlptest.Span) bool {
		return s.Attributes["dokumentlager.request_id"] == f.request && s.Failed && s.Attributes["dokumentlager.component"] == f.component && s.Attributes["dokumentlager.code"] == f.code
	})
	if !slices.ContainsFunc(spans, func(s otlptest.Span) bool { return slices.Contains(strings.Split(f.span, "|"), s.Name) && s.Failed }) {
		t.Errorf("%s failing in %s: no %s failed in the trace: %+v", f.operation, f.component, f.span, spans)
	}
}

// awaitWell waits until uploads go again, where the part comes back.
func (w *watched) awaitWell(t *testing.T, component string) {
	t.Helper()
	if component == "persontjenesten" || component == "helseid" {
		return
	}
	for deadline := time.Now().Add(30 * time.Second); w.post(t, servicetest.BundleFor(w.of)).Status != http.StatusOK; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the service did not come back")
		}
	}
}

func (w *watched) without(part *relay) func() func() {
	return func() func() { part.set(down); return func() { part.set(nil) } }
}

// locked holds a table of the tenant's until it is mended.
func (w *watched) locked(t *testing.T) func() func() {
	return func() func() {
		tx, err := w.Owner.Pool().Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), fmt.Sprintf(`lock table %q.submission in access exclusive mode`, w.of.SchemaName)); err != nil {
			t.Fatal(err)
		}
		return func() { _ = tx.Rollback(t.Context()) }
	}
}

// unknownKey asks with a token of a key that is not held, until nobody can be asked for it: HelseID is asked once in ten seconds at most.
func (w *watched) unknownKey(t *testing.T) func() servicetest.Answer {
	encode := base64.RawURLEncoding.EncodeToString
	token := encode([]byte(`{"alg":"ES256","typ":"at+jwt","kid":"another"}`)) + "." + encode([]byte(`{}`)) + "." + encode(make([]byte, 64))
	return func() (a servicetest.Answer) {
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
			if a = servicetest.Send(t, w.Request(t, http.MethodGet, "/pingauth", nil, "Authorization", "DPoP "+token, "DPoP", "x.y.z")); a.Status != http.StatusUnauthorized {
				return a
			}
		}
		return a
	}
}

// everyFailureIsTold: each line from WARN on, of requests and of work behind them, names operation and component.
func everyFailureIsTold(t *testing.T, log string) {
	t.Helper()
	seen := map[string]bool{}
	for text := range strings.Lines(log) {
		var line struct{ Level, Operation, Component string }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line.Level != "WARN" && line.Level != "ERROR" {
			continue
		}
		seen[line.Component] = true
		if line.Operation == "" || line.Component == "" {
			t.Errorf("it does not say what failed where: %s", text)
		}
	}
	if got := slices.Sorted(maps.Keys(seen)); len(got) < 4 {
		t.Errorf("only failures of %v were seen", got)
	}
}
