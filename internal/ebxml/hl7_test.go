package ebxml_test

import (
	"testing"
	"time"

	"dokumentlager/internal/document"
	"dokumentlager/internal/ebxml"

	"github.com/google/go-cmp/cmp"
)

// TestTimes: every precision, and what clients write besides (spec/ihe.md 4.10).
func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2004": "2004-01-01T00:00:00Z 4", "200412": "2004-12-01T00:00:00Z 6", "20041225": "2004-12-25T00:00:00Z 8", "2004122523": "2004-12-25T23:00:00Z 10",
		"200412252350": "2004-12-25T23:50:00Z 12", "20041225235050": "2004-12-25T23:50:50Z 14", "20041225235050.123": "2004-12-25T23:50:50.123Z 17",
		"20041225235050+0100": "2004-12-25T22:50:50Z 14", "20041225235050.5-0100": "2004-12-26T00:50:50.5Z 17", "20041225235050Z": "2004-12-25T23:50:50Z 14",
		"": "", "04": "", "20041": "", "20041301": "", "20040230": "", "2004122524": "", "2004-12-25": "", "0000": "", "20041225235050.": "", "20041225.5": "", "２００４": "", "200412252350501": "",
	} {
		got := ""
		if at, err := ebxml.ParseDTM(text); err == nil {
			got = at.At.Format(time.RFC3339Nano) + " " + map[document.Precision]string{4: "4", 6: "6", 8: "8", 10: "10", 12: "12", 14: "14", 17: "17"}[at.Precision]
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"19560527": "1956-05-27", "195605": "1956-05", "1956": "1956", "19560527103000": "1956-05-27", "x": ""} {
		if got := ebxml.BirthDate(text); got != want {
			t.Errorf("born %q: %q", text, got)
		}
	}
}

// TestPeople: persons, institutions and roles as the third parties write them.
func TestPeople(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]document.Person{
		"502116685^GEIRAAS^BENEDIKTE^^^^^^&urn:oid:2.16.578.1.12.4.1.4.4&ISO": {ID: document.Identifier{System: document.AuthorityHPR, Value: "502116685"}, Family: "GEIRAAS", Given: []string{"BENEDIKTE"}},
		"^Dopplemeyer^Sherry^^^": {Family: "Dopplemeyer", Given: []string{"Sherry"}},
		"2.3.515^DePinto^John^F G^II^Mr.^^^IHENA&1.3.6.1.4.1.21367.2010.1.2.300&ISO": {ID: document.Identifier{System: "1.3.6.1.4.1.21367.2010.1.2.300", Value: "2.3.515"}, Family: "DePinto", Given: []string{"John", "F", "G"}},
		"1^^^^^^^^LOCAL": {ID: document.Identifier{System: "LOCAL", Value: "1"}},
		"":               {},
		"^van Dyke&van":  {Family: "van Dyke"},
	} {
		if diff := cmp.Diff(want, ebxml.ParsePerson(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	for text, want := range map[string]document.Organisation{
		"Cleveland Clinic":                                     {Name: "Cleveland Clinic"},
		"Parma Community^^^^^^^^^1.2.3":                        {Name: "Parma Community", ID: document.Identifier{Value: "1.2.3"}},
		"Cleveland Clinic^^^^^&1.2.3&ISO^^^^CleveClin":         {Name: "Cleveland Clinic", ID: document.Identifier{System: "1.2.3", Value: "CleveClin"}},
		`A\T\B^^^^^&2.16.578.1.12.4.1.4.101&ISO^^^^983974880 `: {Name: "A&B", ID: document.Identifier{System: document.AuthorityOrg, Value: "983974880"}},
	} {
		if diff := cmp.Diff(want, ebxml.ParseOrganisation(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
	for text, want := range map[string]document.Code{
		"Attending": {Value: "Attending"}, "HCP^^^&2.16.756.5.30.1.127.3.10.6&ISO": {Value: "HCP", System: "2.16.756.5.30.1.127.3.10.6"},
	} {
		if diff := cmp.Diff(want, ebxml.ParseRole(text)); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}
