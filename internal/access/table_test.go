package access

import (
	"bytes"
	"encoding/csv"
	"flag"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/document"
	reviewed "dokumentlager/testdata/access"
)

var update = flag.Bool("update", false, "write testdata/access.csv")

const tableFile = "../../testdata/access.csv"

// cells are one row of the table, by the columns' names.
type cells map[string]string

// readTable reads the file; the line of row i is i+firstLine.
func readTable(t *testing.T) (rows []cells, firstLine int) {
	t.Helper()
	text, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	in := csv.NewReader(bytes.NewReader(text))
	in.Comment, in.ReuseRecord = '#', true
	lines, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lines[0], reviewed.Columns()) {
		t.Fatalf("columns %v", lines[0])
	}
	for _, line := range lines[1:] {
		row := make(cells, len(line))
		for i, name := range reviewed.Columns() {
			row[name] = line[i]
		}
		rows = append(rows, row)
	}
	return rows, bytes.Count(text, []byte("\n#")) + 3
}

// TestReviewedTable: two implementations of section C that know nothing of each other agree on every row. With -update it writes the
// table anew, and then compares.
func TestReviewedTable(t *testing.T) {
	t.Parallel()
	var made bytes.Buffer
	if err := reviewed.Write(&made); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(tableFile, made.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if kept, err := os.ReadFile(tableFile); err != nil || !bytes.Equal(kept, made.Bytes()) {
		t.Fatalf("testdata/access.csv is not what testdata/access makes (%v): run this test with -update and look at the difference", err)
	}
	rows, first := readTable(t)
	wrong := 0
	for i, row := range rows {
		if got, want := row.decide(t), row.answer(); got != want {
			if wrong++; wrong <= 20 {
				t.Errorf("line %d: %s: Decide says %s, the table %s", first+i, row, got, want)
			}
		}
	}
	t.Logf("%d rows, %d wrong", len(rows), wrong)
	if len(rows) < 15_000 {
		t.Errorf("only %d rows", len(rows))
	}
}

// TestTableMeetsEveryRule: every rule that can decide does so alone somewhere, with others, and for every kind of caller it is about; every
// answer there is, is given.
func TestTableMeetsEveryRule(t *testing.T) {
	t.Parallel()
	rows, _ := readTable(t)
	alone, beside, answers := map[string]int{}, map[string]int{}, map[string]int{}
	for _, row := range rows {
		rules := strings.Split(row["rules"], "+")
		for _, rule := range rules {
			beside[rule]++
			beside[rule+" "+row["caller"]]++
		}
		alone[row["rules"]]++
		answers[row["list"]+" "+row["open"]]++
	}
	for _, rule := range []string{"C1", "C2", "C3", "C5", "C6", "C7", "L4", "L5"} {
		if alone[rule] < 5 || beside[rule] < 25 {
			t.Errorf("%s decides %d rows, %d alone", rule, beside[rule], alone[rule])
		}
	}
	for _, pair := range []string{"C5 citizen", "C5 guardian", "C5 proxy", "C7 citizen", "C7 personnel", "C3 machine", "C3 personnel", "L4 guardian", "C2 guardian", "C1 proxy"} {
		if beside[pair] == 0 {
			t.Errorf("no row for %s", pair)
		}
	}
	for pair, n := range beside {
		if rule, caller, both := strings.Cut(pair, " "); both && caller != "personnel" && (rule == "L5" || rule == "C6") {
			t.Errorf("%s decides on %d rows of %s, whom it does not limit", rule, n, caller)
		}
	}
	for _, answer := range []string{"show allow", "show deny", "mask deny", "omit deny", "omit allow"} {
		if answers[answer] < 25 {
			t.Errorf("%s is the answer on %d rows", answer, answers[answer])
		}
		delete(answers, answer)
	}
	if len(answers) > 0 {
		t.Errorf("strange answers: %v", answers)
	}
}

// TestGeneratorKnowsNothingOfUs: it may import the standard library, and neither package time nor anything of ours.
func TestGeneratorKnowsNothingOfUs(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../testdata/access/*.go")
	if err != nil || len(files) < 4 {
		t.Fatalf("%v: %v", files, err)
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			path, _ := strconv.Unquote(i.Path.Value)
			if strings.Contains(path, "dokumentlager") || strings.Contains(path, ".") || path == "time" {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

// String is the row without its empty cells.
func (c cells) String() string {
	var out []string
	for _, name := range reviewed.Columns()[:len(reviewed.Columns())-3] {
		if c[name] != "" {
			out = append(out, name+"="+c[name])
		}
	}
	return strings.Join(out, " ")
}

func (c cells) answer() string { return c["list"] + " " + c["open"] + " by " + c["rules"] }

// decide asks Decide what the row asks.
func (c cells) decide(t *testing.T) string {
	now := noon
	if c["now"] != "" {
		now = c.time(t, "now")
	}
	patient := Patient{BirthDate: c.time(t, "born"), DeadSince: c.time(t, "dead"), AddressProtected: c["address"] != "", Known: true}
	pol := DefaultPolicy()
	if c["setting"] == "glass" {
		pol.BreakGlass = []string{"BTG", "ETREAT"}
	}
	d := pol.Decide(c.caller(), c.basis(), patient, c.entry(t), c.shared(), now)
	return d.List.String() + " " + d.Open.String() + " by " + strings.Join(d.Rules, "+")
}

func (c cells) caller() Caller {
	kinds := map[string]Kind{"personnel": Personnel, "citizen": Citizen, "guardian": Guardian, "proxy": Proxy, "machine": Machine}
	caller := doctor
	caller.Kind, caller.Purpose = kinds[c["caller"]], c["purpose"]
	switch c["role"] {
	case "":
	case "none":
		caller.Role = ""
	default:
		caller.Role = c["role"]
	}
	if c["org"] == "own" {
		caller.Organisation = plain.OwnerOrganisations[0]
	}
	switch c["papers"] {
	case "no hpr":
		caller.HPR = ""
	case "level 3":
		caller.SecurityLevel = 3
	case "no attest":
		caller.Attest = false
	case "nothing":
		caller = Caller{Kind: Personnel}
	}
	return caller
}

func (c cells) basis() Basis {
	scope, basis, _ := strings.Cut(c["scope"], "/")
	return Basis{Scope: map[string]Scope{"45": Section45, "kj": Kjernejournal, "opening": Opening}[scope], AccessBasis: basis}
}

func (c cells) entry(t *testing.T) Entry {
	e := plain
	e.Confidentiality = nil
	for system, column := range map[string]string{hl7OID: "hl7", nationalOID: "no9603"} {
		for _, code := range strings.FieldsFunc(c[column], func(r rune) bool { return r == '+' }) {
			e.Confidentiality = append(e.Confidentiality, document.Code{Value: code, System: system})
		}
	}
	if c["class"] != "" {
		e.Class = class(c["class"])
	}
	if e.Creation = c.time(t, "created"); e.Creation.IsZero() {
		e.Creation = date(2026, 5, 15)
	}
	return e
}

func (c cells) shared() Sharing {
	return map[string]Sharing{"p": {Personnel: true}, "c": {Citizen: true}, "p+c": {Personnel: true, Citizen: true},
		"own": {Personnel: true, Citizen: true, OwnOrganisationOnly: true}, "none": {}}[c["sharing"]]
}

// time is a date, a time with its zone, or zero.
func (c cells) time(t *testing.T, column string) time.Time {
	layout := time.DateOnly
	switch {
	case c[column] == "":
		return time.Time{}
	case strings.Contains(c[column], "T"):
		layout = time.RFC3339
	}
	at, err := time.Parse(layout, c[column])
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// TestRowsCheckedByHand: every row of docs/access-review.md stands in the table as it stands there, answer included.
func TestRowsCheckedByHand(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/access-review.md")
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(string(table), "\n")
	checked := 0
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.Count(line, ",") != len(reviewed.Columns())-1 || strings.HasPrefix(line, "caller") {
			continue
		}
		checked++
		if !slices.Contains(rows, line) {
			t.Errorf("not in the table: %s", line)
		}
	}
	if said := "the " + strconv.Itoa(checked) + " rows below"; checked < 60 || !strings.Contains(string(page), said) {
		t.Errorf("%d rows checked by hand; the page does not say %q", checked, said)
	}
}
