package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// ruleIDs are the business rules, all of them. The list is here and not read from somewhere, so that none can get lost.
var ruleIDs = slices.Concat(
	ids("T", 6), ids("W", 6), ids("F", 6), ids("P", 2), ids("D", 2), ids("C", 8), ids("L", 6), ids("A", 4), ids("R", 6), ids("X", 3), ids("K", 1), ids("H", 4))

func ids(letter string, n int) (out []string) {
	for i := range n {
		out = append(out, letter+strconv.Itoa(i+1))
	}
	return out
}

// rule is a line of docs/rules.md.
type rule struct{ id, text, code, test, state string }

var ruleLine = regexp.MustCompile(`^\| ([A-Z]\d+) \|`)

func rules(t *testing.T) (out []rule) {
	t.Helper()
	for line := range strings.Lines(read(t, "docs/rules.md")) {
		if !ruleLine.MatchString(line) {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 5 {
			t.Fatalf("%d cells instead of 5: %s", len(cells), line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		out = append(out, rule{cells[0], cells[1], cells[2], cells[3], cells[4]})
	}
	return out
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestRulesPageHasEveryRule: each once, in order, and honest in form: what is done has code and a proof, what is not says what is missing.
func TestRulesPageHasEveryRule(t *testing.T) {
	t.Parallel()
	var got []string
	for _, r := range rules(t) {
		got = append(got, r.id)
		partly := strings.HasPrefix(r.state, "partly: ")
		switch {
		case r.state == "done" || partly:
			if len(references(r.code)) == 0 || len(references(r.test)) == 0 {
				t.Errorf("%s is %s without code or without a test", r.id, r.state)
			}
		case !strings.HasPrefix(r.state, "not yet"):
			t.Errorf("%s: the state is %q", r.id, r.state)
		}
		if r.text == "" {
			t.Errorf("%s says nothing", r.id)
		}
	}
	if !slices.Equal(got, ruleIDs) {
		t.Errorf("docs/rules.md has the rules\n%v, want\n%v", got, ruleIDs)
	}
}

// reference is a file, and perhaps a name in it.
type reference struct{ path, name string }

var quoted = regexp.MustCompile("`([^`]+)`")

func references(cell string) (out []reference) {
	for _, found := range quoted.FindAllStringSubmatch(cell, -1) {
		path, name, _ := strings.Cut(found[1], ":")
		out = append(out, reference{path, name})
	}
	return out
}

// TestRulesPageLeadsSomewhere: every file and every name is there, and proofs are tests.
func TestRulesPageLeadsSomewhere(t *testing.T) {
	t.Parallel()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules(t) {
		for _, ref := range append(references(r.code), references(r.test)...) {
			if err := ref.resolve(all); err != "" {
				t.Errorf("%s: %s", r.id, err)
			}
		}
		for _, ref := range references(r.test) {
			if !strings.HasSuffix(ref.path, "_test.go") || !strings.HasPrefix(ref.name, "Test") && !strings.HasPrefix(ref.name, "Fuzz") {
				t.Errorf("%s: %s:%s is no test", r.id, ref.path, ref.name)
			}
		}
	}
}

// resolve says what is wrong, nothing when the reference leads somewhere.
func (r reference) resolve(all []source) string {
	if _, err := os.Stat(filepath.Join("..", r.path)); err != nil {
		return r.path + " is not there"
	}
	if r.name == "" {
		return ""
	}
	i := slices.IndexFunc(all, func(s source) bool { return s.path == r.path })
	if i < 0 || !declares(all[i].file, r.name) {
		return r.path + " declares no " + r.name
	}
	return ""
}

// declares reports whether a file has a function, method, type, variable or constant of this name at its top level.
func declares(file *ast.File, name string) bool {
	return slices.ContainsFunc(file.Decls, func(d ast.Decl) bool {
		if f, ok := d.(*ast.FuncDecl); ok {
			return f.Name.Name == name
		}
		return slices.ContainsFunc(d.(*ast.GenDecl).Specs, func(s ast.Spec) bool {
			switch s := s.(type) {
			case *ast.TypeSpec:
				return s.Name.Name == name
			case *ast.ValueSpec:
				return slices.ContainsFunc(s.Names, func(i *ast.Ident) bool { return i.Name == name })
			default:
				return false
			}
		})
	})
}

// source is a Go file of ours.
type source struct {
	path string
	file *ast.File
}

// sources are all of them, parsed once.
var sources = sync.OnceValues(func() (out []source, err error) {
	for _, top := range []string{"internal", "cmd", "api", "migrations"} {
		err = filepath.WalkDir(filepath.Join("..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
			out = append(out, source{strings.TrimPrefix(filepath.ToSlash(path), "../"), file})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
})

// idForm finds what has the form of a rule id in a text; idOnly is a text that is one.
var (
	idForm = regexp.MustCompile(`\b[TWFPDCLARXKH][1-9]\d?\b`)
	idOnly = regexp.MustCompile(`^[TWFPDCLARXKH][1-9]\d?$`)
)

// TestRulesThatCodeNamesExist: a misspelt id in a comment, an error or a verdict would lead its reader nowhere.
func TestRulesThatCodeNamesExist(t *testing.T) {
	t.Parallel()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, s := range all {
		for _, id := range rulesNamedIn(s.file) {
			seen[id] = true
			if !slices.Contains(ruleIDs, id) {
				t.Errorf("%s names rule %s, which docs/rules.md has not", s.path, id)
			}
		}
	}
	if len(seen) < 30 {
		t.Fatalf("only %d rules seen: the test looks at the wrong place: %v", len(seen), slices.Sorted(maps.Keys(seen)))
	}
}

// rulesNamedIn are the ids in comments, and texts that are ids: those of By("C2"), verdict{"C2", ...} and refused("C7").
func rulesNamedIn(file *ast.File) (out []string) {
	for _, group := range file.Comments {
		out = append(out, idForm.FindAllString(group.Text(), -1)...)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if text, ok := literal(n); ok && idOnly.MatchString(text) {
			out = append(out, text)
		}
		return true
	})
	return out
}

// literal is a string literal's text.
func literal(n ast.Node) (string, bool) {
	l, ok := n.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}
