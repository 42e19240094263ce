package access

import (
	"maps"
	"slices"

	"dokumentlager/internal/document"
)

// documentTypes is 9602, the system of the classes that C6 names.
const documentTypes = "2.16.578.1.12.4.1.1.9602"

// unlimited is a period without end.
const unlimited = 0

// periods are C6's: class code of 9602 to years since creation. Classes that are not in it are left out.
var periods = map[string]int{"A00-1": unlimited, "C00-1": 1, "D00-1": 5, "E00-1": 5, "I00-1": 1}

// Classes are those that a list under this basis may have, in the form they are registered in; nil where none is left out. A store that is asked
// for no others spares reading what C6 would leave out of the list again.
func (b Basis) Classes() []document.Code {
	if b.Scope != Kjernejournal {
		return nil
	}
	var named []document.Code
	for _, class := range slices.Sorted(maps.Keys(periods)) {
		named = append(named, document.Code{Value: class, System: documentTypes})
	}
	return named
}

// filter is C6: §45 sees everything, kjernejournalforskriften a part, and the filter is about lists only. The citizen's side reads
// under neither.
func (q question) filter() verdict {
	switch {
	case !q.personnel(), q.basis.Scope == Section45:
		return nothingAgainst
	case q.basis.Scope == Opening:
		return unlisted(openingOnly)
	case q.basis.Scope == Kjernejournal && slices.Contains(AccessBases(), q.basis.AccessBasis):
		return q.withinPeriod()
	default:
		return refused(basisLacking)
	}
}

// withinPeriod omits classes that are not named and documents from before the day that lies the class's years back from today.
func (q question) withinPeriod() verdict {
	years, named := periods[q.entry.Class.Value]
	named = named && document.StripURN(q.entry.Class.System) == documentTypes
	recent := years == unlimited || q.today.yearsBack(years).since(dayInOslo(q.entry.Creation)) <= 0
	switch {
	case !named:
		return unlisted(classLeftOut)
	case !recent:
		return unlisted(tooOld)
	default:
		return nothingAgainst
	}
}
