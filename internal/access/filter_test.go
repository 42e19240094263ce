package access

import (
	"slices"
	"testing"
	"time"

	"dokumentlager/internal/document"
)

// TestPeriods: C6 at the exact day, seen from 15 June 2026.
func TestPeriods(t *testing.T) {
	t.Parallel()
	filtered := ruled(Omit, Allow, "C6")
	cases := []struct {
		class    string
		creation time.Time
		want     Decision
	}{
		{"A00-1", date(1950, 1, 1), allowed},
		{"A00-1", time.Time{}, allowed},
		{"C00-1", date(2025, 6, 15), allowed},
		{"C00-1", date(2025, 6, 14), filtered},
		{"D00-1", date(2021, 6, 15), allowed},
		{"D00-1", date(2021, 6, 14), filtered},
		{"E00-1", date(2021, 6, 15), allowed},
		{"E00-1", date(2021, 6, 14), filtered},
		{"I00-1", date(2025, 6, 15), allowed},
		{"I00-1", date(2025, 6, 14), filtered},
		{"I00-1", date(2026, 6, 16), allowed},
		{"C00-1", time.Time{}, filtered},
		{"B00-1", date(2026, 6, 15), filtered},
		{"F00-1", date(2026, 6, 15), filtered},
		{"J00-1", date(2026, 6, 15), filtered},
		{"S00-1", date(2026, 6, 15), filtered},
		{"a00-1", date(2026, 6, 15), filtered},
		{"", date(2026, 6, 15), filtered},
		{"C00-1", time.Date(2025, 6, 14, 21, 59, 59, 0, time.UTC), filtered},
		{"C00-1", time.Date(2025, 6, 14, 22, 0, 0, 0, time.UTC), allowed},
	}
	for _, c := range cases {
		e := plain
		e.Class, e.Creation = class(c.class), c.creation
		name := c.class + " of " + c.creation.Format(time.RFC3339)
		for _, basis := range AccessBases() {
			assertDecision(t, name, decide(doctor, Basis{Scope: Kjernejournal, AccessBasis: basis}, adult, e, both), c.want)
		}
		assertDecision(t, name+" under §45", decide(doctor, para45, adult, e, both), allowed)
	}
}

// TestClasses: the classes that a store is asked for are all that the filter lets through, and no basis but C6's names any.
func TestClasses(t *testing.T) {
	t.Parallel()
	kj := Basis{Scope: Kjernejournal, AccessBasis: "AKUTT"}
	named := kj.Classes()
	for _, class := range []string{"A00-1", "B00-1", "C00-1", "D00-1", "E00-1", "F00-1", "G00-1", "H00-1", "I00-1", "J00-1", "S00-1", "T00-1"} {
		e := plain
		e.Class, e.Creation = document.Code{Value: class, System: documentTypes}, noon
		if listed := decide(doctor, kj, adult, e, both).List == Show; listed != slices.Contains(named, e.Class) {
			t.Errorf("%s: listed %v, asked for %v", class, listed, !listed)
		}
	}
	for _, scope := range []Scope{NoScope, Section45, Opening} {
		if got := (Basis{Scope: scope}).Classes(); got != nil {
			t.Errorf("scope %d is asked for %v only", scope, got)
		}
	}
}

func TestFilterOfStrangeFacts(t *testing.T) {
	t.Parallel()
	kj := Basis{Scope: Kjernejournal, AccessBasis: "AKUTT"}
	foreign, urn := plain, plain
	foreign.Class = document.Code{Value: "A00-1", System: "http://loinc.org"}
	urn.Class = document.Code{Value: "A00-1", System: "urn:oid:" + documentTypes}
	assertDecision(t, "class of a foreign system", decide(doctor, kj, adult, foreign, both), ruled(Omit, Allow, "C6"))
	assertDecision(t, "class by urn", decide(doctor, kj, adult, urn, both), allowed)
	for _, basis := range []string{"", "samtykke", "NEI"} {
		got := decide(doctor, Basis{Scope: Kjernejournal, AccessBasis: basis}, adult, plain, both)
		assertDecision(t, "access basis "+basis, got, denied("C6"))
	}
}

// TestYearsBack: leap days. On 29 February a year back is 28 February, which therefore still counts.
func TestYearsBack(t *testing.T) {
	t.Parallel()
	cases := []struct {
		today time.Time
		years int
		want  time.Time
	}{
		{date(2024, 2, 29), 1, date(2023, 2, 28)},
		{date(2024, 2, 29), 4, date(2020, 2, 29)},
		{date(2024, 2, 29), 5, date(2019, 2, 28)},
		{date(2025, 2, 28), 1, date(2024, 2, 28)},
		{date(2025, 2, 28), 5, date(2020, 2, 28)},
		{date(2025, 3, 1), 1, date(2024, 3, 1)},
		{date(2025, 3, 1), 5, date(2020, 3, 1)},
		{date(2026, 12, 31), 1, date(2025, 12, 31)},
		{date(2026, 1, 1), 5, date(2021, 1, 1)},
	}
	for _, c := range cases {
		if got := dayOf(c.today).yearsBack(c.years); got != dayOf(c.want) {
			t.Errorf("%d years before %s: %s, want %s", c.years, c.today.Format(time.DateOnly), got.midnight.Format(time.DateOnly), c.want.Format(time.DateOnly))
		}
	}
}

// TestLeapDays: the same through Decide, on both sides of the day and of midnight in Oslo.
func TestLeapDays(t *testing.T) {
	t.Parallel()
	filtered := ruled(Omit, Allow, "C6")
	cases := []struct {
		class         string
		now, creation time.Time
		want          Decision
	}{
		{"C00-1", date(2024, 2, 29), date(2023, 2, 28), allowed},
		{"C00-1", date(2024, 2, 29), date(2023, 2, 27), filtered},
		{"C00-1", date(2025, 2, 28), date(2024, 2, 29), allowed},
		{"C00-1", date(2025, 3, 1), date(2024, 2, 29), filtered},
		{"D00-1", date(2025, 2, 28), date(2020, 2, 29), allowed},
		{"D00-1", date(2025, 3, 1), date(2020, 2, 29), filtered},
		// 23:30 UTC on 28 February is 29 February in Oslo already.
		{"C00-1", time.Date(2024, 2, 28, 23, 30, 0, 0, time.UTC), date(2023, 2, 28), allowed},
		{"C00-1", time.Date(2024, 2, 29, 23, 30, 0, 0, time.UTC), date(2023, 2, 28), filtered},
	}
	for _, c := range cases {
		e := plain
		e.Class, e.Creation = class(c.class), c.creation
		got := DefaultPolicy().Decide(doctor, Basis{Scope: Kjernejournal, AccessBasis: "SAMTYKKE"}, adult, e, both, c.now)
		assertDecision(t, c.class+" of "+c.creation.String()+" at "+c.now.String(), got, c.want)
	}
}
