package terminology

import (
	"strings"
	"testing"
	"unicode/utf8"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

const (
	oidPrefix = "urn:oid:"
	facility  = "2.16.578.1.12.4.1.1.1303"
	practice  = "2.16.578.1.12.4.1.1.8651"
)

// want is the expected outcome of a check; none means no problem.
type want struct {
	code     fault.Code
	severity fault.Severity
}

var none = want{}

func refused(c fault.Code) want { return want{c, fault.Error} }
func warned(c fault.Code) want  { return want{c, fault.Warning} }

func TestCheck(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name          string
		field         Field
		system, value string
		want          want
	}{
		{"class", Class, oidPrefix + DocumentType, "A00-1", none},
		{"class without prefix", Class, DocumentType, "A00-1", none},
		{"class with prefix in capitals", Class, "URN:OID:" + DocumentType, "A00-1", none},
		{"class that does not exist", Class, DocumentType, "Z00-1", refused(fault.UnknownCode)},
		{"class in another letter case", Class, DocumentType, "a00-1", refused(fault.UnknownCode)},
		{"class with a blank", Class, DocumentType, "A00-1 ", refused(fault.UnknownCode)},
		{"type code as class", Class, DocumentType, "A03-2", refused(fault.UnknownCode)},
		{"type", Type, DocumentType, "A03-2", none},
		{"class code as type", Type, DocumentType, "A00-1", refused(fault.UnknownCode)},
		{"content type of type codes", ContentType, DocumentType, "D08-2", none},
		{"content type of class codes", ContentType, DocumentType, "D00-1", none},
		{"content type that does not exist", ContentType, DocumentType, "D99-2", refused(fault.UnknownCode)},
		{"class of a foreign system", Class, "http://loinc.org", "11369-6", warned(fault.UnknownCodeSystem)},
		{"class that would come back as another", Class, "http://loinc.org", "11369^6", refused(fault.MetadataError)},
		{"facility", Facility, oidPrefix + facility, "86.101", none},
		{"class of a system with one list", Class, facility, "86.101", none},
		{"facility that does not exist", Facility, facility, "86", refused(fault.UnknownCode)},
		{"practice", Practice, oidPrefix + practice, "A04", none},
		{"practice without display in our list", Practice, "2.16.578.1.12.4.1.1.8655", "PB01", none},
		{"practice that does not exist", Practice, practice, "Z", refused(fault.UnknownCode)},
		{"event of a system without list", Event, "2.16.578.1.12.4.1.1.7210", "X", warned(fault.UnknownCodeSystem)},
		{"event that does not exist", Event, DocumentType, "X", refused(fault.UnknownCode)},
		{"confidentiality URI", Confidentiality, confidentialityURI, "N", none},
		{"confidentiality OID", Confidentiality, ConfidentialityHL7, "V", none},
		{"confidentiality urn", Confidentiality, oidPrefix + ConfidentialityHL7, "U", none},
		{"confidentiality old URI", Confidentiality, "http://hl7.org/fhir/v3/Confidentiality", "R", none},
		{"confidentiality that does not exist", Confidentiality, ConfidentialityHL7, "NORS", refused(fault.UnknownCode)},
		{"9603", Confidentiality, ConfidentialityNO, "NORN_ANG", none},
		{"9603 normal", Confidentiality, ConfidentialityNO, "N", none},
		{"9603 that does not exist", Confidentiality, ConfidentialityNO, "V", refused(fault.UnknownCode)},
		{"role", Role, HealthPersonnel, "LE", none},
		{"role that does not exist", Role, HealthPersonnel, "QQ", refused(fault.UnknownCode)},
		{"format", Format, formatURI, "urn:ihe:iti:xds:2017:mimeTypeSufficient", none},
		{"format by OID", Format, FormatCode, "urn:no:ehelse:document:pdf", none},
		{"format we do not hold", Format, formatURI, "urn:ihe:pcc:cm:2008", warned(fault.UnknownCode)},
		{"no system", Format, "", "urn:no:ehelse:document:pdf", warned(fault.UnknownCodeSystem)},
		{"blank system", Role, " ", "LEGE", warned(fault.UnknownCodeSystem)},
		{"no value", Class, DocumentType, "", refused(fault.MetadataError)},
		{"blank value", Class, "http://loinc.org", " ", refused(fault.MetadataError)},
		{"nothing", Type, "", "", refused(fault.MetadataError)},
		{"unknown field", Field(200), DocumentType, "A00-1", none},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// A display that contradicts the code must change nothing (D2).
			got := Check(c.field, document.Code{Value: c.value, System: c.system, Display: "Kriseplan"})
			assertProblem(t, got, c.want)
		})
	}
}

func assertProblem(t *testing.T, got *fault.Problem, want want) {
	t.Helper()
	if got == nil {
		if want != none {
			t.Fatalf("no problem, want %v", want)
		}
		return
	}
	if got.Code != want.code || got.Severity != want.severity || want == none {
		t.Fatalf("%v (severity %d), want %v", got, got.Severity, want)
	}
	if got.Rule != "D2" || got.Safe == "" {
		t.Errorf("rule %q, text %q: want D2 and a text", got.Rule, got.Safe)
	}
}

// TestRealBundles holds the codes of the national service's own sample bundles (ITI-65): they upload unmodified, so none may
// be an error; the second one's format and the role without system warn.
func TestRealBundles(t *testing.T) {
	t.Parallel()
	cases := []struct {
		field         Field
		system, value string
		warns         bool
	}{
		{Class, oidPrefix + DocumentType, "C00-1", false},
		{Type, oidPrefix + DocumentType, "D02-2", false},
		{ContentType, oidPrefix + DocumentType, "D02-2", false},
		{Practice, oidPrefix + "2.16.578.1.12.4.1.1.8653", "6", false},
		{Class, oidPrefix + DocumentType, "D00-1", false},
		{Type, oidPrefix + DocumentType, "D08-2", false},
		{Format, formatURI, "urn:hl7-org:sdwg:ccda-nonXMLBody:2.1", false},
		{Facility, oidPrefix + facility, "86.909", false},
		{Practice, oidPrefix + practice, "A04", false},
		{Facility, oidPrefix + "2.16.578.1.12.4.1.1.1305", "86.210", false},
		{Practice, oidPrefix + "2.16.578.1.12.4.1.1.8663", "KA02", false},
		{Confidentiality, confidentialityURI, "N", false},
		{Confidentiality, oidPrefix + ConfidentialityHL7, "N", false},
		{Class, oidPrefix + DocumentType, "F00-1", false},
		{Type, oidPrefix + DocumentType, "F02-2", false},
		{Practice, oidPrefix + practice, "A02", false},
		{Format, "FormatCodes", "http://www.kith.no/xmlstds/epikrise/2012-02-15", true},
		{Role, "", "LEGE", true},
	}
	for _, c := range cases {
		got := Check(c.field, document.Code{Value: c.value, System: c.system})
		if (got != nil) != c.warns || (got != nil && got.Severity != fault.Warning) {
			t.Errorf("%s %s of %s: %v, want a warning: %v", c.field, c.value, c.system, got, c.warns)
		}
	}
}

func TestHasBase(t *testing.T) {
	t.Parallel()
	hl7 := func(v string) document.Code { return document.Code{Value: v, System: ConfidentialityHL7} }
	national := func(v string) document.Code { return document.Code{Value: v, System: ConfidentialityNO} }
	cases := []struct {
		name  string
		codes []document.Code
		want  bool
	}{
		{"none", nil, false},
		{"N", []document.Code{hl7("N")}, true},
		{"R", []document.Code{hl7("R")}, true},
		{"V", []document.Code{hl7("V")}, true},
		{"U", []document.Code{hl7("U")}, false},
		{"L and M", []document.Code{hl7("L"), hl7("M")}, false},
		{"N of 9603", []document.Code{national("N")}, false},
		{"NORS alone", []document.Code{national("NORS")}, false},
		{"NORS then V", []document.Code{national("NORS"), hl7("V")}, true},
		{"URI", []document.Code{{Value: "N", System: confidentialityURI}}, true},
		{"urn", []document.Code{{Value: "N", System: oidPrefix + ConfidentialityHL7}}, true},
		{"no system", []document.Code{{Value: "N"}}, false},
		{"small letter", []document.Code{hl7("n")}, false},
	}
	for _, c := range cases {
		if got := HasBase(c.codes); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestTexts(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]document.Code{
		"number as code":            {Value: "13116900216", System: DocumentType},
		"number with blanks":        {Value: "131169 00216", System: DocumentType},
		"number with a hyphen":      {Value: "131169-00216", System: DocumentType},
		"number with a hidden sign": {Value: "131169\u200b00216", System: DocumentType},
		"number as system":          {Value: "x", System: "nin 13116900216"},
		"number without a system":   {Value: "13116900216"},
		"number in an open system":  {Value: "urn:13116900216", System: FormatCode},
		"number behind a long text": {Value: strings.Repeat("x", 100) + "13116900216", System: DocumentType},
	} {
		got := Check(Class, code)
		if got == nil || strings.Contains(got.Safe, "131169") || strings.Contains(got.Safe, "00216") {
			t.Errorf("%s: %v repeats what may be an identity number", name, got)
		}
	}
	long := Check(Class, document.Code{Value: "x" + strings.Repeat("å", 500), System: DocumentType})
	if len(long.Safe) > 300 || !utf8.ValidString(long.Safe) || strings.Contains(long.Safe, `\x`) {
		t.Errorf("a text of %d bytes: %q", len(long.Safe), long.Safe)
	}
	if got := Check(Class, document.Code{Value: "Z1", System: DocumentType}).Safe; !strings.Contains(got, `"Z1"`) || !strings.Contains(got, "classCode") {
		t.Errorf("%q names neither code nor field", got)
	}
	if got := Check(Role, document.Code{Value: "LEGE"}).Safe; !strings.Contains(got, "names no code system") {
		t.Errorf("%q does not say that the system is missing", got)
	}
	if got := Check(Class, document.Code{Value: "A03-2", System: DocumentType}).Safe; !strings.Contains(got, "other list") {
		t.Errorf("%q does not say that the code stands in the other list", got)
	}
}

// FuzzCheck: whatever codes come from outside, the answer's text is short, valid and names no eleven digits.
func FuzzCheck(f *testing.F) {
	f.Add(uint8(1), DocumentType, "A00-1")
	f.Add(uint8(3), "FormatCodes", "\xff\x00%s%d")
	f.Add(uint8(99), "urn:oid:", strings.Repeat("1", 12))
	f.Add(uint8(0), "\xa70000000000", "x") // both were found by fuzzing: escapes that make eleven digits
	f.Add(uint8(0), "\x11000000000", "x")
	f.Fuzz(func(t *testing.T, field uint8, sys, value string) {
		defer fuzztest.InTime(t)()
		p := Check(Field(field), document.Code{Value: value, System: sys})
		if p == nil {
			return
		}
		if len(p.Safe) > 800 || !utf8.ValidString(p.Safe) || digitsInRow(p.Safe) >= 11 {
			t.Fatalf("%q", p.Safe)
		}
	})
}
