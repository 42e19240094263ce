// Package reviewed makes testdata/access.csv: who sees what, row by row.
//
// It is the second of two implementations of section C of spec/business-rules.md, written from the text of the rules as plainly as
// can be, and promises to know nothing of the first: it imports nothing of ours, counts no days (whoever wrote a date here wrote beside it
// what the calendar says), and has one function for each rule. internal/access reads the file and must agree with every row.
// docs/access-review.md has the rows that people checked against the rules' text.
package reviewed

import (
	"encoding/csv"
	"io"
	"slices"
	"strings"
)

// header stands at the file's top.
const header = `# Who sees what: every row is one question and what sections C and L of the business rules answer. Made by testdata/access, checked by
# internal/access; docs/access-review.md proves rows by hand. Do not edit: go test ./internal/access -run TestReviewedTable -update
# caller   personnel, citizen (the patient), guardian (a parent), proxy (holder of a power of attorney), machine
# role     of 9060; empty: LE                papers    what a personal token lacks; empty: nothing
# purpose  of the attest                     setting   glass: ETREAT and BTG open NORS; empty: nothing does
# org      own: of the owner; empty: another hl7, no9603  the entry's codes of the two systems, joined by +
# born     empty: not known                  address   F fortrolig, S strengt fortrolig; empty: normal
# dead     day of death; empty: alive        sharing   p personnel, c citizens, own: own organisation only, none
# scope    45, kj/<access basis>, opening    class, created  of the document; empty: A00-1, 2026-05-15
# now      empty: 2026-06-15T10:00:00Z       list, open, rules  the answer; rules the strictest first
`

// row is one question. Its fields are the file's cells.
type row struct {
	caller, role, papers, purpose, setting, org string
	hl7, national                               string
	born, address, dead                         string
	sharing, scope, class, created, now         string
}

func (r row) cells() []string {
	a := r.answer()
	return []string{r.caller, r.role, r.papers, r.purpose, r.setting, r.org, r.hl7, r.national, r.born, r.address, r.dead,
		r.sharing, r.scope, r.class, r.created, r.now, a.list, a.open, a.rules}
}

// Columns are the names of the cells.
func Columns() []string {
	return strings.Split("caller role papers purpose setting org hl7 no9603 born address dead sharing scope class created now list open rules", " ")
}

// Write writes the whole file, the rows in order and each once.
func Write(w io.Writer) error {
	if _, err := io.WriteString(w, header); err != nil {
		return err
	}
	var lines [][]string
	for _, r := range rows() {
		lines = append(lines, r.cells())
	}
	slices.SortFunc(lines, slices.Compare)
	lines = slices.CompactFunc(lines, slices.Equal)
	out := csv.NewWriter(w)
	if err := out.Write(Columns()); err != nil {
		return err
	}
	return out.WriteAll(lines)
}
