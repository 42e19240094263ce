package obs

import (
	"strings"
	"unicode"
)

// LineMost bounds what is kept of a caller's own text, in bytes.
const LineMost = 200

// OneLine is a caller's own text as it is kept in events: bounded, and without what could break a line of a list.
func OneLine(text string) string {
	s := strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(text, "")))
	if len(s) > LineMost {
		s = strings.ToValidUTF8(s[:LineMost], "")
	}
	return s
}
