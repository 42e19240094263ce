package administration

import (
	"slices"
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/document"
)

// FuzzDraft holds that a tenant that passes has a name that can be a schema's and a role's, OIDs and real organisation numbers.
func FuzzDraft(f *testing.F) {
	f.Add("betanien", "urn:oid:2.16.578.1", "2.16.578.1.2", "981275721")
	f.Add("a; drop schema control", "1.2", "x", "981275721,000000000")
	f.Add("Å", "", "urn:uuid:a", "98127572１")
	f.Add(strings.Repeat("a", 41), "1."+strings.Repeat("9", 70), "1.02", "")
	f.Fuzz(func(t *testing.T, name, home, repository, organisations string) {
		defer fuzztest.InTime(t)()
		d, problems := Draft{Name: name, HomeCommunity: home, Repository: repository, Organisations: strings.Split(organisations, ","), Profile: "nhn", State: "active"}.check()
		for _, p := range problems {
			if len(organisations) > 40 && strings.Contains(p.Safe, organisations) {
				t.Errorf("the refusal repeats %q", organisations)
			}
		}
		if problems.Refuses() {
			return
		}
		if strings.Trim(d.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(d.Name) > 40 || !document.IsOID(d.HomeCommunity) || !document.IsOID(d.Repository) ||
			slices.ContainsFunc(d.Organisations, func(o string) bool { return !IsOrganisation(o) || len(o) != 9 }) {
			t.Errorf("passes: %+v", d)
		}
	})
}
