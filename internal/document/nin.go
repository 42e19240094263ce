package document

import (
	"errors"
	"time"
)

// ErrNIN says that a national identity number cannot be one. It never repeats the number.
var ErrNIN = errors.New("a Norwegian identity number has 11 digits, a date, and two check digits that fit")

// CheckNorwegian validates fødselsnummer and D-nummer by form, date and check digits (P2); identifiers of other authorities pass
// (P1). Synthetic numbers, with 80 (Skatteetaten) or 65 (NHN) added to the month, pass only where synthetic is true: test
// environments.
func CheckNorwegian(p PatientID, synthetic bool) error {
	switch p.Authority {
	case AuthorityFNR:
		return checkNIN(p.Value, 0, synthetic)
	case AuthorityDNR:
		return checkNIN(p.Value, 40, synthetic)
	default:
		return nil
	}
}

// checkNIN wants day offset 0 for a fødselsnummer and 40 for a D-nummer.
func checkNIN(s string, dayOffset int, synthetic bool) error {
	if len(s) != 11 {
		return ErrNIN
	}
	var d [11]int
	for i := range d {
		if s[i] < '0' || s[i] > '9' {
			return ErrNIN
		}
		d[i] = int(s[i] - '0')
	}
	day, month := d[0]*10+d[1]-dayOffset, d[2]*10+d[3]
	switch {
	case synthetic && month > 80:
		month -= 80
	case synthetic && month > 65:
		month -= 65
	}
	if !dateExists(day, month, d[4]*10+d[5]) || !checkDigits(d) {
		return ErrNIN
	}
	return nil
}

// dateExists: the number has two year digits only, so 29 February must exist in one of the centuries in question.
func dateExists(day, month, yy int) bool {
	for _, century := range []int{1800, 1900, 2000} {
		t := time.Date(century+yy, time.Month(month), day, 0, 0, 0, 0, time.UTC)
		if month >= 1 && month <= 12 && t.Day() == day && t.Month() == time.Month(month) {
			return true
		}
	}
	return false
}

// checkDigits are the two modulus-11 digits of Skatteetaten's description. From 2032 other remainders of the first digit become
// valid; until then only 0 is.
func checkDigits(d [11]int) bool {
	sum := func(weights ...int) int {
		s := 0
		for i, w := range weights {
			s += w * d[i]
		}
		return s % 11
	}
	return sum(3, 7, 6, 1, 8, 9, 4, 5, 2, 1) == 0 && sum(5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1) == 0
}
