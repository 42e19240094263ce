package access

import (
	"slices"
	"testing"

	"dokumentlager/internal/fault"
)

// TestReachOfLog is A4: every kind of caller with every combination of scopes, levels and organisations.
func TestReachOfLog(t *testing.T) {
	t.Parallel()
	const org = "981275721"
	scopes := map[string][]string{"none": {ScopeReadList, ScopeReadListKJ, ScopeReadDocument, ScopeCreate, ScopeDelete}, "own": {ScopeLogOwn}, "inspect": {ScopeLogInspect},
		"both": {ScopeLogOwn, ScopeLogInspect}, "helsenorge": {ScopeLogHelsenorge}, "helsenorge and own": {ScopeLogHelsenorge, ScopeLogOwn}}
	allowed := 0
	for kind := Nobody; kind <= Operator+1; kind++ {
		for name, of := range scopes {
			for level := range 6 {
				for _, organisation := range []string{"", org} {
					c := Caller{Kind: kind, Scopes: of, SecurityLevel: level, Organisation: organisation}
					got, ps := ReachOfLog(c)
					may := (kind == Machine || kind == Personnel && level >= 4) && name != "none" && name != "helsenorge" && organisation != ""
					want := LogReach{}
					if may {
						allowed++
						want = LogReach{Everything: name == "inspect" || name == "both", Organisation: org}
					}
					for _, p := range ps {
						if p.Rule != "A4" && p.Rule != "C3" {
							t.Errorf("%v is by the rule %q", p, p.Rule)
						}
					}
					if got != want || ps.Refuses() == may {
						t.Errorf("%s, %s, level %d, organisation %q: %+v %v", kind, name, level, organisation, got, ps)
					}
				}
			}
		}
	}
	if allowed != 4*(6+2) {
		t.Errorf("%d callers may read", allowed)
	}
	_, ps := ReachOfLog(Caller{Kind: Personnel, SecurityLevel: 3})
	var codes []string
	for _, p := range ps {
		codes = append(codes, string(p.Code)+" "+p.Rule)
	}
	if want := []string{string(fault.ScopeMissing) + " A4", string(fault.AccessDenied) + " C3", string(fault.AccessDenied) + " A4"}; !slices.Equal(codes, want) {
		t.Errorf("all at once: %v", codes)
	}
}

// TestLogReachCovers: own is whoever is among the owners, and nobody is not.
func TestLogReachCovers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		reach  LogReach
		owners []string
		want   bool
	}{
		{LogReach{}, nil, false},
		{LogReach{}, []string{""}, false},
		{LogReach{}, []string{"1"}, false},
		{LogReach{Organisation: "1"}, nil, false},
		{LogReach{Organisation: "1"}, []string{"2"}, false},
		{LogReach{Organisation: "1"}, []string{"1"}, true},
		{LogReach{Organisation: "1"}, []string{"2", "1", "3"}, true},
		{LogReach{Everything: true}, nil, true},
		{LogReach{Everything: true, Organisation: "1"}, []string{"2"}, true},
	} {
		if got := c.reach.Covers(c.owners); got != c.want {
			t.Errorf("%+v of %v: %t", c.reach, c.owners, got)
		}
	}
}
