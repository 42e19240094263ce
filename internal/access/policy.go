package access

import (
	"slices"
	"strings"

	"dokumentlager/internal/fault"
)

// Policy is the part of C2 and C3 that is data: which roles of 9060 may read, and which purposes open what is barred. The zero value
// allows none.
type Policy struct {
	// Roles may read, unless DeniedRoles names them too.
	Roles, DeniedRoles []string
	// BreakGlass are the purposes of the attest that open a document barred with NORS to personnel: some of BreakGlassPurposes, or
	// none, as C2 has it. Others are ignored: a slip of configuration must not let everyday treatment past the bar.
	BreakGlass []string
}

// BreakGlassPurposes are the purposes of emergency that Policy.BreakGlass may name: emergency treatment and break the glass.
func BreakGlassPurposes() []string { return []string{"ETREAT", "BTG"} }

// breaksGlass reports whether the caller's purpose lifts NORS.
func (pol Policy) breaksGlass(c Caller) bool {
	return c.Kind == Personnel && slices.Contains(BreakGlassPurposes(), c.Purpose) && slices.Contains(pol.BreakGlass, c.Purpose)
}

// DefaultPolicy allows every role of 9060 but those the national service denies: FB (fish health biologist), VE (veterinary) and XX
// (unknown), nhn.md (c). The service's own allow-list LE, SP, PS would shut out midwives, pharmacists and ambulance
// workers, whom C3 lets in with "a valid HPR role"; whoever wants it narrower configures Roles.
func DefaultPolicy() Policy {
	return Policy{
		Roles: []string{
			"AA", "AT", "AU", "BI", "ET", "FA1", "FA2", "FO", "FT", "HE", "HF", "HP", "JO", "KE", "KI", "LE", "MT", "NP", "OA", "OI",
			"OP", "OR", "OS", "PE", "PM", "PS", "RA", "SP", "TH", "TL", "TP", "TT", "VP",
		},
		DeniedRoles: []string{"FB", "VE", "XX"},
	}
}

// requiredLevel is the identity assurance that a personal token must have (C3, nhn.md (c)).
const requiredLevel = 4

// CheckPersonnel is C3: it names everything that a personal token lacks for reading, all at once (W6), empty when nothing. The texts are
// for the developer of the calling system: they name claims, never their values.
func (pol Policy) CheckPersonnel(c Caller) fault.Problems {
	var ps fault.Problems
	if c.Kind != Personnel {
		ps.Add(lacks("Only health personnel read here: send a personal token, not a %s token.", c.Kind))
		return ps
	}
	if strings.TrimSpace(c.HPR) == "" {
		ps.Add(lacks("The token has no HPR number (helseid://claims/hpr/hpr_number, or practitioner.hpr_nr of the attest)."))
	}
	if c.SecurityLevel < requiredLevel {
		ps.Add(lacks("The user was identified at security level %d; %d is needed (helseid://claims/identity/security_level).",
			c.SecurityLevel, requiredLevel))
	}
	ps.Add(checkAttest(c)...)
	ps.Add(pol.checkRole(c.Role))
	return ps
}

// lacking is CheckPersonnel as one reason: the role only where nothing else is wrong.
func (pol Policy) lacking(c Caller) Reason {
	switch ps := pol.CheckPersonnel(c); {
	case !ps.Refuses():
		return noReason
	case len(ps) == 1 && strings.TrimSpace(c.Role) != "" && pol.denies(c.Role):
		return roleRefused
	default:
		return papersLacking
	}
}

// checkAttest: the attest says why the record is read; without a purpose it says nothing.
func checkAttest(c Caller) fault.Problems {
	var ps fault.Problems
	if !c.Attest {
		ps.Add(lacks("The token has no attest (nhn:tillitsrammeverk:parameters): ask HelseID for it in the client assertion."))
	}
	if strings.TrimSpace(c.Purpose) == "" {
		ps.Add(lacks("The attest names no purpose (care_relationship.purpose_of_use.code)."))
	}
	return ps
}

// checkRole: a denied role is refused also when it is among the allowed.
func (pol Policy) checkRole(role string) *fault.Problem {
	switch {
	case strings.TrimSpace(role) == "":
		return lacks("The attest names no role (practitioner.authorization.code, a code of 9060).")
	case pol.denies(role):
		return lacks("Health personnel with this role may not read (practitioner.authorization.code, a code of 9060).")
	default:
		return nil
	}
}

func (pol Policy) denies(role string) bool {
	return slices.Contains(pol.DeniedRoles, role) || !slices.Contains(pol.Roles, role)
}

func lacks(text string, args ...any) *fault.Problem {
	return fault.New(fault.AccessDenied, text, args...).By("C3")
}
