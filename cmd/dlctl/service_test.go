package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/tenant"
)

// betanien is the organisation of the development HelseID's client epj-betanien.
const betanien = "981275721"

// testStack writes a dev.json for the service that this process runs.
func testStack(t *testing.T, s *servicetest.Service, of tenant.Tenant) string {
	t.Helper()
	stack := map[string]any{"base_url": s.URL, "issuer": s.STS.Issuer(), "token_endpoint": s.STS.TokenEndpoint(), "test_token_endpoint": s.STS.TestTokenEndpoint(),
		"test_saml_endpoint": s.STS.TestSAMLEndpoint(),
		"tenants":            []stackTenant{{of.Name, of.HomeCommunity, of.Organisations}}}
	var clients []client
	for _, c := range s.STS.Clients() {
		clients = append(clients, client{c.ClientID, c.PrivateJWK, c.Organisations[0], c.Scopes})
	}
	stack["clients"] = clients
	content, err := json.Marshal(stack)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "dev.json")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// field takes the value of a line such as "  document  <id>" out of what a command said.
func field(t *testing.T, said, name string) string {
	t.Helper()
	for line := range strings.Lines(said) {
		if words := strings.Fields(line); len(words) == 2 && words[0] == name {
			return words[1]
		}
	}
	t.Fatalf("no %s in: %s", name, said)
	return ""
}

// tampered is a bundle whose document has another size than it says.
func tampered(t *testing.T, c *console, file string) string {
	t.Helper()
	bundle := c.must(0, []string{"make-bundle", "--patient", "17855599120", "--file", file})
	path := filepath.Join(t.TempDir(), "tampered.json")
	changed := regexp.MustCompile(`"size": \d+`).ReplaceAllString(bundle, `"size": 1`)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestMainJob goes the whole way over the real service: bundle, validate, upload, list, open, close, delete, each refusal told.
func TestMainJob(t *testing.T) {
	t.Parallel()
	service := servicetest.Start(t)
	of := service.Tenant(t, func(d *administration.Draft) { d.Organisations = []string{betanien} })
	c := &console{t: t, env: map[string]string{"DLCTL_STACK": testStack(t, service, of)}}
	dir := t.TempDir()
	in, bundle, out := filepath.Join("..", "..", "testdata", "demo", "epikrise.xml"), filepath.Join(dir, "bundle.json"), filepath.Join(dir, "out.xml")
	const patient = "17855599120"

	c.must(0, []string{"make-bundle", "--patient", patient, "--file", in, "--title", "Epikrise æøå", "-o", bundle})
	c.must(0, []string{"validate", bundle}, "would be accepted")
	c.must(0, []string{"list", "--patient", patient}, "No documents.")
	id := field(t, c.must(0, []string{"upload", bundle}, "Epikrise æøå", "application/xml"), "document")
	if again := field(t, c.must(0, []string{"upload", bundle}), "document"); again != id { // H3: sent again, answered as the first time
		t.Errorf("sent again the document is %s, and was %s", again, id)
	}
	c.must(1, []string{"upload", tampered(t, c, in)}, "400", "resource.content[0].attachment.size: The declared size is 1 bytes", "request id")
	c.must(0, []string{"list", "--patient", patient}, id, "Epikrise æøå", "STIFTELSEN BETANIEN")

	c.must(0, []string{"open", id, "--patient", patient, "-o", out}, "are the registered ones")
	want, err := os.ReadFile(in)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(out); !bytes.Equal(got, want) {
		t.Error("other bytes came out than went in")
	}
	c.must(1, []string{"open", id, "--patient", "13116900216"}, "no document with this id is listed")

	c.must(0, []string{"confidentiality", id, "N,NORS"}, "N, NORS")
	c.must(0, []string{"list", "--patient", patient}, "Sperret", "1 of 1 masked")
	c.must(1, []string{"open", id, "--patient", patient, "-o", filepath.Join(dir, "denied")}, "403", "[DLAccessDenied]")
	if _, err := os.Stat(filepath.Join(dir, "denied")); err == nil {
		t.Error("a denied document left a file")
	}
	c.must(1, []string{"confidentiality", id, "NORS"}, "DocumentReference.securityLabel")
	c.must(1, []string{"delete", id, "--client", "epj-oslo"}, "403")
	c.must(0, []string{"status", id}, "registry and repository")
	c.must(0, []string{"delete", id}, "deleted")
	c.must(1, []string{"delete", id}, "410")
	c.must(0, []string{"status", id}, "status    deleted")
	c.must(1, []string{"delete", id, "--client", "nobody"}, "no client is called nobody; there are epj-betanien")
	c.must(1, []string{"delete", id, "--client", "les-betanien"}, "no scope for writing")

	ever := []string{"audit", "--since", "2020-01-01T00:00:00Z", "--until", "2100-01-01T00:00:00Z", "--patient", patient}
	c.must(0, append(ever, "--tenant", of.Name, "--last", "0"), "Documents were sent in", "success", "Epikrise æøå", "A document was opened",
		"denied", "C2 DLAccessDenied", "GRØNN VITS", "A document was deleted")
	c.must(0, append(ever, "--as", "logg-betanien", "--last", "1"), "The audit log was searched")
	c.must(1, append(ever, "--as", "logg-oslo"), "owns no instance")
	c.must(1, []string{"audit", "--as", "epj-betanien"}, "no scope for reading the audit log")
}

// TestPagesEnd: what goes wrong behind the first page is an error, not the end of the list.
func TestPagesEnd(t *testing.T) {
	t.Parallel()
	var server *httptest.Server
	server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"resourceType":"Bundle","type":"searchset","link":[{"relation":"next","url":"%s/next"}]}`, server.URL)
	}))
	t.Cleanup(server.Close)
	key, err := helseid.NewProofKey()
	if err != nil {
		t.Fatal(err)
	}
	x := &exchange{&site{BaseURL: server.URL}, &identity{"x", key, func(context.Context) (string, error) { return "token", nil }}}
	seen := 0
	err = x.pages(t.Context(), "/x/_search", url.Values{}, func(*fhir.Bundle, *http.Response) (bool, error) { seen++; return true, nil })
	if err == nil || !strings.Contains(err.Error(), "503") || seen != 1 {
		t.Errorf("%d pages, %v", seen, err)
	}
}

// TestPaste: what token and curl print works in a shell, once.
func TestPaste(t *testing.T) {
	t.Parallel()
	service := servicetest.Start(t)
	of := service.Tenant(t)
	c := &console{t: t, env: map[string]string{"DLCTL_STACK": testStack(t, service, of)}}
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("curl is not installed")
	}
	shell := func(script string) string {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", script).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", script, err, out)
		}
		return string(out)
	}
	request := curl + ` -sS --noproxy '*' -H "Authorization: DPoP $TOKEN" -H "DPoP: $PROOF" -H 'nhn-source-system: a shell' --data-urlencode patient.identifier=13116900216 -d status=current "$BASE/R4/fhir/DocumentReference/_search"` + "\n"
	for _, args := range [][]string{{"token", "post", "/R4/fhir/DocumentReference/_search"},
		{"token", "POST", service.URL + "/R4/fhir/DocumentReference/_search"}} {
		said := shell(c.must(0, args) + request + request)
		if strings.Count(said, `"searchset"`) != 1 || !strings.Contains(said, "OperationOutcome") {
			t.Errorf("%v: one request should have been answered and its repetition refused: %s", args, said)
		}
	}
	if said := shell(c.must(0, []string{"curl", "--print", "GET", "/pingauth", "--as", "doctor", "--", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}"})); said != "200" {
		t.Errorf("curl --print: %s", said)
	}
	c.must(0, []string{"curl", "GET", "/pingauth", "--", "--noproxy", "*", "-o", "/dev/null", "-w", "got %{http_code}"}, "got 200")
	c.must(1, []string{"token", "GET", "http://elsewhere/x"}, "tokens are sent nowhere else")
}
