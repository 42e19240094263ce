package helseid

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// assertionLife is how long a client assertion is good for; HelseID takes at most 60 s.
const assertionLife = 30 * time.Second

// tokenTimeout bounds getting one token, both tries and the discovery together.
const tokenTimeout = 20 * time.Second

// Client gets tokens for a machine (client credentials with private_key_jwt and DPoP) and puts them on requests.
type Client struct {
	ClientID string
	// Key is the private key registered with HelseID; its kid, and its alg when it has one, go into the assertion.
	Key jwk.Key
	// Issuer is the assertion's audience. TokenEndpoint may be empty: discovery tells it.
	Issuer, TokenEndpoint string
	// Proofs makes the DPoP proofs; tokens are bound to it.
	Proofs     *ProofKey
	HTTPClient *http.Client
	Now        func() time.Time
}

// Token gets an access token for scopes of one API. organisation is "parent" or "parent:child" (organisation numbers) for a
// multi-tenant client, and empty otherwise. HelseID demands a nonce and gives it with its first refusal.
func (c *Client) Token(ctx context.Context, scopes []string, organisation string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	endpoint, err := c.endpoint(ctx)
	if err != nil {
		return "", fmt.Errorf("find HelseID's token endpoint: %w", err)
	}
	reply, nonce, err := c.ask(ctx, endpoint, scopes, organisation, "")
	if err == nil && reply.Error == "use_dpop_nonce" && nonce != "" {
		reply, _, err = c.ask(ctx, endpoint, scopes, organisation, nonce)
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("ask HelseID for a token: %w", err)
	case reply.Error != "":
		return "", fmt.Errorf("HelseID gave no token: %s: %s", reply.Error, reply.Description)
	case reply.AccessToken == "" || !strings.EqualFold(reply.TokenType, "DPoP"):
		return "", errors.New("HelseID answered without a DPoP token")
	}
	return reply.AccessToken, nil
}

// Authorize puts the token and a fresh proof on a request. Call it once per try: a proof is good for one request.
func (c *Client) Authorize(req *http.Request, accessToken string) error {
	proof, err := c.Proofs.sign(c.now(), req.Method, req.URL.String(), accessToken, "")
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "DPoP "+accessToken)
	req.Header.Set("DPoP", proof)
	return nil
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c *Client) http() *http.Client {
	if c.HTTPClient == nil {
		return direct(&http.Client{})
	}
	return direct(c.HTTPClient)
}

func (c *Client) endpoint(ctx context.Context) (string, error) {
	if c.TokenEndpoint != "" {
		return c.TokenEndpoint, nil
	}
	d, err := discover(ctx, c.http(), c.Issuer)
	if err == nil && d.TokenEndpoint == "" {
		err = errors.New("the discovery document names no token endpoint")
	}
	return d.TokenEndpoint, err
}

// tokenReply is both shapes of RFC 6749 §5.
type tokenReply struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// ask sends one token request, with an assertion and a proof of its own since HelseID takes neither twice.
func (c *Client) ask(ctx context.Context, endpoint string, scopes []string, organisation, nonce string) (reply tokenReply, newNonce string, err error) {
	form, err := c.form(scopes, organisation)
	if err != nil {
		return reply, "", err
	}
	proof, err := c.Proofs.sign(c.now(), http.MethodPost, endpoint, "", nonce)
	if err != nil {
		return reply, "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return reply, "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("DPoP", proof)
	res, err := c.http().Do(req)
	if err != nil {
		return reply, "", err
	}
	defer res.Body.Close()
	body, err := readBounded(res.Body)
	if err == nil {
		err = json.Unmarshal(body, &reply)
	}
	if err != nil || (res.StatusCode != http.StatusOK && reply.Error == "") {
		return tokenReply{}, "", fmt.Errorf("status %d without a token reply", res.StatusCode)
	}
	return reply, res.Header.Get("DPoP-Nonce"), nil
}

func (c *Client) form(scopes []string, organisation string) (url.Values, error) {
	assertion, err := c.assertion(organisation)
	if err != nil {
		return nil, fmt.Errorf("sign client assertion: %w", err)
	}
	return url.Values{
		"grant_type":            {"client_credentials"},
		"client_id":             {c.ClientID},
		"scope":                 {strings.Join(scopes, " ")},
		"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		"client_assertion":      {assertion},
	}, nil
}

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
