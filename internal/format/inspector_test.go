package format

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dokumentlager/internal/fault"
)

// Every format against every declared type: only the diagonal passes (F2).
func TestMatrix(t *testing.T) {
	t.Parallel()
	for found, data := range samples() {
		for _, want := range Types() {
			problems := inspect(t, data, 0).Check(string(want), "")
			if found == want && len(problems) > 0 {
				t.Errorf("%s declared as itself: %v", found.Name(), problems)
			}
			if found != want && (len(problems) != 1 || problems[0].Code != fault.FormatMismatch && problems[0].Code != fault.InvalidContent || problems[0].Rule != "F2") {
				t.Errorf("%s declared as %s: %v", found.Name(), want.Name(), problems)
			}
		}
	}
}

func TestSound(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name    string
		data    string
		found   Type
		charset string
	}{
		{"TIFF little-endian, directory last", string(handTIFF(binary.LittleEndian, "II")), TIFF, ""},
		{"TIFF big-endian, directory last", string(handTIFF(binary.BigEndian, "MM")), TIFF, ""},
		{"JPEG behind 200 KB of metadata", string(bigJPEG()), JPEG, ""},
		{"JPEG with a video behind", string(jpegFile()) + "ftypmp4", JPEG, ""},
		{"GIF padded", string(gifFile()) + "\x00\x00", GIF, ""},
		{"PDF 2.0 padded", "%PDF-2.0\n%%EOF\r\n" + strings.Repeat("\x00", 1000), PDF, ""},
		{"æøå and all line breaks", "æøå ÆØÅ\r\nlinje\rlinje\nlinje\tø\f", Text, "utf-8"},
		{"text with mark", "\xef\xbb\xbfæøå", Text, "utf-8"},
		{"Latin-1", "bl\xe5b\xe6r p\xe5 \xf8y", Text, "windows-1252"},
		{"Windows-1252", "\x93sitat\x94 \x96 20 \x80", Text, "windows-1252"},
		{"UTF-16 LE", string(utf16File("Blåbær 🫐\r\n", binary.LittleEndian, true)), Text, "utf-16le"},
		{"UTF-16 BE", string(utf16File("Blåbær 🫐\r\n", binary.BigEndian, true)), Text, "utf-16be"},
		{"a note on BMI is no bitmap", "BMI 27,3 ved innkomst", Text, "utf-8"},
		{"initials MZ are no program", "MZ er innlagt til observasjon", Text, "utf-8"},
		{"CSV", "dato;verdi\n2026-01-01;5\n2026-01-02;6\n", Text, "utf-8"},
		{"commas", "a,b,c\n1,2,3\n4,5,6\n", Text, "utf-8"},
		{"headers", "From: lege\nDate: i dag\nSubject: notat\n\nhei", Text, "utf-8"},
		{"text that begins with <", "< 3 mmol/l, se under", Text, "utf-8"},
		{"text that begins with {", "{se vedlegg}", Text, "utf-8"},
		{"text that begins with [", "[1] Henvisning", Text, "utf-8"},
		{"two JSON lines are text", "{\"a\":1}\n{\"a\":2}\n", Text, "utf-8"},
		{"blanks only", strings.Repeat(" \n", 5000), Text, "utf-8"},
		{"JSON with mark", "\xef\xbb\xbf" + jsonFile, JSON, "utf-8"},
		{"JSON with blanks first", strings.Repeat("\n", 5000) + jsonFile + "\n\n", JSON, "utf-8"},
		{"JSON 512 deep", strings.Repeat("[", 512) + strings.Repeat("]", 512), JSON, "utf-8"},
		{"JSON geo", `{"type":"Feature","geometry":{"type":"Point","coordinates":[1,2]}}`, JSON, "utf-8"},
		{"XML with mark", "\xef\xbb\xbf" + cdaFile, XML, "utf-8"},
		{"XML without declaration", "<a>æ</a>", XML, "utf-8"},
		{"XML with comment first", "<!-- hei --><a/>\n", XML, "utf-8"},
		{"XML with blanks first", strings.Repeat(" ", 5000) + "<a/>", XML, "utf-8"},
		{"XML Latin-1", `<?xml version='1.0' encoding='ISO-8859-1'?><a b="` + "\xe6\">\xf8\xe5</a>", XML, "iso-8859-1"},
		{"XML with mark that says Latin-1", "\xef\xbb\xbf<?xml version='1.0' encoding='iso-8859-1'?><å/>", XML, "utf-8"},
		{"XML Latin-1 names", `<?xml version='1.0' encoding='iso-8859-1'?><p` + "\xe5/>", XML, "iso-8859-1"},
		{"XML 1252", `<?xml version="1.0" encoding="windows-1252" standalone="yes" ?>` + "<a>\x80</a>", XML, "windows-1252"},
		{"XML Latin-9", `<?xml version="1.0" encoding="ISO-8859-15"?>` + "<a\xb4>\xa4</a\xb4>", XML, "iso-8859-15"},
		{"XML UTF-16 LE", string(utf16File(strings.Replace(cdaFile, "UTF-8", "utf-16", 1), binary.LittleEndian, true)), XML, "utf-16le"},
		{"XML UTF-16 BE", string(utf16File(cdaFile, binary.BigEndian, true)), XML, "utf-16be"},
		{"XML UTF-16 without mark", string(utf16File("<a>ø</a>", binary.LittleEndian, false)), XML, "utf-16le"},
		{"XML 256 deep", strings.Repeat("<a>", 256) + strings.Repeat("</a>", 256), XML, "utf-8"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, []byte(c.data), 0)
			if r.Found != c.found || r.Damage != "" || r.Charset != c.charset {
				t.Fatalf("found %q, charset %q, damage %q, %v", r.Found, r.Charset, r.Damage, r.why)
			}
			if got := codes(r, string(c.found), ""); got != "" {
				t.Errorf("declared as found: %s", got)
			}
			if other := inspect(t, []byte(c.data), 1); !cmp.Equal(r, other, cmp.AllowUnexported(Result{})) {
				t.Errorf("split by byte: %s", cmp.Diff(r, other, cmp.AllowUnexported(Result{})))
			}
		})
	}
}

// damaged swaps old for new in a sample, which must hold it.
func damaged(data []byte, old, new string) string {
	if !bytes.Contains(data, []byte(old)) {
		panic("the sample does not hold what the test would damage")
	}
	return string(bytes.Replace(data, []byte(old), []byte(new), 1))
}

func TestRefused(t *testing.T) {
	t.Parallel()
	const mismatch, unsound = "DLFormatMismatch@content", "InvalidDocumentContent@content"
	cut := func(b []byte, n int) string { return string(b[:len(b)-n]) }
	huge := binary.BigEndian.AppendUint32(nil, 40000)
	tall := handTIFF(binary.BigEndian, "MM")
	copy(tall[8+16+2+8:], []byte{0xff, 0xff, 0xff, 0xff})
	cases := []struct {
		name, data string
		want       Type
		codes      string
		says       string
	}{
		{"empty", "", PDF, unsound, "is empty"},
		{"a byte order mark only", "\xef\xbb\xbf", Text, unsound, "is empty"},
		{"GIF that is JavaScript", "GIF89a=1;alert(1)", GIF, unsound, "blocks are damaged"},
		{"GIF with JavaScript behind", string(gifFile()) + "*/=1;alert(1)", GIF, unsound, "after the end"},
		{"GIF cut", cut(gifFile(), 5), GIF, unsound, "cut off"},
		{"GIF of no width", damaged(gifFile(), "GIF89a\x28", "GIF89a\x00"), GIF, unsound, "no width"},
		{"GIF without image", "GIF89a\x01\x00\x01\x00\x00\x00\x00;", GIF, unsound, "no image"},
		{"PNG cut", cut(pngFile(), 20), PNG, unsound, "cut off"},
		{"PNG with a page behind", string(pngFile()) + "<html>", PNG, unsound, "after the end"},
		{"PNG signature only", "\x89PNG\r\n\x1a\n", PNG, unsound, "cut off"},
		{"PNG with a changed header", damaged(pngFile(), "IHDR\x00\x00\x00\x28", "IHDR\x00\x00\x00\x29"), PNG, unsound, "header is damaged"},
		{"JPEG cut", cut(jpegFile(), 2), JPEG, unsound, "cut off"},
		{"JPEG without header", "\xff\xd8\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00data\xff\xd9", JPEG, unsound, "no image header"},
		{"TIFF cut", cut(handTIFF(binary.BigEndian, "MM"), 30), TIFF, unsound, "cut off"},
		{"TIFF of absurd width", string(tall), TIFF, unsound, "pixels"},
		{"TIFF without directory", "II*\x00\x00\x00\x00\x00xxxxxx", TIFF, unsound, "directory is damaged"}, {"TIFF header only", "II*\x00\x00\x00\x00\x00", TIFF, unsound, "header is damaged"},
		{"PDF cut", "%PDF-1.7\n1 0 obj", PDF, unsound, "%%EOF"},
		{"PDF end mark too early", "%PDF-1.7\n%%EOF" + strings.Repeat("x", 3000), PDF, unsound, "%%EOF"},
		{"PDF of no version", "%PDF-x\n%%EOF", PDF, unsound, "no version"},
		{"PDF with junk first", "junk\n" + pdfFile, PDF, mismatch, "in front of it"},
		{"PDF with junk first as text", "junk\n%PDF-1.4\n%%EOF", Text, mismatch, "in front of it"},
		{"PDF with mark", "\xef\xbb\xbf" + pdfFile, PDF, mismatch, "in front of it"},
		{"RTF cut", `{\rtf1\ansi hei`, RTF, unsound, "closing brace"},
		{"RTF of no version", `{\rtfx}`, RTF, unsound, "no version"},
		{"HTML as text", "<!DOCTYPE html><html><script>alert(1)</script></html>", Text, mismatch, "HTML"},
		{"HTML in UTF-16 as text", string(utf16File("<html><br>", binary.LittleEndian, true)), Text, mismatch, "HTML"},
		{"HTML as XML", "<html><body/></html>", XML, mismatch, "HTML"},
		{"XHTML as XML", `<h:x xmlns:h="http://www.w3.org/1999/xhtml"/>`, XML, mismatch, "XHTML"},
		{"SVG as XML", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`, XML, mismatch, "SVG"},
		{"SVG with another name", `<a xmlns="http://www.w3.org/2000/s&#x76;g"/>`, XML, mismatch, "SVG"},
		{"SVG as text", `<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>`, Text, mismatch, "SVG"},
		{"PHP as text", "<?php system($_GET['c']); ?>", Text, mismatch, "PHP"},
		{"shell as text", "#!/bin/sh\nrm -rf /\n", Text, mismatch, "script"},
		{"JavaScript as text", "#!/usr/bin/env node\nprocess.exit()\n", Text, mismatch, "script"},
		{"XML as text", cdaFile, Text, mismatch, "XML"},
		{"broken XML as text", `<?xml version="1.0"?><a>`, Text, mismatch, "XML"},
		{"JSON as text", jsonFile, Text, mismatch, "JSON"},
		{"text as JSON", note, JSON, mismatch, "plain text"},
		{"NULs at the end", note + "\x00\x00", Text, unsound, fmt.Sprintf("byte %d", len(note))},
		{"no set's byte", "bl\xe5b\xe6r \x81", Text, unsound, "utf-8"},
		{"PNG that is a PDF", string(pngFile()[:33]) + "\x00\x00\x00\x09tEXt%PDF-1.4\ncrc!" + string(pngFile()[33:]), PNG, mismatch, "in front of it"},
		{"a control byte", "a\x1bb", Text, unsound, "byte 1"},
		{"text cut in UTF-16", string(utf16File("hei", binary.LittleEndian, true)[:7]), Text, unsound, "middle of a character"},
		{"half a surrogate pair", "\xff\xfe\x00\xd8a\x00", Text, unsound, "utf-16"},
		{"UTF-16 without mark", "h\x00e\x00i\x00", Text, unsound, "control"},
		{"mark says UTF-8, bytes do not", "\xef\xbb\xbfbl\xe5b\xe6r", Text, unsound, "utf-8"},
		{"ZIP as text", "PK\x03\x04" + strings.Repeat("\x00", 40), Text, mismatch, "application/"},
		{"program as PDF", "MZ\x90\x00\x03\x00\x00\x00", PDF, mismatch, "portable-executable"},
		{"JSON with junk late", jsonFile + "junk", JSON, unsound, "after the end"},
		{"JSON with NULs late", jsonFile + strings.Repeat(" ", 5000) + "\x00", JSON, unsound, "after the end"},
		{"JSON cut", jsonFile[:40], JSON, unsound, "cut off"},
		{"JSON too deep", strings.Repeat("[", 513) + strings.Repeat("]", 513), JSON, unsound, "512"},
		{"JSON of 2,000,000 levels", strings.Repeat(`{"a":`, 2_000_000), JSON, unsound, "512"},
		{"JSON in Latin-1", "{\"a\":\"\xe5\"}", JSON, unsound, "utf-8"},
		{"JSON in UTF-16", string(utf16File(jsonFile, binary.LittleEndian, true)), JSON, unsound, "utf-8"},
		{"XML bomb", `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><a>&c;</a>`, XML, unsound, "DOCTYPE"},
		{"XML file entity", `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>`, XML, unsound, "DOCTYPE"},
		{"XML of 2,000,000 levels", strings.Repeat("<a>", 2_000_000), XML, unsound, "256"},
		{"XML with two roots", "<a/><b/>", XML, unsound, "more than one root"},
		{"XML with text behind", "<a/>junk", XML, unsound, "outside the root"},
		{"XML with NULs behind", cdaFile + "\x00", XML, unsound, "outside the root"},
		{"XML declaration late", "<a/><?xml version='1.0'?>", XML, unsound, "where none may be"},
		{"XML declaration behind a blank", " <?xml version='1.0'?><a/>", XML, unsound, "where none may be"},
		{"XML declaration in capitals", "<?XML version='1.0'?><a/>", XML, unsound, "where none may be"},
		{"comment of dashes", "<a><!-- ---></a>", XML, unsound, "in a comment"},
		{"dashes in a comment", "<a><!-- --? --></a>", XML, unsound, "in a comment"},
		{"noncharacter", "<a>\uffff</a>", XML, unsound, "does not allow"},
		{"attribute twice", "<a\n b='1' c='2' b='3'/>", XML, unsound, "twice in one element (line 2)"},
		{"end tag of another", "<a>\n\n<b></a></b>", XML, unsound, "does not match its start tag (line 3)"},
		{"XML cut", cdaFile[:len(cdaFile)-3], XML, unsound, "cut off"},
		{"XML in an unknown encoding", `<?xml version="1.0" encoding="EBCDIC-NO"?><a/>`, XML, unsound, "encoding"},
		{"XML said to be UTF-16", `<?xml version="1.0" encoding="utf-16"?><a/>`, XML, unsound, "UTF-16"},
		{"XML said to be UTF-8", `<?xml version="1.0"?><a>` + "\xe5</a>", XML, unsound, "utf-8"},
		{"XML 1.1", `<?xml version="1.1"?><a/>`, XML, unsound, "declaration"},
		{"XML with many attributes", "<a" + manyAttributes(300) + "/>", XML, unsound, "256 attributes"},
		{"XML with a long name", "<" + strings.Repeat("a", 300) + "/>", XML, unsound, "longer than 256"},
		{"PNG of absurd size", string(pngFile()[:16]) + string(huge) + string(huge) + string(pngFile()[24:]), PNG, unsound, "header is damaged"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := inspect(t, []byte(c.data), 0)
			problems := r.Check(string(c.want), "")
			if got := codes(r, string(c.want), ""); got != c.codes || !strings.Contains(problems.Error(), c.says) {
				t.Errorf("got %s: %v; found %q damage %q why %v", got, problems, r.Found, r.Damage, r.why)
			}
			if len(c.data) > 1<<20 {
				return
			}
			if other := inspect(t, []byte(c.data), 1); !cmp.Equal(r, other, cmp.AllowUnexported(Result{})) {
				t.Errorf("split by byte: %s", cmp.Diff(r, other, cmp.AllowUnexported(Result{})))
			}
		})
	}
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, ` a%d="%d"`, i, i)
	}
	return b.String()
}

// A file cut anywhere is refused, but text, which has no end. TIFF is the one with its directory last: where it stands first, a cut image
// is not seen.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	last := map[Type]int{PNG: 1, JPEG: 1, GIF: 1, TIFF: 5, PDF: 2, RTF: 4, XML: 1, JSON: 1}
	files := samples()
	files[TIFF] = handTIFF(binary.BigEndian, "MM")
	files[RTF] = []byte(strings.ReplaceAll(rtfFile, ";}", ";"))
	for found, less := range last {
		data := files[found]
		for n := range len(data) - less + 1 {
			if problems := inspect(t, data[:n], 0).Check(string(found), ""); len(problems) == 0 {
				t.Errorf("the first %d of %d bytes of a %s pass", n, len(data), found.Name())
			}
		}
	}
}

// The end mark of a PDF is looked for in the same last bytes wherever the writes are split.
func TestTail(t *testing.T) {
	t.Parallel()
	for n := 0; n < 5000; n += 97 {
		for behind, want := range map[int]bool{1500: true, 2500: false} {
			data := []byte("%PDF-1.4\n" + strings.Repeat("x", n) + "%%EOF" + strings.Repeat("\n", behind))
			if got := inspect(t, data, 100).Damage == ""; got != want {
				t.Errorf("%d bytes before and %d behind the end mark: %t", n, behind, got)
			}
		}
	}
}

// Grammar that is easily got wrong; FuzzJSON holds the rest against encoding/json.
func TestJSONGrammar(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]bool{`[1}`: false, `{"a":1]`: false, `{"a":[1},2]`: false, "\"\\u\x10000\"": false, `"\u00aF"`: true, `"\u00g0"`: false, "\"a\nb\"": false,
		`[01]`: false, `[-]`: false, `[1.]`: false, `[1e]`: false, `[1e+]`: false, `[-0.0E-0]`: true, `[,]`: false, `[1,]`: false, `{"a":1,}`: false, `{,}`: false, `{"a"}`: false,
		`nul`: false, `nulll`: false, ` null `: true, `1 2`: false, `-1`: true, `1.`: false, `+1`: false, `"\x"`: false, `[] []`: false, "[\f]": false, `["\ud800"]`: true, ``: false} {
		b := newJSON(nil)
		b.write([]byte(data))
		if got := b.end() == ""; got != want || want != json.Valid([]byte(data)) {
			t.Errorf("%q: %t, %s", data, got, b.fault)
		}
	}
}

func TestRandomSplits(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for found, data := range samples() {
		if found != TIFF {
			data = bytes.Repeat(data, 400) // past the head; mostly unsound, with late faults
		}
		want := inspect(t, data, 0)
		for range 20 {
			in := NewInspector()
			for rest := data; len(rest) > 0; {
				n := min(len(rest), random.IntN(9000))
				in.Write(rest[:n])
				rest = rest[n:]
			}
			if got := in.Result(); !cmp.Equal(got, want, cmp.AllowUnexported(Result{})) {
				t.Fatalf("%s: %s", found.Name(), cmp.Diff(want, got, cmp.AllowUnexported(Result{})))
			}
		}
	}
}

func TestAfterResult(t *testing.T) {
	t.Parallel()
	in := NewInspector()
	io.WriteString(in, note)
	first := in.Result()
	if _, err := io.WriteString(in, "mer"); err == nil {
		t.Error("bytes after Result are taken")
	}
	if second := in.Result(); !cmp.Equal(first, second, cmp.AllowUnexported(Result{})) {
		t.Error("the second Result differs")
	}
}

// TestFlatMemory streams much of what parsers like to keep, 16 MiB of the likeliest, and counts every byte that is allocated on the way.
func TestFlatMemory(t *testing.T) {
	const limit = 64 << 10
	chunk := func(s string) []byte { return bytes.Repeat([]byte(s), 32<<10/len(s)) }
	cases := []struct {
		name, before, fill, after string
		found                     Type
	}{
		{"text", "", "æøå og litt til\n", "", Text},
		{"CDA with one text node of 16 MiB", `<?xml version="1.0"?><ClinicalDocument><text representation="B64">`, "QUJD", "</text></ClinicalDocument>", XML},
		{"attribute", `<a b="`, "QUJD", `"/>`, XML},
		{"comment", "<a><!--", "x ", "--></a>", XML},
		{"CDATA", "<a><![CDATA[", "x]", "]]></a>", XML},
		{"instruction", "<a><?p ", "x?", "?></a>", XML},
		{"elements", "<a>", `<b c="1" d='2'>&lt;</b>`, "</a>", XML},
		{"brackets in text", "<a>", "]x]]", "</a>", XML},
		{"string", `{"resourceType":"Binary","data":"`, "QUJD", `"}`, JSON},
		{"key", `{"`, "QUJD", `":1}`, JSON},
		{"array", `[1`, `,-1.5e3,"\u00e5",null`, `]`, JSON},
		{"objects", `[1`, `,{"a":{"b":[]}}`, `]`, JSON},
		{"number", "[1", "23456789", "]", JSON},
		{"PDF", "%PDF-1.4\n", "\x00\x01stream", "%%EOF", PDF},
		{"PNG chunks", string(pngFile()[:33]), "\x00\x00\x00\x00IDATcrc!", string(pngFile()[len(pngFile())-12:]), PNG},
		{"GIF sub-blocks", "GIF89a\x01\x00\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02", "\x01x", "\x00;", GIF},
		{"JPEG segments", "\xff\xd8", "\xff\xfe\x00\x04ab\xff\xff", string(jpegFile()[2:]), JPEG},
		{"RTF", `{\rtf1 `, "abcdefgh", `}`, RTF},
	}
	for _, c := range cases {
		fill, size := chunk(c.fill), 1<<20
		if strings.Contains(c.name, "16 MiB") {
			size = 16 << 20
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		in := NewInspector(WithAttachments(64, func() io.WriteCloser { return nopCloser{io.Discard} }))
		io.WriteString(in, c.before)
		for n := 0; n < size; n += len(fill) {
			in.Write(fill)
		}
		io.WriteString(in, c.after)
		r := in.Result()
		runtime.ReadMemStats(&after)
		if r.Found != c.found || r.Damage != "" {
			t.Errorf("%s: found %q, damage %q, %v", c.name, r.Found, r.Damage, r.why)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > limit {
			t.Errorf("%s: %d bytes allocated for %d MiB", c.name, used, size>>20)
		} else {
			t.Logf("%s: %d bytes allocated in all", c.name, used)
		}
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func BenchmarkInspector(b *testing.B) {
	for name, c := range map[string][3]string{
		"text": {"", note, ""}, "pdf": {"%PDF-1.4\n", "streamstreamstre", "%%EOF"},
		"cda-base64":  {"<a><text representation='B64'>", "QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD", "</text></a>"},
		"xml-markup":  {"<a>", `<observation classCode="OBS" moodCode="EVN"><value unit="mg">5</value></observation>`, "</a>"},
		"json-base64": {`{"data":"`, "QUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJDQUJD", `"}`},
		"json-small":  {`[1`, `,{"system":"urn:oid:2.16","value":12.5}`, `]`},
	} {
		b.Run(name, func(b *testing.B) {
			data := []byte(c[0] + strings.Repeat(c[1], 4<<20/len(c[1])) + c[2])
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				in := NewInspector(WithAttachments(64, func() io.WriteCloser { return nopCloser{io.Discard} }))
				for rest := data; len(rest) > 0; rest = rest[min(len(rest), 32<<10):] {
					in.Write(rest[:min(len(rest), 32<<10)])
				}
				in.Result()
			}
		})
	}
}
