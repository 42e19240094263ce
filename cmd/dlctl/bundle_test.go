package main

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// sink keeps what the bundle reader decodes.
type sink struct{ bytes.Buffer }

// Close does nothing.
func (*sink) Close() error { return nil }

func testDraft(content []byte) *draft {
	size, digest, _ := measure(bytes.NewReader(content))
	id := func(n byte) uuid.UUID { return uuid.UUID{15: n} }
	return &draft{Patient: document.PatientID{Value: "17855599120", Authority: document.AuthorityFNR}, Given: "USNOBBET", Family: "KLOKKE",
		BirthDate: "1955-05-17", Title: "Røntgensvar", MimeType: "application/pdf", Language: "nb-NO", Class: "E00-1", Type: "E01-2", Codes: []string{"N", "NORS"},
		Facility: document.Code{System: "2.16.578.1.12.4.1.1.1303", Value: "86.101"}, Practice: document.Code{System: "2.16.578.1.12.4.1.1.8655", Value: "S01"},
		HomeCommunity: "2.16.578.1.12.4.5.999.1", SourceID: "2.16.578.1.12.4.5.999.1", Organisation: "981275721", OrganisationName: "BETANIEN", AuthorGiven: "GRØNN", AuthorFamily: "VITS",
		Created: testNow, Replaces: "old", Size: size, SHA1: digest, ListID: id(1), PatientResourceID: id(2), ReferenceID: id(3), BinaryID: id(4)}
}

// TestBundle: what is written is the golden bundle, and its document comes out of the service's own reader unchanged.
func TestBundle(t *testing.T) {
	t.Parallel()
	content := []byte("%PDF-1.4 æøå\x00\xff")
	var out bytes.Buffer
	if err := testDraft(content).write(&out, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	golden(t, "bundle.golden", out.String())
	var got sink
	if _, err := fhir.ReadBundle(&out, fhir.Limits{}, func(int) (io.WriteCloser, error) { return &got, nil }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(content, got.Bytes()); diff != "" {
		t.Error(diff)
	}
}

// TestBundleOfAChangingFile: a document that is another one when it is read again makes no bundle.
func TestBundleOfAChangingFile(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]string{"shorter": "abcde", "longer": "abcdefg", "other": "abcdeF", "empty": ""} {
		if err := testDraft([]byte("abcdef")).write(io.Discard, strings.NewReader(second)); !errors.Is(err, errChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOutputLeavesNothing: a file that failed is not there, nor is a part of it; one that was there before stays.
func TestOutputLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	broken := errors.New("broken")
	fail := func(w io.Writer) error { _, _ = io.WriteString(w, "part"); return broken }
	if err := output(&surroundings{}, path, fail); !errors.Is(err, broken) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := output(&surroundings{}, path, func(w io.Writer) error { _, err := io.WriteString(w, "whole"); return err }); err != nil {
		t.Fatal(err)
	}
	_ = output(&surroundings{}, path, fail)
	if got, _ := os.ReadFile(path); string(got) != "whole" {
		t.Errorf("the file holds %q", got)
	}
}

// TestMatches: bytes that are not the registered ones are told as such.
func TestMatches(t *testing.T) {
	t.Parallel()
	digest := sha1.Sum([]byte("abc"))
	size := int64(3)
	a := &fhir.Attachment{Size: &size, Hash: fhir.EncodeHash(digest[:])}
	other := sha1.Sum([]byte("abd"))
	for name, c := range map[string]struct {
		size   int64
		digest []byte
		want   string
	}{"same": {3, digest[:], ""}, "short": {2, digest[:], "2 bytes came, but 3 bytes are registered"}, "other": {3, other[:], "is registered"}} {
		err := matches(a, c.size, c.digest)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if matches(&fhir.Attachment{Size: &size}, 3, digest[:]) == nil {
		t.Error("a document without a registered hash passed as checked")
	}
}
