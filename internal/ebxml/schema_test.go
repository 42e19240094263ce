package ebxml_test

import (
	"bytes"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"dokumentlager/internal/ebxml"
)

type xmlName = xml.Name

// thirdparty is the folder with other people's messages and schemas: DOKUMENTLAGER_THIRDPARTY names it, or it lies beside the repository.
// Without it the test is skipped, and says so.
func thirdparty(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("DOKUMENTLAGER_THIRDPARTY")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "thirdparty")
	}
	if _, err := os.Stat(filepath.Join(dir, "nist-toolkit2")); err != nil {
		t.Skip("SKIPPED: no third-party messages and schemas here; set DOKUMENTLAGER_THIRDPARTY to their folder")
	}
	return dir
}

// includes are replaced by base64 before a schema is asked, which knows documents only so (spec/soap.md 4).
var includes = regexp.MustCompile(`<xop:Include[^>]*/>`)

// valid holds payloads against the schemas, where xmllint and they are; elsewhere it says that it did not.
func valid(t *testing.T, payloads ...[]byte) {
	t.Helper()
	tool, err := exec.LookPath("xmllint")
	dir := os.Getenv("DOKUMENTLAGER_THIRDPARTY")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "thirdparty")
	}
	schema := filepath.Join(dir, "nist-toolkit2", "schema", "v3", "lcm.xsd")
	if _, missing := os.Stat(schema); err != nil || missing != nil {
		t.Log("NOT VALIDATED: xmllint or the schemas of nist-toolkit2 are not here")
		return
	}
	folder := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", schema}
	for i, p := range payloads {
		file := filepath.Join(folder, strconv.Itoa(i)+".xml")
		if err := os.WriteFile(file, includes.ReplaceAll(p, []byte("QQ==")), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), tool, args...)
	cmd.Stderr = &out
	if err := cmd.Run(); err != nil {
		t.Errorf("not valid: %v\n%.2000s", err, out.Bytes())
	}
}

// TestSchema: everything that is written validates.
func TestSchema(t *testing.T) {
	t.Parallel()
	var payloads [][]byte
	for seed := range uint64(40) {
		s := newSource(seed)
		o := s.objects(3)
		payloads = append(payloads, ebxml.AppendQueryResponse(nil, ebxml.Success, nil, &o), ebxml.AppendSubmission(nil, &o),
			ebxml.AppendProvide(nil, &o, []ebxml.Document{{Ref: o.Entries[0].Ref, Href: "cid:x"}}),
			ebxml.AppendQueryResponse(nil, ebxml.Success, nil, &ebxml.Objects{Refs: o.References()}),
			ebxml.AppendQuery(nil, ebxml.FindDocuments, s.maybe(), "1.2", []ebxml.Slot{{Name: "$x", Values: []string{ebxml.List(s.text(), s.text())}}}))
	}
	valid(t, payloads...)
}
