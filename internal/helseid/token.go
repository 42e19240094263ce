package helseid

import (
	"context"
	"crypto"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/fault"
)

// verifiedToken is what an access token proved; the times are looked at again on every use.
type verifiedToken struct {
	caller                     access.Caller
	jkt, kid                   string
	key                        crypto.PublicKey
	expires, notBefore, issued time.Time
}

// accessToken verifies a token, or knows it from a moment ago: only the proof differs between requests then (go.md §6). A
// remembered token counts only while the issuer still publishes its key and its times are right.
func (v *Verifier) accessToken(ctx context.Context, raw string, hash [32]byte) (verifiedToken, error) {
	if known, ok := v.seen.get(hash); ok && v.keys.holds(ctx, known.kid, known.key) {
		return known, v.checkTimes(known)
	}
	token, err := v.readToken(ctx, raw)
	if err != nil {
		return verifiedToken{}, err
	}
	if err := v.checkTimes(token); err != nil {
		return verifiedToken{}, err
	}
	v.seen.put(hash, token)
	return token, nil
}

// readToken checks form and signature before it looks at any claim.
func (v *Verifier) readToken(ctx context.Context, raw string) (verifiedToken, error) {
	s, err := parse(fault.TokenRefused, "The access token", raw, "at+jwt", "application/at+jwt")
	if err != nil {
		return verifiedToken{}, err
	}
	kid := s.header.need("kid")
	if err := s.header.err(); err != nil {
		return verifiedToken{}, err
	}
	claims, key, err := v.verifyByIssuer(ctx, s, kid)
	if err != nil {
		return verifiedToken{}, err
	}
	token := verifiedToken{kid: kid, key: key}
	if err := v.readClaims(claims, &token); err != nil {
		return verifiedToken{}, err
	}
	return token, nil
}

// verifyByIssuer tries the issuer's keys of that id; keys or addresses that the token itself brings are never looked at.
func (v *Verifier) verifyByIssuer(ctx context.Context, s signed, kid string) (object, crypto.PublicKey, error) {
	keys, err := v.keys.find(ctx, kid)
	if err != nil {
		return object{}, nil, err
	}
	err = tokenRefused("The access token is signed with a key that the issuer does not publish.")
	for _, k := range keys {
		if k.alg != "" && k.alg != s.alg.String() {
			err = tokenRefused("The access token's alg is not the one its key is for.")
			continue
		}
		claims, verifyErr := s.verify(k.key)
		if verifyErr == nil {
			return claims, k.key, nil
		}
		err = verifyErr
	}
	return object{}, nil, err
}

// readClaims checks what the token says about itself and fills the caller.
func (v *Verifier) readClaims(claims object, token *verifiedToken) error {
	if issuer := claims.need("iss"); issuer != v.cfg.Issuer {
		claims.refuse("The access token's iss must be %s.", v.cfg.Issuer)
	}
	token.jkt = claims.child("cnf").text("jkt")
	if token.jkt == "" {
		claims.refuse("The access token is not bound to a key (cnf.jkt); ask HelseID for it with a DPoP proof.")
	}
	token.expires = claims.needDate("exp")
	token.notBefore, token.issued = claims.date("nbf"), claims.date("iat")
	token.caller = readCaller(claims)
	v.readAudience(claims, &token.caller)
	return claims.err()
}

// checkTimes allows Leeway on either side.
func (v *Verifier) checkTimes(t verifiedToken) error {
	now, leeway := v.cfg.Now(), v.cfg.Leeway
	switch {
	case !now.Before(t.expires.Add(leeway)):
		return tokenRefused("The access token has expired; get a new one.")
	case now.Add(leeway).Before(t.notBefore):
		return tokenRefused("The access token is not valid yet (nbf); check the clocks.")
	case now.Add(leeway).Before(t.issued):
		return tokenRefused("The access token's iat lies in the future; check the clocks.")
	}
	return nil
}

// readAudience takes the one audience and the scopes that belong to it. Writing and reading are two APIs (W1, R1): a scope
// counts only when the token's audience is a spelling of the API the scope belongs to, so that a token for writing never reads
// whatever scopes it lists, while the old nhn:phr, which stood for both, still gives both. Other scopes (openid) drop out.
func (v *Verifier) readAudience(claims object, caller *access.Caller) {
	spelling := oneAudience(claims)
	if !v.knows(spelling) {
		claims.refuse("The access token's aud is none of ours.")
	}
	for _, scope := range scopesOf(claims) {
		if canonical, ok := v.cfg.ScopeAliases[scope]; ok {
			scope = canonical
		}
		audience := v.cfg.audienceOf(scope)
		if audience == "" || !slices.Contains(v.cfg.Audiences[audience], spelling) || slices.Contains(caller.Scopes, scope) {
			continue
		}
		caller.Scopes = append(caller.Scopes, scope)
		// Of several, the audience that the token really spells is the one to name.
		if caller.Audience == "" || audience == spelling {
			caller.Audience = audience
		}
	}
}

func (v *Verifier) knows(spelling string) bool {
	for _, spellings := range v.cfg.Audiences {
		if slices.Contains(spellings, spelling) {
			return true
		}
	}
	return false
}

// oneAudience refuses tokens for several APIs: any of those could use it here.
func oneAudience(claims object) string {
	if !claims.has("aud") {
		claims.refuse("The access token has no aud.")
		return ""
	}
	all, _ := claims.texts("aud")
	if len(all) != 1 {
		claims.refuse("The access token must be for exactly one audience; ask for scopes of one API at a time.")
		return ""
	}
	return all[0]
}

// scopesOf reads HelseID's array as well as RFC 9068's text with spaces.
func scopesOf(claims object) []string {
	if !claims.has("scope") {
		claims.refuse("The access token has no scope.")
		return nil
	}
	all, one := claims.texts("scope")
	if one {
		return strings.Fields(all[0])
	}
	return all
}
