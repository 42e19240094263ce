package fhir

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"dokumentlager/internal/fault"
	"dokumentlager/testdata/hostile"
)

// kept is a sink that remembers.
type kept struct{ strings.Builder }

func (*kept) Close() error { return nil }

// TestEncodings: base64 is taken as FHIR has it and no other way, wherever the reads are split.
func TestEncodings(t *testing.T) {
	t.Parallel()
	for _, e := range hostile.Encodings() {
		body := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Binary","data":"` + e.Text + `"}}]}`
		for _, step := range []int{1, 3, 1 << 16} {
			var sink kept
			_, err := ReadBundle(&stepper{strings.NewReader(body), step}, Limits{}, func(int) (io.WriteCloser, error) { return &sink, nil })
			got := hostile.Accept
			if err != nil {
				got = hostile.Decision(fault.Of(err).Leading().Code)
			}
			if got != e.Want || err == nil && sink.String() != e.Plain {
				t.Errorf("%s in reads of %d: %q, want %q; %q", e.Name, step, got, e.Want, sink.String())
			}
		}
	}
}

// stepper reads a few bytes at a time.
type stepper struct {
	io.Reader
	step int
}

func (s *stepper) Read(p []byte) (int, error) { return s.Reader.Read(p[:min(len(p), s.step)]) }

// many is s so often that the body is as large as a residue may be.
func many(s string) string {
	n := (2<<20 - 400) / (len(s) + 1)
	return strings.Repeat(s+",", n-1) + s
}

// TestHostileBundles: what is small as text and large as a value is refused before it is made one. What a body allocates in all, garbage
// included, stays far below 64 MiB; it is counted for the whole process, so the test is not parallel. Before elements were counted, a body
// of 2 MiB of empty extensions cost 595 MiB.
func TestHostileBundles(t *testing.T) {
	const allocated = 24 << 20
	in := func(kind, element string) string {
		return fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":%q,%s}}]}`, kind, element)
	}
	for name, c := range map[string]struct {
		body string
		want fault.Code
	}{
		"entries":                 {`{"resourceType":"Bundle","type":"transaction","entry":[` + many("{}") + "]}", fault.RequestTooLarge},
		"1,001 entries":           {`{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Repeat("{},", 1000) + "{}]}", fault.RequestTooLarge},
		"1,000 entries":           {`{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Repeat("{},", 999) + "{}]}", ""},
		"list items":              {in("List", `"entry":[`+many("{}")+"]"), fault.RequestTooLarge},
		"extensions":              {in("List", `"extension":[`+many("{}")+"]"), fault.RequestTooLarge},
		"extensions of extension": {in("List", `"extension":[{"extension":[`+many("{}")+"]}]"), fault.RequestTooLarge},
		"contained":               {in("DocumentReference", `"contained":[`+many("{}")+"]"), fault.RequestTooLarge},
		"codings":                 {in("DocumentReference", `"type":{"coding":[`+many("{}")+"]}"), fault.RequestTooLarge},
		"identifiers":             {in("Patient", `"identifier":[`+many("{}")+"]"), fault.RequestTooLarge},
		"names":                   {in("Patient", `"name":[{"given":[`+many(`""`)+"]}]"), fault.RequestTooLarge},
		"an unknown element":      {in("Patient", `"x":[`+many("0")+"]"), fault.RequestTooLarge},
		"a million keys":          {in("Patient", many(`"a":0`)), fault.RequestTooLarge},
		"deep":                    {in("Patient", `"x":`+strings.Repeat("[", 1_000_000)), fault.MalformedBody},
		"a long title":            {in("List", `"title":"`+strings.Repeat("x", 3<<20)+`"`), fault.RequestTooLarge},
		"escapes":                 {in("List", `"title":"`+strings.Repeat(`\u0041`, 300_000)+`"`), ""},
		"a long number":           {in("List", `"x":`+strings.Repeat("9", 2<<20-300)), ""},
		"gzip":                    {string(hostile.Gzip([]byte(in("List", `"title":"`+strings.Repeat("x", 8<<20)+`"`)))), fault.MalformedBody},
		"an empty body of blanks": {strings.Repeat(" ", 8<<20), fault.MalformedBody},
		"blanks behind":           {in("List", `"title":"x"`) + strings.Repeat("\n", 8<<20), ""},
		"blanks in a document":    {in("Binary", `"data":"`+strings.Repeat(" ", 8<<20)+`"`), ""},
		"escapes in a document":   {in("Binary", `"data":"`+strings.Repeat(`\u0041`, 1<<20)+`"`), ""},
	} {
		before := allocations()
		_, err := ReadBundle(strings.NewReader(c.body), Limits{}, func(int) (io.WriteCloser, error) { return &nowhere{}, nil })
		if grown := allocations() - before; grown > allocated {
			t.Errorf("%s: %d MiB allocated", name, grown>>20)
		}
		var p *fault.Problem
		if errors.As(err, &p); c.want == "" && err != nil || c.want != "" && (p == nil || p.Code != c.want) {
			t.Errorf("%s: %.300v, want %q", name, err, c.want)
		}
	}
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }

func allocations() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestLargeSubmission: a hundred documents with twice the metadata they usually have pass the limits that hostile bundles meet.
func TestLargeSubmission(t *testing.T) {
	t.Parallel()
	element := `"author":[` + strings.Repeat(`{"reference":"#p","display":"Lege","identifier":{"system":"urn:oid:1.2","value":"1"}},`, 29) + `{}],"category":[{"coding":[` +
		strings.Repeat(`{"system":"urn:oid:1","code":"a"},`, 19) + `{}]}]`
	var entries []string
	for i := range 100 {
		entries = append(entries, `{"resource":{"resourceType":"Binary","data":"SGVp"}}`, fmt.Sprintf(`{"resource":{"resourceType":"DocumentReference","id":"%d",%s}}`, i, element))
	}
	body := `{"resourceType":"Bundle","type":"transaction","entry":[` + strings.Join(entries, ",") + "]}"
	b, err := ReadBundle(strings.NewReader(body), Limits{}, func(int) (io.WriteCloser, error) { return &nowhere{}, nil })
	if err != nil || len(b.Entry) != 200 {
		t.Error(err)
	}
}

// TestManyProblems: an answer stays readable, and says that it does not list all.
func TestManyProblems(t *testing.T) {
	t.Parallel()
	var problems fault.Problems
	for range 24_000 {
		problems.Add(fault.New(fault.MetadataError, "Something is missing."))
	}
	o := Outcome(problems)
	if n := len(o.Issue); n != maxIssues+1 || !strings.HasPrefix(o.Issue[n-1].Diagnostics, "23500 more problems") {
		t.Errorf("%d issues, the last %+v", n, o.Issue[n-1])
	}
}
