package sts

import (
	"encoding/json"
	"math"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"
)

const (
	// leeway is how far a client's clock may be off.
	leeway = 10 * time.Second
	// maxAssertionLife bounds how long a used jti must be remembered.
	maxAssertionLife = time.Hour
	// maxID bounds a jti in bytes, because it is remembered.
	maxID = 256
	// authorizationType is HelseID's type of authorization_details.
	authorizationType = "helseid_authorization"
)

// algorithms are those HelseID accepts; never `none`, never a symmetric one.
func algorithms() []jwa.SignatureAlgorithm {
	return []jwa.SignatureAlgorithm{
		jwa.RS256(), jwa.RS384(), jwa.RS512(), jwa.PS256(), jwa.PS384(), jwa.PS512(), jwa.ES256(), jwa.ES384(), jwa.ES512(),
	}
}

func algorithmNames() []string {
	var names []string
	for _, alg := range algorithms() {
		names = append(names, alg.String())
	}
	return names
}

// assertion are the claims of a client assertion (RFC 7523 §3).
type assertion struct {
	Issuer               string          `json:"iss"`
	Subject              string          `json:"sub"`
	Audience             stringOrList    `json:"aud"`
	Expires              numericDate     `json:"exp"`
	NotBefore            numericDate     `json:"nbf"`
	ID                   string          `json:"jti"`
	AuthorizationDetails json.RawMessage `json:"authorization_details"`
}

// stringOrList is a claim that is one string or several.
type stringOrList []string

// UnmarshalJSON takes both forms.
func (l *stringOrList) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = stringOrList{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

// numericDate is seconds since 1970, with or without a fraction (RFC 7519 §2); zero when absent.
type numericDate float64

// time is the last moment for dates outside any calendar, which no check then accepts.
func (d numericDate) time() time.Time {
	return time.Unix(int64(math.Min(math.Max(float64(d), 0), 1<<40)), 0)
}

// clientAssertion authenticates the client (private_key_jwt).
func (s *Server) clientAssertion(form url.Values) (*assertion, *registered, *refusal) {
	if form.Get("client_secret") != "" {
		return nil, nil, refuse("invalid_client", "client secrets are not accepted, use private_key_jwt")
	}
	if form.Get("client_assertion_type") != assertionType {
		return nil, nil, refuse("invalid_client", "client_assertion_type must be %s", assertionType)
	}
	token := form.Get("client_assertion")
	client, why := s.clientOf(token, form.Get("client_id"))
	if why != nil {
		return nil, nil, why
	}
	alg, typ, err := headerOf(token)
	if err != nil || !slices.Contains(algorithms(), alg) {
		return nil, nil, refuse("invalid_client", "client_assertion: algorithm is not one of %v", algorithmNames())
	}
	if typ != "" && !slices.Contains([]string{"jwt", "client-authentication+jwt"}, strings.ToLower(typ)) {
		return nil, nil, refuse("invalid_client", "client_assertion: typ %q is neither JWT nor client-authentication+jwt", typ)
	}
	payload, err := jws.Verify([]byte(token), jws.WithKey(alg, client.public))
	if err != nil {
		return nil, nil, refuse("invalid_client", "client_assertion: the signature is not that of the registered key")
	}
	var claims assertion
	if json.Unmarshal(payload, &claims) != nil {
		return nil, nil, refuse("invalid_client", "client_assertion: the claims are malformed")
	}
	return &claims, client, s.checkAssertion(&claims)
}

// clientOf finds the client whose key must have signed. The claims are read before the signature is checked, and only for that.
func (s *Server) clientOf(token, clientID string) (*registered, *refusal) {
	message, err := jws.Parse([]byte(token), jws.WithCompact())
	if err != nil {
		return nil, refuse("invalid_client", "client_assertion is not a signed JWT")
	}
	var claims assertion
	if json.Unmarshal(message.Payload(), &claims) != nil {
		return nil, refuse("invalid_client", "client_assertion: the claims are malformed")
	}
	if claims.Issuer == "" || claims.Issuer != claims.Subject || clientID != "" && clientID != claims.Issuer {
		return nil, refuse("invalid_client", "client_assertion: iss and sub must both be the client_id")
	}
	client := s.clients[claims.Issuer]
	if client == nil {
		return nil, refuse("invalid_client", "the client is not registered here")
	}
	return client, nil
}

func (s *Server) checkAssertion(claims *assertion) *refusal {
	now := s.now()
	switch expires := claims.Expires.time(); {
	case !slices.Contains(claims.Audience, s.issuer) && !slices.Contains(claims.Audience, s.TokenEndpoint()):
		return refuse("invalid_client", "client_assertion: aud must be %s", s.issuer)
	case claims.Expires == 0:
		return refuse("invalid_client", "client_assertion: exp is missing")
	case now.After(expires.Add(leeway)):
		return refuse("invalid_client", "client_assertion: it has expired")
	case expires.After(now.Add(maxAssertionLife)):
		return refuse("invalid_client", "client_assertion: exp is more than %s away", maxAssertionLife)
	case claims.NotBefore.time().After(now.Add(leeway)):
		return refuse("invalid_client", "client_assertion: nbf is in the future")
	case claims.ID == "" || len(claims.ID) > maxID:
		return refuse("invalid_client", "client_assertion: jti is missing or longer than %d bytes", maxID)
	}
	return nil
}

// headerOf reads algorithm and type of a compact JWS with one signature.
func headerOf(token string) (alg jwa.SignatureAlgorithm, typ string, err error) {
	header, err := protectedHeader(token)
	if err != nil {
		return alg, "", err
	}
	alg, _ = header.Algorithm()
	typ, _ = header.Type()
	return alg, typ, nil
}

func protectedHeader(token string) (jws.Headers, error) {
	message, err := jws.Parse([]byte(token), jws.WithCompact())
	if err != nil {
		return nil, err
	}
	return message.Signatures()[0].ProtectedHeaders(), nil
}

// isPublic reports whether a key is RSA or EC and holds nothing private. A type switch would not do: jwx's private keys have
// all the methods of its public ones.
func isPublic(key jwk.Key) bool {
	private, err := jwk.IsPrivateKey(key)
	return err == nil && !private && (key.KeyType() == jwa.RSA() || key.KeyType() == jwa.EC())
}
