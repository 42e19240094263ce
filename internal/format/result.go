package format

import (
	"fmt"
	"regexp"

	"dokumentlager/internal/fault"
)

// Result is what the bytes of a document showed.
type Result struct {
	// Size is the number of bytes.
	Size int64
	// Found is the format that the content shows; empty when it is none of the nine.
	Found Type
	// Damage is empty when the content is sound to its end, else what is wrong with it, for a person.
	Damage string
	// Charset is the encoding of sound text, XML and JSON, as a charset parameter spells it. An 8-bit set that nothing names is called
	// windows-1252, which holds all of Latin-1's characters.
	Charset string
	// Attachments is how many base64 attachments were handed out; AttachmentsOverLimit how many were found beyond the limit
	// and not handed out; AttachmentErr is the first error of their writers. When one of the last two is set, the document was not wholly
	// scanned and must not be accepted.
	Attachments, AttachmentsOverLimit int
	AttachmentErr                     error

	empty, alsoJSON     bool
	seemsXML, seemsJSON bool
	// kind is what the content is when it is none of the nine and we can tell.
	kind string
	// why says of the textual formats what keeps the content from being one.
	why map[Type]string
}

// Check compares the declared content type and the name (a file name or a title; it may be empty) with the content, by F1 and F2.
// Locations are "mimeType", "title" and "content", in XDS terms and relative to the document.
func (r Result) Check(contentType, name string) fault.Problems {
	var problems fault.Problems
	want, ok := Parse(contentType)
	if !ok {
		problems.Add(fault.New(fault.FormatNotAllowed, "The content type %s is not allowed. Send %s, and declare it as such.", quoted(contentType), allowed).
			At("mimeType").By("F1"))
	}
	problems.Add(r.checkName(want, name), r.checkContent(want))
	return problems
}

// mediaTypeLike is what may be repeated in an error text: a caller's arbitrary words could be anything, a patient's number too.
var mediaTypeLike = regexp.MustCompile(`^[a-zA-Z.+/-][a-zA-Z0-9.+/-]{0,80}$`)
var longNumber = regexp.MustCompile(`[0-9]{5,}`)

func quoted(contentType string) string {
	switch {
	case contentType == "":
		return "is missing, which"
	case !mediaTypeLike.MatchString(contentType) || longNumber.MatchString(contentType):
		return "that was declared"
	}
	return fmt.Sprintf("%q", contentType)
}

// checkName holds the extension against the declared type, or against the content when the declared type is of no use.
func (r Result) checkName(want Type, name string) *fault.Problem {
	claimed, ext, known := Extension(name)
	if want == "" {
		want = r.Found
	}
	if !known || want == "" || claimed == want {
		return nil
	}
	return fault.New(fault.FormatMismatch, "The name ends in .%s, but the document is %s. Correct the name or the content type.", ext, want.Name()).
		At("title").By("F2")
}

// checkContent holds the content against the declared type; with none of use only emptiness and damage are told.
func (r Result) checkContent(want Type) *fault.Problem {
	switch {
	case r.Size == 0 || r.empty:
		return invalid("The document is empty. Send its content.")
	case want == "" && r.Damage == "" || r.Found == want && r.Damage == "" || want == JSON && r.alsoJSON:
		return nil
	case r.Found == want || want == "":
		return invalid("The document is not sound %s: %s. Send the whole, undamaged file.", r.Found.Name(), r.Damage)
	case want == XML && r.seemsXML, want == JSON && r.seemsJSON && r.Found != XML && r.kind == "":
		return invalid("The document is not well-formed %s: %s. Send the whole, undamaged file.", want.Name(), r.why[want])
	case r.Found == "" && r.kind == "" && want == Text && r.why != nil:
		return invalid("The document is not plain text: %s. Send text in UTF-8, or declare what it is.", r.why[Text])
	}
	return r.mismatch(want)
}

func (r Result) mismatch(want Type) *fault.Problem {
	found, advice := r.Found.Name(), fmt.Sprintf("Declare %s, or send %s", r.Found, want.Name())
	if r.Found == "" {
		advice = "Send " + allowed + ", and declare it as such"
		if r.kind != "" {
			found = r.kind
		}
	}
	return fault.New(fault.FormatMismatch, "The document was declared as %s, but its content is %s. %s.", want.Name(), found, advice).At("content").By("F2")
}

func invalid(text string, args ...any) *fault.Problem {
	return fault.New(fault.InvalidContent, text, args...).At("content").By("F2")
}
