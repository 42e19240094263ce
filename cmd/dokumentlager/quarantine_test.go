package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/scan"

	"github.com/google/uuid"
)

// as runs a command in this process as an operator and gives its exit code and output.
func as(t *testing.T, s *servicetest.Service, operator string, settings map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p := s.Parts
	values := map[string]string{"database.url": p.AppURL, "s3.endpoint": p.S3.Endpoint, "s3.bucket": p.S3.Bucket, "s3.access_key": p.S3.AccessKey,
		"s3.secret_key": p.S3.SecretKey, "secrets.locator_key": s.LocatorKey, "clamd.address": p.Clamd, "clamd.undated_signatures": "true"}
	for key, value := range settings {
		values[key] = value
	}
	var out, errs bytes.Buffer
	code = run(&surroundings{ctx: t.Context(), stdout: &out, stderr: &errs, environ: env(values), operator: operator}, args)
	return code, out.String(), errs.String()
}

// TestQuarantineCommands is the way of a false alarm through the desk, with the exit code of each step.
func TestQuarantineCommands(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	doc := servicetest.NewDoc()
	doc.Bytes = []byte("Epikrise " + uuid.NewString() + scan.EICAR())
	if a := s.Writer(t, of.Organisations[0]).Upload(t, servicetest.BundleFor(of, doc).JSON(t)); a.Status != http.StatusUnprocessableEntity {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	here := []string{"--tenant", of.Name, "--json"}
	_, list, _ := as(t, s, "kari", nil, append([]string{"quarantine", "list"}, here...)...)
	var found administration.Infected
	if err := json.Unmarshal([]byte(list), &found); err != nil || found.Entry != doc.ID || strings.Contains(list, servicetest.Patient) {
		t.Fatalf("%s: %v", list, err)
	}
	for _, step := range []struct {
		who            string
		args           string
		settings       map[string]string
		code           int
		stdout, stderr string
	}{
		{"kari", "show KEY", nil, 0, `"organisation":"` + of.Organisations[0], ""},
		{"kari", "show not-a-key", nil, 2, "", "the key is a UUID"},
		{"kari", "show 00000000-0000-4000-8000-000000000000", nil, 1, "", "key: No document with this key"},
		{"kari", "rescan KEY", nil, 0, `"verdict":"infected"`, ""},
		{"kari", "rescan KEY", map[string]string{"clamd.signature_age": "1ns", "clamd.undated_signatures": "false"}, 1, "", "signatures are too old"},
		{"kari", "rescan KEY", map[string]string{"clamd.address": "127.0.0.1:1"}, 1, "", "refused"},
		{"ola", "release KEY", nil, 1, "", "Nobody has approved"},
		{"kari", "approve KEY", nil, 2, "", "missing flags: --reason"},
		{"kari", "approve KEY --reason=falskalarm", nil, 0, `"approval":{"by":"kari"`, ""},
		{"kari", "release KEY", nil, 1, "", "another administrator must release"},
		{"ola", "release KEY", nil, 0, "", ""},
		{"ola", "destroy KEY --reason=virus", nil, 1, "", "may have been released or destroyed"},
	} {
		args := append([]string{"quarantine"}, strings.Fields(strings.ReplaceAll(step.args, "KEY", found.Key))...)
		code, stdout, stderr := as(t, s, step.who, step.settings, append(args, here...)...)
		if code != step.code || !strings.Contains(stdout, step.stdout) || !strings.Contains(stderr, step.stderr) {
			t.Errorf("%s %s: exit code %d, want %d\n%s\n%s", step.who, step.args, code, step.code, stdout, stderr)
		}
	}
	a := s.Doctor(t, of.Organisations[0]).Get(t, "/mhd/document?documentUniqueId="+doc.BinaryID+"&homeCommunityId="+of.HomeCommunity+
		"&repositoryUniqueId="+of.Repository, "nhn-patient-nin", servicetest.Patient)
	if a.Status != http.StatusOK || !bytes.Equal(a.Body, doc.Bytes) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
}

// TestRescanCommand: exit codes 0 clean, 1 findings, 3 could not scan.
func TestRescanCommand(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of, text := s.Tenant(t), "SENT-FUNN-"+uuid.NewString()
	doc := servicetest.NewDoc()
	doc.Bytes = []byte(text)
	if a := s.Writer(t, of.Organisations[0]).Upload(t, servicetest.BundleFor(of, doc).JSON(t)); a.Status/100 != 2 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	here := []string{"rescan", "--tenant", of.Name, "--rate", "100"}
	check := func(code int, stdout, stderr string, settings map[string]string, args ...string) {
		t.Helper()
		gotCode, gotOut, gotErr := as(t, s, "kari", settings, args...)
		if gotCode != code || !strings.Contains(gotOut, stdout) || !strings.Contains(gotErr, stderr) {
			t.Errorf("%v: exit code %d, want %d\n%s\n%s", args, gotCode, code, gotOut, gotErr)
		}
	}
	check(0, "", "scanned: 1 documents", nil, here...)
	if err := s.Parts.SetSignatures(t.Context(), devstack.Signatures{Database: 1, Built: time.Now(), Texts: map[string]string{"Sent.Funn": text}}); err != nil {
		t.Fatal(err)
	}
	check(1, "infected     "+of.Name, "infected: 1", nil, here...)
	check(0, "", "scanned: 0 documents", nil, here...)
	check(3, "", "refused", map[string]string{"clamd.address": "127.0.0.1:1"}, here...)
	check(3, "", "clamd.address: A value is missing", map[string]string{"clamd.address": ""}, here...)
	check(3, "", "signatures are too old", map[string]string{"clamd.signature_age": "1ns"}, here...)
	check(3, "", "no such instance", nil, "rescan", "--tenant", "no-such")
	check(2, "", "--rate is from 1 to 10000", nil, "rescan", "--rate=-1")
}
