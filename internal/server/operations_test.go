package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"
	"dokumentlager/internal/soap"
	"dokumentlager/internal/xds"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const (
	operationsPage = "../../docs/operations.md"
	dashboardFile  = "../../deploy/grafana/dokumentlager.json"
	alertsFile     = "../../deploy/prometheus/alerts.yaml"
	runbooks       = "docs/runbooks"
)

// TestOperations holds what operations go by to a service that runs: the page to what the code has, dashboard and alerts to the metrics there
// are, runbooks to the alerts; and then lets strangers flood it.
func TestOperations(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	if r.ready != nil {
		t.Fatal(r.ready)
	}
	_, text := r.get(t, "/metrics")
	found := families(t, text)
	rules := alerts(t)
	t.Run("page", func(t *testing.T) { page(t, found, rules) })
	t.Run("runbooks", func(t *testing.T) { hasRunbooks(t, rules) })
	t.Run("queries", func(t *testing.T) {
		for _, a := range rules {
			known(t, "alert "+a.Alert, a.Expr, found)
		}
		for title, query := range queries(t) {
			known(t, "panel "+title, query, found)
		}
	})
	t.Run("operations", r.named)
	t.Run("flood", r.flood)
}

// named: every address of the service has its operation, and none is named that is not there.
func (r *running) named(t *testing.T) {
	left := map[string]bool{}
	for _, address := range server.Named() {
		left[address] = true
	}
	err := chi.Walk(r.routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		delete(left, method+" "+route)
		if server.OperationOf(method, route) == server.Unnamed {
			t.Errorf("%s %s has no operation: name it in operations.go, as its audit event is named", method, route)
		}
		return nil
	})
	if err != nil || len(left) > 0 {
		t.Errorf("named and not there: %v, %v", left, err)
	}
}

// family is a metric: its labels with the values that it has.
type family struct {
	kind, help string
	labels     map[string]map[string]bool
}

var (
	sample = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? \S+$`)
	label  = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
)

// families reads Prometheus' text format.
func families(t *testing.T, text string) map[string]*family {
	t.Helper()
	found := map[string]*family{}
	last := ""
	for scan := bufio.NewScanner(strings.NewReader(text)); scan.Scan(); {
		words := strings.SplitN(scan.Text(), " ", 4)
		switch {
		case words[0] == "#" && words[1] == "HELP":
			last = words[2]
			found[last] = &family{help: words[3], labels: map[string]map[string]bool{}}
		case words[0] == "#" && words[1] == "TYPE":
			found[last].kind = words[3]
		default:
			parts := sample.FindStringSubmatch(scan.Text())
			if parts == nil {
				t.Fatalf("not of Prometheus' format: %s", scan.Text())
			}
			for _, pair := range label.FindAllStringSubmatch(parts[2], -1) {
				if pair[1] == "le" || found[last].kind == "summary" {
					continue
				}
				if found[last].labels[pair[1]] == nil {
					found[last].labels[pair[1]] = map[string]bool{}
				}
				found[last].labels[pair[1]][pair[2]] = true
			}
		}
	}
	if len(found) < 40 {
		t.Fatalf("only %d metrics", len(found))
	}
	return found
}

// rule is an alert.
type rule struct {
	Alert, Expr, For    string
	Labels, Annotations map[string]string
}

func alerts(t *testing.T) (all []rule) {
	t.Helper()
	text, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Groups []struct{ Rules []rule } }
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	if err := decoder.Decode(&file); err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Groups {
		all = append(all, group.Rules...)
	}
	if len(all) < 15 {
		t.Fatalf("only %d alerts", len(all))
	}
	return all
}

// queries are the dashboard's, by panel.
func queries(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID      int
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	out, ids := map[string]string{}, map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] {
			t.Errorf("two panels are number %d", p.ID)
		}
		ids[p.ID] = true
		for i, target := range p.Targets {
			out[fmt.Sprintf("%d %s %d", p.ID, p.Title, i)] = target.Expr
		}
	}
	if len(out) < 40 {
		t.Fatalf("only %d queries", len(out))
	}
	return out
}

var (
	selector = regexp.MustCompile(`\b((?:dokumentlager|go|process)_[a-z_]+)(?:\{([^}]*)\})?`)
	matcher  = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"([^"]*)"`)
	grouping = regexp.MustCompile(`\b(?:by|without) \(([^)]*)\)`)
)

// known demands that each metric of a query is there, with the labels and the values it asks for.
func known(t *testing.T, where, query string, found map[string]*family) {
	t.Helper()
	all := selector.FindAllStringSubmatch(query, -1)
	if len(all) == 0 && !strings.Contains(query, "up{") {
		t.Errorf("%s asks for nothing of ours: %s", where, query)
	}
	labels := map[string]bool{"le": true, "instance": true, "job": true}
	for _, s := range all {
		f := found[s[1]]
		for _, suffix := range []string{"_bucket", "_count", "_sum"} {
			if name, cut := strings.CutSuffix(s[1], suffix); f == nil && cut && found[name] != nil && found[name].kind == "histogram" {
				f = found[name]
			}
		}
		if f == nil {
			t.Errorf("%s: there is no metric %s", where, s[1])
			continue
		}
		for name := range f.labels {
			labels[name] = true
		}
		for _, m := range matcher.FindAllStringSubmatch(s[2], -1) {
			switch values := f.labels[m[1]]; {
			case m[1] == "instance" || m[1] == "job": // Prometheus' own
			case values == nil:
				t.Errorf("%s: %s has no label %s", where, s[1], m[1])
			case m[2] == "=" && !values[m[3]] && m[1] != "class" && m[1] != "route":
				t.Errorf("%s: %s has no %s %q", where, s[1], m[1], m[3])
			}
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(query, -1) {
		for name := range strings.SplitSeq(g[1], ",") {
			if !labels[strings.TrimSpace(name)] {
				t.Errorf("%s: nothing in it has a label %s", where, name)
			}
		}
	}
}

// hasRunbooks: every alert has a page with its name, and every page an alert.
func hasRunbooks(t *testing.T, rules []rule) {
	t.Helper()
	var want []string
	for _, a := range rules {
		book := a.Annotations["runbook"]
		want = append(want, path.Base(book))
		text, err := os.ReadFile(filepath.Join("../..", book))
		switch {
		case err != nil || path.Dir(book) != runbooks:
			t.Errorf("%s: runbook %q: %v", a.Alert, book, err)
		case !strings.HasPrefix(string(text), "# "+a.Alert+"\n"), !strings.Contains(string(text), "\n## Look\n"), !strings.Contains(string(text), "\n## Do\n"):
			t.Errorf("%s does not say what %s means, where to look and what to do", book, a.Alert)
		}
		if a.Annotations["summary"] == "" || !slices.Contains([]string{"page", "ticket"}, a.Labels["severity"]) {
			t.Errorf("%s has no summary or severity", a.Alert)
		}
	}
	entries, err := os.ReadDir(filepath.Join("../..", runbooks))
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, e := range entries {
		have = append(have, e.Name())
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, have); diff != "" {
		t.Errorf("alerts (-) and pages (+) differ: %s", diff)
	}
}

// page holds the tables of docs/operations.md to the code.
func page(t *testing.T, found map[string]*family, rules []rule) {
	t.Helper()
	tables := map[string]string{"keys": keysTable(), "metrics": metricsTable(found), "alerts": alertsTable(rules), "attributes": attributesList()}
	before, err := os.ReadFile(operationsPage)
	if err != nil {
		t.Fatal(err)
	}
	after := string(before)
	for name, table := range tables {
		between := regexp.MustCompile(`(?s)(<!-- ` + name + `: [^\n]*-->\n).*?(<!-- /` + name + ` -->)`)
		if !between.MatchString(after) {
			t.Fatalf("no place for %s", name)
		}
		after = between.ReplaceAllString(after, "${1}\n"+strings.ReplaceAll(table, "$", "$$")+"\n${2}")
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(operationsPage, []byte(after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(after, string(before)); diff != "" {
		t.Errorf("docs/operations.md is not what the code says; run with -update (-want +got):\n%s", diff)
	}
}

func keysTable() string {
	out := "| Key | What it is |\n|---|---|\n"
	for _, key := range slices.Sorted(maps.Keys(obs.Keys)) {
		out += fmt.Sprintf("| `%s` | %s |\n", key, obs.Keys[key])
	}
	return out
}

func metricsTable(found map[string]*family) string {
	out := "| Metric | Kind | Labels | What it is |\n|---|---|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(found)) {
		if !strings.HasPrefix(name, "dokumentlager_") {
			continue
		}
		labels := strings.Join(slices.Sorted(maps.Keys(found[name].labels)), "`, `")
		if labels != "" {
			labels = "`" + labels + "`"
		}
		out += fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, found[name].kind, labels, found[name].help)
	}
	return out
}

func alertsTable(rules []rule) string {
	out := "| Alert | Severity | Page |\n|---|---|---|\n"
	for _, a := range rules {
		book := strings.TrimPrefix(a.Annotations["runbook"], "docs/")
		out += fmt.Sprintf("| %s | %s | [%s](%s) |\n", a.Alert, a.Labels["severity"], strings.TrimSuffix(path.Base(book), ".md"), book)
	}
	return out
}

func attributesList() string {
	out := ""
	for _, key := range obs.SpanAttributes {
		out += fmt.Sprintf("* `%s`\n", key)
	}
	return out
}

// flood is three thousand requests of strangers, of every kind: at most twenty series come of them, few lines, and no word of theirs (test 17).
func (r *running) flood(t *testing.T) {
	const word = "Zaphod13116900216"
	_, text := r.get(t, "/metrics")
	before := series(text)
	written := len(r.log.String())
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", word}
	paths := []string{"/R4/fhir/Bundle", "/R4/fhir/Bundle/$validate", "/R4/fhir", "/R4/fhir/DocumentReference", "/R4/fhir/DocumentReference/" + word, "/R4/fhir/DocumentReference/_search",
		"/R4/fhir/List", "/R4/fhir/List/" + word, "/R4/fhir/Patient/" + word, "/mhd/document?x=" + word, "/pingauth", "/api/rest/document-status", "/R4/fhir/AuditEvent/_search",
		"/R4/fhir/AuditEvent/" + word, "/audit/heads", "/audit/heads/" + word, "/audit/key", "/helsenorge/v1/feed", "/helsenorge/v1/lookups/_search",
		xds.Gateway, xds.Registry, xds.Repository, xds.Gateway + "/" + word,
		"/R4/fhir/metadata", "/docs", "/openapi.yaml", "/ping", "/healthz", "/readyz", "/metrics", "/" + word, "/R4/" + word + "?" + word, "/%2e%2e/" + word}
	tokens := []string{"", word, "DPoP " + word, "Bearer " + word, "DPoP a." + word + ".c", "DPoP eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0Iiwia2lkIjoi" + word + "In0.e30.x"}
	messages := map[string][]byte{
		xds.Gateway:    servicetest.Envelope(xds.Gateway, "urn:ihe:iti:2007:CrossGatewayQuery", []byte("<a>"+word+"</a>"), "<b>"+word+"</b>"),
		xds.Registry:   servicetest.Envelope(xds.Registry, "urn:ihe:iti:2007:RegistryStoredQuery", []byte("<a>"+word+"</a>"), ""),
		xds.Repository: servicetest.Envelope(xds.Repository, word, []byte("<"+word+"/>"), word),
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
	asked, began := 0, time.Now()
	for asked < 3000 {
		for _, m := range methods {
			path := paths[asked%len(paths)]
			req, err := http.NewRequestWithContext(t.Context(), m, r.base+path, bytes.NewReader(messages[path]))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
			for _, name := range []string{"nhn-event-id", "nhn-source-system", "User-Agent", "DPoP", "Idempotency-Key"} {
				req.Header.Set(name, word)
			}
			if messages[path] != nil {
				req.Header.Set("Content-Type", soap.ContentType(word))
			}
			if token := tokens[asked/len(paths)%len(tokens)]; token != "" {
				req.Header.Set("Authorization", token)
			}
			res, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
			asked++
		}
	}
	_, text = r.get(t, "/metrics")
	var fresh []string
	for s := range series(text) {
		if !before[s] {
			fresh = append(fresh, s)
		}
	}
	if len(fresh) > 20 {
		t.Errorf("%d series came of %d requests:\n%s", len(fresh), asked, strings.Join(fresh, "\n"))
	}
	log := r.log.String()[written:]
	if n := strings.Count(log, `"msg":"request"`); n > server.FloodLines*(2+int(time.Since(began)/(10*time.Second))) || n < server.FloodLines {
		t.Errorf("%d lines of %d requests", n, asked)
	}
	if strings.Contains(text+log, "Zaphod") {
		t.Error("a stranger's word is in metrics or log")
	}
	// Of those with an assertion, or where one was missing, a few have events, and the rest of each minute one.
	var events int
	err := migrate(t, stacktest.Parts(t).OwnerURL).Pool().QueryRow(t.Context(), `select count(*) from control.audit_event where actor->>'kind' = 'nobody'`).Scan(&events)
	if most := (server.StrangersMost + 1) * (1 + int(time.Since(began)/time.Minute)); err != nil || events < server.StrangersMost || events > most {
		t.Errorf("%d events, %v", events, err)
	}
	t.Logf("%d requests, %d new series, %d lines", asked, len(fresh), strings.Count(log, "\n"))
}

// series are the names with labels, of all metrics.
func series(text string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(text) {
		if name, _, ok := strings.Cut(strings.TrimSpace(line), "} "); ok && !strings.HasPrefix(line, "#") {
			out[name] = true
		}
	}
	return out
}
