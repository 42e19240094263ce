package access

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/fault"
)

func TestCheckPersonnel(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		change func(*Caller)
		// names are words that the texts must hold, one problem each and in this order.
		names []string
	}{
		{"all there", func(*Caller) {}, nil},
		{"level 5", func(c *Caller) { c.SecurityLevel = 5 }, nil},
		{"midwife", func(c *Caller) { c.Role = "JO" }, nil},
		{"no HPR", func(c *Caller) { c.HPR = "" }, []string{"hpr_number"}},
		{"blank HPR", func(c *Caller) { c.HPR = " " }, []string{"hpr_number"}},
		{"level 3", func(c *Caller) { c.SecurityLevel = 3 }, []string{"security_level"}},
		{"no attest", func(c *Caller) { c.Attest = false }, []string{"nhn:tillitsrammeverk:parameters"}},
		{"no purpose", func(c *Caller) { c.Purpose = "" }, []string{"purpose_of_use"}},
		{"blank purpose", func(c *Caller) { c.Purpose = " " }, []string{"purpose_of_use"}},
		{"blank role", func(c *Caller) { c.Role = " " }, []string{"names no role"}},
		{"no role", func(c *Caller) { c.Role = "" }, []string{"names no role"}},
		{"veterinary", func(c *Caller) { c.Role = "VE" }, []string{"this role"}},
		{"fish health biologist", func(c *Caller) { c.Role = "FB" }, []string{"this role"}},
		{"unknown profession", func(c *Caller) { c.Role = "XX" }, []string{"this role"}},
		{"role outside 9060", func(c *Caller) { c.Role = "LEGE" }, []string{"this role"}},
		{"role in small", func(c *Caller) { c.Role = "le" }, []string{"this role"}},
		{"machine", func(c *Caller) { c.Kind = Machine }, []string{"machine"}},
		{"citizen", func(c *Caller) { c.Kind = Citizen }, []string{"citizen"}},
		{"nothing", func(c *Caller) { *c = Caller{Kind: Personnel} }, []string{
			"hpr_number", "security level 0", "nhn:tillitsrammeverk:parameters", "purpose_of_use", "names no role"}},
	}
	for _, c := range cases {
		caller := doctor
		c.change(&caller)
		got := DefaultPolicy().CheckPersonnel(caller)
		assertLacks(t, c.name, got, c.names)
		if caller.Kind == Personnel && len(c.names) > 0 {
			assertDecision(t, c.name, decide(caller, para45, adult, plain, both), denied("C3"))
		}
	}
}

func assertLacks(t *testing.T, name string, got fault.Problems, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %v, want %d problems", name, got, len(want))
	}
	for i, p := range got {
		if p.Code != fault.AccessDenied || p.Rule != "C3" || p.Severity != fault.Error || !strings.Contains(p.Safe, want[i]) {
			t.Errorf("%s: %v, want AccessDenied by C3 naming %q", name, p, want[i])
		}
	}
}

func TestPolicyIsData(t *testing.T) {
	t.Parallel()
	narrow := Policy{Roles: []string{"LE", "SP", "PS"}, DeniedRoles: []string{"PS"}}
	for role, ok := range map[string]bool{"LE": true, "SP": true, "PS": false, "JO": false} {
		c := doctor
		c.Role = role
		if got := !narrow.CheckPersonnel(c).Refuses(); got != ok {
			t.Errorf("%s may read: %v, want %v", role, got, ok)
		}
	}
	if !(Policy{}).CheckPersonnel(doctor).Refuses() {
		t.Error("the zero policy lets a doctor in")
	}
}

// TestDefaultRolesAre9060: allowed and denied roles together are the code system, each role once. The list is read from the
// file of the neighbour that owns it, as floor 0 does not import sideways.
func TestDefaultRolesAre9060(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../terminology/codes/no-9060.json")
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Codes []struct{ Code string } }
	if err := json.Unmarshal(raw, &list); err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, c := range list.Codes {
		want = append(want, c.Code)
	}
	pol := DefaultPolicy()
	got := slices.Concat(pol.Roles, pol.DeniedRoles)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("roles %v, 9060 has %v", got, want)
	}
}
