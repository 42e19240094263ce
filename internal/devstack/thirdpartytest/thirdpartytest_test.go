package thirdpartytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// heard counts what a test would have failed with.
type heard struct {
	testing.TB
	errors int
}

func (h *heard) Helper()                   {}
func (h *heard) Logf(string, ...any)       {}
func (h *heard) Errorf(_ string, _ ...any) { h.errors++ }

// TestValid: what is no answer is found out, also behind one that is.
func TestValid(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("xmllint"); err != nil {
		t.Skip("xmllint is not here")
	}
	if _, err := os.Stat(filepath.Join(Folder(), "nist-toolkit2")); err != nil {
		t.Skip("the schemas are not here")
	}
	const good = `<rs:RegistryResponse xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0" status="urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"/>`
	const bad = `<rs:RegistryResponse xmlns:rs="urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0"/>`
	h := &heard{TB: t}
	if Valid(h, []byte(good)); h.errors != 0 {
		t.Error("a valid answer is refused")
	}
	if Valid(h, []byte(good), []byte(bad)); h.errors != 1 {
		t.Error("an answer without a status is taken")
	}
}
