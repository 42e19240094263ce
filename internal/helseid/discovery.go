package helseid

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
)

// discovery is the part of OpenID Connect Discovery that we use.
type discovery struct {
	Issuer        string `json:"issuer"`
	JWKSURI       string `json:"jwks_uri"`
	TokenEndpoint string `json:"token_endpoint"`
}

// discover reads the issuer's own description, which has to be of that issuer (OpenID Connect Discovery §4.3) and may not lead
// from https to http.
func discover(ctx context.Context, client *http.Client, issuer string) (discovery, error) {
	body, err := get(ctx, client, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return discovery{}, err
	}
	var d discovery
	if err := json.Unmarshal(body, &d); err != nil {
		return discovery{}, fmt.Errorf("read discovery document: %w", err)
	}
	if d.Issuer != issuer {
		return discovery{}, errors.New("the discovery document is of another issuer")
	}
	for _, address := range []string{d.JWKSURI, d.TokenEndpoint} {
		u, err := url.Parse(address)
		if err != nil || (address != "" && u.Scheme != "https" && strings.HasPrefix(issuer, "https:")) {
			return discovery{}, errors.New("the discovery document leads away from https")
		}
	}
	return d, nil
}

// get reads one bounded document.
func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("get HelseID document: status %d", res.StatusCode)
	}
	return readBounded(res.Body)
}

func readBounded(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxDocument+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxDocument {
		return nil, fmt.Errorf("the document is longer than %d bytes", maxDocument)
	}
	return body, nil
}
