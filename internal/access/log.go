package access

import (
	"slices"

	"dokumentlager/internal/fault"
)

// LogReach is which audit logs somebody may read. The zero value reaches none.
type LogReach struct {
	// Everything is every instance's log, closed ones too, and the log of what belongs to none: an inspector's.
	Everything bool
	// Organisation reaches the logs of the instances it owns.
	Organisation string
}

// ReachOfLog is A4: who may read the audit log, and which. It names everything that the caller lacks, all at once (W6). A caller with both scopes
// reads as an inspector, which is no less. Machines and people read, people at the level of C3; they need no attest and no HPR number, since no
// treatment is why a log is read. Citizens, guardians and proxies are shown theirs by Helsenorge alone (A2), whose scope opens nothing here.
func ReachOfLog(c Caller) (LogReach, fault.Problems) {
	var ps fault.Problems
	if !c.Has(ScopeLogOwn) && !c.Has(ScopeLogInspect) {
		ps.Add(fault.New(fault.ScopeMissing, "The token lacks the scope %s or %s.", ScopeLogOwn, ScopeLogInspect).By("A4"))
	}
	if c.Kind != Machine && c.Kind != Personnel {
		ps.Add(fault.New(fault.AccessDenied, "The audit log is read by organisations and inspectors, not with a %s token.", c.Kind).By("A4"))
	}
	if c.Kind == Personnel && c.SecurityLevel < requiredLevel {
		ps.Add(lacks("The user was identified at security level %d; %d is needed (helseid://claims/identity/security_level).", c.SecurityLevel, requiredLevel))
	}
	if c.Organisation == "" {
		ps.Add(fault.New(fault.AccessDenied, "The token names no organisation: the log tells which one reads it.").By("A4"))
	}
	if ps.Refuses() {
		return LogReach{}, ps
	}
	return LogReach{Everything: c.Has(ScopeLogInspect), Organisation: c.Organisation}, nil
}

// Covers reports whether the log of an instance may be read that these organisations own. One that several own (T3) they answer for together,
// as each may read every document in it (C7): each reads its whole log.
func (r LogReach) Covers(owners []string) bool {
	return r.Everything || r.Organisation != "" && slices.Contains(owners, r.Organisation)
}
