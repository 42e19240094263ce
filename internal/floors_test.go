// Package internal_test holds the house to its plan: docs/architecture.md names the floors, and this test lets a package import only
// what lies below it.
package internal_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "dokumentlager/"

// floors is the plan. A package that is not here has no room yet: give it one before it is built.
var floors = map[string]int{
	"migrations": 0, "api": 0, // files with a thin wrapper
	"document": 0, "access": 0, "soap": 0, "ebxml": 0, "format": 0, "terminology": 0, "fault": 0, "fhir": 0, "failpoint": 0, "criteria": 0, "ledger": 0,
	"postgres": 1, "blob": 1, "scan": 1, "helseid": 1, "saml": 1, "obs": 1, "admission": 1, "person": 1,
	"registry": 2, "repository": 2, "audit": 2, "tenant": 2, "idempotency": 2, "job": 2,
	"incoming":   2, // what doors of all protocols do with a body under admission
	"submission": 3, "disclosure": 3, "lifecycle": 3, "administration": 3, "sealing": 3, "inspection": 3, "innsyn": 3,
	"rest":     3, // what the REST doors share: no use case, and above none
	"endpoint": 3, // what the SOAP doors share, as rest is for the REST doors
	"delivery": 3, // answers that go to another address than their question's (ITI-38, 39 asynchronously)
	"mhd":      4, "atna": 4, "helsenorge": 4, "xds": 4,
	"server": 5, "devstack": 5, "conformance": 5, "bench": 5, "faults": 5,
	"cmd": 6,
}

// grounds are what every package of floor 0 may stand on; they import nothing of ours (DESIGN, The house).
var grounds = map[string]bool{"document": true, "fault": true}

// room is the name under which a package stands in the plan.
func room(path string) string {
	path = strings.TrimPrefix(path, "internal/")
	name, _, _ := strings.Cut(path, "/")
	return name
}

// allowed says whether one package may import another. Inside one room everything may.
func allowed(from, to string) bool {
	a, b := room(from), room(to)
	switch {
	case a == b:
		return true
	case floors[a] == 0:
		return grounds[b] && !grounds[a] || a == "api" && b == "fault"
	case a == "server" || a == "devstack" || a == "conformance" || a == "bench" || a == "cmd":
		return floors[b] <= floors[a]
	default:
		return floors[b] < floors[a]
	}
}

func TestFloors(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, top := range []string{"internal", "cmd", "api", "migrations"} {
		walk(t, top, func(from, to string) {
			seen++
			for _, path := range []string{from, to} {
				if _, ok := floors[room(path)]; !ok {
					t.Errorf("%s has no room in the plan of floors", path)
				}
			}
			if !allowed(from, to) {
				t.Errorf("%s (floor %d) imports %s (floor %d): only downward, never a neighbour", from, floors[room(from)], to, floors[room(to)])
			}
			if room(to) == "devstack" && room(from) != "cmd" && room(from) != "devstack" {
				t.Errorf("%s imports devstack: only cmd and tests may", from)
			}
		})
	}
	if seen < 50 {
		t.Fatalf("only %d imports seen: the test looks at the wrong place", seen)
	}
}

// walk visits the imports of ours in every non-test file; tests may look into any room.
func walk(t *testing.T, top string, visit func(from, to string)) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join("..", top), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, text, parser.ImportsOnly)
		if err != nil {
			return err
		}
		from := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../")
		for _, i := range file.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			if to, ours := strings.CutPrefix(name, module); ours {
				visit(from, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
