package helsenorge_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dokumentlager/api"
	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/servicetest"
	"dokumentlager/internal/tenant"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

// TestCitizenSeesWhoLooked (A2): a doctor's readings in two instances, one that holds nothing, and none, all stand in one list, newest first.
func TestCitizenSeesWhoLooked(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	one, two, empty := s.Tenant(t), s.Tenant(t), s.Tenant(t)
	line, nobody := patient(1969), patient(1955)
	n, barred, secret := servicetest.NewDoc(), servicetest.NewDoc(), servicetest.NewDoc()
	n.Title, barred.Codes, secret.Codes = "Epikrise etter fall", []string{"N", "NORS"}, []string{"V"}
	upload(t, s, one, line, n, barred)
	upload(t, s, two, line, secret)
	doctor := s.Doctor(t, servicetest.Organisation())
	list(t, doctor, line, "")
	opened := []int{open(t, doctor, one, n, line).Status, open(t, doctor, one, barred, line).Status, open(t, doctor.For("BTG"), two, secret, line).Status}
	if !slices.Equal(opened, []int{200, 403, 200}) {
		t.Fatal(opened)
	}
	list(t, doctor, line, empty.HomeCommunity)
	list(t, doctor, nobody, "")
	asks := helsenorge(t, s)
	a, lookups, whole := ask(t, s, asks, object{"patient": servicetest.PatientSystem + "|" + line})
	var got []string
	for _, l := range lookups {
		got = append(got, told(l))
	}
	want := []string{
		"list shown " + empty.HomeCommunity + " Doctor TREAT",
		"document shown rules " + two.HomeCommunity + " Doctor BTG",
		"document refused A03-2 Epikrise fra prøveavdelingen " + one.HomeCommunity + " Doctor TREAT",
		"document shown A03-2 Epikrise etter fall " + one.HomeCommunity + " Doctor TREAT",
	}
	if len(got) != 6 || a.Status != 200 || a.Header.Get("Cache-Control") != "no-store" || whole["next"] != nil || whole["incomplete"] != false {
		t.Fatalf("%d %v: %s", a.Status, a.Header, a.Body)
	}
	if diff := cmp.Diff(want, got[:4]); diff != "" {
		t.Error(diff)
	}
	// The search was one request and is one look in each instance that holds something.
	lists := []string{"list shown " + one.HomeCommunity + " Doctor TREAT", "list shown " + two.HomeCommunity + " Doctor TREAT"}
	if diff := cmp.Diff(slices.Sorted(slices.Values(lists)), slices.Sorted(slices.Values(got[4:]))); diff != "" || lookups[4]["request"] != lookups[5]["request"] || lookups[4]["request"] == "" {
		t.Errorf("%s %v", diff, lookups[4:])
	}
	if emergency := lookups[1]["why"].(object); emergency["emergency"] != true || !strings.Contains(emergency["no"].(string), "nødsituasjon") {
		t.Errorf("%v", emergency)
	}
	fits(t, "LookupsPage", a.Body)
	if _, lookups, _ := ask(t, s, asks, object{"patient": nobody}); len(lookups) != 1 || told(lookups[0]) != "list shown Doctor TREAT" {
		t.Errorf("of whom nobody holds anything: %v", lookups)
	}
	events := s.Events(t, one)
	if last := events[len(events)-1]; last.Operation != "lookups" || last.Action != "R" || last.Caller.ClientID != "helsenorge" || *last.Detail.Hits != 3 || !strings.HasPrefix(last.Patient, line) {
		t.Errorf("our own event: %+v", last)
	}
	pages(t, s, asks, line, lookups)
}

// pages holds that small pages give what one large one does, and that our own questions are nothing that anybody is told of.
func pages(t *testing.T, s *servicetest.Service, asks *servicetest.Caller, line string, want []object) {
	t.Helper()
	var got []object
	question := object{"patient": line, "limit": 2}
	for {
		_, lookups, whole := ask(t, s, asks, question)
		got = append(got, lookups...)
		if whole["next"] == nil || len(got) > len(want) {
			break
		}
		question["cursor"] = whole["next"]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	form := url.Values{"patient": {servicetest.PatientSystem + "|" + line}, "limit": {"6"}}
	a := asks.Do(t, s.Request(t, http.MethodPost, "/helsenorge/v1/lookups/_search", strings.NewReader(form.Encode()), "Content-Type", "application/x-www-form-urlencoded"))
	var page object
	if err := json.Unmarshal(a.Body, &page); err != nil || len(objects(page["lookups"])) != 6 {
		t.Errorf("as a form: %d %s", a.Status, a.Body)
	}
	if a, _, _ := ask(t, s, asks, object{"patient": patient(1955), "cursor": question["cursor"]}); a.Status != http.StatusBadRequest {
		t.Errorf("another patient's cursor: %d", a.Status)
	}
}

// fits holds an answer to its schema in api/openapi.yaml.
func fits(t *testing.T, schema string, body []byte) {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(api.Document())
	if err != nil {
		t.Fatal(err)
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatal(err)
	}
	if err := doc.Components.Schemas[schema].Value.VisitJSON(value); err != nil {
		t.Errorf("%s: %v\n%s", schema, err, body)
	}
}

// TestYoungCitizens (C5): until 16 what was looked at is withheld, from 16 to 18 what is V.
func TestYoungCitizens(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	doctor, asks := s.Doctor(t, servicetest.Organisation()), helsenorge(t, s)
	year := time.Now().Year()
	for name, c := range map[string]struct {
		born int
		code string
		want string
	}{
		"13 or 14": {year - 14, "N", "document shown rules Doctor TREAT"},
		"16 or 17": {year - 17, "N", "document shown A03-2 Epikrise fra prøveavdelingen " + of.HomeCommunity + " Doctor TREAT"},
		"V at 17":  {year - 17, "V", "document shown rules Doctor TREAT"},
	} {
		young, d := patient(c.born), servicetest.NewDoc()
		d.Codes = []string{c.code}
		upload(t, s, of, young, d)
		if a := open(t, doctor, of, d, young); a.Status != 200 {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if _, lookups, _ := ask(t, s, asks, object{"patient": young}); len(lookups) != 1 || told(lookups[0]) != c.want {
			t.Errorf("%s: %v, want %s", name, lookups, c.want)
		}
	}
}

// TestNameIsNowhereBeforeItsTime: not in a body, a header, a cursor or a refusal, in no spelling; after seven days in the one field. HPR number,
// identity number and client never are.
func TestNameIsNowhereBeforeItsTime(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	of := s.Tenant(t)
	line, d, asks := patient(1969), servicetest.NewDoc(), helsenorge(t, s)
	upload(t, s, of, line, d)
	practice := servicetest.Organisation()
	doctor := s.Doctor(t, practice).With(map[string]any{"client_id": "hemmelig-klient"})
	list(t, doctor, line, "")
	open(t, doctor, of, d, line)
	record(t, s, of, line, "GRØNN VITS", time.Now().Add(time.Hour-audit.NameAfter))
	a, lookups, whole := ask(t, s, asks, object{"patient": line, "limit": 2})
	answers := []servicetest.Answer{a}
	for _, body := range []object{{"patient": line, "cursor": whole["next"]}, {"patient": line, "limit": 0}, {"patient": "GRØNN"[:2] + line}, {"patient": line, "cursor": "x"}, {"patient": 1}} {
		a, _, _ := ask(t, s, asks, body)
		answers = append(answers, a)
	}
	var feed string
	for deadline := time.Now().Add(time.Minute); strings.Count(feed, line) < 3; time.Sleep(100 * time.Millisecond) {
		feed = ""
		pulled := drain(t, s, asks, "", 1000)
		for _, a := range pulled {
			feed += string(a.Body)
		}
		if answers = append(answers, pulled...); time.Now().After(deadline) {
			t.Fatalf("not in the feed after a minute: %d lookups, %s", len(lookups), feed)
		}
	}
	for _, a := range answers {
		noneOf(t, a, "grønn", "vits", "565501872", "05898597468", "hemmelig-klient")
	}
	old := record(t, s, of, line, "GRØNN VITS", time.Now().Add(-time.Second-audit.NameAfter))
	a, lookups, _ = ask(t, s, asks, object{"patient": line})
	noneOf(t, a, "565501872", "05898597468", "hemmelig-klient")
	var named []any
	for _, l := range lookups {
		if l["name"] != nil {
			named = append(named, l["id"], l["name"])
		}
	}
	if diff := cmp.Diff([]any{old.ID.String(), "GRØNN VITS"}, named); diff != "" {
		t.Error(diff)
	}
}

// noneOf looks for words in a whole answer, unescaped, and in what of it may be base64.
func noneOf(t *testing.T, a servicetest.Answer, words ...string) {
	t.Helper()
	text := string(a.Body)
	for name, values := range a.Header {
		text += "\n" + name + ": " + strings.Join(values, ", ")
	}
	if plain, err := url.QueryUnescape(strings.ReplaceAll(text, "%", "%25")); err == nil {
		text += plain
	}
	for _, part := range strings.FieldsFunc(string(a.Body), func(r rune) bool { return r == '"' || r == '.' }) {
		if plain, err := base64.RawURLEncoding.DecodeString(part); err == nil {
			text += "\n" + string(plain)
		}
	}
	if quoted, err := strconv.Unquote(`"` + strings.ReplaceAll(text, `"`, "'") + `"`); err == nil {
		text += quoted
	}
	text = strings.ToLower(text)
	for _, w := range words {
		if strings.Contains(text, w) {
			t.Errorf("%s stands in %d %v %.3000s", w, a.Status, a.Header, a.Body)
		}
	}
}

// pull is one answer of the feed.
func pull(t testing.TB, s *servicetest.Service, asks *servicetest.Caller, after string, limit int) (servicetest.Answer, []object, object) {
	t.Helper()
	a := asks.Get(t, fmt.Sprintf("/helsenorge/v1/feed?limit=%d&after=%s", limit, url.QueryEscape(after)))
	whole := object{}
	if err := json.Unmarshal(a.Body, &whole); err != nil || a.Status != 200 {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	return a, objects(whole["items"]), whole
}

// drain pulls until there is no more.
func drain(t testing.TB, s *servicetest.Service, asks *servicetest.Caller, after string, limit int) (answers []servicetest.Answer) {
	t.Helper()
	for {
		a, _, whole := pull(t, s, asks, after, limit)
		answers = append(answers, a)
		if after = whole["next"].(string); whole["more"] != true {
			return answers
		}
	}
}

// TestFeedLosesNothing: while readings are written in several instances and the sealer runs, whoever pulls, dies and goes on from any cursor
// gets every reading within a minute, in one order, and the names of those that are old enough. Other tests' readings, of now, would hold up the
// names: it runs alone.
func TestFeedLosesNothing(t *testing.T) {
	s := servicetest.Start(t)
	asks, line := helsenorge(t, s), patient(1969)
	of := []tenant.Tenant{s.Tenant(t), s.Tenant(t), s.Tenant(t)}
	written := map[string]bool{}
	var mu sync.Mutex
	var writers sync.WaitGroup
	for i, one := range of {
		writers.Go(func() {
			for range 8 {
				e := record(t, s, one, line, "KVART GREVLING", time.Now().Add(-time.Minute-audit.NameAfter))
				mu.Lock()
				written[e.ID.String()] = true
				mu.Unlock()
				time.Sleep(time.Duration(20+20*i) * time.Millisecond)
			}
		})
	}
	cursors, order, names := []string{""}, []string{}, map[string]bool{}
	seen := func() (n int) {
		for _, id := range order {
			if written[id] {
				n++
			}
		}
		return n
	}
	for deadline := time.Now().Add(time.Minute); ; {
		_, items, whole := pull(t, s, asks, cursors[len(cursors)-1], 4)
		for _, i := range items {
			id := i["id"].(string)
			if i["kind"] == "name" {
				names[id] = true
			} else {
				order = append(order, id)
			}
		}
		if next := whole["next"].(string); next != cursors[len(cursors)-1] {
			cursors = append(cursors, next)
		}
		mu.Lock()
		all := len(written) == 24 && seen() == 24 && len(names) == 24
		mu.Unlock()
		if all {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("after a minute %d of %d readings and %d of %d names", seen(), len(written), len(names), len(written))
		}
		if whole["more"] != true {
			time.Sleep(100 * time.Millisecond)
		}
	}
	writers.Wait()
	if len(order) != len(maps.Collect(slices.All(slices.Compact(slices.Sorted(slices.Values(order)))))) {
		t.Error("a reading came twice in one go")
	}
	for i, from := range cursors {
		if i%6 != 0 {
			continue
		}
		answers := drain(t, s, asks, from, 1000)
		var again []string
		for _, a := range answers {
			var whole object
			_ = json.Unmarshal(a.Body, &whole)
			for _, item := range objects(whole["items"]) {
				if item["kind"] == "lookup" {
					again = append(again, item["id"].(string))
				}
			}
			fits(t, "Feed", a.Body)
		}
		if rest := order[len(order)-len(again):]; !slices.Equal(again, rest) || i == 0 && len(again) != len(order) {
			t.Errorf("from %s: %v, want the end of %v", from, again, order)
		}
	}
}

// TestWall: who is not Helsenorge gets nothing, and each try is an event; a request without a calling system is refused (R3).
func TestWall(t *testing.T) {
	t.Parallel()
	s := servicetest.Start(t)
	line := patient(1969)
	scope := []string{access.ScopeLogHelsenorge}
	for name, c := range map[string]struct {
		who    func(string) *servicetest.Caller
		status int
		events []string
	}{
		"a doctor":                {func(o string) *servicetest.Caller { return s.Doctor(t, o) }, 403, []string{"lookups denied", "lookup-feed denied"}},
		"a doctor with the scope": {func(o string) *servicetest.Caller { return s.Doctor(t, o, access.ScopeLogHelsenorge) }, 403, []string{"lookups denied", "lookup-feed denied"}},
		"a record system":         {func(o string) *servicetest.Caller { return s.Writer(t, o) }, 403, []string{"lookups denied", "lookup-feed denied"}},
		"an inspector": {func(o string) *servicetest.Caller {
			return s.Caller(t, map[string]any{"aud": access.AudienceRead, "scope": []string{access.ScopeLogInspect, access.ScopeLogOwn}, "client_id": "i", "helseid://claims/client/claims/orgnr_parent": o})
		}, 403, []string{"lookups denied", "lookup-feed denied"}},
		"another audience": {func(o string) *servicetest.Caller {
			return s.Caller(t, map[string]any{"aud": "nhn:other", "scope": scope, "client_id": "i", "helseid://claims/client/claims/orgnr_parent": o})
		}, 401, nil},
	} {
		organisation := servicetest.Organisation()
		who := c.who(organisation)
		a, _, _ := ask(t, s, who, object{"patient": line})
		b := who.Get(t, "/helsenorge/v1/feed")
		var got []string
		for _, e := range s.ControlEvents(t, organisation) {
			got = append(got, e.Operation+" "+e.Outcome)
		}
		if a.Status != c.status || b.Status != c.status || !slices.Equal(got, c.events) || !strings.Contains(string(a.Body), "OperationOutcome") {
			t.Errorf("%s: %d %d %v: %s", name, a.Status, b.Status, got, a.Body)
		}
	}
	asks := helsenorge(t, s)
	for path, want := range map[string]int{"/helsenorge/v1/feed?patient=" + line: 400, "/helsenorge/v1/feed?after=1.99999.0.0.0": 400, "/helsenorge/v1/lookups?patient=" + line: 404, "/helsenorge/v1/lookups/_search": 405} {
		if a := asks.Get(t, path); a.Status != want {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	if a := asks.Get(t, "/helsenorge/v1/feed", "nhn-source-system", " "); a.Status != 400 || !strings.Contains(string(a.Body), "nhn-source-system") {
		t.Errorf("without a calling system: %d %s", a.Status, a.Body)
	}
	if strings.Contains(s.Log.String(), line) {
		t.Error("the technical log holds the patient")
	}
}
