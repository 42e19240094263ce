package helseid

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"github.com/lestrrat-go/jwx/v3/jws"

	"dokumentlager/internal/fault"
)

// The sizes an RSA key may have, in bits: HelseID's profile asks for 2048, and above 8192 a stranger's key only costs time.
const (
	minRSA = 2048
	maxRSA = 8192
)

// algorithmNames are the signature algorithms that are taken, in the order of the challenge (HelseID's security profile).
func algorithmNames() []string {
	return []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
}

// algorithmOf is the only way from a header's alg to a verifier: `none`, HMAC and everything unknown end here.
func algorithmOf(name string) (jwa.SignatureAlgorithm, bool) {
	if slices.Contains(algorithmNames(), name) {
		return jwa.LookupSignatureAlgorithm(name)
	}
	return jwa.EmptySignatureAlgorithm(), false
}

// signed is a compact JWS that is well-formed and of the right type; its payload means nothing before verify.
type signed struct {
	code   fault.Code
	part   string
	raw    []byte
	alg    jwa.SignatureAlgorithm
	header object
}

// parse reads the header strictly. The types, and crit and b64 that change what a signature means, are settled here, since
// jwx does not look at typ (go.md §6).
func parse(code fault.Code, part, raw string, types ...string) (signed, error) {
	s := signed{code: code, part: part, raw: []byte(raw)}
	segments := strings.Split(raw, ".")
	if len(segments) != 3 {
		return s, s.refused("%s is not a signed JWT of three parts.", part)
	}
	var header []byte
	for i, segment := range segments {
		bytes, err := base64.RawURLEncoding.Strict().DecodeString(segment)
		if err != nil || strings.ContainsAny(segment, "\r\n") {
			return s, s.refused("%s is not base64url.", part)
		}
		if i == 0 {
			header = bytes
		}
	}
	s.header = readObject(code, part+"'s header", header)
	typ, alg := s.header.need("typ"), s.header.need("alg")
	if err := s.header.err(); err != nil {
		return s, err
	}
	// Not in the return statement: checkHeader sets s.alg, and Go leaves the order of operands open.
	err := s.checkHeader(typ, alg, types)
	return s, err
}

func (s *signed) checkHeader(typ, alg string, types []string) error {
	known, listed := algorithmOf(alg)
	switch {
	case !slices.Contains(types, typ):
		return s.refused("%s's typ must be %s.", s.part, types[0])
	case !listed:
		return s.refused("%s's alg is not one of %s.", s.part, strings.Join(algorithmNames(), ", "))
	case s.header.has("crit") || s.header.has("b64"):
		return s.refused("%s's header asks for extensions that are not understood here.", s.part)
	}
	s.alg = known
	return nil
}

func (s signed) refused(safe string, args ...any) *fault.Problem {
	return fault.New(s.code, safe, args...).By("W1")
}

// verify gives the payload when the signature is right by a key that fits the algorithm.
func (s signed) verify(key crypto.PublicKey) (object, error) {
	if err := fits(s.alg.String(), key); err != nil {
		return object{}, s.refused("%s's key does not fit: %s.", s.part, err)
	}
	payload, err := jws.VerifyCompactFast(key, s.raw, s.alg)
	if err != nil {
		return object{}, s.refused("%s's signature is not right.", s.part).Because(err)
	}
	o := readObject(s.code, s.part, payload)
	return o, o.err()
}

// fits ties an algorithm to its kind of key and, for ES, to its curve (RFC 7518 §3.4), which jwx leaves open. Its texts are safe.
func fits(alg string, key crypto.PublicKey) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if alg[:2] != "RS" && alg[:2] != "PS" {
			return errors.New("an RSA key signs with RS or PS algorithms")
		}
	case *ecdsa.PublicKey:
		curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[alg]
		if key.Curve != curve {
			return errors.New("an EC key signs with the ES algorithm of its curve")
		}
	default:
		return errors.New("it must be RSA or EC")
	}
	return nil
}

// publicKey reads a JWK that has to be a public RSA or EC key of sound size, and gives its RFC 7638 thumbprint (base64url,
// SHA-256). URLs and certificates in it are never followed. Its error texts are safe.
func publicKey(data object, raw []byte) (equaler, string, error) {
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if data.has(private) {
			return nil, "", errors.New("it holds private or symmetric parts; send only the public key, and replace this one")
		}
	}
	if kty := data.text("kty"); kty != "RSA" && kty != "EC" {
		return nil, "", errors.New("it must be RSA or EC")
	}
	parsed, err := jwk.ParseKey(raw)
	if err != nil {
		return nil, "", errNotKey
	}
	var exported any
	if err := jwk.Export(parsed, &exported); err != nil {
		return nil, "", errNotKey
	}
	key, ok := exported.(equaler)
	if !ok {
		return nil, "", errNotKey
	}
	if err := sound(key); err != nil {
		return nil, "", err
	}
	print, err := parsed.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, "", errors.New("it has no thumbprint")
	}
	return key, base64.RawURLEncoding.EncodeToString(print), nil
}

// errNotKey says the whole of what is taken: jwx refuses several of these while it parses, without saying which.
var errNotKey = fmt.Errorf("it must be a complete RSA key of %d to %d bits, or an EC key with a point on P-256, P-384 or P-521", minRSA, maxRSA)

// sound refuses weak, monstrous and invalid keys.
func sound(key any) error {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSA || bits > maxRSA {
			return errNotKey
		}
		if key.E < 3 || key.E%2 == 0 || key.N.Bit(0) == 0 {
			return errNotKey
		}
	case *ecdsa.PublicKey:
		// ECDH knows P-256, P-384 and P-521 only and refuses points that are not on the curve.
		if _, err := key.ECDH(); err != nil {
			return errNotKey
		}
	default:
		return errors.New("it must be RSA or EC")
	}
	return nil
}
