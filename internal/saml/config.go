package saml

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"dokumentlager/internal/access"
)

// The issuers of the national infrastructure, as their tokens name them (spec/nhn.md, spec/soap.md 2). Their test environments differ in
// name, so both are configuration; these are what the dev stack plays.
const (
	IssuerHelseID    = "https://helseid-xdssaml.test.nhn.no"
	IssuerHelsenorge = "sikkerhet.helsenorge.no"

	AudienceHelseID    = "nhn:dokumentdeling-saml"
	AudienceHelsenorge = "https://xds-web.test.nhn.no/"
)

// Config is what a Verifier is told.
type Config struct {
	Issuers []Issuer
	// Skew is how far the issuer's clock and ours may differ either way.
	Skew time.Duration
	// Meanings are what the codes of urn:ihe:iti:xua:2012:acp mean, by OID without urn:oid: Citizen is nobody but oneself, Guardian and Proxy
	// are who acts for another, Personnel are the consent states of health personnel's requests. A code that is not here is refused.
	Meanings map[string]access.Kind
	Now      func() time.Time
}

// Issuer is one that is trusted, for one kind of caller: what kind somebody is follows from who says so, never from what is said.
type Issuer struct {
	// Name is saml:Issuer, compared exactly.
	Name string
	// Kind is Personnel, or Citizen for an issuer of citizens and of those who act for them.
	Kind access.Kind
	// Certificates are PEM files, or folders of them; they are read again every 30 seconds.
	Certificates []string
	// Audiences are the accepted spellings of ourselves.
	Audiences []string
	// Lifetime is the longest time between NotBefore and NotOnOrAfter.
	Lifetime time.Duration
	// Level is the least SecurityLevel; 0 leaves the question to the access rules.
	Level int
	// Scopes are our scopes for each of the issuer's; those of "" go to an assertion that names none.
	Scopes map[string][]string
}

// Defaults has the windows and meanings, and no issuer.
func Defaults() Config {
	return Config{Skew: 10 * time.Second, Now: time.Now, Meanings: map[string]access.Kind{
		acpRoot + ".0": access.Citizen,
		// The first reading of the source's documentation; an older file of constants calls .2 guardian and .4 power of attorney.
		acpRoot + ".1": access.Guardian, acpRoot + ".2": access.Proxy, acpRoot + ".3": access.Proxy,
		acpRoot + ".4": access.Personnel, acpRoot + ".5": access.Personnel, acpRoot + ".6": access.Personnel,
		acpRoot + ".7": access.Personnel, acpRoot + ".8": access.Personnel,
	}}
}

// acpRoot is the code system of acp.
const acpRoot = "2.16.578.1.12.4.1.7.2.1"

// HelseID is the issuer of health personnel's assertions, with its measured lifetime.
func HelseID(certificates ...string) Issuer {
	read := []string{access.ScopeReadList, access.ScopeReadDocument}
	return Issuer{Name: IssuerHelseID, Kind: access.Personnel, Certificates: certificates, Audiences: []string{AudienceHelseID},
		Lifetime: 60 * time.Minute, Scopes: map[string][]string{"journaldokumenter_helsepersonell": read}}
}

// Helsenorge is the issuer of citizens' assertions, with its measured lifetime and the level its tokens always have.
func Helsenorge(certificates ...string) Issuer {
	read := []string{access.ScopeReadList, access.ScopeReadDocument}
	return Issuer{Name: IssuerHelsenorge, Kind: access.Citizen, Certificates: certificates, Audiences: []string{AudienceHelsenorge},
		Lifetime: 20 * time.Minute, Level: 4, Scopes: map[string][]string{"innsynpasientjournal": read}}
}

// maxSkew: more would let expired assertions in rather than forgive clocks.
const maxSkew = 5 * time.Minute

// Check refuses a configuration that would let something through that nobody meant, or nothing. It opens no file.
func (c Config) Check() error {
	if len(c.Issuers) == 0 {
		return errors.New("saml: Config.Issuers is empty")
	}
	if c.Now == nil || c.Skew < 0 || c.Skew > maxSkew {
		return fmt.Errorf("saml: Config.Now is missing, or Skew is not between 0 and %v; begin with Defaults", maxSkew)
	}
	for oid, kind := range c.Meanings {
		if !slices.Contains([]access.Kind{access.Citizen, access.Guardian, access.Proxy, access.Personnel}, kind) {
			return fmt.Errorf("saml: acp %s cannot mean %s; it can mean citizen, guardian, proxy or personnel", oid, kind)
		}
	}
	var names []string
	for _, i := range c.Issuers {
		if err := i.check(); err != nil {
			return fmt.Errorf("saml: issuer %q: %w", i.Name, err)
		}
		if slices.Contains(names, i.Name) {
			return fmt.Errorf("saml: the issuer %q stands twice", i.Name)
		}
		names = append(names, i.Name)
	}
	return nil
}

func (i Issuer) check() error {
	switch {
	case i.Name == "":
		return errors.New("it has no name")
	case i.Kind != access.Citizen && i.Kind != access.Personnel:
		return errors.New("its kind must be citizen or personnel")
	case len(i.Certificates) == 0:
		return errors.New("no place of certificates is named")
	case len(i.Audiences) == 0 || slices.Contains(i.Audiences, ""):
		return errors.New("it has no audience, or an empty one")
	case i.Lifetime <= 0 || i.Lifetime > 24*time.Hour:
		return errors.New("its longest lifetime must be above zero and at most 24 hours")
	case i.Level < 0 || i.Level > 7:
		return errors.New("its least security level must be between 0 and 7")
	}
	return nil
}
