package access

import (
	"testing"

	"dokumentlager/internal/document"
)

// TestBreakGlass: ETREAT and BTG open NORS for personnel only where the policy names them, and then the decision says so.
func TestBreakGlass(t *testing.T) {
	t.Parallel()
	masked := ruled(Mask, Deny, "C2")
	opened := ruled(Show, Allow, "C2")
	opened.BreakGlass = true
	filtered := ruled(Omit, Allow, "C6")
	filtered.BreakGlass = true
	protected := adult
	protected.AddressProtected = true
	strange := plain
	strange.Confidentiality = append(codes("N"), document.Code{Value: "nors", System: "http://example.org/codes"})
	barred, veryBarred := plain.with("N", "NORS"), plain.with("V", "NORN_ANG", "NORS")
	both2, btg := []string{"ETREAT", "BTG"}, []string{"BTG"}
	cases := []struct {
		name, purpose string
		setting       []string
		kind          Kind
		basis         Basis
		patient       Patient
		entry         Entry
		want          Decision
	}{
		{"off by default", "BTG", nil, Personnel, para45, adult, barred, masked},
		{"off by default", "ETREAT", nil, Personnel, para45, adult, barred, masked},
		{"on, everyday purpose", "TREAT", both2, Personnel, para45, adult, barred, masked},
		{"on", "BTG", both2, Personnel, para45, adult, barred, opened},
		{"on", "ETREAT", both2, Personnel, para45, adult, barred, opened},
		{"on for one", "BTG", btg, Personnel, para45, adult, barred, opened},
		{"on for the other", "ETREAT", btg, Personnel, para45, adult, barred, masked},
		{"configured by mistake", "TREAT", []string{"TREAT", "BTG"}, Personnel, para45, adult, barred, masked},
		{"in small", "btg", []string{"btg", "BTG"}, Personnel, para45, adult, barred, masked},
		{"beside codes that limit citizens", "BTG", both2, Personnel, para45, adult, veryBarred, opened},
		{"a bar misspelt", "BTG", both2, Personnel, para45, adult, strange, opened},
		{"nothing barred", "BTG", both2, Personnel, para45, adult, plain, allowed},
		{"protected address", "BTG", both2, Personnel, para45, protected, barred, denied("L5")},
		{"opening", "BTG", both2, Personnel, Basis{Scope: Opening}, adult, barred, filtered},
		{"no basis", "BTG", both2, Personnel, Basis{}, adult, barred, denied("C6")},
		{"a citizen cannot", "BTG", both2, Citizen, Basis{}, adult, veryBarred, masked},
		{"a citizen need not", "BTG", both2, Citizen, Basis{}, adult, barred, allowed},
		{"a machine cannot", "BTG", both2, Machine, para45, adult, barred, denied("C3")},
	}
	for _, c := range cases {
		pol, caller := DefaultPolicy(), doctor.as(c.kind)
		pol.BreakGlass, caller.Purpose = c.setting, c.purpose
		got := pol.Decide(caller, c.basis, c.patient, c.entry, both, noon)
		assertDecision(t, c.name+" "+c.purpose, got, c.want)
		if told := got.Reasons[0] == barLifted; told != (c.want.BreakGlass && c.want.List == Show) {
			t.Errorf("%s: reasons %v", c.name, got.Reasons)
		}
	}
}
