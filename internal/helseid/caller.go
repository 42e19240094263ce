package helseid

import (
	"strconv"
	"strings"

	"dokumentlager/internal/access"
)

// The names of HelseID's claims (nhn.md "Tokens").
const (
	claimParent   = "helseid://claims/client/claims/orgnr_parent"
	claimChild    = "helseid://claims/client/claims/orgnr_child"
	claimSupplier = "helseid://claims/client/claims/orgnr_supplier"
	claimClient   = "helseid://claims/client/client_name"
	claimPID      = "helseid://claims/identity/pid"
	claimLevel    = "helseid://claims/identity/security_level"
	claimHPR      = "helseid://claims/hpr/hpr_number"
	claimAttest   = "nhn:tillitsrammeverk:parameters"
)

// oidOrganisation is the id system of organisation numbers; a point of care may be given by RESH id instead.
const oidOrganisation = "2.16.578.1.12.4.1.4.101"

// readCaller maps a verified token's claims. Problems stay in the reading, which the caller of this looks at.
func readCaller(claims object) access.Caller {
	c := access.Caller{
		ClientID:     claims.need("client_id"),
		ClientName:   claims.text(claimClient),
		Organisation: claims.text(claimParent),
		PointOfCare:  claims.text(claimChild),
		Supplier:     claims.text(claimSupplier),
		Name:         claims.text("name"),
		HPR:          claims.text(claimHPR),
		PersonID:     claims.text(claimPID),
		TokenID:      claims.need("jti"),
	}
	c.SecurityLevel = readLevel(claims)
	readAttest(claims, &c)
	c.Kind = kindOf(claims, c)
	return c
}

// kindOf: a token is a machine's only when nothing in it points to a person. HelseID's machine tokens have no sub; RFC 9068
// asks issuers to set it to the client's id.
func kindOf(claims object, c access.Caller) access.Kind {
	sub := claims.text("sub")
	if c.PersonID != "" || c.HPR != "" || (sub != "" && sub != c.ClientID) {
		return access.Personnel
	}
	return access.Machine
}

// readLevel reads "4", the way HelseID writes it.
func readLevel(claims object) int {
	if !claims.has(claimLevel) {
		return 0
	}
	level, err := strconv.ParseUint(claims.text(claimLevel), 10, 3)
	if err != nil {
		claims.wrongType(claimLevel, "a level from 0 to 7 as a string")
	}
	return int(level)
}

// readAttest maps tillitsrammeverk's claim (C3). It is about the person and the organisation of the token; one that names
// another is a forgery or a mix-up and refuses the token.
func readAttest(claims object, c *access.Caller) {
	if !claims.has(claimAttest) {
		return
	}
	attest := claims.child(claimAttest)
	practitioner := attest.child("practitioner")
	readPractitioner(practitioner, c)
	readPlaces(practitioner, c)
	relation := careRelation(attest)
	c.Purpose = relation.child("purpose_of_use").text("code")
	c.PurposeDetails = relation.child("purpose_of_use_details").text("code")
	decision, service := relation.child("decision_ref"), relation.child("healthcare_service")
	c.DecisionRef, c.DecisionSelected = decision.text("id"), decision.flag("user_selected")
	c.Service, c.ServiceSystem = service.text("code"), service.text("system")
	c.Attest = c.Purpose != ""
}

// careRelation: the text of the specification says care_relation, tokens say care_relationship.
func careRelation(attest object) object {
	if attest.has("care_relation") && attest.has("care_relationship") {
		attest.refuse("The attest has both care_relation and care_relationship; it must have one.")
	}
	if attest.has("care_relation") {
		return attest.child("care_relation")
	}
	return attest.child("care_relationship")
}

func readPractitioner(p object, c *access.Caller) {
	c.Role = p.child("authorization").text("code")
	identifier := p.child("identifier")
	if c.Name == "" {
		c.Name = identifier.text("name")
	}
	agree(p, "health personnel number", &c.HPR, p.child("hpr_nr").text("id"))
	// The identifier may be of any system; only national numbers say the same as the pid claim.
	if id := identifier.text("id"); c.PersonID != "" && id != "" && isNationalNumber(identifier.text("system")) && id != c.PersonID {
		p.refuse("The attest is about another person than the access token.")
	}
}

// readPlaces takes names from the attest and refuses a legal entity that is not the token's.
func readPlaces(p object, c *access.Caller) {
	entity, unit := p.child("legal_entity"), p.child("point_of_care")
	if id := entity.text("id"); id != "" && id != c.Organisation {
		p.refuse("The attest's legal_entity is not the organisation of the access token.")
	}
	c.OrganisationName = entity.text("name")
	id, name := unit.text("id"), unit.text("name")
	if system := unit.text("system"); c.PointOfCare == "" && (system == "" || strings.TrimPrefix(system, "urn:oid:") == oidOrganisation) {
		c.PointOfCare = id
	}
	if id == c.PointOfCare {
		c.PointOfCareName = name
	}
	department := p.child("department")
	c.Department, c.DepartmentSystem, c.DepartmentName = department.text("id"), department.text("system"), department.text("name")
}

// agree fills a value that only the attest has, and refuses one that both have and that differs.
func agree(o object, what string, have *string, attested string) {
	if *have != "" && attested != "" && *have != attested {
		o.refuse("The attest and the access token name different ones: %s.", what)
	}
	if *have == "" {
		*have = attested
	}
}

// isNationalNumber tells fødselsnummer and D-number (P2).
func isNationalNumber(system string) bool {
	oid := strings.TrimPrefix(system, "urn:oid:")
	return oid == "2.16.578.1.12.4.1.4.1" || oid == "2.16.578.1.12.4.1.4.2"
}
