package helseid

import (
	"errors"
	"strings"

	"dokumentlager/internal/fault"
)

// Challenge is the value of WWW-Authenticate for an error of Verify (RFC 6750 §3, RFC 9449 §7.1), and empty for errors
// that no other token or proof would mend. A request without credentials is told the algorithms only.
func Challenge(err error) string {
	lead := fault.Of(err).Leading()
	if lead == nil {
		return ""
	}
	kind := ""
	switch lead.Code {
	case fault.TokenRefused:
		kind = "invalid_token"
	case fault.ProofRefused:
		kind = "invalid_dpop_proof"
	case fault.ScopeMissing:
		kind = "insufficient_scope"
	default:
		return ""
	}
	algs := `algs="` + strings.Join(algorithmNames(), " ") + `"`
	if errors.Is(err, errNoCredentials) {
		return "DPoP " + algs
	}
	return `DPoP error="` + kind + `", error_description="` + headerText(lead.Safe) + `", ` + algs
}

// headerText keeps the characters that error_description may hold (RFC 6750 §3), so no text can break out of its quotes.
func headerText(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '"' || r == '\\' || r == '`':
			return '\''
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, s)
}
