package sts

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws"
)

const (
	// proofLife is how old a proof may be. The nonce is what makes it fresh, so a client's clock may be this far off.
	proofLife = time.Minute
	// nonceLife is how long a nonce is good.
	nonceLife = 5 * time.Minute
)

// proof is what a valid DPoP proof tells.
type proof struct{ thumbprint, id string }

// proofClaims are the claims of a proof (RFC 9449 §4.2).
type proofClaims struct {
	Method   string      `json:"htm"`
	Address  string      `json:"htu"`
	IssuedAt numericDate `json:"iat"`
	ID       string      `json:"jti"`
	Nonce    string      `json:"nonce"`
}

// dpopProof checks the request's proof (RFC 9449 §4.3), and asks for a nonce when it has none (§8).
func (s *Server) dpopProof(r *http.Request) (*proof, *refusal) {
	headers := r.Header.Values("DPoP")
	if len(headers) != 1 {
		return nil, refuse("invalid_dpop_proof", "there must be exactly one DPoP header, there are %d", len(headers))
	}
	thumb, payload, why := verifyProof(headers[0])
	if why != nil {
		return nil, why
	}
	var claims proofClaims
	if json.Unmarshal(payload, &claims) != nil {
		return nil, refuse("invalid_dpop_proof", "the DPoP proof's claims are malformed")
	}
	if why := s.checkProof(&claims); why != nil {
		return nil, why
	}
	return &proof{thumbprint: thumb, id: claims.ID}, nil
}

// verifyProof checks what stands in the header and the signature by the key that stands there.
func verifyProof(token string) (thumb string, payload []byte, why *refusal) {
	header, err := protectedHeader(token)
	if err != nil {
		return "", nil, refuse("invalid_dpop_proof", "the DPoP header is not a signed JWT")
	}
	if typ, _ := header.Type(); typ != "dpop+jwt" {
		return "", nil, refuse("invalid_dpop_proof", "the DPoP proof's typ must be dpop+jwt")
	}
	alg, _ := header.Algorithm()
	if !slices.Contains(algorithms(), alg) {
		return "", nil, refuse("invalid_dpop_proof", "the DPoP proof's alg is not one of %v", algorithmNames())
	}
	key, ok := header.JWK()
	if !ok || !isPublic(key) {
		return "", nil, refuse("invalid_dpop_proof", "the DPoP proof's jwk must be a public RSA or EC key")
	}
	if payload, err = jws.Verify([]byte(token), jws.WithKey(alg, key)); err != nil {
		return "", nil, refuse("invalid_dpop_proof", "the DPoP proof is not signed with its jwk")
	}
	if thumb, err = thumbprint(key); err != nil {
		return "", nil, refuse("invalid_dpop_proof", "the DPoP proof's jwk has no thumbprint")
	}
	return thumb, payload, nil
}

func (s *Server) checkProof(claims *proofClaims) *refusal {
	now := s.now()
	issued := claims.IssuedAt.time()
	switch {
	case claims.Method != http.MethodPost:
		return refuse("invalid_dpop_proof", "the DPoP proof's htm must be POST")
	case !sameAddress(claims.Address, s.TokenEndpoint()):
		return refuse("invalid_dpop_proof", "the DPoP proof's htu must be %s", s.TokenEndpoint())
	case issued.Before(now.Add(-proofLife)) || issued.After(now.Add(leeway)):
		return refuse("invalid_dpop_proof", "the DPoP proof's iat is not between %s ago and now", proofLife)
	case claims.ID == "" || len(claims.ID) > maxID:
		return refuse("invalid_dpop_proof", "the DPoP proof's jti is missing or longer than %d bytes", maxID)
	case !s.nonces.good(claims.Nonce, now):
		return &refusal{code: "use_dpop_nonce", description: "send a new DPoP proof with the nonce of the DPoP-Nonce header", nonce: s.nonces.issue(now)}
	}
	return nil
}

// sameAddress compares without query and fragment (RFC 9449 §4.3, 9).
func sameAddress(htu, want string) bool {
	u, err := url.Parse(htu)
	if err != nil {
		return false
	}
	u.RawQuery, u.ForceQuery, u.Fragment = "", false, ""
	return u.String() == want
}

// nonces are time stamps under a MAC: nothing is stored, and those of an earlier process are no good.
type nonces struct{ key [32]byte }

func (n *nonces) issue(now time.Time) string {
	stamp := binary.BigEndian.AppendUint64(nil, uint64(now.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(stamp, n.mac(stamp)...))
}

func (n *nonces) good(nonce string, now time.Time) bool {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != 8+sha256.Size || !hmac.Equal(raw[8:], n.mac(raw[:8])) {
		return false
	}
	age := now.Sub(time.Unix(int64(binary.BigEndian.Uint64(raw)), 0))
	return age >= -leeway && age <= nonceLife
}

func (n *nonces) mac(stamp []byte) []byte {
	mac := hmac.New(sha256.New, n.key[:])
	mac.Write(stamp)
	return mac.Sum(nil)
}

// seen remembers ids until they could not be used again anyway.
type seen struct {
	mu    sync.Mutex
	until map[string]time.Time
}

func newSeen() *seen { return &seen{until: map[string]time.Time{}} }

// first reports whether an id is new, and remembers it.
func (s *seen) first(id string, until, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, used := s.until[id]; used {
		return false
	}
	for old, end := range s.until {
		if now.After(end.Add(leeway)) {
			delete(s.until, old)
		}
	}
	s.until[id] = until
	return true
}
