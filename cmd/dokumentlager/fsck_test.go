package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/blob"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/lifecycle"
	"dokumentlager/internal/tenant"

	"github.com/google/uuid"
)

// stored runs a command on the service's stores and returns its exit code.
func stored(t *testing.T, s *servicetest.Service, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := s.Parts
	cmd, out, errs := program(t, env(map[string]string{"database.url": p.AppURL, "s3.endpoint": p.S3.Endpoint, "s3.bucket": p.S3.Bucket,
		"s3.access_key": p.S3.AccessKey, "s3.secret_key": p.S3.SecretKey, "secrets.locator_key": s.LocatorKey}), args...)
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

// orphan puts an object that no row names.
func orphan(t *testing.T, s *servicetest.Service, of tenant.Tenant) string {
	t.Helper()
	a := s.Parts.S3
	store, err := blob.NewS3(blob.Config{Endpoint: a.Endpoint, Bucket: a.Bucket, AccessKey: a.AccessKey, SecretKey: a.SecretKey, PathStyle: true})
	if err != nil {
		t.Fatal(err)
	}
	key, sum := uuid.NewString(), sha256.Sum256([]byte("orphan"))
	if err := store.Put(t.Context(), "d/"+of.SchemaName+"/"+key, bytes.NewReader([]byte("orphan")), 6, sum[:]); err != nil {
		t.Fatal(err)
	}
	return key
}

// TestFsckAndSweepCommands: one orphan's way, with the exit code of each step.
func TestFsckAndSweepCommands(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	if a := s.Writer(t, of.Organisations[0]).Upload(t, servicetest.BundleFor(of).JSON(t)); a.Status/100 != 2 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	key := orphan(t, s, of)
	here := []string{"--tenant", of.Name, "--grace", "0s"}
	for _, step := range []struct {
		args           []string
		code           int
		stdout, stderr string
	}{
		{[]string{"fsck", "--tenant", of.Name, "--deep"}, 0, "", "1 tenants, 2 objects, 0 findings"},
		{append([]string{"fsck"}, here...), 1, "object-orphan         object=" + key + "  6 bytes", "1 findings"},
		{append([]string{"sweep", "--dry-run"}, here...), 1, "would be removed", "there is something to sweep"},
		{[]string{"sweep", "--tenant", of.Name}, 0, "", "removed: 0 objects"},
		{append([]string{"sweep"}, here...), 0, key + "  6 bytes", "Warning: with --grace 0s"},
		{append([]string{"sweep", "--dry-run"}, here...), 0, "", "would be removed: 0 objects"},
		{append([]string{"fsck", "--deep", "--json"}, here...), 0, "", "0 findings"},
		{[]string{"fsck", "--tenant", "no-such"}, 3, "", "no such instance"},
		{[]string{"fsck", "--parallel", "0"}, 2, "", "--parallel is from 1 to 64"},
		{[]string{"sweep", "--grace=-1s"}, 2, "", "must not be negative"},
	} {
		code, stdout, stderr := stored(t, s, step.args...)
		if code != step.code || !strings.Contains(stdout, step.stdout) || step.stdout == "" && stdout != "" || !strings.Contains(stderr, step.stderr) {
			t.Errorf("%v: exit code %d, want %d\nstdout: %s\nstderr: %s", step.args, code, step.code, stdout, stderr)
		}
	}
}

// TestFindingsAsJSON: one object per line, with the fields that docs/operations.md names.
func TestFindingsAsJSON(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	keys := []string{orphan(t, s, of), orphan(t, s, of)}
	_, stdout, _ := stored(t, s, "fsck", "--json", "--tenant", of.Name, "--grace", "0s")
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", stdout)
	}
	for _, line := range lines {
		var f lifecycle.Finding
		if err := json.Unmarshal([]byte(line), &f); err != nil || f.Tenant != of.Name || f.Kind != lifecycle.ObjectOrphan || f.Severity != lifecycle.Warning ||
			f.Object != keys[0] && f.Object != keys[1] || f.Detail == "" {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// TestStoresAreNeeded: all that is missing is told at once, and that it could not be checked.
func TestStoresAreNeeded(t *testing.T) {
	t.Parallel()
	cmd, _, stderr := program(t, []string{"DOKUMENTLAGER_DATABASE_URL=postgres://x/y"}, "fsck")
	_ = cmd.Run()
	for _, key := range []string{"s3.endpoint", "s3.bucket", "s3.access_key", "s3.secret_key", "secrets.locator_key"} {
		if !strings.Contains(stderr.String(), key) {
			t.Errorf("%s is not told: %s", key, stderr)
		}
	}
	if code := cmd.ProcessState.ExitCode(); code != exitUnchecked {
		t.Errorf("exit code %d", code)
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	if got, want := barLine(lifecycle.Progress{Share: 0.5, Objects: 12, Findings: 3}, "findings"), "[===============               ]  50 %  12 objects, 3 findings"; got != want {
		t.Errorf("%q", got)
	}
	var out bytes.Buffer
	b := &bar{out: &out, what: "findings"}
	b.show(lifecycle.Progress{Share: 1.5, Objects: 1000})
	b.show(lifecycle.Progress{Share: 1.5, Objects: 1001}) // too soon
	b.clear()
	b.clear()
	if text := out.String(); strings.Count(text, "1000") != 1 || strings.Contains(text, "1001") || strings.Count(text, "\r") != 3 || strings.Contains(text, "\n") {
		t.Errorf("%q", text)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if newBar(null, "").out != nil || newBar(&out, "").out != nil {
		t.Error("a bar where nobody looks")
	}
	b = &bar{out: &out, last: time.Now().Add(-time.Hour)}
	if b.show(lifecycle.Progress{}); b.wide == 0 {
		t.Error("nothing shown after a pause")
	}
}
