package document

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// The assigning authorities the Norwegian profile knows (nhn.md (b); P2).
const (
	AuthorityFNR = "2.16.578.1.12.4.1.4.1"
	AuthorityDNR = "2.16.578.1.12.4.1.4.2"
	AuthorityHPR = "2.16.578.1.12.4.1.4.4"
	AuthorityOrg = "2.16.578.1.12.4.1.4.101"
)

// Identifier is a value within the system that gave it: an OID without prefix, or a URI.
type Identifier struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value,omitempty"`
}

// Code is a coded value; System is an OID without urn:oid:, or a URI. Display is for people and never decides anything.
type Code struct {
	Value   string `json:"code,omitempty"`
	System  string `json:"system,omitempty"`
	Display string `json:"display,omitempty"`
}

// Token is the form codes have in the registry, value^system; displays are kept beside it.
func (c Code) Token() string { return c.Value + "^" + c.System }

// ParseToken is Token's inverse; a token without system has an empty one.
func ParseToken(s string) Code {
	v, sys, _ := strings.Cut(s, "^")
	return Code{Value: v, System: sys}
}

// IsZero reports whether there is no code.
func (c Code) IsZero() bool { return c.Value == "" && c.System == "" }

var oidForm = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]*))+$`)

// maxOID is the longest OID XDS allows (ITI TF-3 §4.2.3.1.7).
const maxOID = 64

// ErrOID says that a text is not an OID.
var ErrOID = errors.New("not an OID: digits and dots, first arc 0-2, at most 64 characters")

// ParseOID reads an OID with or without urn:oid: and returns it without (nhn.md (a): compare without the prefix).
func ParseOID(s string) (string, error) {
	s = StripURN(s)
	if len(s) > maxOID || !oidForm.MatchString(s) {
		return "", ErrOID
	}
	return s, nil
}

// IsOID reports whether s, without prefix, is an OID.
func IsOID(s string) bool { return len(s) <= maxOID && oidForm.MatchString(s) }

// URN gives an OID its urn:oid: and a UUID its urn:uuid:; everything else, URIs among it, stays as it is.
func URN(s string) string {
	switch {
	case oidForm.MatchString(s): // one that is longer than XDS allows too: IHE's own examples have one, and we keep it
		return "urn:oid:" + s
	case uuidForm.MatchString(s):
		return "urn:uuid:" + s
	default:
		return s
	}
}

var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$`)

// StripURN takes urn:oid: and urn:uuid: off, in any letter case; a UUID comes back in lower case so that it compares equal.
func StripURN(s string) string {
	s = strings.TrimSpace(s)
	for _, prefix := range []string{"urn:oid:", "urn:uuid:"} {
		if len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
			s = s[len(prefix):]
			break
		}
	}
	if uuidForm.MatchString(s) {
		return strings.ToLower(s)
	}
	return s
}

// PatientID is a patient's identifier with the authority that assigned it (P1: any authority).
type PatientID struct {
	Value string `json:"value,omitempty"`
	// Authority is an OID without prefix, or a URI.
	Authority string `json:"authority,omitempty"`
}

// IsZero reports whether there is no identifier.
func (p PatientID) IsZero() bool { return p == PatientID{} }

// CX is the canonical text, id^^^&authority&ISO, that registry and audit keep; a URI authority has type URI.
func (p PatientID) CX() string {
	kind := "URI"
	if IsOID(p.Authority) {
		kind = "ISO"
	}
	return p.Value + "^^^&" + p.Authority + "&" + kind
}

// maxCX bounds what ParseCX looks at.
const maxCX = 512

// ParseCX reads id^^^&authority&type (ITI TF-3 §4.2.3.1.7, CX). Further components are refused: XDS allows none.
func ParseCX(s string) (PatientID, error) {
	if len(s) > maxCX {
		return PatientID{}, fmt.Errorf("a CX of %d characters: at most %d", len(s), maxCX)
	}
	parts := strings.Split(s, "^")
	if len(parts) != 4 || parts[1] != "" || parts[2] != "" {
		return PatientID{}, errors.New("not a CX: want id^^^&authority&ISO")
	}
	auth := strings.Split(parts[3], "&")
	if len(auth) != 3 || auth[0] != "" {
		return PatientID{}, errors.New("the CX names no assigning authority: want id^^^&authority&ISO")
	}
	p := PatientID{Value: strings.TrimSpace(parts[0]), Authority: StripURN(auth[1])}
	if err := p.Check(); err != nil {
		return PatientID{}, err
	}
	if (auth[2] == "ISO") != IsOID(p.Authority) {
		return PatientID{}, errors.New("the CX's authority type must be ISO for an OID and URI for a URI")
	}
	return p, nil
}

// Check refuses identifiers that could not be written as CX without ambiguity: empty parts, delimiters, control characters.
func (p PatientID) Check() error {
	if p.Value == "" || p.Authority == "" {
		return errors.New("a patient identifier needs a value and an authority")
	}
	if len(p.Value)+len(p.Authority) > maxCX-16 {
		return errors.New("the patient identifier is too long")
	}
	if !utf8.ValidString(p.Value) || !utf8.ValidString(p.Authority) {
		return errors.New("a patient identifier holds bytes that are no text (UTF-8)")
	}
	if strings.ContainsFunc(p.Value+p.Authority, func(r rune) bool { return r < ' ' || r == '^' || r == '&' || r == '~' || r == 0x7f }) {
		return errors.New("a patient identifier holds a character that is not allowed (^ & ~ or a control character)")
	}
	return nil
}
