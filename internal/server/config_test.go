package server_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/fault"
	"dokumentlager/internal/obs"
	"dokumentlager/internal/server"

	"github.com/google/go-cmp/cmp"
)

// signerKey is nobody's but these tests'.
const signerKey = "PRIVATE+KEY+dokumentlager.test+922012c2+AUPh6iuKvvQRtCcMrdlIDjbPyeGfgXvrwjvkhAcqlpXM"

const hexKey = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

// complete is an environment with all that serve needs.
func complete() map[string]string {
	return map[string]string{
		"PUBLIC_BASE_URL": "https://phr.example.no", "DATABASE_URL": "postgres://dl_app:hemmelig@db:5432/dl?sslmode=require&sslpassword=hemmelig",
		"S3_ENDPOINT": "https://s3.example.no", "S3_BUCKET": "dl", "S3_ACCESS_KEY": "A", "S3_SECRET_KEY": "hemmelig",
		"CLAMD_ADDRESS": "clamd:3310", "HELSEID_ISSUER": "https://helseid.example.no",
		"SECRETS_LOCATOR_KEY": hexKey, "SECRETS_CURSOR_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "AUDIT_SIGNING_KEY": signerKey,
	}
}

func environ(values map[string]string) []string {
	out := []string{"PATH=/bin", "DOKUMENT=x"}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		out = append(out, server.EnvPrefix+name+"="+values[name])
	}
	return out
}

func yamlFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "dokumentlager.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// told is location and text of every problem.
func told(err error) []string {
	var problems fault.Problems
	if err == nil || !errors.As(err, &problems) {
		return nil
	}
	var out []string
	for _, p := range problems {
		out = append(out, p.Location+": "+p.Safe)
	}
	return out
}

func TestConfigFromEnvironmentAndFile(t *testing.T) {
	t.Parallel()
	values := complete()
	values["LIMITS_REQUEST"] = "100MiB"
	file := yamlFile(t, `
listen: 0.0.0.0:9000
limits: {request: 1GiB, header_timeout: 3s, in_flight: 7}
database:
  pools: 2
s3:
helseid:
  write_audiences: [a, b]
  scope_aliases: ["x/y=nhn:phr/mhd/read-document"]
synthetic_identities: true
log_level: debug
`)
	cfg, err := server.LoadConfig(file, environ(values), server.Serving)
	if err != nil {
		t.Fatal(err)
	}
	// The environment wins over the file, the file over the default.
	got := []any{cfg.Listen, cfg.Limits.Request, cfg.Limits.HeaderTimeout, cfg.Limits.InFlight, cfg.Database.Pools, cfg.Database.ConnsPerPool,
		cfg.HelseID.WriteAudiences, cfg.HelseID.ScopeAliases, cfg.SyntheticIdentities, cfg.LogLevel, cfg.HelseID.ProofLife, cfg.S3.PathStyle}
	want := []any{"0.0.0.0:9000", server.Size(100 << 20), 3 * time.Second, 7, 2, 5,
		[]string{"a", "b"}, map[string]string{"x/y": "nhn:phr/mhd/read-document"}, true, slog.LevelDebug, 10 * time.Second, true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if cfg.Secrets.LocatorKey != cfg.Secrets.CursorKey || cfg.Secrets.LocatorKey[31] != 0x1f {
		t.Error("hexadecimal and base64 of the same bytes must give the same key")
	}
}

func TestConfigErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file   string
		change map[string]string
		want   []string
	}{
		"unknown key in the file": {"databse: {url: x}", nil, []string{"databse.url: The key is unknown; the nearest known one is database.url."}},
		"unknown group":           {"clam: {}", nil, []string{"clam: The key is unknown; the nearest known one is listen."}},
		"a group that is a value": {"s3: 7", nil, []string{"s3: The key is unknown"}},
		"a value that is a group": {"listen: {host: x}", nil, []string{"listen.host: The key is unknown; the nearest known one is listen."}},
		"unknown variable": {"", map[string]string{"S3_ENDPONT": "x"},
			[]string{"DOKUMENTLAGER_S3_ENDPONT: The environment variable is unknown; the nearest known one is DOKUMENTLAGER_S3_ENDPOINT."}},
		"not YAML":            {"a: [", nil, []string{"file: The configuration file is not YAML: line"}},
		"same key twice":      {"listen: a:1\nlisten: b:2", nil, []string{"file: The configuration file is not YAML"}},
		"missing":             {"", map[string]string{"S3_BUCKET": ""}, []string{"s3.bucket: A value is missing: bucket, without versions. Set s3.bucket in the file, or DOKUMENTLAGER_S3_BUCKET."}},
		"duration":            {"", map[string]string{"CLAMD_DEADLINE": "10"}, []string{"clamd.deadline: The value must be a duration such as 10s or 2m."}},
		"no deadline at all":  {"", map[string]string{"CLAMD_DEADLINE": "0s"}, []string{"clamd.deadline: The value must be above zero."}},
		"negative duration":   {"", map[string]string{"HELSEID_LEEWAY": "-1s"}, []string{"helseid.leeway: The value must be a duration"}},
		"size":                {"", map[string]string{"LIMITS_REQUEST": "60MB"}, []string{"limits.request: The value must be a size"}},
		"size that overflows": {"", map[string]string{"LIMITS_REQUEST": "9999999999GiB"}, []string{"limits.request: The value must be a size"}},
		"no request limit":    {"limits: {request: 0}", nil, []string{"limits.request: The value must be above zero."}},
		"number":              {"database: {pools: many}", nil, []string{"database.pools: The value must be a whole number."}},
		"number out of range": {"database: {pools: 0}", nil, []string{"database.pools: The value must be a whole number from 1 to 64."}},
		"bool":                {"synthetic_identities: perhaps", nil, []string{"synthetic_identities: The value must be true or false."}},
		"level":               {"log_level: loud", nil, []string{"log_level: The value must be debug, info, warn or error."}},
		"address":             {"listen: 8080", nil, []string{"listen: The value must be host:port"}},
		"url":                 {"", map[string]string{"PUBLIC_BASE_URL": "phr.example.no"}, []string{"public_base_url: The value must be an http or https URL"}},
		"url with password":   {"", map[string]string{"S3_ENDPOINT": "https://a:hemmelig@b"}, []string{"s3.endpoint: The value must be an http or https URL without user"}},
		"database url":        {"", map[string]string{"DATABASE_URL": "host=db password=hemmelig"}, []string{"database.url: The value must be a postgres:// URL."}},
		"short key":           {"", map[string]string{"SECRETS_CURSOR_KEY": "hemmelig"}, []string{"secrets.cursor_key: The value must be 32 bytes"}},
		"key of zeros":        {"", map[string]string{"SECRETS_CURSOR_KEY": strings.Repeat("0", 64)}, []string{"secrets.cursor_key: The value must not be all zeros."}},
		"aliases":             {"helseid: {scope_aliases: [x]}", nil, []string{"helseid.scope_aliases: The value must be a list of spelling=canonical."}},
		"folder":              {"spool_dir: /no/such/folder", nil, []string{"spool_dir: The value must be a folder that exists."}},
		"secret twice":        {"secrets: {cursor_key_file: /x}", nil, []string{"secrets.cursor_key: It is given twice"}},
		"secret's file missing": {"secrets: {cursor_key_file: /no/such/file}", map[string]string{"SECRETS_CURSOR_KEY": ""},
			[]string{"secrets.cursor_key_file: The file cannot be read."}},
		"a setting has no file": {"s3: {bucket_file: /x}", nil, []string{"s3.bucket_file: The key is unknown; the nearest known one is s3.bucket."}},
		"all at once": {"x: 1\nlimits: {request: big}", map[string]string{"S3_BUCKET": "", "NONSENSE": "1"},
			[]string{"x: The key is unknown", "DOKUMENTLAGER_NONSENSE: The environment variable is unknown", "s3.bucket: A value is missing", "limits.request: The value must be"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := complete()
			maps.Copy(values, c.change)
			file := ""
			if c.file != "" {
				file = yamlFile(t, c.file)
			}
			_, err := server.LoadConfig(file, environ(values), server.Serving)
			got := told(err)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %q", got, c.want)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("got %q, want %q", got[i], c.want[i])
				}
			}
			if err == nil || strings.Contains(err.Error(), "hemmelig") {
				t.Errorf("a secret stands in the error: %v", err)
			}
		})
	}
}

func TestConfigFileThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := server.LoadConfig("/no/such/file", environ(complete()), server.Serving)
	if diff := cmp.Diff([]string{"file: The configuration file cannot be opened."}, told(err)); diff != "" {
		t.Error(diff)
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	values := complete()
	delete(values, "SECRETS_LOCATOR_KEY")
	values["SECRETS_LOCATOR_KEY_FILE"] = yamlFile(t, hexKey+"\n")
	cfg, err := server.LoadConfig("", environ(values), server.Serving)
	if err != nil || cfg.Secrets.LocatorKey[1] != 1 {
		t.Errorf("got %v, %v", cfg.Secrets.LocatorKey[1], err)
	}
}

func TestPurposesNeedWhatTheyUse(t *testing.T) {
	t.Parallel()
	for purpose, missing := range map[server.Purpose]int{
		server.Serving: 11, server.Reading: 1, server.Owning: 1, server.Reading | server.Owning: 2,
	} {
		_, err := server.LoadConfig("", nil, purpose)
		if got := told(err); len(got) != missing {
			t.Errorf("purpose %d: %d missing values, want %d: %q", purpose, len(got), missing, got)
		}
	}
}

// TestConfigIsLoggedWithoutSecrets is the canary of the "logged at start without secrets".
func TestConfigIsLoggedWithoutSecrets(t *testing.T) {
	t.Parallel()
	cfg, err := server.LoadConfig("", environ(complete()), server.Serving)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	obs.NewLogger(&out, slog.LevelInfo, func(key string) { t.Errorf("unknown key %s", key) }).Info("configuration", cfg.Log())
	line := out.String() + fmt.Sprintf("%v %+v %#v", cfg.Secrets, cfg.Secrets, cfg.Secrets)
	for _, secret := range []string{"hemmelig", hexKey, "AAECAw", "0x1e", "30, 31", "30 31"} {
		if strings.Contains(line, secret) {
			t.Errorf("%q stands in %s", secret, line)
		}
	}
	for _, want := range []string{`"database.url":"postgres://dl_app@db:5432/dl"`, `"s3.secret_key":"set"`, `"secrets.locator_key":"set"`,
		`"database.owner_url":"empty"`, `"limits.request":"256MiB"`, `"limits.document":"60MiB"`, `"clamd.deadline":"1m30s"`} {
		if !strings.Contains(line, want) {
			t.Errorf("missing %s in %s", want, line)
		}
	}
}
