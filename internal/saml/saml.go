// Package saml verifies the SAML 2.0 assertion of a SOAP request's WS-Security header (XUA, ITI-40) and reads who calls out of it.
//
// It promises that an Assertion comes out of Verify only for a header of the one shape that is taken, signed by a certificate that is
// configured for the very issuer it names, meant for us and valid now; that everything told was read from the bytes whose digest the
// issuer signed; that the caller's kind comes from configuration alone; and that an assertion which says two things of one matter is
// refused (spec/soap.md 1 and 2; C4, X2). What was wrong is told without repeating what the assertion says. It does not judge what
// the caller may do: that is access.
package saml

import (
	"context"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/document"

	"github.com/beevik/etree"
)

// Assertion is what a verified assertion says.
type Assertion struct {
	// Caller is who asks. Its TokenID is the assertion's ID; its Organisation is the portal's own for citizens.
	Caller access.Caller
	// Patient is whom the assertion is about (resource-id), zero when it does not say; citizens' always does.
	Patient document.PatientID
	// Issuer and Subject are for audit: XUA's user is alias<subject@issuer>. Subject is a national number as a rule.
	Issuer, Subject string
	// Home is homeCommunityId without urn:oid:, the nation's rather than a tenant's.
	Home string
	// ACP and Consent are the OIDs of the patient privacy policy and its acknowledgement, empty when there is none.
	ACP, Consent string
	// Expires is NotOnOrAfter.
	Expires time.Time
}

// Verifier checks headers. It is safe for concurrent use.
type Verifier struct {
	cfg     Config
	issuers map[string]trust
}

// trust is an issuer with what verifies it.
type trust struct {
	Issuer
	certificates *certificates
}

// New checks the configuration and reads every issuer's certificates once: a service that can verify nothing should not start.
func New(cfg Config) (*Verifier, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	v := &Verifier{cfg: cfg, issuers: map[string]trust{}}
	for _, i := range cfg.Issuers {
		v.issuers[i.Name] = trust{i, &certificates{paths: i.Certificates, now: cfg.Now}}
	}
	return v, v.found()
}

func (v *Verifier) found() error {
	for _, i := range v.issuers {
		if len(i.certificates.trusted()) == 0 {
			return i.certificates.ready()
		}
	}
	return nil
}

// Ready reports whether every issuer has a certificate that is valid now and can be read; for /readyz. It reads files at the most.
func (v *Verifier) Ready(context.Context) error {
	for _, i := range v.issuers {
		if err := i.certificates.ready(); err != nil {
			return err
		}
	}
	return nil
}

// Verify reads the security header of a request: an Envelope with its Header (a Body counts against the limits and is ignored), a Header,
// or a Security element alone, always with the declarations of all prefixes used. Refusals are fault.Problems of the code
// AssertionRefused, each because of one of the errors of this package.
func (v *Verifier) Verify(header []byte) (Assertion, error) {
	a, why := v.verify(header)
	if why != nil {
		return Assertion{}, why.problem()
	}
	return a, nil
}

func (v *Verifier) verify(header []byte) (Assertion, *refusal) {
	clean, why := vet(header)
	if why != nil {
		return Assertion{}, why
	}
	doc := etree.NewDocument()
	if err := doc.ReadFromBytes(clean); err != nil {
		return Assertion{}, malformed("The security header is not well-formed XML.")
	}
	c, why := locate(doc)
	if why != nil {
		return Assertion{}, why
	}
	issuer, known := v.issuers[c.issuer]
	if !known {
		return Assertion{}, unsigned("The assertion's issuer is not one that is trusted here.")
	}
	now := v.cfg.Now()
	verified, why := c.verify(issuer.certificates.trusted(), now)
	if why != nil {
		return Assertion{}, why
	}
	return v.read(verified, issuer.Issuer, now)
}

// read takes everything from the verified element, what was looked at before it was verified too.
func (v *Verifier) read(verified *etree.Element, issuer Issuer, now time.Time) (Assertion, *refusal) {
	s := statement{issuer: issuer, skew: v.cfg.Skew, now: now}
	if why := s.check(verified); why != nil {
		return Assertion{}, why
	}
	r := reading{attributes: s.attributes}
	a := r.assertion(s, v.cfg.Meanings)
	if r.wrong != nil {
		return Assertion{}, r.wrong
	}
	return a, nil
}
