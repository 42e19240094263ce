package document

import "time"

// Precision is how much of a time its source gave, in digits of an XDS DTM: 4 (year), 6, 8, 10, 12 or 14 (second); 17 with
// fractions.
type Precision int

// The precisions that FHIR and DTM have in common.
const (
	Year   Precision = 4
	Month  Precision = 6
	Day    Precision = 8
	Minute Precision = 12
	Second Precision = 14
	Milli  Precision = 17
)

// Time is a point in time and the precision it was given with; XDS has it in UTC.
type Time struct {
	At        time.Time
	Precision Precision
}

// IsZero reports whether no time was given.
func (t Time) IsZero() bool { return t.At.IsZero() }

// DTM is the HL7 form YYYY[MM[DD[hhmm[ss]]]] in UTC.
func (t Time) DTM() string {
	if t.IsZero() {
		return ""
	}
	p := min(t.Precision, Second)
	return t.At.UTC().Format("20060102150405"[:p])
}
