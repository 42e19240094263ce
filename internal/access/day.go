package access

import (
	"time"
	_ "time/tzdata" // a pure package must not fail, or count other days, where the host has no zone files
)

// day is a calendar day. It is a time only because Go's calendar is there: midnight UTC, without any zone's gaps.
type day struct{ midnight time.Time }

func newDay(year int, month time.Month, d int) day {
	return day{time.Date(year, month, d, 0, 0, 0, 0, time.UTC)}
}

// dayOf is the calendar day that t shows in its own location: a date's day, whatever zone it was read in.
func dayOf(t time.Time) day { return newDay(t.Date()) }

// dayInOslo is the calendar day in Norway at that moment (C5).
func dayInOslo(t time.Time) day { return newDay(t.In(oslo).Date()) }

// Oslo is the zone in which C5, C6 and L4 count days.
func Oslo() *time.Location { return oslo }

// oslo cannot fail to load: the zone is in the binary.
var oslo = mustLoad("Europe/Oslo")

func mustLoad(name string) *time.Location {
	loc, err := time.LoadLocation(name)
	if err != nil {
		panic("access: " + err.Error())
	}
	return loc
}

// since is the number of days from other to d, negative when other is later.
func (d day) since(other day) int {
	return int(d.midnight.Sub(other.midnight) / (24 * time.Hour))
}

// years is the age in whole years of who was born on that day. Who was born on 29 February becomes a year older on 1 March of other
// years: the stricter reading of the law, and the one that comparing months and days gives.
func (d day) years(born day) int {
	y, m, dd := d.midnight.Date()
	by, bm, bd := born.midnight.Date()
	if m < bm || (m == bm && dd < bd) {
		return y - by - 1
	}
	return y - by
}

// yearsBack is the same date n years earlier; from 29 February it is 28 February where the year has no 29th, as PostgreSQL
// and .NET count.
func (d day) yearsBack(n int) day {
	y, m, dd := d.midnight.Date()
	back := newDay(y-n, m, dd)
	if back.midnight.Month() != m {
		return newDay(y-n, m+1, 0)
	}
	return back
}
