package saml

import (
	"slices"
	"strings"

	"github.com/beevik/etree"
)

// The names of algorithms that are taken. SHA-1, MD5, HMAC and every transform that could select or rewrite are not among them.
const (
	excC14N   = "http://www.w3.org/2001/10/xml-exc-c14n#"
	enveloped = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
)

var (
	signatureMethods = []string{
		"http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384", "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
		ecdsaPrefix + "256", ecdsaPrefix + "384", ecdsaPrefix + "512",
	}
	digestMethods = []string{
		"http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2001/04/xmldsig-more#sha384", "http://www.w3.org/2001/04/xmlenc#sha512",
	}
)

const ecdsaPrefix = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha"

// candidate is an assertion of the one shape that is taken, of which nothing is verified.
type candidate struct {
	assertion, method, value, certificate *etree.Element
	issuer, id                            string
}

// locate finds the one assertion: the only one in the header, child of the only Security, with the only Signature in the header as its
// own second child. So there is no second element that a signature, or a reader, could mean.
func locate(doc *etree.Document) (*candidate, *refusal) {
	header, security, why := securityOf(doc.Root())
	if why != nil {
		return nil, why
	}
	if why := census(header); why != nil {
		return nil, why
	}
	assertion := only(security, spaceSAML, "Assertion")
	if assertion == nil {
		return nil, refuse(ErrMissing, "The Security header holds no SAML 2.0 Assertion as its child; send exactly one.")
	}
	return shapeOf(assertion)
}

// securityOf takes an Envelope with its Header, a Header, or a Security that stands alone.
func securityOf(root *etree.Element) (header, security *etree.Element, why *refusal) {
	header = root
	if is(root, spaceSOAP, "Envelope") {
		if header = only(root, spaceSOAP, "Header"); header == nil {
			return nil, nil, refuse(ErrMissing, "The envelope has no Header, or several.")
		}
	}
	switch {
	case is(root, spaceWSSE, "Security"):
		return root, root, nil
	case !is(header, spaceSOAP, "Header"):
		return nil, nil, malformed("This is no SOAP 1.2 header.")
	case len(all(header, spaceWSSE, "Security")) > 1:
		return nil, nil, malformed("There are several Security headers; send exactly one.")
	}
	if security = only(header, spaceWSSE, "Security"); security == nil {
		return nil, nil, refuse(ErrMissing, "There is no Security header; every request needs one with a SAML 2.0 Assertion.")
	}
	return header, security, nil
}

// census counts what must not stand twice anywhere below the header.
func census(header *etree.Element) *refusal {
	assertions, signatures := 0, 0
	var ids []string
	pending := []*etree.Element{header}
	for len(pending) > 0 {
		el := pending[len(pending)-1]
		pending = append(pending[:len(pending)-1], el.ChildElements()...)
		switch el.Tag {
		case "Assertion", "EncryptedAssertion":
			assertions++
		case "Signature":
			signatures++
		}
		for _, a := range el.Attr {
			if isID(a) {
				ids = append(ids, a.Value)
			}
		}
	}
	slices.Sort(ids)
	switch {
	case assertions > 1:
		return malformed("The header holds several assertions; send exactly one, as a child of Security.")
	case signatures > 1:
		return malformed("The header holds several signatures; only the assertion is signed.")
	case len(slices.Compact(slices.Clone(ids))) < len(ids):
		return malformed("Two elements of the header have the same id.")
	}
	return nil
}

// isID takes ID, Id, id, wsu:Id and xml:id alike.
func isID(a etree.Attr) bool { return a.Space != "xmlns" && strings.EqualFold(a.Key, "id") }

// maxID bounds an assertion's ID, which audit keeps.
const maxID = 256

func shapeOf(assertion *etree.Element) (*candidate, *refusal) {
	children := assertion.ChildElements()
	if len(children) < 2 || !is(children[0], spaceSAML, "Issuer") || len(all(assertion, spaceSAML, "Issuer")) != 1 {
		return nil, malformed("The assertion must begin with its only Issuer.")
	}
	if !is(children[1], spaceDSig, "Signature") {
		return nil, unsigned("The assertion is not signed: its Signature must be its second child.")
	}
	c := &candidate{assertion: assertion, id: attr(assertion, "ID")}
	ids := slices.DeleteFunc(slices.Clone(assertion.Attr), func(a etree.Attr) bool { return !isID(a) })
	if !isNCName(c.id) || len(c.id) > maxID || len(ids) != 1 {
		return nil, malformed("The assertion must have one ID, of at most %d letters, digits, _ - and dots.", maxID)
	}
	issuer, ok := text(children[0])
	if !ok || issuer == "" {
		return nil, malformed("The assertion's Issuer must be text.")
	}
	c.issuer = issuer
	return c, c.signature(children[1])
}

// signature holds the Signature to the one shape there is of it: whatever else it might carry could tell another key, another
// algorithm or another element to a reader that looks.
func (c *candidate) signature(el *etree.Element) *refusal {
	if !family(el, spaceDSig, "SignedInfo", "SignatureValue", "KeyInfo") {
		return malformed("The Signature must be SignedInfo, SignatureValue and KeyInfo, and nothing else.")
	}
	parts := el.ChildElements()
	c.value = parts[1]
	if _, ok := text(c.value); !ok {
		return malformed("The SignatureValue must be text.")
	}
	if why := c.keyInfo(parts[2]); why != nil {
		return why
	}
	return c.signedInfo(parts[0])
}

func (c *candidate) keyInfo(el *etree.Element) *refusal {
	if family(el, spaceDSig, "X509Data") && family(el.ChildElements()[0], spaceDSig, "X509Certificate") {
		c.certificate = el.ChildElements()[0].ChildElements()[0]
		if _, ok := text(c.certificate); ok {
			return nil
		}
	}
	return malformed("The KeyInfo must be one X509Data with one X509Certificate, and nothing else.")
}

func (c *candidate) signedInfo(el *etree.Element) *refusal {
	if !family(el, spaceDSig, "CanonicalizationMethod", "SignatureMethod", "Reference") {
		return malformed("The SignedInfo must be CanonicalizationMethod, SignatureMethod and exactly one Reference.")
	}
	parts := el.ChildElements()
	if algorithm(parts[0]) != excC14N {
		return malformed("The canonicalization must be exclusive C14N without comments and without a prefix list.")
	}
	if c.method = parts[1]; !slices.Contains(signatureMethods, algorithm(c.method)) {
		return malformed("The signature method must be RSA (PKCS #1 v1.5) or ECDSA with SHA-256, SHA-384 or SHA-512.")
	}
	return c.reference(parts[2])
}

func (c *candidate) reference(el *etree.Element) *refusal {
	if !plain(el, "URI") || attr(el, "URI") != "#"+c.id {
		return malformed("The Reference must be to the assertion's ID, and have no other attributes.")
	}
	if !family(el, spaceDSig, "Transforms", "DigestMethod", "DigestValue") {
		return malformed("The Reference must be Transforms, DigestMethod and DigestValue.")
	}
	parts := el.ChildElements()
	if !family(parts[0], spaceDSig, "Transform", "Transform") {
		return malformed("The Reference must have exactly two transforms.")
	}
	transforms := parts[0].ChildElements()
	if algorithm(transforms[0]) != enveloped || !exclusive(transforms[1]) {
		return malformed("The transforms must be enveloped-signature and exclusive C14N without comments, in this order.")
	}
	if !slices.Contains(digestMethods, algorithm(parts[1])) {
		return malformed("The digest must be SHA-256, SHA-384 or SHA-512.")
	}
	if _, ok := text(parts[2]); !ok {
		return malformed("The DigestValue must be text.")
	}
	return nil
}

// algorithm is the name of an element that names one and says nothing else: parameters are refused.
func algorithm(el *etree.Element) string {
	if !plain(el, "Algorithm") || len(el.ChildElements()) > 0 || !bare(el) {
		return ""
	}
	return attr(el, "Algorithm")
}

// exclusive also takes the list of prefixes that OpenSAML writes: it only adds declarations to what is signed.
func exclusive(el *etree.Element) bool {
	if algorithm(el) == excC14N {
		return true
	}
	if !plain(el, "Algorithm") || attr(el, "Algorithm") != excC14N || !family(el, spaceExc, "InclusiveNamespaces") {
		return false
	}
	list := el.ChildElements()[0]
	return plain(list, "PrefixList") && len(list.Child) == 0
}
