// Package hostile makes files that mean harm, and says of each what the business rules decide.
//
// It promises: the same bytes on every run of one Go version, made in memory and never committed; no file of it is malware or
// unpacks anywhere by itself; and a decision for each that was written from the rules (spec/business-rules.md, F1 and F2), not read off the
// code that is tested with it: the package imports nothing of ours. `go run ./testdata/hostile/write DIR` writes the files and an
// index out, for other scanners and viewers.
//
// How the rules are read. F1: the declared type must name one of nine formats. F2: declared type, the name's extension and the content
// must agree, and content that is two formats at once agrees with neither. Both speak of types, not of what a format may carry: a PDF with
// JavaScript, a launch action or an embedded file is a PDF, and is taken like any other. It is scanned (F3), and what is served of it is never
// run by us: its own media type, nosniff, and a sandboxing content security policy. The same goes for PHP in a JPEG's comment.
package hostile

import "slices"

// Decision is the code of the refusal, as docs/errors.md spells it, or Accept.
type Decision string

// The decisions.
const (
	Accept Decision = ""
	// NotAllowed: the declared type is none of the nine (F1).
	NotAllowed Decision = "DLFormatNotAllowed"
	// Mismatch: content or name are of another format than declared (F2).
	Mismatch Decision = "DLFormatMismatch"
	// Damaged: the content is of the declared format, and broken, two formats at once, or made to harm its reader (F2).
	Damaged Decision = "InvalidDocumentContent"
)

// Case is one file with what was declared of it.
type Case struct {
	// Group and Name tell it apart; together they make a file name.
	Group, Name string
	// Declared is the content type; Title is the document's name, which may be empty.
	Declared, Title string
	// Want is the decision, Rule the rule that makes it, Why a word on how.
	Want      Decision
	Rule, Why string
	// Flagged: ClamAV's heuristics call it malware, which F4 makes the last word on what F1 and F2 accept.
	Flagged bool
	make    func() []byte
}

// Bytes makes the file.
func (c Case) Bytes() []byte { return c.make() }

// Cases are all files, by group.
func Cases() []Case {
	return slices.Concat(Polyglots(), WrongMagic(), Markup(), Images(), Active(), Text(), Packed(), Names())
}

// The nine formats of F1 as they are declared.
const (
	png   = "image/png"
	jpeg  = "image/jpeg"
	gif   = "image/gif"
	tiff  = "image/tiff"
	pdf   = "application/pdf"
	plain = "text/plain"
	rtf   = "application/rtf"
	xml   = "application/xml"
	json  = "application/json"
)

// table gathers the cases of one group.
type table struct {
	group string
	cases []Case
}

func (t *table) add(want Decision, name, declared, why string, content func() []byte) {
	rule := "F2"
	if want == NotAllowed {
		rule = "F1"
	}
	t.cases = append(t.cases, Case{Group: t.group, Name: name, Declared: declared, Want: want, Rule: rule, Why: why, make: content})
}

// str is add for content that is short.
func (t *table) str(want Decision, name, declared, why, content string) {
	t.add(want, name, declared, why, func() []byte { return []byte(content) })
}

// WrongMagic is every format declared as every format: nine agree, 72 do not.
func WrongMagic() []Case {
	t := &table{group: "magic"}
	for _, actual := range formats {
		for _, declared := range formats {
			want, why := Mismatch, "the content is another format than declared"
			if actual.media == declared.media {
				want, why = Accept, "sound, and declared as what it is"
			}
			t.add(want, actual.name+" as "+declared.name, declared.media, why, actual.sample)
		}
	}
	return t.cases
}
