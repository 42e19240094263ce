package criteria

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"dokumentlager/internal/document"

	"github.com/google/go-cmp/cmp"
)

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

// TestDates is FHIR's table of prefixes (R4 §3.1.1.4.5): a value before, at the beginning of, within, equal to, around, at the end of and
// behind the span asked for, from the 10th to the 20th.
func TestDates(t *testing.T) {
	t.Parallel()
	values := []Span{{day(1), day(10)}, {day(5), day(15)}, {day(12), day(13)}, {day(10), day(20)}, {day(5), day(25)}, {day(15), day(25)}, {day(20), day(25)}, {From: day(15)}, {To: day(15)}, {}}
	for how, want := range map[Compare]string{
		//                b B w = A E b o O *
		Equal:        "0 0 1 1 0 0 0 0 0 0",
		NotEqual:     "1 1 0 0 1 1 1 1 1 1",
		Less:         "1 1 0 0 1 0 0 0 1 1",
		Greater:      "0 0 0 0 1 1 1 1 0 1",
		LessEqual:    "1 1 1 1 1 1 0 1 1 1",
		GreaterEqual: "0 1 1 1 1 1 1 1 1 1",
		After:        "0 0 0 0 0 0 1 0 0 0",
		Before:       "1 0 0 0 0 0 0 0 0 0",
		Overlaps:     "0 1 1 1 1 1 0 1 1 1",
		"ap":         "0 0 0 0 0 0 0 0 0 0",
	} {
		got := ""
		for i, v := range values {
			if i > 0 {
				got += " "
			}
			got += map[bool]string{true: "1", false: "0"}[Date{Span{day(10), day(20)}, how}.fits(v)]
		}
		if got != want {
			t.Errorf("%s: %s, want %s", how, got, want)
		}
	}
}

// TestSpans: a time covers what it was told as, and its span can stand in JSON.
func TestSpans(t *testing.T) {
	t.Parallel()
	at := time.Date(2024, 2, 29, 23, 59, 59, 0, time.FixedZone("", 3600))
	for p, want := range map[document.Precision]time.Duration{document.Year: 366 * 24 * time.Hour, document.Month: 29 * 24 * time.Hour,
		document.Day: 24 * time.Hour, document.Minute: time.Minute, document.Second: time.Second, document.Milli: time.Microsecond, 0: time.Second} {
		s := SpanOf(document.Time{At: at, Precision: p})
		if got := s.To.Sub(s.From); got != want || !s.From.Equal(at) {
			t.Errorf("%d: %v from %v", p, got, s.From)
		}
	}
	for _, year := range []int{1, 9999} {
		cs := Criteria{{Field: "x", Dates: []Date{{SpanOf(document.Time{At: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC), Precision: document.Year}), GreaterEqual}}}}
		text, err := json.Marshal(append(cs, Criterion{Dates: []Date{{cs.Reach("x"), Less}}}))
		if err != nil {
			t.Errorf("%d: %v", year, err)
		}
		var again Criteria
		if err := json.Unmarshal(text, &again); err != nil || !cmp.Equal(again[:1], cs) {
			t.Errorf("%d: %v %s", year, err, text)
		}
	}
}

// TestReach: whatever meets the criteria begins within their reach; and a reach that is asked for is one.
func TestReach(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	precisions := []document.Precision{document.Year, document.Month, document.Day, document.Minute, document.Second, document.Milli}
	random := func() document.Time {
		p := precisions[r.IntN(len(precisions))]
		at := time.Date(2020+r.IntN(4), time.Month(1+r.IntN(12)), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC)
		if p == document.Year {
			at = time.Date(at.Year(), 1, 1, 0, 0, 0, 0, time.UTC)
		}
		return document.Time{At: at, Precision: p}
	}
	ways := []Compare{Equal, NotEqual, Less, Greater, LessEqual, GreaterEqual, After, Before, Overlaps}
	met, narrowed := 0, 0
	for range 50000 {
		var cs Criteria
		for range 1 + r.IntN(2) {
			c := Criterion{Field: "x", Not: r.IntN(20) == 0}
			for range 1 + r.IntN(5)/4 {
				c.Dates = append(c.Dates, Date{SpanOf(random()), ways[r.IntN(len(ways))]})
			}
			cs = append(cs, c)
		}
		v, reach := SpanOf(random()), cs.Reach("x")
		inside := !v.From.Before(reach.From) && v.From.Before(reach.until())
		if cs.Met(func(Field) Values { return Values{Times: []Span{v}} }) {
			if met++; !inside {
				t.Fatalf("%+v is met by %+v, which is out of reach %+v", cs, v, reach)
			}
		} else if !inside {
			narrowed++
		}
		if other := cs.Reach("y"); other != (Span{}) {
			t.Fatalf("reach of another field: %+v", other)
		}
	}
	if met < 5000 || narrowed < 5000 {
		t.Errorf("%d met, %d out of reach: the test looks at little", met, narrowed)
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		asked string
		how   How
		value string
		want  bool
	}{
		{"grev", Prefix, "GREVLING", true}, {"revling", Prefix, "GREVLING", false}, {"Grevlingen", Prefix, "GREVLING", false},
		{"Bjoer", Prefix, "Bjørn", true}, {"bjø", Prefix, "BJOERN", true}, {"Bjor", Prefix, "Bjørn", true}, {"BJÖRN", Prefix, "Bjørn", true},
		{"Haakon", Prefix, "Håkon", true}, {"håk", Prefix, "Haakon", true}, {"Hakon", Prefix, "Håkon", true},
		{"Bæk", Prefix, "Baekkelund", true}, {"baek", Prefix, "Bækkelund", true}, {"Sæther", Prefix, "Säther", true},
		{"Å", Prefix, "A\u030Ase", true}, {"\u00c5se", Prefix, "A\u030ase", true}, {"René", Prefix, "Rene", true},
		{"marie", Prefix, "Anne Marie", true}, {"sund", Prefix, "Berg-Sund", true}, {"nne", Prefix, "Anne Marie", false}, {"anne  marie", Prefix, "Anne Marie", true},
		{"EVL", Contains, "Grevling", true}, {"ø", Contains, "Bjoern", true}, {"x", Contains, "Grevling", false},
		{"Grevling", Exact, "Grevling", true}, {"grevling", Exact, "Grevling", false}, {"Grev", Exact, "Grevling", false}, {"Bjoern", Exact, "Bjørn", false},
	} {
		one := Criteria{{Field: "x", Texts: []Text{NewText(c.asked, c.how)}}}
		if got := one.Met(func(Field) Values { return Values{Texts: []string{"?", c.value}} }); got != c.want {
			t.Errorf("%q in %q (%d): %v", c.asked, c.value, c.how, got)
		}
	}
}

// TestTextsAreFoldedOnce: however many names are asked for, a value is brought to its form once, and what is asked for not at all: a search of
// 64 KiB over thousands of entries takes minutes otherwise.
func TestTextsAreFoldedOnce(t *testing.T) { // not parallel: it counts allocations
	var cs Criteria
	for range 50 {
		c := Criterion{Field: "x"}
		for range 50 {
			c.Texts = append(c.Texts, NewText("Sæther", Contains))
		}
		c.Texts[49] = NewText("bjørn", Prefix)
		cs = append(cs, c)
	}
	values := Values{Texts: []string{"Grevling", "Bjoern"}}
	met := false
	if n := testing.AllocsPerRun(10, func() { met = cs.Met(func(Field) Values { return values }) }); !met || n > 100 {
		t.Errorf("met %v, with %v allocations", met, n)
	}
}

// TestCriteria: alternatives, all conditions together, :not and :missing with and without values.
func TestCriteria(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	have := map[Field]Values{
		"code": {Tokens: []document.Code{{Value: "a", System: "1.1"}, {Value: "b", System: ""}}},
		"name": {Texts: []string{"Grevling"}},
		"when": {Times: []Span{{day(1), day(2)}}},
	}
	token := func(v, s string) Token { return Token{Value: v, System: s} }
	any := func(v string) Token { return Token{Value: v, AnySystem: true} }
	for name, c := range map[string]struct {
		criteria Criteria
		want     bool
	}{
		"none":                  {nil, true},
		"code":                  {Criteria{{Field: "code", Tokens: []Token{any("a")}}}, true},
		"code of its system":    {Criteria{{Field: "code", Tokens: []Token{token("a", "1.1")}}}, true},
		"code of another":       {Criteria{{Field: "code", Tokens: []Token{token("a", "1.2")}}}, false},
		"code of no system":     {Criteria{{Field: "code", Tokens: []Token{token("b", "")}}}, true},
		"not of no system":      {Criteria{{Field: "code", Tokens: []Token{token("a", "")}}}, false},
		"any code of a system":  {Criteria{{Field: "code", Tokens: []Token{token("", "1.1")}}}, true},
		"any code of another":   {Criteria{{Field: "code", Tokens: []Token{token("", "1.2")}}}, false},
		"alternatives":          {Criteria{{Field: "code", Tokens: []Token{any("x"), any("b")}}}, true},
		"not":                   {Criteria{{Field: "code", Not: true, Tokens: []Token{any("x")}}}, true},
		"not one of several":    {Criteria{{Field: "code", Not: true, Tokens: []Token{any("x"), any("b")}}}, false},
		"not, without a value":  {Criteria{{Field: "empty", Not: true, Tokens: []Token{any("x")}}}, true},
		"without a value":       {Criteria{{Field: "empty", Tokens: []Token{any("x")}}}, false},
		"missing":               {Criteria{{Field: "empty", Missing: &yes}}, true},
		"missing, there":        {Criteria{{Field: "code", Missing: &yes}}, false},
		"not missing":           {Criteria{{Field: "when", Missing: &no}}, true},
		"not missing, not here": {Criteria{{Field: "empty", Missing: &no}}, false},
		"text":                  {Criteria{{Field: "name", Texts: []Text{{Text: "x"}, {Text: "gre"}}}}, true},
		"date":                  {Criteria{{Field: "when", Dates: []Date{{Span{day(1), day(2)}, Less}, {Span{day(1), day(2)}, Equal}}}}, true},
		"both":                  {Criteria{{Field: "code", Tokens: []Token{any("a")}}, {Field: "name", Texts: []Text{{Text: "grev"}}}}, true},
		"one of two":            {Criteria{{Field: "code", Tokens: []Token{any("a")}}, {Field: "name", Texts: []Text{{Text: "x"}}}}, false},
		"nothing asked":         {Criteria{{Field: "code"}}, false},
	} {
		if got := c.criteria.Met(func(f Field) Values { return have[f] }); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
