package registry_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/postgres"
	"dokumentlager/internal/registry"

	diff "github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

func find(t *testing.T, s postgres.Schema, q registry.Query) (found []document.Entry) {
	t.Helper()
	if q.Patient.IsZero() {
		q.Patient = patient
	}
	if q.Limit == 0 {
		q.Limit = 1000
	}
	in(t, s, func(tx *postgres.Tx) (err error) {
		found, err = registry.Find(t.Context(), tx, q)
		return err
	})
	return found
}

// wantFound names entries by their titles; order counts.
func wantFound(t *testing.T, name string, got []document.Entry, want string) {
	t.Helper()
	var titles []string
	for _, e := range got {
		titles = append(titles, e.Title)
	}
	if text := strings.Join(titles, " "); text != want {
		t.Errorf("%s: found %q, want %q", name, text, want)
	}
}

// shelf registers entries a to f, of descending creation time and ascending registration time, c replaced, f deleted, e of
// another patient.
func shelf(t *testing.T, s postgres.Schema) map[string]document.Entry {
	t.Helper()
	all := map[string]document.Entry{}
	for i, title := range strings.Split("abcdef", "") {
		e := plain()
		e.Title, e.Creation.At, e.Registered = title, noon.AddDate(0, 0, -i), stored.Add(time.Duration(i)*time.Hour)
		e.Class, e.Type = document.Code{Value: "C" + title, System: "1.1"}, document.Code{Value: "T" + title, System: "1.2"}
		all[title] = e
	}
	b, e := all["b"], all["e"]
	b.AliasID, b.Class.System, b.Type.System, e.Patient.Value = "alias-b", "9.9", "9.9", "someone-else"
	b.Class.Value, b.Type.Value = "Ca", "Ta"
	all["b"], all["e"] = b, e
	var list []document.Entry
	for _, title := range strings.Split("fedcba", "") {
		list = append(list, all[title])
	}
	mustRegister(t, s, submission(list...))
	newer := plain()
	newer.Patient.Value = "someone-else"
	mustRegister(t, s, related(newer, document.Replace, all["c"].ID))
	bury(t, s, all["f"])
	return all
}

// TestFilters: every filter alone, several together, with and without values.
func TestFilters(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	all := shelf(t, s)
	both := []document.Status{document.Approved, document.Deprecated}
	day := func(title string) time.Time { return all[title].Creation.At }
	hour := func(title string) time.Time { return all[title].Registered }
	code := func(value, system string) document.Code { return document.Code{Value: value, System: system} }
	for name, c := range map[string]struct {
		query registry.Query
		want  string
	}{
		"approved is the default":           {registry.Query{}, "a b d"},
		"approved":                          {registry.Query{Statuses: both[:1]}, "a b d"},
		"deprecated":                        {registry.Query{Statuses: both[1:]}, "c"},
		"both":                              {registry.Query{Statuses: both}, "a b c d"},
		"both, said twice":                  {registry.Query{Statuses: []document.Status{'D', 'A', 'D'}}, "a b c d"},
		"deleted is never found":            {registry.Query{Statuses: []document.Status{'T', 'A', 'D'}}, "a b c d"},
		"deleted alone is approved":         {registry.Query{Statuses: []document.Status{'T'}}, "a b d"},
		"deleted by its id":                 {registry.Query{Statuses: both, Identifiers: []string{all["f"].ID.String(), all["f"].UniqueID}}, ""},
		"another patient":                   {registry.Query{Patient: document.PatientID{Value: "nobody", Authority: "1.2"}}, ""},
		"another authority":                 {registry.Query{Patient: document.PatientID{Value: patient.Value, Authority: "1.2"}}, ""},
		"limit":                             {registry.Query{Statuses: both, Limit: 3}, "a b c"},
		"limit of one":                      {registry.Query{Limit: 1}, "a"},
		"entryUUID":                         {registry.Query{Identifiers: []string{all["a"].ID.String()}}, "a"},
		"uniqueId":                          {registry.Query{Identifiers: []string{all["d"].UniqueID}}, "d"},
		"alias":                             {registry.Query{Identifiers: []string{"alias-b"}}, "b"},
		"one of each":                       {registry.Query{Identifiers: []string{all["a"].ID.String(), all["d"].UniqueID, "alias-b", "no uuid"}}, "a b d"},
		"the identifier of another patient": {registry.Query{Identifiers: []string{all["e"].UniqueID}}, ""},
		"class":                             {registry.Query{Classes: []document.Code{code("Ca", "1.1")}}, "a"},
		"class of any system":               {registry.Query{Classes: []document.Code{code("Ca", "")}}, "a b"},
		"class of another system":           {registry.Query{Classes: []document.Code{code("Ca", "1.2")}}, ""},
		"classes":                           {registry.Query{Classes: []document.Code{code("Ca", "9.9"), code("Cd", "")}}, "b d"},
		"half a class":                      {registry.Query{Classes: []document.Code{code("C", "")}}, ""},
		"type":                              {registry.Query{Types: []document.Code{code("Ta", "1.2")}}, "a"},
		"type of any system":                {registry.Query{Types: []document.Code{code("Ta", "")}}, "a b"},
		"class and type":                    {registry.Query{Classes: []document.Code{code("Ca", "")}, Types: []document.Code{code("Ta", "9.9")}}, "b"},
		"created from":                      {registry.Query{Created: []registry.Span{{From: day("b")}}}, "a b"},
		"created until":                     {registry.Query{Created: []registry.Span{{To: day("b")}}}, "d"},
		"created within":                    {registry.Query{Statuses: both, Created: []registry.Span{{From: day("c"), To: day("a")}}}, "b c"},
		"created at a point":                {registry.Query{Created: []registry.Span{{From: day("b"), To: day("b")}}}, ""},
		"created in all spans":              {registry.Query{Created: []registry.Span{{From: day("b")}, {To: day("a")}}}, "b"},
		"created whenever":                  {registry.Query{Created: []registry.Span{{}}}, "a b d"},
		"created in another zone":           {registry.Query{Created: []registry.Span{{From: day("b").In(time.FixedZone("", 7200))}}}, "a b"},
		"registered from":                   {registry.Query{Registered: []registry.Span{{From: hour("b")}}}, "b d"},
		"registered until":                  {registry.Query{Registered: []registry.Span{{To: hour("b")}}}, "a"},
		"registered and created":            {registry.Query{Registered: []registry.Span{{From: hour("b")}}, Created: []registry.Span{{From: day("b")}}}, "b"},
		"after":                             {registry.Query{Statuses: both, After: &registry.Position{Creation: day("b"), ID: all["b"].ID}}, "c d"},
		"everything at once": {registry.Query{Statuses: both, Identifiers: []string{"alias-b"}, Classes: []document.Code{code("Ca", "")},
			Types: []document.Code{code("Ta", "9.9")}, Created: []registry.Span{{From: day("b"), To: day("a")}}, Registered: []registry.Span{{From: hour("b")}},
			After: &registry.Position{Creation: day("a")}, Limit: 2}, "b"},
	} {
		wantFound(t, name, find(t, s, c.query), c.want)
	}
}

// TestPages: 137 entries, many of the same moment, come in pages of 10 each once and in order, also when a newer one arrives and
// one that was listed is deleted meanwhile.
func TestPages(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	var all []document.Entry
	for i := range 137 {
		e := plain()
		e.Creation.At = noon.Add(time.Duration(i/40) * time.Microsecond)
		all = append(all, e)
	}
	mustRegister(t, s, submission(all...))
	for _, e := range all[:20] {
		mustRegister(t, s, related(otherPatient(), document.Replace, e.ID))
	}
	slices.SortFunc(all, func(a, b document.Entry) int {
		return cmp.Or(b.Creation.At.Compare(a.Creation.At), strings.Compare(b.ID.String(), a.ID.String()))
	})
	for _, size := range []int{10, 1, 137, 138} {
		q := registry.Query{Statuses: []document.Status{document.Deprecated, document.Approved}, Limit: size}
		var got []document.Entry
		for {
			page := find(t, s, q)
			if got = append(got, page...); len(page) < size {
				break
			}
			at := registry.PositionOf(page[len(page)-1])
			q.After = &at
		}
		if d := diff.Diff(idsOf(all), idsOf(got)); d != "" {
			t.Fatalf("pages of %d: %s", size, d)
		}
	}
	for i := range all[1:] {
		a, b := registry.PositionOf(all[i]), registry.PositionOf(all[i+1])
		if a.Compare(b) >= 0 || b.Compare(a) <= 0 || a.Compare(a) != 0 {
			t.Fatalf("%v and %v", a, b)
		}
	}
	q := registry.Query{Statuses: []document.Status{document.Approved, document.Deprecated}, Limit: 100}
	first := find(t, s, q)
	newest := plain()
	newest.Creation.At = noon.AddDate(1, 0, 0)
	mustRegister(t, s, submission(newest))
	bury(t, s, first[0])
	at := registry.PositionOf(first[99])
	q.After = &at
	if d := diff.Diff(idsOf(all[100:]), idsOf(find(t, s, q))); d != "" {
		t.Error(d)
	}
}

func otherPatient() document.Entry {
	e := plain()
	e.Patient.Value = "someone-else"
	return e
}

// plan is what of EXPLAIN's answer we look at.
type plan struct {
	Node  string `json:"Node Type"`
	Index string `json:"Index Name"`
	Cond  string `json:"Index Cond"`
	Plans []plan
}

func (p plan) each(f func(plan)) {
	f(p)
	for _, child := range p.Plans {
		child.each(f)
	}
}

// TestFindUsesItsIndex: in a table of 5,000 entries no search reads the table or another index, whether the patient has a few
// entries or very many; and the list of one with many is walked in order, not sorted.
func TestFindUsesItsIndex(t *testing.T) {
	t.Parallel()
	s := schemaOf(t)
	rare, frequent := document.PatientID{Value: "rare", Authority: "1.2"}, document.PatientID{Value: "frequent", Authority: "1.2"}
	fill(t, s, rare, frequent)
	code := []document.Code{{Value: "C3", System: "1.1"}, {Value: "C4"}}
	after := &registry.Position{Creation: time.Date(2023, 2, 1, 0, 0, 0, 0, time.UTC), ID: uuid.New()}
	both := []document.Status{document.Approved, document.Deprecated}
	for _, who := range []document.PatientID{rare, frequent} {
		for name, q := range map[string]registry.Query{
			"all":         {},
			"both":        {Statuses: both},
			"next page":   {Statuses: both, After: after},
			"coded":       {Classes: code, Types: code},
			"created":     {Created: []registry.Span{{From: after.Creation, To: after.Creation.AddDate(0, 1, 0)}}},
			"registered":  {Statuses: both, Registered: []registry.Span{{From: stored}}},
			"identifiers": {Identifiers: []string{uuid.NewString(), "x"}},
		} {
			q.Patient, q.Limit = who, 21
			in(t, s, func(tx *postgres.Tx) error {
				sql, args := q.SQL()
				var text []byte
				if err := tx.QueryRow(t.Context(), "explain (format json) "+sql, args...).Scan(&text); err != nil {
					return err
				}
				walked := who == frequent && len(q.Classes)+len(q.Created)+len(q.Identifiers) == 0
				wantIndex(t, fmt.Sprintf("%s %s", who.Value, name), text, max(1, len(q.Statuses)), walked)
				return nil
			})
		}
	}
}

// wantIndex wants one use of the index per status, bounded by patient and status, no scan, and no sort where it is walked.
func wantIndex(t *testing.T, name string, text []byte, walks int, walked bool) {
	t.Helper()
	var answer []struct{ Plan plan }
	if err := json.Unmarshal(text, &answer); err != nil || len(answer) != 1 {
		t.Fatalf("%s: %v", text, err)
	}
	const index = "document_entry_patient_id_status_creation_time_id_idx"
	answer[0].Plan.each(func(p plan) {
		switch {
		case p.Index == index && strings.Contains(p.Cond, "patient_id") && strings.Contains(p.Cond, "status"):
			walks--
		case p.Index != "", strings.Contains(p.Node, "Seq Scan"), walked && strings.Contains(p.Node, "Sort"):
			t.Errorf("%s: %s %s %s", name, p.Node, p.Index, p.Cond)
		}
	})
	if walks != 0 {
		t.Errorf("%s: %d walks of the index too few:\n%s", name, walks, text)
	}
}

// fill makes 5,000 entries: 30 of one patient, 500 of another, the rest of a thousand; a fifth are deprecated.
func fill(t *testing.T, s postgres.Schema, rare, frequent document.PatientID) {
	t.Helper()
	owner, table := stacktest.Migrated(t).Owner.Pool(), pgx.Identifier{s.Name, "document_entry"}.Sanitize()
	_, err := owner.Exec(t.Context(), `insert into `+table+` (id, logical_id, version, unique_id, patient_id, status, submission_id, object_key, class_code,
		type_code, format_code, facility_code, practice_code, confidentiality, creation_time, mime_type, size, sha1, sha256, registered_at, rest)
		select id, id, 1, 'u' || n, case when n <= 30 then $1 when n <= 530 then $2 else 'p' || n % 1000 || '^^^&1.2&ISO' end,
		(case when n % 5 = 0 then 'D' else 'A' end)::text::"char", id, id, 'C' || n % 7 || '^1.1', 'C' || n % 11 || '^1.1', 'f^1', 'f^1', 'p^1', '{N}',
		timestamptz '2023-01-01 00:00Z' + n % 900 * interval '1 hour', 'text/plain', 1, '\x00', '\x00', $3, '{"title": "x"}'
		from (select n, gen_random_uuid() id from generate_series(1, 5000) n) numbers`, rare.CX(), frequent.CX(), stored)
	if err == nil {
		_, err = owner.Exec(t.Context(), "analyze "+table)
	}
	if err != nil {
		t.Fatal(err)
	}
}
