package helseid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dokumentlager/internal/access"
)

// ReplayStore remembers DPoP proofs over replicas, restarts and crashes (W1). It is the only state a proof check has.
type ReplayStore interface {
	// Use spends a proof and reports whether it was unspent: of any number of callers with the same key exactly one sees true.
	// A key must be kept until iat + Config.ReplayWindow, since so long its proof passes every other check.
	Use(ctx context.Context, proof [16]byte, iat time.Time) (fresh bool, err error)
}

// Config is what a Verifier is told. Defaults fills everything but Issuer, PublicBaseURL and Replay.
type Config struct {
	// Issuer is HelseID's issuer, compared exactly; its discovery document names the keys unless JWKSURL does.
	Issuer, JWKSURL string
	// PublicBaseURL is scheme://host[:port][/prefix] as callers see us; a proof's htu must be it + the request's path.
	PublicBaseURL string
	// ProofLife is how old a proof's iat may be, ProofSkew how far the two clocks may differ either way, and Leeway the
	// same for the token's exp, nbf and iat.
	ProofLife, ProofSkew, Leeway time.Duration
	// Audiences gives the accepted spellings of each canonical audience. One spelling may stand under several audiences.
	Audiences map[string][]string
	// ScopeAliases gives the canonical spelling of scopes that are spelt otherwise.
	ScopeAliases map[string]string
	// CachedTokens bounds the memory of verified access tokens; 0 turns it off.
	CachedTokens int
	HTTPClient   *http.Client
	Now          func() time.Time
	Replay       ReplayStore
}

// Defaults are the measured windows (10 s life, 5 s skew: issue "Tokens") and every spelling that NHN has used for its
// audiences and scopes: nhn:phr until February 2026, S2's names, and nhn:phr-repo since April 2026 (W1; nhn.md a).
func Defaults() Config {
	return Config{
		ProofLife: 10 * time.Second, ProofSkew: 5 * time.Second, Leeway: 10 * time.Second,
		Audiences: map[string][]string{
			access.AudienceRead: {access.AudienceRead},
			// nhn:phr stands here too, for the write scopes it had before writing became an API of its own.
			access.AudienceWrite: {access.AudienceWrite, "nhn:phr-repo", access.AudienceRead},
		},
		ScopeAliases: map[string]string{
			"nhn:phr/mhd/create-documents-with-reference": access.ScopeCreate,
			"nhn:phr-repo/mhd/create":                     access.ScopeCreate,
			"nhn:phr/delete-documents-and-reference":      access.ScopeDelete,
			"nhn:phr-repo/delete-docs-and-refs":           access.ScopeDelete,
			// S2 §3 prints the delete scope cut short, and clients copy what is printed.
			"nhn:phr/delete-documents-and-referenc":                     access.ScopeDelete,
			"nhn:phr-document-repository/delete-documents-and-referenc": access.ScopeDelete,
		},
		CachedTokens: 4096,
		HTTPClient:   &http.Client{},
		Now:          time.Now,
	}
}

// ReplayWindow is how long after its iat a proof could still pass: the time a ReplayStore has to remember it.
func (c Config) ReplayWindow() time.Duration { return c.ProofLife + c.ProofSkew }

// check refuses a configuration that would let something through or nothing.
func (c Config) check() error {
	if _, err := absolute("Issuer", c.Issuer); err != nil {
		return err
	}
	switch {
	case c.Replay == nil:
		return errors.New("helseid: Config.Replay is missing; without it a proof could be used twice")
	case c.Now == nil || c.HTTPClient == nil:
		return errors.New("helseid: Config.Now or Config.HTTPClient is missing; begin with Defaults")
	case c.ProofLife <= 0 || c.ProofSkew < 0 || c.Leeway < 0:
		return errors.New("helseid: ProofLife must be above zero, ProofSkew and Leeway not below")
	case len(c.Audiences) == 0:
		return errors.New("helseid: Config.Audiences is empty")
	}
	for alias, scope := range c.ScopeAliases {
		if c.audienceOf(scope) == "" {
			return fmt.Errorf("helseid: the alias %q leads to %q, which belongs to no configured audience", alias, scope)
		}
	}
	return nil
}

// audienceOf is the canonical audience a canonical scope belongs to: HelseID names scopes "<audience>/<rest>".
func (c Config) audienceOf(scope string) string {
	audience, _, found := strings.Cut(scope, "/")
	if _, ok := c.Audiences[audience]; found && ok {
		return audience
	}
	return ""
}

// absolute parses a configured URL that has to name a scheme and a host and nothing after its path.
func absolute(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		return nil, fmt.Errorf("helseid: Config.%s must be an http or https URL", name)
	}
	if u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("helseid: Config.%s must have no user, query or fragment", name)
	}
	return u, nil
}
