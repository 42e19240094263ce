package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
)

// TestSOAP goes through the gateway's door as everybody whom a dev stack can play: the same bytes come out, and what the rules deny is told.
func TestSOAP(t *testing.T) {
	t.Parallel()
	service := servicetest.Start(t)
	of := service.Tenant(t, func(d *administration.Draft) { d.Organisations = []string{betanien} })
	c := &console{t: t, env: map[string]string{"DLCTL_STACK": testStack(t, service, of)}}
	dir := t.TempDir()
	in, bundle, out := filepath.Join("..", "..", "testdata", "demo", "epikrise.xml"), filepath.Join(dir, "bundle.json"), filepath.Join(dir, "out.xml")
	// A patient of this test's alone.
	const patient, adult = "12119000465", "15076500565"
	c.must(0, []string{"make-bundle", "--patient", patient, "--file", in, "--title", "Epikrise æøå", "-o", bundle})
	id := field(t, c.must(0, []string{"upload", bundle}), "document")
	unique := ""
	for _, as := range []string{"citizen", doctor} {
		said := c.must(0, []string{"soap", "query", "--patient", patient, "--as", as, "--organisation", betanien}, "Epikrise æøå", "STIFTELSEN BETANIEN", of.HomeCommunity)
		lines := strings.Split(strings.TrimSpace(said), "\n")
		words := strings.Fields(lines[len(lines)-1])
		unique = words[len(words)-1]
		c.must(0, []string{"soap", "fetch", unique, "--patient", patient, "--as", as, "-o", out}, "are the registered ones")
		want, err := os.ReadFile(in)
		if got, outErr := os.ReadFile(out); err != nil || outErr != nil || !bytes.Equal(got, want) {
			t.Errorf("as %s other bytes came out than went in: %v, %v", as, err, outErr)
		}
	}
	c.must(1, []string{"soap", "query", "--patient", patient, "--home", "2.16.578.1.12.4.5.100.777"}, "XDSUnknownCommunity")
	c.must(1, []string{"soap", "fetch", "1.2.3", "--patient", patient}, "no document with this id is listed")
	// A parent of somebody who is no child.
	if said := c.must(c.run("soap", "query", "--patient", patient, "--as", "parent", "--me", adult), []string{"soap", "query", "--patient", patient, "--as", "parent", "--me", adult}); strings.Contains(said, unique) {
		t.Errorf("an adult's documents were shown to a parent: %s", said)
	}
	c.must(1, []string{"soap", "query", "--patient", patient, "--as", "parent", "--me", patient}, "nobody is one's own parent")

	c.must(0, []string{"confidentiality", id, "N,NORS"}, "N, NORS")
	c.must(0, []string{"soap", "query", "--patient", patient, "--as", "citizen"}, "Epikrise æøå")
	denied := filepath.Join(dir, "denied")
	c.must(1, []string{"soap", "fetch", unique, "--patient", patient, "--as", doctor, "-o", denied}, "XDS")
	if _, err := os.Stat(denied); err == nil {
		t.Error("a denied document left a file")
	}
	printed := c.must(0, []string{"soap", "query", "--patient", patient, "--print"}, "curl -sS "+service.URL+gatewayPath)
	if !strings.Contains(printed, "<saml2:Assertion") && !strings.Contains(printed, "Assertion ") || !strings.Contains(printed, "AdhocQueryRequest") {
		t.Errorf("printed %s", printed)
	}
}
