package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"dokumentlager/internal/ledger"
	"dokumentlager/internal/server"
)

// devFile is DIR/dev.json: what tests and people need to know of a running dev stack. It is there exactly while the stack answers.
type devFile struct {
	BaseURL           string `json:"base_url"`
	Issuer            string `json:"issuer"`
	TokenEndpoint     string `json:"token_endpoint"`
	TestTokenEndpoint string `json:"test_token_endpoint"`
	// TestSAMLEndpoint signs assertions as HelseID's and Helsenorge's issuers: docs/quickstart.md.
	TestSAMLEndpoint string `json:"test_saml_endpoint"`
	// TestPersonEndpoint changes the facts of the synthetic patients: docs/quickstart.md.
	TestPersonEndpoint string             `json:"test_person_endpoint"`
	DatabaseURL        string             `json:"database_url"`
	S3                 devS3              `json:"s3"`
	Clamd              string             `json:"clamd"`
	PID                int                `json:"pid"`
	Parts              map[string]devPart `json:"parts"`
	Tenants            []devTenant        `json:"tenants"`
	Clients            []devClient        `json:"clients"`
}

type devS3 struct {
	Endpoint  string `json:"endpoint"`
	Bucket    string `json:"bucket"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

type devPart struct {
	PID int `json:"pid"`
}

type devTenant struct {
	Name          string   `json:"name"`
	HomeCommunity string   `json:"home_community_id"`
	Repository    string   `json:"repository_unique_id"`
	Organisations []string `json:"organisations"`
	Schema        string   `json:"schema"`
}

type devClient struct {
	ClientID     string          `json:"client_id"`
	PrivateJWK   json.RawMessage `json:"private_jwk"`
	Organisation string          `json:"organisation"`
	Scopes       []string        `json:"scopes"`
}

func devPath(dir string) string { return filepath.Join(dir, "dev.json") }

func readDevFile(dir string) (devFile, error) {
	var d devFile
	content, err := os.ReadFile(devPath(dir))
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal(content, &d)
}

// removeStale removes the file of a stack that was killed: whoever waits for ours must not take it for it. That of a running
// stack stays; its lock on the folder will stop us.
func removeStale(dir string) error {
	last, err := readDevFile(dir)
	if errors.Is(err, os.ErrNotExist) || err == nil && last.PID > 0 && !errors.Is(syscall.Kill(last.PID, 0), syscall.ESRCH) && last.PID != os.Getpid() {
		return nil
	}
	return os.Remove(devPath(dir))
}

// writeAtomically replaces a file in one step; it holds secrets, so only we can read it.
func writeAtomically(path string, content []byte) error {
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func writeJSON(path string, v any) error {
	content, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeAtomically(path, append(content, '\n'))
}

// devKeys are the service's secrets in a dev stack. They are made once: another locator key would lose every document.
type devKeys struct {
	Locator string `json:"locator_key"`
	Cursor  string `json:"cursor_key"`
	Audit   string `json:"audit_key"`
}

func loadKeys(dir string, random func() string) (devKeys, error) {
	path := filepath.Join(dir, "keys.json")
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return withAuditKey(path, devKeys{Locator: random(), Cursor: random()})
	}
	var keys devKeys
	if err == nil {
		err = json.Unmarshal(content, &keys)
	}
	if err != nil || keys.Audit != "" {
		return keys, err
	}
	return withAuditKey(path, keys) // a stack of before there was one
}

func withAuditKey(path string, keys devKeys) (_ devKeys, err error) {
	if keys.Audit, _, err = ledger.NewKey(rand.Reader, "dokumentlager.dev"); err != nil {
		return keys, err
	}
	return keys, writeJSON(path, keys)
}

// env writes settings as the environment has them, so that a dev stack is configured exactly as the service is.
func env(values map[string]string) []string {
	var out []string
	for key, value := range values {
		out = append(out, server.EnvPrefix+strings.ToUpper(strings.ReplaceAll(key, ".", "_"))+"="+value)
	}
	return out
}
