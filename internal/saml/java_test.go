package saml

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
)

// TestJavaSigned: envelopes that another implementation signed (the XML signatures of Java 17, javax.xml.crypto), with IHE's elements, prefixes
// declared on the envelope and on values, an attribute in another order, letters outside ASCII, and as Java breaks lines. That
// implementation accepts every message of ours that must pass, too.
func TestJavaSigned(t *testing.T) {
	t.Parallel()
	cfg := Defaults()
	cfg.Issuers = []Issuer{HelseID("testdata/java")}
	cfg.Now = func() time.Time { return time.Date(2026, 11, 22, 6, 20, 0, 0, time.UTC) }
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob("testdata/java/*.xml")
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := v.Verify(text)
		if c := got.Caller; err != nil || c.Kind != access.Personnel || c.Role != "LE" || c.Purpose != "TREAT" || c.Name != `Åse & Øyvind > <x "q" '` {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
		if _, err := v.Verify([]byte(strings.Replace(string(text), `code="LE"`, `code="SP"`, 1))); err == nil {
			t.Errorf("%s passes with another role", name)
		}
	}
}
