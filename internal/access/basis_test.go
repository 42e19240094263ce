package access

import (
	"strings"
	"testing"

	"dokumentlager/internal/fault"
)

func TestScopeForList(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		scopes []string
		want   Scope
		code   fault.Code
	}{
		{"section 45", []string{ScopeReadList}, Section45, ""},
		{"kjernejournal", []string{ScopeReadDocument, ScopeReadListKJ}, Kjernejournal, ""},
		{"both", []string{ScopeReadList, ScopeReadListKJ}, NoScope, fault.AccessDenied},
		{"opening only", []string{ScopeReadDocument}, NoScope, fault.ScopeMissing},
		{"writing only", []string{ScopeCreate, ScopeDelete}, NoScope, fault.ScopeMissing},
		{"none", nil, NoScope, fault.ScopeMissing},
	}
	for _, c := range cases {
		got, problem := ScopeForList(Caller{Scopes: c.scopes})
		if got != c.want {
			t.Errorf("%s: scope %d, want %d", c.name, got, c.want)
		}
		assertRefusal(t, c.name, problem, c.code, ScopeReadList)
	}
}

// TestBasisForPolicy: an assertion's acp is the access basis of kjernejournalforskriften, and without one that means a basis there is none (C6).
func TestBasisForPolicy(t *testing.T) {
	t.Parallel()
	const root = "2.16.578.1.12.4.1.7.2.1."
	named := map[string]bool{}
	for acp, want := range map[string]string{root + "4": "UNNTAK", root + "5": "FORHOYET_SAMTYKKE", root + "6": "AKUTT", root + "7": "FORHOYET_AKUTT", root + "8": "SAMTYKKE",
		root + "0": "", root + "1": "", root + "9": "", "": "", "SAMTYKKE": ""} {
		code := fault.Code("")
		if want == "" {
			code = fault.AccessDenied
		}
		got, problem := BasisForPolicy(Kjernejournal, acp)
		assertRefusal(t, acp, problem, code, "acp")
		if wanted := (Basis{Kjernejournal, want}); problem == nil && got != wanted || problem != nil && got != (Basis{}) {
			t.Errorf("%s: %+v, want %s", acp, got, want)
		}
		named[want] = true
		for _, other := range []Scope{Section45, Opening, NoScope} {
			if got, problem := BasisForPolicy(other, acp); problem != nil || got != (Basis{Scope: other}) {
				t.Errorf("%s under %d: %+v, %v", acp, other, got, problem)
			}
		}
	}
	for _, basis := range AccessBases() {
		if !named[basis] {
			t.Errorf("no acp means %s", basis)
		}
	}
}

// assertRefusal wants no problem for an empty code, otherwise that code and a text that names what is at fault.
func assertRefusal(t *testing.T, name string, p *fault.Problem, code fault.Code, mention string) {
	t.Helper()
	if (p != nil) != (code != "") {
		t.Fatalf("%s: problem %v, want code %q", name, p, code)
	}
	rule := "C6"
	if mention == ScopeReadDocument {
		rule = "R2"
	}
	if p != nil && (p.Code != code || p.Rule != rule || !strings.Contains(p.Safe, mention)) {
		t.Errorf("%s: %v by %q, want %s naming %s", name, p, p.Rule, code, mention)
	}
}

func TestScopeForOpening(t *testing.T) {
	t.Parallel()
	got, problem := ScopeForOpening(Caller{Scopes: []string{ScopeReadDocument}})
	if got != Opening || problem != nil {
		t.Errorf("%d, %v", got, problem)
	}
	got, problem = ScopeForOpening(Caller{Scopes: []string{ScopeReadList, ScopeReadListKJ}})
	if got != NoScope {
		t.Errorf("scope %d without %s", got, ScopeReadDocument)
	}
	assertRefusal(t, "list scopes only", problem, fault.ScopeMissing, ScopeReadDocument)
}

func TestBasisFor(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name   string
		scope  Scope
		header string
		want   Basis
		code   fault.Code
	}{
		{"section 45 without header", Section45, "", Basis{Scope: Section45}, ""},
		{"section 45 ignores the header", Section45, "SAMTYKKE", Basis{Scope: Section45}, ""},
		{"opening ignores the header", Opening, "rubbish", Basis{Scope: Opening}, ""},
		{"UNNTAK", Kjernejournal, "UNNTAK", Basis{Kjernejournal, "UNNTAK"}, ""},
		{"SAMTYKKE", Kjernejournal, "SAMTYKKE", Basis{Kjernejournal, "SAMTYKKE"}, ""},
		{"FORHOYET_SAMTYKKE", Kjernejournal, "FORHOYET_SAMTYKKE", Basis{Kjernejournal, "FORHOYET_SAMTYKKE"}, ""},
		{"AKUTT", Kjernejournal, "AKUTT", Basis{Kjernejournal, "AKUTT"}, ""},
		{"FORHOYET_AKUTT", Kjernejournal, " FORHOYET_AKUTT ", Basis{Kjernejournal, "FORHOYET_AKUTT"}, ""},
		{"missing", Kjernejournal, "", Basis{}, fault.BadRequest},
		{"small letters", Kjernejournal, "samtykke", Basis{}, fault.BadRequest},
		{"two values", Kjernejournal, "SAMTYKKE, AKUTT", Basis{}, fault.BadRequest},
		{"number in the header", Kjernejournal, "13116900216", Basis{}, fault.BadRequest},
	}
	for _, c := range cases {
		got, problem := BasisFor(c.scope, c.header)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
		assertRefusal(t, c.name, problem, c.code, HeaderAccessBasis)
		if problem != nil && (!strings.Contains(problem.Safe, "FORHOYET_AKUTT") || strings.Contains(problem.Safe, "13116900216")) {
			t.Errorf("%s: %q must name the values and not repeat the header", c.name, problem.Safe)
		}
	}
}
