package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// console is a run of the program with what it said.
type console struct {
	t      *testing.T
	env    map[string]string
	bin    string
	stdin  string
	stdout bytes.Buffer
	stderr bytes.Buffer
}

var testNow = time.Date(2026, 5, 18, 14, 30, 0, 0, time.UTC)

// run runs the program and gives its exit code; stdout and stderr are those of this run alone.
func (c *console) run(args ...string) int {
	c.t.Helper()
	c.stdout.Reset()
	c.stderr.Reset()
	return run(&surroundings{ctx: c.t.Context(), stdin: strings.NewReader(c.stdin), stdout: &c.stdout, stderr: &c.stderr,
		getenv: func(name string) string { return c.env[name] }, now: func() time.Time { return testNow }, bin: c.bin}, args)
}

// must runs and demands an exit code and texts in what was said.
func (c *console) must(code int, args []string, texts ...string) string {
	c.t.Helper()
	got := c.run(args...)
	said := c.stdout.String() + c.stderr.String()
	if got != code {
		c.t.Fatalf("%v: exit code %d, want %d: %s", args, got, code, said)
	}
	for _, text := range texts {
		if !strings.Contains(said, text) {
			c.t.Errorf("%v: %q is missing in: %s", args, text, said)
		}
	}
	return said
}

func TestExitCodesAndErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		code int
		text string
	}{
		"version":           {[]string{"version"}, nil, 0, version},
		"no command":        {nil, nil, 2, "expected one of"},
		"unknown flag":      {[]string{"list", "--port", "7"}, nil, 2, "unknown flag --port"},
		"no patient":        {[]string{"list"}, nil, 2, "--patient"},
		"two places":        {[]string{"list", "--patient", "x", "--dir", "/a", "--stack", "/b"}, nil, 2, "can't be used together"},
		"token for nothing": {[]string{"token"}, nil, 2, "dlctl token METHOD URL"},
		"no stack there":    {[]string{"delete", "x", "--dir", "/no/such"}, nil, 1, "no dev stack runs there: /no/such/dev.json"},
		"stack by environment": {[]string{"delete", "x"}, map[string]string{"DLCTL_STACK": "/no/such.json"}, 1,
			"no dev stack runs there: /no/such.json"},
		"flag before environment": {[]string{"delete", "x", "--profile", "/no/profile"}, map[string]string{"DLCTL_STACK": "/no/such.json"}, 1, "/no/profile"},
		"two in the environment": {[]string{"delete", "x"}, map[string]string{"DLCTL_STACK": "/a", "DLCTL_PROFILE": "/b"}, 1,
			"DLCTL_STACK and DLCTL_PROFILE are both set"},
		"no service":     {[]string{"delete", "x"}, nil, 1, "no service is named: start one with `make demo`"},
		"bad patient":    {[]string{"make-bundle", "--patient", "17", "--file", "main.go"}, nil, 1, "write 11 digits"},
		"bad file kind":  {[]string{"make-bundle", "--patient", "17855599120", "--file", "main.go"}, nil, 1, `the extension ".go"`},
		"nowhere to put": {[]string{"make-bundle", "--patient", "17855599120", "--file", "testdata/list.golden", "--mime", "text/plain"}, nil, 1, "--home OID"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			con := &console{t: t, env: c.env}
			con.must(c.code, c.args, c.text)
		})
	}
}

// TestProfile reads a real environment's file, and names what is wrong with one.
func TestProfile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("key.jwk", `{"kty":"EC"}`)
	whole := "base_url: https://dl.example.no/\nissuer: https://helseid\nclient_id: epj\nprivate_jwk: key.jwk\norganisation: \"981275721\"\nscopes: [a, b]\n"
	got, err := where{Profile: write("whole.yaml", whole)}.site(&surroundings{})
	if err != nil {
		t.Fatal(err)
	}
	want := client{"epj", json.RawMessage(`{"kty":"EC"}`), "981275721", []string{"a", "b"}}
	if c := got.Clients[0]; c.ClientID != want.ClientID || string(c.PrivateJWK) != string(want.PrivateJWK) || c.Organisation != want.Organisation || len(c.Scopes) != 2 {
		t.Errorf("client %+v, want %+v", c, want)
	}
	if got.BaseURL != "https://dl.example.no" || got.address("/ping") != "https://dl.example.no/ping" {
		t.Errorf("base %q", got.BaseURL)
	}
	if _, err := got.identity(doctor, "", reading); err == nil || !strings.Contains(err.Error(), "dev stacks") {
		t.Errorf("a doctor in a real environment: %v", err)
	}
	for name, c := range map[string]struct{ content, want string }{
		"empty":   {"base_url: x\n", "missing: issuer, client_id, private_jwk, scopes"},
		"unknown": {whole + "scope: x\n", "scope"},
		"no key":  {strings.Replace(whole, "key.jwk", "other.jwk", 1), "private_jwk"},
		"no yaml": {"{", "cannot be read"},
	} {
		if _, err := readProfile(write(name+".yaml", c.content)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v lacks %q", name, err, c.want)
		}
	}
}

// TestDemoStack: the current folder goes before the program's own checkout.
func TestDemoStack(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if got := demoStack(filepath.Join(root, "bin")); got != "" {
		t.Errorf("found %s", got)
	}
	path := filepath.Join(root, "build", "demo", "dev.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := demoStack(filepath.Join(root, "bin")); got != path {
		t.Errorf("found %q, want %s", got, path)
	}
}
