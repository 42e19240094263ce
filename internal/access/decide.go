package access

import (
	"slices"
	"time"
)

// Decide is the one question of this package. The rules are independent of each other; the strictest of their answers wins, for the list
// and for opening apart (C2). now is any zone's time; days are counted in Europe/Oslo.
func (pol Policy) Decide(c Caller, b Basis, p Patient, e Entry, s Sharing, now time.Time) Decision {
	if pol.refuses(c) {
		return Decision{Rules: []string{"C3"}}
	}
	q := question{caller: c, basis: b, patient: p, entry: e, sharing: s, today: dayInOslo(now)}
	return combine([]verdict{q.sharedWith(), q.alive(), q.address(), q.age(), q.confidentiality(), q.filter()})
}

// refuses says that such a caller reads nothing whatever the entry: machines, nobody, kinds we do not know, and personnel without
// what C3 asks for. The doors have told personnel why already (CheckPersonnel); this is the second lock.
func (pol Policy) refuses(c Caller) bool {
	switch c.Kind {
	case Personnel:
		return pol.CheckPersonnel(c).Refuses()
	case Citizen, Guardian, Proxy:
		return false
	default:
		return true
	}
}

// question is what Decide was asked, so that each rule can be a method that reads like its sentence.
type question struct {
	caller  Caller
	basis   Basis
	patient Patient
	entry   Entry
	sharing Sharing
	today   day
}

// personnel reports which column of C2 applies; the other kinds that get this far are on the citizen's side.
func (q question) personnel() bool { return q.caller.Kind == Personnel }

// verdict is what one rule lets through; its zero value lets nothing through.
type verdict struct {
	rule string
	list List
	open Open
}

// nothingAgainst is the verdict of a rule that does not apply.
var nothingAgainst = verdict{list: Show, open: Allow}

func refused(rule string) verdict { return verdict{rule: rule} }

// strictness orders verdicts for Decision.Rules: denied opening weighs most, then how little the list shows.
func (v verdict) strictness() int {
	taken := int(Show) - int(v.list)
	if v.open == Deny {
		taken += 10
	}
	return taken
}

// combine takes the least that any rule lets through.
func combine(verdicts []verdict) Decision {
	slices.SortStableFunc(verdicts, func(a, b verdict) int { return b.strictness() - a.strictness() })
	d := Decision{List: Show, Open: Allow}
	for _, v := range verdicts {
		d.List, d.Open = min(d.List, v.list), min(d.Open, v.open)
		if v.strictness() > 0 {
			d.Rules = append(d.Rules, v.rule)
		}
	}
	if len(d.Rules) == 0 {
		d.Rules = []string{"C2"}
	}
	return d
}

// sharedWith is T5 as C7 reads it.
func (q question) sharedWith() verdict {
	allowed := q.sharing.Personnel
	switch {
	case !q.personnel():
		allowed = q.sharing.Citizen && !q.sharing.OwnOrganisationOnly
	case q.sharing.OwnOrganisationOnly:
		// An empty number would match an empty owner, so it never counts as one's own.
		own := q.caller.Organisation != "" && slices.Contains(q.entry.OwnerOrganisations, q.caller.Organisation)
		allowed = allowed && own
	}
	if !allowed {
		return refused("C7")
	}
	return nothingAgainst
}

// servedAfterDeath is how many days after the day of death list and documents are served (L4).
const servedAfterDeath = 30

// alive is L4: for everybody, the citizen's side too.
func (q question) alive() verdict {
	dead := q.patient.DeadSince
	if !dead.IsZero() && q.today.since(dayOf(dead)) > servedAfterDeath {
		return refused("L4")
	}
	return nothingAgainst
}

// address is L5, which limits personnel only. Without facts the address may be a protected one.
func (q question) address() verdict {
	if q.personnel() && (q.patient.AddressProtected || !q.patient.Known) {
		return refused("L5")
	}
	return nothingAgainst
}
