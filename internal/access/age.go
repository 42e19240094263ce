package access

// The birthdays at which C5 changes; each belongs to the older band.
const (
	youthAge  = 12
	ownAccess = 16
	adultAge  = 18
)

// age is C5. It limits the citizen's side only. A Citizen is the patient himself: the door that reads the assertion makes whoever
// acts for another a Guardian or a Proxy.
func (q question) age() verdict {
	switch {
	case q.personnel():
		return nothingAgainst
	case !q.patient.Known:
		return refused(factsUnknown)
	case q.patient.BirthDate.IsZero():
		return q.ageUnknown()
	default:
		return q.ageBand(q.today.years(dayOf(q.patient.BirthDate)))
	}
}

// ageUnknown: without a birth date only the patient himself is let in.
func (q question) ageUnknown() verdict {
	if q.caller.Kind == Citizen {
		return nothingAgainst
	}
	return refused(birthUnknown)
}

// ageBand is the table of C5: a guardian until the 12th birthday, nobody until the 16th, then the citizen or who has the citizen's
// power of attorney. From 16 to 18 a V entry is omitted, where C2 would only mask it.
func (q question) ageBand(years int) verdict {
	guardian := q.caller.Kind == Guardian
	switch {
	case guardian && years < youthAge:
		return nothingAgainst
	case guardian:
		return refused(guardianship)
	case years < ownAccess:
		return refused(childhood)
	case years < adultAge && q.entry.carries("V"):
		return refused(youth)
	default:
		return nothingAgainst
	}
}
