package rest

import (
	"strings"
	"time"

	"dokumentlager/internal/criteria"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fhir"
)

// precisions maps FHIR's to the model's.
var precisions = map[fhir.Precision]document.Precision{
	fhir.Year: document.Year, fhir.Month: document.Month, fhir.Day: document.Day, fhir.Second: document.Second, fhir.Fraction: document.Milli,
}

// TimeOf reads a FHIR dateTime as the registry keeps times, in UTC, microseconds, and with what precision it came.
func TimeOf(s string) (document.Time, error) {
	at, precision, err := fhir.ParseDateTime(s)
	if err != nil {
		return document.Time{}, err
	}
	return document.Time{At: at.UTC().Truncate(time.Microsecond), Precision: precisions[precision]}, nil
}

// DateTime gives a time back with the precision it came with, in UTC.
func DateTime(t document.Time) string {
	if t.IsZero() {
		return ""
	}
	for f, p := range precisions {
		if p == t.Precision {
			return fhir.FormatDateTime(t.At.UTC(), f)
		}
	}
	return fhir.FormatDateTime(t.At.UTC(), fhir.Second)
}

// ReadDate reads prefix and date of a search at FHIR's precisions: a date without time is the whole day, a month the whole month.
func ReadDate(value string) (criteria.Date, bool) {
	d := criteria.Date{How: criteria.Equal}
	if len(value) > 2 && strings.Contains("eq ne ge gt le lt sa eb ", value[:2]+" ") {
		d.How, value = criteria.Compare(value[:2]), value[2:]
	}
	// A form turns the + of an offset into a space unless it was escaped; no other space can stand in a date.
	at, err := TimeOf(strings.ReplaceAll(value, " ", "+"))
	if err != nil {
		return criteria.Date{}, false
	}
	d.Span = criteria.SpanOf(at)
	return d, true
}

// ReadToken reads code, system|code, |code and system|.
func ReadToken(value string) (criteria.Token, bool) {
	parts := Split(value, '|')
	switch len(parts) {
	case 1:
		return criteria.Token{Value: Unescape(parts[0]), AnySystem: true}, parts[0] != ""
	case 2:
		return criteria.Token{System: Unescape(parts[0]), Value: Unescape(parts[1])}, parts[0] != "" || parts[1] != ""
	default:
		return criteria.Token{}, false
	}
}

// Split cuts at a separator that no backslash stands before (hl7.org/fhir/R4/search.html#escaping).
func Split(s string, at byte) (parts []string) {
	from := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case at:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	return append(parts, s[from:])
}

var escapes = strings.NewReplacer(`\\`, `\`, `\,`, `,`, `\|`, `|`, `\$`, `$`)

// Unescape takes the backslashes away.
func Unescape(s string) string { return escapes.Replace(s) }
