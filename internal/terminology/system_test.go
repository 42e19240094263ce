package terminology

import "testing"

func TestSystems(t *testing.T) {
	t.Parallel()
	cases := []struct{ in, canonical, uri string }{
		{"urn:oid:" + DocumentType, DocumentType, "urn:oid:" + DocumentType},
		{DocumentType, DocumentType, "urn:oid:" + DocumentType},
		{confidentialityURI, ConfidentialityHL7, confidentialityURI},
		{"urn:oid:" + ConfidentialityHL7, ConfidentialityHL7, confidentialityURI},
		{"http://hl7.org/fhir/v3/Confidentiality", ConfidentialityHL7, confidentialityURI},
		{formatURI, FormatCode, formatURI},
		{FormatCode, FormatCode, formatURI},
		{"http://loinc.org", "http://loinc.org", "http://loinc.org"},
		{"FormatCodes", "FormatCodes", "FormatCodes"},
		{" urn:oid:1.2.3 ", "1.2.3", "urn:oid:1.2.3"},
		{"", "", ""},
	}
	for _, c := range cases {
		if got := Canonical(c.in); got != c.canonical {
			t.Errorf("Canonical(%q) = %q, want %q", c.in, got, c.canonical)
		}
		if got := URI(c.in); got != c.uri {
			t.Errorf("URI(%q) = %q, want %q", c.in, got, c.uri)
		}
		if back := Canonical(URI(c.in)); back != c.canonical {
			t.Errorf("Canonical(URI(%q)) = %q, want %q", c.in, back, c.canonical)
		}
	}
}

func TestDisplay(t *testing.T) {
	t.Parallel()
	cases := []struct{ system, code, want string }{
		{DocumentType, "A00-1", "Epikriser og sammenfatninger"},
		{"urn:oid:" + DocumentType, "A03-2", "Epikrise"},
		{ConfidentialityNO, "NORS", "Sperret"},
		{confidentialityURI, "V", "very restricted"},
		{"2.16.578.1.12.4.1.1.8655", "A", ""},
		{DocumentType, "Z", ""},
		{"http://loinc.org", "A00-1", ""},
	}
	for _, c := range cases {
		if got := Display(c.system, c.code); got != c.want {
			t.Errorf("Display(%s, %s) = %q, want %q", c.system, c.code, got, c.want)
		}
	}
}

// TestLists: every embedded list parses, has codes and none twice (loadFile refuses those), and nothing of the spec is missing.
func TestLists(t *testing.T) {
	t.Parallel()
	found, err := load()
	if err != nil {
		t.Fatal(err)
	}
	national := "2.16.578.1.12.4.1.1."
	sizes := map[string]int{
		national + "1303": 51, national + "1305": 46, national + "8651": 5, national + "8653": 9, national + "8654": 21,
		national + "8655": 110, national + "8663": 20, HealthPersonnel: 36, DocumentType: 9 + 55, ConfidentialityNO: 14,
		ConfidentialityHL7: 6, FormatCode: 5,
	}
	for oid, sys := range found {
		codes := map[string]bool{}
		n := 0
		for _, list := range sys.lists {
			n += len(list)
			for code := range list {
				codes[code] = true
			}
		}
		if n != sizes[oid] || n != len(codes) {
			t.Errorf("%s has %d codes, %d different; want %d", oid, n, len(codes), sizes[oid])
		}
		if sys.open != (oid == FormatCode) {
			t.Errorf("%s is open: %v", oid, sys.open)
		}
	}
	if len(found) != len(sizes) {
		t.Errorf("%d systems, want %d", len(found), len(sizes))
	}
	if _, ok := found[DocumentType].lists["classCode"]; !ok {
		t.Error("9602 has no list of class codes")
	}
}

func TestBrokenListsAreRefused(t *testing.T) {
	t.Parallel()
	type codes = []struct {
		Code    string `json:"code"`
		Display string `json:"display"`
	}
	for name, f := range map[string]listFile{
		"no codes":   {OID: "1.2"},
		"no oid":     {Codes: codes{{Code: "A"}}},
		"twice":      {OID: "1.2", Codes: codes{{Code: "A"}, {Code: "A"}}},
		"empty code": {OID: "1.2", Codes: codes{{Code: ""}}},
	} {
		if _, err := f.list(); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}
