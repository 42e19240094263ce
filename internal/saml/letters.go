package saml

import (
	"bytes"
	"strconv"
	"strings"
)

// The smallest pieces of XML that vetter reads.

func (v *vetter) peek() byte {
	if v.at < len(v.text) {
		return v.text[v.at]
	}
	return 0
}

func (v *vetter) take(c byte) bool {
	if v.peek() != c {
		return false
	}
	v.at++
	return true
}

// space skips white space and reports whether there was any.
func (v *vetter) space() bool {
	from := v.at
	for c := v.peek(); c == ' ' || c == '\t' || c == '\r' || c == '\n'; c = v.peek() {
		v.at++
	}
	return v.at > from
}

func (v *vetter) name() string {
	from := v.at
	for inName(v.peek()) {
		v.at++
	}
	return string(v.text[from:v.at])
}

// qname reads prefix:local, or a name without prefix.
func (v *vetter) qname() (prefix, local string, ok bool) {
	name := v.name()
	prefix, local, found := strings.Cut(name, ":")
	if !found {
		prefix, local = "", name
	}
	return prefix, local, isNCName(local) && (!found || isNCName(prefix))
}

func joined(prefix, local string) string {
	if prefix == "" {
		return local
	}
	return prefix + ":" + local
}

// isNCName takes ASCII names only: all that SOAP, WS-Security, SAML and XML Signature define are.
func isNCName(s string) bool {
	if s == "" || s[0] == '-' || s[0] == '.' || '0' <= s[0] && s[0] <= '9' {
		return false
	}
	for i := range len(s) {
		if !inName(s[i]) || s[i] == ':' {
			return false
		}
	}
	return true
}

func inName(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c == '.' || c == ':'
}

// references checks that every & begins one of the five known entities or the number of a character.
func references(text []byte) *refusal {
	for {
		i := bytes.IndexByte(text, '&')
		if i < 0 {
			return nil
		}
		text = text[i+1:]
		end := bytes.IndexByte(text[:min(len(text), 12)], ';')
		if end < 0 || !reference(string(text[:end])) {
			return malformed("The security header holds an entity or a character reference that is not allowed.")
		}
		text = text[end+1:]
	}
}

func reference(name string) bool {
	switch name {
	case "amp", "lt", "gt", "quot", "apos":
		return true
	}
	digits, numeric := strings.CutPrefix(name, "#")
	base := 10
	if hex, ok := strings.CutPrefix(digits, "x"); ok {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	surrogate := n >= 0xD800 && n <= 0xDFFF
	return numeric && err == nil && n <= 0x10FFFF && !surrogate && !forbidden(rune(n))
}
