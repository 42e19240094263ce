package server

import (
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/saml"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/configuration.md")

const (
	configurationPage = "../../docs/configuration.md"
	// secretsFolder is where the page's example has its secrets; the test puts its own there.
	secretsFolder = "/run/secrets/dokumentlager"
)

const configurationHead = `# Configuration

<!-- Generated from internal/server/settings.go. Change that, then run: go test ./internal/server -run TestConfigurationPage -update -->

A YAML file (` + "`--config FILE`" + `) and the environment; where both have a key, the environment wins. ` + "`database.url`" + ` in the file is
` + "`DOKUMENTLAGER_DATABASE_URL`" + ` in the environment. An unknown key, an unknown variable that begins with ` + "`DOKUMENTLAGER_`" + `, a missing value or an
unusable one is an error before the service listens; all errors are told at once, without the values.

A key marked *secret* can also be given as the name of a file that holds it: the same key with ` + "`_file`" + ` after it (` + "`secrets.cursor_key_file`" + `,
` + "`DOKUMENTLAGER_SECRETS_CURSOR_KEY_FILE`" + `). Secrets are never logged; the rest of the effective configuration is one log line at start.

## All keys

"Needed by" says which commands cannot do without the key: ` + "`serve`" + `; *lists* are ` + "`tenant list`, `tenant show`, `audit list` and `quarantine list`" + `;
*owner* commands are ` + "`migrate`, `tenant create` and `tenant set`" + `. Every key that is given is checked, whichever command is run: where a
secret's file must not be, leave its key out.

| Key | Environment variable | Value | Default | Needed by | What it is |
|---|---|---|---|---|---|
`

// configurationTail is a function for the sake of what helseid knows.
func configurationTail() string {
	return `
Where a list of audiences is empty, every spelling that NHN has used is taken:

` + audiencesText() + `
The largest document is 60 MiB and no setting (F5). Sizes are written as 256MiB, 64KiB or a number of bytes; durations as 10s or 2m; lists in YAML's way or
with commas; lists of objects in YAML's way, or as JSON in the environment; a key of 32 bytes is what ` + "`openssl rand -hex 32`" + ` prints.

## Issuers of assertions

Each of ` + "`saml.issuers`" + ` has all of these; a field of another name is refused.

| Field | What it is |
|---|---|
| ` + "`name`" + ` | saml:Issuer, compared exactly |
| ` + "`kind`" + ` | ` + "`personnel`, or `citizen`" + ` for citizens and those who act for them: what somebody is follows from who says so, never from what is said |
| ` + "`certificates`" + ` | PEM files, or folders of them, read again every 30 seconds: put the next one beside the old one before the issuer changes |
| ` + "`audiences`" + ` | accepted spellings of ourselves |
| ` + "`lifetime`" + ` | longest time between NotBefore and NotOnOrAfter, at most 24h |
| ` + "`level`" + ` | least SecurityLevel; 0 leaves it to the access rules |
| ` + "`scopes`" + ` | our scopes for each of the issuer's (attribute Scope); those of ` + "`\"\"`" + ` go to an assertion that names none. Ours are: ` + "`" + strings.Join(documentScopes, "`, `") + "`" + ` |

Codes of ` + "`urn:ihe:iti:xua:2012:acp`" + ` mean, unless ` + "`saml.acp_meanings`" + ` says otherwise: ` + meaningsText() + `. A citizen's
assertion without the attribute is about oneself; a code that has no meaning is refused.

## Consumers of asynchronous answers

Each of ` + "`async.consumers`" + ` has these ([soap.md](soap.md#answers-to-another-address)):

| Field | What it is |
|---|---|
| ` + "`name`" + ` | a short name of ours, small letters and digits, for operators |
| ` + "`clients`, `organisations`" + ` | the senders it is for, by the assertion's client_id or organisation number: one that is named suffices |
| ` + "`addresses`" + ` | whole URLs; a ReplyTo must be one of them in scheme, host, port and path. https, unless the way there is nobody else's; its certificate is checked with the system's roots (` + "`SSL_CERT_FILE`" + ` names others) |
| ` + "`networks`" + ` | if there are any, where the dialled IP address must be, such as ` + "`10.2.0.0/16`" + `. Loopback, link-local and the clouds' metadata addresses are dialled only where a URL of ` + "`addresses`" + ` has the IP address itself |
| ` + "`waiting`" + ` | how many answers may wait for it, ` + "`1000`" + ` when not said |
| ` + "`parallel`" + ` | how many one process sends to it at once, ` + "`2`" + ` when not said, 20 at most |

## The database

Two roles. The owner has the database and may make roles; only administration uses it. The service's role is called ` + "`dl_app`" + ` and owns nothing:

` + "```sql" + `
create role dokumentlager_owner login createrole password '…';
create role dl_app login noinherit password '…';
create database dokumentlager owner dokumentlager_owner;
` + "```" + `

` + "`dokumentlager migrate`" + ` makes the rest. Each tenant gets a role of its own, named like its schema. Roles belong to the whole PostgreSQL cluster, so two installations
need two clusters.

## An example

` + "```yaml" + `
` + exampleYAML + "```" + `
`
}

// audiencesText lists the defaults of helseid (W1).
func audiencesText() string {
	d := helseid.Defaults()
	return fmt.Sprintf("- writing: `%s`\n- reading: `%s`\n", strings.Join(d.Audiences[access.AudienceWrite], "`, `"), strings.Join(d.Audiences[access.AudienceRead], "`, `"))
}

// meaningsText lists the defaults of saml (C4, C5).
func meaningsText() string {
	all := saml.Defaults().Meanings
	var out []string
	for _, oid := range slices.Sorted(maps.Keys(all)) {
		out = append(out, fmt.Sprintf("`%s` %s", oid, all[oid]))
	}
	return strings.Join(out, ", ")
}

const exampleYAML = `listen: 0.0.0.0:8080
public_base_url: https://dokumentlager.example.no

database:
  url_file: /run/secrets/dokumentlager/database-url   # postgres://dl_app:…@db.example.no/dokumentlager?sslmode=verify-full
  # owner_url_file: /run/secrets/dokumentlager/owner-url  # only where the owner's commands run, not where serve does

s3:
  endpoint: https://s3.example.no
  bucket: dokumentlager
  access_key: dokumentlager
  secret_key_file: /run/secrets/dokumentlager/s3-secret

clamd:
  address: clamd.example.no:3310
  slots: 8

helseid:
  issuer: https://helseid-sts.test.nhn.no
  scope_aliases:
    - nhn:vendor/create=nhn:phr-document-repository/mhd/create-documents-with-reference

saml:
  issuers:
    - name: https://helseid-xdssaml.test.nhn.no
      kind: personnel
      certificates: [/etc/dokumentlager/saml/helseid]
      audiences: [nhn:dokumentdeling-saml]
      lifetime: 60m
      level: 4
      scopes:
        journaldokumenter_helsepersonell: [nhn:phr/mhd/read-documentreferences, nhn:phr/mhd/read-document]
    - name: sikkerhet.helsenorge.no
      kind: citizen
      certificates: [/etc/dokumentlager/saml/helsenorge.pem]
      audiences: [https://xds-web.test.nhn.no/]
      lifetime: 20m
      level: 4
      scopes:
        innsynpasientjournal: [nhn:phr/mhd/read-documentreferences, nhn:phr/mhd/read-document]

async:
  consumers:
    - name: gateway
      clients: [ea1b0c25-154d-483c-abeb-cdf2e09d0a45]
      addresses: [https://gateway.example.no/xca/async]

limits:
  in_flight: 64

secrets:
  locator_key_file: /run/secrets/dokumentlager/locator-key
  cursor_key_file: /run/secrets/dokumentlager/cursor-key

audit:
  signing_key_file: /run/secrets/dokumentlager/audit-key   # dokumentlager audit key
`

func renderConfiguration() string {
	var out strings.Builder
	out.WriteString(configurationHead)
	for _, s := range settings {
		help := s.help
		if s.secret {
			help += " (*secret*)"
		}
		fmt.Fprintf(&out, "| `%s` | `%s` | %s | %s | %s | %s |\n", s.key, envName(s.key), valueKind(s), code(s.otherwise), neededBy(s.need), help)
	}
	out.WriteString(configurationTail())
	return out.String()
}

func code(text string) string {
	if text == "" {
		return "–"
	}
	return "`" + text + "`"
}

// valueKind says in a word what a key takes, from the field it fills.
func valueKind(s setting) string {
	switch s.at(new(Config)).(type) {
	case *string:
		return "text"
	case *slog.Level:
		return "level"
	case *int:
		return "number"
	case *bool:
		return "true or false"
	case *time.Duration:
		return "duration"
	case *Size:
		return "size"
	case *Ratio:
		return "0 to 1"
	case *[]string, *map[string]string:
		return "list"
	case *Key:
		return "32 bytes"
	case objects:
		return "list of objects"
	default:
		return "?"
	}
}

func neededBy(p Purpose) string {
	var out []string
	for _, n := range []struct {
		purpose Purpose
		name    string
	}{{Serving, "`serve`"}, {Reading, "lists"}, {Owning, "owner"}} {
		if p&n.purpose != 0 {
			out = append(out, n.name)
		}
	}
	if len(out) == 0 {
		return "–"
	}
	return strings.Join(out, ", ")
}

// TestConfigurationPage holds docs/configuration.md to the settings.
func TestConfigurationPage(t *testing.T) {
	t.Parallel()
	want := renderConfiguration()
	if *update {
		if err := os.WriteFile(configurationPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(configurationPage)
	if err != nil {
		t.Fatalf("%v; run with -update", err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("docs/configuration.md is not what settings.go says; run with -update (-want +got):\n%s", diff)
	}
	for _, s := range settings {
		if strings.Contains(s.help+s.otherwise, "|") || s.help == "" || valueKind(s) == "?" {
			t.Errorf("%s cannot stand in the table: %q, %q, %s", s.key, s.help, s.otherwise, valueKind(s))
		}
	}
}

// TestConfigurationExample: what the page shows is taken for every purpose, the owner's with its line, and means what it says.
func TestConfigurationExample(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, secret := range map[string]string{
		"database-url": "postgres://dl_app:x@db.example.no/dokumentlager?sslmode=verify-full", "owner-url": "postgres://owner:x@db.example.no/dokumentlager",
		"s3-secret": "s", "locator-key": strings.Repeat("01", 32), "cursor-key": strings.Repeat("02", 32),
		"audit-key": "PRIVATE+KEY+dokumentlager.test+922012c2+AUPh6iuKvvQRtCcMrdlIDjbPyeGfgXvrwjvkhAcqlpXM",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		example string
		purpose Purpose
	}{"serve.yaml": {exampleYAML, Serving | Reading}, "owner.yaml": {strings.Replace(exampleYAML, "# owner_url_file", "owner_url_file", 1), Owning}} {
		checkExample(t, folder, name, c.example, c.purpose)
	}
}

func checkExample(t *testing.T, folder, name, example string, purpose Purpose) {
	t.Helper()
	path := filepath.Join(folder, name)
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(example, secretsFolder, folder)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := LoadConfig(path, nil, purpose)
	if err != nil {
		t.Fatal(err)
	}
	if (purpose&Owning != 0) != (cfg.Database.OwnerURL != "") || cfg.Limits.InFlight != 64 || cfg.S3.SecretKey != "s" || cfg.Secrets.CursorKey[0] != 2 || len(cfg.HelseID.ScopeAliases) != 1 || len(cfg.SAML.Issuers) != 2 || cfg.SAML.Issuers[1].Lifetime != 20*time.Minute ||
		len(cfg.Async.Consumers) != 1 || cfg.Async.Consumers[0].Waiting != 1000 || cfg.Clamd.Slots != 8 {
		t.Errorf("read as %+v", cfg)
	}
}
