package access

import (
	"testing"
	"time"
)

// TestAgeBands walks every band and every birthday of C5 for all who act on the citizen's side.
func TestAgeBands(t *testing.T) {
	t.Parallel()
	closed := denied("C5")
	listed := ruled(Show, Deny, "C2")
	masked := ruled(Mask, Deny, "C2")
	born := func(years, days int) time.Time { return date(2026-years, 6, 15+days) } // days: until the birthday
	cases := []struct {
		name                     string
		birth                    time.Time
		code                     string
		citizen, guardian, proxy Decision
	}{
		{"newborn", date(2026, 6, 15), "N", closed, allowed, closed},
		{"eve of 12", born(12, 1), "N", closed, allowed, closed},
		{"eve of 12, R", born(12, 1), "R", closed, listed, closed},
		{"eve of 12, V", born(12, 1), "V", closed, masked, closed},
		{"12th birthday", born(12, 0), "N", closed, closed, closed},
		{"eve of 16", born(16, 1), "N", closed, closed, closed},
		{"16th birthday", born(16, 0), "N", allowed, closed, allowed},
		{"16th birthday, R", born(16, 0), "R", listed, closed, listed},
		{"16th birthday, V", born(16, 0), "V", closed, closed, closed},
		{"eve of 18", born(18, 1), "N", allowed, closed, allowed},
		{"eve of 18, V", born(18, 1), "V", closed, closed, closed},
		{"17, NORN_ANG", born(17, 0), "NORN_ANG", masked, closed, masked},
		{"18th birthday, V", born(18, 0), "V", masked, closed, masked},
		{"18th birthday", born(18, 0), "N", allowed, closed, allowed},
		{"90 years", born(90, 0), "N", allowed, closed, allowed},
		{"no birth date", time.Time{}, "N", allowed, closed, closed},
		{"no birth date, V", time.Time{}, "V", masked, closed, closed},
	}
	for _, c := range cases {
		p := Patient{BirthDate: c.birth, Known: true}
		for kind, want := range map[Kind]Decision{Citizen: c.citizen, Guardian: c.guardian, Proxy: c.proxy, Personnel: allowed} {
			assertDecision(t, c.name+", "+kind.String(), decide(doctor.as(kind), para45, p, plain.with(c.code), both), addC2(want, kind, c.code))
		}
	}
}

// addC2: where age refuses, C2's row for R, V or NORN_ANG is named after it, as it would have taken something too.
func addC2(d Decision, kind Kind, code string) Decision {
	if kind != Personnel && code != "N" && len(d.Rules) == 1 && d.Rules[0] == "C5" {
		d.Rules = []string{"C5", "C2"}
	}
	return d
}

func TestYears(t *testing.T) {
	t.Parallel()
	cases := []struct {
		born, today time.Time
		want        int
	}{
		{date(2008, 2, 29), date(2026, 2, 28), 17},
		{date(2008, 2, 29), date(2026, 3, 1), 18},
		{date(2008, 2, 29), date(2024, 2, 28), 15},
		{date(2008, 2, 29), date(2024, 2, 29), 16},
		{date(2008, 3, 1), date(2024, 2, 29), 15},
		{date(2008, 2, 28), date(2024, 2, 29), 16},
		{date(2008, 12, 31), date(2024, 1, 1), 15},
		{date(2008, 1, 31), date(2024, 2, 1), 16},
		{date(2024, 2, 1), date(2024, 2, 1), 0},
		{date(1911, 6, 15), date(2026, 6, 15), 115},
	}
	for _, c := range cases {
		if got := dayOf(c.today).years(dayOf(c.born)); got != c.want {
			t.Errorf("born %s, on %s: %d years, want %d", c.born.Format(time.DateOnly), c.today.Format(time.DateOnly), got, c.want)
		}
	}
}

// TestBirthdayBeginsInOslo: the 16th birthday begins at midnight in Norway, winter and summer, whatever zone now is told in.
func TestBirthdayBeginsInOslo(t *testing.T) {
	t.Parallel()
	cases := []struct {
		birth, now time.Time
		want       Decision
	}{
		{date(2010, 6, 15), time.Date(2026, 6, 14, 21, 59, 59, 0, time.UTC), denied("C5")},
		{date(2010, 6, 15), time.Date(2026, 6, 14, 22, 0, 0, 0, time.UTC), allowed},
		{date(2010, 1, 15), time.Date(2026, 1, 14, 22, 59, 59, 0, time.UTC), denied("C5")},
		{date(2010, 1, 15), time.Date(2026, 1, 14, 23, 0, 0, 0, time.UTC), allowed},
		{time.Date(2010, 1, 15, 0, 0, 0, 0, oslo), time.Date(2026, 1, 15, 0, 0, 0, 0, oslo), allowed},
		{date(2010, 1, 15), time.Date(2026, 1, 14, 18, 0, 0, 0, time.FixedZone("", -5*3600)), allowed},
	}
	for _, c := range cases {
		got := DefaultPolicy().Decide(doctor.as(Citizen), Basis{}, Patient{BirthDate: c.birth, Known: true}, plain, both, c.now)
		assertDecision(t, c.birth.String()+" at "+c.now.String(), got, c.want)
	}
}
