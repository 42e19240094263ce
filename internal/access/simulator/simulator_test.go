package simulator

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the answers in testdata")

// noon is the time of questions that tell none.
var noon = time.Date(2026, 6, 15, 10, 0, 0, 0, time.UTC)

func simulator(l access.Language) Simulator {
	return Simulator{Policy: access.DefaultPolicy(), Language: l, Now: func() time.Time { return noon }}
}

// TestAnswers: the questions of testdata in both languages. The file has the number of each question's line too.
func TestAnswers(t *testing.T) {
	t.Parallel()
	questions, err := os.ReadFile("testdata/questions.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []access.Language{access.Bokmaal, access.English} {
		var got bytes.Buffer
		tally, err := simulator(l).Run(bytes.NewReader(questions), &got, nil)
		if err != nil || tally != (Tally{Answered: 32, Refused: 5}) {
			t.Errorf("%+v, %v", tally, err)
		}
		name := "testdata/answers." + string(l) + ".jsonl"
		if *update {
			if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); err != nil || diff != "" {
			t.Errorf("%s: %v, -want +got\n%s", name, err, diff)
		}
	}
}

// TestReviewedTable asks every third row of testdata/access.csv in JSON, so that what outsiders send is judged as the table has it.
func TestReviewedTable(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("../../../testdata/access.csv")
	if err != nil {
		t.Fatal(err)
	}
	in := csv.NewReader(bytes.NewReader(table))
	in.Comment = '#'
	lines, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var questions, answers bytes.Buffer
	var rows []map[string]string
	encoder := json.NewEncoder(&questions)
	for n, line := range lines[1:] {
		row := map[string]string{}
		for i, name := range lines[0] {
			row[name] = line[i]
		}
		if n%3 != 0 || row["scope"] == "opening" || row["setting"] != "" {
			continue // the latter two are no scope of a question, and a setting of the simulator
		}
		rows = append(rows, row)
		if err := encoder.Encode(asked(row)); err != nil {
			t.Fatal(err)
		}
	}
	if tally, err := simulator(access.English).Run(&questions, &answers, func(_ int, field string) { t.Errorf("%s is unknown", field) }); err != nil ||
		tally.Answered != len(rows) || len(rows) < 5_000 {
		t.Fatalf("%d rows, %+v, %v", len(rows), tally, err)
	}
	decoder := json.NewDecoder(&answers)
	for _, row := range rows {
		var got Answer
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if got.List != row["list"] || got.Open != row["open"] || strings.Join(got.Rules, "+") != row["rules"] || got.BreakGlass {
			t.Fatalf("%v: %+v", row, got)
		}
	}
}

// asked is a row of the table as a question.
func asked(row map[string]string) map[string]any {
	codes := strings.FieldsFunc(row["hl7"], func(r rune) bool { return r == '+' })
	for _, code := range strings.FieldsFunc(row["no9603"], func(r rune) bool { return r == '+' }) {
		if code == "N" {
			code = "urn:oid:2.16.578.1.12.4.1.1.9603|N"
		}
		codes = append(codes, code)
	}
	scope, basis, _ := strings.Cut(row["scope"], "/")
	q := map[string]any{
		"caller": row["caller"], "role": either(row["role"], "LE"), "purpose": row["purpose"], "caller_org": "1", "owner_org": "2",
		"confidentiality": codes, "patient_birth": orNull(row["born"]), "patient_dead_since": orNull(row["dead"]),
		"address": map[string]any{"": nil, "F": "fortrolig", "S": "strengt_fortrolig"}[row["address"]],
		"sharing": map[string][]string{"p": {"personnel"}, "c": {"citizen"}, "p+c": {"personnel", "citizen"}, "own": {}, "none": {}}[row["sharing"]],
		"class":   either(row["class"], "A00-1"), "created": either(row["created"], "2026-05-15"), "access_basis": orNull(basis),
		"scope": map[string]any{"kj": "kjernejournal", "45": 45, "": nil}[scope], "now": orNull(row["now"]), "own_organisation_only": row["sharing"] == "own",
	}
	switch row["papers"] {
	case "no hpr":
		q["hpr"] = false
	case "level 3":
		q["security_level"] = 3
	case "no attest":
		q["attest"] = false
	case "nothing":
		q["hpr"], q["security_level"], q["attest"], q["role"], q["purpose"] = false, 0, false, "", ""
	}
	if row["role"] == "none" {
		q["role"] = nil
	}
	if row["org"] == "own" {
		q["caller_org"] = "2"
	}
	return q
}

func either(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// TestUnsaid: what a question leaves out, or says with null.
func TestUnsaid(t *testing.T) {
	t.Parallel()
	const doctor = `"caller":"personnel","role":"LE","purpose":"TREAT","confidentiality":["N"]`
	for question, want := range map[string]string{
		`{` + doctor + `}`: "show allow C2",
		`{` + doctor + `,"sharing":null,"scope":null,"address":null,"now":null,"own_organisation_only":null,"attest":null,"hpr":null,"security_level":null}`: "show allow C2",
		`{` + doctor + `,"scope":"","address":"","now":"","created":"","access_basis":"x"}`:                                                                  "show allow C2",
		`{` + doctor + `,"sharing":[]}`:                                                                        "omit deny C7",
		`{` + doctor + `,"own_organisation_only":true}`:                                                        "omit deny C7",
		`{` + doctor + `,"own_organisation_only":true,"caller_org":"7","owner_org":"7"}`:                       "show allow C2",
		`{` + doctor + `,"own_organisation_only":true,"caller_org":7,"owner_org":["5","7"]}`:                   "show allow C2",
		`{` + doctor + `,"own_organisation_only":true,"sharing":[],"caller_org":"7","owner_org":"7"}`:          "show allow C2",
		`{` + doctor + `,"own_organisation_only":true,"sharing":["citizen"],"caller_org":"7","owner_org":"7"}`: "omit deny C7",
		`{` + doctor + `,"scope":"kjernejournal","access_basis":"AKUTT"}`:                                      "omit allow C6",
		`{` + doctor + `,"scope":"kjernejournal","access_basis":"AKUTT","class":"C00-1"}`:                      "omit allow C6",
		`{` + doctor + `,"scope":"kjernejournal","access_basis":"AKUTT","class":"A00-1"}`:                      "show allow C2",
		`{` + doctor + `,"scope":"kjernejournal","access_basis":"NEI","class":"A00-1"}`:                        "omit deny C6",
		`{` + doctor + `,"scope":"kjernejournal","access_basis":"AKUTT","class":"urn:oid:1.2|A00-1"}`:          "omit allow C6",
		`{` + doctor + `,"confidentiality":["N","","N R"]}`:                                                    "show allow C2",
		`{` + doctor + `,"confidentiality":["9.9|N"]}`:                                                         "omit deny C1",
		`{` + doctor + `,"confidentiality":["N","a|b|NORS"]}`:                                                  "mask deny C2",
		`{` + doctor + `,"confidentiality":["U"]}`:                                                             "omit deny C1",
		`{` + doctor + `,"confidentiality":["2.16.840.1.113883.5.25 | N"," NORS "]}`:                           "mask deny C2",
		`{` + doctor + `,"confidentiality":[]}`:                                                                "omit deny C1",
		`{` + doctor + `,"confidentiality":null}`:                                                              "omit deny C1",
		`{"caller":"personnel","role":"LE","confidentiality":["N"]}`:                                           "omit deny C3",
		`{"caller":"personnel","purpose":"TREAT","confidentiality":["N"]}`:                                     "omit deny C3",
		`{` + doctor + `,"hpr":"565501872"}`:                                                                   "show allow C2",
		`{` + doctor + `,"hpr":565501872}`:                                                                     "show allow C2",
		`{` + doctor + `,"hpr":" "}`:                                                                           "omit deny C3",
		`{` + doctor + `,"attest":false}`:                                                                      "omit deny C3",
		`{"caller":"citizen","confidentiality":["N"]}`:                                                         "show allow C2",
		`{"caller":"guardian","confidentiality":["N"]}`:                                                        "omit deny C5",
		`{"caller":"citizen","confidentiality":["N"],"sharing":["citizen"],"own_organisation_only":true}`:      "omit deny C7",
		`{"caller":"citizen","confidentiality":["N"],"patient_birth":"2010-06-15"}`:                            "show allow C2",
		`{"caller":"citizen","confidentiality":["N"],"patient_birth":"2010-06-16"}`:                            "omit deny C5",
	} {
		a, ignored, err := simulator(access.English).Ask([]byte(question))
		if got := a.List + " " + a.Open + " " + strings.Join(a.Rules, " "); err != nil || got != want || len(ignored) > 0 {
			t.Errorf("%s: %s, %v, %v, want %s", question, got, ignored, err, want)
		}
	}
}

// TestMoments: dates and times, told in every way that is understood.
func TestMoments(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-06-15":                    "2026-06-15T00:00:00+02:00",
		"20260615":                      "2026-06-15T00:00:00+02:00",
		"2026-01-15":                    "2026-01-15T00:00:00+01:00",
		"2026-06-15T12:30":              "2026-06-15T12:30:00+02:00",
		"2026-06-15 12:30:01":           "2026-06-15T12:30:01+02:00",
		"2026-06-15T12:30:01Z":          "2026-06-15T14:30:01+02:00",
		"2026-06-15t12:30z":             "2026-06-15T14:30:00+02:00",
		"2026-06-15T12:30:01.999999+02": "2026-06-15T12:30:01+02:00",
		"2026-06-15T12:30:01.5-0500":    "2026-06-15T19:30:01+02:00",
		" 2026-06-15T23:30:00+00:00 ":   "2026-06-16T01:30:00+02:00",
		"2026-06-15T00:00:00.000+02:00": "2026-06-15T00:00:00+02:00",
		"":                              "0001-01-01T00:00:00Z",
		"2026-02-29":                    "", "15.06.2026": "", "2026-06": "", "2026": "", "now": "", "2026-06-15T25:00": "", "1781517600000": "",
	} {
		raw, _ := json.Marshal(text)
		r := reader{fields: map[string]json.RawMessage{"now": raw}}
		got := r.moment("now").Format(time.RFC3339)
		if refused := r.problems.Refuses(); refused != (want == "") || !refused && got != want {
			t.Errorf("%q: %s, %v, want %s", text, got, r.problems, want)
		}
	}
}

// TestRefusals: each says every field that is wrong, and repeats nothing of it.
func TestRefusals(t *testing.T) {
	t.Parallel()
	for question, want := range map[string]string{
		`{"caller":"13116900216"}`:                               "caller: must be one of personnel, citizen, guardian, proxy, machine",
		`{"caller":"citizen","address":"13116900216","scope":7}`: "scope: must be one of 45, kjernejournal; address: must be one of normal, fortrolig, strengt_fortrolig",
		`{"caller":"citizen","sharing":"13116900216"}`:           "sharing: must be a list of personnel, citizen",
		`{"caller":"citizen","sharing":["citizen",null]}`:        "sharing: must be a list of texts",
		`{"caller":"citizen","class":["13116900216"]}`:           "class: must be a text",
		`{"caller":"citizen","class":1e999}`:                     "class: must be a text",
		`{"caller":"citizen","security_level":1e999}`:            "security_level: must be a whole number",
		`{"caller":"citizen","security_level":3.5}`:              "security_level: must be a whole number",
		`{"caller":"citizen","hpr":[]}`:                          "hpr: must be true, false or a text",
		`{"caller":"citizen","now":"13116900216"}`:               "now: must be a date as 2026-06-15 or a time as 2026-06-15T12:00:00+02:00",
		`13116900216`: "A question is one JSON object on one line.",
		`null`:        "A question is one JSON object on one line.",
		`{"caller":"citizen"} {"caller":"citizen"}`: "A question is one JSON object on one line.",
	} {
		_, _, err := simulator(access.English).Ask([]byte(question))
		if err == nil || describe(err) != want || strings.Contains(describe(err), "13116900216") {
			t.Errorf("%s: %v, want %s", question, err, want)
		}
	}
}

// TestBreakGlassIsTold where the policy has it, and only on the line that used it.
func TestBreakGlassIsTold(t *testing.T) {
	t.Parallel()
	s := simulator(access.Bokmaal)
	s.Policy.BreakGlass = access.BreakGlassPurposes()
	var out bytes.Buffer
	_, err := s.Run(strings.NewReader(`{"caller":"personnel","role":"LE","purpose":"BTG","confidentiality":["N","NORS"]}
{"caller":"personnel","role":"LE","purpose":"BTG","confidentiality":["N"]}`), &out, nil)
	want := `{"list":"show","open":"allow","rules":["C2"],"why":"Dokumentet vises i listen og kan åpnes: formålet er nødrett, som opphever sperren NORS her og merkes i revisjonsloggen.","break_glass":true}
{"list":"show","open":"allow","rules":["C2"],"why":"Dokumentet vises i listen og kan åpnes: ingen regel er til hinder."}
`
	if err != nil || out.String() != want {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestLines: marks, blanks, ends and lengths of lines.
func TestLines(t *testing.T) {
	t.Parallel()
	const q, good, bad = `{"caller":"machine"}`, "C3", "error"
	padded := func(n int) string { return q[:len(q)-1] + strings.Repeat(" ", n-len(q)) + "}" }
	for name, c := range map[string]struct {
		in    string
		lines []string
	}{
		"nothing":                  {"", nil},
		"blanks only":              {"\n \r\n\t\n", nil},
		"no end":                   {q, []string{good}},
		"ends of DOS":              {q + "\r\n" + q + "\r\n", []string{good, good}},
		"a mark":                   {"\ufeff" + q + "\n", []string{good}},
		"a mark alone":             {"\ufeff\n", nil},
		"longer than a buffer":     {padded(70<<10) + "\n" + q, []string{good, good}},
		"as long as may be":        {padded(lineLimit) + "\n" + q, []string{good, good}},
		"a byte longer":            {padded(lineLimit+1) + "\n\n" + q, []string{bad + " 1", good}},
		"longer, without end":      {q + "\n" + strings.Repeat("x", 3*lineLimit), []string{good, bad + " 2"}},
		"an error between answers": {q + "\n\n{\n" + q, []string{good, bad + " 3", good}},
		"bytes that are no text":   {"\xff\xfe\n" + q, []string{bad + " 1", good}},
		"deep":                     {strings.Repeat("[", 20_000) + "\n" + q, []string{bad + " 1", good}},
	} {
		var out bytes.Buffer
		_, err := simulator(access.English).Run(strings.NewReader(c.in), &out, nil)
		if got := short(t, out.String()); err != nil || !slices.Equal(got, c.lines) {
			t.Errorf("%s: %v, %v, want %v", name, got, err, c.lines)
		}
	}
}

// short is each line's rules, or error and number.
func short(t *testing.T, out string) (lines []string) {
	t.Helper()
	for line := range strings.Lines(out) {
		var a struct {
			Answer
			Error string
			Line  json.Number
		}
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if a.Error != "" {
			a.Rules = []string{"error " + a.Line.String()}
		}
		lines = append(lines, strings.Join(a.Rules, " "))
	}
	return lines
}

// TestUnknownFieldsAreTold, on lines that are answered and on lines that are not.
func TestUnknownFieldsAreTold(t *testing.T) {
	t.Parallel()
	var told []string
	_, err := simulator(access.English).Run(strings.NewReader("\n{\"caller\":\"machine\",\"id\":{},\"Role\":7}\n{\"caler\":1}\n"), io.Discard, func(line int, field string) {
		told = append(told, field+" in "+string(rune('0'+line)))
	})
	if want := []string{"Role in 2", "id in 2", "caler in 3"}; err != nil || !slices.Equal(told, want) {
		t.Errorf("%v, %v", told, err)
	}
}

// TestAnswerLeavesBeforeTheNextQuestion: somebody may ask, wait, and ask again.
func TestAnswerLeavesBeforeTheNextQuestion(t *testing.T) {
	t.Parallel()
	in, ask := io.Pipe()
	answers, out := io.Pipe()
	done := make(chan error, 1)
	go func() { _, err := simulator(access.English).Run(in, out, nil); done <- err }()
	hung := time.AfterFunc(time.Minute, func() { out.CloseWithError(errors.New("no answer within a minute")) })
	defer hung.Stop()
	reply := make([]byte, 4096)
	for _, question := range []string{`{"caller":"machine"}` + "\n", `{"caller":"machine"}` + "\n" + `{"caller":`, `"proxy"}` + "\n"} {
		if _, err := io.WriteString(ask, question); err != nil {
			t.Fatal(err)
		}
		if n, err := answers.Read(reply); err != nil || bytes.Count(reply[:n], []byte("\n")) != 1 {
			t.Fatalf("%s, %v", reply[:n], err)
		}
	}
	ask.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestBrokenPipes: the reader's and the writer's errors come back, answers that were ready leave first.
func TestBrokenPipes(t *testing.T) {
	t.Parallel()
	in, ask := io.Pipe()
	go func() {
		_, _ = io.WriteString(ask, `{"caller":"machine"}`+"\n")
		ask.CloseWithError(io.ErrUnexpectedEOF)
	}()
	var out bytes.Buffer
	if _, err := simulator(access.English).Run(in, &out, nil); err == nil || out.Len() == 0 {
		t.Errorf("%v, %d bytes", err, out.Len())
	}
	answers, closed := io.Pipe()
	answers.Close()
	if _, err := simulator(access.English).Run(strings.NewReader(`{"caller":"machine"}`), closed, nil); err == nil {
		t.Error("a closed output is no error")
	}
}

// TestNothingIsRepeated: whatever stands in a question's texts, neither answer nor error has it.
func TestNothingIsRepeated(t *testing.T) {
	t.Parallel()
	questions, err := os.ReadFile("testdata/questions.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	marked := regexp.MustCompile(`"(role|purpose|caller_org|owner_org|class|access_basis|patient_birth)":"[^"]*"`).
		ReplaceAll(questions, []byte(`"$1":"13116900216"`))
	var out bytes.Buffer
	if _, err := simulator(access.Bokmaal).Run(bytes.NewReader(marked), &out, nil); err != nil || bytes.Contains(out.Bytes(), []byte("13116900216")) {
		t.Errorf("%v: %s", err, out.String())
	}
}
