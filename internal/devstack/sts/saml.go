package sts

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"

	"dokumentlager/internal/devstack/samlsign"
)

// SAMLIssuer is one of the two issuers of assertions that are played here: HelseID's XUA for health personnel and Helsenorge's STS for
// citizens. They differ from the real ones in their keys alone: HelseID's is that of the access tokens, Helsenorge's is an elliptic one
// where the real one is RSA, so that both kinds are in daily use.
type SAMLIssuer struct {
	// Short is what a TestAssertionRequest calls it, Name is saml:Issuer.
	Short, Name string
	// Audience is the default one, and Lifetime how long an assertion is valid by default.
	Audience string
	Lifetime time.Duration
	// Certificate is the PEM file with which the service is configured.
	Certificate string

	signer samlsign.Signer
}

// The issuers' short names.
const (
	HelseIDSAML    = "helseid"
	HelsenorgeSAML = "helsenorge"
)

// certificateLife is long because nobody renews a dev stack's.
const certificateLife = 10 * 365 * 24 * time.Hour

// loadSAML makes the issuers' keys and certificates, or reads them: a service that is configured with them may outlive this one.
func (s *Server) loadSAML(dir string) error {
	stored, err := loadKey(filepath.Join(dir, "saml-helsenorge.jwk"), newClientKey, jwa.ES256())
	if err != nil {
		return err
	}
	elliptic := new(ecdsa.PrivateKey)
	if err := jwk.Export(stored, elliptic); err != nil {
		return fmt.Errorf("sts: %w", err)
	}
	s.saml = []SAMLIssuer{
		{Short: HelseIDSAML, Name: "https://helseid-xdssaml.test.nhn.no", Audience: "nhn:dokumentdeling-saml", Lifetime: time.Hour},
		{Short: HelsenorgeSAML, Name: "sikkerhet.helsenorge.no", Audience: "https://xds-web.test.nhn.no/", Lifetime: 20 * time.Minute},
	}
	for i, key := range []crypto.Signer{s.key.private, elliptic} {
		issuer := &s.saml[i]
		issuer.Certificate = filepath.Join(dir, "saml-"+issuer.Short+".pem")
		if issuer.signer, err = s.certified(issuer.Certificate, issuer.Name, key); err != nil {
			return err
		}
	}
	return nil
}

// certified reads a certificate that fits the key and the time, or makes one and keeps it.
func (s *Server) certified(path, name string, key crypto.Signer) (samlsign.Signer, error) {
	now := s.now()
	content, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return samlsign.Signer{}, fmt.Errorf("sts: %w", err)
	}
	if block, _ := pem.Decode(content); block != nil {
		known, err := x509.ParseCertificate(block.Bytes)
		if err == nil && sameKey(known.PublicKey, key.Public()) && now.After(known.NotBefore) && now.Before(known.NotAfter) {
			return samlsign.Signer{Key: key, Certificate: known}, nil
		}
	}
	made, err := samlsign.Certificate(key, name, now, certificateLife)
	if err != nil {
		return samlsign.Signer{}, err
	}
	return samlsign.Signer{Key: key, Certificate: made}, keep(path, samlsign.PEM(made))
}

func sameKey(a, b crypto.PublicKey) bool {
	key, comparable := a.(interface{ Equal(crypto.PublicKey) bool })
	return comparable && key.Equal(b)
}

// SAMLIssuers are the two issuers of assertions.
func (s *Server) SAMLIssuers() []SAMLIssuer { return s.saml }
