package reviewed

import (
	"maps"
	"slices"
	"strings"
)

// The values of each dimension.
var (
	base      = []string{"N", "R", "V"}
	effective = []string{"", "NORN_ANG", "NORS", "NORN_ANG+NORS", "NORN_DUP"}
	addresses = []string{"", "F", "S"}
	sharings  = []string{"p", "c", "p+c", "own", "none"}
	births    = []string{"2026-06-15", "2014-06-16", "2014-06-15", "2010-06-16", "2010-06-15", "2008-06-16", "2008-06-15", "1969-11-13", ""}
	purposes  = []string{"TREAT", "ETREAT", "BTG"}
	orgs      = []string{"", "own"}
	classes   = []string{"", "A00-1", "B00-1", "C00-1", "D00-1", "E00-1", "F00-1", "I00-1", "J00-1", "S00-1"}
	scopes    = []string{"45", "opening", "kj/UNNTAK", "kj/SAMTYKKE", "kj/FORHOYET_SAMTYKKE", "kj/AKUTT", "kj/FORHOYET_AKUTT", "kj/", "kj/samtykke"}
	roles     = strings.Fields("AA AT AU BI ET FA1 FA2 FB FO FT HE HF HP JO KE KI LE MT NP OA OI OP OR OS PE PM PS RA SP TH TL TP TT VE VP XX none LEGE")
	codes9603 = strings.Fields("N NORN_ALL NORN_ANG NORN_DUP NORN_EPO NORN_FFH NORN_FFL NORN_FOR NORN_FORANS NORN_FPB NORN_KUT NORN_UNGDOM NORS NORU")
)

// The callers, each in the ordinary case: whom tests of other dimensions start from.
var (
	doctor  = row{caller: "personnel", purpose: "TREAT", hl7: "N", born: "1969-11-13", sharing: "p+c", scope: "45"}
	machine = row{caller: "machine", hl7: "N", born: "1969-11-13", sharing: "p+c", scope: "45"}
	patient = row{caller: "citizen", hl7: "N", born: "1969-11-13", sharing: "p+c"}
	youth   = row{caller: "citizen", hl7: "N", born: "2010-06-15", sharing: "p+c"}
	parent  = row{caller: "guardian", hl7: "N", born: "2014-06-16", sharing: "p+c"}
	proxy   = row{caller: "proxy", hl7: "N", born: "1969-11-13", sharing: "p+c"}
	callers = []row{doctor, machine, patient, youth, parent, proxy}
)

func rows() []row {
	return slices.Concat(codes(), baseless(), personnel(), glass(), citizens(), machines(), deaths(), filter(), papers(), moments())
}

// codes: each of 9603 alone and in pairs, beside each of HL7's.
func codes() []row {
	sets := append([]string{""}, codes9603...)
	for i, a := range codes9603 {
		for _, b := range codes9603[i+1:] {
			sets = append(sets, a+"+"+b)
		}
	}
	return vary(vary(callers, base, setHL7), sets, setNational)
}

// baseless: several of HL7's codes, and none.
func baseless() []row {
	sets := append([]string{"", "NORN_ANG+NORS", "NORN_DUP+NORU"}, codes9603...)
	return vary(vary(callers, []string{"", "N+R", "N+V", "R+V", "N+R+V"}, setHL7), sets, setNational)
}

func personnel() []row {
	out := vary(vary(vary([]row{doctor}, purposes, setPurpose), orgs, setOrg), base, setHL7)
	out = vary(vary(out, effective, setNational), []string{"2014-06-16", "2014-06-15", "2010-06-15", "1969-11-13", ""}, setBorn)
	return vary(vary(out, addresses, setAddress), sharings, setSharing)
}

// glass: the same where configuration lets emergencies open what is barred.
func glass() []row {
	d := doctor
	d.setting = "glass"
	out := vary(vary(vary([]row{d}, purposes, setPurpose), orgs, setOrg), base, setHL7)
	out = vary(vary(out, effective, setNational), []string{"45", "opening", "kj/AKUTT"}, setScope)
	return vary(vary(out, []string{"", "F"}, setAddress), []string{"p", "own"}, setSharing)
}

func citizens() []row {
	out := vary(vary(vary([]row{patient, parent, proxy}, base, setHL7), effective, setNational), births, setBorn)
	return vary(vary(out, addresses, setAddress), sharings, setSharing)
}

func machines() []row {
	out := vary(vary(vary([]row{machine}, base, setHL7), effective, setNational), addresses, setAddress)
	return vary(vary(out, sharings, setSharing), []string{"", "TREAT"}, setPurpose)
}

func deaths() []row {
	out := vary(callers, []string{"2026-06-16", "2026-06-15", "2026-05-16", "2026-05-15", "2020-01-01"}, setDead)
	return vary(vary(vary(out, base, setHL7), effective, setNational), []string{"", "S"}, setAddress)
}

func filter() []row {
	created := []string{"", "2026-06-16", "2025-06-15", "2025-06-14", "2021-06-15", "2021-06-14", "1950-01-01", "2025-06-14T21:59:59Z", "2025-06-14T22:00:00Z"}
	out := vary(vary(vary([]row{doctor}, classes, setClass), created, setCreated), scopes, setScope)
	return append(vary(out, []string{"", "NORS"}, setNational), vary(vary([]row{patient}, classes, setClass), created, setCreated)...)
}

func papers() []row {
	out := vary(vary([]row{doctor}, roles, setRole), append([]string{""}, purposes...), setPurpose)
	lacking := vary([]row{doctor}, []string{"no hpr", "level 3", "no attest", "nothing"}, func(r *row, v string) { r.papers = v })
	return append(vary(out, base, setHL7), vary(vary(lacking, purposes, setPurpose), base, setHL7)...)
}

// moments: every date and time that the calendar has beside a "now" of its own.
func moments() (out []row) {
	for _, key := range slices.Sorted(maps.Keys(bands)) {
		born, now, _ := strings.Cut(key, " ")
		for _, r := range []row{doctor, patient, parent, proxy} {
			r.born, r.now = born, now
			out = append(out, vary([]row{r}, base, setHL7)...)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(daysDead)) {
		for _, r := range []row{doctor, patient} {
			r.dead, r.now, _ = strings.Cut(key, " ")
			out = append(out, r)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(ages)) {
		r := doctor
		r.scope = "kj/SAMTYKKE"
		r.created, r.now, _ = strings.Cut(key, " ")
		out = append(out, vary([]row{r}, classes, setClass)...)
	}
	return out
}

// vary makes of every row one with each of the values.
func vary(rows []row, values []string, set func(*row, string)) (out []row) {
	for _, r := range rows {
		for _, v := range values {
			set(&r, v)
			out = append(out, r)
		}
	}
	return out
}

func setPurpose(r *row, v string)  { r.purpose = v }
func setRole(r *row, v string)     { r.role = v }
func setOrg(r *row, v string)      { r.org = v }
func setHL7(r *row, v string)      { r.hl7 = v }
func setNational(r *row, v string) { r.national = v }
func setBorn(r *row, v string)     { r.born = v }
func setAddress(r *row, v string)  { r.address = v }
func setDead(r *row, v string)     { r.dead = v }
func setSharing(r *row, v string)  { r.sharing = v }
func setScope(r *row, v string)    { r.scope = v }
func setClass(r *row, v string)    { r.class = v }
func setCreated(r *row, v string)  { r.created = v }
