package document

import (
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
)

// FuzzParseOID holds that what is read is an OID, the same read again, and short.
func FuzzParseOID(f *testing.F) {
	for _, s := range []string{"urn:oid:2.16.578.1.12.4.5.480.1", "URN:OID:1.2", "2.25." + strings.Repeat("9", 60), "3.1", "1..2", "1.02", " 1.2 ", "1.2\n", "urn:uuid:A0000000-0000-4000-8000-00000000000A", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		defer fuzztest.InTime(t)()
		oid, err := ParseOID(s)
		if again, twice := ParseOID(URN(oid)); err == nil && (twice != nil || again != oid || len(oid) > maxOID || strings.Trim(oid, "0123456789.") != "") {
			t.Errorf("%q became %q, then %q", s, oid, again)
		}
		if plain := StripURN(s); strings.TrimSpace(plain) == plain && StripURN(URN(plain)) != plain && !strings.HasPrefix(strings.ToLower(plain), "urn:") {
			t.Errorf("%q is not stable: %q", s, plain)
		}
	})
}

// FuzzNorwegian holds that a number that passes has 11 digits and that one changed digit never passes: that is what check digits are for.
func FuzzNorwegian(f *testing.F) {
	for _, s := range []string{"13116900216", "12119000465", "60917301126", "17855599120", "00000000000", "1311690021", "１３１１６９００２１６"} {
		f.Add(s, byte(0), byte(1))
	}
	f.Fuzz(func(t *testing.T, s string, at, by byte) {
		defer fuzztest.InTime(t)()
		for _, authority := range []string{AuthorityFNR, AuthorityDNR} {
			if CheckNorwegian(PatientID{Value: s, Authority: authority}, true) != nil {
				continue
			}
			if len(s) != 11 || strings.Trim(s, "0123456789") != "" {
				t.Fatalf("%q passes", s)
			}
			changed := []byte(s)
			i := int(at) % 11
			changed[i] = '0' + (changed[i]-'0'+1+by%9)%10
			if CheckNorwegian(PatientID{Value: string(changed), Authority: authority}, true) == nil {
				t.Errorf("%s and %s both pass", s, changed)
			}
		}
	})
}
