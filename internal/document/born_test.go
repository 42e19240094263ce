package document

import "testing"

// TestBirthDate (C5): the third part of the number tells the century, and what has no date has none.
func TestBirthDate(t *testing.T) {
	t.Parallel()
	for number, want := range map[string]string{
		"13116900216": "1969-11-13", "60917301126": "", "17855599120": "1955-05-17", "29698496140": "1984-04-29",
		"01015449900": "1954-01-01", "01015450000": "1854-01-01", "01015474900": "1854-01-01", "01015475000": "", "01014090000": "1940-01-01", "01013990000": "2039-01-01",
		"01010050000": "2000-01-01", "29020049900": "", "29020050000": "2000-02-29", "30020050000": "", "01130000000": "", "0101005000x": "", "010100": "",
		"-1010050000": "", "01411050000": "2010-01-01",
	} {
		born, ok := BirthDate(PatientID{Value: number, Authority: AuthorityFNR})
		if got := born.Format("2006-01-02"); ok != (want != "") || ok && got != want {
			t.Errorf("%s: %s %t, want %q", number, got, ok, want)
		}
	}
	if born, ok := BirthDate(PatientID{Value: "41010050000", Authority: AuthorityDNR}); !ok || born.Year() != 2000 || born.Day() != 1 {
		t.Errorf("D-nummer: %s %t", born, ok)
	}
	if _, ok := BirthDate(PatientID{Value: "01010050000", Authority: "1.2.3"}); ok {
		t.Error("a local number told a date")
	}
}
