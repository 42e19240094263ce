package access

import (
	"slices"
	"strings"

	"dokumentlager/internal/fault"
)

// HeaderAccessBasis is where a caller under kjernejournalforskriften says why it may look (C6, R1).
const HeaderAccessBasis = "nhn-access-basis"

// AccessBases are the values the header may have.
func AccessBases() []string {
	return []string{"UNNTAK", "SAMTYKKE", "FORHOYET_SAMTYKKE", "AKUTT", "FORHOYET_AKUTT"}
}

// ScopeForList finds the one basis for a search or for an entry's metadata in the token's scopes. Both at once are refused: the
// answer would not tell which law it was given under (C6).
func ScopeForList(c Caller) (Scope, *fault.Problem) {
	section45, kjernejournal := c.Has(ScopeReadList), c.Has(ScopeReadListKJ)
	switch {
	case section45 && kjernejournal:
		return NoScope, fault.New(fault.AccessDenied, "The token has both %s and %s. Ask for one of them: they are different legal bases.",
			ScopeReadList, ScopeReadListKJ).By("C6")
	case section45:
		return Section45, nil
	case kjernejournal:
		return Kjernejournal, nil
	default:
		return NoScope, fault.New(fault.ScopeMissing, "The token lacks the scope %s or %s.", ScopeReadList, ScopeReadListKJ).By("C6")
	}
}

// ScopeForOpening asks for the scope under which documents are fetched (R2, R4).
func ScopeForOpening(c Caller) (Scope, *fault.Problem) {
	if c.Has(ScopeReadDocument) {
		return Opening, nil
	}
	return NoScope, fault.New(fault.ScopeMissing, "The token lacks the scope %s.", ScopeReadDocument).By("R2")
}

// BasisFor joins the scope with the header's value ("" when there is none). Under every other scope than Kjernejournal the header is
// ignored, as §45 knows no access basis (C6): a system that always sends it gets no more and no less for it, and the audit
// log does not repeat a basis that was not used.
func BasisFor(s Scope, header string) (Basis, *fault.Problem) {
	if s != Kjernejournal {
		return Basis{Scope: s}, nil
	}
	header = strings.TrimSpace(header)
	if !slices.Contains(AccessBases(), header) {
		return Basis{}, fault.New(fault.BadRequest, "Under the scope %s the header %s is required, with one of the values %s.",
			ScopeReadListKJ, HeaderAccessBasis, strings.Join(AccessBases(), ", ")).By("C6")
	}
	return Basis{Scope: Kjernejournal, AccessBasis: header}, nil
}

// policies are what a health worker's assertion says of consent (urn:ihe:iti:xua:2012:acp, OIDs without urn:oid:), as the access bases of C6: no
// consent is needed; given explicitly, also for what is locked; cannot be had; an emergency for all there is; given. An operator for whom these
// codes mean something else says so where assertions are read (saml), and then they come here from nobody.
var policies = map[string]string{
	"2.16.578.1.12.4.1.7.2.1.4": "UNNTAK", "2.16.578.1.12.4.1.7.2.1.5": "FORHOYET_SAMTYKKE", "2.16.578.1.12.4.1.7.2.1.6": "AKUTT",
	"2.16.578.1.12.4.1.7.2.1.7": "FORHOYET_AKUTT", "2.16.578.1.12.4.1.7.2.1.8": "SAMTYKKE",
}

// BasisForPolicy is BasisFor at the SOAP doors, where an assertion's acp says what the header says elsewhere. Without one that means an access
// basis nothing is read under kjernejournalforskriften.
func BasisForPolicy(s Scope, acp string) (Basis, *fault.Problem) {
	if s != Kjernejournal {
		return Basis{Scope: s}, nil
	}
	basis, known := policies[acp]
	if !known {
		return Basis{}, fault.New(fault.AccessDenied, "Under the scope %s the assertion must say in its acp (urn:ihe:iti:xua:2012:acp) on which access basis it is: "+
			"consent, emergency or exception.", ScopeReadListKJ).By("C6")
	}
	return Basis{Scope: Kjernejournal, AccessBasis: basis}, nil
}
