package saml

import (
	"slices"
	"time"

	"github.com/beevik/etree"
)

// bearer is the only method of confirmation: the assertion comes from its issuer by way of whoever shows it.
const bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

// statement checks a verified assertion's frame (SAML core 2.5.1; XUA) and gives what the rest is read from.
type statement struct {
	issuer Issuer
	skew   time.Duration
	now    time.Time

	id, subject, audience string
	expires               time.Time
	attributes            map[string][]value
}

// members are an assertion's children besides Issuer; the Signature is gone by now. What is not here, such as Advice with further
// assertions in it, nobody needs.
var members = []string{"Issuer", "Subject", "Conditions", "AuthnStatement", "AttributeStatement"}

func (s *statement) check(el *etree.Element) *refusal {
	for _, child := range el.ChildElements() {
		if child.NamespaceURI() != spaceSAML || !slices.Contains(members, child.Tag) {
			return malformed("The assertion may hold Issuer, Signature, Subject, Conditions, AuthnStatement and AttributeStatement only.")
		}
	}
	if name, ok := text(only(el, spaceSAML, "Issuer")); !ok || name != s.issuer.Name {
		return unsigned("The signed assertion names another issuer.")
	}
	if s.id = attr(el, "ID"); attr(el, "Version") != "2.0" || s.id == "" {
		return malformed("The assertion must be of Version 2.0.")
	}
	if issued, ok := instant(el, "IssueInstant"); !ok || issued.After(s.now.Add(s.skew)) {
		return outside("The assertion has no IssueInstant, or one in the future.")
	}
	for _, part := range []func(*etree.Element) *refusal{s.person, s.conditions, s.authentication, s.statements} {
		if why := part(el); why != nil {
			return why
		}
	}
	return nil
}

// person wants one NameID in the whole assertion: with two, readers differ on whom they mean.
func (s *statement) person(el *etree.Element) *refusal {
	subject := only(el, spaceSAML, "Subject")
	if subject == nil || !family(subject, spaceSAML, "NameID", "SubjectConfirmation") || len(el.FindElements(".//NameID")) != 1 {
		return malformed("The assertion needs one Subject with one NameID and one SubjectConfirmation.")
	}
	parts := subject.ChildElements()
	name, ok := text(parts[0])
	if s.subject = name; !ok || name == "" || len(name) > maxText {
		return malformed("The NameID must be text.")
	}
	if attr(parts[1], "Method") != bearer {
		return malformed("The SubjectConfirmation's method must be bearer.")
	}
	return s.confirmation(parts[1])
}

// confirmation: its data are optional; what they say of time holds.
func (s *statement) confirmation(el *etree.Element) *refusal {
	if len(el.ChildElements()) == 0 {
		return nil
	}
	data := only(el, spaceSAML, "SubjectConfirmationData")
	if data == nil || len(el.ChildElements()) != 1 {
		return malformed("The SubjectConfirmation may hold SubjectConfirmationData only.")
	}
	return s.window(data, false)
}

func (s *statement) conditions(el *etree.Element) *refusal {
	conditions := only(el, spaceSAML, "Conditions")
	if conditions == nil {
		return outside("The assertion needs exactly one Conditions.")
	}
	if why := s.window(conditions, true); why != nil {
		return why
	}
	begins, _ := instant(conditions, "NotBefore")
	s.expires, _ = instant(conditions, "NotOnOrAfter")
	if lifetime := s.expires.Sub(begins); lifetime <= 0 || lifetime > s.issuer.Lifetime+s.skew {
		return outside("The assertion is valid for longer than this issuer's may be (%v), or never.", s.issuer.Lifetime)
	}
	return s.audiences(conditions)
}

// audiences: each restriction must name us, and there must be one; a condition that is not known might forbid what we do.
func (s *statement) audiences(conditions *etree.Element) *refusal {
	for _, child := range conditions.ChildElements() {
		if child.NamespaceURI() != spaceSAML || !slices.Contains([]string{"AudienceRestriction", "OneTimeUse", "ProxyRestriction"}, child.Tag) {
			return outside("The assertion has a condition that is not known here.")
		}
	}
	restrictions := all(conditions, spaceSAML, "AudienceRestriction")
	for _, restriction := range restrictions {
		if s.audience = s.among(restriction); s.audience == "" {
			return outside("The assertion is for another audience.")
		}
	}
	if len(restrictions) == 0 {
		return outside("The assertion has no AudienceRestriction.")
	}
	return nil
}

func (s *statement) among(restriction *etree.Element) string {
	for _, el := range all(restriction, spaceSAML, "Audience") {
		if audience, ok := text(el); ok && slices.Contains(s.issuer.Audiences, audience) {
			return audience
		}
	}
	return ""
}

// authentication: XUA wants to know that somebody logged in.
func (s *statement) authentication(el *etree.Element) *refusal {
	statements := all(el, spaceSAML, "AuthnStatement")
	if len(statements) == 0 {
		return malformed("The assertion has no AuthnStatement.")
	}
	for _, statement := range statements {
		if at, ok := instant(statement, "AuthnInstant"); !ok || at.After(s.now.Add(s.skew)) {
			return outside("An AuthnStatement has no AuthnInstant, or one in the future.")
		}
		if attr(statement, "SessionNotOnOrAfter") == "" {
			continue
		}
		if end, ok := instant(statement, "SessionNotOnOrAfter"); !ok || !s.now.Before(end.Add(s.skew)) {
			return expired("The session in which the assertion was issued has ended.")
		}
	}
	return nil
}

// window holds NotBefore and NotOnOrAfter; both must be there where they are required.
func (s *statement) window(el *etree.Element, required bool) *refusal {
	begins, hasBegin := instant(el, "NotBefore")
	ends, hasEnd := instant(el, "NotOnOrAfter")
	switch {
	case required && !(hasBegin && hasEnd):
		return outside("The assertion's Conditions need NotBefore and NotOnOrAfter, as UTC times.")
	case (attr(el, "NotBefore") != "") != hasBegin || (attr(el, "NotOnOrAfter") != "") != hasEnd:
		return outside("A time of the assertion cannot be read.")
	case hasBegin && begins.After(s.now.Add(s.skew)):
		return outside("The assertion is not valid yet.")
	case hasEnd && !s.now.Before(ends.Add(s.skew)):
		return expired("The assertion has expired.")
	}
	return nil
}

// instant reads a time as SAML writes it, in UTC with Z (SAML core 1.3.3).
func instant(el *etree.Element, name string) (time.Time, bool) {
	written := attr(el, name)
	at, err := time.Parse(time.RFC3339Nano, written)
	_, offset := at.Zone()
	return at, err == nil && offset == 0
}
