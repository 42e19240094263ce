package saml

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/beevik/etree"
	dsig "github.com/russellhaering/goxmldsig"
	"github.com/russellhaering/goxmldsig/etreeutils"
)

// verify returns the element that the issuer signed, read anew from the very bytes whose digest was compared. Nothing may be read from
// any other tree: the certificate and the shape make it likely that they are the same, this makes it certain.
func (c *candidate) verify(trusted []*x509.Certificate, now time.Time) (*etree.Element, *refusal) {
	certificate, why := c.signer(trusted, now)
	if why != nil {
		return nil, why
	}
	if why := c.prepare(certificate); why != nil {
		return nil, why
	}
	// Prefixes that the Envelope declares belong to the assertion too.
	context, err := etreeutils.NSBuildParentContext(c.assertion)
	if err != nil {
		return nil, malformed("The assertion's namespaces cannot be read.")
	}
	alone, err := etreeutils.NSDetatch(context, c.assertion)
	if err != nil {
		return nil, malformed("The assertion's namespaces cannot be read, or it is too large.")
	}
	validation := dsig.NewDefaultValidationContext(&dsig.MemoryX509CertificateStore{Roots: []*x509.Certificate{certificate}})
	validation.Clock = dsig.NewFakeClockAt(now)
	verified, err := validation.Validate(alone)
	if err != nil || !is(verified, spaceSAML, "Assertion") {
		return nil, unsigned("The assertion's signature is wrong, or the assertion was changed after it was signed.")
	}
	return verified, nil
}

// signer is the issuer's certificate that KeyInfo names. KeyInfo only chooses among them: it is never believed.
func (c *candidate) signer(trusted []*x509.Certificate, now time.Time) (*x509.Certificate, *refusal) {
	named, _ := text(c.certificate)
	der, err := base64.StdEncoding.Strict().DecodeString(unspaced(named))
	if err != nil {
		return nil, malformed("The X509Certificate is not base64.")
	}
	i := slices.IndexFunc(trusted, func(known *x509.Certificate) bool { return bytes.Equal(known.Raw, der) })
	switch {
	case i < 0:
		return nil, unsigned("The assertion is signed with a certificate that is not configured for its issuer.")
	case now.Before(trusted[i].NotBefore) || now.After(trusted[i].NotAfter):
		return nil, unsigned("The issuer's certificate is not valid at this time.")
	}
	return trusted[i], nil
}

// prepare writes the value of the signature as goxmldsig wants it: without white space, and with ECDSA's two numbers in DER. The value
// is no part of what is signed.
func (c *candidate) prepare(certificate *x509.Certificate) *refusal {
	written, _ := text(c.value)
	value := unspaced(written)
	key, elliptic := certificate.PublicKey.(*ecdsa.PublicKey)
	if elliptic != strings.HasPrefix(algorithm(c.method), ecdsaPrefix) {
		return unsigned("The signature method does not fit the issuer's key.")
	}
	if elliptic {
		raw, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			return malformed("The SignatureValue is not base64.")
		}
		if value, err = toDER(raw, (key.Curve.Params().BitSize+7)/8); err != nil {
			return unsigned("The SignatureValue is not the two numbers of an ECDSA signature for the issuer's key.")
		}
	}
	c.value.SetText(value)
	return nil
}

// toDER: XML Signature writes r and s one after the other, each as long as the curve's order (RFC 4050; goxmldsig issue 163).
func toDER(raw []byte, size int) (string, error) {
	if len(raw) != 2*size {
		return "", asn1.StructuralError{Msg: "length"}
	}
	der, err := asn1.Marshal(struct{ R, S *big.Int }{new(big.Int).SetBytes(raw[:size]), new(big.Int).SetBytes(raw[size:])})
	return base64.StdEncoding.EncodeToString(der), err
}

func unspaced(s string) string { return strings.Join(strings.Fields(s), "") }
