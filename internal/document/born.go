package document

import (
	"strconv"
	"strings"
	"time"
)

// BirthDate is the date in a fødselsnummer or D-nummer, as midnight UTC, for where no register tells: the number's third part says which
// century it is (Skatteetaten's rule for numbers given before 2032). False for other identifiers and for numbers of no date. Synthetic
// numbers, with 80, 65 or 40 added to the month, have the same dates.
func BirthDate(p PatientID) (time.Time, bool) {
	offset, national := map[string]int{AuthorityFNR: 0, AuthorityDNR: 40}[p.Authority]
	if !national || len(p.Value) != 11 || strings.Trim(p.Value, "0123456789") != "" {
		return time.Time{}, false
	}
	n := func(from, to int) int {
		number, _ := strconv.Atoi(p.Value[from:to])
		return number
	}
	day, month, year := n(0, 2)-offset, n(2, 4), century(n(4, 6), n(6, 9))
	for _, added := range []int{80, 65, 40} {
		if month > added {
			month -= added
			break
		}
	}
	born := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	return born, year > 0 && born.Year() == year && born.Day() == day && int(born.Month()) == month
}

// century completes a year of two digits. Three pairs of spans are in use; a number of none is of no date.
func century(yy, individual int) int {
	switch {
	case individual < 500:
		return 1900 + yy
	case individual < 750 && yy >= 54:
		return 1800 + yy
	case yy < 40:
		return 2000 + yy
	case individual >= 900 && yy >= 40:
		return 1900 + yy
	default:
		return 0
	}
}
