package conformance

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/administration"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"
)

// ipfVariable names the folder of the IPF client's jars, which `make conformance` builds; without it no other program speaks with us here.
const ipfVariable = "DOKUMENTLAGER_IPF"

// ipfSteps are what the client does and what must come of it.
var ipfSteps = []struct{ name, want string }{
	{"ITI-41, one document", "SUCCESS"},
	{"ITI-18, FindDocuments, LeafClass", "SUCCESS, 1 entries, 0 references, as it was sent"},
	{"ITI-38, FindDocuments, LeafClass", "SUCCESS, 1 entries, 0 references, as it was sent"},
	{"ITI-41, the same again", "SUCCESS"},
	{"ITI-18, FindDocuments, ObjectRef", "SUCCESS, 0 entries, 2 references"},
	{"ITI-43, the document", "SUCCESS, text/plain, its bytes"},
	{"ITI-43, the document and one that is not there", "PARTIAL_SUCCESS DOCUMENT_UNIQUE_ID_ERROR, text/plain, its bytes"},
	{"ITI-39, the document", "SUCCESS, text/plain, its bytes"},
	{"ITI-39, one that is not there", "FAILURE DOCUMENT_UNIQUE_ID_ERROR"},
}

// TestIPF has IPF speak with the service over the network, its validators on every answer.
func TestIPF(t *testing.T) {
	t.Parallel()
	jars := os.Getenv(ipfVariable)
	if jars == "" {
		t.Skipf("SKIPPED: name the folder of the IPF client in %s, or run make conformance", ipfVariable)
	}
	s := servicetest.Start(t)
	of := s.Tenant(t, func(d *administration.Draft) { d.Profile = tenant.IHE })
	const patient = "IPF-1^^^&1.3.6.1.4.1.21367.2005.3.7&ISO"
	about := servicetest.Attributes{servicetest.AttributePatient: {patient}}
	writes := kept(t, "writes.xml", s.RecordSystem(t, of.Organisations[0], "", about))
	reads := kept(t, "reads.xml", s.Personnel(t, of.Organisations[0], "", about))
	got := speak(t, jars, strings.TrimPrefix(s.URL, "http://"), "urn:oid:"+of.HomeCommunity, of.Repository, patient, writes, reads)
	var b strings.Builder
	b.WriteString(headings[clientPart] + "\n" + ipfPreface + "| Step | Came back |\n|---|---|\n")
	for i, step := range ipfSteps {
		line := step.name + "\t" + step.want
		if i >= len(got) || got[i] != line {
			t.Errorf("%q, want %q", append(got, make([]string, len(ipfSteps))...)[i], line)
		}
		fmt.Fprintf(&b, "| %s | %s |\n", step.name, step.want)
	}
	publish(t, clientPart, b.String())
}

const ipfPreface = `
IPF 5.1.0 (Open eHealth Integration Platform, from Maven Central; 5.3.0 is not there) speaks with the running service through Apache Camel and CXF, with an
assertion of the dev stack in its security header, and holds every answer to its own validators (` + "`make conformance`" + `, where Java and Maven are).

`

// kept is a text in a file.
func kept(t *testing.T, name, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// speak runs the client and gives its lines.
func speak(t *testing.T, jars string, args ...string) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	classpath := filepath.Join(jars, "ipf.jar") + string(os.PathListSeparator) + filepath.Join(jars, "lib", "*")
	cmd := exec.CommandContext(ctx, "java", append([]string{"-cp", classpath, "Client"}, args...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %.2000s", err, said.String())
	}
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}
