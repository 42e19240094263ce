package helseid

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"time"

	"dokumentlager/internal/fault"
)

// maxJTI bounds a proof's jti, in bytes (W1).
const maxJTI = 128

// provenProof is what the replay store needs of a proof that passed everything else.
type provenProof struct {
	key    [16]byte
	issued time.Time
}

// checkProof is RFC 9449 §4.3 in its order, but for the replay. The key is taken from the proof and proves nothing until its
// thumbprint is the one the token is bound to.
func (v *Verifier) checkProof(r *http.Request, raw string, tokenHash [32]byte, jkt string) (provenProof, error) {
	s, err := parse(fault.ProofRefused, "The DPoP proof", raw, "dpop+jwt")
	if err != nil {
		return provenProof{}, err
	}
	holder := s.header.child("jwk")
	if !s.header.has("jwk") {
		s.header.refuse("The DPoP proof has no jwk in its header.")
	}
	key, thumbprint, keyErr := publicKey(holder, s.header.members["jwk"])
	if err := s.header.err(); err != nil {
		return provenProof{}, err
	}
	if keyErr != nil {
		return provenProof{}, proofRefused("The DPoP proof's jwk is refused: %s.", keyErr)
	}
	claims, err := s.verify(key)
	if err != nil {
		return provenProof{}, err
	}
	if !same(thumbprint, jkt) {
		return provenProof{}, proofRefused("The proof's key is not the one the access token is bound to (cnf.jkt).")
	}
	return v.checkProofClaims(r, claims, tokenHash, jkt)
}

// checkProofClaims ties the proof to this request, this token and this moment.
func (v *Verifier) checkProofClaims(r *http.Request, claims object, tokenHash [32]byte, jkt string) (provenProof, error) {
	htm, htu, jti, ath := claims.need("htm"), claims.need("htu"), claims.need("jti"), claims.need("ath")
	issued := claims.needDate("iat")
	if err := claims.err(); err != nil {
		return provenProof{}, err
	}
	if htm != r.Method {
		return provenProof{}, proofRefused("The proof's htm is not the method of the request.")
	}
	if err := v.checkHTU(r, htu); err != nil {
		return provenProof{}, err
	}
	if err := v.checkProofAge(issued); err != nil {
		return provenProof{}, err
	}
	if !same(ath, base64.RawURLEncoding.EncodeToString(tokenHash[:])) {
		return provenProof{}, proofRefused("The proof's ath is not the base64url SHA-256 of the access token that was sent.")
	}
	if len(jti) > maxJTI {
		return provenProof{}, proofRefused("The proof's jti is longer than %d bytes.", maxJTI)
	}
	return provenProof{replayKey(jkt, jti), issued}, nil
}

func (v *Verifier) checkHTU(r *http.Request, htu string) error {
	want := v.here.at(r)
	got, ok := parseHTU(htu)
	switch {
	case !ok:
		return proofRefused("The proof's htu is not an absolute URL; it must be %s and the path of the request.", want.origin())
	case got.scheme != want.scheme || got.host != want.host:
		return proofRefused("The proof's htu names another scheme or host; it must begin with %s.", want.origin())
	case got.path != want.path:
		return proofRefused("The proof's htu names another path than the request (behind %s).", want.origin())
	}
	return nil
}

// checkProofAge takes proofs from ProofLife + ProofSkew ago until ProofSkew ahead: the skew counts for slow and fast clocks.
func (v *Verifier) checkProofAge(issued time.Time) error {
	age := v.cfg.Now().Sub(issued)
	if age > v.cfg.ReplayWindow() {
		return proofRefused("The proof's iat is too old; make a proof per request and check the clock (%s of life, %s of skew).", v.cfg.ProofLife, v.cfg.ProofSkew)
	}
	if -age > v.cfg.ProofSkew {
		return proofRefused("The proof's iat lies in the future; check the clock (%s of skew are allowed).", v.cfg.ProofSkew)
	}
	return nil
}

// replayKey is what control.dpop_proof holds: half a SHA-256 is no person's data and far beyond chance collisions. The zero
// byte keeps jkt and jti apart.
func replayKey(jkt, jti string) (key [16]byte) {
	sum := sha256.Sum256([]byte(jkt + "\x00" + jti))
	copy(key[:], sum[:])
	return key
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
