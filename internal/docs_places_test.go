package internal_test

import (
	"go/ast"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are README, CHANGELOG and everything under docs.
func pages(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md", "CHANGELOG.md"}
	err := filepath.WalkDir(filepath.Join("..", "docs"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, ".md") {
			found = append(found, strings.TrimPrefix(filepath.ToSlash(path), "../"))
		}
		return err
	})
	if err != nil || len(found) < 8 {
		t.Fatalf("%v; only %v", err, found)
	}
	return found
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

// TestLinksLeadSomewhere: relative links of the pages, their anchors aside.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	for _, page := range pages(t) {
		for _, found := range link.FindAllStringSubmatch(read(t, page), -1) {
			target, _, _ := strings.Cut(found[1], "#")
			if target == "" || strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join("..", filepath.Dir(page), target)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, found[1])
			}
		}
	}
}

// ourPlace is a path of the repository in code quotes, as pages name them; a package may be followed by a name in it.
var ourPlace = regexp.MustCompile(`^(internal|cmd|docs|api|migrations|deploy|testdata)/[A-Za-z0-9_./-]+$`)

// TestPagesNameWhatIsThere: files and folders that the pages name between backquotes.
func TestPagesNameWhatIsThere(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, page := range pages(t) {
		for _, ref := range references(read(t, page)) {
			if !ourPlace.MatchString(ref.path) {
				continue
			}
			seen++
			if _, err := os.Stat(filepath.Join("..", ref.path)); err != nil {
				t.Errorf("%s names %s, which is not there", page, ref.path)
			}
		}
	}
	if seen < 20 {
		t.Fatalf("only %d places seen: the test looks at the wrong pages", seen)
	}
}

// elsewhere is what only the machine of whoever wrote a page has: it helps no reader. Written so that this file does not match.
var elsewhere = regexp.MustCompile(`(^|[^\w.])/(work|root)/[a-z]|proxy[.]golang[.]org`)

// TestNoPlacesOfOtherMachines: pages, code and scripts name no folder or host of the machine they were written on.
func TestNoPlacesOfOtherMachines(t *testing.T) {
	t.Parallel()
	seen := 0
	check := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), "../")
		text, err := os.ReadFile(path)
		if place := elsewhere.Find(text); place != nil {
			t.Errorf("%s names %q", name, place)
		}
		seen++
		return err
	}
	for _, top := range []string{"docs", "internal", "cmd", "api", "migrations", "deploy", ".ci", "Makefile", "README.md", "CHANGELOG.md", "go.mod"} {
		if err := filepath.WalkDir(filepath.Join("..", top), check); err != nil {
			t.Fatal(err)
		}
	}
	if seen < 200 {
		t.Fatalf("only %d files seen", seen)
	}
}

var operationLine = regexp.MustCompile("(?m)^\\| `([a-z-]+)` \\| [CRUDE]\\b")

// TestAuditPageHasEveryOperation: docs/audit.md lists the operations that code audits, all of them and no others.
func TestAuditPageHasEveryOperation(t *testing.T) {
	t.Parallel()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	audited, said := map[string]bool{}, map[string]bool{}
	for _, s := range all {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		for _, text := range operationsIn(s.file) {
			audited[text] = true
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if text, ok := literal(n); ok {
				said[text] = true
			}
			return true
		})
	}
	var listed []string
	for _, found := range operationLine.FindAllStringSubmatch(read(t, "docs/audit.md"), -1) {
		listed = append(listed, found[1])
		if !said[found[1]] {
			t.Errorf("docs/audit.md has the operation %s, which no code names", found[1])
		}
	}
	if len(audited) < 10 {
		t.Fatalf("only the operations %v seen", audited)
	}
	for operation := range audited {
		if !slices.Contains(listed, operation) {
			t.Errorf("docs/audit.md lacks the operation %s", operation)
		}
	}
}

// withOperation are the functions that begin or refuse an audited operation, and which of their arguments names it.
var withOperation = map[string]int{"New": 3, "RefuseUnread": 3, "Refuse": 2, "mayWrite": 4, "reading": 0, "writing": 1, "note": 3}

func operationsIn(file *ast.File) (out []string) {
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		if at, ok := withOperation[calledName(call)]; ok && len(call.Args) > at {
			if text, ok := literal(call.Args[at]); ok && operationForm.MatchString(text) {
				out = append(out, text)
			}
		}
		return true
	})
	return out
}

var operationForm = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	default:
		return ""
	}
}
