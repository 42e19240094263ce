// Package access decides who sees what: one caller, one patient, one entry, one answer, and the rules that gave it.
//
// It promises rules C1-C8, L4, L5 and T5 of spec/business-rules.md as a pure function: no I/O, no clock, the same answer
// for the same facts. It denies by default: the zero value of every type here leads to an entry that is neither listed nor opened,
// and so does a caller of a kind it does not know. Every door asks through `disclosure`; nobody else has an opinion.
package access

import (
	"time"

	"dokumentlager/internal/document"
)

// List is how an entry stands in a caller's list.
type List uint8

// From strictest to mildest; the zero value omits. Mask lists the entry without its content: only the organisation shows (C2).
const (
	Omit List = iota
	Mask
	Show
)

// String is the simulator's and the audit log's word.
func (l List) String() string {
	switch l {
	case Show:
		return "show"
	case Mask:
		return "mask"
	default:
		return "omit"
	}
}

// Open is whether the document itself may be fetched.
type Open uint8

// The zero value denies.
const (
	Deny Open = iota
	Allow
)

// String is the simulator's and the audit log's word.
func (o Open) String() string {
	if o == Allow {
		return "allow"
	}
	return "deny"
}

// Decision is the answer for one entry.
type Decision struct {
	List List
	Open Open
	// Rules are the ids that took something away, the strictest first; [C2] when nothing did.
	Rules []string
	// Reasons say which clause of each of Rules it was, in the same order.
	Reasons []Reason
	// BreakGlass says that the document can be opened only because the purpose lifted NORS (Policy.BreakGlass): audit marks it.
	BreakGlass bool
}

// Sharing is what a tenant lets out at all (T5, C7). OwnOrganisationOnly narrows Personnel to the owner's and shuts citizens out.
type Sharing struct {
	Personnel, Citizen  bool
	OwnOrganisationOnly bool
}

// Entry is what the rules need to know of a document entry.
type Entry struct {
	Confidentiality []document.Code
	Class           document.Code
	// Creation is the document's creationTime; C6 counts its periods from here.
	Creation time.Time
	// OwnerOrganisations are the organisation numbers whose instance the entry is in (T1, T3).
	OwnerOrganisations []string
}

// Patient is what the rules need to know of a person.
type Patient struct {
	// BirthDate and DeadSince are dates: their calendar day in their own location counts, zero means none is known.
	BirthDate, DeadSince time.Time
	// AddressProtected is fortrolig or strengt fortrolig (L5).
	AddressProtected bool
	// Known says that the facts were asked for and answered, be it with "nothing known" (a foreign identifier, P1). While it
	// is false nobody gets anything: an address might be protected.
	Known bool
}

// Scope is the legal basis a caller's token gives for the request (C6).
type Scope uint8

// The bases. Opening is the scope of R2 alone: it opens documents and lists nothing.
const (
	NoScope Scope = iota
	Section45
	Kjernejournal
	Opening
)

// Basis is the scope with the access basis that kjernejournalforskriften asks for; BasisFor makes it.
type Basis struct {
	Scope Scope
	// AccessBasis is one of AccessBases under Kjernejournal, empty otherwise.
	AccessBasis string
}
