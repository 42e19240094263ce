package submission

import (
	"testing"

	"dokumentlager/internal/tenant"
)

// TestChoose is the table of docs/profiles.md: which of a message's names become entryUUID, uniqueId and the second identifier.
func TestChoose(t *testing.T) {
	t.Parallel()
	const resource, official, binary, master = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222", "b", "m"
	cases := []struct {
		name                 string
		profile              tenant.Profile
		in                   Identifiers
		entry, unique, alias string
	}{
		{"nhn", tenant.NHN, Identifiers{resource, official, binary, master}, resource, binary, master},
		{"nhn, id no UUID", tenant.NHN, Identifiers{"x", official, binary, master}, official, binary, master},
		{"nhn, no Binary.id", tenant.NHN, Identifiers{resource, "", "", master}, resource, resource, master},
		{"nhn, one name for both", tenant.NHN, Identifiers{resource, "", master, master}, resource, master, ""},
		{"ihe", tenant.IHE, Identifiers{resource, official, binary, master}, official, master, binary},
		{"ihe, nothing stated", tenant.IHE, Identifiers{resource, "", "", ""}, "", "", ""},
	}
	for _, c := range cases {
		entry, unique, alias := c.in.choose(c.profile)
		if (c.entry != "" && entry.String() != c.entry) || (c.entry == "" && entry.String() == resource) || unique != c.unique || alias != c.alias {
			t.Errorf("%s: %s %q %q, want %s %q %q", c.name, entry, unique, alias, c.entry, c.unique, c.alias)
		}
	}
}
