package document

import (
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
)

func TestCheckNorwegian(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, value, authority string
		synthetic, ok          bool
	}{
		{"ordinary", "13116900216", AuthorityFNR, false, true},
		{"ordinary in test", "12119000465", AuthorityFNR, true, true},
		{"another", "15076500565", AuthorityFNR, false, true},
		{"another", "23077200290", AuthorityFNR, false, true},
		{"Tenor month+80", "17855599120", AuthorityFNR, true, true},
		{"Tenor month+80 in production", "17855599120", AuthorityFNR, false, false},
		{"NHN month+65", "05898597468", AuthorityFNR, true, true},
		{"D-number", "60917301126", AuthorityDNR, true, true},
		{"D-number under fnr authority", "60917301126", AuthorityFNR, true, false},
		{"fnr under D-number authority", "13116900216", AuthorityDNR, true, false},
		{"last check digit", "13116900217", AuthorityFNR, true, false},
		{"first check digit", "13116900226", AuthorityFNR, true, false},
		{"too short", "1311690021", AuthorityFNR, true, false},
		{"letters", "1311690021x", AuthorityFNR, true, false},
		{"no such date", "31029900200", AuthorityFNR, true, false},
		{"empty", "", AuthorityFNR, true, false},
		{"local identifier", "MRN-1", "1.2.3.4", false, true},
	}
	for _, c := range cases {
		err := CheckNorwegian(PatientID{Value: c.value, Authority: c.authority}, c.synthetic)
		if (err == nil) != c.ok {
			t.Errorf("%s %s: %v, want ok %v", c.name, c.value, err, c.ok)
		}
	}
}

func TestParseCX(t *testing.T) {
	t.Parallel()
	good := map[string]PatientID{
		"13116900216^^^&2.16.578.1.12.4.1.4.1&ISO": {"13116900216", AuthorityFNR},
		"mrn-1^^^&http://example.org/p&URI":        {"mrn-1", "http://example.org/p"},
		"x^^^&urn:oid:1.2.3&ISO":                   {"x", "1.2.3"},
	}
	for s, want := range good {
		got, err := ParseCX(s)
		if err != nil || got != want {
			t.Errorf("ParseCX(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "x", "x^^^", "^^^&1.2&ISO", "x^^^&&ISO", "x^^^&1.2&URI", "x^^^&http://e&ISO", "x^y^^&1.2&ISO", "x^^^&1.2&ISO^MR", "a\x00^^^&1.2&ISO", "a&b^^^&1.2&ISO"} {
		if got, err := ParseCX(s); err == nil {
			t.Errorf("ParseCX(%q) = %v, want an error", s, got)
		}
	}
}

func TestURN(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2.16.578":                             "urn:oid:2.16.578",
		"http://x/y":                           "http://x/y",
		"urn:other:1":                          "urn:other:1",
		"FormatCodes":                          "FormatCodes",
		"3.1":                                  "3.1",
		"1.02":                                 "1.02",
		"0cfedab5-af95-4e82-8d5c-6eee02c86c60": "urn:uuid:0cfedab5-af95-4e82-8d5c-6eee02c86c60",
	} {
		if got := URN(in); got != want {
			t.Errorf("URN(%q) = %q, want %q", in, got, want)
		}
	}
	if got := StripURN("URN:UUID:0CFEDAB5-AF95-4E82-8D5C-6EEE02C86C60"); got != "0cfedab5-af95-4e82-8d5c-6eee02c86c60" {
		t.Errorf("StripURN kept %q", got)
	}
}

// FuzzParseCX: whatever parses must write back to a text that parses to the same.
func FuzzParseCX(f *testing.F) {
	for _, s := range []string{"13116900216^^^&2.16.578.1.12.4.1.4.1&ISO", "x^^^&http://a&URI", "^^^&&", "a^b^c^d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		defer fuzztest.InTime(t)()
		p, err := ParseCX(s)
		if err != nil {
			return
		}
		again, err := ParseCX(p.CX())
		if err != nil || again != p {
			t.Fatalf("%q became %v, then %v (%v)", s, p, again, err)
		}
	})
}
