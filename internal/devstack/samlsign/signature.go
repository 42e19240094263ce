package samlsign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha1" // for tests that must see it refused
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
)

// The algorithms' names.
const (
	RSASHA256 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"
	ExcC14N   = "http://www.w3.org/2001/10/xml-exc-c14n#"
	Enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
	SHA256    = "http://www.w3.org/2001/04/xmlenc#sha256"
)

// hashes are by the last part of an algorithm's name.
var hashes = map[string]crypto.Hash{"sha1": crypto.SHA1, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512}

// Signer writes Signature elements; its zero fields are filled with what the national issuers use.
type Signer struct {
	Key         crypto.Signer
	Certificate *x509.Certificate
	// Method, Digest and C14N are algorithms; Method is RSA or ECDSA with SHA-256 after the key by default.
	Method, Digest, C14N string
	// Transforms are whole elements, in canonical form.
	Transforms string
	// URI is the Reference's; "#" and the id by default, and "none" writes an empty one.
	URI string
	// References stand behind the Reference, KeyInfo replaces the element, Inside stands last within the Signature.
	References, KeyInfo, Inside string
}

// Sign puts a signature into the assertion.
func (s Signer) Sign(a Assertion) (string, error) {
	element, err := s.Element(a.ID, a.XML(""))
	if err != nil {
		return "", err
	}
	return a.XML(element), nil
}

// Element is the Signature of a canonical text that has this ID.
func (s Signer) Element(id, canonical string) (string, error) {
	s.fill(id)
	digest, err := hashed(s.Digest, canonical)
	if err != nil {
		return "", err
	}
	info := `<CanonicalizationMethod Algorithm="` + s.C14N + `"></CanonicalizationMethod><SignatureMethod Algorithm="` + s.Method + `"></SignatureMethod>` +
		`<Reference URI="` + s.URI + `"><Transforms>` + s.Transforms + `</Transforms><DigestMethod Algorithm="` + s.Digest + `"></DigestMethod>` +
		`<DigestValue>` + base64.StdEncoding.EncodeToString(digest) + `</DigestValue></Reference>` + s.References
	value, err := s.value(`<SignedInfo xmlns="http://www.w3.org/2000/09/xmldsig#">` + info + `</SignedInfo>`)
	if err != nil {
		return "", err
	}
	return `<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo>` + info + `</SignedInfo><SignatureValue>` +
		base64.StdEncoding.EncodeToString(value) + `</SignatureValue>` + s.KeyInfo + s.Inside + `</Signature>`, nil
}

func (s *Signer) fill(id string) {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	method := RSASHA256
	if _, elliptic := s.Key.(*ecdsa.PrivateKey); elliptic {
		method = strings.Replace(RSASHA256, "rsa-", "ecdsa-", 1)
	}
	set(&s.Method, method)
	set(&s.Digest, SHA256)
	set(&s.C14N, ExcC14N)
	set(&s.Transforms, Transform(Enveloped)+Transform(ExcC14N))
	set(&s.KeyInfo, KeyInfo(s.Certificate))
	if set(&s.URI, "#"+id); s.URI == "none" {
		s.URI = ""
	}
}

// Transform is the element, in canonical form.
func Transform(algorithm string) string {
	return `<Transform Algorithm="` + algorithm + `"></Transform>`
}

// KeyInfo is the element with certificates.
func KeyInfo(certificates ...*x509.Certificate) string {
	var b strings.Builder
	for _, c := range certificates {
		b.WriteString(`<X509Certificate>` + base64.StdEncoding.EncodeToString(c.Raw) + `</X509Certificate>`)
	}
	return `<KeyInfo><X509Data>` + b.String() + `</X509Data></KeyInfo>`
}

// value signs; ECDSA's two numbers stand one after the other, each as long as the order of the curve (RFC 4050).
func (s Signer) value(canonical string) ([]byte, error) {
	digest, err := hashed(s.Method, canonical)
	if err != nil {
		return nil, err
	}
	switch key := s.Key.(type) {
	case *rsa.PrivateKey:
		return rsa.SignPKCS1v15(rand.Reader, key, hashOf(s.Method), digest)
	case *ecdsa.PrivateKey:
		r, z, err := ecdsa.Sign(rand.Reader, key, digest)
		if err != nil {
			return nil, err
		}
		size := (key.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), z.FillBytes(make([]byte, size))...), nil
	default:
		return nil, errors.New("samlsign: the key is neither RSA nor ECDSA")
	}
}

func hashOf(algorithm string) crypto.Hash {
	return hashes[algorithm[strings.LastIndexAny(algorithm, "#-")+1:]]
}

func hashed(algorithm, text string) ([]byte, error) {
	hash := hashOf(algorithm)
	if hash == 0 {
		return nil, errors.New("samlsign: no known hash in the algorithm's name")
	}
	h := hash.New()
	h.Write([]byte(text))
	return h.Sum(nil), nil
}
