package main

import (
	"bytes"
	rfc4180 "encoding/csv"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/fhir"

	"github.com/google/uuid"
)

// TestAuditExportCommand: the three forms have the same events, the file is its owner's alone and none is overwritten, and each export is an event.
func TestAuditExportCommand(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	if a := s.Writer(t, of.Organisations[0]).Upload(t, servicetest.BundleFor(of).JSON(t)); a.Status/100 != 2 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	if a := s.Doctor(t, of.Organisations[0]).Get(t, "/R4/fhir/DocumentReference/0d3a4a0e-3c3e-4f1a-9a55-0123456789ab"); a.Status != 404 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	written := func() int {
		lines, err := audit.Log{DB: s.DB}.List(t.Context(), of.Schema(), uuid.Nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		return len(lines)
	}
	already := written()
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	if err := os.WriteFile(in("there"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	here := []string{"audit", "export", "--tenant", of.Name}
	for i, step := range []struct {
		args   string
		code   int
		events int
		stderr string
	}{
		{"--format fhir --output " + in("a.ndjson"), 0, already, " events exported"},
		{"--format csv --output " + in("a.csv"), 0, already + 1, " events exported"},
		{"--format jsonl --output " + in("a.jsonl") + " --from 2026-01-01", 0, already + 2, " events exported"},
		{"--format jsonl --from 2026-01-01 --to 2026-01-02 --output " + in("none"), 0, 0, "0 events exported"},
		{"--output " + in("there"), 1, -1, "is there already, and nothing is overwritten"},
		{"--from 2026-02-01 --to 2026-01-01", 1, -1, "is not before"},
		{"--format xml", 2, -1, "--format must be one of"},
		{"--output " + in("no/such/folder"), 1, -1, "no such file"},
	} {
		code, stdout, stderr := inside(t, s, append(here, strings.Fields(step.args)...)...)
		if code != step.code || stdout != "" || !strings.Contains(stderr, step.stderr) {
			t.Errorf("%d %s: exit code %d, want %d\n%s\n%s", i, step.args, code, step.code, stdout, stderr)
		}
		if _, name, found := strings.Cut(step.args, "--output "); found && step.events >= 0 {
			checkExport(t, strings.Fields(name)[0], step.events)
		}
	}
	if left, err := filepath.Glob(in(".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
	// To standard output, as it is by default.
	code, stdout, stderr := inside(t, s, here...)
	if n := strings.Count(stdout, "\n"); code != 0 || n != written()-1 {
		t.Errorf("exit code %d, %d lines of %d events: %s", code, n, written()-1, stderr)
	}
	// A reader who leaves: the process lives to say so.
	left, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	left.Close()
	cmd, _, errs := program(t, env(map[string]string{"database.url": s.Parts.AppURL}), here...)
	cmd.Stdout = to
	_ = cmd.Run()
	to.Close()
	if lines, err := (audit.Log{DB: s.DB}).List(t.Context(), of.Schema(), uuid.Nil, 1000); err != nil || cmd.ProcessState.ExitCode() != 1 || lines[len(lines)-1].Outcome != "failed" {
		t.Errorf("broken pipe: %s, the last event %+v, %v: %s", cmd.ProcessState, lines[len(lines)-1], err, errs)
	}
	if code, _, stderr := inside(t, s, "audit", "export", "--control", "--format", "fhir", "--from", "2026-01-01", "--to", "2026-01-01"); code != 0 {
		t.Errorf("control: %d %s", code, stderr)
	}
}

// inside runs a command in this process: a start of the program for each takes longer than the command.
func inside(t *testing.T, s *servicetest.Service, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(&surroundings{ctx: t.Context(), stdout: &out, stderr: &errs, environ: env(map[string]string{"database.url": s.Parts.AppURL}), operator: "kari"}, args)
	return code, out.String(), errs.String()
}

// checkExport reads an export with readers that are not ours.
func checkExport(t *testing.T, name string, want int) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Error(err)
		return
	}
	if info, err := os.Stat(name); err != nil || info.Mode() != fs.FileMode(0o600) {
		t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
	}
	n := 0
	switch filepath.Ext(name) {
	case ".csv":
		rows, err := rfc4180.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			t.Error(err)
		}
		n = len(rows) - 1
	default:
		for line := range bytes.Lines(text) {
			n++
			if filepath.Ext(name) != ".ndjson" {
				if !json.Valid(line) {
					t.Errorf("no JSON: %s", line)
				}
				continue
			}
			if r, err := fhir.ParseResource(bytes.NewReader(line), 1<<20); err != nil || r.Type != "AuditEvent" {
				t.Errorf("no AuditEvent: %v: %s", err, line)
			}
		}
	}
	if n != want {
		t.Errorf("%s has %d events, want %d", name, n, want)
	}
}

// TestPublishNeverOverwrites: not even a file that came while the export ran.
func TestPublishNeverOverwrites(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "events")
	for _, want := range []string{"", "is there already"} {
		file, err := os.CreateTemp(filepath.Dir(name), ".partial-*")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := file.WriteString("first" + want); err != nil {
			t.Fatal(err)
		}
		if err := publish(file, name); want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("published: %v, want %q", err, want)
		}
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "first" {
		t.Errorf("%q %v", text, err)
	}
}
