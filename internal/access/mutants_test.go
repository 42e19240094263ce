//go:build mutate

package access

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// leastKilled is the share of mutants, in percent, that tests must notice (design/trust.md, test 19).
const leastKilled = 95

// mutant is one small mistake: some bytes of a file written differently.
type mutant struct {
	file, function string
	start, end     int
	line           int
	was, now       string
}

// String is the key under which a mutant may be called equivalent.
func (m mutant) String() string {
	return fmt.Sprintf("%s %s: %s => %s", m.file, m.function, m.was, m.now)
}

// TestMutants makes every mistake that mutantsOf knows, one at a time, and wants this package's tests to fail. MUTANTS is a regular
// expression that picks some. The tree is never touched: the compiler is given the changed file in the place of ours.
func TestMutants(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := run(); err != nil {
		t.Fatalf("the tests fail without a mutant: they would kill every one\n%s", out)
	}
	chosen := regexp.MustCompile(os.Getenv("MUTANTS"))
	count := map[string]int{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, mutants := mutantsOf(t, file)
		for _, m := range mutants {
			if !chosen.MatchString(m.String()) {
				continue
			}
			fate := m.try(t, source)
			if why := equivalent[m.String()]; fate == "survived" && why != "" {
				fate = "equivalent"
			}
			count[fate]++
			if fate == "survived" {
				t.Logf("survived: %s:%d %s", file, m.line, m)
			}
		}
		t.Logf("%s: so far %v", file, count)
	}
	rate := 100 * float64(count["killed"]) / float64(max(1, count["killed"]+count["survived"]))
	t.Logf("%d killed, %d survived, %d equivalent, %d do not compile: %.1f %%", count["killed"], count["survived"], count["equivalent"], count["stillborn"], rate)
	if rate < leastKilled {
		t.Errorf("%.1f %% killed, want %d %%", rate, leastKilled)
	}
}

// try builds and runs the tests with the mutant in the file's place.
func (m mutant) try(t *testing.T, source []byte) string {
	dir := t.TempDir()
	here, err := filepath.Abs(m.file)
	if err != nil {
		t.Fatal(err)
	}
	changed, overlay := filepath.Join(dir, m.file), filepath.Join(dir, "overlay.json")
	plan, _ := json.Marshal(map[string]map[string]string{"Replace": {here: changed}})
	text := slices.Concat(source[:m.start], []byte(m.now), source[m.end:])
	if os.WriteFile(changed, text, 0o600) != nil || os.WriteFile(overlay, plan, 0o600) != nil {
		t.Fatal("cannot write in " + dir)
	}
	out, err := run("-overlay", overlay)
	switch {
	case err == nil:
		return "survived"
	case strings.Contains(out, "build failed"), strings.Contains(out, "setup failed"):
		return "stillborn"
	default:
		return "killed"
	}
}

// run runs this package's tests.
func run(flags ...string) (out string, err error) {
	flags = append([]string{"test", "-vet=off", "-count=1", "-failfast", "-timeout=60s", "-ldflags=-s -w"}, append(flags, ".")...)
	raw, err := exec.Command("go", flags...).CombinedOutput()
	return string(raw), err
}

// finder walks one file.
type finder struct {
	file, function string
	set            *token.FileSet
	source         []byte
	results        []string
	found          []mutant
}

func mutantsOf(t *testing.T, file string) ([]byte, []mutant) {
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	f := finder{file: file, set: token.NewFileSet(), source: source}
	tree, err := parser.ParseFile(f.set, file, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range tree.Decls {
		f.function, f.results = "top", nil
		if fn, ok := d.(*ast.FuncDecl); ok {
			f.function = fn.Name.Name
			if fn.Type.Results != nil {
				for _, r := range fn.Type.Results.List {
					f.results = append(f.results, f.text(r.Type))
				}
			}
		}
		ast.Inspect(d, f.visit)
	}
	slices.SortFunc(f.found, func(a, b mutant) int { return a.start - b.start })
	return source, f.found
}

func (f *finder) text(n ast.Node) string {
	return string(f.source[f.set.Position(n.Pos()).Offset:f.set.Position(n.End()).Offset])
}

// add notes that a node can be written in other ways.
func (f *finder) add(n ast.Node, instead ...string) {
	at := f.set.Position(n.Pos())
	for _, now := range instead {
		if now != f.text(n) {
			f.found = append(f.found, mutant{f.file, f.function, at.Offset, f.set.Position(n.End()).Offset, at.Line, f.text(n), now})
		}
	}
}

// operators are what may be mistaken for each other.
var operators = map[token.Token][]string{
	token.EQL: {"!="}, token.NEQ: {"=="}, token.LSS: {"<=", ">="}, token.LEQ: {"<", ">"}, token.GTR: {">=", "<"}, token.GEQ: {">", "<="},
	token.LAND: {"||"}, token.LOR: {"&&"}, token.ADD: {"-"}, token.SUB: {"+"}, token.MUL: {"/"}, token.QUO: {"*"},
}

// names are our constants that may be mistaken for each other.
var names = map[string][]string{
	"Show": {"Mask", "Omit"}, "Mask": {"Show", "Omit"}, "Omit": {"Mask"}, "Allow": {"Deny"}, "Deny": {"Allow"},
	"Personnel": {"Citizen", "Machine"}, "Citizen": {"Guardian", "Personnel"}, "Guardian": {"Proxy", "Citizen"}, "Proxy": {"Guardian", "Operator"},
	"Section45": {"Opening", "Kjernejournal"}, "Kjernejournal": {"Section45"}, "Opening": {"Section45"}, "true": {"false"}, "false": {"true"},
	"min": {"max"}, "hl7OID": {"nationalOID"}, "hl7URI": {"nationalOID"}, "nationalOID": {"hl7OID"}, "nothingAgainst": {"refused(noReader)"},
}

func (f *finder) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.ImportSpec, *ast.Field:
		return false
	case *ast.BinaryExpr:
		for _, op := range operators[n.Op] {
			f.add(n, f.text(n.X)+" "+op+" "+f.text(n.Y))
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT || n.Op == token.SUB {
			f.add(n, f.text(n.X))
		}
	case *ast.IfStmt:
		f.add(n.Cond, "true", "false")
	case *ast.CaseClause:
		f.cases(n)
	case *ast.BasicLit:
		f.literal(n)
	case *ast.Ident:
		f.add(n, names[n.Name]...)
	case *ast.SelectorExpr:
		ast.Inspect(n.X, f.visit)
		return false
	case *ast.KeyValueExpr:
		ast.Inspect(n.Value, f.visit)
		return false
	case *ast.ReturnStmt:
		f.returned(n)
	case *ast.AssignStmt:
		if n.Tok != token.DEFINE {
			f.add(n, strings.Repeat("_, ", len(n.Rhs)-1)+"_ = "+f.text(n.Rhs[0])+strings.Repeat(", 0", len(n.Rhs)-1))
		}
	case *ast.BranchStmt:
		f.add(n, "")
	case *ast.CallExpr:
		f.call(n)
	}
	return true
}

// cases: each condition never and always holds, and each constant of a list is left out.
func (f *finder) cases(n *ast.CaseClause) {
	for i, c := range n.List {
		switch c.(type) {
		case *ast.BinaryExpr, *ast.UnaryExpr, *ast.ParenExpr, *ast.CallExpr:
			f.add(c, "true", "false")
		}
		if i > 0 {
			f.add(c, f.text(n.List[0]))
		}
	}
}

// literal: numbers are one off, codes are others. Texts for people, which have blanks, are let alone.
func (f *finder) literal(n *ast.BasicLit) {
	switch n.Kind {
	case token.INT:
		if i, err := strconv.Atoi(n.Value); err == nil {
			f.add(n, strconv.Itoa(i+1), strconv.Itoa(i-1))
		}
	case token.STRING:
		if !strings.Contains(n.Value, " ") {
			f.add(n, `"mutant"`)
		}
	}
}

// returned: another value of the function's result type.
func (f *finder) returned(n *ast.ReturnStmt) {
	others := map[string][]string{"verdict": {"nothingAgainst", "verdict{}"}, "bool": {"true", "false"}, "Reason": {"noReason", "noReader"},
		"int": {"0", "1"}, "string": {`"mutant"`}, "day": {"day{}"}, "Decision": {"Decision{}", "Decision{List: Show, Open: Allow}"},
		"fault.Problems": {"nil"}, "*fault.Problem": {"nil"}, "[]string": {"nil"}, "Scope": {"NoScope", "Section45"}, "Basis": {"Basis{}"}}
	for i, value := range n.Results {
		if i < len(f.results) {
			f.add(value, others[f.results[i]]...)
		}
	}
}

// call: a step is left out where the result may be its argument, and reasons are mistaken for each other.
func (f *finder) call(n *ast.CallExpr) {
	switch name := f.text(n.Fun); {
	case (name == "refused" || name == "unlisted") && len(n.Args) == 1:
		f.add(n, "refused(noReader)", "unlisted("+f.text(n.Args[0])+")", "refused("+f.text(n.Args[0])+")")
	case len(n.Args) == 1:
		f.add(n, f.text(n.Args[0]))
	}
}

// equivalent are mutants that no test can tell from the original, and why.
var equivalent = map[string]string{
	"day.go newDay: 0 => 1":                "all days begin at the same hour, minute and second, whichever it is",
	"day.go mustLoad: err != nil => false": "the zone is in the binary: there is no error to look at",
	"decide.go strictness: 10 => 11":       "any weight above what a list can take makes the same order",
	"decide.go strictness: 10 => 9":        "any weight above what a list can take makes the same order",
	"filter.go top: 0 => -1":               "unlimited may be any number that is no period",
}
