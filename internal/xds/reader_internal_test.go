package xds

import (
	"testing"

	"dokumentlager/internal/access"
	"dokumentlager/internal/audit"
	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/document"
	"dokumentlager/internal/endpoint"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/saml"
)

// TestReader: on what basis an assertion's scopes and acp let somebody list, and open (C3, C6).
func TestReader(t *testing.T) {
	t.Parallel()
	d := &Door{Config{Disclosures: &disclosure.Service{Policy: access.DefaultPolicy()}}}
	patient := document.PatientID{Value: "1", Authority: "1.2"}
	const consent = "2.16.578.1.12.4.1.7.2.1.8"
	for _, c := range []struct {
		name   string
		kind   access.Kind
		acp    string
		scopes []string
		list   access.Basis
		code   fault.Code
		opens  bool
	}{
		{"section 45", access.Personnel, "", []string{access.ScopeReadList, access.ScopeReadDocument}, access.Basis{Scope: access.Section45}, "", true},
		{"kjernejournal with consent", access.Personnel, consent, []string{access.ScopeReadListKJ}, access.Basis{Scope: access.Kjernejournal, AccessBasis: "SAMTYKKE"}, "", false},
		{"kjernejournal without", access.Personnel, "", []string{access.ScopeReadListKJ}, access.Basis{}, fault.AccessDenied, false},
		{"both", access.Personnel, consent, []string{access.ScopeReadList, access.ScopeReadListKJ}, access.Basis{}, fault.AccessDenied, false},
		{"none", access.Personnel, "", nil, access.Basis{}, fault.ScopeMissing, false},
		{"citizen", access.Citizen, "", []string{access.ScopeReadList, access.ScopeReadDocument}, access.Basis{}, "", true},
		{"citizen without a scope", access.Citizen, "", nil, access.Basis{}, fault.ScopeMissing, false},
		{"guardian who opens", access.Guardian, "", []string{access.ScopeReadDocument}, access.Basis{}, fault.ScopeMissing, true},
	} {
		r := &endpoint.Request{Assertion: saml.Assertion{Patient: patient, ACP: c.acp}, Actor: audit.Actor{Caller: access.Caller{Kind: c.kind, Scopes: c.scopes}}}
		list, err := d.lister(r)
		told := map[fault.Code]bool{}
		for _, p := range fault.Of(err) {
			told[p.Code] = true
		}
		if (err != nil) != (c.code != "") || c.code != "" && !told[c.code] || err == nil && (list.Basis != c.list || list.About != patient) {
			t.Errorf("%s: %+v, %v", c.name, list, err)
		}
		if err != nil && c.kind == access.Personnel && len(fault.Of(err)) < 4 {
			t.Errorf("%s: what else is lacking is not told (W6): %v", c.name, err)
		}
		open, err := d.opener(r)
		if (err == nil) != c.opens || err == nil && c.kind == access.Personnel && open.Basis != (access.Basis{Scope: access.Opening}) || err == nil && open.About != patient {
			t.Errorf("%s opens: %+v, %v", c.name, open, err)
		}
	}
}
