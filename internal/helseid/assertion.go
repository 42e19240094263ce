package helseid

import (
	"crypto"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// assertionLife is how long a client assertion is good for; HelseID takes at most 60 s.
const assertionLife = 30 * time.Second

// assertion is RFC 7523 §2.2. The organisation a multi-tenant client acts for travels inside it, as RFC 9396 authorization
// details of HelseID's own type; it never stands in the access token in this form (nhn.md "Tokens").
func (c *Client) assertion(organisation string) (string, error) {
	alg, err := signingAlgorithm(c.Key)
	if err != nil {
		return "", err
	}
	now := c.now()
	claims := map[string]any{
		"iss": c.ClientID, "sub": c.ClientID, "aud": c.Issuer, "jti": rand.Text(),
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(assertionLife).Unix(),
	}
	if organisation != "" {
		claims["authorization_details"] = []any{authorizationDetails(organisation)}
	}
	headers := map[string]any{"typ": "client-authentication+jwt"}
	if kid, ok := c.Key.KeyID(); ok {
		headers["kid"] = kid
	}
	return sign(alg, c.Key, headers, claims)
}

func authorizationDetails(organisation string) map[string]any {
	return map[string]any{
		"type": "helseid_authorization",
		"practitioner_role": map[string]any{"organization": map[string]any{"identifier": map[string]any{
			"system": "urn:oid:1.0.6523", "type": "ENH", "value": "NO:ORGNR:" + organisation,
		}}},
	}
}

// signingAlgorithm is the key's own alg, or the usual one of its kind.
func signingAlgorithm(key jwk.Key) (jwa.SignatureAlgorithm, error) {
	if key == nil {
		return jwa.EmptySignatureAlgorithm(), errors.New("the client has no key")
	}
	if named, ok := key.Algorithm(); ok {
		if alg, ok := algorithmOf(named.String()); ok {
			return alg, nil
		}
		return jwa.EmptySignatureAlgorithm(), errors.New("the client key's alg is not for signing")
	}
	var private any
	if err := jwk.Export(key, &private); err != nil {
		return jwa.EmptySignatureAlgorithm(), fmt.Errorf("read client key: %w", err)
	}
	if signer, ok := private.(crypto.Signer); ok {
		for _, alg := range []jwa.SignatureAlgorithm{jwa.PS256(), jwa.ES256(), jwa.ES384(), jwa.ES512()} {
			if fits(alg.String(), signer.Public()) == nil {
				return alg, nil
			}
		}
	}
	return jwa.EmptySignatureAlgorithm(), errors.New("the client key must be a private RSA key, or one on P-256, P-384 or P-521")
}
