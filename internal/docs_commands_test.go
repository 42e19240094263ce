package internal_test

import (
	"go/ast"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// program is what a command line of ours may say: words that are commands, and flags, as kong makes them from struct fields.
type program struct{ words, flags map[string]bool }

// programOf reads the structs of cmd/<name>. All commands' flags are taken together: a flag of the wrong command passes here.
func programOf(t *testing.T, name string) program {
	t.Helper()
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	p := program{map[string]bool{}, map[string]bool{"help": true}}
	for _, s := range all {
		if strings.HasPrefix(s.path, "cmd/"+name+"/") && !strings.HasSuffix(s.path, "_test.go") {
			ast.Inspect(s.file, func(n ast.Node) bool {
				if f, ok := n.(*ast.Field); ok && f.Tag != nil && len(f.Names) == 1 {
					p.add(f.Names[0].Name, f.Tag.Value)
				}
				return true
			})
		}
	}
	return p
}

func (p program) add(field, quotedTag string) {
	text, err := strconv.Unquote(quotedTag)
	if err != nil {
		return
	}
	tag := reflect.StructTag(text)
	name := kebab(field)
	if given := tag.Get("name"); given != "" {
		name = given
	}
	_, isCommand := tag.Lookup("cmd")
	_, isArgument := tag.Lookup("arg")
	_, isOther := tag.Lookup("json")
	switch {
	case isCommand:
		p.words[name] = true
	case !isArgument && !isOther:
		p.flags[name] = true
		if _, ok := tag.Lookup("negatable"); ok {
			p.flags["no-"+name] = true
		}
	}
}

// kebab writes OwnOnly as own-only.
func kebab(field string) string {
	var out strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(field[i-1])) {
			out.WriteByte('-')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// Command lines stand in code: a line of a fenced block, or between backquotes.
var (
	fenced      = regexp.MustCompile("(?ms)^```[a-z]*\n(.*?)^```")
	commandLine = regexp.MustCompile(`^(?:bin/)?(dokumentlager|dlctl) ([a-z].*)$`)
	longFlag    = regexp.MustCompile(`(?:^| )--([a-z][a-z-]*)`)
	makeLine    = regexp.MustCompile(`^make ([a-z]+)`)
	makeTarget  = regexp.MustCompile(`(?m)^([a-z]+):`)
)

// codeOf is every piece of code on a page.
func codeOf(page string) (out []string) {
	for _, block := range fenced.FindAllStringSubmatch(page, -1) {
		out = append(out, strings.Split(block[1], "\n")...)
	}
	for _, found := range quoted.FindAllStringSubmatch(fenced.ReplaceAllString(page, ""), -1) {
		out = append(out, found[1])
	}
	return out
}

// TestCommandsOnPagesExist: the commands, flags and make targets that pages show.
func TestCommandsOnPagesExist(t *testing.T) {
	t.Parallel()
	programs := map[string]program{"dokumentlager": programOf(t, "dokumentlager"), "dlctl": programOf(t, "dlctl")}
	var targets []string
	for _, found := range makeTarget.FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets = append(targets, found[1])
	}
	seen := 0
	for _, page := range pages(t) {
		for _, code := range codeOf(read(t, page)) {
			if found := makeLine.FindStringSubmatch(code); found != nil && !slices.Contains(targets, found[1]) {
				t.Errorf("%s: %s: no such target", page, code)
			}
			if found := commandLine.FindStringSubmatch(code); found != nil {
				seen++
				for _, wrong := range programs[found[1]].strange(found[2]) {
					t.Errorf("%s: %s: %s knows no %s", page, code, found[1], wrong)
				}
			}
		}
	}
	if seen < 15 {
		t.Fatalf("only %d command lines seen", seen)
	}
}

// strange are the words of a command line that the program has not: its first, which is a command, or several as in serve|dev, and
// flags.
func (p program) strange(line string) (out []string) {
	first, rest, _ := strings.Cut(line, " ")
	for word := range strings.SplitSeq(first, "|") {
		if !p.words[word] {
			out = append(out, word)
		}
	}
	for _, found := range longFlag.FindAllStringSubmatch(rest, -1) {
		if !p.flags[found[1]] {
			out = append(out, "--"+found[1])
		}
	}
	return out
}
