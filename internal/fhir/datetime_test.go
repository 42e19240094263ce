package fhir

import (
	"errors"
	"testing"
	"time"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
)

func TestParseDateTime(t *testing.T) {
	t.Parallel()
	oslo := time.FixedZone("", 3600)
	cases := []struct {
		text      string
		want      time.Time
		precision Precision
		written   string // how FormatDateTime writes it; as it came when empty
	}{
		{"2026", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Year, ""},
		{"2026-03", time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), Month, ""},
		{"2024-02-29", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), Day, ""},
		{"2026-03-10T14:25:18Z", time.Date(2026, 3, 10, 14, 25, 18, 0, time.UTC), Second, ""},
		{"2026-03-10T14:25:18+01:00", time.Date(2026, 3, 10, 14, 25, 18, 0, oslo), Second, ""},
		{"2026-03-10T14:25:18.0428194+01:00", time.Date(2026, 3, 10, 14, 25, 18, 42819400, oslo), Fraction, ""},
		{"2026-03-10T14:25:18.123456789Z", time.Date(2026, 3, 10, 14, 25, 18, 123456789, time.UTC), Fraction, ""},
		{"2026-03-10T14:25:18.1234567899Z", time.Date(2026, 3, 10, 14, 25, 18, 123456789, time.UTC), Fraction, "2026-03-10T14:25:18.123456789Z"},
		{"2026-03-10T14:25:18.500-14:00", time.Date(2026, 3, 10, 14, 25, 18, 5e8, time.FixedZone("", -14*3600)), Fraction, "2026-03-10T14:25:18.5-14:00"},
		{"2016-12-31T23:59:60Z", time.Date(2017, 1, 1, 0, 0, 0, 0, time.UTC), Second, "2017-01-01T00:00:00Z"},
		{"2026-03-10T14:25:18-00:00", time.Date(2026, 3, 10, 14, 25, 18, 0, time.UTC), Second, "2026-03-10T14:25:18Z"},
		{"0001", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), Year, ""},
	}
	for _, c := range cases {
		got, precision, err := ParseDateTime(c.text)
		if err != nil || !got.Equal(c.want) || precision != c.precision {
			t.Errorf("%s = %v, %d, %v", c.text, got, precision, err)
		}
		if c.written == "" {
			c.written = c.text
		}
		if written := FormatDateTime(got, precision); written != c.written {
			t.Errorf("%s is written %s", c.text, written)
		}
	}
}

func TestParseDateTimeRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "26", "02026", "0000", "0000-01-01", "2026-13", "2026-00", "2026-02-30", "2026-3-1", "2026-03-10 ", " 2026", "２０２６", "20260310",
		"2026-03-10T", "2026-03-10T14Z", "2026-03-10T14:25Z", "2026-03-10T14:25:18", "2026-03-10T7:25:18Z", "2026-03-10 14:25:18Z",
		"2026-03-10t14:25:18z", "2026-03-10T24:00:00Z", "2026-03-10T14:60:00Z", "2026-03-10T14:25:61Z", "2026-03-10T14:25:18,5Z",
		"2026-03-10T14:25:18.Z", "2026-03-10T14:25:185Z", "2026-03-10T14:25:18+0100", "2026-03-10T14:25:18+14:01", "2026-03-10T14:25:18+01:60",
		"2026-03-10T14:25:18+15:00", "2026-03-10T14:25:18Z0", "2026-03-10T14:25:18ZZ", "2026-02-30T14:25:18Z", "2026-03-10T14:25:18+01:00:00", "-026",
	} {
		_, _, err := ParseDateTime(text)
		var p *fault.Problem
		if !errors.As(err, &p) || p.Safe == "" || p.Code != fault.MetadataError {
			t.Errorf("%q: err = %v", text, err)
		}
	}
}

// FuzzParseDateTime: what is read is read the same again after it was written.
func FuzzParseDateTime(f *testing.F) {
	for _, seed := range []string{"2026", "2026-03", "2026-03-10", "2026-03-10T14:25:18.0428194+01:00", "2016-12-31T23:59:60Z", "2026-03-10T14:25:18-00:00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		defer fuzztest.InTime(t)()
		first, precision, err := ParseDateTime(text)
		if err != nil {
			return
		}
		if first.UTC().Year() > 9999 || first.Year() > 9999 {
			return // 9999-12-31T23:59:60 is after the last year that can be written
		}
		written := FormatDateTime(first, precision)
		again, same, err := ParseDateTime(written)
		if precision == Fraction && first.Nanosecond() == 0 {
			same = Fraction // ".000" is written without digits
		}
		if err != nil || !again.Equal(first) || same != precision {
			t.Errorf("%q is read as %v, written %q, read as %v (%v)", text, first, written, again, err)
		}
	})
}
