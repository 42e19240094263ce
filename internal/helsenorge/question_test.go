package helsenorge

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/innsyn"
	"dokumentlager/internal/rest"

	"github.com/google/uuid"
)

// TestQuestions: JSON and form say the same; what is wrong is told with its place and never repeated.
func TestQuestions(t *testing.T) {
	t.Parallel()
	line := document.PatientID{Value: "13116900216", Authority: document.AuthorityFNR}
	for name, c := range map[string]struct {
		media, body string
		want        question
		code        fault.Code
	}{
		"json":             {mediaJSON, `{"patient":"urn:oid:2.16.578.1.12.4.1.4.1|13116900216","limit":7,"cursor":"c"}`, question{line, 7, "c"}, ""},
		"number alone":     {mediaJSON + "; charset=utf-8", `{"patient":"13116900216"}`, question{line, 50, ""}, ""},
		"D-nummer alone":   {mediaForm, "patient=41010050000", question{document.PatientID{Value: "41010050000", Authority: document.AuthorityDNR}, 50, ""}, ""},
		"form":             {mediaForm, "patient=" + url.QueryEscape("2.16.578.1.12.4.1.4.1|13116900216") + "&limit=7&cursor=c", question{line, 7, "c"}, ""},
		"local identifier": {mediaJSON, `{"patient":"1.2.3|x 1","limit":200}`, question{document.PatientID{Value: "x 1", Authority: "1.2.3"}, 200, ""}, ""},
		"nobody":           {mediaJSON, `{}`, question{}, fault.MissingQueryParam},
		"ten digits":       {mediaJSON, `{"patient":"1311690021"}`, question{}, fault.BadQueryParam},
		"a name":           {mediaJSON, `{"patient":"LINE DANSER"}`, question{}, fault.BadQueryParam},
		"delimiters":       {mediaJSON, `{"patient":"1.2.3|a^b"}`, question{}, fault.BadQueryParam},
		"too long":         {mediaJSON, `{"patient":"1.2.3|` + strings.Repeat("a", 300) + `"}`, question{}, fault.BadQueryParam},
		"no page":          {mediaJSON, `{"patient":"13116900216","limit":0}`, question{}, fault.BadQueryParam},
		"too large a page": {mediaForm, "patient=13116900216&limit=201", question{}, fault.BadQueryParam},
		"limit in words":   {mediaForm, "patient=13116900216&limit=many", question{}, fault.MalformedBody},
		"limit as text":    {mediaJSON, `{"patient":"13116900216","limit":"7"}`, question{}, fault.MalformedBody},
		"an unknown field": {mediaJSON, `{"patient":"13116900216","name":true}`, question{}, fault.MalformedBody},
		"an unknown param": {mediaForm, "patient=13116900216&name=1", question{}, fault.MalformedBody},
		"twice":            {mediaJSON, `{"patient":"13116900216","patient":"41010050000"}`, question{}, fault.MalformedBody},
		"twice in a form":  {mediaForm, "patient=13116900216&patient=41010050000", question{}, fault.MalformedBody},
		"cut off":          {mediaJSON, `{"patient":"13116900216"`, question{}, fault.MalformedBody},
		"bad text":         {mediaForm, "patient=1.2%7C%ff", question{}, fault.BadQueryParam},
		"too much":         {mediaJSON, strings.Repeat(" ", maxBody+1), question{}, fault.MalformedBody},
		"another type":     {"text/plain", `{}`, question{}, fault.WrongMediaType},
		"FHIR":             {"application/fhir+json", `{}`, question{}, fault.WrongMediaType},
	} {
		r := httptest.NewRequest(http.MethodPost, "/helsenorge/v1/lookups/_search", strings.NewReader(c.body))
		r.Header.Set("Content-Type", c.media)
		got, err := readQuestion(httptest.NewRecorder(), r)
		if c.code == "" {
			if err != nil || got != c.want {
				t.Errorf("%s: %+v %v, want %+v", name, got, err, c.want)
			}
			continue
		}
		lead := fault.Of(err).Leading()
		if lead == nil || lead.Code != c.code || strings.Contains(err.Error(), "131169") || strings.Contains(err.Error(), "DANSER") {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	r := httptest.NewRequest(http.MethodPost, "/helsenorge/v1/lookups/_search?patient=13116900216", strings.NewReader(`{"patient":"13116900216"}`))
	r.Header.Set("Content-Type", mediaJSON)
	if _, err := readQuestion(httptest.NewRecorder(), r); fault.Of(err).Leading().Code != fault.BadRequest {
		t.Errorf("a patient in the address: %v", err)
	}
	r = httptest.NewRequest(http.MethodPost, "/helsenorge/v1/lookups/_search", strings.NewReader(`{"patient":"13116900216"}`))
	r.Header.Set("Content-Type", mediaJSON)
	r.Header.Set("Content-Encoding", "gzip")
	if _, err := readQuestion(httptest.NewRecorder(), r); fault.Of(err).Leading().Code != fault.WrongMediaType {
		t.Errorf("a packed body: %v", err)
	}
}

// TestPulls: the address of a pull.
func TestPulls(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 500, "limit=1": 1, "limit=1000&after=1.3.2.1.0": 1000, "limit=1001": 0, "limit=x": 0, "limit=1&limit=2": 0, "patient=1": 0, "after=x": 0, "after=1.1.0.2.0": 0,
		"after=%zz": 0, "limit=1;after=1.3.2.1.0": 0} {
		from, limit, err := readPull(text)
		if (err == nil) != (want > 0) || err == nil && limit != want {
			t.Errorf("%q: %+v %d %v", text, from, limit, err)
		}
	}
}

func sealing(now *time.Time) cursors {
	c, err := rest.NewCursors[uuid.UUID](bytes.Repeat([]byte{7}, 32), "lookups", func() time.Time { return *now })
	if err != nil {
		panic(err)
	}
	return cursors{c}
}

// TestCursorsAreTheirOwners: a page's cursor opens for the same client and the same patient, for a quarter of an hour.
func TestCursorsAreTheirOwners(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c, mine, line := sealing(&now), access.Caller{ClientID: "helsenorge", Organisation: "1"}, document.PatientID{Value: "13116900216", Authority: document.AuthorityFNR}
	last := uuid.Must(uuid.NewV7())
	text, err := c.Seal(last, owner(mine, line)...)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.open(text, mine, line); err != nil || got != last {
		t.Fatal(got, err)
	}
	if strings.Contains(text, line.Value) || strings.Contains(text, last.String()) {
		t.Error("the cursor tells what it is of")
	}
	other := line
	other.Value = "17855599120"
	for name, open := range map[string]func() (uuid.UUID, error){
		"another client":  func() (uuid.UUID, error) { return c.open(text, access.Caller{ClientID: "x", Organisation: "1"}, line) },
		"another patient": func() (uuid.UUID, error) { return c.open(text, mine, other) },
		"damaged":         func() (uuid.UUID, error) { return c.open("A"+text[1:], mine, line) },
		"cut":             func() (uuid.UUID, error) { return c.open(text[:20], mine, line) },
		"too old":         func() (uuid.UUID, error) { now = now.Add(16 * time.Minute); return c.open(text, mine, line) },
	} {
		now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		if id, err := open(); err == nil || id != uuid.Nil {
			t.Errorf("%s: opens", name)
		}
	}
}

// FuzzLookupsQuestion holds that no body makes a question without a patient or beyond its bounds, and that no refusal repeats what it read.
func FuzzLookupsQuestion(f *testing.F) {
	for _, s := range []string{`{"patient":"13116900216"}`, `{"patient":"urn:oid:1.2|x","limit":7,"cursor":"c"}`, `{"patient":1}`, `[]`, `{"patient":"a","patient":"b"}`,
		"patient=13116900216&limit=7", "patient=1.2%7Cx&cursor=%00", "patient=%ff%7C%fe", "limit=-1&patient=|", `{"patient":"\ud800|x"}`} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, form bool) {
		defer fuzztest.InTime(t)()
		q, err := parseQuestion(body, form)
		if err != nil {
			if p := (*fault.Problem)(nil); !errors.As(err, &p) {
				t.Fatalf("%v is no fault", err)
			}
			if len(body) > 11 && bytes.Contains([]byte(err.Error()), body) {
				t.Errorf("the refusal repeats %q", body)
			}
			return
		}
		if q.patient.Check() != nil || q.limit < 1 || q.limit > pageMost {
			t.Errorf("%q became %+v", body, q)
		}
		if back, err := document.ParseCX(q.patient.CX()); err != nil || back != q.patient {
			t.Errorf("%q became %+v, in the log %+v %v", body, q.patient, back, err)
		}
	})
}

// FuzzFeedCursor holds that a cursor is taken only as it was given, and that no text of either kind does more than be refused.
func FuzzFeedCursor(f *testing.F) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	c, mine := sealing(&now), access.Caller{ClientID: "helsenorge"}
	for _, s := range []string{"", "1.0.0.0.0", "1.9223372036854775807.5.3.2", "1.1.0.2.0", "1.-1.0.-1.0", "1.+1.0.0.0", "1.01.0.0.0", "1.1.0.0.0 ", "2.1.1.1.1", "1.99999999999999999999.0.0.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defer fuzztest.InTime(t)()
		if at, err := readCursor(text); err == nil && (!at.Valid() || text != "" && cursorText(at) != text) {
			t.Errorf("%q became %+v", text, at)
		}
		if id, err := c.open(text, mine, document.PatientID{}); err == nil {
			t.Errorf("%q opens to %s", text, id)
		}
	})
}

// TestFeedCursor: what is written is read as it was, the largest numbers too.
func TestFeedCursor(t *testing.T) {
	t.Parallel()
	for _, c := range []innsyn.Cursor{{}, {Lookups: innsyn.Position{No: 1<<63 - 1, Index: 1999}, Names: innsyn.Position{No: 7, Index: 3}}} {
		if got, err := readCursor(cursorText(c)); err != nil || got != c {
			t.Errorf("%+v became %+v: %v", c, got, err)
		}
	}
	if _, err := json.Marshal(feedOf(innsyn.Pull{})); err != nil {
		t.Error(err)
	}
}
