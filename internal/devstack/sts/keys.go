package sts

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// signingKey signs access tokens, RS256 as HelseID's do (spec/tokens).
type signingKey struct {
	private *rsa.PrivateKey
	public  jwk.Key
	kid     string
}

func loadSigningKey(path string) (signingKey, error) {
	stored, err := loadKey(path, func() (any, error) { return rsa.GenerateKey(rand.Reader, 2048) }, jwa.RS256())
	if err != nil {
		return signingKey{}, err
	}
	var k signingKey
	k.private = new(rsa.PrivateKey)
	if err := jwk.Export(stored, k.private); err != nil {
		return k, fmt.Errorf("sts: %s: %w", path, err)
	}
	if k.public, err = stored.PublicKey(); err != nil {
		return k, err
	}
	k.kid, _ = stored.KeyID()
	return k, nil
}

// loadKey reads a private JWK, or makes and keeps one (mode 0600).
func loadKey(path string, generate func() (any, error), alg jwa.SignatureAlgorithm) (jwk.Key, error) {
	content, err := os.ReadFile(path)
	if err == nil {
		key, err := jwk.ParseKey(content)
		if err != nil {
			return nil, fmt.Errorf("sts: %s: %w", path, err)
		}
		return key, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("sts: %w", err)
	}
	raw, err := generate()
	if err != nil {
		return nil, err
	}
	key, err := describe(raw, alg)
	if err != nil {
		return nil, err
	}
	content, err = json.Marshal(key)
	if err != nil {
		return nil, err
	}
	return key, keep(path, content)
}

// describe makes a JWK with the attributes that verifiers ask for; its id is the RFC 7638 thumbprint.
func describe(raw any, alg jwa.SignatureAlgorithm) (jwk.Key, error) {
	key, err := jwk.Import(raw)
	if err != nil {
		return nil, err
	}
	thumb, err := thumbprint(key)
	if err != nil {
		return nil, err
	}
	return key, errors.Join(key.Set(jwk.KeyIDKey, thumb), key.Set(jwk.AlgorithmKey, alg), key.Set(jwk.KeyUsageKey, jwk.ForSignature))
}

// keep writes in one step, so that a crash leaves no half key that would stop every later start.
func keep(path string, content []byte) error {
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("sts: %w", err)
	}
	return os.Rename(path+".new", path)
}

func newClientKey() (any, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func thumbprint(key jwk.Key) (string, error) {
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(sum), nil
}

// sign makes a compact JWS. It is our own five lines because test tokens must be able to carry any header, also one that lies
// about its algorithm; the signature is always a sound RS256 one.
func (k signingKey) sign(header, claims any) (string, error) {
	h, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	c, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed := strings.Join([]string{base64.RawURLEncoding.EncodeToString(h), base64.RawURLEncoding.EncodeToString(c)}, ".")
	digest := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, k.private, crypto.SHA256, digest[:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), err
}

func (k signingKey) header() map[string]any {
	return map[string]any{"alg": "RS256", "kid": k.kid, "typ": "at+jwt"}
}
