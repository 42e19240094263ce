package conformance

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// validatorVariable names the folder of the validator's jars, which `make conformance` builds; without it answers are held to the
// structural check alone.
const validatorVariable = "DOKUMENTLAGER_VALIDATOR"

// issue is what the validator says of one resource.
type issue struct {
	File, Severity, ID, Location, Message string
}

// hapi validates resources with HAPI in one Java process; the result has one list of issues for each resource, in order.
func hapi(t *testing.T, jars string, from collection, all []answer) [][]issue {
	t.Helper()
	dir := t.TempDir()
	var asked strings.Builder
	place := map[string]int{}
	for i, a := range all {
		name := filepath.Join(dir, fmt.Sprintf("%04d.json", i))
		if a.XML {
			name = strings.TrimSuffix(name, "json") + "xml"
		}
		write(t, name, string(a.Body))
		place[name] = i
		fmt.Fprintf(&asked, "%s\t%s\n", name, a.Profile)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute)
	defer cancel()
	classes := filepath.Join(jars, "validator.jar") + string(os.PathListSeparator) + filepath.Join(jars, "lib", "*")
	cmd := exec.CommandContext(ctx, "java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classes, "Validator", filepath.Join(from.dir, "ihe-mhd"), filepath.Join(from.dir, "ihe-balp"), ours)
	cmd.Stdin = strings.NewReader(asked.String())
	var told, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &told, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("the validator failed: %v\n%s", err, complaints.String())
	}
	return sorted(t, &told, place, len(all))
}

// ours is the folder of our own StructureDefinitions.
var ours = filepath.Join("..", "..", "api", "fhir")

// sorted gives each resource its issues, and fails when the validator passed one over.
func sorted(t *testing.T, told *bytes.Buffer, place map[string]int, count int) [][]issue {
	t.Helper()
	found, read := make([][]issue, count), map[string]bool{}
	lines := bufio.NewScanner(told)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var i issue
		if err := json.Unmarshal(lines.Bytes(), &i); err != nil {
			t.Fatalf("the validator said %q: %v", lines.Text(), err)
		}
		if i.Severity == "read" {
			read[i.File] = true
			continue
		}
		found[place[i.File]] = append(found[place[i.File]], i)
	}
	if err := lines.Err(); err != nil || len(read) != count {
		t.Fatalf("the validator read %d of %d resources: %v", len(read), count, err)
	}
	return found
}
