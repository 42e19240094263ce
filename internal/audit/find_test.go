package audit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/postgres"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// crowd is a log of many events, of which every thousandth is marked, one a second up to at.
func crowd(t *testing.T, n int) postgres.Schema {
	t.Helper()
	s := stacktest.Tenant(t).Schema()
	_, err := stacktest.Migrated(t).Owner.Pool().Exec(t.Context(), fmt.Sprintf(`insert into %s.audit_event (id, at, action, outcome, operation, patient_id, actor, detail)
	  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7000800000000000' || lpad(to_hex(n), 4, '0'))::uuid, at, 'R', 'S',
	    case n %% 1000 when 0 then 'rare' else 'search' end, case n %% 1000 when 1 then 'few^^^&1.2&ISO' end, '{"kind":"machine"}', '{}'
	  from (select n, $1::timestamptz - n * interval '1 second' as at from generate_series(1, %d) n) x`, pgx.Identifier{s.Name}.Sanitize(), n), at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// find goes on until nothing is left, and says in how many steps.
func find(t *testing.T, s postgres.Schema, f audit.Filter, n int) (found []audit.Line, steps int) {
	t.Helper()
	for before := uuid.Max; ; {
		var part audit.Found
		err := stacktest.Migrated(t).DB.Reading(t.Context(), s, func(tx *postgres.Tx) (err error) {
			part, err = audit.Find(t.Context(), tx, f, before, n)
			return err
		})
		if steps++; err != nil || len(part.Lines) > n || steps > 5000 {
			t.Fatalf("%d lines in step %d: %v", len(part.Lines), steps, err)
		}
		found = append(found, part.Lines...)
		if part.Done {
			return found, steps
		}
		before = part.Read
	}
}

// TestFindInACrowd: few of many events are found in steps of a bounded size, whole, newest first; a patient's, and all of a time, at once.
func TestFindInACrowd(t *testing.T) {
	t.Parallel()
	s := crowd(t, 12_000)
	hour := audit.Span{From: at.Add(-time.Hour), To: at.Add(-time.Hour + 10*time.Second)}
	for name, c := range map[string]struct {
		filter               audit.Filter
		n, want, least, most int
	}{
		"everything":            {audit.Filter{}, 5000, 12_000, 3, 3},
		"everything, in small":  {audit.Filter{}, 101, 12_000, 119, 119},
		"a few":                 {audit.Filter{Operations: []string{"rare"}}, 100, 12, 3, 3},
		"a few, one by one":     {audit.Filter{Operations: []string{"rare"}}, 1, 12, 12, 15},
		"none":                  {audit.Filter{Operations: []string{"none"}}, 100, 0, 3, 3},
		"a time":                {audit.Filter{Span: hour}, 100, 10, 1, 1},
		"a few of a time":       {audit.Filter{Span: hour, Operations: []string{"rare"}}, 100, 0, 1, 2},
		"a patient":             {audit.Filter{Patient: "few^^^&1.2&ISO"}, 100, 12, 1, 1},
		"a patient, in small":   {audit.Filter{Patient: "few^^^&1.2&ISO"}, 5, 12, 3, 3},
		"a patient and a few":   {audit.Filter{Patient: "few^^^&1.2&ISO", Operations: []string{"rare"}}, 100, 0, 1, 1},
		"a patient and a time":  {audit.Filter{Patient: "few^^^&1.2&ISO", Span: audit.Span{From: at.Add(-1001 * time.Second), To: at}}, 100, 2, 1, 1},
		"before all":            {audit.Filter{Span: audit.Span{To: at.Add(-24 * time.Hour)}}, 100, 0, 1, 1},
		"long before everybody": {audit.Filter{Span: audit.Span{From: time.Unix(-1e9, 0), To: time.Unix(-1e8, 0)}}, 100, 0, 1, 1},
	} {
		found, steps := find(t, s, c.filter, c.n)
		if len(found) != c.want || steps < c.least || steps > c.most {
			t.Errorf("%s: %d in %d steps, want %d in %d to %d", name, len(found), steps, c.want, c.least, c.most)
		}
		for i := range max(len(found)-1, 0) {
			if found[i].ID.String() <= found[i+1].ID.String() {
				t.Fatalf("%s: out of order, or one twice", name)
			}
		}
	}
}

// TestFindByEverything: each field of a filter finds the one event that has it, and no other value does; all of it in the control log too.
func TestFindByEverything(t *testing.T) {
	t.Parallel()
	s, e := stacktest.Tenant(t).Schema(), full(t)
	e.At = time.Now().UTC().Truncate(time.Microsecond)
	e.Actor.Organisation = stacktest.Organisation()
	other := audit.New(time.Now(), audit.Actor{Caller: access.Caller{Kind: access.Machine, ClientID: "other"}}, audit.Create, "other")
	for _, event := range []audit.Event{e, other} {
		if err := log(t).Record(t.Context(), s, event); err != nil {
			t.Fatal(err)
		}
	}
	if err := log(t).RecordControl(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	now := audit.Span{From: e.At, To: e.At.Add(time.Microsecond)}
	odd := []string{"x", "'; drop table tenant; --", "a\x00b", "\xff", `{"a"}`, `\`}
	for name, c := range map[string]struct {
		of     func(values ...string) audit.Filter
		values []string
	}{
		"action":    {func(v ...string) audit.Filter { return audit.Filter{Actions: v} }, []string{"U"}},
		"outcome":   {func(v ...string) audit.Filter { return audit.Filter{Outcomes: v} }, []string{"N"}},
		"operation": {func(v ...string) audit.Filter { return audit.Filter{Operations: v} }, []string{"set-confidentiality"}},
		"agent": {func(v ...string) audit.Filter { return audit.Filter{Agents: v} },
			[]string{e.Actor.Organisation, "910000002", "910000003", "9999999", "client"}},
		"thing":   {func(v ...string) audit.Filter { return audit.Filter{Things: v} }, []string{e.Entry.String(), "u1", "e2", "u2", "set", "folder", "request", "query", "13116900216"}},
		"patient": {func(v ...string) audit.Filter { return audit.Filter{Patient: v[len(v)-1]} }, []string{e.Patient}},
	} {
		for _, value := range c.values {
			for _, f := range []audit.Filter{c.of(value), c.of(append(slices.Clone(odd), value)...)} {
				f.Span = now
				found, _ := find(t, s, f, 10)
				if diff := cmp.Diff([]audit.Line{lineOf(e)}, found, cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Organisation" }, cmp.Ignore())); diff != "" {
					t.Errorf("%s %q: %s", name, value, diff)
				}
				control, err := log(t).FindControl(t.Context(), f, uuid.Max, 10)
				if err != nil || len(control.Lines) != 1 || control.Lines[0].ID != e.ID || !control.Done {
					t.Errorf("%s %q in the control log: %+v %v", name, value, control, err)
				}
			}
		}
		for _, value := range odd {
			if found, _ := find(t, s, c.of(value), 10); len(found) != 0 {
				t.Errorf("%s %q: %d found", name, value, len(found))
			}
		}
	}
	for _, span := range []audit.Span{{To: e.At}, {From: e.At.Add(time.Microsecond), To: e.At.Add(time.Millisecond)}} {
		if found, _ := find(t, s, audit.Filter{Span: span, Agents: []string{"client"}}, 10); len(found) != 0 {
			t.Errorf("%+v: %d found", span, len(found))
		}
	}
}

// TestByID: one event of this log alone.
func TestByID(t *testing.T) {
	t.Parallel()
	s, other, e, c := stacktest.Tenant(t).Schema(), stacktest.Tenant(t).Schema(), full(t), full(t)
	if err := log(t).Record(t.Context(), s, e); err != nil {
		t.Fatal(err)
	}
	if err := log(t).RecordControl(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	in := func(s postgres.Schema, id uuid.UUID) (line audit.Line, there bool) {
		err := stacktest.Migrated(t).DB.Reading(t.Context(), s, func(tx *postgres.Tx) (err error) {
			line, there, err = audit.ByID(t.Context(), tx, id)
			return err
		})
		if err != nil {
			t.Error(err)
		}
		return line, there
	}
	if line, there := in(s, e.ID); !there || !cmp.Equal(line, lineOf(e)) {
		t.Errorf("%+v", line)
	}
	if line, there, err := log(t).ControlByID(t.Context(), c.ID); err != nil || !there || !cmp.Equal(line, lineOf(c)) {
		t.Errorf("%+v %v", line, err)
	}
	_, elsewhere := in(other, e.ID)
	_, control := in(s, c.ID)
	_, ofTenant, err := log(t).ControlByID(t.Context(), e.ID)
	if elsewhere || control || ofTenant || err != nil {
		t.Errorf("found in another log: %t %t %t %v", elsewhere, control, ofTenant, err)
	}
}

// TestRecordWhatCan: one log that cannot be written keeps none of the others from being, and those that are there already are not failures.
func TestRecordWhatCan(t *testing.T) {
	t.Parallel()
	var events []audit.TenantEvent
	for range 3 {
		events = append(events, audit.TenantEvent{Schema: stacktest.Tenant(t).Schema(), Event: full(t)})
	}
	if err := log(t).Record(t.Context(), events[0].Schema, events[0].Event); err != nil { // as after a commit that nobody heard of
		t.Fatal(err)
	}
	gone := events[1].Schema
	if _, err := stacktest.Migrated(t).Owner.Pool().Exec(t.Context(), `alter table `+pgx.Identifier{gone.Name}.Sanitize()+`.audit_event rename to gone`); err != nil {
		t.Fatal(err)
	}
	if got := log(t).RecordWhatCan(t.Context(), events); !slices.Equal(got, []bool{false, true, false}) {
		t.Errorf("failed: %v", got)
	}
	for _, i := range []int{0, 2} {
		if got := lines(t, events[i].Schema); len(got) != 1 {
			t.Errorf("log %d has %d events", i, len(got))
		}
	}
	if got := log(t).RecordWhatCan(t.Context(), nil); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
