package saml

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"dokumentlager/internal/devstack/samlsign"
)

var authnForm = regexp.MustCompile(`<saml:AuthnStatement.*</saml:AuthnStatement>`)

// frames are signed by the issuer itself, and not for us, not now, or not of one person.
func frames(t testing.TB, r *rig) (all []message) {
	signed := func(name string, want error, edits ...string) {
		all = append(all, message{name, want, enclosed(sign(t, r.helseID, r.doctor(), edits...))})
	}
	window := func(name string, begins, ends time.Duration) {
		a := r.doctor()
		a.NotBefore, a.NotOnOrAfter = samlsign.Time(r.now.Add(begins)), samlsign.Time(r.now.Add(ends))
		all = append(all, message{name, ErrConditions, enclosed(sign(t, r.helseID, a))})
	}
	window("expired", -time.Hour, -time.Minute)
	window("expired a moment ago, and the skew", -time.Minute, -10*time.Second)
	window("not valid yet", time.Minute, time.Hour)
	window("valid for too long", -time.Minute, 2*time.Hour)
	window("never valid", 5*time.Second, -5*time.Second)
	long := r.citizen()
	long.NotOnOrAfter = samlsign.Time(r.now.Add(time.Hour))
	all = append(all, message{"valid for longer than this issuer's", ErrConditions, enclosed(sign(t, r.helsenorge, long))})
	begins, ends := ` NotBefore="`+r.doctor().NotBefore+`"`, ` NotOnOrAfter="`+r.doctor().NotOnOrAfter+`"`
	signed("without a beginning", ErrConditions, begins, "")
	signed("without an end", ErrConditions, ends, "")
	signed("a time without a zone", ErrConditions, r.doctor().NotOnOrAfter, "2026-11-22T12:30:00")
	signed("a time of another zone", ErrConditions, r.doctor().NotOnOrAfter, "2026-11-22T13:30:00+01:00")
	const restriction = `<saml:AudienceRestriction><saml:Audience>` + AudienceHelseID + `</saml:Audience></saml:AudienceRestriction>`
	signed("without an audience", ErrConditions, restriction, "")
	signed("another audience", ErrConditions, AudienceHelseID, "nhn:dokumentdeling")
	signed("the other issuer's audience", ErrConditions, AudienceHelseID, AudienceHelsenorge)
	signed("a second restriction to others", ErrConditions, restriction, restriction+`<saml:AudienceRestriction><saml:Audience>x</saml:Audience></saml:AudienceRestriction>`)
	signed("a condition nobody knows", ErrConditions, restriction, restriction+"<saml:Condition></saml:Condition>")
	const conditions = `</saml:Conditions>`
	signed("two Conditions", ErrConditions, conditions, conditions+`<saml:Conditions`+begins+ends+`>`+restriction+conditions)
	signed("no Conditions", ErrConditions, `<saml:Conditions`+begins+ends+`>`+restriction+conditions, "")
	const name = `<saml:NameID>` + doctor + `</saml:NameID>`
	signed("two NameIDs", ErrShape, name, name+`<saml:NameID>`+citizen+`</saml:NameID>`)
	signed("a NameID in the confirmation too", ErrShape, `></saml:SubjectConfirmation>`, `>`+name+`</saml:SubjectConfirmation>`)
	signed("no NameID", ErrShape, name, "")
	signed("an empty NameID", ErrShape, doctor, "")
	signed("an element in the NameID", ErrShape, doctor, doctor+"<x></x>")
	signed("an encrypted id", ErrShape, name, `<saml:EncryptedID></saml:EncryptedID>`)
	signed("two Subjects", ErrShape, `</saml:Subject>`, `</saml:Subject><saml:Subject>`+name+`</saml:Subject>`)
	signed("holder of key", ErrShape, "cm:bearer", "cm:holder-of-key")
	signed("confirmation data that have expired", ErrConditions, `></saml:SubjectConfirmation>`,
		`><saml:SubjectConfirmationData NotOnOrAfter="2026-11-22T11:00:00Z"></saml:SubjectConfirmationData></saml:SubjectConfirmation>`)
	signed("issued in the future", ErrConditions, `IssueInstant="2026-11-22T12:00`, `IssueInstant="2026-11-22T12:10`)
	signed("version 1.1", ErrShape, `Version="2.0"`, `Version="1.1"`)
	signed("authenticated in the future", ErrConditions, `AuthnInstant="2026-11-22T12:00`, `AuthnInstant="2026-11-22T12:10`)
	signed("a session that has ended", ErrExpired, `<saml:AuthnStatement `, `<saml:AuthnStatement SessionNotOnOrAfter="2026-11-22T11:00:00Z" `,
		` SessionNotOnOrAfter="2026-11-22T11:00:00Z" AuthnInstant="2026-11-22T12:00:00.000Z"`, ` AuthnInstant="2026-11-22T12:00:00.000Z" SessionNotOnOrAfter="2026-11-22T11:00:00Z"`)
	signed("no authentication", ErrShape, authnForm.FindString(r.doctor().XML("")), "")
	signed("a NameID in an attribute", ErrShape, "4</saml:AttributeValue>", name+"</saml:AttributeValue>")
	signed("advice", ErrShape, "<saml:AttributeStatement>", "<saml:Advice></saml:Advice><saml:AttributeStatement>")
	return all
}

// contents are signed by the issuer itself and contradict themselves, or what their issuer may say (spec/soap.md 2).
func contents(t testing.TB, r *rig) (all []message) {
	doctors := func(name, attribute string, values ...string) {
		all = append(all, message{name, ErrContent, enclosed(sign(t, r.helseID, with(r.doctor(), attribute, values...)))})
	}
	citizens := func(name string, a samlsign.Assertion) {
		all = append(all, message{name, ErrContent, enclosed(sign(t, r.helsenorge, a))})
	}
	acp := func(a samlsign.Assertion, code string) samlsign.Assertion {
		return with(a, nameACP[0], "urn:oid:"+acpRoot+code)
	}
	other := with(r.citizen(), namePatient[0], child+"^^^&2.16.578.1.12.4.1.4.1&ISO")
	doctors("two numbers of the doctor", nameNumber[0], "565505934")
	doctors("two roles of one name", nameRole[1], `<Role code="SP" codeSystem="2.16.578.1.12.4.1.1.9060"/>`)
	doctors("two values that differ", nameLevel[0], "3")
	doctors("two names of the doctor", namePerson[1], "Somebody Else")
	doctors("two patients", namePatient[1], child+"^^^&2.16.578.1.12.4.1.4.1&ISO")
	doctors("one patient under two authorities", namePatient[1], patient+"^^^&2.16.578.1.12.4.1.4.2&ISO")
	doctors("a patient that is no CX", namePatient[0], patient)
	doctors("two organisations", nameEntity[0], "960510542", "994598759")
	doctors("another person as provider", nameNumber[2], `<id extension="`+citizen+`" root="2.16.578.1.12.4.1.4.1"/>`)
	doctors("a doctor as a guardian", nameACP[0], "urn:oid:"+acpRoot+".1")
	doctors("an acp nobody knows, for a doctor", nameACP[0], "urn:oid:"+acpRoot+".99")
	doctors("a code that is none", namePurpose[0], `<PurposeOfUse codeSystem="2.16.840.1.113883.1.11.20448"/>`)
	doctors("half an element as text", nameRole[0], `<Role code="LE"`)
	doctors("two elements as text", nameRole[0], `<Role code="LE"/><Role code="LE"/>`)
	doctors("a comment in an element as text", nameRole[0], `<Role code="LE"><!-- x --></Role>`)
	doctors("an entity in an element as text", nameRole[0], `<!DOCTYPE x [<!ENTITY e "LE">]><Role code="&e;"/>`)
	doctors("a line end in a code", nameRole[0], `<Role code="LE&#10;x"/>`)
	doctors("a line end in a name", namePerson[0], "KVART\nGREVLING")
	doctors("a code of 3 KB", nameRole[0], `<Role code="`+strings.Repeat("L", 3000)+`"/>`)
	doctors("an element where text belongs", nameLevel[1], `<x code="4"/>`)
	doctors("a level that is no number", nameLevel[1], "high")
	citizens("somebody else without an acp", other)
	citizens("somebody else with the acp of oneself", acp(other, ".0"))
	citizens("oneself with the acp of a parent", acp(r.citizen(), ".1"))
	citizens("an acp nobody knows", acp(other, ".99"))
	citizens("an acp of another root", with(other, nameACP[0], "1.2.3.1"))
	citizens("a consent state of personnel", acp(other, ".5"))
	citizens("two acps", with(other, nameACP[0], "urn:oid:"+acpRoot+".1", "urn:oid:"+acpRoot+".2"))
	citizens("no patient", with(r.citizen(), namePatient[0]))
	citizens("a patient of another authority", with(r.citizen(), namePatient[0], citizen+"^^^&2.16.578.1.12.4.1.4.3&ISO"))
	citizens("another person's npi", with(r.citizen(), nameNumber[1], child))
	citizens("a low level", with(r.citizen(), nameLevel[0], "3"))
	citizens("no level", with(r.citizen(), nameLevel[0]))
	alias := with(r.citizen(), nameNumber[1])
	alias.NameID = "citizen@example.org"
	citizens("a NameID that is no number", alias)
	aliasOf := with(other, nameNumber[1])
	aliasOf.NameID = alias.NameID
	citizens("a parent whose NameID is no number", acp(aliasOf, ".1"))
	citizens("a parent of nobody", acp(with(other, namePatient[0]), ".1"))
	citizens("a parent of a patient of another authority", acp(with(other, namePatient[0], child+"^^^&2.16.578.1.12.4.1.4.3&ISO"), ".1"))
	return all
}
