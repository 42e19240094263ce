package innsyn

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/devstack/stacktest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/person"
	"dokumentlager/internal/tenant"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// TestNameAfterSevenDays (A2): from exactly 168 hours after the reading on, whatever the names of the organisation are.
func TestNameAfterSevenDays(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	of := r.tenant()
	r.record(of, r.read(func(e *audit.Event) {
		e.Actor.OrganisationName, e.Actor.PointOfCareName = "Legekontoret Vits' AS", "GRØNNs kontor"
	}))
	due := looked.Add(168 * time.Hour)
	for _, c := range []struct {
		now  time.Time
		name string
	}{
		{looked, ""}, {due.Add(-time.Second), ""}, {due.Add(-time.Microsecond), ""}, {due, "GRØNN VITS"}, {due.Add(time.Second), "GRØNN VITS"}, {due.AddDate(5, 0, 0), "GRØNN VITS"},
	} {
		r.at(c.now)
		got := r.one()
		if got.Name != c.name || !got.NameDue.Equal(due) {
			t.Errorf("at %s: name %q, due %s", c.now, got.Name, got.NameDue)
		}
		text := strings.ToLower(fmt.Sprintf("%+v", got))
		if told := strings.Contains(text, "vits") || strings.Contains(text, "grønn"); told != (c.name != "") {
			t.Errorf("at %s the look tells %s", c.now, text)
		}
		for _, never := range []string{"565501872", "05898597468", "les-client"} {
			if strings.Contains(text, never) {
				t.Errorf("the look tells %s", never)
			}
		}
		if got.Organisation.Number != "981275721" || got.PointOfCare.Number != "910000002" {
			t.Errorf("%+v", got)
		}
	}
}

// TestWhoLooked: health personnel who read or were denied it, an empty list among it, and nobody and nothing else.
func TestWhoLooked(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	of := r.tenant()
	kind := func(k access.Kind) func(*audit.Event) { return func(e *audit.Event) { e.Actor.Kind = k } }
	list := func(e *audit.Event) {
		e.Operation, e.Entry, e.Detail = "search", uuid.Nil, audit.Detail{Hits: new(int)}
	}
	for name, c := range map[string]struct {
		change func(*audit.Event)
		want   string
	}{
		"opened":                     {func(*audit.Event) {}, "document shown Epikrise etter fall"},
		"denied":                     {func(e *audit.Event) { e.Outcome = audit.Denied }, "document refused Epikrise etter fall"},
		"an empty list":              {list, "list shown "},
		"metadata, masked":           {func(e *audit.Event) { e.Operation, e.Detail.Masked, e.Detail.Rule = "read-entry", 1, "C2" }, "details masked Epikrise etter fall"},
		"a list with masked entries": {func(e *audit.Event) { list(e); e.Detail.Masked = 3 }, "list shown "},
		"a list that a rule emptied": {func(e *audit.Event) { list(e); e.Detail.Rule = "L5" }, "list refused "},
		"failed":                     {func(e *audit.Event) { e.Outcome = audit.Failed }, ""},
		"machine":                    {kind(access.Machine), ""},
		"operator":                   {kind(access.Operator), ""},
		"nobody":                     {kind(access.Nobody), ""},
		"the log searched":           {func(e *audit.Event) { list(e); e.Operation = "audit-search" }, ""},
		"the log read":               {func(e *audit.Event) { list(e); e.Operation = "audit-read" }, ""},
		"created":                    {func(e *audit.Event) { e.Action = audit.Create }, ""},
		"checked":                    {func(e *audit.Event) { e.Action = audit.Execute }, ""},
		"another patient":            {func(e *audit.Event) { e.Patient = "x" + e.Patient }, ""},
	} {
		e := r.read(c.change)
		r.record(of, e)
		looks := slices.DeleteFunc(r.looks(5), func(l Look) bool { return l.ID != e.ID })
		got := ""
		if len(looks) == 1 {
			got = fmt.Sprintf("%s %s %s", looks[0].Kind, looks[0].Outcome, looks[0].Title)
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// born is a patient of an age, in years at the time of these tests, with a number that tells it.
func born(years int) document.PatientID {
	day := looked.AddDate(-years, 0, -1)
	return document.PatientID{Value: day.Format("020106") + map[bool]string{true: "600", false: "100"}[day.Year() >= 2000] + "00", Authority: document.AuthorityFNR}
}

// TestTitles (C2, C5, C7, L4): type and title are told where the citizen sees them himself, by the strictest of the codes then and now.
func TestTitles(t *testing.T) {
	t.Parallel()
	const shown, rules, unavailable = "A03-2 Epikrise etter fall", "rules", "unavailable"
	plain := stacktest.Tenant(t)
	for name, c := range map[string]struct {
		then, now []string
		status    string
		patient   document.PatientID
		change    func(*tenant.Tenant)
		facts     func(*rig)
		want      string
		// hidden instances are those of which the citizen gets nothing at all.
		hidden bool
	}{
		"N":                           {then: []string{"N"}, now: []string{"N"}, want: shown},
		"R is listed":                 {then: []string{"R"}, now: []string{"R"}, want: shown},
		"NORS is the citizen's own":   {then: []string{"N", "NORS"}, now: []string{"N", "NORS"}, want: shown},
		"V":                           {then: []string{"V"}, now: []string{"V"}, want: rules},
		"V then":                      {then: []string{"V"}, now: []string{"N"}, want: rules},
		"V now":                       {then: []string{"N"}, now: []string{"V"}, want: rules},
		"NORN_ANG now":                {then: []string{"N"}, now: []string{"N", "NORN_ANG"}, want: rules},
		"NORN_ANG then, deleted":      {then: []string{"N", "NORN_ANG"}, want: rules},
		"deleted":                     {then: []string{"N"}, want: shown},
		"a tombstone that was V":      {then: []string{"N"}, now: []string{"V"}, status: "T", want: rules},
		"no codes":                    {want: rules, hidden: true},
		"another's now":               {then: []string{"N"}, now: []string{"N"}, status: "other", want: rules},
		"another document now":        {then: []string{"N"}, now: []string{"N"}, status: "its id", want: rules},
		"15 years":                    {then: []string{"N"}, now: []string{"N"}, patient: born(15), want: rules, hidden: true},
		"8 years":                     {then: []string{"N"}, now: []string{"N"}, patient: born(8), want: rules, hidden: true},
		"16 years":                    {then: []string{"N"}, now: []string{"N"}, patient: born(16), want: shown},
		"17 years, V":                 {then: []string{"V"}, now: []string{"V"}, patient: born(17), want: rules, hidden: true},
		"18 years":                    {then: []string{"R"}, now: []string{"R"}, patient: born(18), want: shown},
		"not shared with citizens":    {then: []string{"N"}, now: []string{"N"}, change: func(t *tenant.Tenant) { t.Sharing.Citizen = false }, want: rules, hidden: true},
		"own organisation only":       {then: []string{"N"}, now: []string{"N"}, change: func(t *tenant.Tenant) { t.Sharing.OwnOrganisationOnly = true }, want: rules, hidden: true},
		"a suspended instance":        {then: []string{"N"}, now: []string{"N"}, change: func(t *tenant.Tenant) { t.State = tenant.Suspended }, want: rules, hidden: true},
		"the register says 15":        {then: []string{"N"}, now: []string{"N"}, patient: born(30), facts: bornAt(15), want: rules, hidden: true},
		"the register says 30":        {then: []string{"N"}, now: []string{"N"}, patient: born(15), facts: bornAt(30), want: shown},
		"dead for a year":             {then: []string{"N"}, now: []string{"N"}, patient: born(50), facts: dead(365), want: rules, hidden: true},
		"dead for a week":             {then: []string{"N"}, now: []string{"N"}, patient: born(50), facts: dead(7), want: shown},
		"nobody answers about him":    {then: []string{"N"}, now: []string{"N"}, patient: born(50), facts: func(r *rig) { r.Register, r.down = r, true }, want: unavailable, hidden: true},
		"nobody is asked about local": {then: []string{"N"}, now: []string{"N"}, facts: func(r *rig) { r.Register, r.down = r, true }, want: shown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if !c.patient.IsZero() {
				r.patient = c.patient
			}
			of := plain
			if c.change != nil {
				of = stacktest.Tenant(t, c.change)
			}
			r.visit(of)
			if c.facts != nil {
				c.facts(r)
			}
			e := r.read(func(e *audit.Event) { e.Detail.Documents[0].Conf = c.then })
			if c.status == "its id" {
				e.Detail.Documents[0].UniqueID, c.status = "before", ""
			}
			r.record(of, e)
			switch {
			case c.status == "other":
				r.entry(of, e.Entry, "A", document.PatientID{Value: "x", Authority: "1.2"}, c.now...)
			case c.now != nil:
				r.entry(of, e.Entry, map[string]string{"": "A", "T": "T"}[c.status], r.patient, c.now...)
			}
			all := slices.DeleteFunc(r.looks(100), func(l Look) bool { return l.ID != e.ID })
			if len(all) != 1 {
				t.Fatalf("the look is told %d times", len(all))
			}
			got := string(all[0].Withheld)
			if all[0].Type != nil {
				got += all[0].Type.Code + " " + all[0].Title
			}
			if got != c.want || (all[0].Instance == nil) != c.hidden || all[0].Organisation.Name != "Betanien" {
				t.Errorf("%q, want %q; instance %+v, hidden %t", got, c.want, all[0].Instance, c.hidden)
			}
		})
	}
}

func bornAt(years int) func(*rig) {
	return func(r *rig) {
		r.Register = r
		r.person[r.patient] = person.Facts{Registered: true, BirthDate: looked.AddDate(-years, 0, -1)}
	}
}

func dead(days int) func(*rig) {
	return func(r *rig) {
		r.Register = r
		r.person[r.patient] = person.Facts{Registered: true, DeadSince: looked.AddDate(0, 0, -days)}
	}
}

// TestPages: over several instances and the control log, newest first, each once, and one event of ours in each instance for each page.
func TestPages(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	logs := []tenant.Tenant{r.tenant(), r.tenant(), {}}
	stranger := stacktest.Tenant(t)
	r.record(stranger, r.read()) // nobody visited: a log that the locator does not name is not asked
	var want []string
	for i := range 17 {
		e := r.read()
		r.record(logs[i%len(logs)], e)
		want = append([]string{e.ID.String()}, want...)
	}
	for _, limit := range []int{1, 4, 16, 17, 50} {
		var got []string
		for _, l := range r.looks(limit) {
			got = append(got, l.ID.String())
			if (l.Instance == nil) != (l.Withheld == ByRules) {
				t.Errorf("what belongs to no instance: %+v", l)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("pages of %d: %s", limit, diff)
		}
	}
	lines, err := r.Log.List(t.Context(), logs[0].Schema(), uuid.Nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	ours := slices.DeleteFunc(lines, func(l audit.Line) bool { return l.Operation != OperationLookups })
	if len(ours) != 17+5+2+1+1 || ours[0].Patient != r.patient.CX() || ours[0].Action != "R" || *ours[len(ours)-1].Detail.Hits != 6 {
		t.Errorf("%d events of ours: %+v", len(ours), ours[len(ours)-1])
	}
}

// TestSilentInstances are named where the citizen may know of them, and the rest is there.
func TestSilentInstances(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	quick, slow, secret := r.tenant(), r.tenant(), r.tenant(func(t *tenant.Tenant) { t.Sharing.Citizen = false })
	r.record(quick, r.read())
	tx, err := r.db.Owner.Pool().Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	for _, of := range []tenant.Tenant{slow, secret} {
		if _, err := tx.Exec(t.Context(), "lock table "+of.SchemaName+".audit_event"); err != nil {
			t.Fatal(err)
		}
	}
	r.TenantDeadline = time.Second
	page, err := r.Lookups(t.Context(), helsenorge(), Query{Patient: r.patient, Before: uuid.Max, Limit: 10})
	if err != nil || len(page.Looks) != 1 || !page.Incomplete {
		t.Fatalf("%+v %v", page, err)
	}
	if diff := cmp.Diff([]Instance{{slow.HomeCommunity, slow.Name}}, page.Silent); diff != "" {
		t.Error(diff)
	}
}

// TestOnlyHelsenorgeAsks (A2): everybody else is denied both questions, and each denial is an event.
func TestOnlyHelsenorgeAsks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.record(r.tenant(), r.read())
	for name, change := range map[string]func(*audit.Actor){
		"no scope": func(a *audit.Actor) {
			a.Scopes = []string{access.ScopeReadList, access.ScopeLogInspect, access.ScopeLogOwn}
		},
		"a person":      func(a *audit.Actor) { a.Kind = access.Personnel },
		"nobody at all": func(a *audit.Actor) { *a = audit.Actor{Caller: access.Caller{Organisation: a.Organisation}} },
	} {
		actor := helsenorge()
		change(&actor)
		page, err := r.Lookups(t.Context(), actor, Query{Patient: r.patient, Before: uuid.Max, Limit: 10})
		pull, err2 := r.Feed(t.Context(), actor, Cursor{}, 10)
		if fault.KindOf(err) != fault.Denied || fault.KindOf(err2) != fault.Denied || len(page.Looks)+len(pull.Items) > 0 {
			t.Errorf("%s: %v, %v", name, err, err2)
		}
		var got []string
		lines, err := r.Log.ListControl(t.Context(), uuid.Nil, 100000)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range lines {
			if l.Organisation == actor.Organisation {
				got = append(got, l.Operation+" "+l.Outcome+" "+l.Rule)
			}
		}
		if diff := cmp.Diff([]string{"lookups denied A2", "lookup-feed denied A2"}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
