package person

import (
	"os"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/document"

	"github.com/google/go-cmp/cmp"
)

func on(text string) time.Time {
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return d
}

// TestRead: what is understood, and that nothing half understood passes for "not protected".
func TestRead(t *testing.T) {
	t.Parallel()
	known := Facts{Registered: true}
	for _, c := range []struct {
		name, body string
		want       Facts
		fails      bool
	}{
		{"all", `{"id":"x","birth":[{"isValid":true,"birthDate":"1969-11-13T00:00:00","birthYear":"1969"}],"death":{"isValid":true,"deceasedDate":"2026-01-02T23:30:00+01:00"},"addressProtection":[{"isValid":true,"protectionLevel":"Confidential"}]}`,
			Facts{true, on("1969-11-13"), on("2026-01-02"), Confidential}, false},
		{"nothing but an id", `{"id":"x"}`, known, false},
		{"nulls", `{"id":"x","birth":null,"death":null,"addressProtection":null}`, known, false},
		{"empty lists", `{"birth":[],"addressProtection":[]}`, known, false},
		{"strictly", `{"addressProtection":[{"isValid":true,"protectionLevel":"StrictlyConfidential"}]}`, Facts{Registered: true, Address: StrictlyConfidential}, false},
		{"client address", `{"addressProtection":[{"isValid":true,"protectionLevel":"ClientAddress"}]}`, known, false},
		{"strictest of several", `{"addressProtection":[{"protectionLevel":"StrictlyConfidential"},{"protectionLevel":"Unclassified"},{"protectionLevel":"Confidential"}]}`, Facts{Registered: true, Address: StrictlyConfidential}, false},
		{"protection is history", `{"addressProtection":[{"isValid":false,"protectionLevel":"Confidential"},{"isValid":true,"protectionLevel":"Unclassified"}]}`, known, false},
		{"death annulled", `{"death":{"isValid":false,"deceasedDate":"2026-01-02T00:00:00"}}`, known, false},
		{"death without date", `{"death":{"isValid":true,"deceasedDate":null,"registeredAt":"2026-02-03T10:00:00+01:00"}}`, Facts{Registered: true, DeadSince: on("2026-02-03")}, false},
		{"birth year only", `{"birth":[{"isValid":true,"birthYear":"1969"}]}`, known, false},
		{"latest of two births", `{"birth":[{"birthDate":"1970-01-01"},{"birthDate":"1969-11-13"}]}`, Facts{Registered: true, BirthDate: on("1970-01-01")}, false},
		{"death without any date", `{"death":{"isValid":true}}`, Facts{}, true},
		{"unknown level", `{"addressProtection":[{"isValid":true,"protectionLevel":"Secret"}]}`, Facts{}, true},
		{"no level", `{"addressProtection":[{"isValid":true}]}`, Facts{}, true},
		{"level in other letters", `{"addressProtection":[{"isValid":true,"protectionLevel":"confidential"}]}`, Facts{}, true},
		{"level twice", `{"addressProtection":[{"protectionLevel":"Confidential","protectionLevel":"Unclassified"}]}`, Facts{}, true},
		{"part twice", `{"addressProtection":[{"protectionLevel":"Confidential"}],"addressProtection":[]}`, Facts{}, true},
		{"an object for a list", `{"addressProtection":{"protectionLevel":"Confidential"}}`, Facts{}, true},
		{"no date", `{"birth":[{"birthDate":"13.11.1969"}]}`, Facts{}, true},
		{"a date that is not", `{"death":{"deceasedDate":"2026-02-30T00:00:00"}}`, Facts{}, true},
		{"the zero date", `{"death":{"deceasedDate":"0001-01-01T00:00:00"}}`, Facts{}, true},
		{"no person", `{}`, Facts{}, true}, {"something else", `{"error":"x"}`, Facts{}, true}, {"a list", `[]`, Facts{}, true}, {"null", `null`, Facts{}, true},
		{"nothing", ``, Facts{}, true}, {"half", `{"id":"x","birth":[`, Facts{}, true}, {"two", `{"id":"x"}{"id":"x"}`, Facts{}, true}, {"HTML", `<html></html>`, Facts{}, true},
		{"bad UTF-8", "{\"id\":\"\xff\"}", Facts{}, true},
	} {
		got, err := read([]byte(c.body))
		if (err != nil) != c.fails || err == nil && !cmp.Equal(c.want, got) {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
}

// FuzzPersonAnswer: no answer breaks the reader, and no text of one gets into an error.
func FuzzPersonAnswer(f *testing.F) {
	f.Add([]byte(`{"id":"x","birth":[{"isValid":true,"birthDate":"1969-11-13T00:00:00"}],"death":{"deceasedDate":"2026-01-02T00:00:00"},"addressProtection":[{"protectionLevel":"Confidential"}]}`))
	f.Add([]byte(`{"status":404,"title":"Not Found"}`))
	f.Add([]byte(`{"death":{"deceasedDate":"canary"}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		defer fuzztest.InTime(t)()
		facts, err := read(body)
		isProblem(body)
		if err == nil && (!facts.Registered || facts.Address > StrictlyConfidential || facts.BirthDate.Hour() != 0 || facts.DeadSince.Hour() != 0) {
			t.Errorf("%+v", facts)
		}
		if err != nil && (len(err.Error()) > 400 || strings.Contains(err.Error(), "canary")) {
			t.Errorf("the error tells of the answer: %v", err)
		}
	})
}

func TestNational(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, authority string
		want             bool
	}{
		{"13116900216", document.AuthorityFNR, true}, {"60917301126", document.AuthorityDNR, true}, {"80000000000", "2.16.578.1.12.4.1.4.3", true},
		{"200016800123", "2.16.578.1.12.4.1.4.5", true}, {"1311690021", document.AuthorityFNR, false}, {"1311690021x", document.AuthorityFNR, false},
		{"13116900216", "2.16.578.1.12.4.5.100", false}, {"13116900216", "urn:x", false}, {"", "", false},
	} {
		if got := National(document.PatientID{Value: c.value, Authority: c.authority}); got != c.want {
			t.Errorf("%q of %q: %v", c.value, c.authority, got)
		}
	}
	for number, want := range map[string]string{"13116900216": document.AuthorityFNR, "60917301126": document.AuthorityDNR, "80000000000": "2.16.578.1.12.4.1.4.3",
		"200016800123": "2.16.578.1.12.4.1.4.5", "1": "", "x": "", "": "", "1311690021x": "", "13116900216^^^&1.2&ISO": ""} {
		if got := NationalNumber(number); got.Authority != want {
			t.Errorf("%q alone: %q, want %q", number, got.Authority, want)
		}
	}
}

// TestBreaker is the breaker alone, on a clock that stands still.
func TestBreaker(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	var told []bool
	b := &breaker{after: 2, rest: 5 * time.Second, now: func() time.Time { return now }, tell: func(open bool, _ error) { told = append(told, open) }}
	enter := func(want bool) func(error) {
		t.Helper()
		leave, err := b.enter()
		if (err == nil) != want {
			t.Fatalf("let through: %v, want %v", err == nil, want)
		}
		return leave
	}
	down := failure{os.ErrDeadlineExceeded}
	late := enter(true)
	enter(true)(down)
	enter(true)(os.ErrInvalid) // one question's trouble: an answer came
	enter(true)(down)
	enter(true)(down)
	enter(false)
	late(nil) // asked before asking stopped: says nothing of now
	enter(false)
	now = now.Add(5*time.Second - 1)
	enter(false)
	now = now.Add(1)
	probe := enter(true)
	enter(false) // one at a time
	probe(down)
	enter(false)
	now = now.Add(5 * time.Second)
	enter(true)(nil)
	enter(true)(down)
	enter(true)(nil)
	now = now.Add(-time.Hour) // the clock is set back
	enter(true)(down)
	enter(true)(down)
	now = now.Add(-time.Hour)
	enter(true)(nil)
	if diff := cmp.Diff([]bool{true, false, true, false}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
