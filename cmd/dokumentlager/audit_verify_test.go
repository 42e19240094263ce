package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/ledger"
	"dokumentlager/internal/sealing"

	"github.com/jackc/pgx/v5"
)

func audited(t *testing.T, s *servicetest.Service, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd, out, errs := program(t, env(map[string]string{"database.url": s.Parts.AppURL, "database.owner_url": s.Parts.OwnerURL, "audit.signing_key": s.AuditKey}),
		append([]string{"audit"}, args...)...)
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func fetch(t *testing.T, url string) string {
	t.Helper()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		t.Fatalf("%s: %s %v", url, res.Status, err)
	}
	return string(text)
}

// sealedHead waits until the published head of the log covers so many events.
func sealedHead(t *testing.T, s *servicetest.Service, origin string, size uint64) (note string) {
	t.Helper()
	trust, err := ledger.Trusting(strings.Fields(fetch(t, s.URL+"/audit/key"))...)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		for _, note := range ledger.SplitNotes(fetch(t, s.URL+"/audit/heads")) {
			head, err := trust.Open(note)
			if err != nil {
				t.Fatalf("%v: %s", err, note)
			}
			if head.Origin == origin && head.Size >= size {
				return note
			}
		}
	}
	t.Fatalf("no head of %s with %d events in a minute", origin, size)
	return ""
}

// TestAuditCommands: the running service seals and publishes; verify finds one row that was edited in the database and says which; and a deleted
// document's events stay.
func TestAuditCommands(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	writer := s.Writer(t, of.Organisations[0])
	a := writer.Upload(t, servicetest.BundleFor(of).JSON(t))
	if a.Status/100 != 2 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	entry := s.Events(t, of)[0].Entry
	if d := writer.Do(t, s.Request(t, http.MethodDelete, "/R4/fhir/DocumentReference/"+entry, nil)); d.Status/100 != 2 {
		t.Fatalf("%d %s", d.Status, d.Body)
	}
	events := s.Events(t, of)
	if len(events) != 2 || events[0].Action != "C" || events[1].Action != "D" {
		t.Fatalf("events of a document that was deleted: %+v", events)
	}
	kept := filepath.Join(t.TempDir(), "heads")
	if err := os.WriteFile(kept, []byte("\n"+sealedHead(t, s, ledger.Origin(of.HomeCommunity), 3)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	step := func(code int, out, err string, args ...string) string {
		t.Helper()
		got, stdout, stderr := audited(t, s, args...)
		if got != code || !strings.Contains(stdout, out) || !strings.Contains(stderr, err) {
			t.Errorf("%v: exit code %d\n%s\n%s", args, got, stdout, stderr)
		}
		return stdout
	}
	step(0, "", "1 logs, 3 sealed events, 0 waiting for their seal, 0 pruned, 0 findings", "verify", "--tenant", of.Name, "--heads", kept)
	table := pgx.Identifier{of.SchemaName, "audit_event"}.Sanitize()
	edit := func(to string) {
		t.Helper()
		if _, err := s.Owner.Pool().Exec(t.Context(), `update `+table+` set operation = $1 where id = $2`, to, events[0].ID); err != nil {
			t.Fatal(err)
		}
	}
	edit("nothing")
	step(1, "position=2  event="+events[0].ID.String(), "1 findings", "verify", "--tenant", of.Name)
	var found sealing.Finding
	if err := json.Unmarshal([]byte(step(1, "", "1 findings", "verify", "--tenant", of.Name, "--json")), &found); err != nil || found.Kind != sealing.EventEdited ||
		found.Event != events[0].ID.String() || found.Log != of.Name {
		t.Errorf("%v %+v", err, found)
	}
	step(3, "", "1 findings", "prune", "--tenant", of.Name)
	edit(events[0].Operation)
	step(0, "", "", "prune", "--tenant", of.Name)
	step(3, "", "no-such", "verify", "--tenant", "no-such")
	step(3, "", "head 1 of those that were kept", "verify", "--control", "--heads", "audit_verify_test.go")
	secret := strings.TrimSpace(step(0, "PRIVATE+KEY+x.example+", "x.example+", "key", "--name", "x.example"))
	if _, err := ledger.ParseKey(secret); err != nil {
		t.Error(err)
	}
	if after := s.Events(t, of); len(after) != 2 {
		t.Errorf("%d events after prune", len(after))
	}
}

// TestPruneByTwoClocks: a machine whose clock is wrong removes nothing.
func TestPruneByTwoClocks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	for _, off := range []time.Duration{0, 59 * time.Minute, -59 * time.Minute, 61 * time.Minute, -61 * time.Minute, 10 * 365 * 24 * time.Hour} {
		at, err := agreed(now.Add(off), now)
		if apart := off.Abs() > time.Hour; (err != nil) != apart || !apart && !at.Equal(now.Add(off)) {
			t.Errorf("%s apart: %s %v", off, at, err)
		}
	}
}
