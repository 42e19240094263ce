package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dokumentlager/internal/job"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
)

// stack is a dev stack in a process of its own.
type stack struct {
	t      *testing.T
	dir    string
	cmd    *exec.Cmd
	stdout *bytes.Buffer
	stderr *bytes.Buffer
	file   devFile
	ended  chan error
}

// startStack starts one and waits for its dev.json.
func startStack(t *testing.T, dir string) *stack {
	t.Helper()
	s := &stack{t: t, dir: dir, ended: make(chan error, 1)}
	s.cmd, s.stdout, s.stderr = program(t, nil, "dev", "--dir", dir)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.ended <- s.cmd.Wait() }()
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		var err error
		if s.file, err = readDevFile(dir); err == nil && s.file.PID == s.cmd.Process.Pid {
			return s
		}
		select {
		case err := <-s.ended:
			t.Fatalf("the stack ended: %v: %s", err, s.stderr)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("no dev.json in %s", dir)
		}
	}
}

// stop signals and demands the end within ten seconds, with nothing left.
func (s *stack) stop(sig syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		if sig != syscall.SIGKILL && err != nil {
			s.t.Errorf("after %s: %v: %s", sig, err, s.stderr)
		}
	case <-time.After(10 * time.Second):
		s.t.Fatalf("still running 10 s after %s", sig)
	}
	for name, part := range s.file.Parts {
		for deadline := time.Now().Add(5 * time.Second); !errors.Is(syscall.Kill(part.PID, 0), syscall.ESRCH); time.Sleep(20 * time.Millisecond) {
			if time.Now().After(deadline) {
				s.t.Fatalf("%s (pid %d) is left after %s", name, part.PID, sig)
			}
		}
	}
}

// command runs an administration command on the stack and gives its lines.
func (s *stack) command(args ...string) []map[string]any {
	s.t.Helper()
	cmd, stdout, stderr := program(s.t, nil, append(args, "--dir", s.dir, "--json")...)
	if err := cmd.Run(); err != nil {
		s.t.Fatalf("%v: %v: %s", args, err, stderr)
	}
	var lines []map[string]any
	for line := range strings.Lines(stdout.String()) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			s.t.Fatalf("%v: not one object per line: %v: %s", args, err, line)
		}
		lines = append(lines, object)
	}
	return lines
}

func (s *stack) get(path string) (int, string) {
	s.t.Helper()
	resp, err := http.Get(s.file.BaseURL + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// TestDevStack goes through a dev stack's life: start, administration, a dead part, kill -9, a second start, SIGTERM.
func TestDevStack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil { // PostgreSQL runs as another user when we are root
		t.Fatal(err)
	}
	s := startStack(t, dir)
	checkDevFile(t, s)
	checkAdministration(t, s)
	checkServing(t, s)
	if lines := append(s.command("fsck", "--deep"), s.command("sweep", "--grace", "0s")...); lines != nil {
		t.Errorf("a new stack is not clean: %v", lines)
	}
	checkSecondStack(t, dir)
	first := s.file

	s.stop(syscall.SIGKILL)
	s = startStack(t, dir)
	if s.file.BaseURL != first.BaseURL || s.file.Issuer != first.Issuer || s.file.DatabaseURL != first.DatabaseURL {
		t.Errorf("addresses changed from %s, %s to %s, %s", first.BaseURL, first.Issuer, s.file.BaseURL, s.file.Issuer)
	}
	if diff := cmp.Diff(first.Tenants, s.file.Tenants); diff != "" {
		t.Error(diff)
	}
	if lines := s.command("tenant", "show", "oslo"); lines[0]["state"] != "suspended" {
		t.Errorf("the second start forgot a setting: %v", lines)
	}
	checkDeadPart(t, s)
	s.stop(syscall.SIGTERM)
	if !strings.Contains(s.stdout.String(), s.file.BaseURL) {
		t.Errorf("the summary lacks the address: %s", s.stdout)
	}
	if _, err := os.Stat(devPath(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("dev.json is there and nothing answers: %v", err)
	}
}

// checkDevFile compares the fields with those the issue names.
func checkDevFile(t *testing.T, s *stack) {
	t.Helper()
	content, err := os.ReadFile(devPath(s.dir))
	if err != nil {
		t.Fatal(err)
	}
	var raw struct {
		All     map[string]any
		S3      map[string]any            `json:"s3"`
		Parts   map[string]map[string]any `json:"parts"`
		Tenants []map[string]any          `json:"tenants"`
		Clients []map[string]any          `json:"clients"`
	}
	if err := errors.Join(json.Unmarshal(content, &raw), json.Unmarshal(content, &raw.All)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		got  map[string]any
		want string
	}{
		{raw.All, "base_url clamd clients database_url issuer parts pid s3 tenants test_person_endpoint test_saml_endpoint test_token_endpoint token_endpoint"},
		{raw.S3, "access_key bucket endpoint secret_key"},
		{raw.Parts["postgres"], "pid"}, {raw.Parts["s3"], "pid"}, {raw.Parts["clamd"], "pid"},
		{raw.Tenants[0], "home_community_id name organisations repository_unique_id schema"},
		{raw.Clients[0], "client_id organisation private_jwk scopes"},
	} {
		if got := strings.Join(slices.Sorted(maps.Keys(c.got)), " "); got != c.want {
			t.Errorf("fields %q, want %q", got, c.want)
		}
	}
	var tenants []string
	for _, tn := range s.file.Tenants {
		tenants = append(tenants, fmt.Sprint(tn.Name, " ", tn.HomeCommunity, " ", tn.Organisations))
		if !strings.HasPrefix(tn.Repository, tn.HomeCommunity+".") {
			t.Errorf("%s: the repository %s is not under its OID", tn.Name, tn.Repository)
		}
	}
	want := []string{"betanien 2.16.578.1.12.4.5.100.1.1 [981275721]", "oslo 2.16.578.1.12.4.5.100.3.19 [958935420]",
		"felles 2.16.578.1.12.4.5.100.4 [960510542 994598759]"}
	if diff := cmp.Diff(want, tenants); diff != "" {
		t.Error(diff)
	}
	for _, secret := range []string{devPath(s.dir), filepath.Join(s.dir, "keys.json")} {
		if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", secret, info.Mode(), err)
		}
	}
	if s.file.PID != s.cmd.Process.Pid {
		t.Errorf("pid %d", s.file.PID)
	}
}

func checkAdministration(t *testing.T, s *stack) {
	t.Helper()
	if lines := s.command("tenant", "list"); len(lines) != 3 || lines[0]["name"] != "betanien" {
		t.Errorf("tenant list: %v", lines)
	}
	made := s.command("tenant", "create", "legekontor", "--home-community", "2.16.578.1.12.4.5.100.8", "--repository", "2.16.578.1.12.4.5.100.8.1",
		"--organisation", "920204368,981275721", "--no-citizen", "--own-only", "--profile", "ihe")
	want := map[string]any{"personnel": true, "citizen": false, "own_organisation_only": true}
	if diff := cmp.Diff(want, made[0]["sharing"]); diff != "" || made[0]["profile"] != "ihe" {
		t.Errorf("%s %v", diff, made)
	}
	s.command("tenant", "set", "oslo", "--state", "suspended")
	if fmt.Sprint(made[0]["transactions"]) != fmt.Sprint(tenant.DefaultTransactions) {
		t.Errorf("a new tenant answers %v", made[0]["transactions"])
	}
	switched := s.command("tenant", "set", "legekontor", "--off", "ITI-41,ITI-62", "--on", "ITI-42")
	if got := fmt.Sprint(switched[0]["transactions"]); got != "[ITI-18 ITI-38 ITI-39 ITI-42 ITI-43 ITI-51 ITI-57 ITI-86 ITI-92]" {
		t.Errorf("switched to %s", got)
	}
	if none := s.command("tenant", "set", "legekontor", "--transactions", ""); fmt.Sprint(none[0]["transactions"]) != "[]" {
		t.Errorf("switched to %v", none[0]["transactions"])
	}
	checkAnswers(t, s)
	migrate, stdout, stderr := program(t, nil, "migrate", "--dir", s.dir)
	if err := migrate.Run(); err != nil || !strings.Contains(stdout.String(), "up to date") {
		t.Errorf("migrate: %v: %s", err, stderr)
	}
	if lines := s.command("quarantine", "list", "--tenant", "oslo"); len(lines) != 0 {
		t.Errorf("quarantine: %v", lines)
	}
	var operations []string
	for _, line := range s.command("audit", "list", "--tenant", "oslo") {
		operations = append(operations, fmt.Sprint(line["operation"], " ", line["action"], " ", line["outcome"]))
	}
	if diff := cmp.Diff([]string{"tenant-create E success", "tenant-set E success", "quarantine-list E success"}, operations); diff != "" {
		t.Error(diff)
	}
	s.command("audit", "list", "--control")
}

// checkAnswers: what was given up is listed without anything of a patient, and is put in line again with an event.
func checkAnswers(t *testing.T, s *stack) {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Config{URL: s.file.DatabaseURL, Pools: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	queue, err := job.NewQueue(db, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	// Nobody works this consumer's lane off: it is in no configuration.
	if err := queue.InsertAnswer(t.Context(), job.SendAnswer{Consumer: "gone", Transaction: "ITI-38", Accepted: time.Now(), Sealed: []byte("sealed")}, 1); err != nil {
		t.Fatal(err)
	}
	waiting := s.command("async", "list")
	if len(waiting) != 1 || waiting[0]["consumer"] != "gone" || waiting[0]["state"] != "waiting" || waiting[0]["transaction"] != "ITI-38" || len(s.command("async", "list", "--dead")) != 0 {
		t.Fatalf("async list: %v", waiting)
	}
	if n, err := queue.BuryAnswers(t.Context(), time.Now().Add(time.Hour)); n != 1 || err != nil {
		t.Fatalf("%d buried, %v", n, err)
	}
	if dead := s.command("async", "list", "--dead"); len(dead) != 1 || dead[0]["state"] != "dead" {
		t.Fatalf("async list --dead: %v", dead)
	}
	retry, stdout, stderr := program(t, nil, "async", "retry", "--all", "--dir", s.dir)
	if err := retry.Run(); err != nil || stdout.String() != "1 answers are in line again\n" {
		t.Errorf("async retry: %v %s %s", err, stdout, stderr)
	}
	var last map[string]any
	for _, line := range s.command("audit", "list", "--control") {
		last = line
	}
	if detail, _ := last["detail"].(map[string]any); last["operation"] != "async-retry" || last["action"] != "E" || detail["hits"] != 1.0 {
		t.Errorf("the event is %v", last)
	}
	if gone, _, _ := program(t, nil, "async", "retry", "999999", "--dir", s.dir); gone.Run() == nil {
		t.Error("an answer that is not there was retried")
	}
}

func checkServing(t *testing.T, s *stack) {
	t.Helper()
	for path, want := range map[string]int{"/ping": 200, "/healthz": 200, "/readyz": 200, "/metrics": 200, "/nowhere": 404} {
		if status, body := s.get(path); status != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	log, err := os.ReadFile(filepath.Join(s.dir, "log", "dokumentlager.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{s.file.S3.SecretKey, "owner_password"} {
		if bytes.Contains(log, []byte(secret)) {
			t.Errorf("%q stands in the log", secret)
		}
	}
	if !bytes.Contains(log, []byte(`"secrets.locator_key":"set"`)) {
		t.Error("the effective configuration is not in the log")
	}
}

// checkSecondStack: one stack at a time; the running one's dev.json survives the attempt.
func checkSecondStack(t *testing.T, dir string) {
	t.Helper()
	cmd, _, stderr := program(t, nil, "dev", "--dir", dir)
	if err := cmd.Run(); err == nil || !strings.Contains(stderr.String(), "another stack uses") {
		t.Errorf("got %v: %s", err, stderr)
	}
	if _, err := readDevFile(dir); err != nil {
		t.Error(err)
	}
}

// checkDeadPart: readiness names the part that died, the process lives on.
func checkDeadPart(t *testing.T, s *stack) {
	t.Helper()
	if err := syscall.Kill(s.file.Parts["s3"].PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	status, body := s.get("/readyz")
	if status != 503 || !strings.Contains(body, `"object store":"fails"`) || !strings.Contains(body, `"database":"ok"`) {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := s.get("/healthz"); status != 200 {
		t.Errorf("alive: %d", status)
	}
}
