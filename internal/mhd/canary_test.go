package mhd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/otlptest"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/tenant"
)

// The canary is a synthetic patient of ours; her number, birth date and name stand nowhere but in the tenant's own rows and in audit
// logs, which hold them by design (A1).
const (
	canary      = "23077200290"
	canaryBirth = "1972-07-23"
	canaryName  = "KANARIFUGL"
)

// cage is the service she is let loose in, and all it has answered.
type cage struct {
	*fragile
	t              *testing.T
	of             tenant.Tenant
	writer, doctor *servicetest.Caller
	store          *blob.S3
	spool          string
	spans          *otlptest.Collector
	answers        map[string]string
}

// keep remembers what of an answer may not tell: all of an error, the headers and addresses of any. A list or a document handed to who may
// see it names the patient, and must.
func (c *cage) keep(path string, a servicetest.Answer) servicetest.Answer {
	a.Header.Del("nhn-event-id") // the caller's own words, given back to the caller alone (R3)
	if a.Status >= 400 {
		c.answers[path] = string(a.Body)
	}
	c.answers[path] += "\n" + compact(a.Header) + "\n" + strings.Join(addresses.FindAllString(string(a.Body), -1), "\n")
	return a
}

var addresses = regexp.MustCompile(`https?://127[^"\s]*`)

// TestCanary: a marked patient goes every way there is, failures included, and stands in no log line, metric, trace, address of ours, object key,
// error text, row of the control or job schema, or file of the spool (A3). TestCanaryIsFound shows that the same look finds her.
func TestCanary(t *testing.T) {
	t.Parallel()
	c := newCage(t)
	first := c.store1()
	c.writing(first)
	c.refusals()
	c.everyField()
	c.reading(first)
	c.strangers()
	c.logReaders()
	c.brokenParts(first)
	c.upkeep()
	c.panics()
	for place, text := range c.places() {
		if text == "" {
			t.Errorf("%s: nothing to look at", place)
		}
	}
	everyFailureIsTold(t, c.Log.String())
	if len(c.answers) < 450 {
		t.Errorf("only %d ways were gone", len(c.answers))
	}
	for _, leak := range leaks(c.places()) {
		t.Error(leak)
	}
	for path, text := range c.answers {
		for _, leak := range leaks(map[string]string{"the answer to " + path: text}) {
			t.Error(leak)
		}
	}
}

func newCage(t *testing.T) *cage {
	t.Helper()
	spool, spans := t.TempDir(), otlptest.Start(t)
	f := newFragile(t, "TRACING_ENDPOINT", spans.URL, "TRACING_SAMPLE_RATIO", "1", "SPOOL_DIR", spool, "CLAMD_DEADLINE", "8s", "S3_TIMEOUT", "2s", "LIMITS_STALL_TIMEOUT", "3s", "LOG_LEVEL", "debug", "DATABASE_ACQUIRE_TIMEOUT", "2s")
	of := f.Tenant(t)
	return &cage{fragile: f, t: t, of: of, writer: f.Writer(t, of.Organisations[0]), doctor: f.Doctor(t, of.Organisations[0]), store: storeOf(t, f.Service), spool: spool, spans: spans, answers: map[string]string{}}
}

// bundle is of her, with documents that name her.
func (c *cage) bundle(docs ...servicetest.Doc) servicetest.Bundle {
	if len(docs) == 0 {
		docs = []servicetest.Doc{c.doc()}
	}
	b := servicetest.BundleFor(c.of, docs...)
	b.Patient = canary
	b.Change = func(m servicetest.Object) {
		p := servicetest.Resource(m, 1)
		p["birthDate"], p["name"] = canaryBirth, []any{servicetest.Object{"family": canaryName}}
	}
	return b
}

func (c *cage) doc() servicetest.Doc {
	d := servicetest.NewDoc()
	d.Title = "Epikrise for " + canaryName
	d.Bytes = []byte("Pasient " + canary + " " + canaryName + " " + d.ID)
	return d
}

func (c *cage) request(method, path string, body string, headers ...string) *http.Request {
	return c.Request(c.t, method, path, strings.NewReader(body), headers...)
}

func (c *cage) post(path string, b servicetest.Bundle, headers ...string) servicetest.Answer {
	return c.keep(path, c.writer.Do(c.t, c.request(http.MethodPost, "/R4/fhir/Bundle", string(b.JSON(c.t)), append([]string{"Content-Type", "application/fhir+json"}, headers...)...)))
}

// store1 is the first document, kept for all that follows.
func (c *cage) store1() servicetest.Doc {
	d := c.doc()
	if a := c.post("upload", c.bundle(d)); a.Status != http.StatusOK {
		c.t.Fatalf("%d %s", a.Status, a.Body)
	}
	return d
}

// writing: sent again, validated, replaced, changed, deleted, with keys and ids that name her, infected, too large, too slow.
func (c *cage) writing(first servicetest.Doc) {
	body := string(c.bundle().JSON(c.t))
	fhirJSON := []string{"Content-Type", "application/fhir+json"}
	for _, path := range []string{"/R4/fhir/Bundle", "/R4/fhir/Bundle/$validate", "/R4/fhir", "/R4/fhir/Bundle"} {
		c.keep("POST "+path, c.writer.Do(c.t, c.request(http.MethodPost, path, body, fhirJSON...)))
	}
	for _, header := range []string{"Idempotency-Key", "nhn-event-id", "nhn-source-system"} {
		for _, value := range []string{canary, `"` + canary + `"`, "ev-" + canary, "ev-" + canary + "-1", canary + "a"} {
			c.post(header+": "+value, c.bundle(), header, value)
		}
	}
	for _, header := range []string{"User-Agent", "Referer", "X-Request-Id", "Traceparent", "Tracestate", "X-Forwarded-For", "Prefer", "Cookie", "From", canary} {
		c.post(header, c.bundle(), header, "x"+canary+"x")
	}
	again := c.bundle()
	c.post("the same key, other body, 1", again, "Idempotency-Key", "k-"+canary)
	c.post("the same key, the same body", again, "Idempotency-Key", "k-"+canary)
	c.post("the same key, other body, 2", c.bundle(), "Idempotency-Key", "k-"+canary)
	replacing := c.doc()
	replacing.Relates = map[string]string{"replaces": again.Docs[0].ID}
	c.post("replace", c.bundle(replacing))
	replacing = c.doc()
	replacing.Relates = map[string]string{"replaces": canary, "appends": "DocumentReference?identifier=" + canary}
	c.post("replace what is not there", c.bundle(replacing))
	label := `[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}]`
	for _, patch := range []string{`[{"op":"replace","path":"/securityLabel","value":` + label + `}]`, `[{"op":"replace","path":"/` + canary + `","value":1}]`, `[{"op":"` + canary + `","path":"/securityLabel","value":[]}]`,
		`[{"` + canary + `":1}]`, `"` + canary + `"`, canary, strings.ReplaceAll(`[{"op":"replace","path":"/securityLabel","value":`+label+`}]`, `"R"`, `"`+canary+`"`)} {
		c.keep("PATCH "+patch, c.writer.Do(c.t, c.request(http.MethodPatch, "/R4/fhir/DocumentReference/"+first.ID, patch, "Content-Type", "application/json-patch+json")))
	}
	infected := c.doc()
	infected.Bytes = append([]byte(canaryName), eicar()...)
	c.post("infected", c.bundle(infected))
	large := oversized(c.t, c.bundle(), canary+" "+canaryName+"\r\n")
	c.keep("too large", c.writer.Do(c.t, c.Request(c.t, http.MethodPost, "/R4/fhir/Bundle", large, fhirJSON...)))
	gone := c.doc()
	c.post("to be deleted", c.bundle(gone))
	for range 2 {
		c.keep("DELETE twice", c.writer.Do(c.t, c.request(http.MethodDelete, "/R4/fhir/DocumentReference/"+gone.ID, "")))
	}
	c.keep("declared too large", c.declared(300<<20))
	c.keep("too slow", c.stalled())
	c.keep("gone deleted", c.doctor.Get(c.t, documentPath(c.of.HomeCommunity, c.of.Repository, gone.BinaryID), "nhn-patient-nin", canary))
}

// declared says that much will come and sends a little.
func (c *cage) declared(size int64) servicetest.Answer {
	req := c.request(http.MethodPost, "/R4/fhir/Bundle", canary, "Content-Type", "application/fhir+json")
	req.ContentLength, req.Body = size, io.NopCloser(io.MultiReader(strings.NewReader(canary), &stall{c.t.Context().Done()}))
	return c.try(req)
}

// stalled begins a body and does not go on.
func (c *cage) stalled() servicetest.Answer {
	body := string(c.bundle().JSON(c.t))
	req := c.request(http.MethodPost, "/R4/fhir/Bundle", "", "Content-Type", "application/fhir+json")
	req.ContentLength, req.Body = int64(len(body)), io.NopCloser(io.MultiReader(strings.NewReader(body[:len(body)/2]), &stall{c.t.Context().Done()}))
	return c.try(req)
}

// stall has nothing to read until the test ends.
type stall struct{ done <-chan struct{} }

func (s *stall) Read([]byte) (int, error) { <-s.done; return 0, io.ErrUnexpectedEOF }

// try is Do for requests that may end without an answer.
func (c *cage) try(req *http.Request) servicetest.Answer {
	c.writer.Sign(c.t, req)
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return servicetest.Answer{Err: err}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return servicetest.Answer{Status: res.StatusCode, Header: res.Header, Body: body, Err: err}
}

// refusals are those of TestRefusals, of her.
func (c *cage) refusals() {
	for _, r := range refusals {
		media := r.media
		if media == "" {
			media = "application/fhir+json"
		}
		body := bytes.ReplaceAll(r.body(c.t, c.of), []byte(servicetest.Patient), []byte(canary))
		for _, path := range []string{"/R4/fhir/Bundle", "/R4/fhir/Bundle/$validate"} {
			c.keep(r.name+" "+path, c.writer.Do(c.t, c.request(http.MethodPost, path, string(body), "Content-Type", media)))
		}
	}
}

// everyField puts her number wherever in a message a text, a name or a value stands, one place at a time.
func (c *cage) everyField() {
	var message any
	if err := json.Unmarshal(c.bundle().JSON(c.t), &message); err != nil {
		c.t.Fatal(err)
	}
	places := 0
	send := func(where string) {
		places++
		text, err := json.Marshal(message)
		if err != nil {
			c.t.Fatal(err)
		}
		c.keep("number in "+where, c.writer.Do(c.t, c.request(http.MethodPost, "/R4/fhir/Bundle/$validate", string(text), "Content-Type", "application/fhir+json")))
	}
	everyLeaf(message, "", send)
	if places < 100 {
		c.t.Errorf("only %d places in a message", places)
	}
}

// everyLeaf changes each value of v, then each name, and puts it back after fn.
func everyLeaf(v any, where string, fn func(where string)) {
	switch v := v.(type) {
	case map[string]any:
		for name, inner := range v {
			switch inner.(type) {
			case map[string]any, []any:
				everyLeaf(inner, where+"."+name, fn)
			default:
				v[name] = canary
				fn(where + "." + name)
				v[name] = inner
			}
			delete(v, name)
			v[canary] = inner
			fn(where + ".(" + name + ")")
			delete(v, canary)
			v[name] = inner
		}
	case []any:
		for i := range v {
			if _, leaf := v[i].(string); leaf {
				was := v[i]
				v[i] = canary
				fn(fmt.Sprintf("%s[%d]", where, i))
				v[i] = was
			}
			everyLeaf(v[i], fmt.Sprintf("%s[%d]", where, i), fn)
		}
	}
}

// reading: searched by every parameter, paged, masked, opened whole and in part, read by id, as set and as patient.
func (c *cage) reading(first servicetest.Doc) {
	masked := c.doc()
	masked.Codes = []string{"N", "NORS"}
	c.post("masked", c.bundle(masked))
	for _, name := range []string{"identifier", "category", "type", "creation", "date", "homeCommunityId", "_count", "author.given", "related", "_cursor", canary,
		"period", "author.family:exact", "event:text", "_sort", "_total", "_format", "patient", "status:not"} {
		c.keep("search by "+name, c.doctor.Search(c.t, current(canary, name, canary)))
		c.keep("strict search by "+name, c.doctor.Search(c.t, current(canary, name, canary), "Prefer", "handling=strict"))
		c.keep("search of lists by "+name, c.doctor.Do(c.t, c.request(http.MethodPost, "/R4/fhir/List/_search",
			current(canary, "code", "folder", name, canary).Encode(), "Content-Type", "application/x-www-form-urlencoded")))
		c.keep("search in the address by "+name, c.doctor.Get(c.t, "/R4/fhir/DocumentReference?"+name+"="+canary))
	}
	for _, patient := range []string{canary, canary + "|" + canary, "urn:oid:2.16.578.1.12.4.1.4.2|" + canary, "|" + canary, canary + "^"} {
		form := current(canary, "homeCommunityId", c.of.HomeCommunity)
		form.Set("patient.identifier", patient)
		c.keep("search for "+patient, c.doctor.Search(c.t, form, "nhn-access-basis", canary))
	}
	c.pages()
	set := c.post("set", c.bundle())
	for _, e := range bundle(c.t, set).Entry {
		c.keep("GET "+e.Response.Location, c.writer.Get(c.t, e.Response.Location))
		c.keep("GET as a doctor "+e.Response.Location, c.doctor.Get(c.t, e.Response.Location, "nhn-patient-nin", canary))
	}
	here := documentPath(c.of.HomeCommunity, c.of.Repository, first.BinaryID)
	for _, headers := range [][]string{{"nhn-patient-nin", canary}, {"nhn-patient-nin", canary + " "}, {"nhn-patient-nin", "x" + canary}, {"Range", "bytes=0-3"}, {"Range", "bytes=9999999-"}, {"Range", "bytes=" + canary + "-" + canary}, {"Range", canary},
		{"If-None-Match", canary}, {"If-Range", canary}, {"nhn-event-id", "ev" + canary}} {
		if headers[0] != "nhn-patient-nin" {
			headers = append(headers, "nhn-patient-nin", canary)
		}
		c.keep("open with "+strings.Join(headers, " "), c.doctor.Get(c.t, here, headers...))
		c.keep("open masked with "+strings.Join(headers, " "), c.doctor.Get(c.t, documentPath(c.of.HomeCommunity, c.of.Repository, masked.BinaryID), headers...))
	}
	c.keep("open of another patient", c.doctor.Get(c.t, here, "nhn-patient-nin", servicetest.Patient))
	c.keep("open another of hers", c.doctor.Get(c.t, documentPath(c.of.HomeCommunity, c.of.Repository, canary), "nhn-patient-nin", canary))
	c.keep("open elsewhere", c.doctor.Get(c.t, documentPath(canary, canary, canary), "nhn-patient-nin", canary))
	for _, path := range []string{"/R4/fhir/DocumentReference/", "/R4/fhir/List/", "/R4/fhir/Patient/", "/api/rest/document-status?id=", "/api/rest/document-status?documentUniqueId=", "/api/rest/document-status?homeCommunityId=" + canary + "&id=", "/", "/ping/", "/R4/fhir/", "/metrics?x=", "/readyz?x="} {
		c.keep("GET "+path, c.writer.Get(c.t, path+canary))
		c.keep("DELETE "+path, c.writer.Do(c.t, c.request(http.MethodDelete, path+canary, "")))
	}
	c.keep("status", c.writer.Get(c.t, "/api/rest/document-status?id="+first.ID))
}

// pages follows next links, and one that was tampered with.
func (c *cage) pages() {
	a := c.keep("page 1", c.doctor.Search(c.t, current(canary, "_count", "1", "homeCommunityId", c.of.HomeCommunity)))
	for n := 2; n < 5; n++ {
		next := ""
		for _, l := range bundle(c.t, a).Link {
			if l.Relation == "next" {
				next = l.URL
			}
		}
		if next == "" {
			c.t.Fatalf("no page %d", n)
		}
		c.keep(fmt.Sprintf("page %d, tampered", n), c.doctor.Get(c.t, next+canary))
		a = c.keep(fmt.Sprintf("page %d", n), c.doctor.Get(c.t, next))
	}
	c.keep("a page of hers", c.doctor.Get(c.t, "/R4/fhir/DocumentReference?_cursor="+canary))
}

// strangers: what is refused before anybody is known, with her number in token, proof, address, method and body.
func (c *cage) strangers() {
	for _, header := range [][]string{{"Authorization", canary}, {"Authorization", "DPoP " + canary}, {"Authorization", "Bearer " + canary}, {"Authorization", "DPoP a." + canary + ".b", "DPoP", canary + ".x.y"}, {"DPoP", canary}} {
		c.keep(strings.Join(header, " "), servicetest.Send(c.t, c.request(http.MethodPost, "/R4/fhir/Bundle?patient="+canary, string(c.bundle().JSON(c.t)), append(header, "Content-Type", canary)...)))
	}
	for claim, value := range map[string]any{"helseid://claims/identity/pid": canary, "sub": canary, "name": canaryName, "aud": canary, "scope": canary, "iss": "https://" + canary, "exp": canary, "cnf": canary, "helseid://claims/hpr/hpr_number": canary,
		"nhn:tillitsrammeverk:parameters": canary, "helseid://claims/client/claims/orgnr_parent": canary, "jti": canary, canary: canary} {
		who := c.doctor.With(map[string]any{claim: value})
		c.keep("claim "+claim, who.Search(c.t, current(canary)))
		c.keep("claim "+claim+", opening", who.Get(c.t, documentPath(c.of.HomeCommunity, c.of.Repository, canary), "nhn-patient-nin", canary))
	}
	c.keep("method", c.writer.Do(c.t, c.request("X"+canary, "/R4/fhir/Bundle", canary)))
	c.keep("no scope", c.doctor.Upload(c.t, c.bundle().JSON(c.t)))
	other := c.Writer(c.t, servicetest.Organisation())
	c.keep("another organisation", other.Upload(c.t, c.bundle().JSON(c.t)))
	req := c.request(http.MethodGet, "/pingauth?"+canary, "")
	c.doctor.Sign(c.t, req)
	c.keep("a proof once", servicetest.Send(c.t, req.Clone(c.t.Context())))
	c.keep("a proof twice", servicetest.Send(c.t, req.Clone(c.t.Context())))
}

// logReaders: who reads of her in the audit log, where she does stand, as owner, inspector and Helsenorge; and is refused it.
func (c *cage) logReaders() {
	reader := func(scope string) *servicetest.Caller {
		return c.Caller(c.t, map[string]any{"aud": access.AudienceRead, "scope": []string{scope}, "client_id": "log-" + c.of.Name, "helseid://claims/client/claims/orgnr_parent": c.of.Organisations[0]})
	}
	given := map[string]int{}
	keep := func(operation, what string, a servicetest.Answer) {
		if c.keep(what, a).Status == http.StatusOK {
			given[operation]++
		}
	}
	form := func(who *servicetest.Caller, path string, more ...string) {
		fields := url.Values{"date": {"ge" + time.Now().UTC().Format(time.DateOnly), "le" + time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)}}
		for i := 0; i+1 < len(more); i += 2 {
			fields.Add(more[i], more[i+1])
		}
		keep("search", "log "+path+strings.Join(more, " "), who.Do(c.t, c.request(http.MethodPost, path, fields.Encode(), "Content-Type", "application/x-www-form-urlencoded")))
	}
	for _, scope := range []string{access.ScopeLogOwn, access.ScopeLogInspect, access.ScopeLogHelsenorge, access.ScopeReadList} {
		who := reader(scope)
		for _, more := range [][]string{nil, {"patient.identifier", servicetest.PatientSystem + "|" + canary}, {"patient.identifier", canary}, {"entity.identifier", canary}, {"agent.identifier", canary}, {canary, canary}} {
			form(who, "/R4/fhir/AuditEvent/_search", more...)
		}
		for _, path := range []string{"/R4/fhir/AuditEvent/" + canary, "/R4/fhir/AuditEvent?patient.identifier=" + canary, "/helsenorge/v1/feed", "/helsenorge/v1/feed?after=" + canary, "/audit/heads/" + canary} {
			keep("get", "log GET "+scope+path, who.Get(c.t, path))
		}
		for _, body := range []string{`{"patient":"` + canary + `"}`, `{"patient":"` + canary + `","` + canary + `":1}`, `"` + canary + `"`, canary} {
			keep("lookups", "lookups "+scope+body, who.Do(c.t, c.request(http.MethodPost, "/helsenorge/v1/lookups/_search", body, "Content-Type", "application/json")))
		}
	}
	if len(given) != 3 {
		c.t.Errorf("of the log nobody was given more than %v", given)
	}
}

// TestCanaryIsFound: a detector that never fails proves nothing (design/trust.md §3). She is put into each place, and must be found there. Not
// parallel: the bucket is TestCanary's too.
func TestCanaryIsFound(t *testing.T) {
	c := newCage(t)
	if found := leaks(c.places()); len(found) != 0 {
		t.Fatalf("found before she was there: %v", found)
	}
	obs.NewLogger(c.Log, slog.LevelDebug, nil).Info("canary", "error", canaryName) // her number, standing alone, the logger takes out: the second net
	overwrite(t, c.store, "canary/"+c.of.SchemaName+"/"+canary, []byte("x"))
	defer func() { _ = c.store.Remove(t.Context(), "canary/"+c.of.SchemaName+"/"+canary) }()
	if err := os.WriteFile(filepath.Join(c.spool, "left"), []byte(canary), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{`update control.tenant set name = '` + strings.ToLower(canaryName) + canary + `'`, `insert into jobs.river_job (args, kind, max_attempts, queue, state, scheduled_at) values ('{"x":"` + canary + `"}', 'x', 1, 'x', 'available', now())`} {
		if _, err := c.Owner.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	places := c.places()
	places["traces"] += canaryName
	places["metrics"] += "requests{path=\"/" + canary + "\"} 1" // metrics are ours alone to write
	if found := leaks(places); len(found) != len(places) {
		t.Errorf("she was put into %d places and found in %d:\n%s", len(places), len(found), strings.Join(found, "\n"))
	}
	if c.keep("told", servicetest.Answer{Status: 400, Body: []byte(canaryName)}); len(leaks(c.answers)) != 1 {
		t.Error("an error text that names her passes")
	}
	if c.keep("linked", servicetest.Answer{Status: 200, Body: []byte(`{"url":"` + c.URL + `/x?` + canary + `"}`)}); len(leaks(c.answers)) != 2 {
		t.Error("an address that names her passes")
	}
}
