package saml

import (
	"slices"
	"strconv"
	"strings"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"
)

// The attributes' names by what they mean: the first are Helsenorge's and HelseID's (hybrid of specification 1.1 and 2.0), then IHE's and
// those of specification 2.1 (spec/soap.md 2). All names of one meaning must say the same.
var (
	namePerson  = []string{"urn:oasis:names:tc:xspa:1.0:subject:subject-id", "urn:oasis:names:tc:xacml:1.0:subject:subject-id", "urn:oasis:names:tc:SAML:attribute:subject-id"}
	nameNumber  = []string{"urn:oasis:names:tc:xspa:1.0:subject:npi", "urn:oasis:names:tc:xspa:2.0:subject:npi", "urn:ihe:iti:xua:2017:subject:provider-identifier"}
	nameRole    = []string{"urn:oasis:names:tc:xacml:2.0:subject:role", "urn:oasis:names:tc:xspa:1.0:subject:role"}
	nameEntity  = []string{"urn:oasis:names:tc:xspa:1.0:subject:organization-id"}
	nameEntityN = []string{"urn:oasis:names:tc:xspa:1.0:subject:organization"}
	nameUnit    = []string{"urn:oasis:names:tc:xspa:1.0:subject:child-organization"}
	nameUnitN   = []string{"urn:nhn:trust-framework:1.0:ext:subject:child-organization-name"}
	namePurpose = []string{"urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", "urn:oasis:names:tc:xspa:1.0:subject:purposeOfUse", "urn:oasis:names:tc:xacml:2.0:action:purpose"}
	nameDetails = []string{"urn:nhn:trust-framework:1.0:ext:care-relationship:purpose-of-use-details"}
	namePatient = []string{"urn:oasis:names:tc:xacml:2.0:resource:resource-id", "urn:oasis:names:tc:xacml:1.0:resource:resource-id"}
	nameACP     = []string{"urn:ihe:iti:xua:2012:acp"}
	nameConsent = []string{"urn:ihe:iti:bppc:2007:docid"}
	nameHome    = []string{"urn:ihe:iti:xca:2010:homeCommunityId", "urn:no:ehelse:saml:1.0:subject:homeCommunityId"}
	nameLevel   = []string{"SecurityLevel", "urn:no:ehelse:saml:1.0:subject:SecurityLevel"}
	nameScope   = []string{"Scope", "urn:no:ehelse:saml:1.0:subject:Scope"}
	nameClient  = []string{"client_id", "urn:no:ehelse:saml:1.0:subject:client_id"}
	nameService = []string{"urn:nhn:trust-framework:1.0:ext:care-relationship:healthcare-service", "urn:no:ehelse:saml:1.1:subject:healthcareservice"}
	nameRef     = []string{"urn:nhn:trust-framework:1.0:ext:care-relationship:decision-ref"}
)

// meant reports whether an attribute is one that is read; of others not even their form matters.
func meant(name string) bool {
	return slices.ContainsFunc([][]string{namePerson, nameNumber, nameRole, nameEntity, nameEntityN, nameUnit, nameUnitN, namePurpose, nameDetails,
		namePatient, nameACP, nameConsent, nameHome, nameLevel, nameScope, nameClient, nameService, nameRef},
		func(names []string) bool { return slices.Contains(names, name) })
}

// oidRoles is the code system of health personnel's roles (Volven 9060). The access rules know its codes, so the same letters of another
// system are no role.
const oidRoles = "2.16.578.1.12.4.1.1.9060"

// assertion reads the caller. Problems stay in the reading, the first of them in wrong.
func (r *reading) assertion(s statement, meanings map[string]access.Kind) Assertion {
	a := Assertion{Issuer: s.issuer.Name, Subject: s.subject, Expires: s.expires, Home: r.oid(nameHome),
		Patient: r.patient(), ACP: r.oid(nameACP), Consent: r.oid(nameConsent)}
	c := access.Caller{Kind: s.issuer.Kind, TokenID: s.id, Audience: s.audience, ClientID: r.text(nameClient), Name: r.text(namePerson),
		OrganisationName: r.text(nameEntityN), PointOfCareName: r.text(nameUnitN), SecurityLevel: r.level(s.issuer.Level),
		Purpose: r.code(namePurpose).Value, PurposeDetails: r.code(nameDetails).Value,
		DecisionRef: r.reference(nameRef)}
	service := r.code(nameService)
	if c.Service = service.Value; service.System != "" {
		c.ServiceSystem = document.URN(service.System)
	}
	c.Organisation, c.PointOfCare = r.organisation(nameEntity), r.organisation(nameUnit)
	c.Scopes = granted(r.text(nameScope), s.issuer.Scopes)
	if isNational(s.subject) {
		c.PersonID = s.subject
	}
	if a.Caller = c; s.issuer.Kind == access.Citizen {
		r.citizen(&a, meanings)
	} else {
		r.personnel(&a, meanings)
	}
	return a
}

// citizen: NameID is the patient exactly when nobody is represented; who represents somebody says as what (spec/soap.md 2, C5).
func (r *reading) citizen(a *Assertion, meanings map[string]access.Kind) {
	r.sameNumber(a.Caller.PersonID)
	kind, known := meanings[a.ACP]
	if a.ACP == "" {
		kind, known = access.Citizen, true
	}
	oneself := a.Caller.PersonID != "" && a.Patient == document.PatientID{Value: a.Subject, Authority: a.Patient.Authority} && isNationalAuthority(a.Patient.Authority)
	switch {
	case a.Caller.PersonID == "":
		r.refuse("The NameID of a citizen's assertion must be a national identity number.")
	case a.Patient.IsZero() || !isNationalAuthority(a.Patient.Authority):
		r.refuse("A citizen's assertion must name its patient by national identity number (resource-id).")
	case !known || kind == access.Personnel:
		r.refuse("The assertion's acp has no meaning for citizens here.")
	case oneself != (kind == access.Citizen):
		r.refuse("NameID and resource-id must be the same without an acp that says who is represented, and differ with one.")
	}
	a.Caller.Kind = kind
}

// personnel: the numbers of a health worker are HPR's; an acp can only be a consent state.
func (r *reading) personnel(a *Assertion, meanings map[string]access.Kind) {
	a.Caller.HPR = r.hpr(a.Caller.PersonID)
	if role := r.code(nameRole); role.System == "" || role.System == oidRoles {
		a.Caller.Role = role.Value
	}
	a.Caller.Attest = a.Caller.Purpose != ""
	kind, known := meanings[a.ACP]
	if a.ACP != "" && (!known || kind == access.Guardian || kind == access.Proxy) {
		r.refuse("The assertion's acp has no meaning for health personnel here.")
	}
}

// sameNumber: a citizen's npi and provider-identifier are his own number again.
func (r *reading) sameNumber(person string) {
	for _, id := range r.identifiers(nameNumber) {
		if (id.System == "" || isNationalAuthority(id.System)) && id.Value != person {
			r.refuse("NameID and npi or provider-identifier name different persons.")
		}
	}
}

// hpr is the number that npi and provider-identifier agree on. What is no HPR number by its form is none: a national number there would
// be taken for one that may be logged.
func (r *reading) hpr(person string) string {
	hpr := ""
	for _, id := range r.identifiers(nameNumber) {
		switch {
		case isNationalAuthority(id.System):
			if id.Value != person {
				r.refuse("NameID and provider-identifier name different persons.")
			}
		case id.System != "" && id.System != document.AuthorityHPR, !isNumber(id.Value, 1, 9):
		case hpr != "" && hpr != id.Value:
			r.refuse("npi and provider-identifier name different health personnel numbers.")
		default:
			hpr = id.Value
		}
	}
	return hpr
}

// organisation is an organisation number; RESH ids and others of another system are not ours to compare.
func (r *reading) organisation(names []string) string {
	id := r.identifier(names)
	if id.System != "" && id.System != document.AuthorityOrg {
		return ""
	}
	return id.Value
}

func (r *reading) patient() document.PatientID {
	var patient document.PatientID
	for _, v := range r.values(namePatient) {
		p := document.PatientID{Value: v.fields["extension"], Authority: document.StripURN(v.fields["root"])}
		err := p.Check()
		if v.fields == nil {
			// HelseID escapes the CX once more than XML needs.
			p, err = document.ParseCX(strings.ReplaceAll(v.text, "&amp;", "&"))
		}
		if err != nil {
			r.refuse("The resource-id is no patient identifier: id^^^&authority&ISO.")
		}
		if !patient.IsZero() && p != patient {
			r.refuse("The assertion has several resource-ids that differ.")
		}
		patient = p
	}
	return patient
}

// level reads "4".
func (r *reading) level(least int) int {
	written := r.text(nameLevel)
	level, err := strconv.ParseUint(written, 10, 3)
	if written != "" && err != nil {
		r.refuse("The SecurityLevel must be a number from 0 to 7.")
	}
	if int(level) < least {
		r.refuse("The person was identified at a lower SecurityLevel than %d.", least)
	}
	return int(level)
}

// reference is the id of a decision-ref, which is an element of its own kind.
func (r *reading) reference(names []string) string {
	id := ""
	for _, v := range r.values(names) {
		found := v.text
		if v.fields != nil {
			found = v.parts["id"]["value"]
		}
		if id != "" && found != id {
			r.refuse("The assertion has several decision-refs that differ.")
		}
		id = found
	}
	return id
}

// granted are our scopes for the issuer's, which come with commas or spaces between them.
func granted(written string, scopes map[string][]string) []string {
	named := strings.FieldsFunc(written, func(r rune) bool { return r == ',' || r == ' ' })
	if len(named) == 0 {
		named = []string{""}
	}
	var ours []string
	for _, name := range named {
		for _, scope := range scopes[name] {
			if !slices.Contains(ours, scope) {
				ours = append(ours, scope)
			}
		}
	}
	return ours
}

func isNational(s string) bool { return isNumber(s, 11, 11) }

func isNumber(s string, least, most int) bool {
	return len(s) >= least && len(s) <= most && strings.Trim(s, "0123456789") == ""
}

func isNationalAuthority(oid string) bool {
	return oid == document.AuthorityFNR || oid == document.AuthorityDNR
}
