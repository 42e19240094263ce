// Package terminology knows the code systems of the Norwegian profile and tells a caller which of its codes do not exist.
//
// It promises rule D2 of spec/business-rules.md: a system we do not know is a warning, a code that a known system does not have is
// an error, and a display decides nothing. It also holds the spellings of systems (nhn.md (b)) and the HL7 half of C1. The
// value lists under codes/ are those of spec/codesystems; the package is pure and asks no terminology server.
package terminology

import (
	"slices"
	"strings"

	"dokumentlager/internal/document"
	"dokumentlager/internal/fault"
)

// Field is the metadata attribute a code stands in. The zero value is no particular one: any list of the code's system will do.
type Field uint8

// The coded attributes of an entry, a submission set and an author (ITI TF-3 tables 4.2.3.2-1 and 4.2.3.3-1).
const (
	Any Field = iota
	Class
	Type
	Format
	Facility
	Practice
	Event
	Confidentiality
	ContentType
	Role
)

var fieldNames = [...]string{
	"code", "classCode", "typeCode", "formatCode", "healthcareFacilityTypeCode", "practiceSettingCode",
	"eventCode", "confidentialityCode", "contentTypeCode", "authorRole",
}

// String is the attribute's name as XDS spells it.
func (f Field) String() string {
	if int(f) < len(fieldNames) {
		return fieldNames[f]
	}
	return fieldNames[Any]
}

// Check tells what is wrong with a code in that field, nil when nothing is. The problem has no location: the caller sets it.
// Only MetadataError (a code without value) and UnknownCode of a list we hold whole are errors; the rest are warnings (D2).
func Check(field Field, code document.Code) *fault.Problem {
	if strings.TrimSpace(code.Value) == "" {
		return fault.New(fault.MetadataError, "The %s has no code value. Send a code with its system.", field).By("D2")
	}
	if strings.Contains(code.Value, "^") {
		return fault.New(fault.MetadataError, "The %s has a ^ in its value. XDS separates code and system by it (code^^system), so no code has one.", field).By("D2")
	}
	if code.System == "" {
		return fault.New(fault.UnknownCodeSystem, "The %s %s names no code system, so it cannot be checked.",
			field, quote(code.Value)).By("D2").AsWarning()
	}
	sys, known := systems()[Canonical(code.System)]
	if !known {
		return fault.New(fault.UnknownCodeSystem, "The code system %s of the %s is not one we know, so its code is not checked.",
			quote(code.System), field).By("D2").AsWarning()
	}
	return sys.check(field, code)
}

// check looks the code up in the lists that fit the field.
func (s system) check(field Field, code document.Code) *fault.Problem {
	if _, ok := s.find(field.variant(), code.Value); ok {
		return nil
	}
	if s.open {
		return fault.New(fault.UnknownCode, "The %s %s is not among the codes we know of %s; that system grows, so it is accepted.",
			field, quote(code.Value), s.oid).By("D2").AsWarning()
	}
	if _, elsewhere := s.find("", code.Value); elsewhere {
		return fault.New(fault.UnknownCode, "The code %s of system %s cannot be a %s: it stands in the system's other list.",
			quote(code.Value), s.oid, field).By("D2")
	}
	return fault.New(fault.UnknownCode, "The code %s does not exist in code system %s. Mend the %s, or name the system it is from.",
		quote(code.Value), s.oid, field).By("D2")
}

// variant is the list a field needs where one OID has two: 9602 has class codes (A00-1) and type codes (A03-2). contentType
// may be of either, as no source limits it.
func (f Field) variant() string {
	switch f {
	case Class:
		return "classCode"
	case Type:
		return "typeCode"
	default:
		return ""
	}
}

// HasBase reports whether at least one code is HL7's N, R or V, as every entry needs (C1). N of 9603 does not count.
func HasBase(codes []document.Code) bool {
	return slices.ContainsFunc(codes, func(c document.Code) bool {
		return Canonical(c.System) == ConfidentialityHL7 && (c.Value == "N" || c.Value == "R" || c.Value == "V")
	})
}

// Display is our text for a code, to fill in where a caller sent none; empty when we have none.
func Display(systemName, code string) string {
	text, _ := systems()[Canonical(systemName)].find("", code)
	return text
}
