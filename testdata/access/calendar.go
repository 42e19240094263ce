package reviewed

// What the calendar says, written down by hand: nothing here is computed. A key is a date, a blank, and the cell "now" (empty: 15 June
// 2026, noon in Norway).

// bands are ages in whole years in Norway; "the 12th, 16th and 18th birthday belong to the older band" (C5).
var bands = map[string]string{
	" ":           "unknown",
	"2026-06-15 ": "0-11",  // born today
	"2014-06-16 ": "0-11",  // 12 tomorrow
	"2014-06-15 ": "12-15", // 12 today
	"2010-06-16 ": "12-15", // 16 tomorrow
	"2010-06-15 ": "16-17", // 16 today
	"2008-06-16 ": "16-17", // 18 tomorrow
	"2008-06-15 ": "18-",   // 18 today
	"1969-11-13 ": "18-",

	// A day begins at midnight in Norway: 22:00 UTC in summer, 23:00 UTC in winter.
	"2010-06-15 2026-06-14T21:59:59Z":      "12-15",
	"2010-06-15 2026-06-14T22:00:00Z":      "16-17",
	"2008-01-15 2026-01-14T22:59:59Z":      "16-17",
	"2008-01-15 2026-01-14T23:00:00Z":      "18-",
	"2014-06-15 2026-06-14T23:59:59+02:00": "0-11",
	"2014-06-15 2026-06-15T00:00:00+02:00": "12-15",
	"2014-06-15 2026-06-14T12:00:00-10:00": "12-15", // midnight in Norway
	// The nights when clocks are changed, 29 March and 25 October 2026.
	"2010-03-29 2026-03-28T22:59:59Z": "12-15",
	"2010-03-29 2026-03-28T23:00:00Z": "16-17",
	"2010-10-26 2026-10-25T22:59:59Z": "12-15",
	"2010-10-26 2026-10-25T23:00:00Z": "16-17",
	// Born on 29 February: 12 and 16 on a 29 February, 18 on 1 March.
	"2008-02-29 2020-02-28T12:00:00Z": "0-11",
	"2008-02-29 2020-02-29T12:00:00Z": "12-15",
	"2008-02-29 2024-02-28T12:00:00Z": "12-15",
	"2008-02-29 2024-02-29T12:00:00Z": "16-17",
	"2008-02-29 2026-02-28T12:00:00Z": "16-17",
	"2008-02-29 2026-03-01T12:00:00Z": "18-",
	"2008-02-28 2024-02-29T12:00:00Z": "16-17",
	"2008-03-01 2024-02-29T12:00:00Z": "12-15",

	// Adults of rows about other dates.
	"1969-11-13 2026-06-14T21:30:00Z": "18-",
	"1969-11-13 2026-06-14T22:30:00Z": "18-",
	"1969-11-13 2024-03-30T12:00:00Z": "18-",
	"1969-11-13 2024-03-31T12:00:00Z": "18-",
}

// daysDead are the days from the day of death to today, both in Norway. L4 serves through the 30th.
var daysDead = map[string]int{
	"2026-06-16 ": -1, // as a wrong clock has it
	"2026-06-15 ": 0,
	"2026-05-16 ": 30,
	"2026-05-15 ": 31,
	"2020-01-01 ": 2357,

	"2026-05-15 2026-06-14T21:30:00Z": 30, // half past eleven in the evening of the 14th
	"2026-05-15 2026-06-14T22:30:00Z": 31, // half past midnight on the 15th
	"2024-02-29 2024-03-30T12:00:00Z": 30,
	"2024-02-29 2024-03-31T12:00:00Z": 31,
	"2024-02-28 2024-03-30T12:00:00Z": 31, // over a 29 February
}

// ages are how old a document is today: "up to 1" reaches to the same date a year ago, that day included, and so on.
var ages = map[string]string{
	" ":           "up to 1",
	"2026-06-16 ": "up to 1",
	"2025-06-15 ": "up to 1",
	"2025-06-14 ": "up to 5",
	"2021-06-15 ": "up to 5",
	"2021-06-14 ": "older",
	"1950-01-01 ": "older",

	"2025-06-14T21:59:59Z ": "up to 5", // the last second of the 14th in Norway
	"2025-06-14T22:00:00Z ": "up to 1",

	// From 29 February a year back is 28 February, which counts; to 29 February it is a year on 28 February, no longer on 1 March.
	"2023-02-28 2024-02-29T12:00:00Z": "up to 1",
	"2023-02-27 2024-02-29T12:00:00Z": "up to 5",
	"2024-02-29 2025-02-28T12:00:00Z": "up to 1",
	"2024-02-29 2025-03-01T12:00:00Z": "up to 5",
	"2020-02-29 2025-02-28T12:00:00Z": "up to 5",
	"2020-02-29 2025-03-01T12:00:00Z": "older",
	"2019-02-28 2024-02-29T12:00:00Z": "up to 5",
	"2019-02-27 2024-02-29T12:00:00Z": "older",
}

// written looks up what the calendar says.
func written[T any](calendar map[string]T, date, now string) T {
	value, ok := calendar[date+" "+now]
	if !ok {
		panic("nothing is written down of " + date + " at " + now)
	}
	return value
}
