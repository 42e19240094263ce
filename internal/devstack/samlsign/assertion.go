// Package samlsign writes signed SAML 2.0 assertions in the shape of HelseID's and Helsenorge's (spec/soap.md 2): for the issuers that
// the dev stack plays, and for tests, which also need them wrong in one place.
//
// It promises that what it writes is in exclusive canonical form already, letter for letter: the digest is taken of the text itself. So
// it shares no canonicalization with the verifier it is used to test.
package samlsign

import (
	"strings"
	"time"
)

// Assertion is what an issuer says. Everything is written as it stands here; nothing is checked.
type Assertion struct {
	ID, Issuer, NameID string
	Issued             time.Time
	// NotBefore and NotOnOrAfter are texts so that they can be wrong; Time writes right ones.
	NotBefore, NotOnOrAfter string
	Audience                string
	Attributes              []Attribute
}

// Attribute has the values of one name; an empty list writes xsi:nil, as HelseID does.
type Attribute struct {
	Name   string
	Values []string
}

// Time is how both issuers write times.
func Time(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// XML is the assertion with its signature, an empty one to be signed.
func (a Assertion) XML(signature string) string {
	var b strings.Builder
	b.WriteString(`<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="` + quoted(a.ID) + `" IssueInstant="` + Time(a.Issued) + `" Version="2.0">`)
	b.WriteString(`<saml:Issuer>` + Text(a.Issuer) + `</saml:Issuer>` + signature)
	b.WriteString(`<saml:Subject><saml:NameID>` + Text(a.NameID) + `</saml:NameID>` +
		`<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"></saml:SubjectConfirmation></saml:Subject>`)
	b.WriteString(`<saml:Conditions NotBefore="` + quoted(a.NotBefore) + `" NotOnOrAfter="` + quoted(a.NotOnOrAfter) + `">` +
		`<saml:AudienceRestriction><saml:Audience>` + Text(a.Audience) + `</saml:Audience></saml:AudienceRestriction></saml:Conditions>`)
	b.WriteString(`<saml:AttributeStatement>`)
	for _, attribute := range a.Attributes {
		attribute.write(&b)
	}
	b.WriteString(`</saml:AttributeStatement><saml:AuthnStatement AuthnInstant="` + Time(a.Issued) + `"><saml:AuthnContext>` +
		`<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:X509</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement></saml:Assertion>`)
	return b.String()
}

func (a Attribute) write(b *strings.Builder) {
	b.WriteString(`<saml:Attribute Name="` + quoted(a.Name) + `">`)
	for _, value := range a.Values {
		b.WriteString(`<saml:AttributeValue>` + Text(value) + `</saml:AttributeValue>`)
	}
	if len(a.Values) == 0 {
		b.WriteString(`<saml:AttributeValue xmlns:a="http://www.w3.org/2001/XMLSchema-instance" a:nil="true"></saml:AttributeValue>`)
	}
	b.WriteString(`</saml:Attribute>`)
}

// Text escapes text as C14N writes it.
func Text(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\r", "&#xD;").Replace(s)
}

// quoted escapes the value of an attribute as C14N writes it.
func quoted(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;", "\t", "&#x9;", "\n", "&#xA;", "\r", "&#xD;").Replace(s)
}
