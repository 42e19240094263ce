package audit_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/audit"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the example lines of docs/audit.md as lines are written now")

const auditPage = "../../docs/audit.md"

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(auditPage)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// keys are a struct's names in JSON, in order.
func keys(of reflect.Type) (out []string) {
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		out = append(out, name)
	}
	return out
}

func typeOf(t *testing.T, field string) reflect.Type {
	t.Helper()
	f, ok := reflect.TypeFor[audit.Line]().FieldByName(field)
	if !ok {
		t.Fatalf("a line has no %s", field)
	}
	return f.Type
}

var fieldRow = regexp.MustCompile("^\\| `([a-z_]+)` \\|")

// tableUnder is the first column of the table that begins with this head.
func tableUnder(t *testing.T, text, head string) (out []string) {
	t.Helper()
	_, rest, found := strings.Cut(text, "\n| "+head+" |")
	if !found {
		t.Fatalf("no table with the head %q", head)
	}
	rest, _, _ = strings.Cut(rest, "\n\n")
	for line := range strings.Lines(rest) {
		if name := fieldRow.FindStringSubmatch(line); name != nil {
			out = append(out, name[1])
		}
	}
	return out
}

// TestPageHasEveryField: the tables of docs/audit.md are the fields of a line, in its order.
func TestPageHasEveryField(t *testing.T) {
	t.Parallel()
	text := page(t)
	for head, of := range map[string]reflect.Type{"Field": reflect.TypeFor[audit.Line](), "Field of `caller`": typeOf(t, "Caller"), "Field of `detail`": typeOf(t, "Detail")} {
		if diff := cmp.Diff(keys(of), tableUnder(t, text, head)); diff != "" {
			t.Errorf("%s (-code +page):\n%s", head, diff)
		}
	}
	if diff := cmp.Diff(alwaysThere(reflect.TypeFor[audit.Line]()), markedAlways(text)); diff != "" {
		t.Errorf("in every line (-code +page):\n%s", diff)
	}
	line, _, _ := strings.Cut(text[strings.Index(text, "| `documents` |"):], "\n")
	for _, key := range keys(reflect.TypeFor[audit.Document]()) {
		if !strings.Contains(line, "`"+key+"`") {
			t.Errorf("the page does not say that a document has %s", key)
		}
	}
}

// alwaysThere are the fields that no line leaves out.
func alwaysThere(of reflect.Type) (out []string) {
	for i, name := range keys(of) {
		if !strings.Contains(of.Field(i).Tag.Get("json"), ",omit") {
			out = append(out, name)
		}
	}
	return out
}

var alwaysRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| always \\|")

func markedAlways(text string) (out []string) {
	for _, found := range alwaysRow.FindAllStringSubmatch(text, -1) {
		out = append(out, found[1])
	}
	return out
}

var example = regexp.MustCompile("(?m)^```json\n(.*)\n```$")

// TestPageExamples: one line of each action, each written as the command writes lines.
func TestPageExamples(t *testing.T) {
	t.Parallel()
	text, actions := page(t), []string{}
	want := example.ReplaceAllStringFunc(text, func(found string) string {
		line := readLine(t, example.FindStringSubmatch(found)[1])
		actions = append(actions, line.Action)
		return "```json\n" + written(t, line) + "```"
	})
	if *update {
		if err := os.WriteFile(auditPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		text = want
	}
	if diff := cmp.Diff(want, text); diff != "" {
		t.Errorf("lines are written otherwise now; run with -update (-now +page):\n%s", diff)
	}
	if !slices.Equal(actions, []string{"C", "R", "U", "D", "E"}) {
		t.Errorf("examples of %v", actions)
	}
}

func readLine(t *testing.T, text string) (line audit.Line) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&line); err != nil {
		t.Errorf("%v: %s", err, text)
	}
	return line
}

// written is a line as the command prints it.
func written(t *testing.T, line audit.Line) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(line); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
