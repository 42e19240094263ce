package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/saml"
)

// SAMLConfig says whose assertions the SOAP doors take (XUA, C4, X2). Without Issuers they take none, and so answer nobody.
type SAMLConfig struct {
	Issuers Issuers
	Skew    time.Duration
	// Meanings of acp codes, oid to kind of caller, are laid over saml.Defaults.
	Meanings map[string]string
}

// Issuers are the issuers of assertions, written as a list of objects.
type Issuers []saml.Issuer

// issuer is one as it is written. Everything in it decides about trust, so nothing has a default.
type issuer struct {
	Name         string              `json:"name"`
	Kind         string              `json:"kind"`
	Certificates []string            `json:"certificates"`
	Audiences    []string            `json:"audiences"`
	Lifetime     string              `json:"lifetime"`
	Level        int                 `json:"level"`
	Scopes       map[string][]string `json:"scopes"`
}

// callerKinds are the words of the configuration for those who can stand in an assertion.
var callerKinds = map[string]access.Kind{access.Personnel.String(): access.Personnel, access.Citizen.String(): access.Citizen,
	access.Guardian.String(): access.Guardian, access.Proxy.String(): access.Proxy}

// documentScopes are those that mean something at a SOAP door; one with a misspelling would let nobody in, and nobody would know why.
var documentScopes = []string{access.ScopeCreate, access.ScopeDelete, access.ScopeReadList, access.ScopeReadListKJ, access.ScopeReadDocument}

// objects are settings that are lists of objects: in YAML as they are, in the environment as JSON.
type objects interface {
	parse(text string) error
	show() string
}

// readObjects refuses what is not a list of objects with these fields and no other.
func readObjects(text string, into any) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if err == nil && d.Decode(new(json.RawMessage)) != io.EOF {
		err = errors.New("there is more after its end")
	}
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
		err = fmt.Errorf("%s is of the wrong kind", wrong.Field)
	}
	if err != nil {
		return fmt.Errorf("must be a list of objects (JSON in the environment): %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

func (all *Issuers) parse(text string) error {
	var written []issuer
	if err := readObjects(text, &written); err != nil {
		return err
	}
	*all = nil
	for n, w := range written {
		i, err := w.issuer()
		if err != nil {
			return fmt.Errorf("of issuer %d: %w", n+1, err)
		}
		*all = append(*all, i)
	}
	return saml.Config{Issuers: *all, Now: time.Now}.Check()
}

func (w issuer) issuer() (saml.Issuer, error) {
	kind, known := callerKinds[w.Kind]
	if !known {
		return saml.Issuer{}, errors.New("kind must be personnel or citizen")
	}
	life, err := time.ParseDuration(w.Lifetime)
	if err != nil {
		return saml.Issuer{}, errors.New("lifetime must be a duration such as 60m")
	}
	for _, name := range slices.Sorted(maps.Keys(w.Scopes)) {
		for _, scope := range w.Scopes[name] {
			if !slices.Contains(documentScopes, scope) {
				return saml.Issuer{}, fmt.Errorf("scopes: what %q stands for must be of %s", name, strings.Join(documentScopes, ", "))
			}
		}
	}
	return saml.Issuer{Name: w.Name, Kind: kind, Certificates: w.Certificates, Audiences: w.Audiences, Lifetime: life, Level: w.Level, Scopes: w.Scopes}, nil
}

// show is for the log: who is trusted, for whom.
func (all *Issuers) show() string {
	shown := make([]string, len(*all))
	for n, i := range *all {
		shown[n] = i.Name + " (" + i.Kind.String() + ")"
	}
	return strings.Join(shown, ",")
}

// areMeanings looks at the kinds that acp codes are to mean.
func areMeanings(text string) error {
	pairs, err := parsePairs(text)
	for _, kind := range pairs {
		if _, known := callerKinds[kind]; err == nil && !known {
			err = errors.New("must be a list of oid=kind, where kind is citizen, guardian, proxy or personnel")
		}
	}
	return err
}

// verifier lays the configuration over the defaults.
func (c SAMLConfig) verifier(now func() time.Time) (*saml.Verifier, error) {
	all := saml.Defaults()
	all.Issuers, all.Skew, all.Now = c.Issuers, c.Skew, now
	for oid, kind := range c.Meanings {
		all.Meanings[strings.TrimPrefix(oid, "urn:oid:")] = callerKinds[kind]
	}
	return saml.New(all)
}

// makeAssertions makes what verifies assertions, or says that there is none: then the SOAP doors let nobody in.
func (p *parts) makeAssertions(ctx context.Context) (err error) {
	if len(p.cfg.SAML.Issuers) == 0 {
		p.log.WarnContext(ctx, "no issuer of assertions is configured: the SOAP doors answer nobody", "component", string(fault.Self), "operation", "configuration")
		return nil
	}
	p.assertions, err = p.cfg.SAML.verifier(p.now)
	return err
}

// assertionsReady is what /readyz says of the issuers' certificates. It never makes the service unready: the files are every replica's, and the
// REST doors work without them.
func (p *parts) assertionsReady(ctx context.Context) error {
	if p.assertions == nil {
		return errNotConfigured
	}
	return p.assertions.Ready(ctx)
}
