package format

import (
	"strings"
	"testing"

	"dokumentlager/internal/devstack/fuzztest"
	"dokumentlager/internal/fault"
)

func TestParse(t *testing.T) {
	t.Parallel()
	cases := map[string]Type{
		"image/png": PNG, "image/jpeg": JPEG, "image/jpg": JPEG, "image/gif": GIF, "image/tiff": TIFF, "application/pdf": PDF,
		"text/plain": Text, "text/plain; charset=utf-8": Text, "TEXT/PLAIN ;charset=\"iso-8859-1\"": Text, "text/plain; charset=": Text,
		"text/plain;": Text, "application/rtf": RTF, "text/rtf": RTF, "text/xml": XML, "application/xml": XML, "application/hl7-sda+xml": XML,
		"application/hl7-cda+xml": XML, "application/cda+xml": XML, "application/fhir+xml; fhirVersion=4.0": XML, "application/json": JSON,
		"application/fhir+json": JSON, "application/problem+json": JSON,
		"": "", "image/svg+xml": "", "application/xhtml+xml": "", "text/html": "", "application/xslt+xml": "", "application/+json": "",
		"image/svg+json": "", "application/zip": "", "application/octet-stream": "", "pdf": "", "image/": "", "text/plain, text/html": "", "text/csv": "",
		strings.Repeat("a", 600): "", "text/plain;" + strings.Repeat(" ", 600): "",
	}
	for contentType, want := range cases {
		if got, ok := Parse(contentType); got != want || ok != (want != "") {
			t.Errorf("Parse(%q) = %q, %t", contentType, got, ok)
		}
	}
}

func TestExtension(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		t     Type
		known bool
	}{
		{"Epikrise.pdf", PDF, true}, {"EPIKRISE.PDF", PDF, true}, {"a.b.tiff", TIFF, true}, {"bilde.jpeg", JPEG, true}, {"cda.xml", XML, true},
		{"prøver.csv", Text, true}, {"Epikrise.docx", "", true}, {"x.pdf.exe", "", true}, {"x.pdf.exe. ", "", true}, {"side.HTML", "", true},
		{"", "", false}, {"Epikrise", "", false}, {"Rapport 1.2", "", false}, {"se helsenorge.no", "", false}, {"se vg.com", "", false},
		{".pdf", "", false}, {"Notat.", "", false}, {"Svar.pdf (kopi)", "", false}, {"Dr. Hansen", "", false}, {"Versjon av 1.pdfa2", "", false},
	}
	for _, c := range cases {
		if got, _, known := Extension(c.name); got != c.t || known != c.known {
			t.Errorf("Extension(%q) = %q, %t", c.name, got, known)
		}
	}
}

// Check tells everything that is wrong at once, with the right rule and place.
func TestCheck(t *testing.T) {
	t.Parallel()
	cases := []struct {
		data, contentType, name, want string
	}{
		{pdfFile, "application/pdf", "Epikrise.pdf", ""},
		{pdfFile, "application/pdf", "Epikrise 1.2", ""},
		{pdfFile, "application/pdf", "Epikrise.txt", "DLFormatMismatch@title"},
		{pdfFile, "application/pdf", "Epikrise.docx", "DLFormatMismatch@title"},
		{pdfFile, "text/plain", "Epikrise.pdf", "DLFormatMismatch@title DLFormatMismatch@content"},
		{pdfFile, "application/zip", "Epikrise.zip", "DLFormatNotAllowed@mimeType DLFormatMismatch@title"},
		{pdfFile, "application/zip", "Epikrise.pdf", "DLFormatNotAllowed@mimeType"},
		{"", "application/zip", "a.zip", "DLFormatNotAllowed@mimeType InvalidDocumentContent@content"},
		{"", "", "", "DLFormatNotAllowed@mimeType InvalidDocumentContent@content"},
		{cdaFile, "application/hl7-cda+xml; charset=utf-8", "cda.xml", ""},
		{jsonFile, "application/fhir+json", "", ""},
		{"123", "application/json", "", ""},
		{"123", "text/plain", "", ""},
		{`"hei"`, "application/json", "", ""},
		{"123", "application/xml", "", "DLFormatMismatch@content"},
		{"<svg/>", "image/svg+xml", "", "DLFormatNotAllowed@mimeType"},
		{"PK\x03\x04\x00\x00\x00\x00", "application/zip", "", "DLFormatNotAllowed@mimeType"},
	}
	for _, c := range cases {
		if got := codes(inspect(t, []byte(c.data), 0), c.contentType, c.name); got != c.want {
			t.Errorf("%.20q as %q named %q: %s", c.data, c.contentType, c.name, got)
		}
	}
}

// An error text may repeat a media type and nothing that could be a person's number.
func TestQuotes(t *testing.T) {
	t.Parallel()
	for contentType, says := range map[string]string{"application/zip": `"application/zip"`, "13116900216": "that was declared", "a/13116900216": "that was declared",
		"Ola Nordmann": "that was declared", "": "is missing"} {
		p := inspect(t, []byte(note), 0).Check(contentType, "")
		if len(p) != 1 || p[0].Code != fault.FormatNotAllowed || p[0].Rule != "F1" || !strings.Contains(p[0].Safe, says) || strings.Contains(p[0].Safe, "13116") {
			t.Errorf("%q: %v", contentType, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"text/plain; charset=utf-8", "application/fhir+json", "a/b;c=\"d", "image/svg+xml", ";;;", "text/plain;a*0*=utf-8''%41"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		defer fuzztest.InTime(t)()
		got, ok := Parse(s)
		if ok != (names[got] != "") {
			t.Errorf("Parse(%q) = %q, %t", s, got, ok)
		}
		if upper, _ := Parse(strings.ToUpper(s)); ok && len(s) < 100 && !strings.ContainsAny(s, "%;") && upper != got {
			t.Errorf("letter case decides: %q", s)
		}
		Extension(s)
	})
}
