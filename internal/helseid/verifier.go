// Package helseid verifies HelseID access tokens that are bound to a key by DPoP, and gets such tokens for our own command line.
//
// It promises that an access.Caller comes out of Verify only for a request with exactly one token, signed by the configured
// issuer for one of our audiences and valid now, and exactly one proof, made for this very request by the key the token is
// bound to, and never seen before (W1; RFC 9068, RFC 9449; nhn.md "Tokens"). What was wrong is told so that a client's
// author can mend it, without ever repeating what a token says. It does not judge what the caller may do: that is access.
package helseid

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"dokumentlager/internal/access"
	"dokumentlager/internal/fault"
)

// The limits of what is read from a stranger, in bytes. Real tokens with an attest are 3.5 KB, proofs with an RSA-4096 key 2 KB.
const (
	maxToken = 16 << 10
	maxProof = 8 << 10
)

// replayTimeout bounds the wait for the ReplayStore.
const replayTimeout = 5 * time.Second

// errNoCredentials marks a request without any Authorization, whose challenge carries no error (RFC 6750 §3.1).
var errNoCredentials = errors.New("the request has no Authorization header")

// Verifier checks requests. It is safe for concurrent use.
type Verifier struct {
	cfg  Config
	here address
	keys *keySet
	seen *seenTokens
}

// New checks the configuration; it fetches nothing, so a server starts while HelseID is away.
func New(cfg Config) (*Verifier, error) {
	if err := cfg.check(); err != nil {
		return nil, err
	}
	base, err := absolute("PublicBaseURL", cfg.PublicBaseURL)
	if err != nil {
		return nil, err
	}
	return &Verifier{cfg: cfg, here: addressOf(base), keys: newKeySet(cfg), seen: newSeenTokens(cfg.CachedTokens)}, nil
}

// Ready reports whether the issuer's keys are held, and tries to fetch them when not; for start-up and /readyz.
func (v *Verifier) Ready(ctx context.Context) error { return v.keys.ready(ctx) }

// Verify tells who sends the request. Refusals are fault.Problems: TokenRefused and ProofRefused (401), ScopeMissing (403),
// and PartUnavailable (503) when keys or replay store do not answer. Nothing is kept of a refused request.
func (v *Verifier) Verify(ctx context.Context, r *http.Request) (access.Caller, error) {
	raw, err := credentials(r)
	if err != nil {
		return access.Caller{}, err
	}
	proof, err := proofHeader(r)
	if err != nil {
		return access.Caller{}, err
	}
	hash := sha256.Sum256([]byte(raw))
	token, err := v.accessToken(ctx, raw, hash)
	if err != nil {
		return access.Caller{}, err
	}
	spent, err := v.checkProof(r, proof, hash, token.jkt)
	if err != nil {
		return access.Caller{}, err
	}
	if len(token.caller.Scopes) == 0 {
		return access.Caller{}, fault.New(fault.ScopeMissing, "The access token has no scope of the audience it is for.").By("W1")
	}
	// Last, so that junk cannot fill the store: whoever comes here holds a valid token and its key.
	if err := v.spend(ctx, spent); err != nil {
		return access.Caller{}, err
	}
	caller := token.caller
	caller.Scopes = slices.Clone(caller.Scopes)
	return caller, nil
}

// credentials takes the token out of the only Authorization header.
func credentials(r *http.Request) (string, error) {
	values := r.Header.Values("Authorization")
	if len(values) == 0 {
		return "", tokenRefused("Send an access token as `Authorization: DPoP <token>` and a proof in the DPoP header.").Because(errNoCredentials)
	}
	if len(values) > 1 {
		return "", tokenRefused("There are several Authorization headers; send exactly one.")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	token = strings.Trim(token, " ")
	switch {
	case !strings.EqualFold(scheme, "DPoP"):
		return "", tokenRefused("The Authorization scheme must be DPoP; Bearer and others are not taken.")
	case token == "":
		return "", tokenRefused("The Authorization header holds no token.")
	case len(token) > maxToken:
		return "", tokenRefused("The access token is longer than %d bytes.", maxToken)
	}
	return token, nil
}

func proofHeader(r *http.Request) (string, error) {
	values := r.Header.Values("DPoP")
	switch {
	case len(values) == 0:
		return "", proofRefused("The DPoP header is missing; every request needs a proof of its own.")
	case len(values) > 1:
		return "", proofRefused("There are several DPoP headers; send exactly one.")
	case len(values[0]) > maxProof:
		return "", proofRefused("The DPoP proof is longer than %d bytes.", maxProof)
	}
	return values[0], nil
}

// spend uses the proof up. A store that does not answer is never a pass (W1).
func (v *Verifier) spend(ctx context.Context, p provenProof) error {
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	fresh, err := v.cfg.Replay.Use(ctx, p.key, p.issued)
	if err != nil {
		return unavailable("The check for used proofs does not answer.", err)
	}
	if !fresh {
		return proofRefused("The proof was used before; make a new one, with a new jti, for every request.")
	}
	return nil
}

func tokenRefused(safe string, args ...any) *fault.Problem {
	return fault.New(fault.TokenRefused, safe, args...).By("W1")
}

func proofRefused(safe string, args ...any) *fault.Problem {
	return fault.New(fault.ProofRefused, safe, args...).By("W1")
}

func unavailable(safe string, cause error) *fault.Problem {
	return fault.New(fault.PartUnavailable, "%s Nothing was done; try again.", safe).By("W1").RetryIn(5 * time.Second).Because(cause)
}
