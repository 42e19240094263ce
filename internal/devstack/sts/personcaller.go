package sts

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jws"
)

// accessClaims is what the person endpoint looks at in a token of ours.
type accessClaims struct {
	Issuer   string      `json:"iss"`
	Audience string      `json:"aud"`
	Expires  numericDate `json:"exp"`
	Scopes   []string    `json:"scope"`
	Parent   string      `json:"helseid://claims/client/claims/orgnr_parent"`
	Bound    struct {
		JKT string `json:"jkt"`
	} `json:"cnf"`
}

// personCaller checks token and proof as the real API does (version 3: DPoP, and RequireParentOrgNumber). The status is that of the
// refusal, why empty when there is none.
func (s *Server) personCaller(r *http.Request, token string) (status int, why string) {
	payload, err := jws.Verify([]byte(token), jws.WithKey(jwa.RS256(), s.key.public))
	var claims accessClaims
	if err != nil || s.register.isRevoked(token) || json.Unmarshal(payload, &claims) != nil {
		return http.StatusUnauthorized, "no DPoP token of ours"
	}
	audience := audienceOf(PersonScope)
	if claims.Issuer != s.issuer || claims.Audience != audience || s.now().After(claims.Expires.time().Add(leeway)) {
		return http.StatusUnauthorized, "the token is for another API, or has expired"
	}
	if why := s.personProof(r, token, claims.Bound.JKT); why != "" {
		return http.StatusUnauthorized, why
	}
	if !slices.Contains(claims.Scopes, PersonScope) || claims.Parent == "" {
		return http.StatusForbidden, "the token lacks the scope or orgnr_parent"
	}
	return 0, ""
}

func (r *register) isRevoked(token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.revoked, token)
}

// personProof checks the proof of one request (RFC 9449 §7): an API wants ath, and no nonce.
func (s *Server) personProof(r *http.Request, token, jkt string) (why string) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 {
		return "there must be exactly one DPoP header"
	}
	thumb, payload, refused := verifyProof(headers[0])
	if refused != nil {
		return refused.description
	}
	var claims struct {
		proofClaims
		TokenHash string `json:"ath"`
	}
	now, hash := s.now(), sha256.Sum256([]byte(token))
	if json.Unmarshal(payload, &claims) != nil || claims.Method != r.Method || !sameAddress(claims.Address, s.PersonEndpoint()) {
		return "the proof is for another request"
	}
	issued := claims.IssuedAt.time()
	switch {
	case thumb != jkt || claims.TokenHash != base64.RawURLEncoding.EncodeToString(hash[:]):
		return "the proof is for another token"
	case issued.Before(now.Add(-proofLife)) || issued.After(now.Add(leeway)):
		return "the proof is too old or of the future"
	case claims.ID == "" || len(claims.ID) > maxID || !s.seen.first("api proof "+thumb+" "+claims.ID, now.Add(proofLife), now):
		return "the proof was used before"
	}
	return ""
}
