package format

import (
	"bytes"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// isNameStart and isNameRune are NameStartChar and NameChar of XML 1.0 fifth edition §2.3.
func isNameStart(r rune) bool {
	switch {
	case r < 0x80:
		return r|0x20 >= 'a' && r|0x20 <= 'z' || r == '_' || r == ':'
	case r < 0x2000:
		return r >= 0xC0 && r != 0xD7 && r != 0xF7 && (r < 0x300 || r >= 0x370) && r != 0x37E
	}
	return r == 0x200C || r == 0x200D || r >= 0x2070 && r <= 0x218F || r >= 0x2C00 && r <= 0x2FEF || r >= 0x3001 && r <= 0xD7FF ||
		r >= 0xF900 && r <= 0xFDCF || r >= 0xFDF0 && r <= 0xFFFC || r >= 0x10000 && r <= 0xEFFFF
}

func isNameRune(r rune) bool {
	return isNameStart(r) || r >= '0' && r <= '9' || r == '-' || r == '.' || r == 0xB7 || r >= 0x300 && r <= 0x36F || r == 0x203F || r == 0x2040
}

// nameASCII are the ASCII bytes that go on a name.
var nameASCII = func() (class [utf8.RuneSelf]bool) {
	for r := range rune(utf8.RuneSelf) {
		class[r] = isNameRune(r)
	}
	return class
}()

// nameLen is how many first bytes of p can go on a name, or begin one when start is set.
func nameLen(p []byte, start bool) (n int) {
	for n < len(p) {
		r, size := rune(p[n]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(p[n:])
		}
		if ascii := r < utf8.RuneSelf; ascii && !nameASCII[r] || !ascii && !isNameRune(r) || n == 0 && start && !isNameStart(r) {
			break
		}
		n += size
	}
	return n
}

// isXMLRune is Char of §2.2.
func isXMLRune(r rune) bool {
	return r >= 0x20 && r <= 0xD7FF || r == '\t' || r == '\n' || r == '\r' || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000 && r <= utf8.MaxRune
}

func isXMLSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// localName is what stands behind the prefix.
func localName(name []byte) []byte { return name[bytes.LastIndexByte(name, ':')+1:] }

// reference resolves what stands between "&" and ";": character references and the five entities that need no DTD.
func reference(name string) (r rune, ok bool) {
	switch name {
	case "lt":
		return '<', true
	case "gt":
		return '>', true
	case "amp":
		return '&', true
	case "quot":
		return '"', true
	case "apos":
		return '\'', true
	}
	digits, base := "", 10
	if len(name) > 2 && name[:2] == "#x" {
		digits, base = name[2:], 16
	} else if len(name) > 1 && name[0] == '#' {
		digits = name[1:]
	}
	n, err := strconv.ParseUint(digits, base, 32)
	return rune(n), err == nil && n <= utf8.MaxRune && isXMLRune(rune(n))
}

// declaration is XMLDecl of §2.8, for version 1.0; its group of interest is the encoding.
var declaration = regexp.MustCompile(`^<\?xml[ \t\r\n]+version[ \t\r\n]*=[ \t\r\n]*(?:"1\.0"|'1\.0')` +
	`(?:[ \t\r\n]+encoding[ \t\r\n]*=[ \t\r\n]*(?:"([A-Za-z][A-Za-z0-9._-]*)"|'([A-Za-z][A-Za-z0-9._-]*)'))?` +
	`(?:[ \t\r\n]+standalone[ \t\r\n]*=[ \t\r\n]*(?:"(?:yes|no)"|'(?:yes|no)'))?[ \t\r\n]*\?>`)

// declaredSet reads the encoding that the XML declaration at the start of a document's plain head names, and says why it cannot be
// followed. The byte order mark wins over it, as readers have it.
func declaredSet(s set, marked bool, plain []byte) (set, string) {
	if !bytes.HasPrefix(plain, []byte("<?xml")) || len(plain) > 5 && isNameRune(rune(plain[5])) {
		return s, ""
	}
	match := declaration.FindSubmatch(plain)
	if match == nil {
		return s, "its XML declaration is not one of XML 1.0"
	}
	label := string(match[1]) + string(match[2])
	named, known := labelled(label)
	wide := named == utf16LE || named == utf16BE
	switch {
	case s != utf8Set || marked && !wide:
		return s, ""
	case !known:
		return s, "its XML declaration names an encoding that is not accepted; use UTF-8"
	case wide:
		return s, "its XML declaration says UTF-16, but it is not written in UTF-16"
	}
	return named, ""
}
