package reviewed

import (
	"slices"
	"strings"
)

// answer is what a row ends with.
type answer struct{ list, open, rules string }

// effect is what one rule lets through: nothing of it, or less than all.
type effect struct{ list, open string }

// From the strictest: "How to read the section" knows no access, masked, listed but not openable (R), and omitted from lists only (C6).
var (
	noAccess   = effect{"omit", "deny"}
	masked     = effect{"mask", "deny"}
	metadata   = effect{"show", "deny"}
	omitted    = effect{"omit", "allow"}
	everything = effect{"show", "allow"}
	byStrength = []effect{noAccess, masked, metadata, omitted}
)

// answer asks every rule. Without C3's papers there is no asking. Of rules that are equally strict the one about the whole instance comes before the person's,
// and that before the document's.
func (r row) answer() answer {
	if r.c3() == noAccess {
		return answer{"omit", "deny", "C3"}
	}
	asked := []struct {
		rule string
		effect
	}{{"C7", r.c7()}, {"L4", r.l4()}, {"L5", r.l5()}, {"C5", r.c5()}, {"C1", r.c1()}, {"C2", r.c2()}, {"C6", r.c6()}}
	a, rules := answer{"show", "allow", "C2"}, []string{}
	for _, strength := range byStrength {
		for _, one := range asked {
			if one.effect == strength {
				rules = append(rules, one.rule)
				a.list, a.open = least(a.list, strength.list, "omit mask show"), least(a.open, strength.open, "deny allow")
			}
		}
	}
	if len(rules) > 0 {
		a.rules = strings.Join(rules, "+")
	}
	return a
}

// least is the one of two words that stands first in the order.
func least(a, b, order string) string {
	if strings.Index(order, b) < strings.Index(order, a) {
		return b
	}
	return a
}

// Citizens and who acts for them are "the citizen's side".
func (r row) personnel() bool { return r.caller == "personnel" }

// C3: "Personnel need a personal HelseID token with a valid HPR role and the attest (tillitsrammeverk) that says why. A token without
// them is refused." A machine has no personal token. Roles the national service denies: FB, VE, XX.
func (r row) c3() effect {
	switch {
	case r.caller == "machine":
		return noAccess
	case !r.personnel():
		return everything
	case r.papers != "", r.purpose == "":
		return noAccess
	case r.role == "none", r.role == "FB", r.role == "VE", r.role == "XX", r.role == "LEGE":
		return noAccess
	}
	return everything
}

// C7: "T5 limits who gets anything from an instance at all. 'Own organisation only' means personnel of the owning organisation,
// no citizens."
func (r row) c7() effect {
	switch r.sharing {
	case "p":
		return only(r.personnel())
	case "c":
		return only(!r.personnel())
	case "p+c":
		return everything
	case "own":
		return only(r.personnel() && r.org == "own")
	}
	return noAccess
}

func only(those bool) effect {
	if those {
		return everything
	}
	return noAccess
}

// L4: "list and documents are served for 30 days", "no access (L4 after 30 days)".
func (r row) l4() effect {
	return only(r.dead == "" || written(daysDead, r.dead, r.now) <= 30)
}

// L5: "citizens keep access, personnel lose it from that moment", "Address protection limits personnel only".
func (r row) l5() effect {
	return only(!r.personnel() || r.address == "")
}

// C5: "under 12 a parent with parental responsibility sees list and documents; from 12 to 16 nobody on the citizen side sees anything;
// from 16 to 18 the citizen sees N and R, not V; from 18 on all. Under 16 no own access." "No known birth date: treated as an adult for
// personnel, refused for a citizen who is not the patient." "At 16-18 a V entry is omitted, not masked." "A guardian sees [...]
// nothing from the 12th birthday."
func (r row) c5() effect {
	if r.personnel() {
		return everything
	}
	switch band := written(bands, r.born, r.now); {
	case band == "unknown":
		return only(r.caller == "citizen")
	case r.caller == "guardian":
		return only(band == "0-11")
	case band == "0-11", band == "12-15":
		return noAccess
	case band == "16-17":
		return only(!r.has("V"))
	}
	return everything
}

// C1: "Each entry carries at least one HL7 confidentiality code N, R or V, and may carry codes of 9603." Without one, and without a code of
// 9603 that C2 has a row for, nothing says that anybody may see it.
func (r row) c1() effect {
	return only(r.hl7 != "" || r.has("NORN_ANG") || r.has("NORS"))
}

// c2Table is C2's, "everything masked but the organisation's name" as masked.
var c2Table = []struct {
	code               string
	citizen, personnel effect
}{
	{"N", everything, everything},
	{"R", metadata, everything},
	{"V", masked, everything},
	{"NORN_ANG", masked, everything},
	{"NORS", everything, masked},
}

// C2: the table; "other 9603 codes: no effect"; "one restricting code is enough; with several the strictest wins". Issue 4: "Break-glass
// purposes (ETREAT, BTG) open NORS for personnel only where configuration says so, default off".
func (r row) c2() effect {
	strictest := everything
	for _, line := range c2Table {
		if !r.has(line.code) {
			continue
		}
		got := line.citizen
		if r.personnel() {
			got = line.personnel
		}
		if line.code == "NORS" && r.personnel() && r.setting == "glass" && (r.purpose == "ETREAT" || r.purpose == "BTG") {
			got = everything
		}
		if at := slices.Index(byStrength, got); at >= 0 && (strictest == everything || at < slices.Index(byStrength, strictest)) {
			strictest = got
		}
	}
	return strictest
}

// C6: "Scope read-documentreferences: no access basis, no filter. Scope kjernejournalforskriften: header nhn-access-basis required and the filter: A00-1
// without limit, C00-1 one year, D00-1 five years, E00-1 five years, I00-1 one year, by document creation time; all other classes left
// out." "The kjernejournal filter omits from lists." It is about personnel's scopes.
func (r row) c6() effect {
	scope, basis, _ := strings.Cut(r.scope, "/")
	switch {
	case !r.personnel(), scope == "45":
		return everything
	case scope == "opening":
		return omitted // R2's scope opens documents and lists none
	case !slices.Contains([]string{"UNNTAK", "SAMTYKKE", "FORHOYET_SAMTYKKE", "AKUTT", "FORHOYET_AKUTT"}, basis):
		return noAccess
	}
	age := written(ages, r.created, r.now)
	switch r.class {
	case "", "A00-1":
		return everything
	case "C00-1", "I00-1":
		return listedIf(age == "up to 1")
	case "D00-1", "E00-1":
		return listedIf(age == "up to 1" || age == "up to 5")
	}
	return omitted
}

func listedIf(young bool) effect {
	if young {
		return everything
	}
	return omitted
}

// has looks through both systems' codes.
func (r row) has(code string) bool {
	return slices.Contains(strings.Split(r.hl7, "+"), code) || slices.Contains(strings.Split(r.national, "+"), code)
}
