package access

import (
	"slices"
	"time"
)

// Decide is the one question of this package. The rules are independent of each other; the strictest of their answers wins, for the list
// and for opening apart (C2). now is any zone's time; days are counted in Europe/Oslo.
func (pol Policy) Decide(c Caller, b Basis, p Patient, e Entry, s Sharing, now time.Time) Decision {
	if why := pol.refuses(c); why != noReason {
		return combine([]verdict{refused(why)})
	}
	q := question{caller: c, basis: b, patient: p, entry: e, sharing: s, today: dayInOslo(now), breakGlass: pol.breaksGlass(c)}
	d := combine([]verdict{q.sharedWith(), q.alive(), q.address(), q.age(), q.confidentiality(), q.filter()})
	// Whoever gets past every rule but the filter would have been stopped by NORS.
	d.BreakGlass = q.breakGlass && e.carries(bar) && d.Open == Allow
	if d.BreakGlass && d.Reasons[0] == nothingTaken {
		d.Reasons[0] = barLifted
	}
	return d
}

// refuses says why such a caller reads nothing whatever the entry: machines, nobody, kinds we do not know, and personnel without
// what C3 asks for. The doors have told personnel why already (CheckPersonnel); this is the second lock.
func (pol Policy) refuses(c Caller) Reason {
	switch c.Kind {
	case Personnel:
		return pol.lacking(c)
	case Citizen, Guardian, Proxy:
		return noReason
	default:
		return noReader
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
	// breakGlass says that the caller's purpose lifts NORS.
	breakGlass bool
}

// personnel reports which column of C2 applies; the other kinds that get this far are on the citizen's side.
func (q question) personnel() bool { return q.caller.Kind == Personnel }

// verdict is what one rule lets through; its zero value lets nothing through.
type verdict struct {
	reason Reason
	list   List
	open   Open
}

// nothingAgainst is the verdict of a rule that does not apply.
var nothingAgainst = verdict{list: Show, open: Allow}

func refused(r Reason) verdict { return verdict{reason: r} }

// unlisted is the verdict of a rule about lists alone (C6).
func unlisted(r Reason) verdict { return verdict{reason: r, list: Omit, open: Allow} }

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
	verdicts = slices.DeleteFunc(verdicts, func(v verdict) bool { return v == nothingAgainst })
	slices.SortStableFunc(verdicts, func(a, b verdict) int { return b.strictness() - a.strictness() })
	d := Decision{List: Show, Open: Allow}
	for _, v := range verdicts {
		d.List, d.Open = min(d.List, v.list), min(d.Open, v.open)
		d.Reasons = append(d.Reasons, v.reason)
	}
	if len(d.Reasons) == 0 {
		d.Reasons = []Reason{nothingTaken}
	}
	d.Rules = make([]string, len(d.Reasons))
	for i, r := range d.Reasons {
		d.Rules[i] = r.Rule()
	}
	return d
}

// sharedWith is T5 as C7 reads it.
func (q question) sharedWith() verdict {
	switch {
	case q.personnel() && !q.sharing.Personnel, !q.personnel() && !q.sharing.Citizen:
		return refused(notShared)
	case q.sharing.OwnOrganisationOnly && !(q.personnel() && q.inOwnOrganisation()):
		return refused(otherOrganisation)
	default:
		return nothingAgainst
	}
}

// inOwnOrganisation: an empty number would match an empty owner, so it never counts as one's own.
func (q question) inOwnOrganisation() bool {
	return q.caller.Organisation != "" && slices.Contains(q.entry.OwnerOrganisations, q.caller.Organisation)
}

// servedAfterDeath is how many days after the day of death list and documents are served (L4).
const servedAfterDeath = 30

// alive is L4: for everybody, the citizen's side too.
func (q question) alive() verdict {
	dead := q.patient.DeadSince
	if !dead.IsZero() && q.today.since(dayOf(dead)) > servedAfterDeath {
		return refused(longDead)
	}
	return nothingAgainst
}

// address is L5, which limits personnel only. Without facts the address may be a protected one.
func (q question) address() verdict {
	switch {
	case !q.personnel():
		return nothingAgainst
	case q.patient.AddressProtected:
		return refused(addressProtected)
	case !q.patient.Known:
		return refused(addressUnknown)
	default:
		return nothingAgainst
	}
}
