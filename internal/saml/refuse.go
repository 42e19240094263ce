package saml

import (
	"errors"
	"fmt"

	"dokumentlager/internal/fault"
)

// The causes of refusals, for errors.Is: by them the SOAP door chooses the WS-Security fault (ErrMissing: none available; ErrSignature:
// failed authentication; ErrExpired: expired; the others: invalid token). Each is wrapped in a fault.Problem that a stranger may read.
// None ever holds what the assertion says of a person.
var (
	// ErrMissing: there is no security header, or no assertion in it.
	ErrMissing = errors.New("saml: no assertion")
	// ErrShape: the header is not the one shape that is taken.
	ErrShape = errors.New("saml: shape refused")
	// ErrSignature: the issuer is not known, or did not sign this.
	ErrSignature = errors.New("saml: not signed by a known issuer")
	// ErrConditions: it is not for us, or not now.
	ErrConditions = errors.New("saml: not valid here and now")
	// ErrExpired: it was valid once; a new one may help. It is an ErrConditions too.
	ErrExpired = fmt.Errorf("%w: expired", ErrConditions)
	// ErrContent: what it says of the caller cannot be read, or contradicts itself.
	ErrContent = errors.New("saml: contradictory or unreadable")
)

// refusal is why an assertion is not taken, on its way to becoming a fault.Problem.
type refusal struct {
	cause error
	safe  string
}

func refuse(cause error, safe string, args ...any) *refusal {
	return &refusal{cause, fmt.Sprintf(safe, args...)}
}

func malformed(safe string, args ...any) *refusal   { return refuse(ErrShape, safe, args...) }
func tooMuch(safe string, args ...any) *refusal     { return refuse(ErrShape, safe, args...) }
func unsigned(safe string, args ...any) *refusal    { return refuse(ErrSignature, safe, args...) }
func expired(safe string, args ...any) *refusal     { return refuse(ErrExpired, safe, args...) }
func outside(safe string, args ...any) *refusal     { return refuse(ErrConditions, safe, args...) }
func contradicts(safe string, args ...any) *refusal { return refuse(ErrContent, safe, args...) }

func (r *refusal) problem() *fault.Problem {
	return fault.New(fault.AssertionRefused, "%s", r.safe).By("X2").Because(r.cause)
}
