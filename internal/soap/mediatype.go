package soap

import (
	"errors"
	"strings"
)

// mediaType is a Content-Type as real clients write it. Names of parameters are in lower case.
type mediaType struct {
	name   string
	params map[string]string
}

// The most of a Content-Type that is looked at.
const (
	maxContentType = 2048
	maxParameters  = 16
)

var errContentType = errors.New("the Content-Type cannot be read")

// parseMediaType reads what mime.ParseMediaType refuses and clients send: values with : / < = or @ outside quotes, in single quotes, or with
// quotes inside quotes (spec/soap.md 3). Of a parameter that stands twice with two values nobody knows which is meant: it is refused.
func parseMediaType(s string) (mediaType, error) {
	m := mediaType{params: map[string]string{}}
	if len(s) > maxContentType {
		return m, errContentType
	}
	name, rest, _ := strings.Cut(s, ";")
	m.name = strings.ToLower(strings.TrimSpace(name))
	if kind, sub, ok := strings.Cut(m.name, "/"); !ok || !isToken(kind) || !isToken(sub) {
		return m, errContentType
	}
	for rest != "" {
		key, value, next, ok := parameter(rest)
		if !ok || len(m.params) == maxParameters {
			return m, errContentType
		}
		if have, twice := m.params[key]; key != "" && twice && have != value {
			return m, errContentType
		}
		if key != "" {
			m.params[key] = value
		}
		rest = next
	}
	return m, nil
}

// parameter reads one name=value and what follows its semicolon; a stray semicolon is a parameter without a name.
func parameter(s string) (key, value, rest string, ok bool) {
	s = strings.TrimLeft(s, " \t\r\n")
	if s == "" {
		return "", "", "", true
	}
	if s[0] == ';' {
		return "", "", s[1:], true
	}
	key, s, ok = strings.Cut(s, "=")
	key = strings.ToLower(strings.TrimSpace(key))
	if !ok || !isToken(key) {
		return "", "", "", false
	}
	s = strings.TrimLeft(s, " \t\r\n")
	if s != "" && (s[0] == '"' || s[0] == '\'') {
		value, rest, ok = quoted(s)
		return key, value, rest, ok
	}
	value, rest, _ = strings.Cut(s, ";")
	return key, strings.TrimSpace(value), rest, true
}

// quoted reads a value in quotes. The closing quote is the one behind which a semicolon or nothing comes: other quotes belong to the value.
func quoted(s string) (value, rest string, ok bool) {
	quote := s[0]
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case c == quote:
			after := strings.TrimLeft(s[i+1:], " \t\r\n")
			if after == "" {
				return b.String(), "", true
			}
			if after[0] == ';' {
				return b.String(), after[1:], true
			}
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return "", "", false
}

func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, r)
	})
}

// The media types of messages.
const (
	typeSOAP    = "application/soap+xml"
	typeXOP     = "application/xop+xml"
	typeRelated = "multipart/related"
	typeXML     = "text/xml"
)
