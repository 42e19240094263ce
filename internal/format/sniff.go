package format

import (
	"bytes"
	"strings"

	"github.com/gabriel-vasile/mimetype"
	"github.com/h2non/filetype"
)

// guess is what the first bytes suggest.
type guess struct {
	// magic is one of the six binary formats, when both libraries agree or the second has no opinion.
	magic Type
	// kind is mimetype's opinion of what is not text, as a media type; empty for none.
	kind string
	// active says to a person what the content is when it is text that programs run or render; empty otherwise.
	active string
}

// byMagic are the formats that magic bytes at offset 0 name, with filetype's name for each. filetype.Match is not used: it
// walks a map, so which of two matching types it names differs from process to process.
var byMagic = []struct {
	ext string
	t   Type
}{{"png", PNG}, {"jpg", JPEG}, {"gif", GIF}, {"tif", TIFF}, {"pdf", PDF}, {"rtf", RTF}}

// sniff looks at the head only.
func sniff(head []byte) guess {
	plain := plainHead(head)
	detected := mimetype.Detect(plain)
	opinion := !detected.Is("application/octet-stream")
	g := guess{active: activeText(plain, detected)}
	if opinion && !agrees(detected, Text) {
		g.kind = bareKind(detected)
	}
	for _, m := range byMagic {
		if filetype.Is(head, m.ext) && (!opinion || agrees(detected, m.t)) {
			g.magic = m.t
		}
	}
	return g
}

// agrees walks up mimetype's tree: an animated PNG is a PNG.
func agrees(m *mimetype.MIME, t Type) bool {
	for ; m != nil; m = m.Parent() {
		if m.Is(string(t)) {
			return true
		}
	}
	return false
}

func bareKind(m *mimetype.MIME) string {
	kind, _, _ := strings.Cut(m.String(), ";")
	return kind
}

// actives are mimetype's kinds that must not pass as plain text, with a person's name for them. Everything else that is text from
// end to end is text, whatever mimetype calls it: "BM" begins a bitmap and a note on BMI, "MZ" a program and initials.
var actives = map[string]string{
	"text/html": "HTML", "application/xhtml+xml": "XHTML", "image/svg+xml": "SVG", "text/x-php": "PHP", "text/javascript": "JavaScript",
	"text/x-lua": "a Lua script", "text/x-perl": "a Perl script", "text/x-python": "a Python script", "text/x-ruby": "a Ruby script",
	"text/x-tcl": "a Tcl script", "text/x-shellscript": "a shell script", "application/postscript": "PostScript",
	"application/pdf": "a PDF with something in front of it", "text/rtf": "RTF with an unknown version",
}

// activeText finds scripts and markup that programs run or render, in any encoding that the byte order mark tells.
func activeText(plain []byte, detected *mimetype.MIME) string {
	switch {
	case bytes.HasPrefix(plain, []byte("#!")):
		return "a script"
	case bytes.HasPrefix(plain, []byte(`{\rt`)): // Word needs no more to take it for RTF
		return actives["text/rtf"]
	}
	return actives[bareKind(detected)]
}

// plainHead is the head as UTF-8 without its byte order mark, because mimetype looks into neither UTF-16 nor behind a mark for
// most kinds.
func plainHead(head []byte) []byte {
	set, skip := byteOrder(head)
	if set == utf8Set {
		return head[skip:]
	}
	var plain []byte
	t := transcoder{set: set, out: func(p []byte) { plain = append(plain, p...) }}
	t.write(head[skip:])
	return plain
}
