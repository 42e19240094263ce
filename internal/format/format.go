// Package format decides whether a document is of an allowed format (rule F1) and whether declared type, file extension and
// content tell the same story (rule F2).
//
// An Inspector is given all bytes of a document as they pass by and answers with a Result; Result.Check then compares it with
// what the metadata declared, which may only be known after the bytes (a Binary may stand before its DocumentReference). It
// promises one pass, memory below 64 KiB whatever the content and its size, the same answer however the bytes are split into
// writes, and no panic. Where the first bytes say little the whole document is judged: JSON and XML are well-formed to the end,
// text is text to the end, GIF and PNG are walked block by block. Base64 attachments inside JSON and XML can be handed out as files of
// their own, since clamd does not look into them (DESIGN, the way of the bytes, 6). It does not scan, store or convert.
package format

import (
	"slices"
	"strings"
	"unicode"
)

// Type is one of the nine allowed formats of F1, spelt as the media type we call it by. The zero value is none of them.
type Type string

// The nine.
const (
	PNG  Type = "image/png"
	JPEG Type = "image/jpeg"
	GIF  Type = "image/gif"
	TIFF Type = "image/tiff"
	PDF  Type = "application/pdf"
	Text Type = "text/plain"
	RTF  Type = "application/rtf"
	XML  Type = "application/xml"
	JSON Type = "application/json"
)

// allowed says them all to a person.
const allowed = "PNG, JPEG, GIF, TIFF, PDF, plain text, RTF, XML or JSON"

// names are what a person calls them.
var names = map[Type]string{PNG: "PNG", JPEG: "JPEG", GIF: "GIF", TIFF: "TIFF", PDF: "PDF", Text: "plain text", RTF: "RTF", XML: "XML", JSON: "JSON"}

// Types are the nine, in the order of F1.
func Types() []Type { return []Type{PNG, JPEG, GIF, TIFF, PDF, Text, RTF, XML, JSON} }

// Name is what a person calls the format: "PDF", "plain text"; "something else" for the zero value.
func (t Type) Name() string {
	if name, ok := names[t]; ok {
		return name
	}
	return "something else"
}

// extensions maps what may stand after the last dot of a file name. The empty Type marks extensions that name formats which
// are not allowed. What is not listed is no extension: titles end in ".2", ".no" or ".com" for other reasons than a file format.
var extensions = map[string]Type{
	"png": PNG, "jpg": JPEG, "jpeg": JPEG, "jpe": JPEG, "jfif": JPEG, "gif": GIF, "tif": TIFF, "tiff": TIFF, "pdf": PDF,
	"txt": Text, "text": Text, "log": Text, "csv": Text, "tsv": Text, "rtf": RTF, "xml": XML, "cda": XML, "json": JSON,
}

// foreign are the extensions of formats that are not allowed and that people and malware do send.
const foreign = " doc docx docm dot dotm xls xlsx xlsm xlsb ppt pptx pptm odt ods odp zip 7z rar tar gz html htm xhtml mht mhtml " +
	"svg js mjs vbs hta exe dll scr bat cmd ps1 msi jar lnk iso img php py sh bmp webp heic heif avif mp3 mp4 avi wav mov dcm eml msg "

// Extension finds the format that a file name or title claims by its extension. known is false when there is none that we
// know: "Rapport 1.2" has no extension. A known extension of a format that is not allowed gives the zero Type.
func Extension(fileName string) (t Type, ext string, known bool) {
	base, ext, found := cutLast(bare(fileName), ".")
	if !found || strings.TrimSpace(base) == "" || len(ext) > 5 {
		return "", "", false
	}
	ext = strings.ToLower(ext)
	if t, known = extensions[ext]; known {
		return t, ext, true
	}
	if slices.Contains(strings.Fields(foreign), ext) {
		return "", ext, true
	}
	return "", "", false
}

// bare is a name as a system takes it: without control characters and those that nobody sees (a right-to-left override, a zero-width
// space), and without blanks and dots at its end, which Windows ignores: "a.exe. " is an .exe.
func bare(name string) string {
	seen := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, name)
	return strings.TrimRightFunc(seen, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
