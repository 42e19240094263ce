package registry_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/criteria"
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
		all[title] = e
	}
	e := all["e"]
	e.Patient.Value = "someone-else"
	all["e"] = e
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
	after := func(o registry.Order, title string) *registry.Position { p := o.Of(all[title]); return &p }
	newest, oldest := registry.Order{Registered: true}, registry.Order{Registered: true, Oldest: true}
	first := registry.Order{Oldest: true}
	for name, c := range map[string]struct {
		query registry.Query
		want  string
	}{
		"approved is the default":     {registry.Query{}, "a b d"},
		"approved":                    {registry.Query{Statuses: both[:1]}, "a b d"},
		"deprecated":                  {registry.Query{Statuses: both[1:]}, "c"},
		"both":                        {registry.Query{Statuses: both}, "a b c d"},
		"both, said twice":            {registry.Query{Statuses: []document.Status{'D', 'A', 'D'}}, "a b c d"},
		"deleted is never found":      {registry.Query{Statuses: []document.Status{'T', 'A', 'D'}}, "a b c d"},
		"deleted alone is approved":   {registry.Query{Statuses: []document.Status{'T'}}, "a b d"},
		"another patient":             {registry.Query{Patient: document.PatientID{Value: "nobody", Authority: "1.2"}}, ""},
		"another authority":           {registry.Query{Patient: document.PatientID{Value: patient.Value, Authority: "1.2"}}, ""},
		"limit":                       {registry.Query{Statuses: both, Limit: 3}, "a b c"},
		"limit of one":                {registry.Query{Limit: 1}, "a"},
		"of its class":                {registry.Query{Classes: []document.Code{{Value: "X", System: "1"}, plain().Class}}, "a b d"},
		"of another system's class":   {registry.Query{Classes: []document.Code{{Value: plain().Class.Value, System: "1"}}}, ""},
		"of no class":                 {registry.Query{Classes: []document.Code{}}, ""},
		"created from":                {registry.Query{Created: criteria.Span{From: day("b")}}, "a b"},
		"created until":               {registry.Query{Created: criteria.Span{To: day("b")}}, "d"},
		"created within":              {registry.Query{Statuses: both, Created: criteria.Span{From: day("c"), To: day("a")}}, "b c"},
		"created at a point":          {registry.Query{Created: criteria.Span{From: day("b"), To: day("b")}}, ""},
		"created in another zone":     {registry.Query{Created: criteria.Span{From: day("b").In(time.FixedZone("", 7200))}}, "a b"},
		"after":                       {registry.Query{Statuses: both, After: after(registry.Order{}, "b")}, "c d"},
		"oldest first":                {registry.Query{Statuses: both, Order: first}, "d c b a"},
		"oldest first, after":         {registry.Query{Statuses: both, Order: first, After: after(first, "c")}, "b a"},
		"as registered":               {registry.Query{Statuses: both, Order: newest}, "d c b a"},
		"as registered, after":        {registry.Query{Statuses: both, Order: newest, After: after(newest, "c")}, "b a"},
		"as registered, oldest first": {registry.Query{Order: oldest}, "a b d"},
		"the same, after":             {registry.Query{Order: oldest, After: after(oldest, "a")}, "b d"},
		"everything at once": {registry.Query{Statuses: both, Created: criteria.Span{From: day("c"), To: day("a")}, Order: first,
			After: after(first, "d"), Limit: 1}, "c"},
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
			at := q.Order.Of(page[len(page)-1])
			q.After = &at
		}
		if d := diff.Diff(idsOf(all), idsOf(got)); d != "" {
			t.Fatalf("pages of %d: %s", size, d)
		}
	}
	for i := range all[1:] {
		var o registry.Order
		a, b, back := o.Of(all[i]), o.Of(all[i+1]), registry.Order{Oldest: true}
		if o.Compare(a, b) >= 0 || o.Compare(b, a) <= 0 || o.Compare(a, a) != 0 || back.Compare(a, b) <= 0 {
			t.Fatalf("%v and %v", a, b)
		}
	}
	q := registry.Query{Statuses: []document.Status{document.Approved, document.Deprecated}, Limit: 100}
	first := find(t, s, q)
	newest := plain()
	newest.Creation.At = noon.AddDate(1, 0, 0)
	mustRegister(t, s, submission(newest))
	bury(t, s, first[0])
	at := q.Order.Of(first[99])
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
	after := &registry.Position{At: time.Date(2023, 2, 1, 0, 0, 0, 0, time.UTC), ID: uuid.New()}
	both := []document.Status{document.Approved, document.Deprecated}
	for _, who := range []document.PatientID{rare, frequent} {
		for name, q := range map[string]registry.Query{
			"all":          {},
			"both":         {Statuses: both},
			"next page":    {Statuses: both, After: after},
			"created":      {Created: criteria.Span{From: after.At, To: after.At.AddDate(0, 1, 0)}},
			"oldest first": {Order: registry.Order{Oldest: true}, After: after},
			"registered":   {Statuses: both, Order: registry.Order{Registered: true}},
		} {
			q.Patient, q.Limit = who, 21
			in(t, s, func(tx *postgres.Tx) error {
				sql, args := q.SQL()
				var text []byte
				if err := tx.QueryRow(t.Context(), "explain (format json) "+sql, args...).Scan(&text); err != nil {
					return err
				}
				walked := who == frequent && q.Created == criteria.Span{} && !q.Order.Registered
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
	const versions = "document_entry_logical_id_version_idx" // is there a later version of a deprecated one
	answer[0].Plan.each(func(p plan) {
		switch {
		case p.Index == index && strings.Contains(p.Cond, "patient_id") && strings.Contains(p.Cond, "status"):
			walks--
		case p.Index == versions && strings.Contains(p.Cond, "logical_id"):
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

// TestBefore: behind the place before p stands p, and nothing that does not stand behind p or at it.
func TestBefore(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	ids := []uuid.UUID{uuid.Nil, uuid.Max, uuid.New(), uuid.MustParse("00000000-0000-0000-0000-0000000000ff"), uuid.MustParse("00000000-0000-0000-0000-000000000100"),
		uuid.MustParse("ffffffff-ffff-ffff-ffff-ffffffffff00"), uuid.MustParse("ffffffff-ffff-ffff-ffff-fffffffffeff"), uuid.MustParse("00000000-0000-0000-0000-000000000001")}
	var places []registry.Position
	for _, id := range ids {
		for n := range 3 {
			places = append(places, registry.Position{At: at.Add(time.Duration(n) * time.Microsecond), ID: id})
		}
	}
	for _, o := range []registry.Order{{}, {Oldest: true}} {
		for _, p := range places {
			for _, q := range places {
				if got, want := o.Compare(o.Before(p), q) < 0, o.Compare(p, q) <= 0; got != want {
					t.Errorf("%+v: %v stands behind what is before %v: %v", o, q, p, got)
				}
			}
		}
	}
}
