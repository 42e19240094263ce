package sts

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// refusal is an OAuth error (RFC 6749 §5.2). HelseID answers 400 to all of them, to a wrong client too.
type refusal struct {
	code, description string
	// nonce is sent as DPoP-Nonce with use_dpop_nonce.
	nonce string
}

func (r *refusal) Error() string { return r.code + ": " + r.description }

func refuse(code, format string, args ...any) *refusal {
	return &refusal{code: code, description: fmt.Sprintf(format, args...)}
}

// answer writes JSON that no cache may keep (RFC 6749 §5.1).
func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, why *refusal) {
	s.log.InfoContext(r.Context(), "refused", "path", r.Pattern, "code", why.code)
	if why.nonce != "" {
		w.Header().Set("DPoP-Nonce", why.nonce)
	}
	answer(w, http.StatusBadRequest, map[string]string{"error": why.code, "error_description": why.description})
}

// discovery is the OpenID provider metadata that a client or API reads first.
func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer":                                s.issuer,
		"jwks_uri":                              s.JWKSEndpoint(),
		"token_endpoint":                        s.TokenEndpoint(),
		"grant_types_supported":                 []string{"client_credentials"},
		"scopes_supported":                      s.allScopes(),
		"token_endpoint_auth_methods_supported": []string{"private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": algorithmNames(),
		"dpop_signing_alg_values_supported":                algorithmNames(),
		"authorization_details_types_supported":            []string{authorizationType},
		"response_types_supported":                         []string{},
		"subject_types_supported":                          []string{"public"},
	})
}

func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"keys": []any{s.key.public}})
}

// allScopes are the scopes of all clients, each once, in order of first use.
func (s *Server) allScopes() []string {
	var all []string
	known := map[string]bool{}
	for _, client := range s.ordered {
		for _, scope := range client.Scopes {
			if !known[scope] {
				known[scope], all = true, append(all, scope)
			}
		}
	}
	return all
}
