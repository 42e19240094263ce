package sts

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	// tokenLife is the life of an access token, as at HelseID (spec/nhn.md, Tokens).
	tokenLife = 60 * time.Second
	// maxForm bounds a token request in bytes.
	maxForm = 64 << 10
	// assertionType is the only kind of client assertion (RFC 7523 §2.2).
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// token is /connect/token.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	granted, why := s.grant(w, r)
	if why != nil {
		s.refuse(w, r, why)
		return
	}
	signed, err := s.key.sign(s.key.header(), granted.claims(s.issuer, s.now()))
	if err != nil {
		s.log.ErrorContext(r.Context(), "signing failed", "error", err)
		answer(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	answer(w, http.StatusOK, map[string]any{
		"access_token": signed, "token_type": "DPoP", "expires_in": int(tokenLife.Seconds()), "scope": strings.Join(granted.scopes, " "),
	})
}

// grant is what a request is entitled to.
type grant struct {
	client               *registered
	parent, child        string
	audience, thumbprint string
	scopes               []string
}

// grant judges the request. Assertion and proof are used up only when everything else is right, so that a client may answer
// the nonce challenge with the same assertion; HelseID wants a new one.
func (s *Server) grant(w http.ResponseWriter, r *http.Request) (*grant, *refusal) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		return nil, refuse("invalid_request", "the body is not a form of at most %d bytes", maxForm)
	}
	if why := oneOfEach(r.PostForm); why != nil {
		return nil, why
	}
	if got := r.PostForm.Get("grant_type"); got != "client_credentials" {
		return nil, refuse("unsupported_grant_type", "grant_type %q is not supported, client_credentials is", got)
	}
	claims, client, why := s.clientAssertion(r.PostForm)
	if why != nil {
		return nil, why
	}
	proof, why := s.dpopProof(r)
	if why != nil {
		return nil, why
	}
	g := &grant{client: client, thumbprint: proof.thumbprint}
	if why := g.chooseScopes(r.PostForm.Get("scope")); why != nil {
		return nil, why
	}
	if why := g.chooseOrganisation(claims.AuthorizationDetails); why != nil {
		return nil, why
	}
	return g, s.useUp(claims, proof)
}

// oneOfEach refuses parameters that stand twice (RFC 6749 §3.2).
func oneOfEach(form map[string][]string) *refusal {
	for name, values := range form {
		if len(values) > 1 {
			return refuse("invalid_request", "the parameter %q stands %d times", name, len(values))
		}
	}
	return nil
}

// useUp lets an assertion and a proof be used once each.
func (s *Server) useUp(claims *assertion, proof *proof) *refusal {
	now := s.now()
	if !s.seen.first("assertion "+claims.Issuer+" "+claims.ID, claims.Expires.time(), now) {
		return refuse("invalid_client", "client_assertion: this jti was used before")
	}
	if !s.seen.first("proof "+proof.thumbprint+" "+proof.id, now.Add(proofLife+nonceLife), now) {
		return refuse("invalid_dpop_proof", "the DPoP proof's jti was used before")
	}
	return nil
}

// chooseScopes takes the scopes asked for. They must be the client's and of one audience: the audience of a token is the part of
// its scopes before the first slash, and an API refuses tokens for several.
func (g *grant) chooseScopes(asked string) *refusal {
	g.scopes = strings.Fields(asked)
	if len(g.scopes) == 0 {
		first := audienceOf(g.client.Scopes[0])
		g.scopes = slices.DeleteFunc(slices.Clone(g.client.Scopes), func(scope string) bool { return audienceOf(scope) != first })
	}
	for _, scope := range g.scopes {
		if !slices.Contains(g.client.Scopes, scope) {
			return refuse("invalid_scope", "the client %s may not have the scope %q", g.client.ClientID, scope)
		}
		if got := audienceOf(scope); g.audience != "" && g.audience != got {
			return refuse("invalid_target", "the scopes are of two audiences, %s and %s: ask for a token for each", g.audience, got)
		}
		g.audience = audienceOf(scope)
	}
	slices.Sort(g.scopes)
	g.scopes = slices.Compact(g.scopes)
	return nil
}

func audienceOf(scope string) string {
	audience, _, _ := strings.Cut(scope, "/")
	return audience
}

// claims are the access token's, in the shape of spec/tokens: aud a string, scope an array.
func (g *grant) claims(issuer string, now time.Time) map[string]any {
	claims := defaults(issuer, now)
	claims["aud"] = g.audience
	claims["cnf"] = map[string]string{"jkt": g.thumbprint}
	claims["scope"] = g.scopes
	claims["client_id"] = g.client.ClientID
	claims["client_amr"] = "private_key_jwt"
	claims["helseid://claims/client/client_name"] = g.client.Name
	claims["helseid://claims/client/client_tenancy"] = "single-tenant"
	claims["helseid://claims/client/claims/orgnr_parent"] = g.parent
	if g.child != "" {
		claims["helseid://claims/client/claims/orgnr_child"] = g.child
	}
	if g.client.MultiTenant {
		claims["helseid://claims/client/client_tenancy"] = "multi-tenant"
		claims["helseid://claims/client/claims/orgnr_supplier"] = g.client.Supplier
	}
	return claims
}

// defaults are the claims that every token has.
func defaults(issuer string, now time.Time) map[string]any {
	return map[string]any{
		"iss": issuer, "nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(tokenLife).Unix(), "jti": newID(),
	}
}

// newID is a token id as HelseID writes them: 32 upper-case hex digits.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[:])
	return strings.ToUpper(hex.EncodeToString(id[:]))
}
