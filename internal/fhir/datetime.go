package fhir

import (
	"strings"
	"time"

	"dokumentlager/internal/fault"
)

// Precision is how exactly a FHIR dateTime was told.
type Precision uint8

// The precisions of FHIR's date, dateTime and instant. FHIR has no hour or minute alone.
const (
	Year Precision = iota + 1
	Month
	Day
	Second
	Fraction
)

// The layouts of package time, which are FHIR's too once the shape has been checked: time.Parse alone would take "7:04" for an
// hour and a comma before the fraction.
const (
	yearLayout   = "2006"
	monthLayout  = "2006-01"
	dayLayout    = "2006-01-02"
	secondLayout = "2006-01-02T15:04:05"
)

// ParseDateTime reads FHIR's date, dateTime or instant (hl7.org/fhir/R4/datatypes.html#dateTime). A time needs its seconds and its
// offset, as FHIR says; digits past the nanosecond are dropped; second 60 is the next second. A date without time is
// midnight UTC. The error is a fault.Problem without location.
func ParseDateTime(s string) (time.Time, Precision, error) {
	layout, precision := yearLayout, Year
	switch {
	case shapeOf(s) == "0000":
	case shapeOf(s) == "0000-00":
		layout, precision = monthLayout, Month
	case shapeOf(s) == "0000-00-00":
		layout, precision = dayLayout, Day
	default:
		return parseTime(s)
	}
	t, err := time.Parse(layout, s)
	if err != nil || t.Year() == 0 {
		return time.Time{}, 0, badDateTime("There is no such date; FHIR writes YYYY, YYYY-MM or YYYY-MM-DD.", err)
	}
	return t, precision, nil
}

// parseTime reads the forms that have a time of day.
func parseTime(s string) (time.Time, Precision, error) {
	if len(s) < len(secondLayout) || shapeOf(s[:len(secondLayout)]) != "0000-00-00T00:00:00" {
		return time.Time{}, 0, badDateTime("This is not a FHIR dateTime such as 2026-03-10T14:25:18+01:00 or 2026-03-10; a time needs its seconds.", nil)
	}
	seconds, rest := s[:len(secondLayout)], s[len(secondLayout):]
	precision, zone := Second, strings.TrimLeft(strings.TrimPrefix(rest, "."), "0123456789")
	if strings.HasPrefix(rest, ".") {
		precision = Fraction
		if len(rest)-len(zone) < 2 {
			return time.Time{}, 0, badDateTime("The seconds end with a point and no digits.", nil)
		}
	} else if rest != zone {
		return time.Time{}, 0, badDateTime("The seconds have more than two digits.", nil)
	}
	if !offsetOK(zone) {
		return time.Time{}, 0, badDateTime("A time needs its offset from UTC at its end, as Z or +01:00, at most 14:00.", nil)
	}
	var leap time.Duration
	if strings.HasSuffix(seconds, ":60") {
		seconds, leap = strings.TrimSuffix(seconds, "60")+"59", time.Second
	}
	t, err := time.Parse(secondLayout+"Z07:00", seconds+rest)
	if err != nil || t.Year() == 0 {
		return time.Time{}, 0, badDateTime("There is no such date or time of day.", err)
	}
	return t.Add(leap), precision, nil
}

// offsetOK reports whether the text is Z or ±hh:mm up to 14:00.
func offsetOK(zone string) bool {
	if zone == "Z" {
		return true
	}
	if shape := shapeOf(zone); shape != "+00:00" && shape != "-00:00" {
		return false
	}
	return zone[1:] <= "14:00" && zone[4] <= '5'
}

// shapeOf is the text with every digit as 0, cut where no form of ours is longer.
func shapeOf(s string) string {
	const longest = len(secondLayout) + 1
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return '0'
		}
		return r
	}, s[:min(len(s), longest)])
}

// badDateTime does not repeat the text, which may be a birth date.
func badDateTime(safe string, cause error) error {
	return fault.New(fault.MetadataError, "%s", safe).Because(cause)
}

// FormatDateTime writes a time as exactly as told, in its own offset; a Fraction has as many digits as it needs.
func FormatDateTime(t time.Time, precision Precision) string {
	switch precision {
	case Year:
		return t.Format(yearLayout)
	case Month:
		return t.Format(monthLayout)
	case Day:
		return t.Format(dayLayout)
	case Second:
		return t.Format(time.RFC3339)
	default:
		return t.Format(time.RFC3339Nano)
	}
}
