package simulator

import (
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
)

// The systems of codes that stand alone: HL7's for confidentiality codes of its own, else 9603; 9602 for classes.
const (
	hl7           = "2.16.840.1.113883.5.25"
	national      = "2.16.578.1.12.4.1.1.9603"
	documentTypes = "2.16.578.1.12.4.1.1.9602"
)

// question is what access.Policy.Decide wants to know.
type question struct {
	caller  access.Caller
	basis   access.Basis
	patient access.Patient
	entry   access.Entry
	sharing access.Sharing
	now     time.Time
}

// question reads every field. What gives a right and is not told, is not there: a role, a purpose, an access basis, a confidentiality code.
// What takes one away and is not told, is not so: a death, a protected address, a narrow sharing.
func (r *reader) question(now func() time.Time) (q question) {
	q.caller = r.caller()
	q.basis = r.basis()
	q.patient = access.Patient{Known: true, BirthDate: r.moment("patient_birth"), DeadSince: r.moment("patient_dead_since")}
	q.patient.AddressProtected = r.word("address", "normal", "fortrolig", "strengt_fortrolig") != "normal"
	q.entry = r.entry()
	q.sharing = r.sharing()
	if q.now = r.moment("now"); q.now.IsZero() {
		q.now = now()
	}
	return q
}

// caller: personnel have HPR number, attest and security level 4 unless the question says otherwise; role and purpose it must tell.
func (r *reader) caller() access.Caller {
	kinds := map[string]access.Kind{}
	var names []string
	for _, k := range []access.Kind{access.Personnel, access.Citizen, access.Guardian, access.Proxy, access.Machine} {
		kinds[k.String()] = k
		names = append(names, k.String())
	}
	c := access.Caller{Kind: kinds[r.required("caller", names...)], Role: r.text("role"), Purpose: r.text("purpose"),
		Organisation: r.text("caller_org"), Attest: r.flag("attest", true), SecurityLevel: r.number("security_level", 4)}
	if r.given("hpr") {
		c.HPR = "given"
	}
	return c
}

func (r *reader) basis() access.Basis {
	if r.word("scope", "45", "kjernejournal") == "45" {
		r.text("access_basis") // §45 knows none (C6)
		return access.Basis{Scope: access.Section45}
	}
	return access.Basis{Scope: access.Kjernejournal, AccessBasis: r.text("access_basis")}
}

func (r *reader) entry() access.Entry {
	e := access.Entry{Class: code(r.text("class"), documentTypes), Creation: r.moment("created")}
	codes, _ := r.texts("confidentiality")
	for _, c := range codes {
		system := national
		if slices.Contains([]string{"N", "R", "V", "U", "L", "M"}, c) {
			system = hl7
		}
		e.Confidentiality = append(e.Confidentiality, code(c, system))
	}
	e.OwnerOrganisations, _ = r.texts("owner_org")
	return e
}

// code reads "code" or "system|code".
func code(text, system string) document.Code {
	if i := strings.LastIndexByte(text, '|'); i >= 0 {
		system, text = text[:i], text[i+1:]
	}
	return document.Code{Value: strings.TrimSpace(text), System: strings.TrimSpace(system)}
}

// sharing is both when it is not told. "Own organisation only" is a choice of its own in T5: alone, it means the owner's personnel (C7).
func (r *reader) sharing() (s access.Sharing) {
	with, told := r.texts("sharing")
	s.OwnOrganisationOnly = r.flag("own_organisation_only", false)
	s.Personnel = !told || len(with) == 0 && s.OwnOrganisationOnly
	s.Citizen = !told
	for _, w := range with {
		switch w {
		case access.Personnel.String():
			s.Personnel = true
		case access.Citizen.String():
			s.Citizen = true
		default:
			r.wrong("sharing", "a list of personnel, citizen")
		}
	}
	return s
}
