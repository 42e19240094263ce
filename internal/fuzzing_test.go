package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// leastTargets is how many readers of outside bytes have a fuzz target at the least (design/trust.md, test 22).
const leastTargets = 25

// fuzzTarget is what the source says of one.
type fuzzTarget struct {
	name, file      string
	seeded, watched bool
}

// TestFuzzTargets: each target has seeds and stops an input that takes over a second (fuzztest.InTime), and the section on fuzzing of
// docs/reliability.md names each.
func TestFuzzTargets(t *testing.T) {
	t.Parallel()
	targets := append(fuzzTargets(t, "internal"), fuzzTargets(t, "cmd")...)
	if len(targets) < leastTargets {
		t.Errorf("%d fuzz targets, want %d at least", len(targets), leastTargets)
	}
	text, err := os.ReadFile("../docs/reliability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Fuzzing")
	for _, target := range targets {
		if !target.seeded {
			t.Errorf("%s in %s has no seeds: f.Add some", target.name, target.file)
		}
		if !target.watched {
			t.Errorf("%s in %s does not begin with defer fuzztest.InTime(t)()", target.name, target.file)
		}
		if !strings.Contains(section, target.name) {
			t.Errorf("docs/reliability.md does not tell of %s", target.name)
		}
	}
}

func fuzzTargets(t *testing.T, top string) (found []fuzzTarget) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join("..", top), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Fuzz") {
				found = append(found, readTarget(fn, strings.TrimPrefix(filepath.ToSlash(path), "../")))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// readTarget looks for f.Add, or f handed to somebody who adds, and for the watch in what is given to f.Fuzz.
func readTarget(fn *ast.FuncDecl, file string) fuzzTarget {
	target := fuzzTarget{name: fn.Name.Name, file: file}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		switch called := call.Fun.(type) {
		case *ast.SelectorExpr:
			target.seeded = target.seeded || called.Sel.Name == "Add"
			if called.Sel.Name == "Fuzz" {
				target.watched = beginsWatched(call)
			}
		case *ast.Ident:
			if called.Name == "addPieces" {
				target.seeded = true
			}
		}
		return true
	})
	return target
}

func beginsWatched(fuzz *ast.CallExpr) bool {
	body, ok := fuzz.Args[0].(*ast.FuncLit)
	if !ok || len(body.Body.List) == 0 {
		return false
	}
	deferred, ok := body.Body.List[0].(*ast.DeferStmt)
	if !ok {
		return false
	}
	watch, ok := deferred.Call.Fun.(*ast.CallExpr)
	if !ok {
		return false
	}
	name, ok := watch.Fun.(*ast.SelectorExpr)
	return ok && name.Sel.Name == "InTime"
}
