package access

// Reason is one thing that decided: a rule, and which of its clauses. Decision.Explain has the words for it.
type Reason uint8

// The reasons, in the order of their rules. The zero value is no reason at all.
const (
	noReason Reason = iota
	noBaseCode
	nothingTaken
	restrictedToList
	veryRestricted
	deniedToCitizen
	barredToPersonnel
	barLifted
	noReader
	papersLacking
	roleRefused
	factsUnknown
	birthUnknown
	guardianship
	childhood
	youth
	basisLacking
	openingOnly
	classLeftOut
	tooOld
	notShared
	otherOrganisation
	longDead
	addressProtected
	addressUnknown
)

// Rule is the id that docs/rules.md leads on from.
func (r Reason) Rule() string { return r.said().rule }

// said never fails: what is no reason of ours is told as the strictest of them.
func (r Reason) said() saying {
	if int(r) < len(sayings) && sayings[r].rule != "" {
		return sayings[r]
	}
	return sayings[noReader]
}
