package servicetest

import (
	"net/http"
	"testing"

	"dokumentlager/internal/helseid"
)

// Holder is a caller with one token for all its requests, as a client has while the token lasts. It may be used by several at once.
type Holder struct {
	key   *helseid.ProofKey
	token string
}

// Holder gets the token.
func (c *Caller) Holder(t testing.TB) *Holder {
	t.Helper()
	return &Holder{c.key, c.Token(t)}
}

// Sign puts the token, a fresh proof and the calling system (R3) on a request.
func (h *Holder) Sign(req *http.Request) error {
	proof, err := h.key.Proof(req.Method, req.URL.String(), h.token, "")
	req.Header.Set("Authorization", "DPoP "+h.token)
	req.Header.Set("DPoP", proof)
	req.Header.Set("nhn-source-system", "servicetest 1.0")
	return err
}
