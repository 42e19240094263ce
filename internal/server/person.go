package server

import (
	"context"
	"errors"

	"dokumentlager/internal/disclosure"
	"dokumentlager/internal/fault"
	"dokumentlager/internal/helseid"
	"dokumentlager/internal/person"
	"dokumentlager/internal/submission"

	"github.com/lestrrat-go/jwx/v3/jwk"
)

// makePerson makes the client of Persontjenesten, or says that there is none.
func (p *parts) makePerson(ctx context.Context) error {
	c := p.cfg.Persontjenesten
	if c.URL == "" {
		p.log.WarnContext(ctx, "Persontjenesten is not configured: nobody is asked whether a patient exists, is dead or has a protected address", "component", string(fault.Persontjenesten), "operation", "configuration")
		return nil
	}
	signer, err := p.personSigner()
	if err != nil {
		return err
	}
	p.person, err = person.New(person.Config{URL: c.URL, Signer: signer, Deadline: c.Deadline, Fresh: c.Fresh, Stale: c.Stale, Known: c.Known, HTTP: p.client(fault.Persontjenesten), Now: p.now, Log: p.log})
	return err
}

// personSigner is this service's own client at HelseID.
func (p *parts) personSigner() (*helseid.Machine, error) {
	c := p.cfg.Persontjenesten
	var problems fault.Problems
	for key, value := range map[string]string{"persontjenesten.client_id": c.ClientID, "persontjenesten.private_key": c.PrivateKey} {
		if value == "" {
			problems.Add(fault.New(fault.ConfigurationRefused, "A value is missing: with persontjenesten.url it is needed too.").At(key))
		}
	}
	if problems.Refuses() {
		return nil, problems
	}
	key, err := jwk.ParseKey([]byte(c.PrivateKey))
	if err != nil {
		return nil, errors.New("persontjenesten.private_key is no JWK") // isPrivateJWK has looked at it
	}
	proofs, err := helseid.NewProofKey()
	if err != nil {
		return nil, err
	}
	return &helseid.Machine{Scopes: []string{c.Scope}, Organisation: c.Organisation,
		Client: &helseid.Client{ClientID: c.ClientID, Key: key, Issuer: p.cfg.HelseID.Issuer, Proofs: proofs, HTTPClient: p.client(fault.HelseID), Now: p.now}}, nil
}

// isPrivateJWK never repeats what it looked at.
func isPrivateJWK(text string) error {
	key, err := jwk.ParseKey([]byte(text))
	if err == nil {
		if private, err := jwk.IsPrivateKey(key); err == nil && private {
			return nil
		}
	}
	return errors.New("must be a private RSA or EC key as one JWK (JSON)")
}

// register is what disclosure asks; a nil client must not become a Register that is not nil.
func (p *parts) register() disclosure.Register {
	if p.person == nil {
		return nil
	}
	return p.person
}

// patients is what submission asks; as register, it is nil when there is nobody to ask.
func (p *parts) patients() submission.Register {
	if p.person == nil {
		return nil
	}
	return p.person
}

// personReady is what /readyz says of Persontjenesten. It never makes the service unready: uploads for patients who are known go on without
// it, and taking every replica out of service would help nobody.
func (p *parts) personReady(ctx context.Context) error {
	if p.person == nil {
		return errNotConfigured
	}
	return p.person.Ready(ctx)
}
