package sts

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
)

// maxTestRequest bounds a test token request in bytes.
const maxTestRequest = 1 << 20

// TestTokenRequest asks for a token that no real HelseID would give: personal tokens without a login, and wrong ones.
type TestTokenRequest struct {
	// Claims are laid over the defaults iss, iat, nbf, exp (in 60 s), jti and cnf.jkt; null removes a default.
	Claims map[string]json.RawMessage `json:"claims"`
	// JKT is the thumbprint of the DPoP key the token is bound to; empty leaves cnf out.
	JKT string `json:"jkt"`
	// Header is laid over alg, kid and typ in the same way. The signature is RS256 whatever it says.
	Header map[string]json.RawMessage `json:"header"`
}

// TestToken signs the token asked for.
func (s *Server) TestToken(request TestTokenRequest) (string, error) {
	claims := defaults(s.issuer, s.now())
	if request.JKT != "" {
		claims["cnf"] = map[string]string{"jkt": request.JKT}
	}
	header := s.key.header()
	overlay(claims, request.Claims)
	overlay(header, request.Header)
	return s.key.sign(header, claims)
}

func overlay(base map[string]any, over map[string]json.RawMessage) {
	for name, value := range over {
		if strings.TrimSpace(string(value)) == "null" {
			delete(base, name)
			continue
		}
		base[name] = value
	}
}

// testToken is /test/token.
func (s *Server) testToken(w http.ResponseWriter, r *http.Request) {
	var request TestTokenRequest
	if err := readJSON(w, r, &request); err != nil {
		s.refuse(w, r, refuse("invalid_request", `the body must be {"claims":{…},"jkt":"…","header":{…}}: %v`, err))
		return
	}
	signed, err := s.TestToken(request)
	if err != nil {
		s.refuse(w, r, refuse("invalid_request", "these claims cannot be signed: %v", err))
		return
	}
	answer(w, http.StatusOK, map[string]string{"access_token": signed})
}

// readJSON takes one JSON value with known fields: a misspelt field would give another token than the test means.
func readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTestRequest))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}
