package access

import (
	"strings"

	"dokumentlager/internal/document"
)

// The code systems C2 names: HL7's by OID and by URI, and 9603.
const (
	hl7OID      = "2.16.840.1.113883.5.25"
	hl7URI      = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	nationalOID = "2.16.578.1.12.4.1.1.9603"
)

// bar is the code of 9603 by which the patient bars a document to health personnel.
const bar = "NORS"

// row is a line of C2's table.
type row struct {
	code               string
	systems            []string
	citizen, personnel verdict
}

// c2 is the table of C2. Codes that are not in it have no effect: they neither show an entry nor hide it.
var c2 = []row{
	{"N", []string{hl7OID, hl7URI}, nothingAgainst, nothingAgainst},
	{"R", []string{hl7OID, hl7URI}, verdict{restrictedToList, Show, Deny}, nothingAgainst},
	{"V", []string{hl7OID, hl7URI}, verdict{veryRestricted, Mask, Deny}, nothingAgainst},
	{"NORN_ANG", []string{nationalOID}, verdict{deniedToCitizen, Mask, Deny}, nothingAgainst},
	{bar, []string{nationalOID}, nothingAgainst, verdict{barredToPersonnel, Mask, Deny}},
}

// confidentiality is C1 and C2: the strictest of the entry's codes wins, and an entry of which no code is in the table is a
// mistake that nobody sees.
func (q question) confidentiality() verdict {
	strictest, granted := nothingAgainst, false
	for _, r := range c2 {
		if !q.entry.carries(r.code) {
			continue
		}
		granted = granted || q.entry.carriesIn(r.systems, r.code)
		if v := q.effect(r); v.strictness() > strictest.strictness() {
			strictest = v
		}
	}
	if !granted {
		return refused(noBaseCode)
	}
	return strictest
}

// effect is what a row of C2 does to this caller.
func (q question) effect(r row) verdict {
	switch {
	case !q.personnel():
		return r.citizen
	case r.code == bar && q.breakGlass:
		return nothingAgainst
	default:
		return r.personnel
	}
}

// carries looks for a code whatever system and letter case it came with, because a misspelt NORS must not open a document: D2 lets codes
// of unknown systems in with a warning only.
func (e Entry) carries(code string) bool {
	for _, c := range e.Confidentiality {
		if strings.EqualFold(strings.TrimSpace(c.Value), code) {
			return true
		}
	}
	return false
}

// carriesIn looks for a code in its own system, as granting something needs.
func (e Entry) carriesIn(systems []string, code string) bool {
	for _, c := range e.Confidentiality {
		for _, s := range systems {
			if c.Value == code && document.StripURN(c.System) == s {
				return true
			}
		}
	}
	return false
}
