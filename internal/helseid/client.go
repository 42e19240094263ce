package helseid

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

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
	reply, err := c.grant(ctx, scopes, organisation)
	return reply.AccessToken, err
}

// grant is Token with what else HelseID said.
func (c *Client) grant(ctx context.Context, scopes []string, organisation string) (tokenReply, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	endpoint, err := c.endpoint(ctx)
	if err != nil {
		return tokenReply{}, fmt.Errorf("find HelseID's token endpoint: %w", err)
	}
	reply, nonce, err := c.ask(ctx, endpoint, scopes, organisation, "")
	if err == nil && reply.Error == "use_dpop_nonce" && nonce != "" {
		reply, _, err = c.ask(ctx, endpoint, scopes, organisation, nonce)
	}
	switch {
	case err != nil:
		return tokenReply{}, fmt.Errorf("ask HelseID for a token: %w", err)
	case reply.Error != "":
		return tokenReply{}, fmt.Errorf("HelseID gave no token: %s: %s", reply.Error, reply.Description)
	case reply.AccessToken == "" || !strings.EqualFold(reply.TokenType, "DPoP"):
		return tokenReply{}, errors.New("HelseID answered without a DPoP token")
	}
	return reply, nil
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
	// ExpiresIn is the token's life in seconds; 0 when HelseID does not say.
	ExpiresIn   int64  `json:"expires_in"`
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
