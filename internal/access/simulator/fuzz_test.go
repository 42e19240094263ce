package simulator

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/fuzztest"
)

// FuzzQuestions: one line of JSON comes out for every line that is not blank, an answer of the known words or an error with the line's number, and
// a line is answered the same whatever stands around it.
func FuzzQuestions(f *testing.F) {
	questions, err := os.ReadFile("testdata/questions.jsonl")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(questions)
	for line := range bytes.Lines(questions) {
		f.Add(line)
	}
	f.Add([]byte("\ufeff\r\n{}\n\n{\"caller\":\"citizen\",\"now\":\"0000-01-01\"}"))
	f.Fuzz(func(t *testing.T, in []byte) {
		defer fuzztest.InTime(t)()
		var out bytes.Buffer
		tally, err := simulator(access.English).Run(bytes.NewReader(in), &out, nil)
		if err != nil || tally.Answered+tally.Refused != bytes.Count(out.Bytes(), []byte("\n")) {
			t.Fatalf("%+v, %v: %s", tally, err, out.String())
		}
		answers := bytes.SplitAfter(out.Bytes(), []byte("\n"))
		for line := range bytes.SplitSeq(in, []byte("\n")) {
			trimmed := bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\ufeff")))
			if len(trimmed) == 0 {
				continue
			}
			checkAnswer(t, trimmed, answers[0])
			answers = answers[1:]
		}
		if len(answers) != 1 || len(answers[0]) != 0 {
			t.Fatalf("%d answers too many", len(answers)-1)
		}
	})
}

// checkAnswer: the answer is what the line alone gets.
func checkAnswer(t *testing.T, line, answer []byte) {
	t.Helper()
	var got struct {
		Answer
		Error string
		Line  int
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		t.Fatalf("%s: %v", answer, err)
	}
	want, _, err := simulator(access.English).Ask(line)
	switch {
	case err != nil && len(line) <= lineLimit:
		if got.Error != describe(err) || got.Line < 1 || got.List != "" {
			t.Fatalf("%s, alone %v", answer, err)
		}
	case err == nil && (got.Why != want.Why || got.List != want.List || got.Open != want.Open || len(got.Rules) == 0 || strings.Count(got.Why, ".") > 2):
		t.Fatalf("%s, alone %+v", answer, want)
	}
}
