package conformance

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var update = flag.Bool("update", false, "write docs/conformance.md anew")

// The results a row can have.
const (
	passed        = "pass"
	failed        = "FAIL"
	notApplicable = "n/a"
)

// row is what became of one message.
type row struct {
	// Source is the file, below the third-party folder; Step tells several uses of one file apart.
	Source, Step string
	Transaction  string
	// Expected is what the message's authors expect, or the protocol.
	Expected string
	Got      string
	Result   string
	// Why says in one line what a reader would ask: what was substituted, or why the message does not apply.
	Why string
}

// table gathers rows from parallel tests.
type table struct {
	mu   sync.Mutex
	rows []row
}

func (b *table) add(r row) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = append(b.rows, r)
}

// play runs one replay as a parallel subtest; what it returns is what we answered. A row whose test failed says so.
func (b *table) play(t *testing.T, r row, run func(t *testing.T) (got string)) {
	t.Run(strings.TrimSpace(r.Source+" "+r.Step), func(t *testing.T) {
		t.Parallel()
		r.Result = cmp.Or(r.Result, passed)
		defer func() {
			if t.Failed() {
				r.Result = failed
			}
			b.add(r)
		}()
		r.Got = run(t)
	})
}

// sorted gives the rows in an order that does not depend on which test was done first.
func (b *table) sorted() []row {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.SortedFunc(slices.Values(b.rows), func(a, b row) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Step, b.Step))
	})
}

const preface = `# Conformance: messages that others wrote

Written by the tests of internal/conformance (` + "`go test ./internal/conformance -update`" + `) and compared with what happens whenever they run
where the messages are. Sources are the third-party folder's: nhn-xcads (Norsk helsenett's XCA document source), nist-asbestos (NIST's
Asbestos toolkit, MHD 4.2), ihe-mhd (the examples of IHE MHD 4.2.3). A message that was accepted has also been listed by a clinician, opened
byte for byte, and every address of the answer was fetched; one that was refused left no row and no object. nhn messages go to tenants of
profile nhn, the others to tenants of profile ihe (docs/profiles.md). What comes over SOAP has parts of its own below.

`

// markdown writes the table.
func markdown(rows []row) string {
	var b strings.Builder
	b.WriteString(preface)
	count := map[string]int{}
	for _, r := range rows {
		count[r.Result]++
	}
	fmt.Fprintf(&b, "%d pass, %d do not apply, %d fail.\n\n", count[passed], count[notApplicable], count[failed])
	b.WriteString("| Message | Transaction | Expected | Got | Result | Substituted, or why it does not apply |\n|---|---|---|---|---|---|\n")
	for _, r := range rows {
		name := strings.ReplaceAll(r.Source, "MHDv420_DocumentRecipient_", "")
		if r.Step != "" {
			name += " (" + r.Step + ")"
		}
		cells := []string{name, r.Transaction, r.Expected, r.Got, r.Result, r.Why}
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.ReplaceAll(cells[i], "|", `\|`), "\n", " ")
		}
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	return b.String()
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
