package conformance

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// includeForm is what stands for a document; schemas know documents as base64 alone (spec/soap.md 4).
var includeForm = regexp.MustCompile(`<([A-Za-z0-9]+:)?Include[^>]*/>`)

// validXML holds payloads of answers to the toolkit's schemas with xmllint, many in one go; where xmllint is not, it says that it did not.
func validXML(t *testing.T, payloads ...[]byte) {
	t.Helper()
	tool, err := exec.LookPath("xmllint")
	if err != nil {
		t.Logf("NOT VALIDATED: xmllint is not here (Debian: libxml2-utils), so %d answers were not held to the schemas", len(payloads))
		return
	}
	folder := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", filepath.Join(thirdparty(t).dir, "nist-toolkit2", "schema", "v3", "lcm.xsd")}
	for i, p := range payloads {
		file := filepath.Join(folder, fmt.Sprintf("%04d.xml", i))
		if err := os.WriteFile(file, includeForm.ReplaceAll(p, []byte("QQ==")), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	var said bytes.Buffer
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		lines := slices.Collect(func(yield func([]byte) bool) {
			for line := range bytes.Lines(said.Bytes()) {
				if !bytes.HasSuffix(line, []byte("validates\n")) && !yield(line) {
					return
				}
			}
		})
		t.Errorf("answers are not valid: %.3000s", bytes.Join(lines, nil))
	}
	t.Logf("%d answers validated", len(payloads))
}
