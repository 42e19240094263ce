package helseid

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// ProofKey is an EC P-256 key that lives for one run of a program and signs DPoP proofs.
type ProofKey struct {
	private    *ecdsa.PrivateKey
	public     jwk.Key
	thumbprint string
}

// NewProofKey makes a key.
func NewProofKey() (*ProofKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make proof key: %w", err)
	}
	public, err := jwk.Import(&private.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("make proof key: %w", err)
	}
	raw, err := json.Marshal(public)
	if err != nil {
		return nil, fmt.Errorf("make proof key: %w", err)
	}
	_, thumbprint, err := publicKey(readObject("", "the key", raw), raw)
	if err != nil {
		return nil, fmt.Errorf("make proof key: %w", err)
	}
	return &ProofKey{private, public, thumbprint}, nil
}

// Thumbprint is the key's RFC 7638 SHA-256 thumbprint, which a token carries as cnf.jkt.
func (k *ProofKey) Thumbprint() string { return k.thumbprint }

// Proof makes a proof for one request now. accessToken and nonce may be empty: the first at a token endpoint, the second
// everywhere else. Query and fragment of the address are left out.
func (k *ProofKey) Proof(method, address, accessToken, nonce string) (string, error) {
	return k.sign(time.Now(), method, address, accessToken, nonce)
}

func (k *ProofKey) sign(now time.Time, method, address, accessToken, nonce string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "", errors.New("a proof needs an absolute URL")
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment, u.RawFragment = nil, "", false, "", ""
	claims := map[string]any{"htm": method, "htu": u.String(), "iat": now.Unix(), "jti": rand.Text()}
	if accessToken != "" {
		hash := sha256.Sum256([]byte(accessToken))
		claims["ath"] = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	if nonce != "" {
		claims["nonce"] = nonce
	}
	return sign(jwa.ES256(), k.private, map[string]any{"typ": "dpop+jwt", "jwk": k.public}, claims)
}

// sign makes a compact JWS.
func sign(alg jwa.SignatureAlgorithm, key any, header, claims map[string]any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	protected := jws.NewHeaders()
	for name, value := range header {
		if err := protected.Set(name, value); err != nil {
			return "", err
		}
	}
	raw, err := jws.Sign(payload, jws.WithKey(alg, key, jws.WithProtectedHeaders(protected)))
	return string(raw), err
}
