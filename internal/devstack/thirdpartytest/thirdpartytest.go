// Package thirdpartytest finds what other people wrote, which tests read and nobody commits: messages and schemas.
//
// It promises to say clearly when they, or the program that validates, are absent: then nothing was compared.
package thirdpartytest

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// Variable names the folder where it does not lie beside the repository.
const Variable = "DOKUMENTLAGER_THIRDPARTY"

// Folder is where it should be; whether it is there is the caller's to look.
func Folder() string {
	if dir := os.Getenv(Variable); dir != "" {
		return dir
	}
	up := "."
	for range 8 { // from a package's folder to the module's
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			break
		}
		up = filepath.Join(up, "..")
	}
	return filepath.Join(up, "..", "shared", "thirdparty")
}

// includes stand for documents; schemas know documents as base64 alone (spec/soap.md 4).
var includes = regexp.MustCompile(`<([A-Za-z0-9]+:)?Include[^>]*/>`)

// Valid holds payloads to the ebRIM and XDS schemas of nist-toolkit2 with xmllint, many in one go; where one of them is not here, it says that nothing
// was validated.
func Valid(t testing.TB, payloads ...[]byte) {
	t.Helper()
	tool, err := exec.LookPath("xmllint")
	schema := filepath.Join(Folder(), "nist-toolkit2", "schema", "v3", "lcm.xsd")
	if _, missing := os.Stat(schema); err != nil || missing != nil {
		t.Logf("NOT VALIDATED: xmllint (Debian: libxml2-utils) or the schemas of nist-toolkit2 are not here, so %d payloads were not held to them", len(payloads))
		return
	}
	folder := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", schema}
	for i, p := range payloads {
		file := filepath.Join(folder, fmt.Sprintf("%04d.xml", i))
		if err := os.WriteFile(file, includes.ReplaceAll(p, []byte("QQ==")), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		t.Errorf("not valid: %v\n%.3000s", err, complaints(said.Bytes()))
	}
	t.Logf("%d payloads validated", len(payloads))
}

// complaints leaves out what xmllint says of the good ones.
func complaints(said []byte) (out []byte) {
	for line := range bytes.Lines(said) {
		if !bytes.HasSuffix(line, []byte("validates\n")) {
			out = append(out, line...)
		}
	}
	return out
}
